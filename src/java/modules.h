/* java/modules.h - which module a package belongs to, and where the boot loader's classes are. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_MODULES_H
#define JAVA_MODULES_H

#include "java/class.h"

struct class *load_class_or_not_found(struct thread *, struct symbol *name, struct loader *);

/* Under no lock. NULL: there are no modules yet. */
struct object *module_of_package(struct vm *, struct loader *, struct symbol *package);

/* JVM_DefineModule's part of it: package P of loader L is MODULE's. False: it is another's. */
bool module_add_package(struct vm *, struct loader *, struct symbol *p, struct object *module);

void module_set_unnamed(struct vm *, struct loader *, struct object *module);

/* The bytes of a class of the boot loader. */
const u8 *boot_bytes(struct vm *, const struct symbol *name, u64 *size);

#endif

/* java/boot.h - making a VM. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_BOOT_H
#define JAVA_BOOT_H

#include "java/vm.h"

/* NULL: it said why on stderr. No thread is attached yet. */
struct vm *boot_vm(const struct options *, const char *home);

/* On the first thread. False: an exception is pending, or it said why. */
bool boot_library(struct thread *);

bool thread_make_java(struct thread *, struct object *group, const char *name);

/* options.c: what a JNI_CreateJavaVM got; 0 or JNI's error. */
struct vm_args;
int options_parse(struct options *, const struct vm_args *, const char *home);

#endif

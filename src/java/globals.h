/* java/globals.h - JNI's global references, strong and weak: slots whose address, with a tag in
 * its low bits, is the reference. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_GLOBALS_H
#define JAVA_GLOBALS_H

#include "java/roots.h"

enum { TAG_LOCAL, TAG_GLOBAL, TAG_WEAK };

void *global_new(struct vm *, struct object *, bool weak);
void  global_delete(struct vm *, void *);
void  globals_visit(struct vm *, visit_fn, void *ctx);
void  globals_sweep(struct vm *, bool (*live)(struct vm *, struct object *));

#endif

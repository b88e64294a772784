/* java/roots.h - what the collector asks the rest of the VM for. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_ROOTS_H
#define JAVA_ROOTS_H

#include "java/vm.h"

typedef void (*visit_fn)(void *ctx, struct object *);

void modules_visit(struct loader *, visit_fn, void *ctx);
void cells_visit(struct vm *, visit_fn, void *ctx);

#endif

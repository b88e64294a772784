/* java/natives.h - tables of native methods that are the VM's own; see natives.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_NATIVES_H
#define JAVA_NATIVES_H

#include "java/vm.h"

extern const struct native_row unsafe_rows[], method_handle_rows[], method_handle_only_rows[],
    scoped_rows[], perf_rows[];

union value of_object(struct object *);
union value of_int(i32);
union value of_long(i64);
void array_copy(struct thread *, struct object *from, i32 at, struct object *to, i32 into, i32 n);

#endif

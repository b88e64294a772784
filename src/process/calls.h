/* process/calls.h - the functions that rows of syscall.def name: -errno or the result. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESS_CALLS_H
#define PROCESS_CALLS_H

#include "process/process.h"

#define PASS(nr, name, args, restarts)
#define CALL(nr, name, args, restarts) long sys_##name(struct thread *, const u64 *a);
#include "process/syscall.def"
#undef PASS
#undef CALL

/* A pointer of the program's as the host's kernel takes it; NULL stays NULL. What is no address
 * of the program's becomes one that nobody has, for which the kernel says EFAULT. */
static inline u64 host_pointer(const struct thread *t, gva addr)
{
    return !addr ? 0 : addr < USER_LIMIT ? (u64)user_host(t, addr) : 1ull << 63;
}

#endif

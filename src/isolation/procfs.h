/* isolation/procfs.h - the host's /proc, known to be one, and files written through it.
 *
 * A root can have anything at /proc: a runtime that writes to a path there may write to a file
 * of the attacker's choice. Here a descriptor is opened before any root is entered, and asked
 * whether it is procfs; each write is checked again on its own descriptor. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ISOLATION_PROCFS_H
#define ISOLATION_PROCFS_H

#include <sys/types.h>

#include "base/err.h"

int procfs_open(int *fd, struct err *err);

/* FILE below /proc: "self/oom_score_adj", "sys/net/ipv4/ip_forward". No links but "self". */
int procfs_write(int proc_fd, const char *file, const char *text, struct err *err);

/* When PID started, in ticks since boot, and its state's letter; -ENOENT: it is gone. */
int procfs_start(int proc_fd, pid_t pid, u64 *ticks, char *state);

#endif

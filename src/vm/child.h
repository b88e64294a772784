/* vm/child.h - a process that is what an instance consists of: its input and output are the
 * instance's console, its end is the instance's. Loop thread only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VM_CHILD_H
#define VM_CHILD_H

#include <sys/types.h>

#include "vm/instance.h"

struct child {
    struct instance *inst;
    pid_t            pid;         /* 0: none */
    int           pidfd, in, out; /* in: what it reads from us, -1: nothing; a terminal is both */
    struct watch *ended, *says, *room;
};

void child_init(struct child *, struct instance *);

/* ENDS: what the process shall have as input and output, for the caller to close; -1 on failure. A
 * terminal where the spec wants one, else pipes. */
int child_open(struct child *, int ends[2], struct err *err);
int child_pipes(struct child *, int ends[2], struct err *err);
/* A terminal that somebody else has made; owns FD. */
int child_terminal(struct child *, int fd, struct err *err);

void child_connect(struct child *); /* what is typed goes to it from now on */
/* PID, a child of ours, runs: its output goes to the console, its end ends the instance. */
int  child_watch(struct child *, pid_t pid, struct err *err);
bool child_drain(struct child *); /* takes what it has said; false: it says no more */
void child_done(struct child *);  /* of what is half made too; the process is left alone */

#endif

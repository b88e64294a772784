/* process/lockstep.h - interpreter and translator side by side over one program (--lockstep). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESS_LOCKSTEP_H
#define PROCESS_LOCKSTEP_H

#include <stdio.h>

#include "process/process.h"

enum { LOCKSTEP_SHOWN = 24 }; /* the instructions before a difference that are told */

/* In place of the hart's run(): ends the process, with a report, at the first difference. */
void           lockstep_run(struct thread *, struct vcpu_exit *);
_Noreturn void lockstep_refuse(const char *why);

/* --- comparing: lockstep_state.c --- */

struct lockstep_state {
    u64                 count; /* of the instructions that led to it */
    gva                 pc;
    u64                 x[32], f[32];
    u32                 fcsr;
    struct rv64_vectors vectors; /* all zero: never used */
};
void lockstep_state(struct thread *, u64 count, struct lockstep_state *out);

/* REF and TRY, after the same instructions, each with the process whose memory belongs to it (0:
 * this one). TELL: says on stderr what differs. */
bool lockstep_differ(struct thread *, const struct lockstep_state *ref, pid_t ref_pid,
                     const struct lockstep_state *try, pid_t try_pid, bool tell);

/* A mapping of the program's that it may write to; false: there is no other. */
struct lockstep_range {
    u8  *start;
    u64  len;
    bool shared;
};
bool lockstep_next(FILE *maps, const struct mm *, struct lockstep_range *out);

#endif

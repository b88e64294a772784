/* vm/clock.h - what time it is. Nothing above this line asks the host for the time.
 *
 * A clock counts nanoseconds of machine time since the machine was created; it stands still
 * while the machine is paused. Two ways to keep it: clock_host follows the host's monotonic
 * clock; a virtual one (later) is the sum of what timing models charge. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VM_CLOCK_H
#define VM_CLOCK_H

#include "base/err.h"
#include "base/loop.h"

struct clock;

/* Embedded in whoever wants to be called. Fill fire and ctx, keep the rest zero. */
struct timer {
    void (*fire)(void *ctx); /* on the loop thread, no clock lock held */
    void *ctx;
    u64   at_ns;
    u32   slot; /* the clock's: its place in the heap plus 1; 0: not armed */
};

/* A clock that follows the host. It starts paused, at START_NS. Without a loop it only tells the
 * time: nothing fires. */
int  clock_host_create(struct clock **out, struct loop *, u64 start_ns, struct err *err);
void clock_destroy(struct clock *); /* NULL is fine; timers still armed are forgotten */

u64  clock_now(const struct clock *);                      /* ns; any thread */
void clock_arm(struct clock *, struct timer *, u64 at_ns); /* any thread; re-arms; past: soon */
void clock_disarm(struct clock *, struct timer *);         /* any thread */
void clock_pause(struct clock *);                          /* loop thread */
void clock_resume(struct clock *);                         /* loop thread */

/* Wall-clock time of the guest, in ns since 1970: for real-time clocks. Any thread. */
u64 clock_wall(const struct clock *);

/* Wall-clock time of the host, for records such as "created at"; never for a guest. */
u64 clock_host_wall(void);

/* The host's monotonic clock itself, for deadlines of waits that the host times. */
u64 clock_host_monotonic(void);

#endif

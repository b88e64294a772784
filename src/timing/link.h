/* timing/link.h - one direction of a cable: a rate, a delay, and what goes wrong on the way. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_LINK_H
#define TIMING_LINK_H

#include "base/err.h"

struct link {
    u64    delay_ns, jitter_ns; /* the delay is spread by up to as much, to both sides */
    u64    rate;                /* bits a second; 0: as fast as it goes */
    double loss, reorder;       /* parts of all frames: lost; not delayed, so ahead of others */
    u64    random, busy_ns, last_ns; /* the link's own: zero but for the seed */
};

enum { LINK_LOST = 0 }; /* no frame arrives at time 0 */

/* When a frame of BYTES that is sent at NOW arrives, or LINK_LOST. */
u64 link_until(struct link *, u64 now, u64 bytes);

/* Reads one of delay=TIME, jitter=TIME, rate=BITS, loss=PART, reorder=PART, seed=N; times as 10ms,
 * 250us, 1s; bits as 10M, 1G; parts as 0.01 or 1%. */
int link_option(struct link *, const char *key, const char *value, struct err *err);

#endif

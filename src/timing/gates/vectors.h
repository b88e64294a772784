/* timing/gates/vectors.h - what a circuit's inputs do, from a file, and how it is run by that.
 *
 *   clock NAME PERIOD [FIRST]   0, and 1 from FIRST (PERIOD / 2) on for half of each PERIOD
 *   TIME NAME=BITS ...          inputs from then on: 0, 1, x, z; the highest bit first
 *   end TIME                    goes on until then; else to the last event
 *
 * Times are ps, in ascending order. # begins a comment. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_GATES_VECTORS_H
#define TIMING_GATES_VECTORS_H

#include "timing/gates/gates.h"

struct vectors;

int  vectors_read(struct vectors **out, const struct gates *, const char *path, struct err *err);
void vectors_free(struct vectors *); /* NULL is fine */
void vectors_run(const struct vectors *, struct gates *);

/* BITS of PORT as text: "01x"; room for port->bits + 1. */
void gates_text(const struct gates *, const struct gates_port *, char *out);

/* Writes all named signals as a value change dump (IEEE 1364, 18) for as long as it is open. */
struct vcd;
int  vcd_open(struct vcd **out, const struct gates *, const char *path, struct err *err);
void vcd_change(struct vcd *, u64 time, u32 net, enum logic);
int  vcd_close(struct vcd *, u64 time, struct err *err); /* -EIO and the like: it is not whole */

#endif

/* timing/gates/gates.h - circuits of gates that take their time.
 *
 * Signals are 0, 1, X (unknown) and Z (nobody drives). A gate's output follows after its delay;
 * what does not last as long as that is lost (inertial), unless the circuit is told to be of wire
 * (transport). Time counts picoseconds from 0. The same inputs give the same events. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_GATES_GATES_H
#define TIMING_GATES_GATES_H

#include "base/err.h"

enum logic { LOGIC_0, LOGIC_1, LOGIC_X, LOGIC_Z };

struct gates;

/* A netlist in Yosys' JSON (write_json) of its gate library; its top module, or its only one. */
int  gates_read(struct gates **out, const char *path, struct err *err);
void gates_destroy(struct gates *); /* NULL is fine */

/* A table: a line "CELL RISE FALL [SETUP HOLD]" in ps for a kind of cell; `*` for all others, which
 * else take 1 ps. Before the first step. */
int gates_delays(struct gates *, const char *path, struct err *err);

const char *gates_name(const struct gates *);

/* Ports, in the order of the netlist: bit 0 is the lowest. */
struct gates_port {
    const char *name;
    bool        output;
    u32         bits;
    const u32  *nets;
};
const struct gates_port *gates_port(const struct gates *, u32 n); /* NULL: there are no more */
const struct gates_port *gates_find(const struct gates *, const char *name);

/* Every named signal, for who watches; NULL: there are no more. */
const struct gates_port *gates_signal(const struct gates *, u32 n);

enum logic gates_value(const struct gates *, u32 net);

/* From outside: an input from TIME on, which has not passed. */
void gates_set(struct gates *, u64 time, u32 net, enum logic);

/* Goes on until UNTIL (included), or to the end of all events: ~0. */
void gates_run(struct gates *, u64 until);
u64  gates_now(const struct gates *);

/* Called after each moment in which something changed, with what did. */
struct gates_watch {
    void (*changed)(void *ctx, u32 net,
                    enum logic);         /* each net that has another value; NULL: none */
    void (*moment)(void *ctx, u64 time); /* after them */
    void *ctx;
};
void gates_watch(struct gates *, const struct gates_watch *);

struct gates_counts {
    u64 cells, nets, events; /* events: changes of a cell's output */
    u64 violations;          /* of set-up and hold times */
    u64 toggled;             /* nets that have been both 0 and 1 */
};
void gates_counts(const struct gates *, struct gates_counts *out);

#endif

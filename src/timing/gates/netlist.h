/* timing/gates/netlist.h - a circuit as it lies in memory: what reads one fills it, sim.c runs it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_GATES_NETLIST_H
#define TIMING_GATES_NETLIST_H

#include "timing/gates/gates.h"

enum { PINS = 4, ROWS_MAX = 32 };
#define NET_NONE (~0u)
/* INPUT: what comes from outside drives the net by it. */
enum cell_kind { CELL_LOGIC, CELL_TRI, CELL_FLIP_FLOP, CELL_LATCH, CELL_INPUT };

/* What a flip-flop or latch has, and which level of it counts: bits of `has` and `high`. */
enum { HAS_CLOCK = 1, HAS_ENABLE = 2, HAS_RESET = 4, RESET_SYNC = 8, ENABLE_FIRST = 16 };
/* The pins of these: in[PIN_D] ... of a cell. */
enum { PIN_D, PIN_C, PIN_E, PIN_R };

/* What each event touches stands in front, in one line of the host's cache. */
struct cell {
    u8   kind;       /* enum cell_kind */
    u8   type;       /* LOGIC: the row of cells.def */
    u8   in;         /* the inputs' values, two bits each: pin 0 lowest */
    u8   value;      /* of the output, as driven */
    u8   next;       /* what is scheduled */
    bool scheduled;  /* in the wheel, or in the heap (slot NO_SLOT) */
    bool dirty;      /* an input has changed in this moment */
    bool lone;       /* nobody else drives the net */
    u32  rise, fall; /* ps */
    u32  out;
    u32  after, before; /* of the same slot, +1; 0: none */
    u16  slot, serial;  /* serial: of the heap's entry that counts */

    u8  pins; /* used of net[] */
    u8  has, high, reset_value;
    u32 net[PINS];
    u32 setup, hold;           /* ps */
    u32 rank;                  /* of its kind, for delays: into kinds */
    u32 beside;                /* another that drives the same net, +1; 0: none */
    u64 clocked, data_changed; /* times + 1, for set-up and hold; 0: never */
};

struct fanout {
    u32 cell;
    u8  pin;
};

struct net {
    u32  input;            /* the cell of kind INPUT, +1; 0: none */
    u32  first, n;         /* in fanouts */
    u32  drivers, last;    /* cells that drive it: how many, and the last of them, +1 */
    u8   value, was, seen; /* seen: bit 0 and 1 for having been 0 and 1 */
    bool noted;
};

struct later {
    u64 time;
    u32 cell;
    u16 serial;
};

enum { WHEEL = 2048, NO_SLOT = 0xffff };

struct gates {
    char              *name;
    u8                 logic[ROWS_MAX][256]; /* of a row of cells.def, by the inputs' values */
    struct cell       *cells;
    struct net        *nets;
    struct fanout     *fanouts;
    u32                n_cells, n_nets, cells_room, nets_room;
    struct gates_port *ports, *signals;
    u32                n_ports, n_signals;
    char             **kinds; /* names of the kinds of cells that there are */
    u32                n_kinds;

    /* sim.c: cells whose outputs change in the next WHEEL ps, by time; those later in a heap */
    u32                slots[WHEEL], tails[WHEEL]; /* cells, +1 */
    u64                full[WHEEL / 64];
    struct later      *heap;
    u32                n_heap, heap_room;
    u64                now;
    bool               begun;
    u32               *changed; /* nets, in this moment */
    u32                n_changed;
    u32               *dirty; /* cells */
    u32                n_dirty;
    struct gates_watch watch;
    u64                n_done, n_violations;
};

/* netlist.c */
struct gates *netlist_new(const char *name);
u32           netlist_net(struct gates *);
int           netlist_cell(struct gates *, const char *type, struct cell **out, struct err *err);
/* The place of a pin in net[], or -1: no input of it. */
int  netlist_pin(const struct cell *, char pin);
char netlist_output(const struct cell *);
int  netlist_finish(struct gates *, struct err *err);

/* The cell by which the net is driven from outside: made when there is none. Before finish. */
void netlist_input(struct gates *, u32 net);

/* yosys.c */
int yosys_read(struct gates **out, const char *path, struct err *err);

#endif

/* machine/board.h - a board: where memory and devices are, what its CPUs are, how it boots.
 *
 * One const struct each, a row in boards.c. Life cycle, threads, virtio devices, snapshots and
 * the console are the same for all. A NULL hook is something the board does not have. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MACHINE_BOARD_H
#define MACHINE_BOARD_H

#include "base/err.h"
#include "base/snapshot.h"
#include "memory/bus.h"
#include "vm/stats.h"
#include "vm/vcpu.h"

struct hart;
struct machine;
struct pci_layout;
struct spec;
struct virtio;

/* Where it has room for what is plugged in. */
struct sockets {
    u64         base; /* of the virtio-mmio slots, 4 KiB each */
    unsigned    slots;
    bool        empty; /* slots without a device are there too */
    const char *bus;   /* where a device goes that does not say: "pci", "mmio" */
    int (*wire)(struct machine *, unsigned slot, struct irq *out, struct err *);
    int (*filled)(struct machine *, unsigned slot, struct virtio *, struct err *); /* may be NULL */
    int (*pci)(struct machine *, struct pci_layout *out, struct err *); /* NULL: no such bridge */
};

typedef void board_spy(void *ctx, const struct vcpu *, const char *kind, u64 addr, unsigned width,
                       bool write);

struct board {
    const char        *name;
    const char *const *engines; /* NULL-terminated; no other board has one of the same name */
    u64                memory_min;
    struct sockets     sockets;

    int (*look)(struct machine *, struct err *);  /* what must be known before build */
    int (*build)(struct machine *, struct err *); /* RAM, harts, devices */
    int (*load)(struct machine *, struct err *);  /* what it boots into RAM; again at each reset */
    void (*unplug)(struct machine *);             /* before its devices go */
    void (*destroy)(struct machine *);            /* after its devices; also when half built */

    /* Of one hart. */
    void (*reset)(struct hart *); /* to the state before its first instruction; parked */
    void (*begin)(struct hart *); /* as START_PENDING says; on its thread, m->lock held */
    void (*left)(struct hart *, const struct vcpu_exit *); /* run() wants a decision; its thread */
    void (*stats)(struct hart *, struct stats *);
    struct bus *(*ports)(struct machine *); /* a second bus, of ports; may be NULL */

    /* Tells why harts came out of guest code; before they run. */
    void (*watch)(struct machine *, board_spy *, void *ctx);

    int (*engine)(struct machine *, const char *name, struct err *); /* parked */
    int (*save)(struct machine *, struct snap *, struct err *);      /* harts, and its own state */
    int (*restore)(struct machine *, struct snap *, struct err *);   /* RAM is there already */

    bool debugs, traces; /* the gdb stub and traces of instructions know its harts */
};

extern const struct board board_virt, board_pc;

/* The board that SPEC's machine or engine names; without either the first. */
int board_find(const struct board **out, const struct spec *, struct err *err);

#endif

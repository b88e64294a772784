/* machine/state.h - a machine's own state, shared by the files of this folder only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MACHINE_STATE_H
#define MACHINE_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "device/fdt.h"
#include "machine/board.h"
#include "memory/bus.h"
#include "memory/ram.h"
#include "vm/instance.h"
#include "vm/kind.h"
#include "vm/spec.h"
#include "vm/vcpu.h"

enum { HARTS_MAX = 8 };

/* What a hart does, as SBI's HSM extension sees it (SBI 2.0, 9.1). */
enum hart_state { HART_STARTED, HART_STOPPED, HART_START_PENDING, HART_SUSPENDED };

struct machine;
struct virtio; /* device/virtio/virtio.h */

/* One hart and its thread. */
struct hart {
    struct machine *m;
    struct vcpu    *vcpu;
    pthread_t       thread;
    bool            has_thread;

    /* under m->lock */
    enum hart_state state;
    u64             start_pc, start_arg; /* START_PENDING: where and with what in a1 */
    bool            parked;              /* its thread stands still */
    bool            held;                /* the debugger runs another one alone */
};

/* What the harts' threads shall do. */
enum wish { WISH_PARK, WISH_RUN, WISH_QUIT };

enum firmware { FIRMWARE_BUILTIN, FIRMWARE_NONE, FIRMWARE_FILE };

/* Where things were loaded; the harts start from it. */
struct entry {
    gva pc;
    u64 fdt;     /* gpa of the device tree */
    u64 dynamic; /* gpa of OpenSBI's fw_dynamic_info; 0: none */
};

/* What is plugged into the board, by a name for the user: "disk0". The transports own it. */
struct plugged {
    char           name[16];
    struct virtio *dev;
};
enum { PLUGGED_MAX = 48 };

struct machine {
    struct instance     instance; /* first */
    const struct board *board;
    struct ram         *ram;
    struct bus         *bus;
    struct fdt          fdt;
    struct device      *plic, *clint, *uart;
    enum firmware       firmware;
    bool                jit; /* the engine */
    struct entry        entry;
    u64                 tohost;           /* gpa of HTIF's word; 0: none */
    bool                workload_is_disk; /* then it is the first disk */
    struct plugged      plugged[PLUGGED_MAX];
    unsigned            n_plugged;
    unsigned            n_slots; /* of virtio-mmio, that are there */
    struct pc          *pc;      /* the board's own state, if it is that one */
    struct hart         harts[HARTS_MAX];
    unsigned            n_harts;
    struct watcher     *watcher; /* looks for a kernel's last words */
    struct stopper     *stopper; /* asks a kernel to end */
    struct tracing     *tracing;
    struct gdb         *gdb;

    pthread_mutex_t lock; /* guards the following and the harts' states */
    pthread_cond_t  changed;
    enum wish       wish;
    unsigned        n_parked;
    bool            resetting;
};

static inline struct machine *to_machine(struct instance *i)
{
    return container_of(i, struct machine, instance);
}

/* virt.c: the board of riscv64 */
#define DRAM_BASE 0x80000000ull
struct board_chosen { /* what the loader tells in /chosen */
    const char *bootargs;
    gpa         initrd_start, initrd_end;
    u32         seed[16];
};
int virt_describe(struct machine *, const struct board_chosen *, u32 *size, struct err *err);

/* Is a virtio-console what hears what is typed? Else the UART does. */
static inline bool has_virtio_console(const struct machine *m)
{
    const char *console = m->instance.spec->console;
    return console && strcmp(console, "virtio") == 0;
}

/* plugged.c: disks, networks, folders; after the board's own devices */
int  plugged_build(struct machine *, struct err *err);
void plugged_stats(struct machine *, struct stats *);

/* probe.c: what the workload is */
void machine_probe(const struct spec *, struct probe *out);

/* boot.c */
char *command_line(const struct spec *);            /* of a kernel; the caller frees */
int   boot_load(struct machine *, struct err *err); /* firmware, kernel, initrd, device tree */

/* harts.c: their threads */
int  harts_start(struct machine *, struct err *err); /* parked */
void harts_park(struct machine *); /* and wait until all stand still; not on a hart's thread */
void harts_halt(struct machine *); /* park, without waiting: from any thread */
void harts_run(struct machine *);
void harts_hold(struct machine *, int but); /* all but this one, or none (-1); all parked */
void harts_quit(struct machine *);          /* and join */
void harts_reset(struct machine *); /* to the state before the first instruction; all parked */

/* machine.c */
void machine_off(void *machine, int status); /* what a board's power switches call */
void machine_restart(void *machine);
void machine_ended(struct machine *, int status, const char *why); /* as instance_exited; and the
                                                                      harts stand still */
void machine_reset_now(void *machine);                             /* on the loop thread */
void machine_reset_soon(struct machine *);       /* on the loop thread; from any */
void machine_hit_break(struct hart *, gva addr); /* on the hart's thread */

/* sbi.c: answers an environment call from S mode; on the hart's thread. */
void sbi_call(struct hart *);

/* tracing.c */
int  tracing_start(struct machine *, struct err *err); /* as the spec's trace asks */
void tracing_stop(struct machine *);
void tracing_sbi(struct machine *, const struct hart *, u64 extension, u64 function,
                 const u64 *args, i64 result);

/* stopper.c: a machine is asked to end in good order */
struct stopper *stopper_create(struct machine *);
void            stopper_destroy(struct stopper *);              /* NULL is fine */
int             stopper_ask(struct stopper *, struct err *err); /* -ENOTSUP: nobody would hear it */
void stopper_saw(struct machine *, const char *line); /* the guest printed it; any thread */

/* watcher.c: reads along what the guest prints, for a kernel's last words */
struct watcher *watcher_create(struct machine *);
void            watcher_destroy(struct watcher *);                        /* NULL is fine */
bool            watcher_panicked(struct watcher *, char words[160]);      /* "": no */
void            watcher_saw(void *watcher, const void *data, size_t len); /* any thread */

#endif

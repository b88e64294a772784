/* vm/instance.h - one virtual machine, as every kind and the monitor see it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VM_INSTANCE_H
#define VM_INSTANCE_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/loop.h"
#include "vm/console.h"
#include "vm/life.h"

struct kind;
struct spec;
struct clock;
struct snap;

struct instance {
    const struct kind *kind;
    const struct spec *spec;
    struct loop       *loop;
    struct clock      *clock;   /* paused and resumed by the monitor, around the kind's hooks */
    struct console    *console; /* what it prints and reads */
    const char        *dir;     /* its state folder: for sockets and scratch files of the kind */
    enum life          life;
    bool               restoring;     /* a load follows create: the workload's files may be gone */
    atomic_bool        exiting;       /* instance_exited was called */
    int                exit_status;   /* valid when STOPPED */
    char               exit_why[160]; /* "" or one line: "kernel panic", "power off" */

    void (*on_exit)(struct instance *); /* the monitor's; on the loop thread */
};

/* The machine has ended. STATUS is 0..255, as a shell sees it. WHY may be NULL. Any thread; the
 * first call counts. The monitor hears of it on the loop thread. */
void instance_exited(struct instance *, int status, const char *why);

/* The monitor's side: each checks vm/life.c, calls the kind's hook, and keeps the clock. On the
 * loop thread. A verb that the kind does not offer is -ENOTSUP. */
struct instance *instance_new(const struct kind *, const struct spec *);
int              instance_create(struct instance *, struct err *);
int              instance_load(struct instance *, struct snap *, struct err *);
int              instance_start(struct instance *, struct err *);
int              instance_pause(struct instance *, struct err *);
int              instance_engine(struct instance *, const char *name, struct err *); /* any life */
int              instance_resume(struct instance *, struct err *);
int              instance_save(struct instance *, struct snap *, struct err *);
int              instance_stop(struct instance *, struct err *);
int              instance_kill(struct instance *, int signal, struct err *);
void             instance_destroy(struct instance *); /* NULL is fine */

#endif

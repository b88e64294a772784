/* vm/kind.h - a kind of virtual machine: one const struct per backend.
 *
 * Each machine has a monitor process of its own. All hooks run on its loop thread, in an order
 * that vm/life.c has checked: a kind never tests the state. A NULL hook is a verb it does not
 * offer. Waiting and SIGKILL need no hook: they act on the monitor process. Hooks never block
 * for long: the loop serves the control socket. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VM_KIND_H
#define VM_KIND_H

#include "base/snapshot.h"
#include "vm/instance.h"
#include "vm/spec.h"
#include "vm/stats.h"

/* What a kind says of a workload. */
struct probe {
    int         score;    /* 0 not mine .. 100 surely mine */
    char        why[160]; /* in words: "ELF 64-bit RISC-V, statically linked" */
    const char *engine;   /* the engine it would choose, or was told to use */
    char        engine_why[160];
};

struct kind {
    const char        *name, *summary;
    const char *const *engines; /* NULL-terminated */
    size_t             size;    /* of its own struct, which begins with struct instance */
    void (*probe)(const struct spec *,
                  struct probe *out);               /* reads the file's bytes, runs nothing */
    int (*create)(struct instance *, struct err *); /* instance->spec is filled */
    int (*start)(struct instance *, struct err *);  /* ends, some day, in instance_exited() */
    int (*pause)(struct instance *, struct err *);
    int (*resume)(struct instance *, struct err *);
    int (*stop)(struct instance *, struct err *); /* ask it to end in good order */
    int (*kill)(struct instance *, int signal, struct err *);
    int (*save)(struct instance *, struct snap *, struct err *); /* paused only */
    int (*load)(struct instance *, struct snap *,
                struct err *); /* after create, instead of start */
    int (*engine)(struct instance *, const char *name, struct err *); /* goes on by this one */
    void (*stats)(struct instance *, struct stats *);
    void (*destroy)(struct instance *); /* also when half created */
};

#endif

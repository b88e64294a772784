/* vm/vcpu.h - whatever executes guest code: interpreter, translator, KVM.
 *
 * run() deals with RAM and devices itself (memory/ram.h, memory/bus.h), so it comes back only
 * for what needs a decision. Registers may be touched only outside run(). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VM_VCPU_H
#define VM_VCPU_H

#include "base/err.h"
#include "base/snapshot.h"

struct ram;
struct bus;
struct clock;

enum vcpu_why {
    VCPU_BUDGET,  /* the budget is used up */
    VCPU_KICKED,  /* somebody called kick() */
    VCPU_IDLE,    /* waits for an interrupt (WFI); arg: clock time to wake at, ~0: no timer */
    VCPU_SYSCALL, /* an environment call that the owner asked to see; arg: the mode, 0 U, 1 S */
    VCPU_BREAK,   /* a breakpoint or watchpoint of the debugger; arg: its address */
    VCPU_FAULT,   /* a program's exception; arg: the cause, addr: of what */
    VCPU_OFF,     /* cannot go on: it asked to stop */
};

struct vcpu_exit {
    enum vcpu_why why;
    gva           pc;
    u64           arg;
    gva           addr;
};

struct vcpu;

struct vcpu_ops {
    const char *name;
    int (*run)(struct vcpu *, u64 budget,
               struct vcpu_exit *);                        /* budget in instructions, 0 = none */
    void (*kick)(struct vcpu *);                           /* any thread */
    void (*irq)(struct vcpu *, unsigned line, bool level); /* any thread */
    int (*get)(struct vcpu *, unsigned reg, u64 *val);     /* -ENOENT: no such register */
    int (*set)(struct vcpu *, unsigned reg, u64 val);
    void (*forget)(struct vcpu *, gpa start, u64 len); /* code there has changed */
    void (*destroy)(struct vcpu *);
};

struct vcpu {
    const struct vcpu_ops *ops;
    struct ram            *ram;
    struct bus            *bus;
    struct clock          *clock;
    unsigned               id;
};

#endif

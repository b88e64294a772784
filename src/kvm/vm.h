/* kvm/vm.h - a virtual machine's own state, shared by the files of this folder only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_VM_H
#define KVM_VM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

#include "kvm/host.h"
#include "kvm/kvm.h"

enum { KVM_CPUS_MAX = 64, KVM_GSIS = 24, KVM_CPUID_MAX = 100, KVM_EXITS = 64 };

struct cpuid_table {
    u32                     nent, padding;
    struct kvm_cpuid_entry2 entries[KVM_CPUID_MAX];
};
_Static_assert(offsetof(struct cpuid_table, entries) == sizeof(struct kvm_cpuid2), "as KVM has it");

/* A pin of the IOAPIC and the eventfd that pulses it. */
struct kvm_pin {
    int            fd; /* -1: not wired */
    atomic_bool    level;
    struct kvm_vm *vm;
};

struct kvm_vm {
    struct kvm_host    host;
    struct ram        *ram;
    struct bus        *bus, *ports;
    struct clock      *clock;
    int                sys, fd;
    unsigned           cpus, slots;
    int                map_error;
    u64                run_bytes; /* of a vCPU's struct kvm_run */
    const char        *model;
    struct cpuid_table cpuid; /* of CPU 0 */
    struct kvm_pin     pins[KVM_GSIS];
    struct kvm_chips  *pristine; /* as KVM made them */
    kvm_spy           *spy;
    void              *spy_ctx;
};

struct kvm_vcpu {
    struct vcpu     vcpu; /* first */
    struct kvm_vm  *vm;
    int             fd;
    struct kvm_run *run;

    pthread_t   thread; /* valid while inside */
    atomic_bool inside, kicked;
    bool        off;
    char        words[96]; /* why it is off */

    struct kvm_state *pristine; /* as KVM made it */
    bool              touched;  /* it may be otherwise by now */

    u64 exits[KVM_EXITS], runs; /* by its thread; read by any */
};

static inline struct kvm_vcpu *to_kvm(const struct vcpu *v)
{
    return container_of(v, struct kvm_vcpu, vcpu);
}

static inline int kvm_call(const struct kvm_vm *vm, int fd, u64 request, u64 arg)
{
    return vm->host.call(vm->host.ctx, fd, request, arg);
}

/* A system call that fails says which. */
static inline int kvm_must(const struct kvm_vm *vm, int fd, u64 request, const void *arg,
                           const char *what, struct err *err)
{
    int rc = kvm_call(vm, fd, request, (u64)(uintptr_t)arg);
    return rc < 0 ? err_errno(err, -rc, "KVM: %s", what) : 0;
}

/* exits.c: does what the guest asked for. False: run() has to come back, *exit says why. */
bool kvm_handle(struct kvm_vcpu *, struct vcpu_exit *exit);

/* x86/cpuid.c */
int kvm_cpuid_read(struct kvm_vm *, struct err *err); /* fills vm->cpuid */
int kvm_cpuid_apply(struct kvm_vcpu *, struct err *err);

/* x86/state.c: what KVM made is kept, and set again at resets */
struct kvm_state;
struct kvm_chips;
int kvm_state_keep(struct kvm_vcpu *, struct err *err);
int kvm_state_again(struct kvm_vcpu *, struct err *err);
int kvm_chips_keep(struct kvm_vm *, struct err *err);

/* x86/regs.c */
int kvm_reg_get(struct vcpu *, unsigned reg, u64 *val);
int kvm_reg_set(struct vcpu *, unsigned reg, u64 val);

#endif

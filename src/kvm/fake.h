/* kvm/fake.h - a KVM of our own behind struct kvm_host, for tests and the fuzzer: it remembers
 * what it was told, and KVM_RUN comes back with what a script says. Included by tests only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_FAKE_H
#define KVM_FAKE_H

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/alloc.h"
#include "kvm/host.h"

enum { FAKE_SYS = 1000, FAKE_VM, FAKE_CPU0, FAKE_RUN_BYTES = 8192, FAKE_SLOTS = 8 };

struct fake {
    /* what it shall do */
    int  version;
    long lacks;                                  /* this capability; 0: none */
    u64  fails;                                  /* this request, with -ENOSPC; 0: none */
    int (*run)(struct fake *, struct kvm_run *); /* one KVM_RUN: 0 or -errno */
    void *ctx;

    /* what it was told */
    struct kvm_userspace_memory_region slots[FAKE_SLOTS];
    unsigned                           n_slots, open, runs;
    struct kvm_irqfd                   irqfds[32];
    unsigned                           n_irqfds;
    struct kvm_ioeventfd               bells[32];
    unsigned                           n_bells;
    struct kvm_regs                    regs;
    struct kvm_sregs                   sregs;
    struct kvm_mp_state                mp;
    struct kvm_msi                     msi;
    struct kvm_cpuid_entry2            cpuid[100];
    u32                                n_cpuid;
    u8                                *shared;
};

static inline int fake_open(void *ctx)
{
    struct fake *f = ctx;
    f->open++;
    return FAKE_SYS;
}

static inline void fake_close(void *ctx, int fd)
{
    struct fake *f = ctx;
    (void)fd;
    f->open--;
}

static inline void *fake_map(void *ctx, int fd, u64 len)
{
    struct fake *f = ctx;
    (void)fd;
    f->shared = xalloc(len);
    return f->shared;
}

static inline void fake_unmap(void *ctx, void *at, u64 len)
{
    (void)ctx;
    (void)len;
    free(at);
}

static inline int fake_cpuid(struct fake *f, struct kvm_cpuid2 *out)
{
    static const struct kvm_cpuid_entry2 all[] = {
        {.function = 0, .eax = 0xd},
        {.function = 1, .ecx = 0xffffffff & ~(1u << 24), .edx = 0xffffffff},
        {.function = 4, .index = 0, .flags = 1, .eax = 0x121},
        {.function = 7, .flags = 1, .ebx = 0xffffffff, .ecx = 0xffffffff, .edx = 0xffffffff},
        {.function = 0xb, .index = 0, .flags = 1},
        {.function = 0xb, .index = 1, .flags = 1},
        {.function = 0x80000001, .ecx = 0xffffffff, .edx = 0xffffffff},
        {.function = 0x80000008, .eax = 0x3028},
    };
    (void)f;
    if (out->nent < ARRAY_SIZE(all))
        return -E2BIG;
    out->nent = ARRAY_SIZE(all);
    memcpy(out->entries, all, sizeof(all));
    return 0;
}

static inline int fake_set_cpuid(struct fake *f, const struct kvm_cpuid2 *in)
{
    f->n_cpuid = in->nent;
    memcpy(f->cpuid, in->entries, MIN(in->nent, 100u) * sizeof(in->entries[0]));
    return 0;
}

static inline int fake_msrs(struct kvm_msr_list *list)
{
    list->nmsrs = 0;
    return 0;
}

/* Copies a struct to or from what the fake keeps of it. */
#define FAKE_GET(f, m, p) (memcpy((p), &(f)->m, sizeof((f)->m)), 0)
#define FAKE_SET(f, m, p) (memcpy(&(f)->m, (p), sizeof((f)->m)), 0)

static inline int fake_call(void *ctx, int fd, u64 request, u64 arg)
{
    struct fake *f = ctx;
    void        *p = (void *)(uintptr_t)arg;
    (void)fd;
    if (f->fails && request == f->fails)
        return -ENOSPC;
    switch (request) {
    case KVM_GET_API_VERSION:
        return f->version ? f->version : KVM_API_VERSION;
    case KVM_CHECK_EXTENSION:
        return (long)arg == f->lacks && f->lacks ? 0 : arg == KVM_CAP_MAX_VCPUS ? 8 : 1;
    case KVM_CREATE_VM:
        f->open++;
        return FAKE_VM;
    case KVM_CREATE_VCPU:
        f->open++;
        return FAKE_CPU0 + (int)arg;
    case KVM_GET_VCPU_MMAP_SIZE:
        return FAKE_RUN_BYTES;
    case KVM_SET_USER_MEMORY_REGION:
        assert(f->n_slots < FAKE_SLOTS);
        return FAKE_SET(f, slots[f->n_slots++], p);
    case KVM_IRQFD:
        return FAKE_SET(f, irqfds[f->n_irqfds++], p);
    case KVM_IOEVENTFD:
        return FAKE_SET(f, bells[f->n_bells++], p);
    case KVM_SIGNAL_MSI:
        return FAKE_SET(f, msi, p);
    case KVM_GET_SUPPORTED_CPUID:
        return fake_cpuid(f, p);
    case KVM_SET_CPUID2:
        return fake_set_cpuid(f, p);
    case KVM_GET_MSR_INDEX_LIST:
        return fake_msrs(p);
    case KVM_GET_REGS:
        return FAKE_GET(f, regs, p);
    case KVM_SET_REGS:
        return FAKE_SET(f, regs, p);
    case KVM_GET_SREGS:
        return FAKE_GET(f, sregs, p);
    case KVM_SET_SREGS:
        return FAKE_SET(f, sregs, p);
    case KVM_SET_MP_STATE:
        return FAKE_SET(f, mp, p);
    case KVM_RUN:
        f->runs++;
        return f->run ? f->run(f, (struct kvm_run *)f->shared) : -EINTR;
    default:
        return 0; /* it has no more to remember */
    }
}

static inline struct kvm_host fake_host(struct fake *f)
{
    return (struct kvm_host){fake_open, fake_call, fake_map, fake_unmap, fake_close, f};
}

#endif

/* kvm/x86/cpuid.c - which CPU the guest sees.
 *
 * What KVM can give, cut down by the model's row. A snapshot travels between hosts that can both
 * give its model: `baseline` is what every x86-64-v2 CPU of both makers has, so that all hosts
 * of the last fifteen years agree. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kvm/vm.h"

enum { EAX, EBX, ECX, EDX };

/* Bits that a model keeps of one register of a leaf; a leaf without a row is kept whole, unless
 * the model drops what has none. */
struct keep {
    u32 leaf, subleaf;
    u8  reg;
    u32 bits;
};

#define B(n) (1u << (n))

/* x86-64-v2 (System V ABI for x86-64, 3.1.1), and what a kernel wants of its platform. */
static const struct keep baseline[] = {
    /* SSE3 PCLMUL SSSE3 CX16 SSE4.1 SSE4.2 X2APIC POPCNT TSC-deadline AES XSAVE hypervisor */
    {1, 0, ECX,
     B(0) | B(1) | B(9) | B(13) | B(19) | B(20) | B(21) | B(23) | B(24) | B(25) | B(26) | B(31)},
    {1, 0, EDX, 0x178bfbff | B(28)},
    {6, 0, EAX, B(2)}, /* ARAT */
    {6, 0, ECX, 0},
    {7, 0, EBX, B(0) | B(7) | B(9)}, /* FSGSBASE SMEP ERMS */
    {7, 0, ECX, 0},
    {7, 0, EDX, 0},
    {7, 1, EAX, 0},
    {0xd, 0, EAX, 3}, /* x87 and SSE only */
    {0xd, 0, EDX, 0},
    {0xd, 1, EAX, 0},
    {0x80000001, 0, ECX, B(0)},                                  /* LAHF */
    {0x80000001, 0, EDX, B(11) | B(20) | B(26) | B(27) | B(29)}, /* SYSCALL NX 1G RDTSCP LM */
    {0x80000007, 0, EDX, 0},
    {0x80000008, 0, EBX, 0},
};

static const struct model {
    const char        *name;
    const struct keep *keep;
    unsigned           n;
} models[] = {{"host", NULL, 0}, {"baseline", baseline, ARRAY_SIZE(baseline)}};

static const struct model *find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(models); i++)
        if (!strcmp(models[i].name, name))
            return &models[i];
    return NULL;
}

bool kvm_cpu_model_ok(const char *name)
{
    return find(name) != NULL;
}

const char *kvm_cpu_models(void)
{
    return "host, baseline";
}

static u32 *reg_of(struct kvm_cpuid_entry2 *e, unsigned reg)
{
    u32 *regs[] = {[EAX] = &e->eax, [EBX] = &e->ebx, [ECX] = &e->ecx, [EDX] = &e->edx};
    return regs[reg];
}

static void cut(struct kvm_cpuid_entry2 *e, const struct model *m)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->keep[i].leaf == e->function && m->keep[i].subleaf == e->index)
            *reg_of(e, m->keep[i].reg) &= m->keep[i].bits;
}

/* The number of bits that CPU numbers below N take. */
static u32 bits_for(u32 n)
{
    u32 bits = 0;
    while ((1u << bits) < n)
        bits++;
    return bits;
}

/* One package, a core a CPU, no threads (SDM 2A, CPUID: leaves 1, 4, 0xb, 0x1f). */
static void set_topology(struct kvm_cpuid_entry2 *e, u32 cpus)
{
    u32 shift = bits_for(cpus);
    switch (e->function) {
    case 1:
        e->ebx = (e->ebx & 0xff00) | cpus << 16; /* CLFLUSH keeps its size; APIC ids come later */
        e->edx = cpus > 1 ? e->edx | B(28) : e->edx & ~B(28);
        break;
    case 4:
        e->eax = (e->eax & 0x3fff) | ((1u << shift) - 1) << 26;
        break;
    case 0xb:
    case 0x1f: /* level 0: threads; 1: cores */
        e->eax = e->index == 1 ? shift : 0;
        e->ebx = e->index == 0 ? 1 : e->index == 1 ? cpus : 0;
        e->ecx = e->index | (e->index < 2 ? (e->index + 1) << 8 : 0);
        break;
    case 0x80000008:
        e->ecx = (cpus - 1) | shift << 12;
        break;
    }
}

static void set_features(const struct kvm_vm *vm, struct kvm_cpuid_entry2 *e)
{
    if (e->function != 1)
        return;
    e->ecx |= B(31); /* a hypervisor */
    if (kvm_call(vm, vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
        e->ecx |= B(24); /* the in-kernel APIC has it, KVM leaves saying so to us */
}

int kvm_cpuid_read(struct kvm_vm *vm, struct err *err)
{
    const struct model *m = find(vm->model);
    if (!m)
        return err_set(err, EINVAL, "no CPU '%s'; there are: %s", vm->model, kvm_cpu_models());
    vm->cpuid = (struct cpuid_table){.nent = KVM_CPUID_MAX};
    int rc    = kvm_must(vm, vm->sys, KVM_GET_SUPPORTED_CPUID, &vm->cpuid, "read CPUID", err);
    if (rc)
        return rc;
    vm->cpuid.nent = MIN(vm->cpuid.nent, (u32)KVM_CPUID_MAX);
    for (u32 i = 0; i < vm->cpuid.nent; i++) {
        set_features(vm, &vm->cpuid.entries[i]);
        set_topology(&vm->cpuid.entries[i], vm->cpus);
        cut(&vm->cpuid.entries[i], m);
    }
    return 0;
}

int kvm_cpuid_apply(struct kvm_vcpu *k, struct err *err)
{
    struct cpuid_table own = k->vm->cpuid;
    u32                id  = k->vcpu.id;
    for (u32 i = 0; i < own.nent; i++) {
        struct kvm_cpuid_entry2 *e = &own.entries[i];
        if (e->function == 1)
            e->ebx |= id << 24;
        else if (e->function == 0xb || e->function == 0x1f)
            e->edx = id;
    }
    return kvm_must(k->vm, k->fd, KVM_SET_CPUID2, &own, "set CPUID", err);
}

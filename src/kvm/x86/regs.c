/* kvm/x86/regs.c - registers of an x86-64 vCPU by number, and the states it can begin in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kvm/vm.h"

/* Intel SDM volume 3, 2.5 and 2.2.1 */
enum { CR0_PE = 1, CR0_ET = 1 << 4, CR0_NE = 1 << 5, CR0_WP = 1 << 16, CR0_PG = 1u << 31 };
enum { CR4_PAE = 1 << 5 };
enum { EFER_LME = 1 << 8, EFER_LMA = 1 << 10 };
enum { FLAGS_ONE = 2 };

/* --- by number --- */

#define REG(m) offsetof(struct kvm_regs, m)
static const u16 general[] = {
    [KVM_REG_RAX] = REG(rax),    [KVM_REG_RBX] = REG(rbx),    [KVM_REG_RCX] = REG(rcx),
    [KVM_REG_RDX] = REG(rdx),    [KVM_REG_RSI] = REG(rsi),    [KVM_REG_RDI] = REG(rdi),
    [KVM_REG_RBP] = REG(rbp),    [KVM_REG_RSP] = REG(rsp),    [KVM_REG_R8] = REG(r8),
    [KVM_REG_R8 + 1] = REG(r9),  [KVM_REG_R8 + 2] = REG(r10), [KVM_REG_R8 + 3] = REG(r11),
    [KVM_REG_R8 + 4] = REG(r12), [KVM_REG_R8 + 5] = REG(r13), [KVM_REG_R8 + 6] = REG(r14),
    [KVM_REG_R8 + 7] = REG(r15), [KVM_REG_RIP] = REG(rip),    [KVM_REG_RFLAGS] = REG(rflags),
};
#undef REG

int kvm_reg_get(struct vcpu *v, unsigned reg, u64 *val)
{
    struct kvm_vcpu *k = to_kvm(v);
    struct kvm_regs  regs;
    if (reg >= ARRAY_SIZE(general))
        return -ENOENT;
    int rc = kvm_call(k->vm, k->fd, KVM_GET_REGS, (u64)(uintptr_t)&regs);
    if (rc < 0)
        return rc;
    memcpy(val, (u8 *)&regs + general[reg], sizeof(*val));
    return 0;
}

int kvm_reg_set(struct vcpu *v, unsigned reg, u64 val)
{
    struct kvm_vcpu *k = to_kvm(v);
    struct kvm_regs  regs;
    if (reg >= ARRAY_SIZE(general))
        return -ENOENT;
    int rc = kvm_call(k->vm, k->fd, KVM_GET_REGS, (u64)(uintptr_t)&regs);
    if (rc < 0)
        return rc;
    memcpy((u8 *)&regs + general[reg], &val, sizeof(val));
    return MIN(kvm_call(k->vm, k->fd, KVM_SET_REGS, (u64)(uintptr_t)&regs), 0);
}

/* --- how it begins --- */

/* A flat segment as it stands in the board's GDT (KVM_GDT). */
static struct kvm_segment flat(u16 selector, u8 type, bool is_long)
{
    bool code = type & 8;
    return (struct kvm_segment){.limit    = 0xffffffff,
                                .selector = selector,
                                .type     = type,
                                .present  = 1,
                                .s        = 1,
                                .g        = 1,
                                .l        = code && is_long,
                                .db       = !(code && is_long)};
}

static void set_flat(struct kvm_sregs *s, bool is_long)
{
    s->cs = flat(KVM_CS, 0xb, is_long);
    s->ds = s->es = s->fs = s->gs = s->ss = flat(KVM_DS, 3, is_long);
    s->gdt.base                           = KVM_GDT;
    s->gdt.limit                          = KVM_GDT_BYTES - 1;
    s->idt.base                           = 0;
    s->idt.limit                          = 0;
    s->cr0                                = CR0_PE | CR0_ET | CR0_NE;
}

static void set_mode(struct kvm_sregs *s, const struct kvm_start *start)
{
    if (start->mode == KVM_REAL) {
        s->cs.base     = 0;
        s->cs.selector = 0;
        return;
    }
    set_flat(s, start->mode == KVM_LONG);
    if (start->mode == KVM_LONG) {
        s->cr0 |= CR0_PG | CR0_WP;
        s->cr3  = start->cr3;
        s->cr4  = CR4_PAE;
        s->efer = EFER_LME | EFER_LMA;
    }
}

static int begin(struct kvm_vcpu *k, u32 mp_state, struct err *err)
{
    struct kvm_mp_state mp = {mp_state};
    int                 rc = kvm_state_again(k, err);
    if (!rc)
        rc = kvm_must(k->vm, k->fd, KVM_SET_MP_STATE, &mp, "start a CPU", err);
    k->off      = false;
    k->words[0] = 0;
    return rc;
}

int kvm_vcpu_start(struct vcpu *v, const struct kvm_start *start, struct err *err)
{
    struct kvm_vcpu *k    = to_kvm(v);
    struct kvm_regs  regs = {.rip    = start->pc,
                             .rsp    = start->sp,
                             .rbx    = start->rbx,
                             .rsi    = start->rsi,
                             .rflags = FLAGS_ONE};
    struct kvm_sregs sregs;
    int              rc = begin(k, KVM_MP_STATE_RUNNABLE, err);
    if (!rc)
        rc = kvm_must(k->vm, k->fd, KVM_GET_SREGS, &sregs, "read registers", err);
    if (rc)
        return rc;
    set_mode(&sregs, start);
    rc = kvm_must(k->vm, k->fd, KVM_SET_SREGS, &sregs, "set registers", err);
    return rc ? rc : kvm_must(k->vm, k->fd, KVM_SET_REGS, &regs, "set registers", err);
}

int kvm_vcpu_wait(struct vcpu *v, struct err *err)
{
    return begin(to_kvm(v), KVM_MP_STATE_UNINITIALIZED, err);
}

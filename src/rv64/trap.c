/* rv64/trap.c - traps, interrupts, and the instructions that are about them (Volume II, 3 and 10).
 *
 * mip may be changed by any thread; everything else here is the hart's own thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/hart.h"

#include <string.h>

void rv64_views_changed(struct rv64_hart *h)
{
    unsigned mode = h->mode;
    if (mode == RV64_M && (h->mstatus & MSTATUS_MPRV))
        mode = (unsigned)(h->mstatus >> 11 & 3);
    enum tlb_view view = mode == RV64_M             ? VIEW_M
                         : mode == RV64_U           ? VIEW_U
                         : h->mstatus & MSTATUS_SUM ? VIEW_S_SUM
                                                    : VIEW_S;
    h->tlb             = view == VIEW_M ? &h->tlb_m : &h->space->tlbs[view];
    h->jumps           = h->jump_tables[h->mode];
}

void rv64_set_mode(struct rv64_hart *h, unsigned mode)
{
    h->mode = (u8)mode;
    rv64_views_changed(h);
}

/* Where a trap goes: direct, or by cause for interrupts when the vector says so. */
static gva handler(u64 tvec, u64 cause)
{
    gva base = tvec & ~3ull;
    return tvec & 1 && cause & CAUSE_INTERRUPT ? base + 4 * (cause & 63) : base;
}

static void trap_to_s(struct rv64_hart *h, u64 cause, u64 tval)
{
    h->scause  = cause;
    h->sepc    = h->pc;
    h->stval   = tval;
    u64 sie    = h->mstatus & MSTATUS_SIE;
    h->mstatus = (h->mstatus & ~(MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_SIE)) |
                 (sie ? MSTATUS_SPIE : 0) | (h->mode == RV64_S ? MSTATUS_SPP : 0);
    h->pc = handler(h->stvec, cause);
    rv64_set_mode(h, RV64_S);
}

static void trap_to_m(struct rv64_hart *h, u64 cause, u64 tval)
{
    h->mcause  = cause;
    h->mepc    = h->pc;
    h->mtval   = tval;
    u64 mie    = h->mstatus & MSTATUS_MIE;
    h->mstatus = (h->mstatus & ~(MSTATUS_MPIE | MSTATUS_MPP | MSTATUS_MIE)) |
                 (mie ? MSTATUS_MPIE : 0) | (u64)h->mode << 11;
    h->pc = handler(h->mtvec, cause);
    rv64_set_mode(h, RV64_M);
}

/* A trap costs one of the budget, as an instruction does: a handler that traps at once retires
 * nothing, for ever. */
static void charge(struct rv64_hart *h)
{
    unsigned long long was = h->budget_end;
    if (was == ~0ull || was == 0)
        return;
    h->budget_end--;
    atomic_compare_exchange_strong(&h->limit, &was, h->budget_end);
}

void rv64_trap(struct rv64_hart *h, u64 cause, u64 tval)
{
    charge(h);
    u64 deleg = cause & CAUSE_INTERRUPT ? h->mideleg : h->medeleg;
    if (cause & CAUSE_INTERRUPT)
        count_add(&h->n_interrupts, 1);
    else
        count_add(&h->n_traps, 1);
    if (unlikely(h->tracer && h->tracer->trap))
        h->tracer->trap(h->tracer->ctx, &h->vcpu, cause, h->pc, tval);
    h->reserved = ~0ull;
    if (h->config.user) {
        *h->exit = (struct vcpu_exit){VCPU_FAULT, h->pc, cause, tval};
        return;
    }
    if (h->mode <= RV64_S && deleg >> (cause & 63) & 1)
        trap_to_s(h, cause, tval);
    else
        trap_to_m(h, cause, tval);
}

/* Highest first: Volume II, 3.1.9. */
static const u8 priority[] = {RV64_MEIP, RV64_MSIP, RV64_MTIP, RV64_SEIP, RV64_SSIP, RV64_STIP};

bool rv64_take_interrupt(struct rv64_hart *h)
{
    u64 due = rv64_mip(h) & h->mie;
    if (!due)
        return false;
    u64 to_m = due & ~h->mideleg, to_s = due & h->mideleg;
    if (!(h->mode < RV64_M || h->mstatus & MSTATUS_MIE))
        to_m = 0;
    if (!(h->mode < RV64_S || (h->mode == RV64_S && h->mstatus & MSTATUS_SIE)))
        to_s = 0;
    u64 take = to_m ? to_m : to_s;
    for (unsigned i = 0; take && i < ARRAY_SIZE(priority); i++)
        if (take >> priority[i] & 1) {
            rv64_trap(h, CAUSE_INTERRUPT | priority[i], 0);
            return true;
        }
    return false;
}

bool rv64_wants_wakeup(struct rv64_hart *h)
{
    return rv64_mip(h) & h->mie;
}

void rv64_update_stimer(struct rv64_hart *h)
{
    if (!(h->menvcfg & ENVCFG_STCE))
        return;
    if (rv64_time(h) >= h->stimecmp) {
        atomic_fetch_or(&h->mip, 1ull << RV64_STIP);
        atomic_store(&h->limit, 0);
        return;
    }
    atomic_fetch_and(&h->mip, ~(1ull << RV64_STIP));
    u64 ns_per_tick = 1000000000u / RV64_TIMEBASE_HZ;
    if (h->stimecmp < UINT64_MAX / ns_per_tick)
        clock_arm(h->vcpu.clock, &h->stimer, h->stimecmp * ns_per_tick);
    else
        clock_disarm(h->vcpu.clock, &h->stimer);
}

bool rv64_illegal(struct rv64_hart *h, u32 word)
{
    rv64_trap(h, CAUSE_ILLEGAL, word);
    return false;
}

bool rv64_fp_on(struct rv64_hart *h)
{
    if (h->fs == 0)
        return false;
    h->fs = 3;
    return true;
}

bool rv64_ecall(struct rv64_hart *h)
{
    if (h->config.user || (h->mode == RV64_S && h->config.sbi)) {
        *h->exit = (struct vcpu_exit){VCPU_SYSCALL, h->pc, h->mode, 0};
        return false;
    }
    rv64_trap(h, h->mode == RV64_M ? CAUSE_ECALL_M : CAUSE_ECALL_U + h->mode, 0);
    return false;
}

bool rv64_ebreak(struct rv64_hart *h)
{
    rv64_trap(h, CAUSE_BREAKPOINT, h->pc);
    return false;
}

/* After a return or a write that may have uncovered an interrupt. */
static void look_again(struct rv64_hart *h)
{
    if (rv64_mip(h) & h->mie)
        atomic_store(&h->limit, 0);
}

bool rv64_mret(struct rv64_hart *h, u32 word)
{
    if (h->mode != RV64_M)
        return rv64_illegal(h, word);
    unsigned to = (unsigned)(h->mstatus >> 11 & 3);
    u64      s  = h->mstatus & ~(MSTATUS_MIE | MSTATUS_MPIE | MSTATUS_MPP);
    s |= (h->mstatus & MSTATUS_MPIE ? MSTATUS_MIE : 0) | MSTATUS_MPIE;
    if (to != RV64_M)
        s &= ~MSTATUS_MPRV;
    h->mstatus = s;
    h->pc      = h->mepc;
    count_add(&h->icount, 1);
    rv64_set_mode(h, to);
    look_again(h);
    return false;
}

bool rv64_sret(struct rv64_hart *h, u32 word)
{
    if (h->mode == RV64_U || (h->mode == RV64_S && (h->mstatus & MSTATUS_TSR)))
        return rv64_illegal(h, word);
    unsigned to = h->mstatus & MSTATUS_SPP ? RV64_S : RV64_U;
    u64      s  = h->mstatus & ~(MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_MPRV);
    h->mstatus  = s | (h->mstatus & MSTATUS_SPIE ? MSTATUS_SIE : 0) | MSTATUS_SPIE;
    h->pc       = h->sepc;
    count_add(&h->icount, 1);
    rv64_set_mode(h, to);
    look_again(h);
    return false;
}

bool rv64_wfi(struct rv64_hart *h, u32 word)
{
    if (h->mode == RV64_U || (h->mode == RV64_S && (h->mstatus & MSTATUS_TW)))
        return rv64_illegal(h, word);
    if (rv64_wants_wakeup(h))
        return true;
    *h->exit = (struct vcpu_exit){VCPU_IDLE, h->pc + 4, ~0ull};
    h->pc += 4;
    count_add(&h->icount, 1);
    return false;
}

bool rv64_sfence_vma(struct rv64_hart *h, u32 word, gva addr, u64 asid)
{
    if (h->mode == RV64_U || (h->mode == RV64_S && (h->mstatus & MSTATUS_TVM)))
        return rv64_illegal(h, word);
    u32 of = bits(word, 24, 20) ? (u32)asid & 0xffff : ALL_ASIDS;
    if (bits(word, 19, 15))
        rv64_flush_page(h, addr, of);
    else
        rv64_flush_tlb(h, of);
    return true;
}

bool rv64_sinval(struct rv64_hart *h, u32 word, bool fence)
{
    (void)fence;
    return h->mode == RV64_U ? rv64_illegal(h, word) : true;
}

/* May this mode use a block operation? The lower modes need the bit of the higher one's. */
static bool cbo_allowed(const struct rv64_hart *h, u64 bit)
{
    if (h->mode < RV64_M && !(h->menvcfg & bit))
        return false;
    return h->mode != RV64_U || h->senvcfg & bit;
}

bool rv64_cbo(struct rv64_hart *h, u32 word, gva addr)
{
    gpa  pa;
    bool inval = bits(word, 31, 20) == 0;
    if (!cbo_allowed(h, inval ? ENVCFG_CBIE : ENVCFG_CBCFE))
        return rv64_illegal(h, word);
    /* Memory is coherent: what is left is the check that the block may be touched at all. */
    return rv64_data_ptr(h, addr & ~(u64)(RV64_CBO_BYTES - 1), ACCESS_LOAD, &pa) == 0;
}

bool rv64_cbo_zero(struct rv64_hart *h, u32 word, gva addr)
{
    if (!cbo_allowed(h, ENVCFG_CBZE))
        return rv64_illegal(h, word);
    addr &= ~(u64)(RV64_CBO_BYTES - 1);
    const struct tlb_entry *e = &h->tlb->store[(addr >> PAGE_BITS) % TLB_SIZE];
    if (likely(e->tag == (addr & PAGE_MASK))) {
        memset((void *)(addr + e->add), 0, RV64_CBO_BYTES);
        return true;
    }
    for (unsigned i = 0; i < RV64_CBO_BYTES; i += 8)
        if (rv64_store_slow(h, addr + i, 8, 0))
            return false;
    return true;
}

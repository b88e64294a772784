/* rv64/hart.c - a hart as others see it: made, run, kicked, looked into, saved. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/hart.h"

#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "memory/ram.h"
#include "rv64/fp.h"
#include "rv64/jit.h"
#include "rv64/vector.h"

/* Gets the hart's attention at the next block border, and out of rv64_wait. Any thread. */
static void call(struct rv64_hart *h)
{
    atomic_store(&h->limit, 0);
    atomic_fetch_add(&h->wakeups, 1);
    if (atomic_load(&h->waiting))
        syscall(SYS_futex, &h->wakeups, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void hart_kick(struct vcpu *v)
{
    struct rv64_hart *h = to_hart(v);
    atomic_store(&h->kicked, 1);
    call(h);
}

static void hart_irq(struct vcpu *v, unsigned line, bool level)
{
    struct rv64_hart *h = to_hart(v);
    assert(line < 64);
    if (level) {
        atomic_fetch_or(&h->mip, 1ull << line);
        call(h);
    } else {
        atomic_fetch_and(&h->mip, ~(1ull << line));
    }
}

static void stimer_fired(void *ctx)
{
    struct rv64_hart *h = ctx;
    atomic_store(&h->timer_due, true);
    call(h);
}

void rv64_request(struct vcpu *v, unsigned requests)
{
    struct rv64_hart *h = to_hart(v);
    atomic_fetch_or(&h->requests, requests);
    call(h);
}

bool rv64_requests_done(const struct vcpu *v)
{
    const struct rv64_hart *h = to_hart(v);
    /* A hart that is not inside run() serves before it runs another instruction. */
    return atomic_load(&h->requests) == 0 || !atomic_load(&h->inside);
}

void rv64_serve(struct vcpu *v)
{
    struct rv64_hart *h = to_hart(v);
    unsigned          r = atomic_exchange(&h->requests, 0);
    if (r & RV64_REQ_FENCE_I)
        h->epoch++;
    if (r & RV64_REQ_SFENCE)
        rv64_flush_tlb(h, ALL_ASIDS);
    if (atomic_exchange(&h->timer_due, false))
        rv64_update_stimer(h);
}

void rv64_wait(struct vcpu *v)
{
    struct rv64_hart *h = to_hart(v);
    atomic_store(&h->waiting, true);
    for (;;) {
        u32 seen = atomic_load(&h->wakeups);
        if (atomic_load(&h->timer_due))
            rv64_update_stimer(h);
        if (atomic_load(&h->kicked) || atomic_load(&h->requests) || rv64_wants_wakeup(h))
            break;
        syscall(SYS_futex, &h->wakeups, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
    atomic_store(&h->waiting, false);
}

static bool at_break(const struct rv64_hart *h)
{
    for (unsigned i = 0; i < h->n_breaks; i++)
        if (h->breaks[i] == h->pc)
            return true;
    return false;
}

/* One instruction, seen by the tracer and by watchpoints. */
static void step(struct rv64_hart *h)
{
    if (h->tracer && h->tracer->insn) {
        u32 word = 0;
        if (rv64_peek(&h->vcpu, h->pc, &word, 4) && rv64_peek(&h->vcpu, h->pc, &word, 2))
            word = 0;
        h->tracer->insn(h->tracer->ctx, &h->vcpu, h->pc, word);
    }
    rv64_interp(h, true);
    if (h->watch_hit && h->exit->why == VCPU_KICKED)
        *h->exit = (struct vcpu_exit){VCPU_BREAK, h->pc, h->watch_addr};
    h->watch_hit = false;
}

/* So close to the budget's end that it is one instruction at a time. */
static bool exactly_now(const struct rv64_hart *h)
{
    enum { EXACT = 256 };
    return h->budget_end - h->icount < EXACT && !(h->config.exact && h->translates);
}

/* Runs up to a decision; false: there is none yet. */
static bool go(struct rv64_hart *h)
{
    atomic_store(&h->limit, h->budget_end);
    rv64_serve(&h->vcpu);
    if (atomic_exchange(&h->kicked, 0))
        return true;
    if (h->icount >= h->budget_end) {
        h->exit->why = VCPU_BUDGET;
        return true;
    }
    if (!h->masked)
        rv64_take_interrupt(h);
    if ((h->tracer && h->tracer->insn) || h->n_watches || exactly_now(h))
        step(h);
    else if (h->translates)
        rv64_jit_run(h);
    else
        rv64_interp(h, false);
    h->skip_break = ~0ull;
    return h->exit->why != VCPU_KICKED;
}

static int hart_run(struct vcpu *v, u64 budget, struct vcpu_exit *exit)
{
    struct rv64_hart *h = to_hart(v);
    *exit               = (struct vcpu_exit){.why = VCPU_KICKED};
    h->exit             = exit;
    h->budget_end       = budget && budget < ~0ull - h->icount ? h->icount + budget : ~0ull;
    atomic_store(&h->inside, true);
    fp_flags_set(h->fflags);
    if (h->config.user)
        rv64_user_enter(h);
    if (h->skip_break == h->pc && at_break(h))
        step(h);
    h->skip_break = ~0ull;
    if (h->config.user)
        (void)sigsetjmp(h->landing, 0);
    while (exit->why == VCPU_KICKED && !go(h)) {
    }
    h->fflags = fp_flags_get();
    atomic_store(&h->inside, false);
    if (exit->why == VCPU_BREAK)
        h->skip_break = h->pc;
    exit->pc = h->pc;
    return 0;
}

static int hart_get(struct vcpu *v, unsigned reg, u64 *val)
{
    struct rv64_hart *h = to_hart(v);
    if (reg < 32)
        *val = h->x[reg];
    else if (reg == RV64_REG_PC)
        *val = h->pc;
    else if (reg < RV64_REG_CSR0)
        *val = h->f[reg - RV64_REG_F0];
    else if (reg < RV64_REG_CSR0 + 4096)
        return rv64_csr_get(h, reg - RV64_REG_CSR0, val);
    else if (reg == RV64_REG_MODE)
        *val = h->mode;
    else
        return -ENOENT;
    return 0;
}

static int hart_set(struct vcpu *v, unsigned reg, u64 val)
{
    struct rv64_hart *h = to_hart(v);
    if (reg < 32)
        h->x[reg] = reg ? val : 0;
    else if (reg == RV64_REG_PC)
        h->pc = val & ~1ull;
    else if (reg < RV64_REG_CSR0)
        h->f[reg - RV64_REG_F0] = val;
    else if (reg < RV64_REG_CSR0 + 4096)
        return rv64_csr_set(h, reg - RV64_REG_CSR0, val);
    else if (reg == RV64_REG_MODE && val <= 3 && val != 2)
        rv64_set_mode(h, (unsigned)val);
    else
        return -ENOENT;
    return 0;
}

static void hart_forget(struct vcpu *v, gpa start, u64 len)
{
    (void)start;
    (void)len;
    to_hart(v)->epoch++; /* blocks are compared with memory before they run again */
    rv64_jit_dirtied(to_hart(v));
}

static void hart_destroy(struct vcpu *v)
{
    if (!v)
        return;
    struct rv64_hart *h = to_hart(v);
    clock_disarm(v->clock, &h->stimer);
    rv64_jit_destroy(h);
    rv64_decoder_done(h);
    free(h);
}

static const struct vcpu_ops interp_ops = {
    .name    = "interp",
    .run     = hart_run,
    .kick    = hart_kick,
    .irq     = hart_irq,
    .get     = hart_get,
    .set     = hart_set,
    .forget  = hart_forget,
    .destroy = hart_destroy,
};

/* What an SBI firmware has set up before it enters S mode. */
static void as_firmware_leaves_it(struct rv64_hart *h)
{
    h->medeleg    = 0xb1ff & ~(1u << CAUSE_ECALL_S);
    h->mideleg    = 1u << RV64_SSIP | 1u << RV64_STIP | 1u << RV64_SEIP;
    h->mcounteren = h->scounteren = 7;
    h->menvcfg =
        ENVCFG_STCE | ENVCFG_ADUE | ENVCFG_PBMTE | ENVCFG_CBZE | ENVCFG_CBCFE | ENVCFG_CBIE;
    h->pmp.cfg[0]  = 0x1f; /* NAPOT, RWX */
    h->pmp.addr[0] = (1ull << 54) - 1;
    h->mode        = RV64_S;
}

static void reset_vectors(struct rv64_hart *h)
{
    h->vlenb = h->config.vlen / 8;
    h->vs = h->vxrm = h->vxsat = 0;
    h->vl = h->vstart = 0;
    memset(h->v, 0, sizeof(h->v));
    vector_set_vtype(h, ~0ull); /* illegal until it is set */
}

void rv64_reset(struct vcpu *v)
{
    struct rv64_hart *h = to_hart(v);
    memset(h->x, 0, sizeof(h->x));
    memset(h->f, 0, sizeof(h->f));
    memset(&h->pmp, 0, sizeof(h->pmp));
    h->pc      = h->config.reset;
    h->mode    = RV64_M;
    h->fs      = 0;
    h->mstatus = h->medeleg = h->mideleg = h->mie = h->mtvec = h->mcounteren = h->menvcfg = 0;
    h->stvec = h->scounteren = h->satp = h->senvcfg = h->mcause = 0;
    h->stimecmp                                                 = ~0ull;
    h->frm = h->fflags = 0;
    reset_vectors(h);
    h->reserved = h->skip_break = ~0ull;
    atomic_store(&h->mip, 0);
    h->seip_soft = false;
    if (h->config.user)
        rv64_user_reset(h);
    if (h->config.sbi)
        as_firmware_leaves_it(h);
    rv64_enter_space(h);
    rv64_pmp_changed(h);
    rv64_views_changed(h);
    rv64_flush_blocks(h);
    rv64_jit_flush(h);
}

void rv64_set_tohost(struct vcpu *v, gpa addr)
{
    struct rv64_hart *h = to_hart(v);
    h->config.tohost    = addr;
    h->tohost_page      = addr ? addr & PAGE_MASK : ~0ull;
}

int rv64_use_jit(struct vcpu *v, bool jit, struct err *err)
{
    struct rv64_hart *h  = to_hart(v);
    int               rc = jit && !h->jit ? rv64_jit_create(h, err) : 0;
    if (!rc)
        h->translates = jit; /* what was translated stays, and is kept true */
    return rc;
}

int rv64_create(struct vcpu **out, const struct rv64_config *config, struct ram *ram,
                struct bus *bus, struct clock *clock, struct err *err)
{
    struct rv64_hart *h = try_alloc(1, sizeof(*h));
    if (!h)
        return err_set(err, ENOMEM, "no memory for hart %u", config->hart_id);
    h->vcpu   = (struct vcpu){&interp_ops, ram, bus, clock, config->hart_id};
    h->config = *config;
    memset(h->jumps_used, true, sizeof(h->jumps_used)); /* not empty yet: nothing is all ones */
    rv64_spaces_init(h);
    rv64_set_tohost(&h->vcpu, config->tohost);
    h->stimer = (struct timer){.fire = stimer_fired, .ctx = h};
    if (rv64_decoder_init(h)) {
        rv64_decoder_done(h);
        free(h);
        return err_set(err, ENOMEM, "no memory for the code of hart %u", config->hart_id);
    }
    rv64_reset(&h->vcpu);
    rv64_pages_subscribe(h);
    int rc = rv64_use_jit(&h->vcpu, config->jit, err);
    if (rc) {
        hart_destroy(&h->vcpu);
        return rc;
    }
    *out = &h->vcpu;
    return 0;
}

/* --- for debuggers --- */

/* Copies page by page through the current translation. */
static int copy(struct vcpu *v, gva addr, u8 *data, u64 len, bool write)
{
    struct rv64_hart *h = to_hart(v);
    for (u64 n; len; addr += n, data += n, len -= n) {
        gpa pa;
        n = MIN(len, PAGE_SIZE - addr % PAGE_SIZE);
        if (rv64_probe(h, addr, ACCESS_LOAD, &pa))
            return -EFAULT;
        int rc = 0;
        if (h->config.user && write)
            memcpy(h->config.user->base + pa, data, n);
        else if (h->config.user)
            memcpy(data, h->config.user->base + pa, n);
        else
            rc = write ? ram_write(v->ram, pa, data, n) : ram_read(v->ram, pa, data, n);
        if (rc)
            return rc;
    }
    if (write) {
        h->epoch++;
        rv64_jit_dirtied(h);
    }
    return 0;
}

int rv64_peek(struct vcpu *v, gva addr, void *dst, u64 len)
{
    return copy(v, addr, dst, len, false);
}

int rv64_poke(struct vcpu *v, gva addr, const void *src, u64 len)
{
    return copy(v, addr, (u8 *)(uintptr_t)src, len, true);
}

void rv64_breakpoints(struct vcpu *v, const gva *addrs, unsigned n)
{
    struct rv64_hart *h = to_hart(v);
    h->n_breaks         = MIN(n, (unsigned)BREAKS_MAX);
    memcpy(h->breaks, addrs, h->n_breaks * sizeof(*addrs));
    rv64_flush_blocks(h);
    rv64_jit_flush(h);
}

void rv64_watchpoints(struct vcpu *v, const struct rv64_watch *watches, unsigned n)
{
    struct rv64_hart *h = to_hart(v);
    h->n_watches        = MIN(n, (unsigned)WATCHES_MAX);
    memcpy(h->watches, watches, h->n_watches * sizeof(*watches));
    rv64_flush_all(h);
}

void rv64_mask_interrupts(struct vcpu *v, bool on)
{
    to_hart(v)->masked = on;
}

void rv64_trace(struct vcpu *v, const struct rv64_tracer *t)
{
    struct rv64_hart *h = to_hart(v);
    if (t)
        h->tracer_copy = *t;
    h->tracer = t ? &h->tracer_copy : NULL;
}

void rv64_counts(const struct vcpu *v, struct rv64_counts *out)
{
    const struct rv64_hart *h = to_hart(v);
    out->instructions         = count_read(&h->icount);
    out->traps                = count_read(&h->n_traps);
    out->interrupts           = count_read(&h->n_interrupts);
    out->tlb_misses           = count_read(&h->n_tlb_misses);
    out->page_walks           = count_read(&h->n_walks);
    out->mmio                 = count_read(&h->n_mmio);
    out->blocks               = count_read(&h->n_blocks);
    out->block_misses         = count_read(&h->n_block_misses);
}

/* --- snapshots --- */

#define F(m) FIELD(struct rv64_hart, m)
static const struct field fields[] = {F(x),
                                      F(f),
                                      F(pc),
                                      F(icount),
                                      F(fs),
                                      F(frm),
                                      F(fflags),
                                      F(mode),
                                      F(vs),
                                      F(vlenb),
                                      F(vtype),
                                      F(vl),
                                      F(vstart),
                                      F(vxrm),
                                      F(vxsat),
                                      F(v),
                                      F(mstatus),
                                      F(medeleg),
                                      F(mideleg),
                                      F(mie),
                                      F(mtvec),
                                      F(mcounteren),
                                      F(mscratch),
                                      F(mepc),
                                      F(mcause),
                                      F(mtval),
                                      F(menvcfg),
                                      F(stvec),
                                      F(scounteren),
                                      F(sscratch),
                                      F(sepc),
                                      F(scause),
                                      F(stval),
                                      F(satp),
                                      F(senvcfg),
                                      F(stimecmp),
                                      F(mcountinhibit),
                                      F(cycle_off),
                                      F(instret_off),
                                      F(cycle_held),
                                      F(instret_held),
                                      F(pmp),
                                      F(mip),
                                      F(seip_soft),
                                      F(reserved),
                                      F(reserved_value),
                                      FIELDS_END};
#undef F

void rv64_save(const struct vcpu *v, struct snap *snap)
{
    char name[48];
    snprintf(name, sizeof(name), "hart%u", v->id);
    snap_begin(snap, name);
    snap_put_fields(snap, fields, to_hart(v));
    snap_end(snap);
}

/* What was saved decides where the elements are: it must be this hart's shape. */
static bool vectors_fit(struct rv64_hart *h)
{
    bool same = h->vlenb == h->config.vlen / 8 && h->vs <= (h->vlenb ? 3 : 0);
    h->vlenb  = h->config.vlen / 8;
    vector_set_vtype(h, h->vtype);
    return same && h->vxrm <= 3 && h->vxsat <= 1 && (!h->vlenb || h->vstart < 8 * h->vlenb) &&
           h->vl <= (h->vill ? 0 : vector_max(h));
}

int rv64_load(struct vcpu *v, struct snap *snap, struct err *err)
{
    struct rv64_hart *h = to_hart(v);
    char              name[48];
    snprintf(name, sizeof(name), "hart%u", v->id);
    if (!snap_find(snap, name))
        return err_set(err, EINVAL, "the snapshot has no hart %u", v->id);
    snap_get_fields(snap, fields, h);
    bool vectors = vectors_fit(h);
    if (snap_failed(snap) || !vectors || h->mode > RV64_M || h->mode == 2 || h->fs > 3)
        return err_set(err, EINVAL, "the snapshot's hart %u is not of this shape", v->id);
    h->x[0] = 0;
    rv64_enter_space(h);
    rv64_pmp_changed(h);
    rv64_views_changed(h);
    rv64_flush_blocks(h);
    rv64_jit_flush(h);
    rv64_update_stimer(h);
    return 0;
}

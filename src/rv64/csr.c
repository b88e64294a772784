/* rv64/csr.c - the control and status registers: csr.def's meaning. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/fp.h"
#include "rv64/hart.h"

#define SSTATUS_MASK (SSTATUS_WORD | MSTATUS_VS | MSTATUS_FS | 3ull << 32 | MSTATUS_SD)
#define MSTATUS_WRITABLE                                                                           \
    (MSTATUS_SIE | MSTATUS_MIE | MSTATUS_SPIE | MSTATUS_MPIE | MSTATUS_SPP | MSTATUS_MPRV |        \
     MSTATUS_SUM | MSTATUS_MXR | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR)
#define S_INTERRUPTS   (1ull << RV64_SSIP | 1ull << RV64_STIP | 1ull << RV64_SEIP)
#define ALL_INTERRUPTS (S_INTERRUPTS | 1ull << RV64_MSIP | 1ull << RV64_MTIP | 1ull << RV64_MEIP)
#define MISA           0x800000000014112dull /* MXL 64: A C D F I M S U */
#define MISA_V         (1ull << ('V' - 'A'))
#define MENVCFG_WRITABLE                                                                           \
    (ENVCFG_FIOM | ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE | ENVCFG_ADUE | ENVCFG_PBMTE |         \
     ENVCFG_STCE)

/* Somebody may now be interrupted who could not before. */
static void look_again(struct rv64_hart *h)
{
    if (rv64_mip(h) & h->mie)
        atomic_store(&h->limit, 0);
}

/* --- floating point: Volume I, 20.2 --- */

/* Inside run() the host's MXCSR holds the flags; rv64_csr_get and set are called by debuggers
 * too, outside. */
static u32 flags_now(const struct rv64_hart *h)
{
    return atomic_load(&h->inside) ? fp_flags_get() : h->fflags;
}

static void flags_set(struct rv64_hart *h, u32 flags)
{
    h->fs = 3;
    if (atomic_load(&h->inside))
        fp_flags_set(flags & 31);
    else
        h->fflags = flags & 31;
}

static u64 get_fflags(struct rv64_hart *h)
{
    return flags_now(h);
}

static void set_fflags(struct rv64_hart *h, u64 v)
{
    flags_set(h, (u32)v);
}

static u64 get_frm(struct rv64_hart *h)
{
    return h->frm;
}

static void set_frm(struct rv64_hart *h, u64 v)
{
    h->fs  = 3;
    h->frm = v & 7;
}

static u64 get_fcsr(struct rv64_hart *h)
{
    return h->frm << 5 | flags_now(h);
}

static void set_fcsr(struct rv64_hart *h, u64 v)
{
    set_frm(h, v >> 5);
    flags_set(h, (u32)v);
}

/* --- vectors: chapter "V" of Volume I, 3 --- */

static u64 get_vstart(struct rv64_hart *h)
{
    return h->vstart;
}

static void set_vstart(struct rv64_hart *h, u64 v)
{
    h->vs     = 3;
    h->vstart = v & (8 * (u64)h->vlenb - 1); /* up to the greatest index */
}

static u64 get_vxsat(struct rv64_hart *h)
{
    return h->vxsat;
}

static void set_vxsat(struct rv64_hart *h, u64 v)
{
    h->vs    = 3;
    h->vxsat = v & 1;
}

static u64 get_vxrm(struct rv64_hart *h)
{
    return h->vxrm;
}

static void set_vxrm(struct rv64_hart *h, u64 v)
{
    h->vs   = 3;
    h->vxrm = v & 3;
}

static u64 get_vcsr(struct rv64_hart *h)
{
    return h->vxrm << 1 | h->vxsat;
}

static void set_vcsr(struct rv64_hart *h, u64 v)
{
    set_vxrm(h, v >> 1);
    set_vxsat(h, v);
}

static u64 get_vl(struct rv64_hart *h)
{
    return h->vl;
}

static u64 get_vtype(struct rv64_hart *h)
{
    return h->vtype;
}

static u64 get_vlenb(struct rv64_hart *h)
{
    return h->vlenb;
}

/* --- counters: Volume II, 3.1.10 to 3.1.12 --- */

enum { INHIBIT_CY = 1, INHIBIT_IR = 4 };

static u64 get_mcycle(struct rv64_hart *h)
{
    return h->mcountinhibit & INHIBIT_CY ? h->cycle_held : h->icount + h->cycle_off;
}

static void set_mcycle(struct rv64_hart *h, u64 v)
{
    h->cycle_held = v;
    h->cycle_off  = v - h->icount - 1; /* the write itself retires after it */
}

static u64 get_minstret(struct rv64_hart *h)
{
    return h->mcountinhibit & INHIBIT_IR ? h->instret_held : h->icount + h->instret_off;
}

static void set_minstret(struct rv64_hart *h, u64 v)
{
    h->instret_held = v;
    h->instret_off  = v - h->icount - 1;
}

static u64 get_cycle(struct rv64_hart *h)
{
    return get_mcycle(h);
}

static u64 get_instret(struct rv64_hart *h)
{
    return get_minstret(h);
}

u64 rv64_time(const struct rv64_hart *h)
{
    return clock_now(h->vcpu.clock) / (1000000000u / RV64_TIMEBASE_HZ);
}

static u64 get_time(struct rv64_hart *h)
{
    return rv64_time(h);
}

static void set_cycle(struct rv64_hart *h, u64 v)
{
    (void)h;
    (void)v; /* read-only: the check of the number's top bits keeps writes away */
}
#define set_time    set_cycle
#define set_instret set_cycle
#define set_mhartid set_cycle
#define set_vl      set_cycle
#define set_vtype   set_cycle
#define set_vlenb   set_cycle
#define set_misa    set_cycle /* WARL: fixed */

static u64 get_mcountinhibit(struct rv64_hart *h)
{
    return h->mcountinhibit;
}

static void set_mcountinhibit(struct rv64_hart *h, u64 v)
{
    u64 cycle = get_mcycle(h), instret = get_minstret(h);
    h->mcountinhibit = v & (INHIBIT_CY | INHIBIT_IR);
    h->cycle_held    = cycle;
    h->instret_held  = instret;
    h->cycle_off     = cycle - h->icount;
    h->instret_off   = instret - h->icount;
}

/* --- status --- */

u64 rv64_mstatus(const struct rv64_hart *h)
{
    return h->mstatus | (u64)h->fs << 13 | (u64)h->vs << 9 |
           (h->fs == 3 || h->vs == 3 ? MSTATUS_SD : 0) | MSTATUS_UXL | MSTATUS_SXL;
}

static u64 get_mstatus(struct rv64_hart *h)
{
    return rv64_mstatus(h);
}

static void set_mstatus(struct rv64_hart *h, u64 v)
{
    u64 was = h->mstatus;
    u64 mpp = v & MSTATUS_MPP;
    if (mpp == 2ull << 11) /* reserved: WARL keeps the old */
        mpp = was & MSTATUS_MPP;
    h->mstatus = (v & MSTATUS_WRITABLE) | mpp;
    h->fs      = (u32)(v >> 13 & 3);
    h->vs      = h->vlenb ? (u32)(v >> 9 & 3) : 0;
    if ((was ^ h->mstatus) & MSTATUS_MXR)
        rv64_flush_tlb(h, ALL_ASIDS);
    rv64_views_changed(h);
    look_again(h);
}

static u64 get_sstatus(struct rv64_hart *h)
{
    return rv64_mstatus(h) & SSTATUS_MASK;
}

static void set_sstatus(struct rv64_hart *h, u64 v)
{
    set_mstatus(h, (rv64_mstatus(h) & ~SSTATUS_MASK) | (v & SSTATUS_MASK));
}

static u64 get_misa(struct rv64_hart *h)
{
    return h->vlenb ? MISA | MISA_V : MISA;
}

static u64 get_mhartid(struct rv64_hart *h)
{
    return h->config.hart_id;
}

static u64 get_menvcfg(struct rv64_hart *h)
{
    return h->menvcfg;
}

static void set_menvcfg(struct rv64_hart *h, u64 v)
{
    u64 was    = h->menvcfg;
    h->menvcfg = v & MENVCFG_WRITABLE;
    if ((was ^ h->menvcfg) & (ENVCFG_ADUE | ENVCFG_PBMTE))
        rv64_flush_tlb(h, ALL_ASIDS);
    if ((was ^ h->menvcfg) & ENVCFG_STCE) {
        atomic_fetch_and(&h->mip, ~(1ull << RV64_STIP));
        rv64_update_stimer(h);
    }
}

static u64 get_senvcfg(struct rv64_hart *h)
{
    return h->senvcfg;
}

static void set_senvcfg(struct rv64_hart *h, u64 v)
{
    h->senvcfg = v & (ENVCFG_FIOM | ENVCFG_CBIE | ENVCFG_CBCFE | ENVCFG_CBZE);
}

/* --- interrupts: Volume II, 3.1.9 and 10.1.3 --- */

u64 rv64_mip(const struct rv64_hart *h)
{
    u64 mip = atomic_load(&h->mip);
    return h->seip_soft ? mip | 1ull << RV64_SEIP : mip;
}

static u64 get_mip(struct rv64_hart *h)
{
    return rv64_mip(h);
}

/* Other threads set bits too: what an instruction does not mean to change, it must not touch. */
static void change_mip(struct rv64_hart *h, u64 set, u64 clear)
{
    u64 can = 1ull << RV64_SSIP | (h->menvcfg & ENVCFG_STCE ? 0 : 1ull << RV64_STIP);
    if ((set | clear) >> RV64_SEIP & 1)
        h->seip_soft = set >> RV64_SEIP & 1;
    atomic_fetch_and(&h->mip, ~(can & clear));
    atomic_fetch_or(&h->mip, can & set);
    look_again(h);
}

static void set_mip(struct rv64_hart *h, u64 v)
{
    change_mip(h, v, ~v);
}

static u64 get_mie(struct rv64_hart *h)
{
    return h->mie;
}

static void set_mie(struct rv64_hart *h, u64 v)
{
    h->mie = v & ALL_INTERRUPTS;
    look_again(h);
}

static u64 get_sip(struct rv64_hart *h)
{
    return rv64_mip(h) & h->mideleg;
}

static void set_sip(struct rv64_hart *h, u64 v)
{
    u64 can = h->mideleg & 1ull << RV64_SSIP;
    change_mip(h, can & v, can & ~v);
}

static u64 get_sie(struct rv64_hart *h)
{
    return h->mie & h->mideleg;
}

static void set_sie(struct rv64_hart *h, u64 v)
{
    set_mie(h, (h->mie & ~h->mideleg) | (v & h->mideleg));
}

static u64 get_stimecmp(struct rv64_hart *h)
{
    return h->stimecmp;
}

static void set_stimecmp(struct rv64_hart *h, u64 v)
{
    h->stimecmp = v;
    rv64_update_stimer(h);
}

static u64 get_satp(struct rv64_hart *h)
{
    return h->satp;
}

static void set_satp(struct rv64_hart *h, u64 v)
{
    u64 mode = v >> 60;
    if (mode != 0 && (mode < 8 || mode > 10))
        return; /* WARL: a mode that is not there leaves all of it as it was */
    h->satp = mode ? v : 0;
    rv64_enter_space(h);
}

/* --- the table --- */

struct csr {
    u16 offset; /* of a plain one's member; 0: functions */
    u64 writable;
    u64 (*get)(struct rv64_hart *);
    void (*set)(struct rv64_hart *, u64);
};

enum {
    NO_CSR,
#define PLAIN(number, name, ...) ROW_##name,
#define FN(number, name)         ROW_##name,
#define ZERO(first, count, name) ROW_##name,
#include "rv64/csr.def"
#undef PLAIN
#undef FN
#undef ZERO
};

static const struct csr csrs[] = {
#define PLAIN(number, name, member, writable)                                                      \
    [ROW_##name] = {offsetof(struct rv64_hart, member), writable, NULL, NULL},
#define FN(number, name)         [ROW_##name] = {0, 0, get_##name, set_##name},
#define ZERO(first, count, name) [ROW_##name] = {0, 0, NULL, NULL},
#include "rv64/csr.def"
#undef PLAIN
#undef FN
#undef ZERO
};

static const u8 rows[4096] = {
#define PLAIN(number, name, ...) [number] = ROW_##name,
#define FN(number, name)         [number] = ROW_##name,
#define ZERO(first, count, name) [first... first + count - 1] = ROW_##name,
#include "rv64/csr.def"
#undef PLAIN
#undef FN
#undef ZERO
};

static const struct csr *find_csr(unsigned number)
{
    return rows[number % 4096] ? &csrs[rows[number % 4096]] : NULL;
}

i32 rv64_csr_plain(unsigned number, u64 *writable)
{
    const struct csr *c = find_csr(number);
    if (!c || !c->offset)
        return -1;
    *writable = c->writable;
    return c->offset;
}

/* PMP: pmpcfg0, 2 .. 14 and pmpaddr0 .. 63, of which 16 entries are there (3.7.1). */
static bool pmp_get(const struct rv64_hart *h, unsigned number, u64 *val)
{
    *val = 0;
    if (number >= 0x3b0 && number < 0x3b0 + 64) {
        *val = number < 0x3b0 + 16 ? h->pmp.addr[number - 0x3b0] : 0;
        return true;
    }
    if (number < 0x3a0 || number >= 0x3b0 || number & 1)
        return false;
    for (unsigned i = 0; number < 0x3a4 && i < 8; i++)
        *val |= (u64)h->pmp.cfg[(number - 0x3a0) * 4 + i] << (8 * i);
    return true;
}

static void pmp_set_addr(struct rv64_hart *h, unsigned n, u64 val)
{
    if (n >= 16 || h->pmp.cfg[n] & 128)
        return;
    if (n + 1 < 16 && (h->pmp.cfg[n + 1] & (128 | 3 << 3)) == (128 | 1 << 3))
        return; /* the base of a locked top-of-range entry */
    h->pmp.addr[n] = val & ((1ull << 54) - 1);
}

static void pmp_set(struct rv64_hart *h, unsigned number, u64 val)
{
    if (number >= 0x3b0)
        pmp_set_addr(h, number - 0x3b0, val);
    for (unsigned i = 0; number < 0x3a4 && i < 8; i++) {
        u8 *cfg = &h->pmp.cfg[(number - 0x3a0) * 4 + i];
        u8  now = (u8)(val >> (8 * i)) & 0x9f;
        if (*cfg & 128 || (now & 3) == 2) /* locked; W without R is reserved */
            continue;
        *cfg = now;
    }
    rv64_pmp_changed(h);
}

int rv64_csr_get(struct rv64_hart *h, unsigned number, u64 *val)
{
    const struct csr *c = find_csr(number);
    if (!c)
        return pmp_get(h, number, val) ? 0 : -ENOENT;
    *val = c->get ? c->get(h) : c->offset ? *(u64 *)((char *)h + c->offset) : 0;
    return 0;
}

int rv64_csr_set(struct rv64_hart *h, unsigned number, u64 val)
{
    const struct csr *c = find_csr(number);
    u64               was;
    if (!c) {
        if (!pmp_get(h, number, &was))
            return -ENOENT;
        pmp_set(h, number, val);
    } else if (c->set) {
        c->set(h, val);
    } else if (c->offset) {
        u64 *member = (u64 *)((char *)h + c->offset);
        *member     = (*member & ~c->writable) | (val & c->writable);
    }
    return 0;
}

/* --- the instructions: Volume I, 6.1; Volume II, 2.1 --- */

/* May this mode reach the register now? */
static bool reachable(const struct rv64_hart *h, unsigned number)
{
    if (h->mode < (number >> 8 & 3))
        return false;
    if (number >= 0xc00 && number < 0xc20 && h->mode < RV64_M) {
        u64 bit = 1ull << (number & 31);
        return (h->mcounteren & bit) && (h->mode == RV64_S || (h->scounteren & bit));
    }
    if (number >= 1 && number <= 3)
        return h->fs != 0;
    if ((number >= 0x008 && number <= 0x00f) || (number >= 0xc20 && number <= 0xc22))
        return h->vs != 0;
    if (number == 0x180)
        return !(h->mode == RV64_S && (h->mstatus & MSTATUS_TVM));
    if (number == 0x14d && h->mode < RV64_M)
        return (h->menvcfg & ENVCFG_STCE) && (h->mcounteren & 2);
    return true;
}

bool rv64_csr(struct rv64_hart *h, u32 word, u64 operand)
{
    unsigned number = word >> 20, rd = (unsigned)bits(word, 11, 7);
    unsigned how   = word >> 12 & 3; /* 1 write, 2 set, 3 clear */
    bool     write = how == 1 || bits(word, 19, 15) != 0;
    u64      old   = 0;
    if (!reachable(h, number) || (write && number >> 10 == 3) || rv64_csr_get(h, number, &old))
        return rv64_illegal(h, word);
    if (write) {
        u64 now = how == 1 ? operand : how == 2 ? old | operand : old & ~operand;
        u64 can = number == 0x344 ? ~0ull : h->mideleg & 1ull << RV64_SSIP; /* of mip or sip */
        if ((number == 0x344 || number == 0x144) && how != 1)
            change_mip(h, how == 2 ? operand & can : 0, how == 3 ? operand & can : 0);
        else
            rv64_csr_set(h, number, now);
    }
    if (rd)
        h->x[rd] = old;
    return true;
}

/* rv64/mmu.c - address translation, protection, and what the TLB does not answer.
 *
 * Sv39, Sv48 and Sv57 with Svnapot, Svpbmt and Svadu (Volume II, chapters 10 to 13); PMP
 * (3.7). A TLB entry stands for a page of RAM that may be touched as it is: anything that
 * needs a look each time (devices, watchpoints, pages that PMP divides, first writes) has none.
 * Only the hart's own thread comes here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "memory/bus.h"
#include "memory/ram.h"
#include "rv64/fp.h"
#include "rv64/hart.h"
#include "rv64/jit.h"

enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 16, PTE_A = 64, PTE_D = 128 };
#define PTE_N        (1ull << 63)
#define PTE_PBMT     (3ull << 61)
#define PTE_RESERVED (0x7full << 54)

static void forget_jumps(struct rv64_hart *h, unsigned modes)
{
    for (unsigned m = 0; m < modes; m++)
        if (h->jumps_used[m]) {
            memset(h->jump_tables[m], 0xff, sizeof(h->jump_tables[m]));
            h->jumps_used[m] = false;
        }
}

/* --- address spaces: all ones is no page's tag and no instruction's address --- */

static void empty(struct rv64_hart *h, struct space *s)
{
    for (unsigned v = 0; v < VIEW_M; v++) {
        if (s->tlb_used[v])
            memset(&s->tlbs[v], 0xff, sizeof(s->tlbs[v]));
        s->tlb_used[v] = false;
    }
    memset(s->itlb, 0xff, sizeof(s->itlb));
    rv64_jit_forget(h, (unsigned)(s - h->spaces));
    s->n_big        = 0;
    s->stores_stale = false;
}

static u32 asid_of(u64 satp)
{
    return satp >> 60 ? (u32)bits(satp, 59, 44) : ALL_ASIDS; /* without paging there is none */
}

static bool is_meant(const struct space *s, u32 asid)
{
    return s->satp != ~0ull && (asid == ALL_ASIDS || asid_of(s->satp) == asid);
}

/* The space of satp's ASID, else the one that was left longest ago. */
static struct space *choose(struct rv64_hart *h)
{
    struct space *oldest = &h->spaces[0];
    for (struct space *s = h->spaces; s < h->spaces + SPACES; s++) {
        if (s->satp != ~0ull && asid_of(s->satp) == asid_of(h->satp))
            return s;
        if (s->stamp < oldest->stamp)
            oldest = s;
    }
    return oldest;
}

/* A table of its own under the same ASID wants a fence by the manual; we need none. */
void rv64_enter_space(struct rv64_hart *h)
{
    struct space *s = choose(h);
    if (s == h->space && s->satp == h->satp)
        return;
    if (s->satp != h->satp)
        empty(h, s);
    for (unsigned v = 0; s->stores_stale && v < VIEW_M; v++)
        memset(s->tlbs[v].store, 0xff, sizeof(s->tlbs[v].store));
    s->stores_stale = false;
    s->satp         = h->satp;
    s->stamp        = ++h->spaces_entered;
    h->space        = s;
    h->reserved     = ~0ull;
    forget_jumps(h, RV64_S + 1);
    rv64_views_changed(h);
}

void rv64_spaces_init(struct rv64_hart *h)
{
    memset(h->itlb_m, 0xff, sizeof(h->itlb_m));
    if (!h->config.user) /* a program sees its memory as a user, always */
        memset(&h->tlb_m, 0xff, sizeof(h->tlb_m));
    for (struct space *s = h->spaces; s < h->spaces + SPACES; s++) {
        for (unsigned v = 0; v < VIEW_M; v++)
            s->tlb_used[v] = v == VIEW_U || !h->config.user;
        s->satp = ~0ull;
    }
    rv64_enter_space(h);
}

void rv64_flush_tlb(struct rv64_hart *h, u32 asid)
{
    for (struct space *s = h->spaces; s < h->spaces + SPACES; s++)
        if (s == h->space && is_meant(s, asid)) {
            empty(h, s);
        } else if (is_meant(s, asid)) {
            s->satp  = ~0ull; /* emptied when somebody comes */
            s->stamp = 0;
        }
    forget_jumps(h, RV64_S + 1);
    h->reserved = ~0ull;
}

void rv64_flush_all(struct rv64_hart *h)
{
    rv64_flush_tlb(h, ALL_ASIDS);
    if (h->tlb_m_used)
        memset(&h->tlb_m, 0xff, sizeof(h->tlb_m));
    memset(h->itlb_m, 0xff, sizeof(h->itlb_m));
    h->tlb_m_used = false;
    forget_jumps(h, RV64_M + 1);
    rv64_jit_forget(h, SPACES);
}

/* An entry stands for 4 KiB even of a larger page, but one sfence.vma with any address in that
 * page must reach all of them. So the gigabytes that had a larger page are remembered, and there
 * everything goes. More than can be told apart: everywhere. */
static bool had_big_page(const struct space *s, gva addr)
{
    for (unsigned i = 0; i < s->n_big; i++)
        if (s->big[i] == (u32)(addr >> 30))
            return true;
    return s->n_big == BIG_PAGES;
}

static void note_big_page(struct space *s, gva addr, int level)
{
    if (level > 2)
        s->n_big = BIG_PAGES;
    else if (!had_big_page(s, addr))
        s->big[s->n_big++] = (u32)(addr >> 30);
}

void rv64_flush_page(struct rv64_hart *h, gva addr, u32 asid)
{
    u64 i = addr >> PAGE_BITS;
    for (struct space *s = h->spaces; s < h->spaces + SPACES; s++) {
        if (!is_meant(s, asid))
            continue;
        if (had_big_page(s, addr)) {
            empty(h, s);
            continue;
        }
        for (unsigned v = 0; v < VIEW_M; v++)
            s->tlbs[v].load[i % TLB_SIZE].tag = s->tlbs[v].store[i % TLB_SIZE].tag = ~0ull;
        for (unsigned m = 0; m <= RV64_S; m++)
            s->itlb[m][i % ITLB_SIZE].tag = ~0ull;
        rv64_jit_forget_page(h, (unsigned)(s - h->spaces), addr & PAGE_MASK);
    }
    forget_jumps(h, RV64_S + 1);
    h->reserved = ~0ull;
}

/* --- physical memory protection: Volume II, 3.7 --- */

enum { PMP_R = 1, PMP_W = 2, PMP_X = 4, PMP_L = 128 };

void rv64_pmp_changed(struct rv64_hart *h)
{
    struct pmp *p = &h->pmp;
    p->active     = 0;
    for (unsigned i = 0; i < 16; i++) {
        u64 addr = p->addr[i];
        p->lo[i] = 1;
        p->hi[i] = 0; /* empty */
        switch (p->cfg[i] >> 3 & 3) {
        case 1: /* TOR */
            p->lo[i] = i ? p->addr[i - 1] << 2 : 0;
            p->hi[i] = (addr << 2) - 1;
            if (addr == 0 || p->lo[i] > p->hi[i])
                p->lo[i] = 1, p->hi[i] = 0;
            break;
        case 2: /* NA4 */
            p->lo[i] = addr << 2;
            p->hi[i] = p->lo[i] + 3;
            break;
        case 3: { /* NAPOT */
            u64 ones = addr ^ (addr + 1);
            p->lo[i] = (addr & ~ones) << 2;
            p->hi[i] = p->lo[i] + (ones << 2 | 3);
            break;
        }
        default:
            continue;
        }
        p->active = i + 1;
    }
    rv64_flush_all(h);
}

bool rv64_pmp_allows(const struct rv64_hart *h, gpa addr, u64 len, enum access access,
                     unsigned mode)
{
    static const u8 needs[] = {
        [ACCESS_LOAD] = PMP_R, [ACCESS_STORE] = PMP_W, [ACCESS_FETCH] = PMP_X};
    const struct pmp *p = &h->pmp;
    for (unsigned i = 0; i < p->active; i++) {
        if (p->lo[i] > p->hi[i] || addr + len - 1 < p->lo[i] || addr > p->hi[i])
            continue;
        if (addr < p->lo[i] || addr + len - 1 > p->hi[i])
            return false; /* matched in part */
        if (mode == RV64_M && !(p->cfg[i] & PMP_L))
            return true;
        return p->cfg[i] & needs[access];
    }
    return mode == RV64_M;
}

/* True when PMP says the same of every byte of the page. */
static bool pmp_whole_page(const struct rv64_hart *h, gpa page)
{
    const struct pmp *p = &h->pmp;
    for (unsigned i = 0; i < p->active; i++) {
        if (p->lo[i] > p->hi[i] || page + PAGE_SIZE - 1 < p->lo[i] || page > p->hi[i])
            continue;
        return page >= p->lo[i] && page + PAGE_SIZE - 1 <= p->hi[i];
    }
    return true;
}

/* --- the walk: Volume II, 10.3.2 --- */

static const u8 access_cause[] = {[ACCESS_LOAD]  = CAUSE_LOAD_ACCESS,
                                  [ACCESS_STORE] = CAUSE_STORE_ACCESS,
                                  [ACCESS_FETCH] = CAUSE_FETCH_ACCESS};
static const u8 page_cause[]   = {[ACCESS_LOAD]  = CAUSE_LOAD_PAGE,
                                  [ACCESS_STORE] = CAUSE_STORE_PAGE,
                                  [ACCESS_FETCH] = CAUSE_FETCH_PAGE};

struct walk {
    enum access access;
    unsigned    mode;  /* as whom: U, S, M */
    bool        quiet; /* a debugger's look: sets no A and D, asks no permission */
};

/* May a leaf be used so? */
static bool permits(const struct rv64_hart *h, const struct walk *w, u64 pte)
{
    if (w->quiet)
        return true;
    if (w->mode == RV64_U && !(pte & PTE_U))
        return false;
    if (w->mode == RV64_S && (pte & PTE_U) &&
        (w->access == ACCESS_FETCH || !(h->mstatus & MSTATUS_SUM)))
        return false;
    switch (w->access) {
    case ACCESS_FETCH:
        return pte & PTE_X;
    case ACCESS_STORE:
        return pte & PTE_W;
    default:
        return (pte & PTE_R) || ((h->mstatus & MSTATUS_MXR) && (pte & PTE_X));
    }
}

/* Is it well formed? LEAF says whether it is one. */
static bool well_formed(const struct rv64_hart *h, u64 pte, bool leaf)
{
    if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || (pte & PTE_RESERVED))
        return false;
    u64 pbmt = pte & PTE_PBMT;
    if (pbmt && (!leaf || pbmt == PTE_PBMT || !(h->menvcfg & ENVCFG_PBMTE)))
        return false;
    return leaf || !(pte & (PTE_N | PTE_U | PTE_A | PTE_D));
}

/* Sets A, and D for a store, as the hardware does it (Svadu). 0, a cause, or -1: changed under
 * us, walk again. */
static int mark_used(struct rv64_hart *h, const struct walk *w, gpa at, u64 *slot, u64 pte)
{
    u64 want = pte | PTE_A | (w->access == ACCESS_STORE ? PTE_D : 0);
    if (want == pte || w->quiet)
        return 0;
    if (!(h->menvcfg & ENVCFG_ADUE))
        return page_cause[w->access];
    if (!rv64_pmp_allows(h, at, 8, ACCESS_STORE, RV64_S))
        return access_cause[w->access];
    return __atomic_compare_exchange_n(slot, &pte, want, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)
               ? 0
               : -1;
}

/* The address that a leaf at LEVEL gives; false: a misaligned superpage. */
static bool leaf_address(u64 pte, int level, gva addr, gpa *pa)
{
    u64 ppn  = bits(pte, 53, 10);
    u64 span = 1ull << (9 * level); /* in pages */
    if (pte & PTE_N) {              /* Svnapot: 64 KiB */
        if (level || (ppn & 15) != 8)
            return false;
        span = 16;
        ppn &= ~15ull;
    }
    if (ppn & (span - 1))
        return false;
    *pa = (ppn | (addr >> PAGE_BITS & (span - 1))) << PAGE_BITS | addr % PAGE_SIZE;
    return true;
}

static int walk(struct rv64_hart *h, struct walk *w, gva addr, gpa *pa)
{
    int levels = (int)(h->satp >> 60) - 5; /* 8: Sv39, 9: Sv48, 10: Sv57 */
    if ((u64)sext(addr, (unsigned)(9 * levels + 12)) != addr)
        return page_cause[w->access];
    count_add(&h->n_walks, 1);
again:;
    gpa table = bits(h->satp, 43, 0) << PAGE_BITS;
    for (int level = levels - 1; level >= 0; level--) {
        gpa  at   = table + bits(addr, (unsigned)(9 * level + 20), (unsigned)(9 * level + 12)) * 8;
        u64 *slot = ram_borrow(h->vcpu.ram, at, 8, false);
        if (!slot || !rv64_pmp_allows(h, at, 8, ACCESS_LOAD, RV64_S))
            return access_cause[w->access];
        u64  pte  = __atomic_load_n(slot, __ATOMIC_RELAXED);
        bool leaf = pte & (PTE_R | PTE_X);
        if (!well_formed(h, pte, leaf))
            return page_cause[w->access];
        if (!leaf) {
            table = bits(pte, 53, 10) << PAGE_BITS;
            continue;
        }
        if (!permits(h, w, pte) || !leaf_address(pte, level, addr, pa))
            return page_cause[w->access];
        if (level)
            note_big_page(h->space, addr, level);
        int rc = mark_used(h, w, at, slot, pte);
        if (rc < 0)
            goto again;
        return rc;
    }
    return page_cause[w->access];
}

/* The mode that loads and stores are made as: Volume II, 3.1.6.3. */
static unsigned data_mode(const struct rv64_hart *h)
{
    return h->mstatus & MSTATUS_MPRV && h->mode == RV64_M ? (unsigned)(h->mstatus >> 11 & 3)
                                                          : h->mode;
}

/* A program's memory: flat. */
static int translate_flat(struct rv64_hart *h, const struct walk *w, gva addr, u64 len, gpa *pa)
{
    const struct rv64_user *u = h->config.user;
    *pa                       = addr;
    return addr < u->limit && len <= u->limit - addr && u->may(u->ctx, addr, w->access)
               ? 0
               : page_cause[w->access];
}

/* What is at PA, if it can be touched directly. */
static void *host_of(const struct rv64_hart *h, gpa pa, u64 len, bool write)
{
    return h->config.user ? h->config.user->base + pa : ram_borrow(h->vcpu.ram, pa, len, write);
}

/* ADDR to *pa. 0 or a cause. */
static int translate(struct rv64_hart *h, struct walk *w, gva addr, u64 len, gpa *pa)
{
    int rc = 0;
    if (h->config.user)
        return translate_flat(h, w, addr, len, pa);
    if (w->mode == RV64_M || h->satp >> 60 == 0)
        *pa = addr;
    else
        rc = walk(h, w, addr, pa);
    if (!rc && !w->quiet && !rv64_pmp_allows(h, *pa, len, w->access, w->mode))
        rc = access_cause[w->access];
    return rc;
}

static bool watched_page(const struct rv64_hart *h, gva addr)
{
    for (unsigned i = 0; i < h->n_watches; i++)
        if ((h->watches[i].addr & PAGE_MASK) <= addr &&
            addr <= h->watches[i].addr + h->watches[i].len - 1)
            return true;
    return false;
}

static void check_watches(struct rv64_hart *h, gva addr, unsigned width, bool write)
{
    for (unsigned i = 0; i < h->n_watches; i++) {
        const struct rv64_watch *w = &h->watches[i];
        if (addr < w->addr + w->len && w->addr < addr + width && (write ? w->write : w->read)) {
            h->watch_hit  = true;
            h->watch_addr = addr;
        }
    }
}

static void unlearn(struct tlb *t, const u8 *host)
{
    for (unsigned i = 0; i < TLB_SIZE; i++)
        if (t->store[i].tag + t->store[i].add == (u64)host)
            t->store[i].tag = ~0ull;
}

/* No store to the page at HOST goes unseen from now on. */
void rv64_unlearn_stores(struct rv64_hart *h, const u8 *host)
{
    if (h->tlb_m_used)
        unlearn(&h->tlb_m, host);
    for (unsigned v = 0; v < VIEW_M; v++)
        if (h->space->tlb_used[v])
            unlearn(&h->space->tlbs[v], host);
    for (struct space *s = h->spaces; s < h->spaces + SPACES; s++)
        s->stores_stale = s != h->space;
}

/* Remembers that the page of ADDR is the RAM at PA, if that may be. */
static void remember(struct rv64_hart *h, const struct walk *w, gva addr, gpa pa)
{
    gpa  page  = pa & PAGE_MASK;
    bool write = w->access == ACCESS_STORE;
    u8  *host  = host_of(h, page, PAGE_SIZE, write);
    gva  tag   = addr & PAGE_MASK;
    if (!host || (write && rv64_jit_has_code(h, page)) || !pmp_whole_page(h, page) ||
        (h->n_watches && watched_page(h, tag)) || page == h->tohost_page)
        return;
    u64              index                                   = addr >> PAGE_BITS;
    struct tlb_entry entry                                   = {tag, (u64)host - tag};
    (write ? h->tlb->store : h->tlb->load)[index % TLB_SIZE] = entry;
    if (h->tlb == &h->tlb_m)
        h->tlb_m_used = true;
    else
        h->space->tlb_used[h->tlb - h->space->tlbs] = true;
}

static int data_trap(struct rv64_hart *h, int cause, gva addr)
{
    rv64_trap(h, (u64)cause, addr);
    return -1;
}

int rv64_probe(struct rv64_hart *h, gva addr, enum access access, gpa *pa)
{
    struct walk w = {.access = access, .mode = data_mode(h), .quiet = true};
    if (access == ACCESS_FETCH)
        w.mode = h->mode;
    return translate(h, &w, addr, 1, pa);
}

int rv64_data_ptr(struct rv64_hart *h, gva addr, enum access access, gpa *pa)
{
    struct walk w  = {.access = access, .mode = data_mode(h)};
    int         rc = translate(h, &w, addr, 1, pa);
    return rc ? data_trap(h, rc, addr) : 0;
}

/* One access to devices. The host's floating-point flags are the guest's: keep them. */
static int device_access(struct rv64_hart *h, gpa pa, unsigned width, u64 *val, bool write)
{
    u32 flags = fp_flags_get();
    count_add(&h->n_mmio, 1);
    int rc =
        write ? bus_write(h->vcpu.bus, pa, width, *val) : bus_read(h->vcpu.bus, pa, width, val);
    fp_flags_set(flags);
    return rc;
}

static u64 load_bytes(const void *p, unsigned width)
{
    u64 v = 0;
    if (((u64)p & (width - 1)) == 0) {
        switch (width) {
        case 1:
            return __atomic_load_n((const u8 *)p, __ATOMIC_RELAXED);
        case 2:
            return __atomic_load_n((const u16 *)p, __ATOMIC_RELAXED);
        case 4:
            return __atomic_load_n((const u32 *)p, __ATOMIC_RELAXED);
        case 8:
            return __atomic_load_n((const u64 *)p, __ATOMIC_RELAXED);
        }
    }
    for (unsigned i = 0; i < width; i++)
        v |= (u64)__atomic_load_n((const u8 *)p + i, __ATOMIC_RELAXED) << (8 * i);
    return v;
}

static void store_bytes(void *p, unsigned width, u64 v)
{
    if (((u64)p & (width - 1)) == 0) {
        switch (width) {
        case 1:
            __atomic_store_n((u8 *)p, (u8)v, __ATOMIC_RELAXED);
            return;
        case 2:
            __atomic_store_n((u16 *)p, (u16)v, __ATOMIC_RELAXED);
            return;
        case 4:
            __atomic_store_n((u32 *)p, (u32)v, __ATOMIC_RELAXED);
            return;
        case 8:
            __atomic_store_n((u64 *)p, v, __ATOMIC_RELAXED);
            return;
        }
    }
    for (unsigned i = 0; i < width; i++)
        __atomic_store_n((u8 *)p + i, (u8)(v >> (8 * i)), __ATOMIC_RELAXED);
}

/* A load or store that lies on one page. 0, or a cause. */
static int access_page(struct rv64_hart *h, gva addr, unsigned width, u64 *val, bool write)
{
    struct walk w = {.access = write ? ACCESS_STORE : ACCESS_LOAD, .mode = data_mode(h)};
    gpa         pa;
    count_add(&h->n_tlb_misses, 1);
    int rc = translate(h, &w, addr, width, &pa);
    if (rc)
        return rc;
    void *host = host_of(h, pa, width, write);
    if (!host)
        return device_access(h, pa, width, val, write) ? access_cause[w.access] : 0;
    if (write) {
        store_bytes(host, width, *val);
        rv64_jit_wrote(h, pa);
    }
    if (write && unlikely(h->config.tohost && pa == h->config.tohost))
        h->config.told(h->config.ctx, *val);
    if (!write)
        *val = load_bytes(host, width);
    remember(h, &w, addr, pa);
    return 0;
}

/* Misaligned data are handled, byte by byte where they cross a page; so each access is whole
 * or not there: both pages are looked up before a byte is written. */
static int access_across(struct rv64_hart *h, gva addr, unsigned width, u64 *val, bool write)
{
    unsigned first = (unsigned)(PAGE_SIZE - addr % PAGE_SIZE);
    u64      sum   = 0;
    if (write) {
        struct walk w = {.access = ACCESS_STORE, .mode = data_mode(h)};
        gpa         pa;
        int         rc = translate(h, &w, addr, 1, &pa);
        if (rc)
            return data_trap(h, rc, addr);
        rc = translate(h, &w, addr + first, 1, &pa);
        if (rc)
            return data_trap(h, rc, addr + first);
    }
    for (unsigned i = 0; i < width; i++) {
        u64 byte = write ? *val >> (8 * i) & 0xff : 0;
        int rc   = access_page(h, addr + i, 1, &byte, write);
        if (rc)
            return data_trap(h, rc, i >= first ? addr + first : addr);
        sum |= (byte & 0xff) << (8 * i);
    }
    if (!write)
        *val = sum;
    return 0;
}

static int access_slow(struct rv64_hart *h, gva addr, unsigned width, u64 *val, bool write)
{
    if (unlikely(h->n_watches))
        check_watches(h, addr, width, write);
    if (width > PAGE_SIZE - addr % PAGE_SIZE)
        return access_across(h, addr, width, val, write);
    int rc = access_page(h, addr, width, val, write);
    return rc ? data_trap(h, rc, addr) : 0;
}

int rv64_load_slow(struct rv64_hart *h, gva addr, unsigned width, u64 *val)
{
    *val = 0;
    return access_slow(h, addr, width, val, false);
}

/* LEN is at most a page. Devices are not asked: what they answer may not be thrown away. */
bool rv64_may_load(struct rv64_hart *h, gva addr, u64 len)
{
    const struct tlb_entry *e = &h->tlb->load[(addr >> PAGE_BITS) % TLB_SIZE];
    if (e->tag == (addr & PAGE_MASK) && len <= PAGE_SIZE - addr % PAGE_SIZE)
        return true;
    for (u64 n; len; addr += n, len -= n) {
        struct walk w = {.access = ACCESS_LOAD, .mode = data_mode(h)};
        gpa         pa;
        n = MIN(len, PAGE_SIZE - addr % PAGE_SIZE);
        if (translate(h, &w, addr, n, &pa) || !host_of(h, pa, n, false))
            return false;
    }
    return true;
}

int rv64_store_slow(struct rv64_hart *h, gva addr, unsigned width, u64 val)
{
    return access_slow(h, addr, width, &val, true);
}

/* For atomics: the host's address of aligned RAM. NULL: trapped. */
void *rv64_atomic_ptr(struct rv64_hart *h, gva addr, unsigned width, enum access access, gpa *pa)
{
    if (addr % width) {
        data_trap(h, access == ACCESS_LOAD ? CAUSE_LOAD_MISALIGNED : CAUSE_STORE_MISALIGNED, addr);
        return NULL;
    }
    if (unlikely(h->n_watches))
        check_watches(h, addr, width, access == ACCESS_STORE);
    struct walk w  = {.access = access, .mode = data_mode(h)};
    int         rc = translate(h, &w, addr, width, pa);
    void       *p  = rc ? NULL : host_of(h, *pa, width, access == ACCESS_STORE);
    if (!p)
        data_trap(h, rc ? rc : access_cause[access], addr);
    else if (access == ACCESS_STORE)
        rv64_jit_wrote(h, *pa);
    return p;
}

int rv64_fetch(struct rv64_hart *h, gva pc, gpa *pa, const u8 **host)
{
    struct itlb_entry *set = h->mode == RV64_M ? h->itlb_m : h->space->itlb[h->mode];
    struct itlb_entry *e   = &set[(pc >> PAGE_BITS) % ITLB_SIZE];
    if (likely(e->tag == (pc & PAGE_MASK))) {
        *pa   = e->page | pc % PAGE_SIZE;
        *host = e->host + pc % PAGE_SIZE;
        return 0;
    }
    struct walk w    = {.access = ACCESS_FETCH, .mode = h->mode};
    int         rc   = translate(h, &w, pc, 2, pa);
    u8         *page = rc ? NULL : host_of(h, *pa & PAGE_MASK, PAGE_SIZE, false);
    if (!page)
        return data_trap(h, rc ? rc : CAUSE_FETCH_ACCESS, pc);
    *host = page + pc % PAGE_SIZE;
    if (!pmp_whole_page(h, *pa & PAGE_MASK))
        return 1;
    *e = (struct itlb_entry){pc & PAGE_MASK, *pa & PAGE_MASK, page};
    return 0;
}

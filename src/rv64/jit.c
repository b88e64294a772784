/* rv64/jit.c - the engine jit: finds or makes translated code, runs it, and sees to what it
 * leaves for.
 *
 * Everything here is one hart's, as the interpreter's blocks are. Code is found by physical
 * address; a direct link between regions stays on one page, so it holds as long as the bytes
 * do: after fence.i all links are cut, and each region is compared with its bytes before it is
 * used again. Jumps off the page go through a table by virtual address, one for each mode, which
 * is emptied when translations change. Between entering and leaving translated code runs a
 * bounded number of instructions, so wishes of others wait at most that long. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/jit.h"

#include <string.h>

#include "base/alloc.h"
#include "memory/ram.h"
#include "rv64/words.h"

enum { CODE_BYTES = 64 << 20, STRETCH = 20000 };

static void *state_of(struct rv64_hart *h)
{
    return &h->x[16];
}
static struct rv64_hart *hart_of(void *state)
{
    return container_of((u64(*)[33])((u64 *)state - 16), struct rv64_hart, x);
}
#define STATE_OFF(m) rv64_jit_state_off(offsetof(struct rv64_hart, m))

/* --- called from translated code --- */

static gva pc_of(const struct rv64_hart *h, const struct code_site *s)
{
    return (h->jit->regions[s->fn]->pc & PAGE_MASK) | s->tag % PAGE_SIZE;
}

/* UNITS of what was counted were not done. A program's count is only roughly right. */
static void uncount(struct rv64_hart *h, u32 units)
{
    if (!h->config.user)
        *code_counter(&h->jit_context) += units;
}

/* The instruction there was not done, nor what stands behind it. */
static bool trapped(struct rv64_hart *h, const struct code_site *s)
{
    uncount(h, s->tag >> 12);
    return false;
}

static bool do_access(void *state, const struct code_site *s)
{
    static const u8 widths[IR_TYPES] = {
        [IR_I8] = 1,  [IR_U8] = 1,  [IR_I16] = 2, [IR_U16] = 2, [IR_I32] = 4,
        [IR_U32] = 4, [IR_I64] = 8, [IR_F32] = 4, [IR_F64] = 8};
    struct rv64_hart *h     = hart_of(state);
    unsigned          width = widths[s->what];
    u64               v     = h->jit_context.data;
    h->pc                   = pc_of(h, s);
    if (s->store)
        return !rv64_store_slow(h, h->jit_context.addr, width, v) || trapped(h, s);
    if (rv64_load_slow(h, h->jit_context.addr, width, &v))
        return trapped(h, s);
    bool is_signed      = s->what == IR_I8 || s->what == IR_I16 || s->what == IR_I32;
    h->jit_context.data = is_signed ? (u64)sext(v, 8 * width) : s->what == IR_F32 ? BOX_S(v) : v;
    return true;
}

/* Regions are made for this state of floating point: on, dirty, rounding to nearest. */
static bool fp_is_plain(const struct rv64_hart *h)
{
    return h->fs == 3 && h->frm == 0;
}

/* Brings icount up to the instruction of S. */
static void settle(struct rv64_hart *h, const struct code_site *s)
{
    i64 done = h->jit_stretch - *code_counter(&h->jit_context) - (s->tag >> 12);
    if (h->config.user)
        return;
    count_add(&h->icount, (u64)done);
    h->jit_stretch -= done;
}

/* One that may change anything. True: nothing that the rest of the region was made for. */
static bool do_system(struct rv64_hart *h, const struct code_site *s, const struct helped *d)
{
    const struct tlb *view    = h->tlb;
    u64               forgets = h->jit->n_forgets, epoch = h->epoch;
    bool              fp = fp_is_plain(h);
    settle(h, s);
    if (!rv64_row_fns[d->row](h, &d->op, d->raw))
        return trapped(h, s);
    if (rv64_is_csr(d->row) && view == h->tlb && forgets == h->jit->n_forgets &&
        epoch == h->epoch && fp == fp_is_plain(h) &&
        h->icount < atomic_load_explicit(&h->limit, memory_order_relaxed))
        return true;
    h->pc += (d->raw & 3) == 3 ? 4 : 2;
    uncount(h, (s->tag >> 12) - 1);
    return false;
}

static bool do_help(void *state, const struct code_site *s)
{
    struct rv64_hart    *h = hart_of(state);
    const struct helped *d = &h->jit->helped[s->what];
    h->pc                  = pc_of(h, s);
    if (rv64_is_system(d->row))
        return do_system(h, s, d);
    return rv64_row_fns[d->row](h, &d->op, d->raw) || trapped(h, s);
}

/* A program touched what is not there, in translated code. */
bool rv64_jit_fault(struct rv64_hart *h, void *ucontext, gva addr)
{
    const struct code_site *s = h->jit ? code_fault(h->jit->cache, ucontext, state_of(h)) : NULL;
    if (!s)
        return false;
    h->pc = pc_of(h, s);
    rv64_trap(h, s->store ? CAUSE_STORE_PAGE : CAUSE_LOAD_PAGE, addr);
    trapped(h, s);
    return true;
}

/* --- what is kept --- */

/* Registers that stay in the host's from region to region, the most used ones. */
static const u8 seated[CODE_SEATS] = {2, 10, 11, 12, 13, 14, 15, 8};

static void describe(const struct rv64_hart *h, struct code_frame *f)
{
    *f = (struct code_frame){.n_vars      = VARS,
                             .context     = STATE_OFF(jit_context),
                             .count       = STATE_OFF(jit_count),
                             .key         = STATE_OFF(pc),
                             .jumps       = STATE_OFF(jit_jumps),
                             .jump_bits   = JIT_JUMP_BITS,
                             .window      = h->config.user ? WINDOW_FLAT : WINDOW_PAGED,
                             .window_base = h->config.user ? STATE_OFF(user_limit) : STATE_OFF(tlb),
                             .load_table  = offsetof(struct tlb, load),
                             .store_table = offsetof(struct tlb, store),
                             .page_bits   = PAGE_BITS,
                             .page_index_bits = 10,
                             .access          = do_access,
                             .help            = do_help};
    _Static_assert(TLB_SIZE == 1024, "page_index_bits");
    for (unsigned i = 0; i < 32; i++) {
        f->vars[i]          = (struct code_var){STATE_OFF(x[0]) + 8 * (i32)i, -1, false};
        f->vars[VAR_F0 + i] = (struct code_var){STATE_OFF(f[0]) + 8 * (i32)i, -1, true};
    }
    for (i8 i = 0; i < CODE_SEATS; i++)
        f->vars[seated[i]].seat = i;
}

/* Devices write too, from any thread. */
static void wrote(void *ctx, gpa start, u64 len)
{
    struct rv64_hart *h = ctx;
    for (gpa at = start & PAGE_MASK; at < start + len; at += PAGE_SIZE)
        rv64_jit_wrote(h, at);
}

/* One hart alone knows of every store to its code; with others, or for a program, all is
 * compared after each fence.i. */
static void watch_pages(struct rv64_hart *h)
{
    struct rv64_jit *j = h->jit;
    if (!h->config.alone || !ram_count(h->vcpu.ram))
        return;
    const struct ram_range *first = ram_range(h->vcpu.ram, 0);
    const struct ram_range *last  = ram_range(h->vcpu.ram, ram_count(h->vcpu.ram) - 1);
    u64                     pages = (last->base + last->len - first->base) >> PAGE_BITS;
    struct ram_watch        watch = {.wrote = wrote, .ctx = h};
    j->pages                      = try_alloc(pages, 1);
    if (!j->pages)
        return;
    j->first_page = first->base >> PAGE_BITS;
    j->n_pages    = pages;
    ram_subscribe(h->vcpu.ram, &watch);
}

static void page_has_code(struct rv64_hart *h, gpa pa, const u8 *page)
{
    struct rv64_jit *j = h->jit;
    u64              n = (pa >> PAGE_BITS) - j->first_page;
    if (n >= j->n_pages || j->pages[n] & PAGE_CODE)
        return;
    j->pages[n] |= PAGE_CODE;
    rv64_unlearn_stores(h, page);
}

void rv64_jit_dirtied(struct rv64_hart *h)
{
    if (h->jit)
        atomic_store(&h->jit->dirty, true);
}

int rv64_jit_create(struct rv64_hart *h, struct err *err)
{
    struct code_frame frame;
    struct rv64_jit  *j = try_alloc(1, sizeof(*j));
    if (!j)
        return err_set(err, ENOMEM, "no memory for the translator");
    describe(h, &frame);
    int rc = code_cache_create(&j->cache, &frame, CODE_BYTES, err);
    if (rc) {
        free(j);
        return rc;
    }
    j->code        = code_create(j->cache);
    j->translation = rv64_translation_create();
    h->jit         = j;
    memset(j->tables, 0xff, sizeof(j->tables));
    watch_pages(h);
    return 0;
}

int rv64_jit_renew(struct rv64_hart *h, struct err *err)
{
    struct code_frame frame;
    describe(h, &frame);
    rv64_jit_flush(h);
    code_destroy(h->jit->code);
    code_cache_destroy(h->jit->cache);
    h->jit->code = NULL;
    int rc       = code_cache_create(&h->jit->cache, &frame, CODE_BYTES, err);
    if (!rc)
        h->jit->code = code_create(h->jit->cache);
    return rc;
}

void rv64_jit_flush(struct rv64_hart *h)
{
    struct rv64_jit *j = h->jit;
    if (!j)
        return;
    for (u32 i = 0; i < j->n_regions; i++) {
        free(j->regions[i]->raw);
        free(j->regions[i]);
    }
    code_cache_flush(j->cache);
    memset(j->hash, 0, sizeof(j->hash));
    memset(j->tables, 0xff, sizeof(j->tables));
    j->n_regions = j->n_helped = j->n_linked = 0;
    j->n_flushes++;
}

void rv64_jit_destroy(struct rv64_hart *h)
{
    struct rv64_jit *j = h->jit;
    if (!j)
        return;
    rv64_jit_flush(h);
    code_destroy(j->code);
    code_cache_destroy(j->cache);
    free(j->regions);
    free(j->translation);
    free(j->helped);
    free(j->linked);
    free(j->pages);
    free(j);
    h->jit = NULL;
}

void rv64_jit_forget(struct rv64_hart *h, unsigned modes)
{
    struct rv64_jit *j = h->jit;
    if (j)
        j->n_forgets++;
    if (j && modes > RV64_S)
        memset(j->in_tables, 0, sizeof(j->in_tables));
    for (unsigned i = 0; j && i < 2 * modes; i++)
        if (j->table_used[i]) {
            memset(j->tables[i], 0xff, sizeof(j->tables[i]));
            j->table_used[i] = false;
        }
}

static u64 filter_of(gva page)
{
    return (page >> PAGE_BITS) % PAGE_FILTER;
}

void rv64_jit_forget_page(struct rv64_hart *h, gva page)
{
    struct rv64_jit *j = h->jit;
    if (!j || !(j->in_tables[filter_of(page) / 64] >> (filter_of(page) % 64) & 1))
        return;
    for (unsigned i = 0; i < 2 * (RV64_S + 1); i++)
        for (unsigned k = 0; j->table_used[i] && k < 1 << JIT_JUMP_BITS; k++)
            if (((j->tables[i][k].key + 2) & PAGE_MASK) == page ||
                (j->tables[i][k].key & PAGE_MASK) == page) /* or ends there */
                j->tables[i][k].key = ~0ull;
}

/* After fence.i, if code may have changed: every way into a region leads through find() again. */
static void cut_links(struct rv64_hart *h)
{
    struct rv64_jit *j = h->jit;
    j->epoch           = h->epoch;
    if (j->n_pages && !atomic_exchange(&j->dirty, false))
        return;
    j->checks++;
    for (u32 i = 0; i < j->n_linked; i++)
        code_link_set(j->cache, j->linked[i], NULL);
    j->n_linked = 0;
    rv64_jit_forget(h, JIT_TABLES / 2);
}

static void add_link(struct rv64_jit *j, u32 link, const void *entry)
{
    if (j->n_linked == j->room_linked) {
        j->room_linked = j->room_linked ? 2 * j->room_linked : 1024;
        j->linked      = xrealloc(j->linked, j->room_linked * sizeof(u32));
    }
    j->linked[j->n_linked++] = link;
    code_link_set(j->cache, link, entry);
}

/* --- finding code --- */

static struct region *recall(struct rv64_hart *h, gpa pa, const u8 *page, u16 beyond)
{
    for (struct region **at = &h->jit->hash[(pa >> 1) % JIT_HASH]; *at; at = &(*at)->next) {
        struct region *r = *at;
        if (r->pa != pa || r->pc != h->pc || r->fp != fp_is_plain(h) || r->beyond != beyond)
            continue;
        if (r->checked != h->jit->checks && memcmp(r->raw, page + r->lo, r->bytes)) {
            *at = r->next; /* its code stays until the next flush, but nobody finds it */
            return NULL;
        }
        r->checked = h->jit->checks;
        return r;
    }
    return NULL;
}

static void number(struct rv64_jit *j, struct region *r)
{
    if (j->n_regions == j->room_regions) {
        j->room_regions = j->room_regions ? 2 * j->room_regions : 1024;
        j->regions      = xrealloc(j->regions, j->room_regions * sizeof(*j->regions));
    }
    j->regions[j->n_regions++] = r;
}

static struct region *make(struct rv64_hart *h, gpa pa, const u8 *page, bool straddles, u16 beyond)
{
    struct rv64_jit *j = h->jit;
    struct region   *r = xnew(struct region);
    *r                 = (struct region){.pa        = pa,
                                         .pc        = h->pc,
                                         .fp        = fp_is_plain(h),
                                         .straddles = straddles,
                                         .beyond    = beyond,
                                         .checked   = j->checks};
    page_has_code(h, pa, page);
    int rc = rv64_translate(h, r, page);
    if (rc == -ENOSPC && code_cache_used(j->cache) > CODE_BYTES / 2) {
        rv64_jit_flush(h);
        rc = rv64_translate(h, r, page);
    }
    if (rc) {
        free(r);
        return NULL;
    }
    r->raw = xalloc(r->bytes);
    memcpy(r->raw, page + r->lo, r->bytes);
    number(j, r);
    struct region **chain = &j->hash[(pa >> 1) % JIT_HASH];
    r->next               = *chain;
    *chain                = r;
    count_add(&h->n_blocks, 1);
    return r;
}

/* The first half word of the page behind h->pc's, if the instruction there goes on there. -1: a
 * trap was taken, 0: it does not, 1: it does. */
static int look_beyond(struct rv64_hart *h, const u8 *host, u16 *beyond)
{
    gpa pa;
    *beyond = 0;
    if (!rv64_jit_is_last(h->pc) || (host[0] & 3) != 3)
        return 0;
    int rc = rv64_fetch(h, h->pc + 2, &pa, &host);
    if (rc < 0)
        return -1;
    *beyond = (u16)(host[0] | host[1] << 8);
    page_has_code(h, pa, host);
    return 1;
}

/* The region at h->pc. NULL: a trap was taken (*step false), or the interpreter shall do the
 * instruction (*step true). */
static struct region *find_region(struct rv64_hart *h, bool *step)
{
    gpa       pa;
    const u8 *host;
    u16       beyond;
    int       rc = rv64_fetch(h, h->pc, &pa, &host);
    *step        = rc > 0;
    if (rc)
        return NULL;
    const u8 *page      = host - h->pc % PAGE_SIZE;
    int       straddles = look_beyond(h, host, &beyond);
    if (straddles < 0)
        return NULL;
    struct region *r = recall(h, pa, page, beyond);
    if (!r) {
        count_add(&h->n_block_misses, 1);
        r = make(h, pa, page, straddles, beyond);
    }
    *step = !r;
    return r;
}

/* Its code. */
static const void *find(struct rv64_hart *h, bool *step)
{
    struct rv64_jit  *j     = h->jit;
    unsigned          table = 2u * h->mode + fp_is_plain(h);
    struct code_jump *e     = &j->tables[table][(h->pc >> 1) % (1 << JIT_JUMP_BITS)];
    h->jit_jumps            = j->tables[table];
    *step                   = false;
    if (e->key == h->pc)
        return e->code;
    const struct region *r = find_region(h, step);
    if (!r)
        return NULL;
    *e                   = (struct code_jump){h->pc, r->entry};
    j->table_used[table] = true;
    j->in_tables[filter_of(h->pc) / 64] |= 1ull << (filter_of(h->pc) % 64);
    if (r->straddles)
        j->in_tables[filter_of(h->pc + 2) / 64] |= 1ull << (filter_of(h->pc + 2) % 64);
    return r->entry;
}

/* --- running --- */

/* Runs from ENTRY on. Returns the link that it left by, if that may be set. */
static u32 run(struct rv64_hart *h, const void *entry, u64 limit, bool *step)
{
    i64 stretch    = (i64)MIN(limit - h->icount, (u64)STRETCH);
    h->jit_stretch = h->jit_count = stretch;
    u32 link                      = code_run(h->jit->cache, state_of(h), entry);
    count_add(&h->icount, (u64)(h->jit_stretch - h->jit_count));
    if (link == CODE_NO_LINK)
        return CODE_NO_LINK; /* h->pc is set */
    const struct code_link *l = code_link(h->jit->cache, link);
    h->pc                     = l->cookie;
    *step = l->kind == EXIT_STEP || (l->kind == CODE_POLLED && h->jit_count == stretch);
    return l->kind == EXIT_CHAIN ? link : CODE_NO_LINK;
}

void rv64_jit_run(struct rv64_hart *h)
{
    struct rv64_jit *j    = h->jit;
    u32              link = CODE_NO_LINK;
    for (;;) {
        u64 limit = atomic_load_explicit(&h->limit, memory_order_relaxed);
        if (h->icount >= limit)
            return;
        if (unlikely(j->epoch != h->epoch)) {
            cut_links(h);
            link = CODE_NO_LINK;
        }
        bool        step;
        u64         flushes = j->n_flushes;
        const void *entry   = find(h, &step);
        if (entry && link != CODE_NO_LINK && flushes == j->n_flushes)
            add_link(j, link, entry);
        link = CODE_NO_LINK;
        if (entry)
            link = run(h, entry, limit, &step);
        if (unlikely(h->exit->why != VCPU_KICKED))
            return;
        if (step) {
            rv64_interp(h, true);
            if (h->exit->why != VCPU_KICKED)
                return;
        }
    }
}

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

enum { CODE_BYTES = 64 << 20, SMALL_BYTES = 96 << 10, STRETCH = 20000 };

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
    return (h->jit->regions[s->fn].pc & PAGE_MASK) | s->tag % PAGE_SIZE;
}

/* UNITS of what was counted were not done. A program's count is only roughly right. */
static void uncount(struct rv64_hart *h, u32 units)
{
    if (rv64_counts_all(h))
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
    if (!rv64_counts_all(h))
        return;
    count_add(&h->icount, (u64)done);
    h->jit_stretch -= done;
}

/* One that may change anything. True: nothing that the rest of the region was made for. */
static bool do_system(struct rv64_hart *h, const struct code_site *s, const struct helped *d)
{
    u64                 forgets = h->jit->n_forgets, epoch = h->epoch;
    bool                fp    = fp_is_plain(h);
    const struct space *space = h->space; /* with it, where jumps go */
    settle(h, s);
    if (!rv64_row_fns[d->row](h, &d->op, d->raw))
        return trapped(h, s);
    if (rv64_is_csr(d->row) && space == h->space && forgets == h->jit->n_forgets &&
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

/* A vector instruction. */
static bool do_light(void *state, const struct code_site *s)
{
    struct rv64_hart    *h = hart_of(state);
    const struct helped *d = &h->jit->helped[s->what];
    h->pc                  = pc_of(h, s);
    return rv64_row_fns[d->row](h, &d->op, d->raw) || trapped(h, s);
}

/* A program touched what is not there, in translated code. */
bool rv64_jit_fault(struct rv64_hart *h, void *ucontext, gva addr)
{
    const struct code_site *s = h->jit ? code_fault(h->jit->cache, ucontext, state_of(h)) : NULL;
    if (!s) {
        if (h->jit) /* then a function that it called did: this one does not return */
            code_abandon(h->jit->cache, state_of(h));
        return false;
    }
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
                             .page_index_bits = 12,
                             .access          = do_access,
                             .help            = do_help,
                             .light           = do_light};
    _Static_assert(TLB_SIZE == 4096, "page_index_bits");
    for (unsigned i = 0; i < 32; i++) {
        f->vars[i]          = (struct code_var){STATE_OFF(x[0]) + 8 * (i32)i, -1, false};
        f->vars[VAR_F0 + i] = (struct code_var){STATE_OFF(f[0]) + 8 * (i32)i, -1, true};
    }
    for (i8 i = 0; i < CODE_SEATS; i++)
        f->vars[seated[i]].seat = i;
}

void rv64_jit_dirtied(struct rv64_hart *h)
{
    if (h->jit)
        atomic_store(&h->jit->dirty, true);
}

/* The words of rv64_config.hard. */
static int harden(struct rv64_jit *j, const char *words, struct err *err)
{
    j->bytes = CODE_BYTES;
    for (const char *w = words; w && *w; w += strcspn(w, ","), w += *w == ',') {
        size_t n = strcspn(w, ",");
        if (n == 5 && !strncmp(w, "flush", n))
            j->flushes = true;
        else if (n == 5 && !strncmp(w, "plain", n))
            j->plain = true;
        else if (n == 5 && !strncmp(w, "small", n))
            j->bytes = SMALL_BYTES;
        else if (n == 5 && !strncmp(w, "wrong", n))
            j->wrong = true;
        else
            return err_set(err, EINVAL, "--jit %s: the words are flush, small, plain, wrong",
                           words);
    }
    return 0;
}

int rv64_jit_create(struct rv64_hart *h, struct err *err)
{
    struct code_frame frame;
    struct rv64_jit  *j = try_alloc_large(sizeof(*j));
    if (!j)
        return err_set(err, ENOMEM, "no memory for the translator");
    describe(h, &frame);
    int rc     = harden(j, h->config.hard, err);
    j->regions = try_alloc_large(REGIONS * sizeof(*j->regions));
    if (!rc && !j->regions)
        rc = err_set(err, ENOMEM, "no memory for the translator's regions");
    if (!rc)
        rc = code_cache_create(&j->cache, &frame, j->bytes, err);
    if (rc) {
        free_large(j->regions, REGIONS * sizeof(*j->regions));
        free_large(j, sizeof(*j));
        return rc;
    }
    j->code = code_create(j->cache);
    code_optimise(j->code, !j->plain);
    j->translation = rv64_translation_create();
    h->jit         = j;
    rv64_pages_watch(h);
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
    int rc       = code_cache_create(&h->jit->cache, &frame, h->jit->bytes, err);
    if (!rc)
        h->jit->code = code_create(h->jit->cache);
    if (!rc)
        code_optimise(h->jit->code, !h->jit->plain);
    return rc;
}

void rv64_jit_flush(struct rv64_hart *h)
{
    struct rv64_jit *j = h->jit;
    if (!j)
        return;
    for (u32 i = 0; i < j->n_regions; i++)
        free(j->regions[i].raw);
    code_cache_flush(j->cache);
    memset(j->hash, 0, sizeof(j->hash));
    rv64_pages_flush(h);
    for (unsigned i = 0; i <= SPACES; i++)
        rv64_jit_forget(h, i);
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
    free_large(j->regions, REGIONS * sizeof(*j->regions));
    free(j->translation);
    free(j->helped);
    free(j->linked);
    rv64_pages_done(h);
    free_large(j, sizeof(*j));
    h->jit = NULL;
}

static u64 jump_index(gva pc)
{
    return (pc >> 1) % (1 << JIT_JUMP_BITS);
}

static struct jump_page *jump_page(struct jump_space *s, gva page)
{
    return &s->pages[(page >> PAGE_BITS) % ARRAY_SIZE(s->pages)];
}

static void count_jump(struct jump_space *s, gva pc, int by)
{
    enum { CHUNK = PAGE_SIZE / 64 };
    struct jump_page *p = jump_page(s, pc);
    p->n += by;
    p->chunks = p->n ? p->chunks | 1ull << (pc % PAGE_SIZE / CHUNK) : 0;
    if (!rv64_jit_is_last(pc)) /* what lies there may go on on the next page */
        return;
    p = jump_page(s, pc + 2);
    p->n += by;
    p->chunks = p->n ? p->chunks : 0;
}

/* Changes an entry; KEY ~0: to none. */
static void set_jump(struct jump_space *s, struct code_jump *e, gva key, const void *code)
{
    if (e->key != ~0ull)
        count_jump(s, e->key, -1);
    if (key != ~0ull)
        count_jump(s, key, 1);
    *e = (struct code_jump){key, code};
}

void rv64_jit_forget(struct rv64_hart *h, unsigned space)
{
    struct jump_space *s = h->jit ? &h->jit->jumps[space] : NULL;
    if (!s)
        return;
    h->jit->n_forgets++;
    bool any = false;
    for (unsigned i = 0; i < ARRAY_SIZE(s->tables); i++)
        if (s->used[i]) {
            memset(s->tables[i], 0xff, sizeof(s->tables[i]));
            s->used[i] = false;
            any        = true;
        }
    if (any)
        memset(s->pages, 0, sizeof(s->pages));
}

static void forget_in(struct jump_space *s, struct code_jump *table, gva from, gva to)
{
    for (gva pc = from; pc < to; pc += 2)
        if (table[jump_index(pc)].key == pc)
            set_jump(s, &table[jump_index(pc)], ~0ull, NULL);
}

void rv64_jit_forget_page(struct rv64_hart *h, unsigned space, gva page)
{
    struct jump_space      *s = h->jit ? &h->jit->jumps[space] : NULL;
    const struct jump_page *p = s ? jump_page(s, page) : NULL;
    for (unsigned i = 0; s && p->n && i < ARRAY_SIZE(s->tables); i++) {
        if (!s->used[i])
            continue;
        for (u64 left = p->chunks; left; left &= left - 1) {
            gva from = page + (u64)__builtin_ctzll(left) * (PAGE_SIZE / 64);
            forget_in(s, s->tables[i], from, from + PAGE_SIZE / 64);
        }
        forget_in(s, s->tables[i], page - 2, page);
    }
}

/* Nobody comes to it any more. Those that are linked to it lie on its page, and go with it; its
 * code stays until the next flush. */
void rv64_jit_drop(struct rv64_hart *h, struct region *r)
{
    struct rv64_jit *j  = h->jit;
    struct region  **at = &j->hash[(r->pa >> 1) % JIT_HASH];
    while (*at && *at != r)
        at = &(*at)->next;
    if (*at)
        *at = r->next;
    for (unsigned i = 0; i <= SPACES; i++)
        for (unsigned k = r->fp != FP_OFF; k < ARRAY_SIZE(j->jumps[i].tables); k += 2) {
            struct code_jump *e = &j->jumps[i].tables[k][jump_index(r->pc)];
            if (e->key == r->pc && e->code == r->entry)
                set_jump(&j->jumps[i], e, ~0ull, NULL);
        }
}

/* After fence.i: what may have changed is found, or looked at, again. */
static void obey_fence(struct rv64_hart *h)
{
    struct rv64_jit *j = h->jit;
    j->epoch           = h->epoch;
    if (rv64_pages_obey(h))
        return;
    j->checks++;
    for (u32 i = 0; i < j->n_linked; i++)
        code_link_set(j->cache, j->linked[i], NULL);
    j->n_linked = 0;
    for (unsigned i = 0; i <= SPACES; i++)
        rv64_jit_forget(h, i);
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

static struct region *recall(struct rv64_hart *h, enum region_fp fp, gpa pa, const u8 *page,
                             u16 beyond)
{
    for (struct region **at = &h->jit->hash[(pa >> 1) % JIT_HASH]; *at; at = &(*at)->next) {
        struct region *r = *at;
        if (r->pa != pa || r->pc != h->pc || r->fp != fp || r->mode != h->mode ||
            r->beyond != beyond)
            continue;
        if (r->checked != h->jit->checks && (!r->raw || memcmp(r->raw, page + r->lo, r->bytes))) {
            *at = r->next; /* its code stays until the next flush, but nobody finds it */
            return NULL;
        }
        r->checked = h->jit->checks;
        return r;
    }
    return NULL;
}

/* What an instruction that goes on on the next page finds there. */
struct beyond {
    bool is;
    u16  half;
    gpa  page;
};

/* False: a trap was taken. */
static bool look_beyond(struct rv64_hart *h, const u8 *host, struct beyond *b)
{
    *b = (struct beyond){0};
    if (!rv64_jit_is_last(h->pc) || (host[0] & 3) != 3)
        return true;
    if (rv64_fetch(h, h->pc + 2, &b->page, &host) < 0)
        return false;
    b->is   = true;
    b->half = (u16)(host[0] | host[1] << 8);
    rv64_pages_mark(h, b->page, host);
    return true;
}

static struct region *make(struct rv64_hart *h, enum region_fp fp, gpa pa, const u8 *page,
                           const struct beyond *b)
{
    struct rv64_jit *j    = h->jit;
    struct region    made = {.pa          = pa,
                             .pc          = h->pc,
                             .fp          = (u8)fp,
                             .mode        = h->mode,
                             .straddles   = b->is,
                             .beyond      = b->half,
                             .beyond_page = b->page,
                             .checked     = j->checks};
    rv64_pages_mark(h, pa, page);
    if (j->n_regions == REGIONS)
        rv64_jit_flush(h);
    int rc = rv64_translate(h, &made, page);
    if (rc == -ENOSPC && code_cache_used(j->cache) > j->bytes / 3) {
        rv64_jit_flush(h);
        rc = rv64_translate(h, &made, page);
    }
    if (rc)
        return NULL;
    struct region *r = &j->regions[j->n_regions++]; /* the number of its code, too */
    *r               = made;
    if (!j->pages.n) {
        r->raw = xalloc(r->bytes);
        memcpy(r->raw, page + r->lo, r->bytes);
    }
    struct region **chain = &j->hash[(pa >> 1) % JIT_HASH];
    r->next               = *chain;
    *chain                = r;
    rv64_pages_add(h, r);
    count_add(&h->n_blocks, 1);
    return r;
}

/* The region at h->pc. NULL: a trap was taken (*step false), or the interpreter shall do the
 * instruction (*step true). */
static struct region *find_region(struct rv64_hart *h, enum region_fp fp, bool *step)
{
    gpa       pa;
    const u8 *host;
    int       rc = rv64_fetch(h, h->pc, &pa, &host);
    *step        = rc > 0;
    struct beyond beyond;
    if (rc || !look_beyond(h, host, &beyond))
        return NULL;
    const u8      *page = host - h->pc % PAGE_SIZE;
    struct region *r    = recall(h, fp, pa, page, beyond.half);
    if (!r) {
        count_add(&h->n_block_misses, 1);
        r = make(h, fp, pa, page, &beyond);
    }
    *step = !r;
    return r;
}

/* Its code. */
static const void *find(struct rv64_hart *h, bool *step)
{
    bool               m     = h->mode == RV64_M;
    struct jump_space *s     = &h->jit->jumps[m ? SPACES : h->space - h->spaces];
    unsigned           table = (m ? 0 : 2u * h->mode) + fp_is_plain(h);
    struct code_jump  *e     = &s->tables[table][jump_index(h->pc)];
    h->jit_jumps             = s->tables[table];
    if (!s->made[table])
        memset(s->tables[table], 0xff, sizeof(s->tables[table]));
    s->made[table] = true;
    *step          = false;
    if (e->key == h->pc)
        return e->code;
    const struct region *r = find_region(h, fp_is_plain(h) ? FP_BOXED : FP_OFF, step);
    if (!r)
        return NULL;
    set_jump(s, e, h->pc, r->entry);
    s->used[table] = true;
    return r->entry;
}

/* --- running --- */

/* How translated code was left, and where to go from there. */
struct way {
    u32  link; /* may be set; or CODE_NO_LINK */
    bool any;  /* to code that takes any floating-point registers */
    bool step; /* the interpreter does one instruction first */
};

static struct way run(struct rv64_hart *h, const void *entry, u64 limit)
{
    i64 stretch    = (i64)MIN(limit - h->icount, (u64)STRETCH);
    h->jit_stretch = h->jit_count = stretch;
    u32 link                      = code_run(h->jit->cache, state_of(h), entry);
    count_add(&h->icount, (u64)(h->jit_stretch - h->jit_count));
    if (link == CODE_NO_LINK)
        return (struct way){.link = CODE_NO_LINK}; /* h->pc is set */
    const struct code_link *l = code_link(h->jit->cache, link);
    h->pc                     = l->cookie;
    bool at_once              = l->kind == CODE_POLLED && h->jit_count == stretch;
    bool linkable             = l->kind == EXIT_CHAIN || l->kind == EXIT_UNBOXED;
    return (struct way){.link = linkable ? link : CODE_NO_LINK,
                        .any  = l->kind == EXIT_UNBOXED,
                        .step = l->kind == EXIT_STEP || at_once};
}

/* The code that WAY leads to; its link is set. */
static const void *follow(struct rv64_hart *h, struct way *way)
{
    struct rv64_jit *j       = h->jit;
    u64              flushes = j->n_flushes;
    const void      *entry;
    if (way->any) {
        const struct region *r = find_region(h, FP_ANY, &way->step);
        entry                  = r ? r->entry : NULL;
    } else {
        entry = find(h, &way->step);
    }
    if (entry && way->link != CODE_NO_LINK && flushes == j->n_flushes && !rv64_jit_is_last(h->pc))
        add_link(j, way->link, entry);
    return entry;
}

void rv64_jit_run(struct rv64_hart *h)
{
    struct way way = {.link = CODE_NO_LINK};
    for (;;) {
        u64 limit = atomic_load_explicit(&h->limit, memory_order_relaxed);
        if (h->icount >= limit)
            return;
        if (unlikely(h->jit->epoch != h->epoch)) {
            obey_fence(h);
            way = (struct way){.link = CODE_NO_LINK};
        }
        if (unlikely(h->jit->flushes)) {
            rv64_jit_flush(h);
            way.link = CODE_NO_LINK;
        }
        const void *entry = follow(h, &way);
        bool        step  = way.step;
        way               = (struct way){.link = CODE_NO_LINK};
        if (entry) {
            way  = run(h, entry, limit);
            step = way.step;
        }
        if (unlikely(h->exit->why != VCPU_KICKED))
            return;
        if (step) {
            way = (struct way){.link = CODE_NO_LINK};
            rv64_interp(h, true);
            if (h->exit->why != VCPU_KICKED)
                return;
        }
    }
}

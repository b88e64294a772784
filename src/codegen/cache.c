/* codegen/cache.c - the memory of host code: mapped twice, so never writable and executable at
 * one address; and what is known of the regions in it. When it is full all of it goes at once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/cache.h"

#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "codegen/host.h"

void table_grow(void **at, u32 *room, u64 size)
{
    *room = *room ? 2 * *room : 256;
    *at   = xrealloc(*at, *room * size);
}

static int map_twice(struct code_cache *k, struct err *err)
{
    cleanup_fd int fd = memfd_create("guise-code", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, k->size))
        return err_errno(err, errno, "no memory for translated code");
    k->rw = mmap(NULL, k->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    k->rx = mmap(NULL, k->size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    if (k->rw == MAP_FAILED || k->rx == MAP_FAILED)
        return err_errno(err, errno, "cannot map translated code");
    return 0;
}

int code_cache_create(struct code_cache **out, const struct code_frame *frame, u64 bytes,
                      struct err *err)
{
    assert(bytes <= GiB(1) && frame->n_vars <= CODE_VARS);
    struct code_cache *k = xnew(struct code_cache);
    k->frame             = *frame;
    k->size              = (u32)ALIGN_UP(bytes, 4096);
    k->rw = k->rx = MAP_FAILED;
    int rc        = host_supported(frame, err);
    if (!rc)
        rc = map_twice(k, err);
    if (rc) {
        code_cache_destroy(k);
        return rc;
    }
    host_trampolines(k);
    k->start = k->used;
    k->cold = k->cold_used = ALIGN_UP(k->size / 8 * 3, 4096u);
    *out                   = k;
    return 0;
}

void code_cache_destroy(struct code_cache *k)
{
    if (!k)
        return;
    if (k->rw != MAP_FAILED)
        munmap(k->rw, k->size);
    if (k->rx != MAP_FAILED)
        munmap(k->rx, k->size);
    free(k->fns.at);
    free(k->sites.at);
    free(k->links.at);
    free(k);
}

void code_cache_flush(struct code_cache *k)
{
    k->used      = k->start;
    k->cold_used = k->cold;
    k->fns.n = k->sites.n = k->links.n = 0;
}

u64 code_cache_used(const struct code_cache *k)
{
    return k->used - k->start + k->cold_used - k->cold;
}

u32 code_run(struct code_cache *k, void *state, const void *entry)
{
    struct code_context *ctx = (struct code_context *)((u8 *)state + k->frame.context);
    void (*enter)(void *, const void *);
    u8 *at = k->rx + k->enter;
    memcpy(&enter, &at, sizeof(enter));
    enter(state, entry);
    return ctx->link;
}

const struct code_link *code_link(const struct code_cache *k, u32 number)
{
    assert(number < k->links.n);
    return &k->links.at[number];
}

void code_link_set(struct code_cache *k, u32 number, const void *entry)
{
    const struct code_link *l = code_link(k, number);
    host_patch_jump(k, l->at, entry ? (u32)((const u8 *)entry - k->rx) : l->stub);
}

/* Where a register was put on the way out. */
static u64 *saved(struct code_context *ctx, u8 reg)
{
    return reg < HOST_FP ? &ctx->gpr[reg] : &ctx->fpr[reg - HOST_FP];
}

void code_sync_home(const struct code_cache *k, void *state, u32 fn)
{
    const struct fn_record *f   = &k->fns.at[fn];
    struct code_context    *ctx = (void *)((u8 *)state + k->frame.context);
    for (unsigned i = 0; i < f->n_seats; i++)
        memcpy((u8 *)state + k->frame.vars[f->seats[i].var].home, saved(ctx, f->seats[i].reg), 8);
}

static void sync_back(const struct code_cache *k, u8 *state, u32 fn)
{
    const struct fn_record *f   = &k->fns.at[fn];
    struct code_context    *ctx = (void *)(state + k->frame.context);
    for (unsigned i = 0; i < f->n_seats; i++)
        memcpy(saved(ctx, f->seats[i].reg), state + k->frame.vars[f->seats[i].var].home, 8);
}

/* The first of several accesses was done: does one entry of the table do for the others now? */
static u64 near_page(const struct code_cache *k, const struct code_context *ctx,
                     const struct site_record *s)
{
    const struct code_frame *f    = &k->frame;
    u64                      base = ctx->addr - (u64)(i64)s->off;
    u64                      from = base + (u64)(i64)s->lo, to = base + (u64)(i64)s->hi - 1;
    if ((from ^ to) >> f->page_bits || from & s->align)
        return 0;
    const struct code_page *table =
        (const void *)(ctx->gpr[HOST_WINDOW] + (s->site.store ? f->store_table : f->load_table));
    const struct code_page *page =
        &table[(from >> f->page_bits) & ((1u << f->page_index_bits) - 1)];
    return page->tag == (from >> f->page_bits) << f->page_bits ? page->add : 0;
}

void code_abandon(const struct code_cache *k, void *state)
{
    struct code_context *ctx = (void *)((u8 *)state + k->frame.context);
    if (ctx->light)
        code_sync_home(k, state, k->sites.at[ctx->site].site.fn);
    ctx->light = false;
}

bool code_called_out(struct code_cache *k, u8 *state)
{
    struct code_context      *ctx = (void *)(state + k->frame.context);
    const struct site_record *s   = &k->sites.at[ctx->site];
    ctx->link                     = CODE_NO_LINK;
    if (!s->help) {
        if (k->frame.access(state, &s->site)) {
            ctx->page = s->near ? near_page(k, ctx, s) : 0;
            return true;
        }
        code_sync_home(k, state, s->site.fn);
        return false;
    }
    if (s->light) {
        ctx->light = true;
        bool done  = k->frame.light(state, &s->site);
        ctx->light = false;
        if (done)
            return true;
    }
    code_sync_home(k, state, s->site.fn);
    if (s->light || !k->frame.help(state, &s->site))
        return false;
    sync_back(k, state, s->site.fn);
    memcpy(&ctx->gpr[HOST_WINDOW], state + k->frame.window_base, 8);
    return true;
}

/* Regions and their sites are in the order of their code. */
const struct code_site *code_site_at(const struct code_cache *k, const void *host_pc)
{
    u64 at = (u64)((const u8 *)host_pc - k->rx);
    u32 lo = 0, hi = k->sites.n;
    if (at >= k->used)
        return NULL;
    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        if (k->sites.at[mid].at < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < k->sites.n && k->sites.at[lo].at == at ? &k->sites.at[lo].site : NULL;
}

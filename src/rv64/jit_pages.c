/* rv64/jit_pages.c - which pages of RAM have been translated, so that fence.i costs only what was
 * written.
 *
 * One hart alone learns of every store: its own go the slow way to a page with code, once, and
 * devices tell (ram_subscribe). The page is stale then, stores to it are fast again, and the next
 * fence.i drops what was made of it. With other harts, or for a program, nobody tells: after each
 * fence.i all regions are compared with their bytes before they are used again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "memory/ram.h"
#include "rv64/jit.h"

static void wrote(void *ctx, gpa start, u64 len)
{
    struct rv64_hart *h = ctx;
    for (gpa at = start & PAGE_MASK; at < start + len; at += PAGE_SIZE)
        rv64_jit_wrote(h, at);
}

void rv64_pages_subscribe(struct rv64_hart *h)
{
    struct ram_watch watch = {.wrote = wrote, .ctx = h};
    h->told                = h->config.alone && h->vcpu.ram && ram_count(h->vcpu.ram);
    if (h->told)
        ram_subscribe(h->vcpu.ram, &watch);
}

void rv64_pages_watch(struct rv64_hart *h)
{
    struct code_pages *p = &h->jit->pages;
    pthread_mutex_init(&p->lock, NULL);
    if (!h->told)
        return;
    const struct ram_range *first = ram_range(h->vcpu.ram, 0);
    const struct ram_range *last  = ram_range(h->vcpu.ram, ram_count(h->vcpu.ram) - 1);
    u64                     n     = (last->base + last->len - first->base) >> PAGE_BITS;
    p->has_code                   = try_alloc(n, 1);
    if (!p->has_code)
        return;
    p->first = first->base >> PAGE_BITS;
    p->n     = n;
}

void rv64_pages_done(struct rv64_hart *h)
{
    struct code_pages *p = &h->jit->pages;
    pthread_mutex_destroy(&p->lock);
    free(p->has_code);
    free(p->stale);
}

void rv64_pages_flush(struct rv64_hart *h)
{
    struct code_pages *p = &h->jit->pages;
    memset(p->regions, 0, sizeof(p->regions));
    p->straddlers = NULL;
}

void rv64_pages_mark(struct rv64_hart *h, gpa pa, const u8 *host)
{
    struct code_pages *p = &h->jit->pages;
    u64                n = (pa >> PAGE_BITS) - p->first;
    if (n < p->n && !atomic_exchange(&p->has_code[n], true))
        rv64_unlearn_stores(h, host);
}

void rv64_jit_wrote(struct rv64_hart *h, gpa pa)
{
    if (!rv64_jit_has_code(h, pa))
        return;
    struct code_pages *p = &h->jit->pages;
    pthread_mutex_lock(&p->lock);
    if (atomic_exchange(&p->has_code[(pa >> PAGE_BITS) - p->first], false)) {
        if (p->n_stale == p->room_stale) {
            p->room_stale = p->room_stale ? 2 * p->room_stale : 64;
            p->stale      = xrealloc(p->stale, p->room_stale * sizeof(*p->stale));
        }
        p->stale[p->n_stale++] = pa & PAGE_MASK;
    }
    pthread_mutex_unlock(&p->lock);
}

static struct region **list_of(struct code_pages *p, gpa pa)
{
    return &p->regions[(pa >> PAGE_BITS) % ARRAY_SIZE(p->regions)];
}

void rv64_pages_add(struct rv64_hart *h, struct region *r)
{
    struct code_pages *p  = &h->jit->pages;
    struct region    **at = list_of(p, r->pa);
    r->on_page            = *at;
    *at                   = r;
    if (r->straddles) {
        r->straddler  = p->straddlers;
        p->straddlers = r;
    }
}

static void drop_page(struct rv64_hart *h, gpa page)
{
    struct code_pages *p = &h->jit->pages;
    for (struct region **at = list_of(p, page), *r; (r = *at);) {
        if ((r->pa & PAGE_MASK) == page) {
            *at = r->on_page;
            rv64_jit_drop(h, r);
        } else {
            at = &r->on_page;
        }
    }
    for (struct region *r = p->straddlers; r; r = r->straddler)
        if (r->beyond_page == page)
            rv64_jit_drop(h, r);
}

bool rv64_pages_obey(struct rv64_hart *h)
{
    struct code_pages *p = &h->jit->pages;
    if (!p->n || atomic_exchange(&h->jit->dirty, false))
        return false;
    pthread_mutex_lock(&p->lock);
    while (p->n_stale)
        drop_page(h, p->stale[--p->n_stale]);
    pthread_mutex_unlock(&p->lock);
    return true;
}

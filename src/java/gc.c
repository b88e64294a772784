/* java/gc.c - the collector: stops the world, marks what is reachable, frees lines without marks.
 *
 * Nothing moves. Roots are handles, constants, classes and, read word by word, the stacks of all
 * threads, C's and Java's; whatever looks there like a pointer into an object keeps it. Runs on
 * the thread that found no room. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "java/code.h"
#include "java/globals.h"
#include "java/roots.h"
#include "java/vm.h"

struct list {
    struct object **rows;
    u64             n, room;
};

/* One collection. */
struct gc {
    struct vm   *vm;
    struct heap *heap;
    struct list  pile;                                /* marked, not yet read */
    struct list  soft, weak, final, phantom, pending; /* References that were met */
    bool         clear_soft;
    u64          live;
};

static void list_add(struct list *l, struct object *o)
{
    if (l->n == l->room) {
        l->room = l->room ? l->room * 2 : 1024;
        l->rows = xrealloc(l->rows, l->room * sizeof(*l->rows));
    }
    l->rows[l->n++] = o;
}

static bool marked(const struct heap *h, const struct object *o)
{
    u64 i = ((u64)o - (u64)h->base) / OBJECT_ALIGN;
    return h->marks[i / 32] >> i % 32 & 1;
}

bool heap_is_marked(struct vm *vm, struct object *o)
{
    return marked(&vm->heap, o);
}

static void mark(struct gc *g, struct object *o)
{
    struct heap *h = g->heap;
    if (!o)
        return;
    u64 i   = ((u64)o - (u64)h->base) / OBJECT_ALIGN;
    u32 bit = 1u << i % 32;
    if (h->marks[i / 32] & bit)
        return;
    h->marks[i / 32] |= bit;
    u64 off = (u64)o - (u64)h->base, size = heap_object_size(o);
    g->live += size;
    if (h->kind[off / BLOCK] == BLOCK_SMALL)
        memset(h->lines + off / LINE, 1, (off + size - 1) / LINE - off / LINE + 1);
    list_add(&g->pile, o);
}

static void mark_fields(struct gc *g, struct object *o, const u32 *offsets, u32 n)
{
    for (u32 i = 0; i < n; i++)
        mark(g, get_ref(o, offsets[i]));
}

/* A Reference whose referent may be let go is put aside. */
static void meet_reference(struct gc *g, struct object *o, u8 kind)
{
    const struct wellknown *k        = &g->vm->k;
    struct object          *referent = get_ref(o, k->Reference_referent);
    struct list            *lists[]  = {NULL, &g->soft, &g->weak, &g->final, &g->phantom};
    if (!referent)
        return;
    bool active = !get_ref(o, k->Reference_next);
    if (kind == 3 && !active)
        mark(g, referent);
    else if (kind == 1 && !g->clear_soft)
        mark(g, referent);
    else if (!marked(g->heap, referent))
        list_add(lists[kind], o);
}

static void read_object(struct gc *g, struct object *o)
{
    struct class *c = class_of(o);
    if (c->dims) {
        if (c->elem != T_REF)
            return;
        for (i32 i = 0; i < array_length(o); i++)
            mark(g, element_ref(o, i));
        return;
    }
    mark_fields(g, o, c->ref_offsets, c->nrefs);
    if (c->ref_kind)
        meet_reference(g, o, c->ref_kind);
    if (c == g->vm->k.Class) {
        struct class *of = (struct class *)AT(o, u64, g->vm->k.Class_vm_class);
        if (of)
            mark_fields(g, o, of->static_refs, of->nstatic_refs);
    }
}

static void drain(struct gc *g)
{
    while (g->pile.n)
        read_object(g, g->pile.rows[--g->pile.n]);
}

/* Every word from LOW to HIGH that points into an object keeps it. */
__attribute__((no_sanitize("address"))) static void mark_words(struct gc *g, void *low, void *high)
{
    for (u64 *p = (u64 *)ALIGN_UP((u64)low, 8ull); p + 1 <= (u64 *)high; p++) {
        struct object *o = heap_find(g->heap, *p);
        if (o)
            mark(g, o);
    }
}

static void mark_thread(struct gc *g, struct thread *t, void *top)
{
    struct frame *f = t->frame;
    if (f)
        mark_words(g, t->stack, f->regs + (f->method ? f->method->nregs : 2u));
    mark_words(g, top, t->c_base);
    mark(g, t->exception);
    mark(g, t->java);
    mark(g, t->loading);
    mark(g, t->scoped);
    mark(g, t->parked_on);
    for (struct handles *h = t->handles; h; h = h->prev) {
        for (u32 i = 0; i < h->used; i++)
            mark(g, h->slot[i]);
    }
}

static void mark_class(struct gc *g, struct class *c)
{
    for (; c; c = c->array) {
        mark(g, c->mirror);
        mark(g, c->module);
    }
}

static void mark_loader(struct gc *g, struct loader *l)
{
    mark(g, l->java);
    mark(g, l->unnamed_module);
    for (struct class *c = (struct class *)l->named; c; c = c->next)
        mark_class(g, c);
    modules_visit(l, (void (*)(void *, struct object *))mark, g);
}

static void mark_vm(struct gc *g)
{
    struct vm *vm = g->vm;
    mark_loader(g, &vm->boot);
    for (struct loader *l = vm->loaders; l; l = l->next)
        mark_loader(g, l);
    for (unsigned i = 0; i < ARRAY_SIZE(vm->primitives); i++)
        mark_class(g, vm->primitives[i]);
    cells_visit(vm, (void (*)(void *, struct object *))mark, g);
    globals_visit(vm, (void (*)(void *, struct object *))mark, g);
    mark(g, vm->out_of_memory);
    mark(g, vm->stack_overflow);
    mark(g, vm->main_group);
    mark(g, vm->system_group);
    mark(g, vm->pending);
}

/* Lets go of the referents without marks, or with KEEP marks them after all. */
static void decide(struct gc *g, struct list *refs, bool keep)
{
    const struct wellknown *k = &g->vm->k;
    for (u64 i = 0; i < refs->n; i++) {
        struct object *r        = refs->rows[i];
        struct object *referent = get_ref(r, k->Reference_referent);
        if (!referent || marked(g->heap, referent))
            continue;
        if (keep) {
            mark(g, referent);
            put_ref(r, k->Reference_next, r);
        } else {
            put_ref(r, k->Reference_referent, NULL);
        }
        list_add(&g->pending, r);
    }
    drain(g);
    refs->n = 0;
}

static void queue_pending(struct gc *g)
{
    struct vm *vm = g->vm;
    for (u64 i = 0; i < g->pending.n; i++) {
        put_ref(g->pending.rows[i], vm->k.Reference_discovered, vm->pending);
        vm->pending = g->pending.rows[i];
    }
    if (g->pending.n) {
        pthread_mutex_lock(&vm->pending_lock);
        pthread_cond_broadcast(&vm->pending_cond);
        pthread_mutex_unlock(&vm->pending_lock);
    }
}

static void decide_references(struct gc *g)
{
    decide(g, &g->soft, false);
    decide(g, &g->weak, false);
    decide(g, &g->final, true);
    /* What finalizers brought back may have led to more of them. */
    decide(g, &g->soft, false);
    decide(g, &g->weak, false);
    decide(g, &g->final, true);
    decide(g, &g->phantom, false);
}

static void drop_large(struct heap *h, u32 block)
{
    u32 n = 1;
    while (block + n < h->top && h->kind[block + n] == BLOCK_MORE)
        n++;
    memset(h->kind + block, BLOCK_FREE, n);
    h->free += n;
    madvise(h->base + (u64)block * BLOCK, (u64)n * BLOCK, MADV_DONTNEED);
}

static void sweep(struct gc *g)
{
    struct heap *h     = g->heap;
    u64          words = (u64)h->top * (BLOCK / OBJECT_ALIGN / 32);
    memcpy(h->starts, h->marks, words * sizeof(u32));
    for (u32 b = 0; b < h->top; b++) {
        if (h->kind[b] == BLOCK_LARGE && !marked(h, (struct object *)(h->base + (u64)b * BLOCK)))
            drop_large(h, b);
        if (h->kind[b] == BLOCK_SMALL && !memchr(h->lines + (u64)b * LINES, 1, LINES)) {
            h->kind[b] = BLOCK_FREE;
            h->free++;
        }
    }
    h->next  = 0;
    h->live  = g->live;
    u32 live = (u32)(g->live / BLOCK);
    h->goal  = MIN(h->nblocks, MAX((u32)(MiB(32) / BLOCK), live * 2 + (u32)(MiB(16) / BLOCK)));
}

static void prepare(struct gc *g)
{
    struct heap *h = g->heap;
    memset(h->marks, 0, (u64)h->top * (BLOCK / OBJECT_ALIGN / 8));
    for (u32 b = 0; b < h->top; b++) {
        if (h->kind[b] == BLOCK_SMALL)
            memset(h->lines + (u64)b * LINES, 0, LINES);
    }
    for (struct thread *t = g->vm->threads; t; t = t->next)
        heap_retire(t);
}

static void collect(struct gc *g, struct thread *self)
{
    prepare(g);
    mark_vm(g);
    for (struct thread *t = g->vm->threads; t; t = t->next)
        mark_thread(g, t, t == self ? __builtin_frame_address(0) : t->c_top);
    drain(g);
    decide_references(g);
    monitors_sweep(g->vm, heap_is_marked);
    strings_sweep(g->vm);
    globals_sweep(g->vm, heap_is_marked);
    sweep(g);
    queue_pending(g);
}

static void collect_stopped(struct thread *t, bool clear_soft)
{
    struct vm *vm    = t->vm;
    struct gc  g     = {.vm = vm, .heap = &vm->heap, .clear_soft = clear_soft};
    u64        began = (u64)os_nanos(), before = heap_used(vm);
    collect(&g, t);
    u64 ns = (u64)os_nanos() - began;
    vm->heap.collections++;
    vm->heap.pause_ns += ns;
    if (vm->options.verbose_gc)
        printf("[gc] GC(%llu) Pause %lluM->%lluM %.3fms\n",
               (unsigned long long)vm->heap.collections - 1, (unsigned long long)(before >> 20),
               (unsigned long long)(heap_used(vm) >> 20), (double)ns / 1e6);
    struct list *lists[] = {&g.pile, &g.soft, &g.weak, &g.final, &g.phantom, &g.pending};
    for (unsigned i = 0; i < ARRAY_SIZE(lists); i++)
        free(lists[i]->rows);
}

/* Registers that callees keep are on the stack when the stack is read. */
__attribute__((noinline)) void heap_collect(struct thread *t, bool clear_soft)
{
    __builtin_unwind_init();
    u64 before = t->vm->heap.collections;
    world_stop(t);
    /* Another thread may have collected while this one waited to. */
    if (t->vm->heap.collections == before || clear_soft)
        collect_stopped(t, clear_soft);
    world_go(t);
}

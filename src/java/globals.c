/* java/globals.c - see globals.h, and the constants' cells. Under roots_lock, or in a stopped
 * world. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/globals.h"

#include "base/alloc.h"

enum { SLOTS = 256, CELLS = 4096 };

struct globals {
    struct globals *next;
    u32             used;
    struct object  *slot[SLOTS];
    u8              tag[SLOTS]; /* 0: free */
};

static struct globals *with_room(struct vm *vm)
{
    for (struct globals *g = vm->globals; g; g = g->next) {
        if (g->used < SLOTS)
            return g;
    }
    struct globals *g  = xnew(struct globals);
    g->next            = vm->globals;
    return vm->globals = g;
}

void *global_new(struct vm *vm, struct object *o, bool weak)
{
    if (!o)
        return NULL;
    pthread_mutex_lock(&vm->roots_lock);
    struct globals *g = with_room(vm);
    u32             i = 0;
    while (g->tag[i])
        i++;
    g->tag[i]  = weak ? TAG_WEAK : TAG_GLOBAL;
    g->slot[i] = o;
    g->used++;
    pthread_mutex_unlock(&vm->roots_lock);
    return (void *)((u64)&g->slot[i] | g->tag[i]);
}

void global_delete(struct vm *vm, void *handle)
{
    struct object **at = (struct object **)((u64)handle & ~3ull);
    pthread_mutex_lock(&vm->roots_lock);
    for (struct globals *g = vm->globals; g; g = g->next) {
        if (at < g->slot || at >= g->slot + SLOTS)
            continue;
        g->tag[at - g->slot] = 0;
        *at                  = NULL;
        g->used--;
    }
    pthread_mutex_unlock(&vm->roots_lock);
}

void globals_visit(struct vm *vm, visit_fn visit, void *ctx)
{
    for (struct globals *g = vm->globals; g; g = g->next) {
        for (u32 i = 0; i < SLOTS; i++) {
            if (g->tag[i] == TAG_GLOBAL)
                visit(ctx, g->slot[i]);
        }
    }
}

void globals_sweep(struct vm *vm, bool (*live)(struct vm *, struct object *))
{
    for (struct globals *g = vm->globals; g; g = g->next) {
        for (u32 i = 0; i < SLOTS; i++) {
            if (g->tag[i] == TAG_WEAK && g->slot[i] && !live(vm, g->slot[i]))
                g->slot[i] = NULL;
        }
    }
}

struct object **cell_new(struct vm *vm, struct object *o)
{
    pthread_mutex_lock(&vm->roots_lock);
    if (vm->ncells % CELLS == 0) {
        u32 chunks        = vm->ncells / CELLS;
        vm->cells         = xrealloc(vm->cells, (chunks + 1) * sizeof(*vm->cells));
        vm->cells[chunks] = arena_alloc(&vm->arena, CELLS * sizeof(struct object *));
    }
    struct object **cell = &vm->cells[vm->ncells / CELLS][vm->ncells % CELLS];
    *cell                = o;
    vm->ncells++;
    pthread_mutex_unlock(&vm->roots_lock);
    return cell;
}

void cells_visit(struct vm *vm, visit_fn visit, void *ctx)
{
    for (u32 i = 0; i < vm->ncells; i++)
        visit(ctx, vm->cells[i / CELLS][i % CELLS]);
}

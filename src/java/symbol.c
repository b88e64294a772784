/* java/symbol.c - the names of a VM, each of them once. Any thread comes in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/vm.h"

static u32 hash_of(const char *s, size_t n)
{
    u32 h = 2166136261u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (u8)s[i]) * 16777619u;
    return h;
}

static void grow(struct symbols *t)
{
    u32             size = t->size ? t->size * 2 : 16384;
    struct symbol **rows = xalloc(size * sizeof(*rows));
    for (u32 i = 0; i < t->size; i++) {
        for (struct symbol *s = t->rows[i], *next; s; s = next) {
            next                       = s->next;
            s->next                    = rows[s->hash & (size - 1)];
            rows[s->hash & (size - 1)] = s;
        }
    }
    free(t->rows);
    t->rows = rows;
    t->size = size;
}

struct symbol *symbol_get(struct vm *vm, const char *text, size_t n)
{
    struct symbols *t = &vm->symbols;
    u32             h = hash_of(text, n);
    pthread_mutex_lock(&t->lock);
    if (t->count >= t->size)
        grow(t);
    struct symbol **at = &t->rows[h & (t->size - 1)], *s = *at;
    while (s && (s->hash != h || s->length != n || memcmp(s->s, text, n) != 0))
        s = s->next;
    if (!s) {
        s         = arena_alloc(&vm->arena, sizeof(*s) + n + 1);
        s->hash   = h;
        s->next   = *at;
        s->length = (u16)n;
        memcpy(s->s, text, n);
        *at = s;
        t->count++;
    }
    pthread_mutex_unlock(&t->lock);
    return s;
}

struct symbol *symbol(struct vm *vm, const char *s)
{
    return symbol_get(vm, s, strlen(s));
}

void symbols_free(struct vm *vm)
{
    free(vm->symbols.rows);
    pthread_mutex_destroy(&vm->symbols.lock);
}

/* java/heap.c - allocation; see heap.h. A thread allocates in its own run of lines without a
 * lock; runs and large objects are given out under the heap's lock. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/heap.h"

#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "java/vm.h"

enum { BITMAP = OBJECT_ALIGN * 8 }; /* bytes of heap a byte of a bitmap is for */

/* Address space below 32 GB. */
static u8 *reserve(u64 size)
{
    for (u64 at = GiB(4); at + size <= GiB(32); at += GiB(1)) {
        void *p = mmap((void *)at, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
        if (p == (void *)at)
            return p;
        if (p != MAP_FAILED)
            munmap(p, size);
    }
    return NULL;
}

static void *table(u64 size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

bool heap_init(struct vm *vm, u64 max)
{
    struct heap *h = &vm->heap;
    h->max         = ALIGN_UP(MAX(max, MiB(4)), (u64)BLOCK);
    h->size        = h->max;
    h->nblocks     = (u32)(h->size / BLOCK);
    h->base        = reserve(h->size);
    h->kind        = table(h->nblocks);
    h->lines       = table((u64)h->nblocks * LINES);
    h->starts      = table(h->size / BITMAP);
    h->marks       = table(h->size / BITMAP);
    h->free        = h->nblocks;
    h->goal        = MIN(h->nblocks, (u32)(MiB(32) / BLOCK));
    pthread_mutex_init(&h->lock, NULL);
    return h->base && h->kind && h->lines && h->starts && h->marks;
}

void heap_done(struct vm *vm)
{
    struct heap *h = &vm->heap;
    if (h->base)
        munmap(h->base, h->size);
    munmap(h->kind, h->nblocks);
    munmap(h->lines, (u64)h->nblocks * LINES);
    munmap(h->starts, h->size / BITMAP);
    munmap(h->marks, h->size / BITMAP);
    pthread_mutex_destroy(&h->lock);
}

u64 heap_used(struct vm *vm)
{
    return (u64)(vm->heap.nblocks - vm->heap.free) * BLOCK;
}

void heap_retire(struct thread *t)
{
    t->alloc = t->alloc_end = NULL;
}

static bool starts_at(const struct heap *h, u64 i)
{
    return h->starts[i / 32] >> i % 32 & 1;
}

struct object *heap_find(struct heap *h, u64 p)
{
    u64 off = p - (u64)h->base;
    if (off >= (u64)h->top * BLOCK)
        return NULL;
    u64 block = off / BLOCK;
    if (h->kind[block] == BLOCK_FREE)
        return NULL;
    while (h->kind[block] == BLOCK_MORE)
        block--;
    u64 first = block * BLOCK / OBJECT_ALIGN, i = off / OBJECT_ALIGN;
    if (h->kind[block] == BLOCK_LARGE)
        return starts_at(h, first) ? (struct object *)(h->base + first * OBJECT_ALIGN) : NULL;
    for (u32 word = h->starts[i / 32] & (u32)((2ull << i % 32) - 1);; word = h->starts[i / 32]) {
        if (word) {
            u64            at = i / 32 * 32 + 31 - (u64)__builtin_clz(word);
            struct object *o  = (struct object *)(h->base + at * OBJECT_ALIGN);
            return at >= first && p < (u64)o + heap_object_size(o) ? o : NULL;
        }
        if (i / 32 * 32 <= first)
            return NULL;
        i = i / 32 * 32 - 1;
    }
}

u64 heap_object_size(const struct object *o)
{
    const struct class *c = class_of(o);
    if (c->dims)
        return ALIGN_UP(ARRAY_BASE + ((u64)(u32)array_length(o) << c->shift), (u64)OBJECT_ALIGN);
    if (c == c->vm->k.Class) {
        const struct class *of = (const struct class *)AT(o, u64, c->vm->k.Class_vm_class);
        return ALIGN_UP(c->size + (of ? of->static_size : 0), 8u);
    }
    return c->size;
}

/* N blocks in a row, or NONE_FREE. Under the lock. */
enum { NONE_FREE = UINT32_MAX };
static u32 take_blocks(struct heap *h, u32 n)
{
    for (u32 at = 0, run = 0; at < h->nblocks; at++) {
        run = h->kind[at] == BLOCK_FREE ? run + 1 : 0;
        if (run < n)
            continue;
        u32 first = at + 1 - n;
        memset(h->kind + first, BLOCK_MORE, n);
        h->free -= n;
        h->top = MAX(h->top, first + n);
        return first;
    }
    return NONE_FREE;
}

static struct object *take_large(struct heap *h, u64 size)
{
    u32 first = take_blocks(h, (u32)((size + BLOCK - 1) / BLOCK));
    if (first == NONE_FREE)
        return NULL;
    h->kind[first] = BLOCK_LARGE;
    u8 *p          = h->base + (u64)first * BLOCK;
    memset(p, 0, size);
    heap_note_start(h, p);
    return (struct object *)p;
}

/* The next run of free lines that SIZE fits into becomes the thread's. */
static bool take_lines(struct heap *h, struct thread *t, u64 size)
{
    u32 want = (u32)((size + LINE - 1) / LINE);
    for (u32 line = h->next; line < h->top * LINES;) {
        u32 block = line / LINES, end = (block + 1) * LINES;
        if (h->kind[block] != BLOCK_SMALL || h->lines[line]) {
            line = h->kind[block] != BLOCK_SMALL ? end : line + 1;
            continue;
        }
        u32 stop = line;
        while (stop < end && !h->lines[stop])
            stop++;
        if (stop - line >= want) {
            memset(h->lines + line, 1, stop - line);
            t->alloc     = h->base + (u64)line * LINE;
            t->alloc_end = h->base + (u64)stop * LINE;
            h->next      = stop;
            memset(t->alloc, 0, (size_t)(t->alloc_end - t->alloc));
            return true;
        }
        line = stop;
    }
    return false;
}

static bool take_run(struct heap *h, struct thread *t, u64 size)
{
    if (take_lines(h, t, size))
        return true;
    u32 block = take_blocks(h, 1);
    if (block == NONE_FREE)
        return false;
    h->kind[block] = BLOCK_SMALL;
    memset(h->lines + (u64)block * LINES, 0, LINES);
    h->next = block * LINES;
    return take_lines(h, t, size);
}

/* One try; NULL: there is no room, or it is time to collect. */
static struct object *try_alloc_object(struct thread *t, struct class *c, u64 size, bool last)
{
    struct heap   *h = &t->vm->heap;
    struct object *o = NULL;
    pthread_mutex_lock(&h->lock);
    if (last || h->nblocks - h->free < h->goal) {
        if (size > LARGE)
            o = take_large(h, size);
        else if (take_run(h, t, size))
            o = (struct object *)t->alloc;
    }
    pthread_mutex_unlock(&h->lock);
    if (!o)
        return NULL;
    if (size <= LARGE) {
        t->alloc += size;
        heap_note_start(h, o);
    }
    o->klass = (u32)(u64)c;
    return o;
}

struct object *heap_alloc_slow(struct thread *t, struct class *c, u64 size)
{
    u8 *next = t->alloc + size;
    if (size <= LARGE && t->alloc && next <= t->alloc_end) {
        struct object *o = (struct object *)t->alloc;
        t->alloc         = next;
        heap_note_start(&t->vm->heap, o);
        o->klass = (u32)(u64)c;
        return o;
    }
    struct object *o = try_alloc_object(t, c, size, false);
    for (int tries = 0; !o && tries < 2; tries++) {
        heap_collect(t, tries == 1);
        o = try_alloc_object(t, c, size, true);
    }
    if (!o)
        throw_oom(t, "Java heap space");
    return o;
}

struct object *heap_object(struct thread *t, struct class *c)
{
    return heap_alloc_slow(t, c, c->size);
}

struct object *heap_array(struct thread *t, struct class *c, i32 length)
{
    u64 size = ALIGN_UP(ARRAY_BASE + ((u64)(u32)length << c->shift), (u64)OBJECT_ALIGN);
    if (length >= INT32_MAX - 1) {
        throw_oom(t, "Requested array size exceeds VM limit");
        return NULL;
    }
    struct object *o = heap_alloc_slow(t, c, size);
    if (o)
        ((struct array *)o)->length = length;
    return o;
}

struct object *heap_clone(struct thread *t, struct object *from)
{
    u64            size = heap_object_size(from);
    struct object *o    = heap_alloc_slow(t, class_of(from), size);
    if (o)
        memcpy((u8 *)o + sizeof(*o), (u8 *)from + sizeof(*o), size - sizeof(*o));
    return o;
}

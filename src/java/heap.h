/* java/heap.h - where objects live: blocks of lines, marked in place.
 *
 * The heap is reserved at once, below 32 GB, and divided in blocks of 32 KB, these in lines of
 * 256 bytes. A thread allocates by moving a pointer through runs of free lines; what is large
 * has blocks of its own. A bit per 8 bytes says where objects start, so that any word can be asked
 * whether it points into one: that is how stacks, C's and Java's, are read. Objects themselves
 * are read precisely. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_HEAP_H
#define JAVA_HEAP_H

#include <pthread.h>

#include "java/class.h"
#include "java/thread.h"

enum { BLOCK = 32768, LINE = 256, LINES = BLOCK / LINE, LARGE = 8192 };

enum block_kind { BLOCK_FREE, BLOCK_SMALL, BLOCK_LARGE, BLOCK_MORE };

struct heap {
    u8             *base;
    u64             size, max;    /* bytes: reserved, and allowed */
    u32             nblocks, top; /* blocks below TOP were used once */
    u32             free, goal;   /* blocks; used blocks at which to collect */
    u32             next;         /* where to look for lines */
    u8             *kind;         /* a block's */
    u8             *lines;        /* a line's: 1 in use */
    u32            *starts, *marks;
    u64             live; /* bytes, after the last collection */
    u64             collections, pause_ns;
    pthread_mutex_t lock;
};

struct pile; /* gc.c: what is marked and not yet read */

bool heap_init(struct vm *, u64 max);
void heap_done(struct vm *);

/* NULL with OutOfMemoryError pending. New objects are zero. */
struct object *heap_alloc_slow(struct thread *, struct class *, u64 size);
struct object *heap_array(struct thread *, struct class *, i32 length);
struct object *heap_object(struct thread *, struct class *);
struct object *heap_clone(struct thread *, struct object *);
u64            heap_object_size(const struct object *);
void           heap_retire(struct thread *); /* gives back what the thread allocates in */
u64            heap_used(struct vm *);

/* The object that P points at or into, or NULL. */
struct object *heap_find(struct heap *, u64 p);

void heap_collect(struct thread *, bool clear_soft);
bool heap_is_marked(struct vm *, struct object *);

static inline void heap_note_start(struct heap *h, void *p)
{
    u64 i = (u64)((u8 *)p - h->base) / OBJECT_ALIGN;
    h->starts[i / 32] |= 1u << i % 32;
}

#endif

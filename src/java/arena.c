/* java/arena.c - see arena.h. Any thread comes in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/arena.h"

#include <sys/mman.h>

#include "base/alloc.h"

struct arena_chunk {
    struct arena_chunk *next;
    u64                 size, used;
};

enum { CHUNK = 1 << 20, HEAD = 64 };

void arena_init(struct arena *a)
{
    pthread_mutex_init(&a->lock, NULL);
    a->chunks = NULL;
    a->used   = 0;
}

void arena_done(struct arena *a)
{
    for (struct arena_chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        munmap(c, c->size);
    }
    a->chunks = NULL;
    pthread_mutex_destroy(&a->lock);
}

/* Memory below 2 GB. */
static void *map_low(u64 size)
{
#ifdef MAP_32BIT
    void *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (p != MAP_FAILED)
        return p;
#endif
    for (u64 at = MiB(16); at + size < GiB(2); at += MiB(1)) {
        void *q = mmap((void *)at, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (q != MAP_FAILED)
            return q;
    }
    return NULL;
}

static struct arena_chunk *add_chunk(struct arena *a, u64 size)
{
    size                  = size + HEAD > CHUNK ? ALIGN_UP(size + HEAD, (u64)4096) : CHUNK;
    struct arena_chunk *c = map_low(size);
    if (!c)
        xrealloc(NULL, SIZE_MAX / 2); /* says that memory is gone, and ends the process */
    c->size   = size;
    c->used   = HEAD;
    c->next   = a->chunks;
    a->chunks = c;
    return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size = ALIGN_UP(size, (size_t)16);
    pthread_mutex_lock(&a->lock);
    struct arena_chunk *c = a->chunks;
    if (!c || c->size - c->used < size)
        c = add_chunk(a, size);
    void *p = (u8 *)c + c->used;
    c->used += size;
    a->used += size;
    pthread_mutex_unlock(&a->lock);
    return p;
}

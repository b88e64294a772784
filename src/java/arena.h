/* java/arena.h - memory in the low 2 GB, for what 32-bit words point at; freed all at once. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_ARENA_H
#define JAVA_ARENA_H

#include <pthread.h>

#include "base/types.h"

struct arena_chunk;

struct arena {
    pthread_mutex_t     lock;
    struct arena_chunk *chunks;
    u64                 used;
};

void  arena_init(struct arena *);
void  arena_done(struct arena *);
void *arena_alloc(struct arena *,
                  size_t size); /* zeroed, aligned to 16; ends the process at 2 GB */

#endif

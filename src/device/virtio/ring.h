/* device/virtio/ring.h - the rings as they lie in guest memory; for queue.c, packed.c and tests.
 *
 * Guest harts run at the same time: indexes and flags are read with acquire and written with
 * release, everything else is copied once. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_VIRTIO_RING_H
#define DEVICE_VIRTIO_RING_H

#include <string.h>

#include "device/virtio/queue.h"
#include "memory/ram.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "virtio is little endian, so are we");

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };    /* 2.7.5 */
enum { DESC_AVAIL = 1 << 7, DESC_USED = 1 << 15 };            /* 2.8.1 */
enum { AVAIL_NO_INTERRUPT = 1 };                              /* 2.7.6 */
enum { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_DESC = 2 }; /* 2.8.14 */

struct split_desc {
    u64 addr;
    u32 len;
    u16 flags, next;
};

struct split_avail {
    u16 flags, idx, ring[]; /* and used_event behind it */
};

struct split_used_elem {
    u32 id, len;
};

struct split_used {
    u16                    flags, idx;
    struct split_used_elem ring[]; /* and avail_event behind it */
};

struct packed_desc {
    u64 addr;
    u32 len;
    u16 id, flags;
};

struct packed_event {
    u16 off_wrap, flags;
};

_Static_assert(sizeof(struct split_desc) == 16 && sizeof(struct packed_desc) == 16,
               "2.7.5, 2.8.13");

static inline u16 ring_load(const u16 *p)
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void ring_store(u16 *p, u16 v)
{
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline void ring_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Copies guest bytes so that no later use of DST can read them a second time. */
static inline void ring_copy(void *dst, const void *src, size_t len)
{
    memcpy(dst, src, len);
    __asm__ volatile("" ::: "memory");
}

bool chain_add(struct virtqueue *, struct virtq_chain *, gpa addr, u32 len, bool write);

bool packed_pop(struct virtqueue *, struct virtq_chain *);
void packed_push(struct virtqueue *, const struct virtq_chain *, u32 written);
bool packed_wanted(struct virtqueue *);

#endif

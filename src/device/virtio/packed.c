/* device/virtio/packed.c - the packed ring (virtio 1.2, 2.8): one array of descriptors, whose
 * flags say by a wrap counter whether they are the driver's or ours. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/virtio/ring.h"
#include "device/virtio/virtio.h"

static bool is_available(u16 flags, u8 wrap)
{
    return !!(flags & DESC_AVAIL) == wrap && !!(flags & DESC_USED) != wrap; /* 2.8.1 */
}

static void step(const struct virtqueue *q, u16 *place, u8 *wrap, u16 by)
{
    unsigned next = (unsigned)*place + by;
    if (next >= q->size) {
        next -= q->size;
        *wrap ^= 1;
    }
    *place = (u16)next;
}

/* 2.8.7: the table's descriptors follow each other; only WRITE means something in them. */
static bool gather_indirect(struct virtqueue *q, struct virtq_chain *c, const struct packed_desc *d)
{
    u32                 n     = d->len / (u32)sizeof(struct packed_desc);
    struct packed_desc *table = ram_borrow(q->dev->ram, d->addr, d->len, false);
    if (!table || n == 0 || n > VIRTQ_SIZE_MAX || d->len % sizeof(struct packed_desc) ||
        !virtio_has(q->dev, VIRTIO_F_INDIRECT_DESC))
        return false;
    for (u32 i = 0; i < n; i++) {
        struct packed_desc one;
        ring_copy(&one, &table[i], sizeof(one));
        if (one.flags & DESC_INDIRECT ||
            !chain_add(q, c, one.addr, one.len, one.flags & DESC_WRITE))
            return false;
    }
    return true;
}

static bool gather(struct virtqueue *q, struct virtq_chain *c)
{
    struct packed_desc *ring  = q->desc_host;
    u16                 place = q->next_avail;
    u8                  wrap  = q->avail_wrap;
    for (u16 n = 1; n <= q->size; n++) {
        struct packed_desc one;
        ring_copy(&one, &ring[place], sizeof(one));
        c->id     = one.id; /* the last one's counts (2.8.5) */
        c->places = n;
        if (one.flags & DESC_INDIRECT) /* not in a list (2.8.8) */
            return n == 1 && !(one.flags & DESC_NEXT) && gather_indirect(q, c, &one);
        if (!chain_add(q, c, one.addr, one.len, one.flags & DESC_WRITE))
            return false;
        if (!(one.flags & DESC_NEXT))
            return true;
        step(q, &place, &wrap, 1);
    }
    return false;
}

bool packed_pop(struct virtqueue *q, struct virtq_chain *c)
{
    struct packed_desc *ring = q->desc_host;
    /* We never ask the driver to be silent: the device area stays zero (EVENT_ENABLE). */
    if (!is_available(ring_load(&ring[q->next_avail].flags), q->avail_wrap))
        return false;
    if (!gather(q, c)) {
        virtio_broken(q->dev);
        return false;
    }
    step(q, &q->next_avail, &q->avail_wrap, c->places);
    return true;
}

void packed_push(struct virtqueue *q, const struct virtq_chain *c, u32 written)
{
    struct packed_desc *d     = (struct packed_desc *)q->desc_host + q->next_used;
    u16                 flags = q->used_wrap ? DESC_AVAIL | DESC_USED : 0;
    if (written)
        flags |= DESC_WRITE;
    __atomic_store_n(&d->id, c->id, __ATOMIC_RELAXED);
    __atomic_store_n(&d->len, written, __ATOMIC_RELAXED);
    ring_store(&d->flags, flags);
    step(q, &q->next_used, &q->used_wrap, c->places);
    q->since_told = (u16)MIN(q->since_told + c->places, 0xffff);
}

/* 2.8.10: did the place that the driver names lie among those used since we told it last? */
bool packed_wanted(struct virtqueue *q)
{
    struct packed_event *event = q->driver_host;
    ring_fence();
    u16 since     = q->since_told;
    u16 flags     = ring_load(&event->flags) & 3;
    q->since_told = 0;
    if (flags != EVENT_DESC || !virtio_has(q->dev, VIRTIO_F_EVENT_IDX))
        return flags != EVENT_DISABLE;
    u16 off_wrap = ring_load(&event->off_wrap);
    int place    = off_wrap & 0x7fff;
    if ((off_wrap >> 15) != q->used_wrap)
        place -= q->size;
    int behind = (int)q->next_used - place; /* 1: it was the last one */
    return behind >= 1 && behind <= since;
}

/* device/virtio/bed.h - a test bed: guest memory, a bus, one device on virtio-mmio, and the
 * driver's side of its rings (split or packed, direct or indirect). For tests and fuzzers only.
 *
 * One thread; a device that answers later is asked to by bed_wait (virtio_drain). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_VIRTIO_BED_H
#define DEVICE_VIRTIO_BED_H

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "device/virtio/ring.h"
#include "device/virtio/virtio.h"

enum { BED_QUEUE = 16, BED_PIECES = 12 };
#define BED_RAM       0x80000000ull
#define BED_RAM_BYTES MiB(4)
#define BED_MMIO      0x10001000ull
#define BED_HEAP      (BED_RAM + MiB(1)) /* below: the rings */

struct bed_queue {
    u16  next, used, free_id; /* split: free running; packed: places */
    bool wrap, used_wrap;
    u16  places[BED_QUEUE]; /* packed: of each id */
};

struct bed {
    struct ram      *ram;
    struct bus      *bus;
    struct virtio   *dev;
    bool             level; /* of its interrupt */
    unsigned         interrupts;
    bool             packed, indirect;
    gpa              heap;
    struct bed_queue queues[VIRTIO_QUEUES_MAX];
};

struct bed_piece {
    gpa  addr;
    u32  len;
    bool write;
};

static inline gpa bed_desc(unsigned q)
{
    return BED_RAM + 0x10000ull * q;
}
static inline gpa bed_driver(unsigned q)
{
    return bed_desc(q) + 0x4000;
}
static inline gpa bed_device(unsigned q)
{
    return bed_desc(q) + 0x8000;
}

static inline void *bed_at(struct bed *b, gpa addr, u64 len)
{
    void *p = ram_borrow(b->ram, addr, len, true);
    assert(p);
    return p;
}

static inline gpa bed_alloc(struct bed *b, u64 len)
{
    gpa at  = b->heap;
    b->heap = ALIGN_UP(b->heap + len, 64ull);
    assert(b->heap <= BED_RAM + BED_RAM_BYTES);
    return at;
}

static inline gpa bed_put(struct bed *b, const void *data, u64 len)
{
    gpa at = bed_alloc(b, len);
    memcpy(bed_at(b, at, len), data, len);
    return at;
}

static inline u32 bed_get32(struct bed *b, u64 reg)
{
    u64 val = 0;
    int rc  = bus_read(b->bus, BED_MMIO + reg, 4, &val);
    assert(rc == 0);
    return (u32)val;
}

static inline void bed_set32(struct bed *b, u64 reg, u32 val)
{
    int rc = bus_write(b->bus, BED_MMIO + reg, 4, val);
    assert(rc == 0);
}

static void bed_irq(void *chip, unsigned line, bool level)
{
    struct bed *b = chip;
    (void)line;
    if (level && !b->level)
        b->interrupts++;
    b->level = level;
}

/* Makes the memory; then the caller makes DEV over bed->ram and calls bed_plug. */
static inline void bed_init(struct bed *b)
{
    *b     = (struct bed){.heap = BED_HEAP};
    int rc = ram_create(&b->ram, NULL);
    rc |= bus_create(&b->bus, NULL);
    rc |= ram_add(b->ram, BED_RAM, BED_RAM_BYTES, 0, NULL);
    assert(rc == 0);
}

static inline void bed_plug(struct bed *b, struct virtio *dev)
{
    struct device *mmio;
    b->dev = dev;
    int rc = virtio_mmio_create(&mmio, dev, &(struct irq){bed_irq, b, 1}, NULL);
    rc |= bus_attach(b->bus, BED_MMIO, VIRTIO_MMIO_LENGTH, mmio, NULL);
    assert(rc == 0);
}

static inline void bed_done(struct bed *b)
{
    bus_destroy(b->bus);
    ram_destroy(b->ram);
}

static inline void bed_queue_up(struct bed *b, unsigned q)
{
    b->queues[q] = (struct bed_queue){.wrap = true, .used_wrap = true};
    memset(bed_at(b, bed_desc(q), 0x10000), 0, 0x10000);
    bed_set32(b, 0x30, q);
    bed_set32(b, 0x38, BED_QUEUE);
    bed_set32(b, 0x80, (u32)bed_desc(q));
    bed_set32(b, 0x84, (u32)(bed_desc(q) >> 32));
    bed_set32(b, 0x90, (u32)bed_driver(q));
    bed_set32(b, 0x94, (u32)(bed_driver(q) >> 32));
    bed_set32(b, 0xa0, (u32)bed_device(q));
    bed_set32(b, 0xa4, (u32)(bed_device(q) >> 32));
    bed_set32(b, 0x44, 1);
}

/* 3.1.1: what a driver does at start. UNWANTED: features not to take. */
static inline bool bed_start(struct bed *b, u64 unwanted, bool packed, bool indirect)
{
    b->packed   = packed;
    b->indirect = indirect;
    b->heap     = BED_HEAP;
    bed_set32(b, 0x70, 0);
    bed_set32(b, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    u64 features = 0;
    for (u32 word = 0; word < 2; word++) {
        bed_set32(b, 0x14, word);
        features |= (u64)bed_get32(b, 0x10) << (32 * word);
    }
    features &= ~unwanted;
    if (!packed)
        features &= ~VIRTIO_F_RING_PACKED;
    for (u32 word = 0; word < 2; word++) {
        bed_set32(b, 0x24, word);
        bed_set32(b, 0x20, (u32)(features >> (32 * word)));
    }
    u32 status = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK;
    bed_set32(b, 0x70, status);
    if (bed_get32(b, 0x70) != status)
        return false;
    for (unsigned q = 0; q < b->dev->ops->n_queues; q++)
        bed_queue_up(b, q);
    bed_set32(b, 0x70, status | VIRTIO_DRIVER_OK);
    return bed_get32(b, 0x70) == (status | VIRTIO_DRIVER_OK);
}

static inline u16 bed_flags(const struct bed_piece *p, bool last)
{
    return (u16)((p->write ? DESC_WRITE : 0) | (last ? 0 : DESC_NEXT));
}

static inline struct bed_piece bed_table(struct bed *b, const struct bed_piece *p, unsigned n)
{
    gpa                 at     = bed_alloc(b, n * sizeof(struct split_desc));
    struct split_desc  *split  = bed_at(b, at, n * sizeof(*split));
    struct packed_desc *packed = (void *)split;
    for (unsigned i = 0; i < n; i++)
        if (b->packed)
            packed[i] = (struct packed_desc){p[i].addr, p[i].len, 0, p[i].write ? DESC_WRITE : 0};
        else
            split[i] = (struct split_desc){p[i].addr, p[i].len, bed_flags(&p[i], i == n - 1),
                                           (u16)(i + 1)};
    return (struct bed_piece){at, n * (u32)sizeof(struct split_desc), false};
}

/* Makes a chain available; returns its id. The caller sees to it that the ring has room. */
static inline u16 bed_add(struct bed *b, unsigned queue, const struct bed_piece *p, unsigned n)
{
    struct bed_queue *q = &b->queues[queue];
    struct bed_piece  table;
    u16               extra = 0;
    if (b->indirect) {
        table = bed_table(b, p, n);
        p     = &table;
        n     = 1;
        extra = DESC_INDIRECT;
    }
    if (!b->packed) {
        struct split_desc  *desc  = bed_at(b, bed_desc(queue), BED_QUEUE * sizeof(*desc));
        struct split_avail *avail = bed_at(b, bed_driver(queue), 6 + 2 * BED_QUEUE);
        u16                 head  = q->free_id;
        for (unsigned i = 0; i < n; i++) {
            u16 next         = (u16)((q->free_id + 1) % BED_QUEUE);
            u16 flags        = bed_flags(&p[i], i == n - 1) | extra;
            desc[q->free_id] = (struct split_desc){p[i].addr, p[i].len, flags, next};
            q->free_id       = next;
        }
        avail->ring[avail->idx % BED_QUEUE] = head;
        ring_store(&avail->idx, (u16)(avail->idx + 1));
        return head;
    }
    struct packed_desc *ring = bed_at(b, bed_desc(queue), BED_QUEUE * sizeof(*ring));
    u16                 id   = q->free_id;
    q->free_id               = (u16)((q->free_id + 1) % BED_QUEUE);
    q->places[id]            = (u16)n;
    for (unsigned i = 0; i < n; i++) {
        u16 flags     = bed_flags(&p[i], i == n - 1) | extra | (q->wrap ? DESC_AVAIL : DESC_USED);
        ring[q->next] = (struct packed_desc){p[i].addr, p[i].len, id, flags};
        if (++q->next == BED_QUEUE) {
            q->next = 0;
            q->wrap = !q->wrap;
        }
    }
    return id;
}

static inline void bed_kick(struct bed *b, unsigned queue)
{
    bed_set32(b, 0x50, queue);
}

static inline void bed_wait(struct bed *b)
{
    virtio_drain(b->dev);
}

/* The next used chain, if there is one. */
static inline bool bed_used(struct bed *b, unsigned queue, u32 *id, u32 *len)
{
    struct bed_queue *q = &b->queues[queue];
    if (!b->packed) {
        struct split_used *used = bed_at(b, bed_device(queue), 6 + 8 * BED_QUEUE);
        if (ring_load(&used->idx) == q->used)
            return false;
        *id  = used->ring[q->used % BED_QUEUE].id;
        *len = used->ring[q->used % BED_QUEUE].len;
        q->used++;
        return true;
    }
    struct packed_desc *ring  = bed_at(b, bed_desc(queue), BED_QUEUE * sizeof(*ring));
    u16                 flags = ring_load(&ring[q->used].flags);
    if (!!(flags & DESC_AVAIL) != q->used_wrap || !!(flags & DESC_USED) != q->used_wrap)
        return false;
    *id     = ring[q->used].id;
    *len    = ring[q->used].len;
    q->used = (u16)(q->used + q->places[*id % BED_QUEUE]);
    if (q->used >= BED_QUEUE) {
        q->used      = (u16)(q->used - BED_QUEUE);
        q->used_wrap = !q->used_wrap;
    }
    return true;
}

/* Sends a chain and waits for it: the bytes written, or -1 when it did not come back. */
static inline i64 bed_call(struct bed *b, unsigned queue, const struct bed_piece *p, unsigned n)
{
    u32 id, len;
    u16 want = bed_add(b, queue, p, n);
    bed_kick(b, queue);
    bed_wait(b);
    return bed_used(b, queue, &id, &len) && id == want ? (i64)len : -1;
}

#endif

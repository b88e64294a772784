/* device/virtio/queue.c - see queue.h. The parts that both ring formats share: setting up,
 * gathering pieces from descriptors, copies, snapshots; and the split ring (2.7). The packed
 * ring is in packed.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/virtio/queue.h"

#include <string.h>

#include "device/virtio/ring.h"
#include "device/virtio/virtio.h"

void virtq_reset(struct virtqueue *q)
{
    *q = (struct virtqueue){.dev        = q->dev,
                            .index      = q->index,
                            .size_max   = q->size_max,
                            .size       = q->size_max,
                            .avail_wrap = 1,
                            .used_wrap  = 1};
}

static bool is_packed(const struct virtqueue *q)
{
    return virtio_has(q->dev, VIRTIO_F_RING_PACKED);
}

static void *borrow(struct virtqueue *q, gpa addr, u64 len, u64 align, bool write)
{
    return addr % align ? NULL : ram_borrow(q->dev->ram, addr, len, write);
}

/* Finds the rings in guest memory (2.7, 2.8.10). */
static bool map_rings(struct virtqueue *q)
{
    u64 n = q->size;
    if (n == 0 || n > q->size_max || (!is_packed(q) && (n & (n - 1))))
        return false;
    if (is_packed(q)) {
        q->desc_host   = borrow(q, q->desc, n * sizeof(struct packed_desc), 16, true);
        q->driver_host = borrow(q, q->driver, sizeof(struct packed_event), 4, false);
        q->device_host = borrow(q, q->device, sizeof(struct packed_event), 4, true);
    } else {
        q->desc_host   = borrow(q, q->desc, n * sizeof(struct split_desc), 16, false);
        q->driver_host = borrow(q, q->driver, 6 + 2 * n, 2, false);
        q->device_host = borrow(q, q->device, 6 + 8 * n, 4, true);
    }
    return q->desc_host && q->driver_host && q->device_host;
}

void virtq_enable(struct virtqueue *q)
{
    if (q->ready)
        return;
    if (!map_rings(q)) {
        virtio_broken(q->dev);
        return;
    }
    if (is_packed(q))
        memset(q->device_host, 0, sizeof(struct packed_event)); /* notify us of everything */
    q->ready = 1;
}

/* Adds the piece at ADDR to the chain. What we read must come before what we write (2.7.4.2). */
bool chain_add(struct virtqueue *q, struct virtq_chain *c, gpa addr, u32 len, bool write)
{
    unsigned at = c->n_out + c->n_in;
    if (at == VIRTQ_SIZE_MAX || (!write && c->n_in))
        return false;
    u64 *total = write ? &c->in_len : &c->out_len;
    if (*total + len > UINT32_MAX)
        return false; /* 2.7.4: a chain is at most 2^32 bytes */
    if (len == 0)
        return true;
    void *host = ram_borrow(q->dev->ram, addr, len, write);
    if (!host)
        return false;
    c->iov[at]  = (struct iovec){host, len};
    c->addr[at] = addr;
    *total += len;
    if (write)
        c->n_in++;
    else
        c->n_out++;
    return true;
}

static bool gather_indirect(struct virtqueue *q, struct virtq_chain *c, const struct split_desc *d)
{
    u32                n     = d->len / (u32)sizeof(struct split_desc);
    struct split_desc *table = ram_borrow(q->dev->ram, d->addr, d->len, false);
    if (!table || n == 0 || n > VIRTQ_SIZE_MAX || d->len % sizeof(struct split_desc) ||
        !virtio_has(q->dev, VIRTIO_F_INDIRECT_DESC))
        return false;
    struct split_desc one;
    u32               at = 0;
    for (u32 seen = 0; seen < n; seen++) {
        ring_copy(&one, &table[at], sizeof(one));
        if (one.flags & DESC_INDIRECT ||
            !chain_add(q, c, one.addr, one.len, one.flags & DESC_WRITE))
            return false;
        if (!(one.flags & DESC_NEXT))
            return true;
        at = one.next;
        if (at >= n)
            return false;
    }
    return false; /* it goes round in a circle */
}

static bool gather_split(struct virtqueue *q, struct virtq_chain *c, u16 head)
{
    const struct split_desc *table = q->desc_host;
    struct split_desc        one;
    u16                      at = head;
    for (unsigned seen = 0; seen < q->size; seen++) {
        if (at >= q->size)
            return false;
        ring_copy(&one, &table[at], sizeof(one));
        if (one.flags & DESC_INDIRECT) /* 2.7.5.3.1: then it has no next */
            return !(one.flags & DESC_NEXT) && gather_indirect(q, c, &one);
        if (!chain_add(q, c, one.addr, one.len, one.flags & DESC_WRITE))
            return false;
        if (!(one.flags & DESC_NEXT))
            return true;
        at = one.next;
    }
    return false;
}

/* Is there something new? When not, asks to be notified of the next (2.7.10) and looks again. */
static bool split_pending(struct virtqueue *q, u16 *count)
{
    struct split_avail *avail = q->driver_host;
    u16                 idx   = ring_load(&avail->idx);
    if (idx == q->next_avail && virtio_has(q->dev, VIRTIO_F_EVENT_IDX)) {
        struct split_used *used = q->device_host;
        ring_store((u16 *)&used->ring[q->size], q->next_avail);
        ring_fence();
        idx = ring_load(&avail->idx);
    }
    *count = (u16)(idx - q->next_avail);
    return *count != 0;
}

static bool split_pop(struct virtqueue *q, struct virtq_chain *c)
{
    struct split_avail *avail = q->driver_host;
    u16                 count;
    if (!split_pending(q, &count))
        return false;
    u16 head = ring_load(&avail->ring[q->next_avail & (q->size - 1)]);
    if (count > q->size || !gather_split(q, c, head)) {
        virtio_broken(q->dev);
        return false;
    }
    c->id = head;
    q->next_avail++;
    return true;
}

static void split_push(struct virtqueue *q, const struct virtq_chain *c, u32 written)
{
    struct split_used     *used = q->device_host;
    struct split_used_elem elem = {c->id, written};
    memcpy(&used->ring[q->next_used & (q->size - 1)], &elem, sizeof(elem));
    q->next_used++;
    ring_store(&used->idx, q->next_used); /* with release: the element is seen before it */
}

/* 2.7.7.1 */
static bool split_wanted(struct virtqueue *q)
{
    struct split_avail *avail = q->driver_host;
    ring_fence(); /* our index is seen before we look at what the driver wants */
    if (!virtio_has(q->dev, VIRTIO_F_EVENT_IDX))
        return !(ring_load(&avail->flags) & AVAIL_NO_INTERRUPT);
    u16  event = ring_load(&avail->ring[q->size]);
    u16  old   = q->signalled;
    bool first = !q->signalled_valid;

    q->signalled       = q->next_used;
    q->signalled_valid = 1;
    return first || (u16)(q->next_used - event - 1) < (u16)(q->next_used - old);
}

bool virtq_pop(struct virtqueue *q, struct virtq_chain *c)
{
    if (!q->ready || !virtio_live(q->dev))
        return false;
    c->life   = q->dev->life;
    c->places = 1;
    c->n_out = c->n_in = 0;
    c->out_len = c->in_len = 0;
    return is_packed(q) ? packed_pop(q, c) : split_pop(q, c);
}

void virtq_push(struct virtqueue *q, const struct virtq_chain *c, u32 written)
{
    if (!q->ready || c->life != q->dev->life || q->dev->status & VIRTIO_NEEDS_RESET)
        return;
    q->dev->requests++;
    q->untold = 1;
    u32 left  = written;
    for (unsigned i = c->n_out; left && i < (unsigned)c->n_out + c->n_in; i++) {
        u32 n = (u32)MIN((u64)left, c->iov[i].iov_len);
        ram_dirtied(q->dev->ram, c->addr[i], n);
        left -= n;
    }
    if (is_packed(q))
        packed_push(q, c, written);
    else
        split_push(q, c, written);
}

void virtq_tell(struct virtqueue *q)
{
    if (!q->untold || !q->ready || !virtio_live(q->dev))
        return;
    q->untold = 0;
    if (is_packed(q) ? packed_wanted(q) : split_wanted(q))
        virtio_interrupt(q->dev, q->index);
}

struct virtq_mark virtq_here(const struct virtqueue *q)
{
    return (struct virtq_mark){q->next_avail, q->avail_wrap};
}

void virtq_back(struct virtqueue *q, struct virtq_mark mark)
{
    q->next_avail = mark.next_avail;
    q->avail_wrap = mark.avail_wrap;
}

static size_t copy(const struct iovec *iov, unsigned n, u64 off, void *buf, size_t len, bool in)
{
    size_t done = 0;
    for (unsigned i = 0; i < n && done < len; i++) {
        if (off >= iov[i].iov_len) {
            off -= iov[i].iov_len;
            continue;
        }
        size_t part = MIN(len - done, iov[i].iov_len - off);
        u8    *host = (u8 *)iov[i].iov_base + off;
        if (in)
            memcpy(host, (u8 *)buf + done, part);
        else
            ring_copy((u8 *)buf + done, host, part);
        done += part;
        off = 0;
    }
    return done;
}

size_t virtq_read(const struct virtq_chain *c, u64 off, void *dst, size_t len)
{
    return copy(virtq_out(c), c->n_out, off, dst, len, false);
}

size_t virtq_write(struct virtq_chain *c, u64 off, const void *src, size_t len)
{
    return copy(virtq_in(c), c->n_in, off, (void *)src, len, true);
}

#define F(m) FIELD(struct virtqueue, m)
static const struct field fields[] = {
    F(size),       F(ready),      F(desc),      F(driver), F(device),          F(next_avail),
    F(next_used),  F(avail_wrap), F(used_wrap), F(untold), F(signalled_valid), F(signalled),
    F(since_told), FIELDS_END};
#undef F

void virtq_save(const struct virtqueue *q, struct snap *snap)
{
    snap_put_fields(snap, fields, q);
}

int virtq_load(struct virtqueue *q, struct snap *snap, struct err *err)
{
    snap_get_fields(snap, fields, q);
    bool fine = q->size <= q->size_max && q->avail_wrap <= 1 && q->used_wrap <= 1;
    if (fine && q->ready)
        fine =
            map_rings(q) && (!is_packed(q) || (q->next_avail < q->size && q->next_used < q->size));
    return fine ? 0 : err_set(err, EINVAL, "the snapshot's queue %u is not possible", q->index);
}

/* device/virtio/queue.h - virtqueues, split and packed alike (virtio 1.2, 2.6 to 2.8).
 *
 * A device pops a chain, works with its pieces (host memory borrowed from guest RAM), and
 * pushes it back. Chains may be pushed in any order, and later. Every index, length and flag of
 * the guest's is read once and checked; what is wrong makes the device ask for a reset, and
 * the queue is empty from then on. The device's lock guards all of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_VIRTIO_QUEUE_H
#define DEVICE_VIRTIO_QUEUE_H

#include <sys/uio.h>

#include "base/err.h"
#include "base/snapshot.h"

struct virtio;

enum { VIRTQ_SIZE_MAX = 256 };

typedef u64 virtq_addr; /* a guest physical address */

struct virtqueue {
    struct virtio *dev;
    u16            index;
    u16            size_max; /* a power of two, at most VIRTQ_SIZE_MAX */

    /* set up by the driver */
    u16        size;
    u8         ready;
    virtq_addr desc, driver, device; /* split: descriptors, available ring, used ring */

    /* where we are */
    u16 next_avail, next_used; /* split: free running; packed: places in the ring */
    u8  avail_wrap, used_wrap; /* packed */
    u8  untold;                /* something was pushed since virtq_tell */
    u8  signalled_valid;
    u16 signalled;  /* next_used when the driver was last told */
    u16 since_told; /* packed: ring places used since */

    void *desc_host, *driver_host, *device_host; /* borrowed while ready */
};

/* A buffer that the driver handed over: first the pieces we read, then those we write. */
struct virtq_chain {
    u32          life; /* of the device, when it was popped */
    u16          id;
    u16          places; /* packed: how many places in the ring it takes */
    u16          n_out, n_in;
    u64          out_len, in_len;
    struct iovec iov[VIRTQ_SIZE_MAX];
    virtq_addr   addr[VIRTQ_SIZE_MAX]; /* of each piece, to tell ram.h what was written */
};

struct virtq_mark {
    u16 next_avail;
    u8  avail_wrap;
};

static inline const struct iovec *virtq_out(const struct virtq_chain *c)
{
    return c->iov;
}

static inline const struct iovec *virtq_in(const struct virtq_chain *c)
{
    return c->iov + c->n_out;
}

bool virtq_pop(struct virtqueue *, struct virtq_chain *); /* false: none, or broken */
/* The chain's first WRITTEN bytes of writable pieces are filled. A chain of before a reset is
 * ignored. Follow with virtq_tell, after one or many. */
void virtq_push(struct virtqueue *, const struct virtq_chain *, u32 written);
void virtq_tell(struct virtqueue *); /* of what was pushed: interrupts, if the driver wants it */

/* Hands back what was popped since the mark, as if it had not been. */
struct virtq_mark virtq_here(const struct virtqueue *);
void              virtq_back(struct virtqueue *, struct virtq_mark);

/* Copies between bytes and pieces, from byte OFF of them; return how many were there. */
size_t virtq_read(const struct virtq_chain *, u64 off, void *dst, size_t len);
size_t virtq_write(struct virtq_chain *, u64 off, const void *src, size_t len);

/* For virtio.c and transports. */
void virtq_reset(struct virtqueue *);
void virtq_enable(struct virtqueue *); /* the driver says it is ready */
void virtq_save(const struct virtqueue *, struct snap *);
int  virtq_load(struct virtqueue *, struct snap *, struct err *);

#endif

/* device/virtio/rng.c - entropy (virtio 1.2, 5.4): fills buffers from the host's getrandom.
 *
 * All of it happens while the driver notifies; bytes per notification are bounded. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/random.h>

#include "base/alloc.h"
#include "device/virtio/devices.h"

enum { CHAIN_BYTES_MAX = 4096 }; /* a driver that wants more asks again */

struct rng {
    struct virtio      dev;
    struct virtq_chain chain;
};

static u32 fill(const struct virtq_chain *c)
{
    u32 done = 0;
    for (unsigned i = 0; i < c->n_in && done < CHAIN_BYTES_MAX; i++) {
        size_t  want = MIN(virtq_in(c)[i].iov_len, (size_t)(CHAIN_BYTES_MAX - done));
        ssize_t got  = getrandom(virtq_in(c)[i].iov_base, want, 0);
        if (got <= 0)
            break;
        done += (u32)got;
        if ((size_t)got < want)
            break;
    }
    return done;
}

static void rng_notify(struct virtio *dev, unsigned queue)
{
    struct rng       *r = container_of(dev, struct rng, dev);
    struct virtqueue *q = &dev->queues[queue];
    while (virtq_pop(q, &r->chain))
        virtq_push(q, &r->chain, fill(&r->chain));
    virtq_tell(q);
}

static void rng_destroy(struct virtio *dev)
{
    virtio_done(dev);
    free(container_of(dev, struct rng, dev));
}

static const struct virtio_ops ops = {
    .name       = "virtio-rng",
    .id         = VIRTIO_ID_RNG,
    .n_queues   = 1,
    .queue_size = 64,
    .pci_class  = 0x00ff00,
    .notify     = rng_notify,
    .destroy    = rng_destroy,
};

int virtio_rng_create(struct virtio **out, struct ram *ram, struct err *err)
{
    struct rng *r = xnew(struct rng);
    (void)err;
    virtio_init(&r->dev, &ops, ram, 0, NULL, 0);
    *out = &r->dev;
    return 0;
}

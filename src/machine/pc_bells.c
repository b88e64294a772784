/* machine/pc_bells.c - doorbells of virtio slots that ring here: a driver's write to QueueNotify
 * (virtio 1.2, 4.2.2) signals an eventfd in the kernel, and the CPU goes on; the queue is served
 * on the loop thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/eventfd.h>

#include "base/alloc.h"
#include "base/loop.h"
#include "device/virtio/virtio.h"
#include "kvm/kvm.h"
#include "machine/pc.h"

enum { QUEUE_NOTIFY = 0x50, BELLS_MAX = PC_SLOTS * VIRTIO_QUEUES_MAX };

struct bell {
    struct virtio *dev;
    unsigned       queue;
    int            fd;
    struct watch  *watch;
};

struct bells {
    struct machine *m;
    struct bell     bells[BELLS_MAX];
    unsigned        n;
};

static void on_ring(void *ctx, int fd, u32 events)
{
    struct bell *b = ctx;
    u64          n;
    (void)events;
    if (read(fd, &n, sizeof(n)) != sizeof(n))
        return; /* somebody was faster */
    virtio_lock(b->dev);
    virtio_notify(b->dev, b->queue);
    virtio_unlock(b->dev);
}

struct bells *bells_create(struct machine *m)
{
    struct bells *bells = xnew(struct bells);
    bells->m            = m;
    return bells;
}

static int add(struct bells *bells, struct virtio *dev, unsigned queue, u64 slot, struct err *err)
{
    struct machine *m = bells->m;
    assert(bells->n < BELLS_MAX);
    struct bell *b = &bells->bells[bells->n];
    *b = (struct bell){.dev = dev, .queue = queue, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (b->fd < 0)
        return err_errno(err, errno, "make a doorbell");
    bells->n++;
    int rc = loop_watch(m->instance.loop, b->fd, EPOLLIN, on_ring, b, &b->watch, err);
    return rc ? rc : kvm_bell(m->pc->vm, slot + QUEUE_NOTIFY, 4, queue, b->fd, err);
}

int bells_add(struct bells *bells, struct virtio *dev, u64 slot, struct err *err)
{
    int rc = 0;
    for (unsigned i = 0; !rc && i < dev->ops->n_queues; i++)
        rc = add(bells, dev, i, slot, err);
    return rc;
}

/* The guest has rung while it stood still: heard before it is saved. */
void bells_hear(struct bells *bells)
{
    for (unsigned i = 0; i < bells->n; i++)
        on_ring(&bells->bells[i], bells->bells[i].fd, EPOLLIN);
}

void bells_destroy(struct bells *bells)
{
    if (!bells)
        return;
    for (unsigned i = 0; i < bells->n; i++) {
        loop_unwatch(bells->bells[i].watch);
        close(bells->bells[i].fd);
    }
    free(bells);
}

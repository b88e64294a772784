/* device/virtio/virtio.c - see virtio.h: status, features, configuration; what all devices and
 * both transports share. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/virtio/virtio.h"

#include <string.h>

void virtio_init(struct virtio *dev, const struct virtio_ops *ops, struct ram *ram, u64 features,
                 void *config, u32 config_len)
{
    assert(ops->n_queues <= VIRTIO_QUEUES_MAX && ops->queue_size <= VIRTQ_SIZE_MAX);
    dev->ops        = ops;
    dev->ram        = ram;
    dev->offered    = features | VIRTIO_F_COMMON;
    dev->config     = config;
    dev->config_len = config_len;
    pthread_mutex_init(&dev->lock, NULL);
    for (u16 i = 0; i < ops->n_queues; i++) {
        dev->queues[i] = (struct virtqueue){.dev = dev, .index = i, .size_max = ops->queue_size};
        virtq_reset(&dev->queues[i]);
    }
}

void virtio_done(struct virtio *dev)
{
    pthread_mutex_destroy(&dev->lock);
}

void virtio_destroy(struct virtio *dev)
{
    if (dev)
        dev->ops->destroy(dev);
}

/* 4.1.4.5.1: a message says by itself which queue it is of, the ISR is for the wire; but a change
 * of the configuration stands there in any case. */
void virtio_interrupt(struct virtio *dev, unsigned source)
{
    if (source == VIRTIO_CONFIG)
        dev->isr |= VIRTIO_ISR_CONFIG;
    if (dev->message && dev->message(dev, source))
        return;
    if (source != VIRTIO_CONFIG)
        dev->isr |= VIRTIO_ISR_QUEUE;
    irq_set(&dev->irq, dev->isr != 0);
}

void virtio_ack(struct virtio *dev, u8 reasons)
{
    dev->isr &= (u8)~reasons;
    irq_set(&dev->irq, dev->isr != 0);
}

void virtio_config_changed(struct virtio *dev)
{
    dev->generation++;
    if (dev->status & VIRTIO_DRIVER_OK)
        virtio_interrupt(dev, VIRTIO_CONFIG);
}

void virtio_broken(struct virtio *dev)
{
    dev->faults++;
    if (dev->status & VIRTIO_NEEDS_RESET)
        return;
    dev->status |= VIRTIO_NEEDS_RESET;
    virtio_config_changed(dev);
}

u64 virtio_config_read(const struct virtio *dev, u64 off, unsigned width)
{
    u64 val = 0;
    if (off < dev->config_len && width <= dev->config_len - off)
        memcpy(&val, dev->config + off, width);
    return val;
}

void virtio_config_write(struct virtio *dev, u64 off, unsigned width, u64 val)
{
    if (dev->ops->config_write && off < dev->config_len && width <= dev->config_len - off)
        dev->ops->config_write(dev, (u32)off, &val, width);
}

void virtio_accept(struct virtio *dev, unsigned word, u32 features)
{
    if (word > 1 || dev->status & VIRTIO_FEATURES_OK)
        return;
    unsigned shift = word * 32;
    dev->accepted  = (dev->accepted & ~(0xffffffffull << shift)) | (u64)features << shift;
}

static void reset(struct virtio *dev)
{
    dev->life++;
    if (dev->ops->reset)
        dev->ops->reset(dev);
    dev->accepted = 0;
    dev->status   = 0;
    for (unsigned i = 0; i < dev->ops->n_queues; i++)
        virtq_reset(&dev->queues[i]);
    virtio_ack(dev, 0xff);
}

void virtio_notify(struct virtio *dev, unsigned queue)
{
    if (queue < dev->ops->n_queues && dev->queues[queue].ready && virtio_live(dev))
        dev->ops->notify(dev, queue);
}

/* A driver may have filled queues before it was ready, and has not been heard. */
static void start(struct virtio *dev)
{
    if (dev->ops->start)
        dev->ops->start(dev);
    for (unsigned i = 0; i < dev->ops->n_queues; i++)
        virtio_notify(dev, i);
}

void virtio_set_status(struct virtio *dev, u8 status)
{
    if (status == 0) {
        reset(dev);
        return;
    }
    u8 fresh = status & (u8)~dev->status;
    if (fresh & VIRTIO_FEATURES_OK) {
        /* 2.2.2 and 6.1: only what was offered, and no legacy drivers. */
        bool fine = !(dev->accepted & ~dev->offered) && virtio_has(dev, VIRTIO_F_VERSION_1);
        if (!fine)
            status &= (u8)~VIRTIO_FEATURES_OK;
    }
    if ((fresh & VIRTIO_DRIVER_OK) && !(status & VIRTIO_FEATURES_OK))
        status &= (u8)~VIRTIO_DRIVER_OK;
    /* Bits are only ever added, but by a reset (2.1.1). */
    dev->status |= status & (u8)~VIRTIO_NEEDS_RESET;
    if ((fresh & status & VIRTIO_DRIVER_OK) && virtio_live(dev))
        start(dev);
}

void virtio_stats(struct virtio *dev, const char *name, struct stats *stats)
{
    virtio_lock(dev);
    stats_add(stats, dev->requests, "", "%s.requests", name);
    stats_add(stats, dev->faults, "", "%s.faults", name);
    if (dev->ops->stats)
        dev->ops->stats(dev, name, stats);
    virtio_unlock(dev);
}

void virtio_drain(struct virtio *dev)
{
    if (dev->ops->drain)
        dev->ops->drain(dev);
}

#define F(m) FIELD(struct virtio, m)
static const struct field fields[] = {F(accepted), F(generation), F(status), F(isr), FIELDS_END};
#undef F

void virtio_save(struct virtio *dev, struct snap *snap)
{
    snap_put_u64(snap, dev->ops->id);
    snap_put_fields(snap, fields, dev);
    for (unsigned i = 0; i < dev->ops->n_queues; i++)
        virtq_save(&dev->queues[i], snap);
    if (dev->ops->fields)
        snap_put_fields(snap, dev->ops->fields, dev);
    if (dev->ops->save)
        dev->ops->save(dev, snap);
}

int virtio_load(struct virtio *dev, struct snap *snap, struct err *err)
{
    if (snap_get_u64(snap) != dev->ops->id)
        return err_set(err, EINVAL, "the snapshot has another device in the place of %s",
                       dev->ops->name);
    snap_get_fields(snap, fields, dev);
    if (dev->accepted & ~dev->offered)
        return err_set(err, EINVAL, "the snapshot's %s has features that this one lacks",
                       dev->ops->name);
    for (unsigned i = 0; i < dev->ops->n_queues; i++) {
        int rc = virtq_load(&dev->queues[i], snap, err);
        if (rc)
            return rc;
    }
    if (dev->ops->fields)
        snap_get_fields(snap, dev->ops->fields, dev);
    int rc = dev->ops->load ? dev->ops->load(dev, snap, err) : 0;
    if (!rc && !snap_failed(snap))
        irq_set(&dev->irq, dev->isr != 0);
    return rc;
}

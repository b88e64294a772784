/* device/virtio/virtio.h - a virtio device, whatever bus it hangs on (virtio 1.2).
 *
 * To write one: embed struct virtio, fill a struct virtio_ops, call virtio_init; queue.h has the
 * rings. A transport (mmio.c, pci.c) speaks for the guest: it calls the functions at the bottom.
 *
 * One lock per device. Transports hold it around everything here; a device's own threads and
 * callbacks take it (virtio_lock) before they touch rings, configuration or interrupts. Lock
 * order: bus device, then this lock, then interrupt controllers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_VIRTIO_VIRTIO_H
#define DEVICE_VIRTIO_VIRTIO_H

#include <pthread.h>

#include "device/virtio/queue.h"
#include "memory/bus.h"
#include "memory/ram.h"
#include "vm/stats.h"

enum { VIRTIO_QUEUES_MAX = 5, VIRTIO_CONFIG = VIRTIO_QUEUES_MAX };

/* Device numbers (section 5). */
enum {
    VIRTIO_ID_NET     = 1,
    VIRTIO_ID_BLOCK   = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_RNG     = 4,
    VIRTIO_ID_BALLOON = 5,
    VIRTIO_ID_9P      = 9,
    VIRTIO_ID_VSOCK   = 19
};

/* Feature bits that belong to no device (section 6). */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX     (1ull << 29)
#define VIRTIO_F_VERSION_1     (1ull << 32)
#define VIRTIO_F_RING_PACKED   (1ull << 34)
#define VIRTIO_F_COMMON                                                                            \
    (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_RING_PACKED)

/* Device status (2.1). */
enum {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER      = 2,
    VIRTIO_DRIVER_OK   = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 64,
    VIRTIO_FAILED      = 128
};

/* Reasons for an interrupt, as in the ISR registers. */
enum { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };

struct virtio_ops {
    const char *name; /* "virtio-blk" */
    u16         id, n_queues, queue_size;
    u32         pci_class; /* 24 bits */

    /* All with the lock held, but drain and destroy. Only notify must be there. */
    void (*notify)(struct virtio *, unsigned queue); /* the driver has made buffers available */
    void (*config_write)(struct virtio *, u32 off, const void *src, u32 len); /* inside bounds */
    void (*start)(struct virtio *); /* DRIVER_OK: the queues are live */
    void (*reset)(struct virtio *); /* forget all; on return nothing touches guest memory */

    void (*drain)(struct virtio *);   /* loop thread: finish what is in flight, push its answers */
    void (*destroy)(struct virtio *); /* frees the device itself; calls virtio_done */

    void (*stats)(struct virtio *, const char *name, struct stats *); /* more than the common */

    const struct field *fields; /* of the struct that begins with struct virtio */
    void (*save)(struct virtio *, struct snap *);
    int (*load)(struct virtio *, struct snap *, struct err *);
};

struct virtio {
    const struct virtio_ops *ops;
    struct ram              *ram;
    struct irq               irq; /* the transport's */
    /* The transport's, where it can send messages instead: of queue SOURCE, or VIRTIO_CONFIG.
     * False: not now, take the wire. May be NULL. */
    bool (*message)(struct virtio *, unsigned source);
    void *transport;
    u8   *config; /* little endian, config_len bytes, in the device's struct */
    u32   config_len;
    u64   offered;

    pthread_mutex_t lock; /* guards all below */
    u64             accepted;
    u32             generation; /* of the configuration (2.5) */
    u32             life;       /* counts resets: chains of an earlier life are forgotten */
    u8              status;
    u8              isr;
    u64             requests, faults; /* chains handed back; what the driver did wrong: for stats */
    struct virtqueue queues[VIRTIO_QUEUES_MAX];
};

/* For devices. DEV is zeroed; FEATURES are the device's own, the common ones are added. */
void virtio_init(struct virtio *dev, const struct virtio_ops *, struct ram *, u64 features,
                 void *config, u32 config_len);
void virtio_done(struct virtio *);
void virtio_config_changed(struct virtio *); /* tells the driver */
void virtio_broken(struct virtio *); /* the driver broke the protocol: DEVICE_NEEDS_RESET (2.1.2) */
void virtio_interrupt(struct virtio *, unsigned source); /* a queue, or VIRTIO_CONFIG */

static inline void virtio_lock(struct virtio *dev)
{
    pthread_mutex_lock(&dev->lock);
}

static inline void virtio_unlock(struct virtio *dev)
{
    pthread_mutex_unlock(&dev->lock);
}

static inline bool virtio_has(const struct virtio *dev, u64 feature)
{
    return (dev->accepted & feature) != 0;
}

/* The driver is ready and has done nothing wrong so far. */
static inline bool virtio_live(const struct virtio *dev)
{
    return (dev->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK;
}

/* For transports; lock held. */
u64  virtio_config_read(const struct virtio *, u64 off, unsigned width);
void virtio_config_write(struct virtio *, u64 off, unsigned width, u64 val);
void virtio_accept(struct virtio *, unsigned word, u32 features);
void virtio_set_status(struct virtio *, u8 status); /* 0: reset */
void virtio_notify(struct virtio *, unsigned queue);
void virtio_ack(struct virtio *, u8 reasons);
void virtio_save(struct virtio *, struct snap *);
int  virtio_load(struct virtio *, struct snap *, struct err *);

/* Rows "NAME.requests" and so on. Loop thread, lock not held. */
void virtio_stats(struct virtio *, const char *name, struct stats *);

/* For transports; lock not held. */
void virtio_drain(struct virtio *);
void virtio_destroy(struct virtio *); /* NULL is fine */

/* Transports. On success the device belongs to them. */
enum { VIRTIO_MMIO_LENGTH = 0x1000 };
struct pci_host;
int virtio_mmio_create(struct device **out, struct virtio *, const struct irq *, struct err *err);
int virtio_pci_create(struct pci_host *, unsigned slot, struct virtio *, struct err *err);

#endif

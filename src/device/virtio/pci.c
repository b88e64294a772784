/* device/virtio/pci.c - virtio over PCI, modern only (virtio 1.2, 4.1), with INTx, and MSI-X where
 * the board has a target for messages: a vector for each queue and one for the configuration.
 *
 * BAR 4 holds the four register blocks, a page each; a capability points at each of them, and a
 * fifth lets firmware reach them through configuration space. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/pci.h"

#include <string.h>

#include "base/alloc.h"
#include "device/virtio/virtio.h"

enum { NO_VECTOR = 0xffff, MSIX_BAR = 1 };
enum { BAR = 4, BAR_BYTES = 0x4000, PAGE = 0x1000, NOTIFY_STRIDE = 4 };
enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4, CAP_PCI_CFG = 5 };
enum { AT_COMMON = 0, AT_ISR = 0x1000, AT_DEVICE = 0x2000, AT_NOTIFY = 0x3000 };

/* 4.1.4.3: the common configuration. */
enum {
    DEVICE_FEATURE_SELECT = 0x00,
    DEVICE_FEATURE        = 0x04,
    DRIVER_FEATURE_SELECT = 0x08,
    DRIVER_FEATURE        = 0x0c,
    MSIX_CONFIG           = 0x10,
    NUM_QUEUES            = 0x12,
    DEVICE_STATUS         = 0x14,
    CONFIG_GENERATION     = 0x15,
    QUEUE_SELECT          = 0x16,
    QUEUE_SIZE            = 0x18,
    QUEUE_MSIX            = 0x1a,
    QUEUE_ENABLE          = 0x1c,
    QUEUE_NOTIFY_OFF      = 0x1e,
    QUEUE_DESC            = 0x20,
    QUEUE_DRIVER          = 0x28,
    QUEUE_DEVICE          = 0x30
};

struct cap { /* 4.1.4, without the two bytes that every capability begins with */
    u8  len, type, bar, id, pad[2];
    u32 offset, length, extra;
} __attribute__((packed));

struct vpci {
    struct pci_function fn;
    struct virtio      *virtio;
    unsigned            cfg_cap; /* where CAP_PCI_CFG is */
    u32                 device_select, driver_select;
    u16                 queue_select;
    u16                 vectors[VIRTIO_QUEUES_MAX + 1]; /* of the queues, and VIRTIO_CONFIG's */
};

static struct vpci *to_vpci(struct pci_function *fn)
{
    return container_of(fn, struct vpci, fn);
}

static void set_intx(void *chip, unsigned line, bool level)
{
    (void)line;
    pci_set_irq(chip, level);
}

static bool send_message(struct virtio *virtio, unsigned source)
{
    struct vpci *p = virtio->transport;
    return pci_send_message(&p->fn, p->vectors[source]);
}

static void forget_vectors(struct vpci *p)
{
    for (unsigned i = 0; i < ARRAY_SIZE(p->vectors); i++)
        p->vectors[i] = NO_VECTOR;
}

/* 4.1.5.1.2.1: a vector that the function does not have reads back as none. */
static u16 vector_for(const struct vpci *p, u64 val)
{
    return (u16)val < p->fn.msix.n ? (u16)val : NO_VECTOR;
}

static u64 read_queue(const struct virtqueue *q, u64 off)
{
    switch (off) {
    case QUEUE_SIZE:
        return q->size;
    case QUEUE_ENABLE:
        return q->ready;
    case QUEUE_NOTIFY_OFF:
        return q->index;
    case QUEUE_DESC:
        return q->desc;
    case QUEUE_DRIVER:
        return q->driver;
    case QUEUE_DEVICE:
        return q->device;
    default:
        return 0;
    }
}

static u64 read_common(struct vpci *p, u64 off)
{
    struct virtio *v = p->virtio;
    switch (off) {
    case DEVICE_FEATURE_SELECT:
        return p->device_select;
    case DEVICE_FEATURE:
        return p->device_select > 1 ? 0 : (u32)(v->offered >> (32 * p->device_select));
    case DRIVER_FEATURE_SELECT:
        return p->driver_select;
    case DRIVER_FEATURE:
        return p->driver_select > 1 ? 0 : (u32)(v->accepted >> (32 * p->driver_select));
    case MSIX_CONFIG:
        return p->vectors[VIRTIO_CONFIG];
    case NUM_QUEUES:
        return v->ops->n_queues;
    case DEVICE_STATUS:
        return v->status;
    case CONFIG_GENERATION:
        return (u8)v->generation;
    case QUEUE_SELECT:
        return p->queue_select;
    }
    if (p->queue_select >= v->ops->n_queues)
        return 0;
    const struct virtqueue *q = &v->queues[p->queue_select];
    if (off == QUEUE_MSIX)
        return p->vectors[p->queue_select];
    if (off >= QUEUE_DESC && off % 8 == 4) /* upper halves */
        return read_queue(q, off - 4) >> 32;
    return read_queue(q, off);
}

static void write_half(u64 *addr, u64 off, unsigned width, u64 val)
{
    if (width == 8)
        *addr = val;
    else if (off & 4)
        *addr = (*addr & 0xffffffff) | val << 32;
    else
        *addr = (*addr & ~0xffffffffull) | (u32)val;
}

static void write_queue(struct virtqueue *q, u64 off, unsigned width, u64 val)
{
    if (q->ready) /* 4.1.4.3.2: the driver must not; we do not listen */
        return;
    if (off == QUEUE_SIZE)
        q->size = (u16)val;
    else if (off == QUEUE_ENABLE && (val & 0xffff) == 1)
        virtq_enable(q);
    else if ((off & ~7ull) == QUEUE_DESC)
        write_half(&q->desc, off, width, val);
    else if ((off & ~7ull) == QUEUE_DRIVER)
        write_half(&q->driver, off, width, val);
    else if ((off & ~7ull) == QUEUE_DEVICE)
        write_half(&q->device, off, width, val);
}

static void write_common(struct vpci *p, u64 off, unsigned width, u64 val)
{
    switch (off) {
    case DEVICE_FEATURE_SELECT:
        p->device_select = (u32)val;
        break;
    case DRIVER_FEATURE_SELECT:
        p->driver_select = (u32)val;
        break;
    case DRIVER_FEATURE:
        virtio_accept(p->virtio, p->driver_select, (u32)val);
        break;
    case DEVICE_STATUS:
        virtio_set_status(p->virtio, (u8)val);
        if ((u8)val == 0)
            forget_vectors(p);
        break;
    case MSIX_CONFIG:
        p->vectors[VIRTIO_CONFIG] = vector_for(p, val);
        break;
    case QUEUE_SELECT:
        p->queue_select = (u16)val;
        break;
    case QUEUE_MSIX:
        if (p->queue_select < p->virtio->ops->n_queues)
            p->vectors[p->queue_select] = vector_for(p, val);
        break;
    default:
        if (p->queue_select < p->virtio->ops->n_queues)
            write_queue(&p->virtio->queues[p->queue_select], off, width, val);
    }
}

static u64 vpci_read(struct pci_function *fn, unsigned bar, u64 off, unsigned width)
{
    struct vpci *p   = to_vpci(fn);
    u64          val = 0;
    (void)bar;
    virtio_lock(p->virtio);
    switch (off & ~(u64)(PAGE - 1)) {
    case AT_COMMON:
        val = read_common(p, off);
        break;
    case AT_ISR: /* 4.1.4.5: reading it lowers the interrupt */
        val = off == AT_ISR ? p->virtio->isr : 0;
        if (off == AT_ISR)
            virtio_ack(p->virtio, 0xff);
        break;
    case AT_DEVICE:
        val = virtio_config_read(p->virtio, off - AT_DEVICE, width);
        break;
    }
    virtio_unlock(p->virtio);
    return val & (~0ull >> (64 - 8 * width));
}

static void vpci_write(struct pci_function *fn, unsigned bar, u64 off, unsigned width, u64 val)
{
    struct vpci *p = to_vpci(fn);
    (void)bar;
    virtio_lock(p->virtio);
    switch (off & ~(u64)(PAGE - 1)) {
    case AT_COMMON:
        write_common(p, off, width, val);
        break;
    case AT_DEVICE:
        virtio_config_write(p->virtio, off - AT_DEVICE, width, val);
        break;
    case AT_NOTIFY:
        virtio_notify(p->virtio, (unsigned)((off - AT_NOTIFY) / NOTIFY_STRIDE));
        break;
    }
    virtio_unlock(p->virtio);
}

/* --- CAP_PCI_CFG (4.1.4.9): a small window into the BAR --- */

static bool touches_data(const struct vpci *p, unsigned off)
{
    return off == p->cfg_cap + 16;
}

static bool cfg_target(struct vpci *p, u64 *off, unsigned *width)
{
    u32 at, len;
    memcpy(&at, p->fn.config + p->cfg_cap + 8, 4);
    memcpy(&len, p->fn.config + p->cfg_cap + 12, 4);
    *off   = at;
    *width = len;
    return p->fn.config[p->cfg_cap + 4] == BAR && (len == 1 || len == 2 || len == 4) &&
           at % len == 0 && at < BAR_BYTES;
}

static void vpci_config_read(struct pci_function *fn, unsigned reg, unsigned width)
{
    struct vpci *p = to_vpci(fn);
    u64          off;
    unsigned     len;
    (void)width;
    if (!touches_data(p, reg) || !cfg_target(p, &off, &len))
        return;
    u32 val = (u32)vpci_read(fn, BAR, off, len);
    memcpy(fn->config + p->cfg_cap + 16, &val, 4);
}

static void vpci_config_write(struct pci_function *fn, unsigned reg, unsigned width)
{
    struct vpci *p = to_vpci(fn);
    u64          off;
    unsigned     len;
    u32          val;
    (void)width;
    if (!touches_data(p, reg) || !cfg_target(p, &off, &len))
        return;
    memcpy(&val, fn->config + p->cfg_cap + 16, 4);
    vpci_write(fn, BAR, off, len, len == 4 ? val : val & ((1u << (8 * len)) - 1));
}

static void vpci_reset(struct pci_function *fn)
{
    struct vpci *p = to_vpci(fn);
    virtio_lock(p->virtio);
    virtio_set_status(p->virtio, 0);
    p->device_select = p->driver_select = p->queue_select = 0;
    forget_vectors(p);
    virtio_unlock(p->virtio);
}

static void vpci_drain(struct pci_function *fn)
{
    virtio_drain(to_vpci(fn)->virtio);
}

static const struct field fields[] = {
    FIELD(struct vpci, device_select), FIELD(struct vpci, driver_select),
    FIELD(struct vpci, queue_select), FIELD(struct vpci, vectors), FIELDS_END};

static void vpci_save(struct pci_function *fn, struct snap *snap)
{
    struct vpci *p = to_vpci(fn);
    virtio_lock(p->virtio);
    snap_put_fields(snap, fields, p);
    virtio_save(p->virtio, snap);
    virtio_unlock(p->virtio);
}

static int vpci_load(struct pci_function *fn, struct snap *snap, struct err *err)
{
    struct vpci *p = to_vpci(fn);
    virtio_lock(p->virtio);
    snap_get_fields(snap, fields, p);
    int rc = virtio_load(p->virtio, snap, err);
    virtio_unlock(p->virtio);
    return rc;
}

static void vpci_destroy(struct pci_function *fn)
{
    struct vpci *p = to_vpci(fn);
    virtio_destroy(p->virtio);
    free(p);
}

static const struct pci_ops ops = {
    .name         = "virtio-pci",
    .read         = vpci_read,
    .write        = vpci_write,
    .config_read  = vpci_config_read,
    .config_write = vpci_config_write,
    .reset        = vpci_reset,
    .drain        = vpci_drain,
    .save         = vpci_save,
    .load         = vpci_load,
    .destroy      = vpci_destroy,
};

static void add_caps(struct vpci *p)
{
    static const struct {
        u8  type;
        u32 at, length, extra;
    } blocks[] = {
        {CAP_COMMON, AT_COMMON, PAGE, 0}, {CAP_ISR, AT_ISR, PAGE, 0},
        {CAP_DEVICE, AT_DEVICE, PAGE, 0}, {CAP_NOTIFY, AT_NOTIFY, PAGE, NOTIFY_STRIDE},
        {CAP_PCI_CFG, 0, 0, 0},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++) {
        bool       longer = blocks[i].type == CAP_NOTIFY || blocks[i].type == CAP_PCI_CFG;
        u8         len    = longer ? 20 : 16;
        struct cap cap    = {.len    = len,
                             .type   = blocks[i].type,
                             .bar    = BAR,
                             .offset = blocks[i].at,
                             .length = blocks[i].length,
                             .extra  = blocks[i].extra};
        unsigned   at     = pci_add_capability(&p->fn, 9, &cap, len - 2u);
        if (blocks[i].type != CAP_PCI_CFG)
            continue;
        p->cfg_cap             = at;
        p->fn.writable[at + 4] = 0xff;
        memset(p->fn.writable + at + 8, 0xff, 12);
    }
}

int virtio_pci_create(struct pci_host *host, unsigned slot, struct virtio *virtio, struct err *err)
{
    struct vpci *p  = xnew(struct vpci);
    u16          id = virtio->ops->id;
    pci_function_init(&p->fn, &ops, 0x1af4, (u16)(0x1040 + id), virtio->ops->pci_class, id);
    pci_add_bar(&p->fn, BAR, BAR_BYTES, true);
    pci_add_msix(host, &p->fn, MSIX_BAR, virtio->ops->n_queues + 1u);
    add_caps(p);
    forget_vectors(p);
    p->virtio = virtio;
    int rc    = pci_host_add(host, slot, &p->fn, err);
    if (rc) {
        free(p);
        return rc;
    }
    virtio->irq       = (struct irq){set_intx, &p->fn, 0};
    virtio->message   = send_message;
    virtio->transport = p;
    return 0;
}

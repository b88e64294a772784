/* device/virtio/mmio.c - virtio over memory-mapped registers, version 2 (virtio 1.2, 4.2).
 *
 * A slot without a device (virtio NULL) reads as device 0, which drivers skip. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "device/fdt.h"
#include "device/virtio/virtio.h"

/* 4.2.2 */
enum {
    MAGIC               = 0x000,
    VERSION             = 0x004,
    DEVICE_ID           = 0x008,
    VENDOR_ID           = 0x00c,
    DEVICE_FEATURES     = 0x010,
    DEVICE_FEATURES_SEL = 0x014,
    DRIVER_FEATURES     = 0x020,
    DRIVER_FEATURES_SEL = 0x024,
    QUEUE_SEL           = 0x030,
    QUEUE_NUM_MAX       = 0x034,
    QUEUE_NUM           = 0x038,
    QUEUE_READY         = 0x044,
    QUEUE_NOTIFY        = 0x050,
    INTERRUPT_STATUS    = 0x060,
    INTERRUPT_ACK       = 0x064,
    STATUS              = 0x070,
    QUEUE_DESC          = 0x080, /* 64 bits each, in two words */
    QUEUE_DRIVER        = 0x090,
    QUEUE_DEVICE        = 0x0a0,
    SHM_LEN_LOW         = 0x0b0,
    SHM_BASE_HIGH       = 0x0bc,
    CONFIG_GENERATION   = 0x0fc,
    CONFIG              = 0x100
};

struct mmio {
    struct device  dev;
    struct virtio *virtio;
    u32            device_sel, driver_sel, queue_sel;
};

static struct mmio *to_mmio(struct device *dev)
{
    return container_of(dev, struct mmio, dev);
}

static struct virtqueue *selected(struct mmio *m)
{
    return m->queue_sel < m->virtio->ops->n_queues ? &m->virtio->queues[m->queue_sel] : NULL;
}

static u64 read_queue(struct mmio *m, u64 off)
{
    struct virtqueue *q = selected(m);
    if (!q)
        return 0;
    return off == QUEUE_NUM_MAX ? q->size_max : q->ready;
}

static u64 read_register(struct mmio *m, u64 off)
{
    struct virtio *v = m->virtio;
    switch (off) {
    case MAGIC:
        return 0x74726976; /* "virt" */
    case VERSION:
        return 2;
    case DEVICE_ID:
        return v ? v->ops->id : 0;
    case VENDOR_ID:
        return 0x53495547; /* "GUIS" */
    }
    if (!v)
        return 0;
    switch (off) {
    case DEVICE_FEATURES:
        return m->device_sel > 1 ? 0 : (u32)(v->offered >> (m->device_sel * 32));
    case QUEUE_NUM_MAX:
    case QUEUE_READY:
        return read_queue(m, off);
    case INTERRUPT_STATUS:
        return v->isr;
    case STATUS:
        return v->status;
    case CONFIG_GENERATION:
        return v->generation;
    default: /* no shared memory regions: all ones (4.2.2) */
        return off >= SHM_LEN_LOW && off <= SHM_BASE_HIGH ? 0xffffffff : 0;
    }
}

static u64 mmio_read(struct device *dev, u64 off, unsigned width)
{
    struct mmio *m = to_mmio(dev);
    if (!m->virtio)
        return width == 4 ? read_register(m, off) : 0;
    virtio_lock(m->virtio);
    u64 val = 0;
    if (off >= CONFIG)
        val = virtio_config_read(m->virtio, off - CONFIG, width);
    else if (width == 4)
        val = read_register(m, off);
    virtio_unlock(m->virtio);
    return val;
}

static void write_queue(struct virtqueue *q, u64 off, u32 val)
{
    u64 *addr = NULL;
    switch (off & ~7ull) {
    case QUEUE_DESC:
        addr = &q->desc;
        break;
    case QUEUE_DRIVER:
        addr = &q->driver;
        break;
    case QUEUE_DEVICE:
        addr = &q->device;
        break;
    }
    if (off == QUEUE_READY && val == 0)
        virtq_reset(q);
    else if (off == QUEUE_READY)
        virtq_enable(q);
    else if (q->ready)
        return; /* 4.2.2.2: the driver must not; we do not listen */
    else if (off == QUEUE_NUM)
        q->size = (u16)MIN(val, 0xffffu);
    else if (addr && (off & 4))
        *addr = (*addr & 0xffffffff) | (u64)val << 32;
    else if (addr)
        *addr = (*addr & ~0xffffffffull) | val;
}

static void write_register(struct mmio *m, u64 off, u32 val)
{
    struct virtqueue *q = selected(m);
    switch (off) {
    case DEVICE_FEATURES_SEL:
        m->device_sel = val;
        break;
    case DRIVER_FEATURES_SEL:
        m->driver_sel = val;
        break;
    case DRIVER_FEATURES:
        virtio_accept(m->virtio, m->driver_sel, val);
        break;
    case QUEUE_SEL:
        m->queue_sel = val;
        break;
    case QUEUE_NOTIFY:
        virtio_notify(m->virtio, val);
        break;
    case INTERRUPT_ACK:
        virtio_ack(m->virtio, (u8)val);
        break;
    case STATUS:
        virtio_set_status(m->virtio, (u8)val);
        break;
    default:
        if (q)
            write_queue(q, off, val);
    }
}

static void mmio_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    struct mmio *m = to_mmio(dev);
    if (!m->virtio)
        return;
    virtio_lock(m->virtio);
    if (off >= CONFIG)
        virtio_config_write(m->virtio, off - CONFIG, width, val);
    else if (width == 4)
        write_register(m, off, (u32)val);
    virtio_unlock(m->virtio);
}

static void mmio_reset(struct device *dev)
{
    struct mmio *m = to_mmio(dev);
    m->device_sel = m->driver_sel = m->queue_sel = 0;
    if (!m->virtio)
        return;
    virtio_lock(m->virtio);
    virtio_set_status(m->virtio, 0);
    virtio_unlock(m->virtio);
}

static void mmio_destroy(struct device *dev)
{
    struct mmio *m = to_mmio(dev);
    virtio_destroy(m->virtio);
    device_done(dev);
    free(m);
}

static int mmio_describe(const struct device *dev, struct fdt *fdt)
{
    fdt_begin(fdt, "virtio_mmio@%llx", (unsigned long long)dev->base);
    fdt_str(fdt, "compatible", "virtio,mmio");
    fdt_reg(fdt, dev->base, dev->len);
    fdt_irq(fdt, dev->irq.line);
    fdt_end(fdt);
    return 0;
}

static void mmio_drain(struct device *dev)
{
    if (to_mmio(dev)->virtio)
        virtio_drain(to_mmio(dev)->virtio);
}

static void mmio_save(struct device *dev, struct snap *snap)
{
    struct virtio *v = to_mmio(dev)->virtio;
    if (!v)
        return;
    virtio_lock(v);
    virtio_save(v, snap);
    virtio_unlock(v);
}

static int mmio_load(struct device *dev, struct snap *snap, struct err *err)
{
    struct virtio *v = to_mmio(dev)->virtio;
    if (!v)
        return snap_left(snap) ? err_set(err, EINVAL, "the snapshot has a device more") : 0;
    virtio_lock(v);
    int rc = virtio_load(v, snap, err);
    virtio_unlock(v);
    return rc;
}

static const struct field fields[] = {FIELD(struct mmio, device_sel),
                                      FIELD(struct mmio, driver_sel), FIELD(struct mmio, queue_sel),
                                      FIELDS_END};

static const struct device_ops ops = {
    .name      = "virtio-mmio",
    .width_min = 1,
    .width_max = 8,
    .read      = mmio_read,
    .write     = mmio_write,
    .reset     = mmio_reset,
    .destroy   = mmio_destroy,
    .describe  = mmio_describe,
    .drain     = mmio_drain,
    .fields    = fields,
    .save      = mmio_save,
    .load      = mmio_load,
};

int virtio_mmio_create(struct device **out, struct virtio *virtio, const struct irq *irq,
                       struct err *err)
{
    struct mmio *m = xnew(struct mmio);
    (void)err;
    device_init(&m->dev, &ops);
    m->dev.irq = *irq;
    m->virtio  = virtio;
    if (virtio)
        virtio->irq = *irq;
    *out = &m->dev;
    return 0;
}

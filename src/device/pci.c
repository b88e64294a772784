/* device/pci.c - see pci.h. One bus, one function a slot, type 0 headers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/pci.h"

#include <string.h>

#include "base/alloc.h"
#include "device/fdt.h"

/* PCI 3.0, 6.1 */
enum {
    VENDOR      = 0x00,
    DEVICE      = 0x02,
    COMMAND     = 0x04,
    STATUS      = 0x06,
    CLASS       = 0x08,
    BAR0        = 0x10,
    SUBVENDOR   = 0x2c,
    SUBDEVICE   = 0x2e,
    CAPABILITY  = 0x34,
    LINE        = 0x3c,
    PIN         = 0x3d,
    FIRST_FREE  = 0x40,
    COMMAND_MEM = 2,
    COMMAND_BUS = 4,
    NO_INTX     = 1 << 10,
    STATUS_INTX = 1 << 3,
    STATUS_CAPS = 1 << 4,
    MSIX        = 0x11 /* the capability's number */
};

struct window {
    struct device    dev;
    struct pci_host *host;
};

struct pci_host {
    struct device        ecam;
    struct window        pio, mmio32, mmio64;
    struct pci_layout    layout;
    unsigned             refs; /* parts that the bus has not destroyed yet */
    struct pci_function *slots[PCI_SLOTS];

    pthread_mutex_t lock; /* configuration spaces and levels; a function's hooks never under it */
};

static u16 get16(const u8 *p)
{
    return (u16)(p[0] | p[1] << 8);
}

static u32 get32(const u8 *p)
{
    return get16(p) | (u32)get16(p + 2) << 16;
}

static void put16(u8 *p, u16 v)
{
    p[0] = (u8)v;
    p[1] = (u8)(v >> 8);
}

static void put32(u8 *p, u32 v)
{
    put16(p, (u16)v);
    put16(p + 2, (u16)(v >> 16));
}

/* --- functions --- */

void pci_function_init(struct pci_function *f, const struct pci_ops *ops, u16 vendor, u16 device,
                       u32 class_code, u16 subsystem)
{
    f->ops = ops;
    put16(f->config + VENDOR, vendor);
    put16(f->config + DEVICE, device);
    put32(f->config + CLASS, class_code << 8 | 1);
    put16(f->config + SUBVENDOR, vendor);
    put16(f->config + SUBDEVICE, subsystem);
    f->config[PIN] = 1;
    put16(f->writable + COMMAND, COMMAND_MEM | COMMAND_BUS | 1 | NO_INTX);
    f->writable[LINE] = 0xff;
    f->writable[0x0c] = 0xff; /* cache line size */
}

void pci_add_bar(struct pci_function *f, unsigned bar, u64 bytes, bool is_64)
{
    u64 mask = ~(bytes - 1);
    assert(bar + is_64 < PCI_BARS && bytes >= 16 && !(bytes & (bytes - 1)));
    f->bars[bar] = (struct pci_bar){bytes, is_64};
    put32(f->config + BAR0 + 4 * bar, is_64 ? 4 : 0);
    put32(f->writable + BAR0 + 4 * bar, (u32)mask);
    if (is_64)
        put32(f->writable + BAR0 + 4 * bar + 4, (u32)(mask >> 32));
}

unsigned pci_add_capability(struct pci_function *f, u8 id, const void *body, unsigned len)
{
    u8      *link = &f->config[CAPABILITY];
    unsigned at   = f->config_end ? f->config_end : FIRST_FREE;
    while (*link)
        link = &f->config[*link + 1u];
    assert(at + 2 + len <= PCI_CONFIG_BYTES);
    f->config_end     = ALIGN_UP(at + 2 + len, 4u);
    *link             = (u8)at;
    f->config[at]     = id;
    f->config[at + 1] = 0;
    memcpy(&f->config[at + 2], body, len);
    f->config[STATUS] |= STATUS_CAPS;
    return at;
}

void pci_add_msix(struct pci_host *host, struct pci_function *f, unsigned bar, unsigned vectors)
{
    u8 body[10];
    if (!host->layout.msi.send)
        return;
    pci_add_bar(f, bar, MSIX_BAR_BYTES, false);
    unsigned at = f->config_end ? f->config_end : FIRST_FREE;
    msix_init(&f->msix, &f->config[at + 3], (u8)bar, vectors);
    msix_capability(&f->msix, body);
    pci_add_capability(f, MSIX, body, sizeof(body));
    f->writable[at + 3] = 0xc0; /* enable, mask all */
}

int pci_host_add(struct pci_host *host, unsigned slot, struct pci_function *f, struct err *err)
{
    for (unsigned i = 1; slot == ~0u && i < PCI_SLOTS; i++)
        if (!host->slots[i])
            slot = i;
    if (slot >= PCI_SLOTS || host->slots[slot])
        return err_set(err, ENOSPC, "no free PCI slot for %s", f->ops->name);
    host->slots[slot] = f;
    f->host           = host;
    f->slot           = slot;
    return 0;
}

/* Lock held. The level of the function's wire is what all functions on it want. */
static void update_wire(struct pci_host *host, unsigned slot)
{
    bool level = false;
    for (unsigned i = slot % 4; i < PCI_SLOTS; i += 4) {
        struct pci_function *f = host->slots[i];
        level |= f && f->level && !(get16(f->config + COMMAND) & NO_INTX) &&
                 !msix_enabled(&f->msix); /* 6.1.4.3 */
    }
    irq_set(&host->layout.irq[slot % 4], level);
}

void pci_set_irq(struct pci_function *f, bool level)
{
    pthread_mutex_lock(&f->host->lock);
    f->level = level;
    if (level)
        f->config[STATUS] |= STATUS_INTX;
    else
        f->config[STATUS] &= (u8)~STATUS_INTX;
    update_wire(f->host, f->slot);
    pthread_mutex_unlock(&f->host->lock);
}

bool pci_send_message(struct pci_function *f, unsigned vector)
{
    pthread_mutex_lock(&f->host->lock);
    bool enabled = msix_enabled(&f->msix);
    msix_raise(&f->msix, vector, &f->host->layout.msi);
    pthread_mutex_unlock(&f->host->lock);
    return enabled;
}

/* --- configuration space (PCIe 5.0, 7.2.2): bus 27:20, slot 19:15, function 14:12 --- */

static struct pci_function *addressed(struct pci_host *host, u64 off)
{
    return bits(off, 27, 20) || bits(off, 14, 12) ? NULL : host->slots[bits(off, 19, 15)];
}

static u64 ecam_read(struct device *dev, u64 off, unsigned width)
{
    struct pci_host     *host = container_of(dev, struct pci_host, ecam);
    struct pci_function *f    = addressed(host, off);
    unsigned             reg  = (unsigned)(off & 0xfff);
    if (!f)
        return ~0ull >> (64 - 8 * width);
    if (reg >= PCI_CONFIG_BYTES)
        return 0;
    if (f->ops->config_read)
        f->ops->config_read(f, reg, width);
    u64 val = 0;
    pthread_mutex_lock(&host->lock);
    memcpy(&val, f->config + reg, width);
    pthread_mutex_unlock(&host->lock);
    return val;
}

static void ecam_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    struct pci_host     *host = container_of(dev, struct pci_host, ecam);
    struct pci_function *f    = addressed(host, off);
    unsigned             reg  = (unsigned)(off & 0xfff);
    if (!f || reg >= PCI_CONFIG_BYTES)
        return;
    pthread_mutex_lock(&host->lock);
    for (unsigned i = 0; i < width; i++) {
        u8 mask            = f->writable[reg + i];
        f->config[reg + i] = (u8)((f->config[reg + i] & ~mask) | ((u8)(val >> (8 * i)) & mask));
    }
    update_wire(host, f->slot);
    msix_deliver(&f->msix, &host->layout.msi);
    pthread_mutex_unlock(&host->lock);
    if (f->ops->config_write)
        f->ops->config_write(f, reg, width);
}

/* --- windows --- */

/* Whose BAR is at ADDR of memory space, and where in it? */
static struct pci_function *decode(struct pci_host *host, u64 addr, unsigned width, unsigned *bar,
                                   u64 *off)
{
    for (unsigned s = 0; s < PCI_SLOTS; s++) {
        struct pci_function *f = host->slots[s];
        if (!f || !(get16(f->config + COMMAND) & COMMAND_MEM))
            continue;
        for (unsigned i = 0; i < PCI_BARS; i++) {
            const struct pci_bar *b = &f->bars[i];
            if (!b->bytes)
                continue;
            u64 base = get32(f->config + BAR0 + 4 * i) & ~15u;
            if (b->is_64)
                base |= (u64)get32(f->config + BAR0 + 4 * i + 4) << 32;
            if (addr - base < b->bytes && width <= b->bytes - (addr - base)) {
                *bar = i;
                *off = addr - base;
                return f;
            }
        }
    }
    return NULL;
}

static struct pci_function *decode_locked(struct device *dev, u64 off, unsigned width,
                                          unsigned *bar, u64 *inside)
{
    struct window *w = container_of(dev, struct window, dev);
    if (w == &w->host->pio)
        return NULL; /* no function has an I/O BAR */
    pthread_mutex_lock(&w->host->lock);
    struct pci_function *f = decode(w->host, dev->base + off, width, bar, inside);
    pthread_mutex_unlock(&w->host->lock);
    return f;
}

static bool is_msix(const struct pci_function *f, unsigned bar)
{
    return f->msix.n && f->msix.bar == bar;
}

static u64 window_read(struct device *dev, u64 off, unsigned width)
{
    unsigned             bar;
    u64                  inside;
    struct pci_function *f = decode_locked(dev, off, width, &bar, &inside);
    if (!f)
        return ~0ull >> (64 - 8 * width);
    if (!is_msix(f, bar))
        return f->ops->read(f, bar, inside, width);
    pthread_mutex_lock(&f->host->lock);
    u64 val = msix_read(&f->msix, inside, width);
    pthread_mutex_unlock(&f->host->lock);
    return val;
}

static void window_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    unsigned             bar;
    u64                  inside;
    struct pci_function *f = decode_locked(dev, off, width, &bar, &inside);
    if (f && !is_msix(f, bar))
        f->ops->write(f, bar, inside, width, val);
    if (!f || !is_msix(f, bar))
        return;
    pthread_mutex_lock(&f->host->lock);
    msix_write(&f->msix, inside, width, val, &f->host->layout.msi);
    pthread_mutex_unlock(&f->host->lock);
}

/* --- the bridge as a whole --- */

static void ecam_reset(struct device *dev)
{
    struct pci_host *host = container_of(dev, struct pci_host, ecam);
    for (unsigned s = 0; s < PCI_SLOTS; s++) {
        struct pci_function *f = host->slots[s];
        if (!f)
            continue;
        f->ops->reset(f);
        pthread_mutex_lock(&host->lock);
        for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++)
            f->config[i] &= (u8)~f->writable[i];
        msix_reset(&f->msix);
        update_wire(host, s);
        pthread_mutex_unlock(&host->lock);
    }
}

static void ecam_drain(struct device *dev)
{
    struct pci_host *host = container_of(dev, struct pci_host, ecam);
    for (unsigned s = 0; s < PCI_SLOTS; s++)
        if (host->slots[s] && host->slots[s]->ops->drain)
            host->slots[s]->ops->drain(host->slots[s]);
}

static const struct field msix_fields[] = {FIELD(struct msix, table), FIELD(struct msix, pending),
                                           FIELDS_END};

static void ecam_save(struct device *dev, struct snap *snap)
{
    struct pci_host *host = container_of(dev, struct pci_host, ecam);
    for (unsigned s = 0; s < PCI_SLOTS; s++) {
        struct pci_function *f = host->slots[s];
        snap_put_u64(snap, f != NULL);
        if (!f)
            continue;
        snap_put(snap, f->config, sizeof(f->config));
        snap_put_fields(snap, msix_fields, &f->msix);
        f->ops->save(f, snap);
    }
}

static int load_function(struct pci_function *f, struct snap *snap, struct err *err)
{
    u8 config[PCI_CONFIG_BYTES];
    snap_get(snap, config, sizeof(config));
    for (unsigned i = 0; i < PCI_CONFIG_BYTES; i++)
        f->config[i] = (u8)((f->config[i] & ~f->writable[i]) | (config[i] & f->writable[i]));
    snap_get_fields(snap, msix_fields, &f->msix);
    return f->ops->load(f, snap, err);
}

static int ecam_load(struct device *dev, struct snap *snap, struct err *err)
{
    struct pci_host *host = container_of(dev, struct pci_host, ecam);
    for (unsigned s = 0; s < PCI_SLOTS; s++) {
        struct pci_function *f = host->slots[s];
        if (snap_get_u64(snap) != (f != NULL))
            return err_set(err, EINVAL, "the snapshot's PCI slot %u is another one", s);
        int rc = f ? load_function(f, snap, err) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

static void unref(struct pci_host *host)
{
    if (--host->refs)
        return;
    for (unsigned s = 0; s < PCI_SLOTS; s++)
        if (host->slots[s])
            host->slots[s]->ops->destroy(host->slots[s]);
    pthread_mutex_destroy(&host->lock);
    free(host);
}

static void ecam_destroy(struct device *dev)
{
    device_done(dev);
    unref(container_of(dev, struct pci_host, ecam));
}

static void window_destroy(struct device *dev)
{
    device_done(dev);
    unref(container_of(dev, struct window, dev)->host);
}

/* --- its device-tree node (the binding of pci-host-ecam-generic) --- */

/* One row of interrupt-map for each slot and pin; it repeats after four slots. */
static void describe_irqs(const struct pci_host *host, struct fdt *fdt)
{
    u32      map[4 * 4 * 6];
    unsigned n = 0;
    for (u32 slot = 0; slot < 4; slot++)
        for (u32 pin = 1; pin <= 4; pin++) {
            map[n++] = slot << 11;
            map[n++] = 0;
            map[n++] = 0;
            map[n++] = pin;
            map[n++] = fdt->intc;
            map[n++] = host->layout.irq[(slot + pin - 1) % 4].line;
        }
    fdt_cells(fdt, "interrupt-map", map, n);
    fdt_cells(fdt, "interrupt-map-mask", (u32[]){3 << 11, 0, 0, 7}, 4);
}

static int ecam_describe(const struct device *dev, struct fdt *fdt)
{
    const struct pci_host   *host = container_of(dev, const struct pci_host, ecam);
    const struct pci_window *w[3] = {&host->layout.pio, &host->layout.mmio32, &host->layout.mmio64};
    u32                      ranges[3 * 7];
    for (u32 i = 0; i < 3; i++) { /* I/O space starts at 0, memory is where it is */
        u64 pci    = i == 0 ? 0 : w[i]->base;
        u32 row[7] = {(i + 1) << 24,           (u32)(pci >> 32), (u32)pci,
                      (u32)(w[i]->base >> 32), (u32)w[i]->base,  (u32)(w[i]->bytes >> 32),
                      (u32)w[i]->bytes};
        memcpy(ranges + 7 * i, row, sizeof(row));
    }
    fdt_begin(fdt, "pci@%llx", (unsigned long long)dev->base);
    fdt_str(fdt, "compatible", "pci-host-ecam-generic");
    fdt_str(fdt, "device_type", "pci");
    fdt_reg(fdt, dev->base, dev->len);
    fdt_u32(fdt, "#address-cells", 3);
    fdt_u32(fdt, "#size-cells", 2);
    fdt_u32(fdt, "#interrupt-cells", 1);
    fdt_u32(fdt, "linux,pci-domain", 0);
    fdt_cells(fdt, "bus-range", (u32[]){0, (u32)(dev->len >> 20) - 1}, 2);
    fdt_flag(fdt, "dma-coherent");
    fdt_cells(fdt, "ranges", ranges, ARRAY_SIZE(ranges));
    describe_irqs(host, fdt);
    fdt_end(fdt);
    return 0;
}

static const struct device_ops ecam_ops = {
    .name      = "pci-ecam",
    .width_min = 1,
    .width_max = 4,
    .read      = ecam_read,
    .write     = ecam_write,
    .reset     = ecam_reset,
    .destroy   = ecam_destroy,
    .describe  = ecam_describe,
    .drain     = ecam_drain,
    .save      = ecam_save,
    .load      = ecam_load,
};

static const struct device_ops window_ops = {
    .name      = "pci-window",
    .width_min = 1,
    .width_max = 8,
    .read      = window_read,
    .write     = window_write,
    .destroy   = window_destroy,
};

static int attach(struct pci_host *host, struct bus *bus, const struct pci_window *at,
                  struct device *dev, struct err *err)
{
    int rc = at->bytes ? bus_attach(bus, at->base, at->bytes, dev, err) : 0;
    if (rc || !at->bytes)
        dev->ops->destroy(dev);
    (void)host;
    return rc;
}

int pci_host_create(struct pci_host **out, struct bus *bus, const struct pci_layout *layout,
                    struct err *err)
{
    struct pci_host *host = xnew(struct pci_host);
    struct {
        const struct pci_window *at;
        struct device           *dev;
    } parts[]    = {{&host->layout.ecam, &host->ecam},
                    {&host->layout.pio, &host->pio.dev},
                    {&host->layout.mmio32, &host->mmio32.dev},
                    {&host->layout.mmio64, &host->mmio64.dev}};
    host->layout = *layout;
    host->refs   = ARRAY_SIZE(parts);
    pthread_mutex_init(&host->lock, NULL);
    device_init(&host->ecam, &ecam_ops);
    host->pio.host = host->mmio32.host = host->mmio64.host = host;
    for (unsigned i = 1; i < ARRAY_SIZE(parts); i++)
        device_init(parts[i].dev, &window_ops);
    int rc = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
        if (!rc)
            rc = attach(host, bus, parts[i].at, parts[i].dev, err);
        else
            parts[i].dev->ops->destroy(parts[i].dev);
    if (!rc)
        *out = host;
    return rc;
}

/* memory/bus.c - see bus.h. Devices sorted by address, found by bisection. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/bus.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { BUS_DEVICES_MAX = 128 };

struct bus {
    struct device *devices[BUS_DEVICES_MAX]; /* sorted by base */
    unsigned       count;
    bus_spy       *spy;
    void          *spy_ctx;
};

int bus_create(struct bus **out, struct err *err)
{
    (void)err;
    *out = xnew(struct bus);
    return 0;
}

void bus_destroy(struct bus *bus)
{
    if (!bus)
        return;
    for (unsigned i = bus->count; i-- > 0;)
        if (bus->devices[i]->ops->destroy)
            bus->devices[i]->ops->destroy(bus->devices[i]);
    free(bus);
}

int bus_attach(struct bus *bus, u64 base, u64 len, struct device *dev, struct err *err)
{
    if (bus->count == BUS_DEVICES_MAX)
        return err_set(err, ENOSPC, "more than %d devices", BUS_DEVICES_MAX);
    if (len == 0 || base + len - 1 < base)
        return err_set(err, EINVAL, "device %s: no room at %#llx", dev->ops->name,
                       (unsigned long long)base);
    unsigned at = 0;
    while (at < bus->count && bus->devices[at]->base < base)
        at++;
    const struct device *below = at > 0 ? bus->devices[at - 1] : NULL;
    const struct device *above = at < bus->count ? bus->devices[at] : NULL;
    if ((below && base - below->base < below->len) || (above && above->base - base < len))
        return err_set(err, EEXIST, "device %s at %#llx overlaps device %s", dev->ops->name,
                       (unsigned long long)base,
                       (below && base - below->base < below->len ? below : above)->ops->name);
    memmove(&bus->devices[at + 1], &bus->devices[at], (bus->count - at) * sizeof(*bus->devices));
    bus->devices[at] = dev;
    bus->count++;
    dev->base = base;
    dev->len  = len;
    return 0;
}

static struct device *find(const struct bus *bus, u64 addr, unsigned width)
{
    unsigned lo = 0, hi = bus->count;
    while (lo < hi) {
        unsigned       mid = (lo + hi) / 2;
        struct device *dev = bus->devices[mid];
        if (addr < dev->base)
            hi = mid;
        else if (addr - dev->base >= dev->len)
            lo = mid + 1;
        else
            return width <= dev->len - (addr - dev->base) ? dev : NULL;
    }
    return NULL;
}

static bool takes(const struct device *dev, u64 off, unsigned width)
{
    return width >= dev->ops->width_min && width <= dev->ops->width_max && off % width == 0;
}

int bus_read(struct bus *bus, u64 addr, unsigned width, u64 *val)
{
    struct device *dev = find(bus, addr, width);
    if (!dev)
        return -ENODEV;
    u64 off = addr - dev->base;
    if (!takes(dev, off, width))
        return -EINVAL;
    pthread_mutex_lock(&dev->lock);
    *val = dev->ops->read(dev, off, width);
    count_add(&dev->reads, 1);
    pthread_mutex_unlock(&dev->lock);
    if (unlikely(bus->spy != NULL))
        bus->spy(bus->spy_ctx, dev, off, width, *val, false);
    return 0;
}

int bus_write(struct bus *bus, u64 addr, unsigned width, u64 val)
{
    struct device *dev = find(bus, addr, width);
    if (!dev)
        return -ENODEV;
    u64 off = addr - dev->base;
    if (!takes(dev, off, width))
        return -EINVAL;
    if (unlikely(bus->spy != NULL))
        bus->spy(bus->spy_ctx, dev, off, width, val, true);
    pthread_mutex_lock(&dev->lock);
    dev->ops->write(dev, off, width, val);
    count_add(&dev->writes, 1);
    pthread_mutex_unlock(&dev->lock);
    return 0;
}

struct device *bus_device(const struct bus *bus, unsigned n)
{
    return n < bus->count ? bus->devices[n] : NULL;
}

void bus_watch(struct bus *bus, bus_spy *spy, void *ctx)
{
    bus->spy     = spy;
    bus->spy_ctx = ctx;
}

void bus_reset(struct bus *bus)
{
    for (unsigned i = 0; i < bus->count; i++) {
        struct device *dev = bus->devices[i];
        device_lock(dev);
        if (dev->ops->reset)
            dev->ops->reset(dev);
        device_unlock(dev);
    }
}

static void section_name(char name[48], const struct device *dev)
{
    snprintf(name, 48, "%.24s@%llx", dev->ops->name, (unsigned long long)dev->base);
}

int bus_save(struct bus *bus, struct snap *snap, struct err *err)
{
    (void)err;
    for (unsigned i = 0; i < bus->count; i++)
        if (bus->devices[i]->ops->drain)
            bus->devices[i]->ops->drain(bus->devices[i]);
    for (unsigned i = 0; i < bus->count; i++) {
        struct device *dev = bus->devices[i];
        char           name[48];
        section_name(name, dev);
        snap_begin(snap, name);
        device_lock(dev);
        if (dev->ops->fields)
            snap_put_fields(snap, dev->ops->fields, dev);
        if (dev->ops->save)
            dev->ops->save(dev, snap);
        device_unlock(dev);
        snap_end(snap);
    }
    return 0;
}

static int load_one(struct device *dev, struct snap *snap, struct err *err)
{
    char name[48];
    section_name(name, dev);
    if (!snap_find(snap, name))
        return err_set(err, EINVAL, "the snapshot has no device %s", name);
    device_lock(dev);
    if (dev->ops->fields)
        snap_get_fields(snap, dev->ops->fields, dev);
    int rc = 0;
    if (dev->ops->load && !snap_failed(snap))
        rc = dev->ops->load(dev, snap, err);
    device_unlock(dev);
    if (!rc && snap_failed(snap))
        rc = err_set(err, EINVAL, "the snapshot's device %s is not of this shape", name);
    return rc;
}

int bus_load(struct bus *bus, struct snap *snap, struct err *err)
{
    int rc = 0;
    for (unsigned i = 0; !rc && i < bus->count; i++)
        rc = load_one(bus->devices[i], snap, err);
    return rc;
}

void device_init(struct device *dev, const struct device_ops *ops)
{
    dev->ops = ops;
    pthread_mutex_init(&dev->lock, NULL);
}

void device_done(struct device *dev)
{
    pthread_mutex_destroy(&dev->lock);
}

void device_lock(struct device *dev)
{
    pthread_mutex_lock(&dev->lock);
}

void device_unlock(struct device *dev)
{
    pthread_mutex_unlock(&dev->lock);
}

/* memory/bus.h - an address space of devices.
 *
 * A device sees offsets, never addresses. The bus checks range and width, then holds the
 * device's lock: a device is written as if there were one thread. Whoever comes to a device by
 * another way than the bus (a timer, a completion, input from the host) takes device_lock first.
 * Lock order: device, then interrupt controller, then vCPU. Devices are attached before the
 * machine runs and detached after it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMORY_BUS_H
#define MEMORY_BUS_H

#include <pthread.h>

#include "base/err.h"
#include "base/snapshot.h"

struct fdt; /* device/fdt.h */
struct device;

struct device_ops {
    const char *name;                 /* also its snapshot section, with its address */
    u8          width_min, width_max; /* in bytes: 1, 2, 4, 8 */
    u64 (*read)(struct device *, u64 off, unsigned width);
    void (*write)(struct device *, u64 off, unsigned width, u64 val);
    void (*reset)(struct device *);
    void (*destroy)(struct device *);
    int (*describe)(const struct device *, struct fdt *); /* its device-tree node; may be NULL */

    /* Snapshots. The machine is paused: no guest code runs, the loop thread is here.
     * drain: finish or cancel what is in flight (called before save; may run the backend).
     * fields: plain members. save/load: the rest; load runs after fields are in place. Any of
     * the four may be NULL. */
    void (*drain)(struct device *);
    const struct field *fields;
    void (*save)(struct device *, struct snap *);
    int (*load)(struct device *, struct snap *, struct err *);
};

/* A wire to an interrupt controller. set may be called from any thread. chip NULL: not wired. */
struct irq {
    void (*set)(void *chip, unsigned line, bool level);
    void    *chip;
    unsigned line;
};

struct device {
    const struct device_ops *ops;
    pthread_mutex_t          lock; /* recursive it is not */
    struct irq               irq;
    u64                      base, len;     /* where the bus put it */
    u64                      reads, writes; /* by the guest, for stats; under the lock */
};

struct bus;

int  bus_create(struct bus **out, struct err *err);
void bus_destroy(struct bus *); /* destroys the attached devices too; NULL is fine */

/* Puts DEV at BASE; the bus owns it from then on, on success. -EEXIST: overlap. */
int bus_attach(struct bus *, u64 base, u64 len, struct device *dev, struct err *err);

/* For guest accesses. -ENODEV: nothing there. -EINVAL: a width or alignment that the device
 * does not take. The guest faults either way; *val is left alone. Any thread. */
int bus_read(struct bus *, u64 addr, unsigned width, u64 *val);
int bus_write(struct bus *, u64 addr, unsigned width, u64 val);

struct device *bus_device(const struct bus *,
                          unsigned n); /* in order of address; NULL past the end */

/* Sees each access after it was made; for traces. NULL: nobody. Set before the machine runs. */
typedef void bus_spy(void *ctx, const struct device *, u64 off, unsigned width, u64 val,
                     bool write);
void         bus_watch(struct bus *, bus_spy *, void *ctx);

void bus_reset(struct bus *);
int  bus_save(struct bus *, struct snap *, struct err *err); /* drains and saves every device */
int  bus_load(struct bus *, struct snap *, struct err *err);

/* For whoever makes a device: sets ops and lock. And its opposite, from ops->destroy. */
void device_init(struct device *, const struct device_ops *);
void device_done(struct device *);
void device_lock(struct device *);
void device_unlock(struct device *);

static inline void irq_set(const struct irq *irq, bool level)
{
    if (irq->chip)
        irq->set(irq->chip, irq->line, level);
}

#endif

/* device/ports.c - the ports by which a PC ends or begins again: keyboard controller, ACPI's
 * sleep and reset registers, and one for programs of one's own. All answer at once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/ports.h"

#include "base/alloc.h"

struct port {
    struct device       dev;
    struct finisher_ops how;
};

static struct port *to_port(struct device *dev)
{
    return container_of(dev, struct port, dev);
}

static void port_destroy(struct device *dev)
{
    device_done(dev);
    free(to_port(dev));
}

static int create(struct device **out, const struct device_ops *ops, const struct finisher_ops *how)
{
    struct port *p = xnew(struct port);
    device_init(&p->dev, ops);
    p->how = *how;
    *out   = &p->dev;
    return 0;
}

/* --- the keyboard controller (8042): data at 0, status and commands at 4 --- */

enum { STATUS = 4, SELF_TESTED = 4, PULSE_RESET = 0xfe };

/* Nothing to read, nothing in the way: whoever waits for either stops at once. */
static u64 i8042_read(struct device *dev, u64 off, unsigned width)
{
    (void)dev;
    (void)width;
    return off == STATUS ? SELF_TESTED : 0;
}

static void i8042_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    struct port *p = to_port(dev);
    (void)width;
    if (off == STATUS && val == PULSE_RESET)
        p->how.reset(p->how.ctx);
}

static const struct device_ops i8042_ops = {.name      = "i8042",
                                            .width_min = 1,
                                            .width_max = 1,
                                            .read      = i8042_read,
                                            .write     = i8042_write,
                                            .destroy   = port_destroy};

int i8042_create(struct device **out, const struct finisher_ops *how, struct err *err)
{
    (void)err;
    return create(out, &i8042_ops, how);
}

/* --- ACPI 6.4, 4.8.3.7 and 4.8.3.6 --- */

enum { SLEEP_ENABLE = 1 << 5 };

static u64 power_read(struct device *dev, u64 off, unsigned width)
{
    (void)dev;
    (void)off;
    (void)width;
    return 0; /* awake, since ever */
}

static void power_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    struct port *p = to_port(dev);
    (void)width;
    if (off == POWER_SLEEP_CONTROL && (val & SLEEP_ENABLE) && bits(val, 4, 2) == POWER_OFF_TYPE)
        p->how.off(p->how.ctx, 0);
    else if (off == POWER_RESET && val == POWER_RESET_VALUE)
        p->how.reset(p->how.ctx);
}

static const struct device_ops power_ops = {.name      = "power",
                                            .width_min = 1,
                                            .width_max = 1,
                                            .read      = power_read,
                                            .write     = power_write,
                                            .destroy   = port_destroy};

int power_create(struct device **out, const struct finisher_ops *how, struct err *err)
{
    (void)err;
    return create(out, &power_ops, how);
}

/* --- for programs of one's own --- */

static void exit_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    struct port *p = to_port(dev);
    (void)width;
    if (off == 0)
        p->how.off(p->how.ctx, (int)(val & 0xff));
}

static const struct device_ops exit_ops = {.name      = "exit",
                                           .width_min = 1,
                                           .width_max = 4,
                                           .read      = power_read,
                                           .write     = exit_write,
                                           .destroy   = port_destroy};

int exit_port_create(struct device **out, const struct finisher_ops *how, struct err *err)
{
    (void)err;
    return create(out, &exit_ops, how);
}

/* device/rtc.c - registers as in the Goldfish virtual hardware's description. Reading the low
 * half of the time latches the high half. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/rtc.h"

#include "base/alloc.h"
#include "device/fdt.h"
#include "vm/clock.h"

enum {
    TIME_LOW        = 0x00,
    TIME_HIGH       = 0x04,
    ALARM_LOW       = 0x08,
    ALARM_HIGH      = 0x0c,
    IRQ_ENABLED     = 0x10,
    CLEAR_ALARM     = 0x14,
    ALARM_STATUS    = 0x18,
    CLEAR_INTERRUPT = 0x1c
};

struct rtc {
    struct device dev;
    struct clock *clock;
    struct timer  timer;
    i64           offset; /* what the guest set, against the host's time */
    u64           alarm;
    u32           time_high, armed, pending, enabled;
};

static struct rtc *to_rtc(struct device *dev)
{
    return container_of(dev, struct rtc, dev);
}

static u64 now(const struct rtc *r)
{
    return clock_wall(r->clock) + (u64)r->offset;
}

static void update(struct rtc *r)
{
    irq_set(&r->dev.irq, r->pending && r->enabled);
}

static void arm(struct rtc *r)
{
    u64 t = now(r);
    if (r->alarm <= t) {
        r->armed   = 0;
        r->pending = 1;
        update(r);
        return;
    }
    r->armed = 1;
    clock_arm(r->clock, &r->timer, clock_now(r->clock) + (r->alarm - t));
}

static void disarm(struct rtc *r)
{
    r->armed = 0;
    clock_disarm(r->clock, &r->timer);
}

static void fired(void *ctx)
{
    struct rtc *r = ctx;
    device_lock(&r->dev);
    if (r->armed)
        arm(r);
    device_unlock(&r->dev);
}

static u64 rtc_read(struct device *dev, u64 off, unsigned width)
{
    struct rtc *r = to_rtc(dev);
    u64         t;
    (void)width;
    switch (off) {
    case TIME_LOW:
        t            = now(r);
        r->time_high = (u32)(t >> 32);
        return (u32)t;
    case TIME_HIGH:
        return r->time_high;
    case ALARM_LOW:
        return (u32)r->alarm;
    case ALARM_HIGH:
        return r->alarm >> 32;
    case IRQ_ENABLED:
        return r->enabled;
    case ALARM_STATUS:
        return r->armed;
    default:
        return 0;
    }
}

static void rtc_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    struct rtc *r = to_rtc(dev);
    u64         t = now(r);
    (void)width;
    switch (off) {
    case TIME_LOW:
        r->offset += (i64)(((t & ~0xffffffffull) | (u32)val) - t);
        break;
    case TIME_HIGH:
        r->offset += (i64)(((t & 0xffffffffull) | val << 32) - t);
        break;
    case ALARM_LOW:
        r->alarm = (r->alarm & ~0xffffffffull) | (u32)val;
        arm(r);
        break;
    case ALARM_HIGH:
        r->alarm = (r->alarm & 0xffffffffull) | val << 32;
        break;
    case IRQ_ENABLED:
        r->enabled = val & 1;
        break;
    case CLEAR_ALARM:
        disarm(r);
        break;
    case CLEAR_INTERRUPT:
        r->pending = 0;
        break;
    }
    update(r);
}

static void rtc_reset(struct device *dev)
{
    struct rtc *r = to_rtc(dev);
    disarm(r);
    r->alarm   = 0;
    r->pending = r->enabled = r->time_high = 0;
    update(r);
}

static void rtc_destroy(struct device *dev)
{
    disarm(to_rtc(dev));
    device_done(dev);
    free(to_rtc(dev));
}

static int rtc_describe(const struct device *dev, struct fdt *fdt)
{
    fdt_begin(fdt, "rtc@%llx", (unsigned long long)dev->base);
    fdt_str(fdt, "compatible", "google,goldfish-rtc");
    fdt_reg(fdt, dev->base, dev->len);
    fdt_irq(fdt, dev->irq.line);
    fdt_end(fdt);
    return 0;
}

static int rtc_load(struct device *dev, struct snap *snap, struct err *err)
{
    struct rtc *r = to_rtc(dev);
    (void)snap;
    (void)err;
    if (r->armed)
        arm(r);
    update(r);
    return 0;
}

#define F(m) FIELD(struct rtc, m)
static const struct field fields[] = {F(offset),  F(alarm),   F(time_high), F(armed),
                                      F(pending), F(enabled), FIELDS_END};
#undef F

static const struct device_ops ops = {
    .name      = "rtc",
    .width_min = 4,
    .width_max = 4,
    .read      = rtc_read,
    .write     = rtc_write,
    .reset     = rtc_reset,
    .destroy   = rtc_destroy,
    .describe  = rtc_describe,
    .fields    = fields,
    .load      = rtc_load,
};

int rtc_create(struct device **out, struct clock *clock, const struct irq *irq, struct err *err)
{
    struct rtc *r = xnew(struct rtc);
    (void)err;
    device_init(&r->dev, &ops);
    r->dev.irq = *irq;
    r->clock   = clock;
    r->timer   = (struct timer){.fire = fired, .ctx = r};
    *out       = &r->dev;
    return 0;
}

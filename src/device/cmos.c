/* device/cmos.c - the clock chip of a PC (Motorola MC146818A data sheet), as far as kernels look:
 * the time of day, its status registers, and 114 bytes that are kept. No alarm, no interrupt. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "base/alloc.h"
#include "device/ports.h"
#include "vm/clock.h"

enum { INDEX, DATA };
enum {
    SECONDS  = 0,
    MINUTES  = 2,
    HOURS    = 4,
    WEEKDAY  = 6,
    DAY      = 7,
    MONTH    = 8,
    YEAR     = 9,
    STATUS_A = 0xa,
    STATUS_B = 0xb,
    STATUS_C = 0xc,
    STATUS_D = 0xd,
    CENTURY  = 0x32,
    BYTES    = 128
};
enum { A_32KHZ = 0x26, B_24_HOURS = 2, B_BINARY = 4, D_VALID = 0x80 };

struct cmos {
    struct device dev;
    struct clock *clock;
    u8            index;
    u8            bytes[BYTES];
};

static u8 number(const struct cmos *c, int n)
{
    return (u8)(c->bytes[STATUS_B] & B_BINARY ? n : n / 10 << 4 | n % 10);
}

/* 8 bits of the time of day, UTC. */
static u8 read_time(const struct cmos *c, u8 index)
{
    time_t    now = (time_t)(clock_wall(c->clock) / 1000000000u);
    struct tm t;
    gmtime_r(&now, &t);
    switch (index) {
    case SECONDS:
        return number(c, t.tm_sec);
    case MINUTES:
        return number(c, t.tm_min);
    case HOURS:
        if (c->bytes[STATUS_B] & B_24_HOURS)
            return number(c, t.tm_hour);
        return number(c, (t.tm_hour + 11) % 12 + 1) | (t.tm_hour >= 12 ? 0x80 : 0);
    case WEEKDAY:
        return number(c, t.tm_wday + 1);
    case DAY:
        return number(c, t.tm_mday);
    case MONTH:
        return number(c, t.tm_mon + 1);
    case YEAR:
        return number(c, t.tm_year % 100);
    default:
        return number(c, t.tm_year / 100 + 19);
    }
}

static u64 cmos_read(struct device *dev, u64 off, unsigned width)
{
    struct cmos *c = container_of(dev, struct cmos, dev);
    (void)width;
    if (off == INDEX)
        return 0xff; /* write only */
    switch (c->index) {
    case SECONDS:
    case MINUTES:
    case HOURS:
    case WEEKDAY:
    case DAY:
    case MONTH:
    case YEAR:
    case CENTURY:
        return read_time(c, c->index);
    case STATUS_C:
        return 0; /* no interrupt is pending */
    case STATUS_D:
        return D_VALID;
    default:
        return c->bytes[c->index];
    }
}

/* The time itself is the host's: setting it is ignored. */
static void cmos_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    struct cmos *c = container_of(dev, struct cmos, dev);
    (void)width;
    if (off == INDEX)
        c->index = (u8)val & (BYTES - 1); /* bit 7 masks NMI */
    else if (c->index == STATUS_A)
        c->bytes[STATUS_A] = (u8)val & 0x7f; /* "update in progress" is read only, and never */
    else
        c->bytes[c->index] = (u8)val;
}

static void cmos_reset(struct device *dev)
{
    struct cmos *c     = container_of(dev, struct cmos, dev);
    c->index           = 0;
    c->bytes[STATUS_A] = A_32KHZ;
    c->bytes[STATUS_B] = B_24_HOURS;
}

static void cmos_destroy(struct device *dev)
{
    device_done(dev);
    free(container_of(dev, struct cmos, dev));
}

static const struct field fields[] = {FIELD(struct cmos, index), FIELD(struct cmos, bytes),
                                      FIELDS_END};

static int cmos_load(struct device *dev, struct snap *snap, struct err *err)
{
    struct cmos *c = container_of(dev, struct cmos, dev);
    (void)snap;
    return c->index < BYTES ? 0 : err_set(err, EINVAL, "the snapshot's clock chip is not one");
}

static const struct device_ops ops = {
    .name      = "cmos",
    .width_min = 1,
    .width_max = 1,
    .read      = cmos_read,
    .write     = cmos_write,
    .reset     = cmos_reset,
    .destroy   = cmos_destroy,
    .fields    = fields,
    .load      = cmos_load,
};

int cmos_create(struct device **out, struct clock *clock, struct err *err)
{
    struct cmos *c = xnew(struct cmos);
    (void)err;
    device_init(&c->dev, &ops);
    c->clock = clock;
    cmos_reset(&c->dev);
    *out = &c->dev;
    return 0;
}

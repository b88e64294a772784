/* device/ports_test.c - the legacy ports of a PC, and the tables that describe one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "device/acpi.h"
#include "device/ports.h"
#include "vm/clock.h"

struct seen {
    int offs, resets, status;
};

static void on_off(void *ctx, int status)
{
    struct seen *s = ctx;
    s->offs++;
    s->status = status;
}

static void on_reset(void *ctx)
{
    ((struct seen *)ctx)->resets++;
}

static void put(struct device *dev, u64 off, u64 val)
{
    dev->ops->write(dev, off, 1, val);
}

static u64 get(struct device *dev, u64 off)
{
    return dev->ops->read(dev, off, 1);
}

static u64 cmos(struct device *dev, u8 index)
{
    put(dev, 0, index);
    return get(dev, 1);
}

static void clock_chip(void **state)
{
    struct clock  *clock;
    struct device *dev;
    struct tm      t;
    time_t         now;
    (void)state;
    assert_int_equal(clock_host_create(&clock, NULL, 0, NULL), 0);
    assert_int_equal(cmos_create(&dev, clock, NULL), 0);
    now = (time_t)(clock_wall(clock) / 1000000000u);
    gmtime_r(&now, &t);
    u64 year = cmos(dev, 0x09), century = cmos(dev, 0x32);
    assert_int_equal((century >> 4) * 1000 + (century & 15) * 100 + (year >> 4) * 10 + (year & 15),
                     t.tm_year + 1900);
    assert_false(cmos(dev, 0x0a) & 0x80);
    put(dev, 0, 0x0a); /* no guest can make an update last */
    put(dev, 1, 0xff);
    assert_false(cmos(dev, 0x0a) & 0x80);
    assert_int_equal(cmos(dev, 0x0d), 0x80);
    put(dev, 0, 0x0b);
    put(dev, 1, 6); /* binary, 24 hours */
    assert_int_equal(cmos(dev, 0x09), t.tm_year % 100);
    put(dev, 0, 0x80 | 0x40); /* NMI masked: the same byte */
    put(dev, 1, 0x42);
    dev->ops->reset(dev);
    assert_int_equal(cmos(dev, 0x40), 0x42); /* a battery keeps it */
    assert_int_equal(cmos(dev, 0x0b), 2);
    dev->ops->destroy(dev);
    clock_destroy(clock);
}

static void ends(void **state)
{
    struct seen         seen = {0};
    struct finisher_ops how  = {on_off, on_reset, &seen};
    struct device      *dev;
    (void)state;
    assert_int_equal(i8042_create(&dev, &how, NULL), 0);
    assert_int_equal(get(dev, 4) & 3, 0); /* nothing to read, room to write */
    put(dev, 4, 0xaa);
    put(dev, 0, 0xfe);
    assert_int_equal(seen.resets, 0);
    put(dev, 4, 0xfe);
    assert_int_equal(seen.resets, 1);
    dev->ops->destroy(dev);

    assert_int_equal(power_create(&dev, &how, NULL), 0);
    put(dev, POWER_SLEEP_CONTROL, 1 << 5);              /* another sleep */
    put(dev, POWER_SLEEP_CONTROL, POWER_OFF_TYPE << 2); /* not enabled */
    put(dev, POWER_RESET, POWER_RESET_VALUE + 1);
    assert_int_equal(seen.offs, 0);
    assert_int_equal(seen.resets, 1);
    put(dev, POWER_SLEEP_CONTROL, POWER_OFF_TYPE << 2 | 1 << 5);
    put(dev, POWER_RESET, POWER_RESET_VALUE);
    assert_int_equal(seen.offs, 1);
    assert_int_equal(seen.resets, 2);
    dev->ops->destroy(dev);

    assert_int_equal(exit_port_create(&dev, &how, NULL), 0);
    dev->ops->write(dev, 0, 4, 0x107);
    assert_int_equal(seen.status, 7);
    dev->ops->destroy(dev);
}

static void tables(void **state)
{
    /* Scope (\_SB) { Device (COM1) { Name (_HID, EisaId ("PNP0501")) } } by iasl, but for the
     * lengths, which here always take three bytes. */
    static const u8           want[] = {0x10, 0x8a, 0x01, 0x00, '\\', '_',  'S',  'B', '_',  0x5b,
                                        0x82, 0x81, 0x01, 0x00, 'C',  'O',  'M',  '1', 0x08, '_',
                                        'H',  'I',  'D',  0x0c, 0x41, 0xd0, 0x05, 0x01};
    cleanup_free struct acpi *a      = xnew(struct acpi);
    (void)state;
    u32 at = acpi_table(a, "DSDT", 2);
    aml_scope(a, "\\_SB_");
    aml_device(a, "COM1");
    aml_name_eisa(a, "_HID", "PNP0501");
    aml_end(a);
    aml_end(a);
    acpi_table_end(a, at);
    assert_int_equal(a->len, ACPI_HEADER + sizeof(want));
    u8 sum = 0;
    for (u32 i = 0; i < a->len; i++)
        sum = (u8)(sum + a->bytes[i]);
    assert_int_equal(sum, 0);
    assert_int_equal(a->bytes[4], a->len);
    assert_memory_equal(a->bytes + ACPI_HEADER + 4, want + 4, 5);
    assert_memory_equal(a->bytes + a->len - 10, want + sizeof(want) - 10, 10);
    for (unsigned i = 0; i < ACPI_ROOM; i++)
        acpi_u8(a, 0);
    assert_true(a->failed);
    acpi_table_end(a, at); /* harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(clock_chip), cmocka_unit_test(ends),
                                       cmocka_unit_test(tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

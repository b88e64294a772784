/* timing/flash_test.c - times that can be told by hand, and loads that fill planes unevenly. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "timing/flash.h"

/* Two planes on two channels, pages of two units. Reads take 0.1 ms, programming 1, erasing 5, a
 * page over the channel 0.02048, commands 0.01. */
#define TINY(more)                                                                                 \
    "guise_ssd TINY { Channels = 2, Dies per channel = 1, Planes per die = 1, "                    \
    "Blocks per plane = 16, Pages per block = 4, Page size (bytes) = 8192, Read time (us) = 100, " \
    "Program time (us) = 1000, Erase time (us) = 5000, Channel rate (MB/s) = 400, "                \
    "Host rate (MB/s) = 1000000, Command overhead (us) = 10, Over-provisioning = 0.5" more " }"

static struct flash *make(const char *text)
{
    struct err     err = {0};
    struct params *p   = NULL;
    struct flash  *f   = NULL;
    if (params_parse(&p, text, "tiny", &err) || flash_create(&f, p, 0, &err))
        fail_msg("%s", err.text);
    params_free(p);
    return f;
}

static double serve(struct flash *f, double now, enum flash_op op, u64 unit, u64 units)
{
    struct flash_times t;
    flash_serve(f, now, op, unit * FLASH_UNIT, units * FLASH_UNIT, &t);
    assert_true(fabs(t.queue + t.cell + t.channel + t.collect - (t.end - t.start)) < 1e-9);
    assert_true(t.queue >= -1e-9 && t.collect >= 0);
    return t.end - t.start;
}

#define ABOUT(a, b)                                                                                \
    do {                                                                                           \
        double a_ = (a), b_ = (b);                                                                 \
        if (fabs(a_ - b_) > 0.001)                                                                 \
            fail_msg("%s: %.6f, expected %.6f", #a, a_, b_);                                       \
    } while (0)

static void times(void **state)
{
    struct flash *f = make(TINY(", Write buffer (pages) = 2"));
    (void)state;
    ABOUT(serve(f, 0, FLASH_READ, 0, 1), 0.01);  /* never written */
    ABOUT(serve(f, 1, FLASH_WRITE, 0, 4), 0.01); /* a page on each plane, into the buffer */
    ABOUT(serve(f, 1.1, FLASH_READ, 0, 1), 2.0305 - 1.1 + 0.1205); /* after it is programmed */
    ABOUT(serve(f, 5, FLASH_READ, 0, 1), 0.13048);                 /* 0.01 + 0.1 + 0.02048 */
    ABOUT(serve(f, 6, FLASH_READ, 0, 4), 0.13048);                 /* the planes work at once */
    ABOUT(serve(f, 10, FLASH_WRITE, 8, 8), 1.03048);               /* room for two pages only */
    ABOUT(serve(f, 11.04, FLASH_FLUSH, 0, 0), 12.05048 - 11.04);
    flash_destroy(f);
    f = make(TINY(", Write buffer (pages) = 64, Power-loss protection = 1"));
    serve(f, 0, FLASH_WRITE, 0, 8);
    ABOUT(serve(f, 0.02, FLASH_FLUSH, 0, 0), 0.01);
    flash_destroy(f);
}

/* Whatever is written where, there is a block to empty, and nothing is lost of the count. */
static void uneven(void **state)
{
    (void)state;
    for (u64 stride = 1; stride < 9; stride++) {
        struct flash *f = make(TINY(", Write buffer (pages) = 4, Garbage collection = greedy"));
        struct flash_counts c     = {0};
        u64                 units = flash_bytes(f) / FLASH_UNIT, written = 0;
        double              now = 0;
        assert_in_range(units, 100, 200);
        for (u64 i = 0; i < 4000; i++) {
            u64 unit = i % 4 < 2 ? i * stride % units : i % 2;
            now += serve(f, now, i % 97 == 5 ? FLASH_TRIM : FLASH_WRITE, unit, 1);
            written += i % 97 != 5;
        }
        now += serve(f, now, FLASH_FLUSH, 0, 0);
        flash_counts(f, &c);
        assert_true(c.host_units <= written && c.host_units > written / 2);
        assert_true(c.erases > 0 && c.most_erases <= c.erases);
        for (u64 u = 0; u < units; u++)
            now += serve(f, now, FLASH_READ, u, 1);
        flash_destroy(f);
    }
}

static void same_again(void **state)
{
    struct flash_counts c[2];
    double              end[2];
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct flash *f = make(TINY(", Write buffer (pages) = 4"));
        flash_wear_in(f, 3, 7);
        end[k] = 0;
        for (u64 i = 0; i < 500; i++)
            end[k] += serve(f, end[k], FLASH_WRITE, i * 31 % 100, 1);
        flash_counts(f, &c[k]);
        flash_destroy(f);
    }
    assert_memory_equal(&c[0], &c[1], sizeof(c[0]));
    assert_true(end[0] == end[1] && c[0].moved_units > 0);
}

static void refuse(const char *text, const char *says)
{
    struct err     err = {0};
    struct params *p   = NULL;
    struct flash  *f;
    assert_int_equal(params_parse(&p, text, "tiny", &err), 0);
    assert_true(flash_create(&f, p, 0, &err) < 0);
    if (!strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
    params_free(p);
}

static void refusals(void **state)
{
    (void)state;
    refuse("disk A { }", "no guise_ssd");
    refuse(TINY(""), "'Write buffer (pages)' is missing");
    refuse(TINY(", Write buffer (pages) = 4, Garbage collection = none"), "greedy");
    refuse("guise_ssd A { Channels = 0 }", "from 1 to");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),
        cmocka_unit_test(uneven),
        cmocka_unit_test(same_again),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

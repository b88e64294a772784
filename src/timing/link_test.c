/* timing/link_test.c - when frames arrive. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "timing/link.h"

static void rates(void **state)
{
    struct link l = {.delay_ns = 1000, .rate = 8000000000}; /* a byte a ns */
    (void)state;
    assert_int_equal(link_until(&l, 100, 500), 1600);
    assert_int_equal(link_until(&l, 200, 500), 2100); /* after the first has gone */
    assert_int_equal(link_until(&l, 5000, 500), 6500);
}

static void chances(void **state)
{
    struct link l = {.delay_ns = 1000000, .jitter_ns = 400000, .loss = 0.25, .random = 5}, r = l;
    u64         lost = 0, last = 0, least = ~0ull, most = 0, ahead = 0;
    (void)state;
    for (u64 now = 1; now < 10000 * 2000000ull; now += 2000000) {
        u64 at = link_until(&l, now, 100);
        lost += at == LINK_LOST;
        if (at == LINK_LOST)
            continue;
        least = MIN(least, at - now);
        most  = MAX(most, at - now);
    }
    assert_in_range(lost, 2300, 2700);
    assert_in_range(least, 600000, 610000);
    assert_in_range(most, 1390000, 1400000);
    r.loss    = 0;
    r.reorder = 0.1;
    for (u64 now = 1; now < 10000 * 1000ull; now += 1000) {
        u64 at = link_until(&r, now, 100);
        ahead += at < last;
        last = MAX(at, last);
    }
    assert_in_range(ahead, 900, 1100); /* only those that are let through at once */
}

static void options(void **state)
{
    static const struct {
        const char *key, *value;
        bool        good;
    } rows[]      = {{"delay", "10ms", true}, {"jitter", "250us", true}, {"rate", "10M", true},
                     {"loss", "1%", true},    {"reorder", "0.5", true},  {"seed", "7", true},
                     {"delay", "10", false},  {"loss", "2", false},      {"rate", "-1", false},
                     {"rate", "fast", false}, {"loss", "", false},       {"speed", "1", false}};
    struct link l = {0};
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(link_option(&l, rows[i].key, rows[i].value, NULL) == 0, rows[i].good);
    assert_true(l.delay_ns == 10000000 && l.jitter_ns == 250000 && l.rate == 10000000);
    assert_true(l.loss > 0.0099 && l.loss < 0.0101 && l.reorder == 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates),
        cmocka_unit_test(chances),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* timing/link.c - see link.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "timing/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

static bool happens(struct link *l, double part)
{
    return part > 0 && (double)(random_next(&l->random) >> 11) * 0x1p-53 < part;
}

u64 link_until(struct link *l, u64 now, u64 bytes)
{
    if (happens(l, l->loss))
        return LINK_LOST;
    l->busy_ns = MAX(now, l->busy_ns);
    if (l->rate)
        l->busy_ns += (u64)((double)bytes * 8e9 / (double)l->rate);
    u64 at = l->busy_ns;
    if (happens(l, l->reorder))
        return MAX(at, 1ull);
    at += l->delay_ns;
    if (l->jitter_ns) {
        u64 spread = random_next(&l->random) % (2 * l->jitter_ns + 1);
        at = at + spread > l->jitter_ns + l->busy_ns ? at + spread - l->jitter_ns : l->busy_ns;
    }
    l->last_ns = MAX(at, l->last_ns); /* in order, otherwise */
    return MAX(l->last_ns, 1ull);
}

/* --- options --- */

struct unit {
    const char *name;
    double      factor;
};
static const struct unit times[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};
static const struct unit rates[] = {{"", 1},       {"k", 1e3},    {"K", 1e3},
                                    {"M", 1e6},    {"G", 1e9},    {"kbit", 1e3},
                                    {"Mbit", 1e6}, {"Gbit", 1e9}, {NULL, 0}};
static const struct unit parts[] = {{"", 1}, {"%", 0.01}, {NULL, 0}};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};

static bool with_unit(const char *text, const struct unit *units, double max, double *out)
{
    char  *end;
    double n = strtod(text, &end);
    if (end == text || !(n >= 0))
        return false;
    for (; units->name; units++)
        if (!strcmp(end, units->name)) {
            *out = n * units->factor;
            return *out <= max;
        }
    return false;
}

int link_option(struct link *l, const char *key, const char *value, struct err *err)
{
    static const struct {
        const char        *key;
        const struct unit *units;
        double             max;
    } rows[] = {{"delay", times, 1e12}, {"jitter", times, 1e12}, {"rate", rates, 1e15},
                {"loss", parts, 1},     {"reorder", parts, 1},   {"seed", plain, 1e15}};
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        double v;
        if (strcmp(rows[i].key, key))
            continue;
        if (!with_unit(value, rows[i].units, rows[i].max, &v))
            return err_set(err, EINVAL, "%s=%s: times are 10ms or 1s, rates 10M, parts 0.1 or 10%%",
                           key, value);
        switch (i) {
        case 0:
            l->delay_ns = (u64)v;
            break;
        case 1:
            l->jitter_ns = (u64)v;
            break;
        case 2:
            l->rate = (u64)v;
            break;
        case 3:
            l->loss = v;
            break;
        case 4:
            l->reorder = v;
            break;
        default:
            l->random = (u64)v;
        }
        return 0;
    }
    return err_set(err, EINVAL, "a link has no '%s'", key);
}

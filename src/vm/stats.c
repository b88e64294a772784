/* vm/stats.c - see stats.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/stats.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

void stats_add(struct stats *s, u64 value, const char *unit, const char *name_fmt, ...)
{
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 32;
        s->rows = xrealloc(s->rows, s->room * sizeof(struct stat_row));
    }
    struct stat_row *row = &s->rows[s->count++];
    *row                 = (struct stat_row){.value = value, .unit = unit};
    va_list args;
    va_start(args, name_fmt);
    vsnprintf(row->name, sizeof(row->name), name_fmt, args);
    va_end(args);
}

void stats_done(struct stats *s)
{
    free(s->rows);
    *s = (struct stats){0};
}

/* Below 8 a value is a bin; above, its first bit and the three behind it. */
static unsigned bin_of(u64 value)
{
    if (value < 8)
        return (unsigned)value;
    unsigned top = 63 - (unsigned)__builtin_clzll(value);
    return 8 * (top - 2) + (unsigned)(value >> (top - 3) & 7);
}

static u64 bin_end(unsigned bin)
{
    return bin < 8 ? bin : ((u64)(8 + bin % 8 + 1) << (bin / 8 - 1)) - 1;
}

void spread_add(struct spread *s, u64 value)
{
    s->bins[bin_of(value)]++;
    s->count++;
    s->max = MAX(s->max, value);
}

u64 spread_percentile(const struct spread *s, unsigned percent)
{
    u64 wanted = (s->count * percent + 99) / 100, seen = 0;
    for (unsigned i = 0; s->count && i < SPREAD_BINS; i++) {
        seen += s->bins[i];
        if (seen >= wanted)
            return MIN(bin_end(i), s->max);
    }
    return s->max;
}

void stats_add_spread(struct stats *stats, const struct spread *s, const char *unit,
                      const char *prefix)
{
    static const unsigned percents[] = {50, 90, 99};
    for (unsigned i = 0; i < ARRAY_SIZE(percents); i++)
        stats_add(stats, spread_percentile(s, percents[i]), unit, "%s.p%u", prefix, percents[i]);
    stats_add(stats, s->max, unit, "%s.max", prefix);
}

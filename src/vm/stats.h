/* vm/stats.h - numbers a machine tells of itself: a flat list of named values. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VM_STATS_H
#define VM_STATS_H

#include "base/types.h"

/* "cpu0.instructions", 123456, "" ; unit: "", "bytes", "ns". Names are dotted, lower case. */
struct stat_row {
    char        name[64];
    u64         value;
    const char *unit;
};

struct stats {
    struct stat_row *rows;
    unsigned         count, room;
};

void stats_add(struct stats *, u64 value, const char *unit, const char *name_fmt, ...)
    __attribute__((format(printf, 4, 5)));
void stats_done(struct stats *); /* frees the rows */

/* How values are spread: counted in bins a twelfth to an eighth wide. Zeroed, it is empty. */
enum { SPREAD_BINS = 64 * 8 };
struct spread {
    u64 bins[SPREAD_BINS], count, max;
};
void spread_add(struct spread *, u64 value);
u64  spread_percentile(const struct spread *, unsigned percent); /* the bin's upper end; 0: empty */
/* PREFIX.p50, .p90, .p99 and .max. */
void stats_add_spread(struct stats *, const struct spread *, const char *unit, const char *prefix);

#endif

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

/* cli/print.c - see print.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "vm/clock.h"

bool print_colour(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
}

static char **new_row(struct table *t)
{
    t->cells            = xrealloc(t->cells, (t->rows + 1) * sizeof(char **));
    t->cells[t->rows++] = xalloc(TABLE_COLUMNS * sizeof(char *));
    return t->cells[t->rows - 1];
}

void table_init(struct table *t, ...)
{
    va_list     args;
    const char *name;
    *t         = (struct table){0};
    char **row = new_row(t);
    va_start(args, t);
    while ((name = va_arg(args, const char *))) {
        assert(t->columns < TABLE_COLUMNS);
        row[t->columns++] = xstrdup(name);
    }
    va_end(args);
}

void table_row(struct table *t, ...)
{
    va_list args;
    char  **row = new_row(t);
    va_start(args, t);
    for (unsigned i = 0; i < t->columns; i++)
        row[i] = xstrdup(va_arg(args, const char *));
    va_end(args);
}

void table_line(struct table *t, const char *line)
{
    char   **row  = new_row(t);
    unsigned most = t->columns ? t->columns : TABLE_COLUMNS, n = 0;
    for (const char *tab = line; n < most && tab; n++) {
        tab    = n + 1 < most ? strchr(line, '\t') : NULL;
        row[n] = tab ? xstrndup(line, (size_t)(tab - line)) : xstrdup(line);
        line   = tab ? tab + 1 : line;
    }
    t->columns = t->columns ? t->columns : n;
    while (n < t->columns)
        row[n++] = xstrdup("");
}

static int width(const struct table *t, unsigned column)
{
    size_t most = 0;
    for (unsigned r = 0; r < t->rows; r++)
        most = MAX(most, strlen(t->cells[r][column]));
    return (int)most;
}

void table_print(const struct table *t)
{
    int  widths[TABLE_COLUMNS];
    bool colour = print_colour();
    for (unsigned i = 0; i < t->columns; i++)
        widths[i] = width(t, i);
    for (unsigned r = 0; r < t->rows; r++) {
        if (r == 0 && colour)
            fputs("\033[1m", stdout);
        for (unsigned i = 0; i + 1 < t->columns; i++)
            if (widths[i] > 0)
                printf("%-*s   ", widths[i], t->cells[r][i]);
        printf("%s%s\n", t->cells[r][t->columns - 1], r == 0 && colour ? "\033[0m" : "");
    }
}

void table_done(struct table *t)
{
    for (unsigned r = 0; r < t->rows; r++) {
        for (unsigned i = 0; i < t->columns; i++)
            free(t->cells[r][i]);
        free(t->cells[r]);
    }
    free(t->cells);
}

const char *text_duration(u64 ns, char *out, size_t room)
{
    static const struct {
        u64         seconds;
        const char *name;
    } units[]        = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    u64      seconds = ns / 1000000000u;
    unsigned i       = 0;
    while (i + 1 < ARRAY_SIZE(units) && seconds < units[i].seconds)
        i++;
    u64 n = seconds / units[i].seconds;
    snprintf(out, room, "%llu %s%s", (unsigned long long)n, units[i].name, n == 1 ? "" : "s");
    return out;
}

const char *text_ago(u64 then_ns, char *out, size_t room)
{
    u64  now = clock_host_wall();
    char text[32];
    snprintf(out, room, "%s ago",
             text_duration(now > then_ns ? now - then_ns : 0, text, sizeof(text)));
    return out;
}

const char *text_bytes(u64 bytes, char *out, size_t room)
{
    static const char units[] = "BKMGT";
    double            n       = (double)bytes;
    unsigned          i       = 0;
    while (n >= 1024 && i < 4) {
        n /= 1024;
        i++;
    }
    snprintf(out, room, i == 0 || n >= 100 ? "%.0f%c" : "%.1f%c", n, units[i]);
    return out;
}

/* cli/print.h - tables, times and sizes for people. Colour only on a terminal that wants it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "base/types.h"

#define TABLE_COLUMNS 10

struct table {
    unsigned columns, rows;
    char  ***cells; /* the first row is the head */
};

void table_init(struct table *, ...) __attribute__((sentinel)); /* names of columns, NULL */
void table_row(struct table *, ...);               /* as many strings as there are columns */
void table_line(struct table *, const char *line); /* cells stand between tabs; the first: names */
void table_print(const struct table *);
void table_done(struct table *);

bool        print_colour(void); /* stdout is a terminal and NO_COLOR is not set */
const char *text_ago(u64 then_ns, char *out, size_t room); /* "3 minutes ago" */
const char *text_bytes(u64 bytes, char *out, size_t room); /* "12.5M" */
const char *text_duration(u64 ns, char *out, size_t room); /* "3 minutes" */

#endif

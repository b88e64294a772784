/* timing/params.h - a description of hardware as text: DiskSim's format of parameters.
 *
 *   type name { key = value, key = [ value, value ], key = type { ... }, key = source file }
 *
 * A value is a number, words, a list or a block. Comments begin with #. `source FILE` stands for
 * the first block of another file beside this one. At the top, `source`, `instantiate` and
 * `topology` are known too; the latter two are passed by. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_PARAMS_H
#define TIMING_PARAMS_H

#include "base/err.h"

enum param_type { PARAM_NUMBER, PARAM_WORDS, PARAM_LIST, PARAM_BLOCK };

struct param {
    enum param_type type;
    char           *key;    /* of what stands in a block; NULL in a list and at the top */
    double          number; /* PARAM_NUMBER */
    char           *text;   /* the words; a block's type and name */
    struct param   *items;  /* of a list or block, or the file's blocks */
    u32             n_items;
    const char     *file; /* for messages: where it stands */
    u32             line;
};

struct params; /* owns all that was read */

/* Reads the file and those it names. Bounded: files, nesting, items. */
int  params_read(struct params **out, const char *path, struct err *err);
int  params_parse(struct params **out, const char *text, const char *name, struct err *err);
void params_free(struct params *); /* NULL is fine */

/* The N-th block of that type, in all that was read; NULL: there is none. */
const struct param *params_block(const struct params *, const char *type, u32 n);

/* What stands in a block under KEY, or NULL. */
const struct param *param_get(const struct param *block, const char *key);

/* The block's value of KEY; -EINVAL with a message if it is none, or not there and NEEDED. */
int param_number(const struct param *block, const char *key, bool needed, double min, double max,
                 double *out, struct err *err);

/* A number of a struct, by its key in a block. */
struct param_row {
    const char *key;
    size_t      off;
    double      min, max;
    bool        needed; /* else it stays as it was */
    bool        flag;   /* 0 or 1, in a bool; else a double */
};
int param_rows(const struct param *block, const struct param_row *rows, unsigned n, void *out,
               struct err *err);

#endif

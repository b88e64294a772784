/* container/decode.h - JSON into a struct, by a table of its members.
 *
 * A row a member: key, type, place. Members that are not in the table are ignored, as the OCI
 * runtime specification (1.2, "Extensibility") wants; a wrong type is an error that names the
 * whole path. Strings point into the JSON tree; lists come from an arena: both are freed as a
 * whole, and outlive the struct's use. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_DECODE_H
#define CONTAINER_DECODE_H

#include "container/tree.h"

enum decode_type {
    DECODE_STRING,  /* char * */
    DECODE_BOOL,    /* bool */
    DECODE_U32,     /* u32 */
    DECODE_U64,     /* u64; what is too big becomes the biggest */
    DECODE_I64,     /* i64 */
    DECODE_NUMBER,  /* struct number; a bool is 0 or 1 */
    DECODE_STRINGS, /* char **, NULL-terminated */
    DECODE_U32S,    /* u32 *, with its count */
    DECODE_STRUCT,  /* embedded */
    DECODE_POINTER, /* to a struct; NULL when the key is not there */
    DECODE_LIST,    /* of structs, with its count */
    DECODE_PAIRS,   /* an object of strings: struct pair *, with its count */
    DECODE_MEMBERS, /* an object of objects: like LIST; the struct's first member is the key */
};

struct decode_row {
    const char              *key; /* NULL ends a table */
    enum decode_type         type;
    size_t                   off, count_off; /* count_off: an unsigned */
    const struct decode_row *of;             /* the rows of the inner struct */
    size_t                   size;           /* of the inner struct */
    bool                     required;
};

#define ROW(k, t, T, m)                                                                            \
    {                                                                                              \
        .key = k, .type = DECODE_##t, .off = offsetof(T, m)                                        \
    }
#define ROW_NEEDED(k, t, T, m)                                                                     \
    {                                                                                              \
        .key = k, .type = DECODE_##t, .off = offsetof(T, m), .required = true                      \
    }
#define ROW_COUNTED(k, t, T, m)                                                                    \
    {                                                                                              \
        .key = k, .type = DECODE_##t, .off = offsetof(T, m), .count_off = offsetof(T, n_##m)       \
    }
#define ROW_INNER(k, t, T, m, rows_)                                                               \
    {                                                                                              \
        .key = k, .type = DECODE_##t, .off = offsetof(T, m), .of = rows_,                          \
        .size = sizeof(((T *)0)->m)                                                                \
    }
#define ROW_POINTER(k, T, m, rows_)                                                                \
    {                                                                                              \
        .key = k, .type = DECODE_POINTER, .off = offsetof(T, m), .of = rows_,                      \
        .size = sizeof(*((T *)0)->m)                                                               \
    }
#define ROW_LIST(k, t, T, m, rows_)                                                                \
    {                                                                                              \
        .key = k, .type = DECODE_##t, .off = offsetof(T, m), .count_off = offsetof(T, n_##m),      \
        .of = rows_, .size = sizeof(*((T *)0)->m)                                                  \
    }
#define ROWS_END                                                                                   \
    {                                                                                              \
        NULL                                                                                       \
    }

/* Fills OUT, which is zeroed or holds defaults. -EINVAL: err says which member and what it is. */
int decode(const struct tree *object, const struct decode_row *rows, void *out, struct arena *arena,
           struct err *err);

#endif

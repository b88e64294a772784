/* container/text.h - JSON written piece by piece into one string. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_TEXT_H
#define CONTAINER_TEXT_H

#include "base/types.h"

struct text {
    char    *s; /* the caller frees; NUL at the end */
    size_t   len, room;
    unsigned depth;
    bool     pretty, begun; /* begun: something stands before in this list */
};

/* KEY is NULL in a list and at the top. */
void text_open(struct text *, const char *key, char bracket);     /* '{' or '[' */
void text_close(struct text *, char bracket);                     /* '}' or ']' */
void text_str(struct text *, const char *key, const char *value); /* NULL: not written */
void text_u64(struct text *, const char *key, u64 value);
void text_i64(struct text *, const char *key, i64 value);
void text_bool(struct text *, const char *key, bool value);
void text_strs(struct text *, const char *key, const char *const *values, unsigned n);
void text_raw(struct text *, const char *key, const char *json);

#endif

/* container/text.c - see text.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define INDENT 2

static void put(struct text *t, const char *s, size_t len)
{
    if (t->len + len + 1 > t->room) {
        t->room = MAX(t->room * 2, t->len + len + 256);
        t->s    = xrealloc(t->s, t->room);
    }
    memcpy(t->s + t->len, s, len);
    t->len += len;
    t->s[t->len] = 0;
}

static void put_line(struct text *t)
{
    if (!t->pretty)
        return;
    put(t, "\n", 1);
    for (unsigned i = 0; i < t->depth * INDENT; i++)
        put(t, " ", 1);
}

static void put_quoted(struct text *t, const char *s)
{
    char escape[8];
    put(t, "\"", 1);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') {
            put(t, "\\", 1);
            put(t, s, 1);
        } else if ((u8)*s < 0x20) {
            put(t, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", (u8)*s));
        } else {
            put(t, s, 1);
        }
    }
    put(t, "\"", 1);
}

static void put_key(struct text *t, const char *key)
{
    if (t->begun)
        put(t, ",", 1);
    if (t->depth)
        put_line(t);
    t->begun = true;
    if (!key)
        return;
    put_quoted(t, key);
    put(t, ": ", t->pretty ? 2 : 1);
}

void text_open(struct text *t, const char *key, char bracket)
{
    put_key(t, key);
    put(t, &bracket, 1);
    t->depth++;
    t->begun = false;
}

void text_close(struct text *t, char bracket)
{
    t->depth--;
    if (t->begun)
        put_line(t);
    put(t, &bracket, 1);
    t->begun = true;
}

void text_str(struct text *t, const char *key, const char *value)
{
    if (!value)
        return;
    put_key(t, key);
    put_quoted(t, value);
}

void text_raw(struct text *t, const char *key, const char *json)
{
    put_key(t, key);
    put(t, json, strlen(json));
}

void text_u64(struct text *t, const char *key, u64 value)
{
    char number[24];
    snprintf(number, sizeof(number), "%" PRIu64, value);
    text_raw(t, key, number);
}

void text_i64(struct text *t, const char *key, i64 value)
{
    char number[24];
    snprintf(number, sizeof(number), "%" PRId64, value);
    text_raw(t, key, number);
}

void text_bool(struct text *t, const char *key, bool value)
{
    text_raw(t, key, value ? "true" : "false");
}

void text_strs(struct text *t, const char *key, const char *const *values, unsigned n)
{
    text_open(t, key, '[');
    for (unsigned i = 0; i < n; i++)
        text_str(t, NULL, values[i]);
    text_close(t, ']');
}

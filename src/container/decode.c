/* container/decode.c - see decode.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/decode.h"

#include <stdio.h>
#include <string.h>

#include "isolation/limits.h"

#define DEPTH_MAX 12

/* Where in the JSON we are, for messages. */
struct place {
    const struct place *in;
    const char         *key; /* NULL: an element of a list */
    unsigned            index, depth;
};

static int place_text(const struct place *p, char *text, size_t room)
{
    int at = p->in ? place_text(p->in, text, room) : 0;
    if (at < 0 || (size_t)at >= room)
        return at;
    int n = p->key ? snprintf(text + at, room - (size_t)at, "%s%s", at ? "." : "", p->key)
                   : snprintf(text + at, room - (size_t)at, "[%u]", p->index);
    return at + n;
}

static int wrong(const struct place *p, const char *wanted, struct err *err)
{
    char text[160];
    place_text(p, text, sizeof(text));
    return err_set(err, EINVAL, "%s: %s", text, wanted);
}

struct decoder {
    struct arena *arena;
    struct err   *err;
};

static int decode_rows(struct decoder *d, const struct place *in, const struct tree *object,
                       const struct decode_row *rows, void *out);

static int take_string(struct decoder *d, const struct place *p, const struct tree *v, char **out)
{
    if (v->type != TREE_STRING)
        return wrong(p, "must be a string", d->err);
    *out = v->text;
    return 0;
}

static int take_i64(struct decoder *d, const struct place *p, const struct tree *v, i64 *out)
{
    u64  big;
    bool clamped;
    if (!tree_integer(v, out, &big, &clamped))
        return wrong(p, "must be a whole number", d->err);
    return clamped ? wrong(p, "is out of range", d->err) : 0;
}

static int take_u64(struct decoder *d, const struct place *p, const struct tree *v, u64 *out)
{
    i64  small;
    bool clamped;
    if (!tree_integer(v, &small, out, &clamped))
        return wrong(p, "must be a whole number", d->err);
    return clamped || small < 0 ? wrong(p, "is out of range", d->err) : 0;
}

static int take_u32(struct decoder *d, const struct place *p, const struct tree *v, u32 *out)
{
    u64 big;
    int rc = take_u64(d, p, v, &big);
    if (!rc && big > UINT32_MAX)
        rc = wrong(p, "is out of range", d->err);
    if (!rc)
        *out = (u32)big;
    return rc;
}

static int take_number(struct decoder *d, const struct place *p, const struct tree *v,
                       struct number *out)
{
    if (v->type == TREE_TRUE || v->type == TREE_FALSE) {
        *out = (struct number){v->type == TREE_TRUE, true};
        return 0;
    }
    int rc   = take_i64(d, p, v, &out->v);
    out->set = !rc;
    return rc;
}

static int take_strings(struct decoder *d, const struct place *p, const struct tree *v, char ***out)
{
    unsigned i = 0;
    if (v->type != TREE_LIST)
        return wrong(p, "must be a list of strings", d->err);
    char **list = arena_alloc(d->arena, (v->count + 1) * sizeof(*list));
    for (const struct tree *e = v->child; e; e = e->next, i++) {
        struct place at = {p, NULL, i, 0};
        int          rc = take_string(d, &at, e, &list[i]);
        if (rc)
            return rc;
    }
    *out = list;
    return 0;
}

static int take_u32s(struct decoder *d, const struct place *p, const struct tree *v, u32 **out,
                     unsigned *count)
{
    unsigned n = 0;
    if (v->type != TREE_LIST)
        return wrong(p, "must be a list of numbers", d->err);
    u32 *list = arena_alloc(d->arena, (v->count + 1) * sizeof(*list));
    for (const struct tree *e = v->child; e; e = e->next, n++) {
        struct place at = {p, NULL, n, 0};
        int          rc = take_u32(d, &at, e, &list[n]);
        if (rc)
            return rc;
    }
    *out   = list;
    *count = n;
    return 0;
}

static int take_pairs(struct decoder *d, const struct place *p, const struct tree *v,
                      struct pair **out, unsigned *count)
{
    unsigned n = 0;
    if (v->type != TREE_OBJECT)
        return wrong(p, "must be an object of strings", d->err);
    struct pair *list = arena_alloc(d->arena, (v->count + 1) * sizeof(*list));
    for (const struct tree *e = v->child; e; e = e->next, n++) {
        struct place at = {p, e->key, 0, 0};
        list[n].name    = e->key;
        int rc          = take_string(d, &at, e, &list[n].value);
        if (rc)
            return rc;
    }
    *out   = list;
    *count = n;
    return 0;
}

/* A list of structs, or an object of them, whose keys become the first member of each. */
static int take_list(struct decoder *d, const struct place *p, const struct tree *v,
                     const struct decode_row *row, void **out, unsigned *count)
{
    bool     members = row->type == DECODE_MEMBERS;
    unsigned n       = 0;
    if (members ? v->type != TREE_OBJECT : v->type != TREE_LIST)
        return wrong(p, members ? "must be an object" : "must be a list", d->err);
    char *list = arena_alloc(d->arena, (v->count + 1) * row->size);
    for (const struct tree *e = v->child; e; e = e->next, n++) {
        struct place at = {p, members ? e->key : NULL, n, p->depth + 1};
        if (members)
            *(char **)(list + n * row->size) = e->key;
        int rc = decode_rows(d, &at, e, row->of, list + n * row->size);
        if (rc)
            return rc;
    }
    *out   = list;
    *count = n;
    return 0;
}

static int take(struct decoder *d, const struct place *p, const struct tree *v,
                const struct decode_row *row, void *out)
{
    void     *field = (char *)out + row->off;
    unsigned *count = (unsigned *)((char *)out + row->count_off);
    switch (row->type) {
    case DECODE_STRING:
        return take_string(d, p, v, field);
    case DECODE_U32:
        return take_u32(d, p, v, field);
    case DECODE_U64:
        return take_u64(d, p, v, field);
    case DECODE_I64:
        return take_i64(d, p, v, field);
    case DECODE_NUMBER:
        return take_number(d, p, v, field);
    case DECODE_STRINGS:
        return take_strings(d, p, v, field);
    case DECODE_U32S:
        return take_u32s(d, p, v, field, count);
    case DECODE_PAIRS:
        return take_pairs(d, p, v, field, count);
    case DECODE_LIST:
    case DECODE_MEMBERS:
        return take_list(d, p, v, row, field, count);
    case DECODE_STRUCT:
        return decode_rows(d, p, v, row->of, field);
    case DECODE_POINTER:
        *(void **)field = arena_alloc(d->arena, row->size);
        return decode_rows(d, p, v, row->of, *(void **)field);
    case DECODE_BOOL:
        if (v->type != TREE_TRUE && v->type != TREE_FALSE)
            return wrong(p, "must be true or false", d->err);
        *(bool *)field = v->type == TREE_TRUE;
        return 0;
    }
    return 0;
}

static int decode_rows(struct decoder *d, const struct place *in, const struct tree *object,
                       const struct decode_row *rows, void *out)
{
    if (object->type != TREE_OBJECT)
        return wrong(in, "must be an object", d->err);
    if (in->depth > DEPTH_MAX)
        return wrong(in, "is nested too deeply", d->err);
    for (const struct tree *v = object->child; v; v = v->next) {
        const struct decode_row *row = rows;
        while (row->key && strcmp(row->key, v->key) != 0)
            row++;
        if (!row->key || v->type == TREE_NULL)
            continue;
        struct place at = {in->key || in->in ? in : NULL, row->key, 0, in->depth + 1};
        int          rc = take(d, &at, v, row, out);
        if (rc)
            return rc;
    }
    for (const struct decode_row *row = rows; row->key; row++) {
        struct place at = {in->key || in->in ? in : NULL, row->key, 0, 0};
        if (row->required && !tree_at(object, row->key))
            return wrong(&at, "is missing", d->err);
    }
    return 0;
}

int decode(const struct tree *object, const struct decode_row *rows, void *out, struct arena *arena,
           struct err *err)
{
    struct decoder d   = {arena, err};
    struct place   top = {0};
    return decode_rows(&d, &top, object, rows, out);
}

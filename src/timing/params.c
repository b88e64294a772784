/* timing/params.c - see params.h. A file is cut into tokens; a value is read by recursion. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "timing/params.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"

enum { FILES_MAX = 16, FILE_BYTES_MAX = 4 << 20, DEPTH_MAX = 16, WORDS_MAX = 512 };

struct params {
    struct param top; /* its items: all blocks of all files */
    char        *files[FILES_MAX];
    u32          n_files;
};

struct source {
    struct params *params;
    const char    *file;
    const char    *at, *end;
    u32            line;
    const char    *token; /* the current one; empty: the file's end */
    size_t         len;
};

static int bad(const struct source *s, struct err *err, const char *what)
{
    return err_set(err, EINVAL, "%s:%u: %s, at '%.*s'", s->file, s->line, what,
                   (int)MIN(s->len, 40u), s->token);
}

/* --- tokens: { } [ ] = , and runs of anything else --- */

static void skip_space(struct source *s)
{
    for (; s->at < s->end; s->at++) {
        if (*s->at == '#')
            while (s->at < s->end && *s->at != '\n')
                s->at++;
        if (s->at >= s->end || !isspace((unsigned char)*s->at))
            return;
        s->line += *s->at == '\n';
    }
}

static bool is_mark(char c)
{
    return c && strchr("{}[]=,", c);
}

static void next(struct source *s)
{
    skip_space(s);
    s->token = s->at;
    if (s->at < s->end && is_mark(*s->at))
        s->at++;
    else
        while (s->at < s->end && !is_mark(*s->at) && *s->at != '#' &&
               !isspace((unsigned char)*s->at))
            s->at++;
    s->len = (size_t)(s->at - s->token);
}

static bool is(const struct source *s, const char *word)
{
    return s->len == strlen(word) && !memcmp(s->token, word, s->len);
}

/* The words up to a mark, joined by single spaces; the mark is then the token. */
static int words(struct source *s, char out[WORDS_MAX], struct err *err)
{
    size_t n = 0;
    while (s->len && !is_mark(*s->token)) {
        if (n + s->len + 2 > WORDS_MAX)
            return bad(s, err, "too many words");
        if (n)
            out[n++] = ' ';
        memcpy(out + n, s->token, s->len);
        n += s->len;
        next(s);
    }
    out[n] = 0;
    return 0;
}

/* --- values --- */

static int value(struct source *, struct param *out, unsigned depth, struct err *);
static int read_file(struct params *, const char *path, unsigned depth, u32 *first, struct err *);

static struct param *append(struct param *list)
{
    if ((list->n_items & (list->n_items - 1)) == 0)
        list->items = xrealloc(list->items, MAX(2 * list->n_items, 1u) * sizeof(*list->items));
    struct param *p = &list->items[list->n_items++];
    *p              = (struct param){0};
    return p;
}

/* Items up to the mark CLOSE, which is passed. */
static int items(struct source *s, struct param *out, const char *close, unsigned depth,
                 struct err *err)
{
    char key[WORDS_MAX];
    if (depth > DEPTH_MAX)
        return bad(s, err, "too deep");
    for (;;) {
        int rc;
        while (is(s, ","))
            next(s);
        if (is(s, close)) {
            next(s);
            return 0;
        }
        struct param *p = append(out);
        p->file         = s->file;
        p->line         = s->line;
        if (*close == '}') {
            if ((rc = words(s, key, err)))
                return rc;
            if (!*key || !is(s, "="))
                return bad(s, err, "'KEY = VALUE' expected");
            p->key = xstrdup(key);
            next(s);
        }
        if ((rc = value(s, p, depth + 1, err)))
            return rc;
        if (!is(s, ",") && !is(s, close))
            return bad(s, err, "a comma is missing");
    }
}

/* "source FILE": the first block of that file. */
static int sourced(struct source *s, struct param *out, const char *name, unsigned depth,
                   struct err *err)
{
    char        path[4096];
    u32         first;
    const char *slash = strrchr(s->file, '/');
    snprintf(path, sizeof(path), "%.*s%s", *name == '/' || !slash ? 0 : (int)(slash + 1 - s->file),
             s->file, name);
    int rc = read_file(s->params, path, depth, &first, err);
    if (rc)
        return rc;
    if (first >= s->params->top.n_items)
        return bad(s, err, "the file that is named has no block");
    out->type = PARAM_WORDS; /* the block itself stays where it is, at the top */
    out->text = xstrdup(s->params->top.items[first].text);
    return 0;
}

static int value(struct source *s, struct param *out, unsigned depth, struct err *err)
{
    char text[WORDS_MAX], *end;
    if (is(s, "[")) {
        out->type = PARAM_LIST;
        next(s);
        return items(s, out, "]", depth, err);
    }
    int rc = words(s, text, err);
    if (rc)
        return rc;
    if (!*text)
        return bad(s, err, "a value is missing");
    if (!strncmp(text, "source ", 7))
        return sourced(s, out, text + 7, depth, err);
    out->text = xstrdup(text);
    if (is(s, "{")) {
        out->type = PARAM_BLOCK;
        next(s);
        return items(s, out, "}", depth, err);
    }
    out->number = strtod(text, &end);
    out->type   = *end || !isfinite(out->number) ? PARAM_WORDS : PARAM_NUMBER;
    return 0;
}

/* --- files --- */

/* Passes by "instantiate [ a ] as b" and "topology type name [ ... ]". */
static int pass_by(struct source *s, struct err *err)
{
    unsigned depth = 0;
    bool     as    = is(s, "instantiate");
    do {
        next(s);
        depth += is(s, "[");
        depth -= depth && is(s, "]");
    } while (s->len && !(is(s, "]") && !depth));
    if (!s->len)
        return bad(s, err, "a ] is missing");
    next(s);
    for (int i = 0; as && i < 2; i++)
        next(s);
    return 0;
}

static int top(struct source *s, unsigned depth, struct err *err)
{
    int rc = 0;
    next(s);
    while (!rc && s->len) {
        struct param p = {.file = s->file, .line = s->line};
        if (is(s, "instantiate") || is(s, "topology")) {
            rc = pass_by(s, err);
        } else if (is(s, "source")) {
            next(s);
            char name[WORDS_MAX];
            snprintf(name, sizeof(name), "%.*s", (int)s->len, s->token);
            next(s);
            rc = sourced(s, &p, name, depth, err);
            free(p.text);
        } else {
            rc                       = value(s, &p, depth, err);
            *append(&s->params->top) = p;
            if (!rc && p.type != PARAM_BLOCK)
                rc = bad(s, err, "'TYPE NAME {' expected before");
        }
    }
    return rc;
}

/* FIRST: which block of all is the file's first. */
static int read_text(struct params *p, const char *text, size_t len, const char *name,
                     unsigned depth, u32 *first, struct err *err)
{
    char *file             = xstrdup(name);
    p->files[p->n_files++] = file;
    struct source s        = {.params = p, .file = file, .at = text, .end = text + len, .line = 1};
    *first                 = p->top.n_items;
    return top(&s, depth + 1, err);
}

static int read_file(struct params *p, const char *path, unsigned depth, u32 *first,
                     struct err *err)
{
    char  *text = NULL;
    size_t len  = 0;
    if (p->n_files == FILES_MAX || depth > DEPTH_MAX)
        return err_set(err, EINVAL, "'%s': too many files name each other", path);
    int rc = file_read(path, FILE_BYTES_MAX, &text, &len, err);
    if (rc)
        return rc;
    rc = read_text(p, text, len, path, depth, first, err);
    free(text);
    return rc;
}

static int done(struct params **out, struct params *p, int rc)
{
    if (rc)
        params_free(p);
    else
        *out = p;
    return rc;
}

int params_read(struct params **out, const char *path, struct err *err)
{
    u32            first;
    struct params *p = xnew(struct params);
    return done(out, p, read_file(p, path, 0, &first, err));
}

int params_parse(struct params **out, const char *text, const char *name, struct err *err)
{
    u32            first;
    struct params *p = xnew(struct params);
    return done(out, p, read_text(p, text, strlen(text), name, 0, &first, err));
}

static void drop(struct param *p)
{
    for (u32 i = 0; i < p->n_items; i++)
        drop(&p->items[i]);
    free(p->items);
    free(p->key);
    free(p->text);
}

void params_free(struct params *p)
{
    if (!p)
        return;
    drop(&p->top);
    for (u32 i = 0; i < p->n_files; i++)
        free(p->files[i]);
    free(p);
}

/* --- looking things up --- */

static bool has_type(const struct param *b, const char *type)
{
    size_t n = strlen(type);
    return b->type == PARAM_BLOCK && !strncmp(b->text, type, n) &&
           (b->text[n] == ' ' || !b->text[n]);
}

const struct param *params_block(const struct params *p, const char *type, u32 n)
{
    for (u32 i = 0; i < p->top.n_items; i++)
        if (has_type(&p->top.items[i], type) && !n--)
            return &p->top.items[i];
    return NULL;
}

const struct param *param_get(const struct param *block, const char *key)
{
    for (u32 i = 0; i < block->n_items; i++)
        if (block->items[i].key && !strcmp(block->items[i].key, key))
            return &block->items[i];
    return NULL;
}

int param_number(const struct param *block, const char *key, bool needed, double min, double max,
                 double *out, struct err *err)
{
    const struct param *p = param_get(block, key);
    if (!p && !needed)
        return 0;
    if (!p)
        return err_set(err, EINVAL, "%s:%u: '%s' is missing", block->file, block->line, key);
    if (p->type != PARAM_NUMBER || p->number < min || p->number > max)
        return err_set(err, EINVAL, "%s:%u: '%s' must be a number from %g to %g", p->file, p->line,
                       key, min, max);
    *out = p->number;
    return 0;
}

int param_rows(const struct param *block, const struct param_row *rows, unsigned n, void *out,
               struct err *err)
{
    for (unsigned i = 0; i < n; i++) {
        void  *at    = (char *)out + rows[i].off;
        bool   flag  = rows[i].flag;
        double value = flag ? *(bool *)at : *(double *)at;
        int    rc =
            param_number(block, rows[i].key, rows[i].needed, rows[i].min, rows[i].max, &value, err);
        if (rc)
            return rc;
        if (flag)
            *(bool *)at = value != 0;
        else
            *(double *)at = value;
    }
    return 0;
}

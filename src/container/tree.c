/* container/tree.c - see tree.h. RFC 8259; a key that comes twice is the last one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/tree.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

#define DEPTH_MAX 64

struct arena_piece {
    struct arena_piece *next;
    size_t              room, used; /* of what follows */
};

#define PIECE_ROOM (KiB(16) - sizeof(struct arena_piece))

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_piece *p = a->pieces;
    size                  = ALIGN_UP(size, 16);
    if (!p || size > p->room - p->used) {
        size_t room = MAX(size, (size_t)PIECE_ROOM);
        p           = xalloc(sizeof(*p) + room);
        p->room     = room;
        p->next     = a->pieces;
        a->pieces   = p;
    }
    void *out = (char *)(p + 1) + p->used;
    p->used += size;
    return out;
}

char *arena_text(struct arena *a, const char *s)
{
    size_t size = strlen(s) + 1;
    return memcpy(arena_alloc(a, size), s, size);
}

void arena_done(struct arena *a)
{
    while (a->pieces) {
        struct arena_piece *next = a->pieces->next;
        free(a->pieces);
        a->pieces = next;
    }
}

struct reader {
    char         *at, *end, *start;
    struct arena *arena;
    struct err   *err;
};

static int bad(struct reader *r, const char *what)
{
    unsigned line = 1;
    for (const char *p = r->start; p < r->at; p++)
        line += *p == '\n';
    return err_set(r->err, EINVAL, "not valid JSON: line %u: %s", line, what);
}

static void skip_space(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r')
        r->at++;
}

static int hex4(const char *p, u32 *out)
{
    u32 v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        if (c >= '0' && c <= '9')
            v = v << 4 | (u32)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            v = v << 4 | (u32)((c | 32) - 'a' + 10);
        else
            return -EINVAL;
    }
    *out = v;
    return 0;
}

static char *put_utf8(char *to, u32 c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 63));
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    }
    return to;
}

/* After "\u": a character, or the two halves of one. A NUL would end the C string early. */
static int unescape_unicode(struct reader *r, char **to)
{
    u32 c, low;
    if (r->end - r->at < 4 || hex4(r->at, &c))
        return bad(r, "\\u without four hex digits");
    r->at += 4;
    if (c >= 0xd800 && c < 0xdc00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u' &&
        hex4(r->at + 2, &low) == 0 && low >= 0xdc00 && low < 0xe000) {
        r->at += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if (c == 0)
        return bad(r, "a string with a NUL byte");
    *to = put_utf8(*to, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
    return 0;
}

static int read_string(struct reader *r, char **out)
{
    static const char plain[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    char             *to         = ++r->at;
    *out                         = to;
    for (;;) {
        u8 c = (u8)*r->at;
        if (c == '"')
            break;
        if (c < 0x20)
            return bad(r, r->at >= r->end ? "a string does not end" : "a control character");
        r->at++;
        if (c != '\\') {
            *to++ = (char)c;
            continue;
        }
        c = (u8)*r->at++;
        if (c == 'u') {
            int rc = unescape_unicode(r, &to);
            if (rc)
                return rc;
        } else if (plain[c]) {
            *to++ = plain[c];
        } else {
            r->at--;
            return bad(r, "an unknown escape");
        }
    }
    r->at++;
    *to = 0;
    return 0;
}

static int read_value(struct reader *r, struct tree *t, unsigned depth);

static int read_key(struct reader *r, struct tree *t)
{
    skip_space(r);
    if (*r->at != '"')
        return bad(r, "a key must be a string");
    int rc = read_string(r, &t->key);
    if (rc)
        return rc;
    skip_space(r);
    if (*r->at != ':')
        return bad(r, "there is no ':' after a key");
    r->at++;
    return 0;
}

static int read_children(struct reader *r, struct tree *t, char close, unsigned depth)
{
    struct tree **last = &t->child;
    if (depth >= DEPTH_MAX)
        return bad(r, "nested too deeply");
    r->at++;
    skip_space(r);
    if (*r->at == close) {
        r->at++;
        return 0;
    }
    for (;;) {
        struct tree *node = arena_alloc(r->arena, sizeof(*node));
        int          rc   = close == '}' ? read_key(r, node) : 0;
        if (!rc)
            rc = read_value(r, node, depth + 1);
        if (rc)
            return rc;
        *last = node;
        last  = &node->next;
        t->count++;
        skip_space(r);
        char c = *r->at;
        if (c != ',' && c != close)
            return bad(r, r->at >= r->end ? "it ends too early" : "',' or a bracket is missing");
        r->at++;
        if (c == close)
            return 0;
    }
}

/* The character after a number is overwritten by the caller of the whole parse: numbers are
 * copied, being short and few. */
static int read_number(struct reader *r, struct tree *t)
{
    char  *from = r->at;
    size_t len  = strspn(from, "+-0123456789.eE");
    char  *end;
    t->type = TREE_NUMBER;
    t->text = arena_alloc(r->arena, len + 1);
    memcpy(t->text, from, len);
    (void)strtod(t->text, &end);
    if (len == 0 || *end || from[0] == '+' || from[0] == '.')
        return bad(r, "not a value");
    r->at += len;
    return 0;
}

static int read_word(struct reader *r, struct tree *t)
{
    static const struct {
        const char    *word;
        enum tree_type type;
    } words[] = {{"true", TREE_TRUE}, {"false", TREE_FALSE}, {"null", TREE_NULL}};
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        size_t len = strlen(words[i].word);
        if (strncmp(r->at, words[i].word, len) == 0) {
            t->type = words[i].type;
            r->at += len;
            return 0;
        }
    }
    return read_number(r, t);
}

static int read_value(struct reader *r, struct tree *t, unsigned depth)
{
    skip_space(r);
    switch (*r->at) {
    case '{':
        t->type = TREE_OBJECT;
        return read_children(r, t, '}', depth);
    case '[':
        t->type = TREE_LIST;
        return read_children(r, t, ']', depth);
    case '"':
        t->type = TREE_STRING;
        return read_string(r, &t->text);
    default:
        return read_word(r, t);
    }
}

int tree_parse(struct tree **out, char *text, size_t len, struct arena *arena, struct err *err)
{
    struct reader r    = {text, text + len, text, arena, err};
    struct tree  *root = arena_alloc(arena, sizeof(*root));
    int           rc   = read_value(&r, root, 0);
    if (rc)
        return rc;
    skip_space(&r);
    if (r.at != r.end)
        return bad(&r, "there is more after the value");
    *out = root;
    return 0;
}

const struct tree *tree_at(const struct tree *t, const char *key)
{
    const struct tree *found = NULL;
    if (t && t->type == TREE_OBJECT)
        for (const struct tree *c = t->child; c; c = c->next)
            if (strcmp(c->key, key) == 0)
                found = c;
    return found;
}

const char *tree_str(const struct tree *t, const char *key)
{
    const struct tree *v = tree_at(t, key);
    return v && v->type == TREE_STRING ? v->text : NULL;
}

#define I64_END 9223372036854775808.0
#define U64_END 18446744073709551616.0

bool tree_integer(const struct tree *t, i64 *out, u64 *unsigned_out, bool *clamped)
{
    char *end;
    *clamped = false;
    if (t->type != TREE_NUMBER)
        return false;
    if (strpbrk(t->text, ".eE")) {
        double d = strtod(t->text, NULL);
        if (d != floor(d))
            return false;
        *clamped      = d < -I64_END || d >= U64_END;
        *out          = d >= I64_END ? INT64_MAX : d < -I64_END ? INT64_MIN : (i64)d;
        *unsigned_out = d >= U64_END ? UINT64_MAX : d < 0 ? 0 : (u64)d;
        return true;
    }
    errno         = 0;
    *out          = strtoll(t->text, &end, 10);
    bool too_big  = errno == ERANGE;
    errno         = 0;
    *unsigned_out = t->text[0] == '-' ? 0 : strtoull(t->text, &end, 10);
    *clamped      = errno == ERANGE || (too_big && t->text[0] == '-');
    return true;
}

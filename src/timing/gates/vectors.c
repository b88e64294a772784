/* timing/gates/vectors.c - see vectors.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "timing/gates/vectors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { CLOCKS_MAX = 64, LINE = 1 << 16 };

struct change {
    u64 time;
    u32 net;
    u8  value;
};

struct clock_input {
    u32 net;
    u64 period, first;
};

struct vectors {
    struct change     *changes;
    u32                n_changes, room;
    struct clock_input clocks[CLOCKS_MAX];
    u32                n_clocks;
    u64                end; /* ~0: to the last event */
};

struct text {
    const struct gates *gates;
    const char         *path;
    u32                 line;
};

static int bad(const struct text *t, struct err *err, const char *what)
{
    return err_set(err, EINVAL, "%s:%u: %s", t->path, t->line, what);
}

static bool number(const char *word, u64 *out)
{
    char *end;
    if (!word || *word < '0' || *word > '9')
        return false;
    *out = strtoull(word, &end, 10);
    return !*end && *out < 1ull << 62;
}

static const struct gates_port *input(const struct text *t, const char *name, struct err *err)
{
    const struct gates_port *p = gates_find(t->gates, name);
    if (!p || p->output) {
        err_set(err, EINVAL, "%s:%u: '%s' has no input '%s'", t->path, t->line,
                gates_name(t->gates), name);
        return NULL;
    }
    return p;
}

static void add(struct vectors *v, u64 time, u32 net, u8 value)
{
    if (v->n_changes == v->room) {
        v->room    = MAX(2 * v->room, 256u);
        v->changes = xrealloc(v->changes, v->room * sizeof(*v->changes));
    }
    v->changes[v->n_changes++] = (struct change){time, net, value};
}

static int read_clock(struct vectors *v, const struct text *t, char **rest, struct err *err)
{
    char              *name = strtok_r(NULL, " \t", rest), *period = strtok_r(NULL, " \t", rest);
    char              *first = strtok_r(NULL, " \t", rest);
    struct clock_input c     = {0};
    if (!name || !number(period, &c.period) || c.period < 2 || (first && !number(first, &c.first)))
        return bad(t, err, "'clock NAME PERIOD [FIRST]' expected");
    const struct gates_port *p = input(t, name, err);
    if (!p)
        return -EINVAL;
    if (p->bits != 1 || v->n_clocks == CLOCKS_MAX)
        return bad(t, err, "a clock is one bit, and there are few");
    c.net = p->nets[0];
    if (!first)
        c.first = c.period / 2;
    v->clocks[v->n_clocks++] = c;
    return 0;
}

static int read_value(struct vectors *v, const struct text *t, u64 time, char *word,
                      struct err *err)
{
    static const char values[] = "01xz";
    char             *bits     = strchr(word, '=');
    if (!bits)
        return bad(t, err, "'NAME=BITS' expected");
    *bits++                    = 0;
    const struct gates_port *p = input(t, word, err);
    if (!p)
        return -EINVAL;
    if (strlen(bits) != p->bits || strspn(bits, values) != p->bits)
        return err_set(err, EINVAL, "%s:%u: '%s' has %u bits of 0, 1, x, z", t->path, t->line, word,
                       p->bits);
    for (u32 i = 0; i < p->bits; i++)
        add(v, time, p->nets[p->bits - 1 - i], (u8)(strchr(values, bits[i]) - values));
    return 0;
}

static int read_line(struct vectors *v, const struct text *t, char *line, struct err *err)
{
    char *rest = NULL, *word;
    u64   time;
    line[strcspn(line, "#\r\n")] = 0;
    char *first                  = strtok_r(line, " \t", &rest);
    if (!first)
        return 0;
    if (!strcmp(first, "clock"))
        return read_clock(v, t, &rest, err);
    if (!strcmp(first, "end"))
        return number(strtok_r(NULL, " \t", &rest), &v->end) ? 0
                                                             : bad(t, err, "'end TIME' expected");
    if (!number(first, &time))
        return bad(t, err, "a time, 'clock' or 'end' expected");
    if (v->n_changes && time < v->changes[v->n_changes - 1].time)
        return bad(t, err, "times must not go back");
    int rc = 0;
    while (!rc && (word = strtok_r(NULL, " \t", &rest)))
        rc = read_value(v, t, time, word, err);
    return rc;
}

int vectors_read(struct vectors **out, const struct gates *g, const char *path, struct err *err)
{
    cleanup_free char *line = xalloc(LINE);
    struct text        t    = {g, path, 0};
    FILE              *f    = fopen(path, "re");
    int                rc   = 0;
    if (!f)
        return err_errno(err, errno, "open the vectors '%s'", path);
    struct vectors *v = xnew(struct vectors);
    v->end            = ~0ull;
    while (!rc && fgets(line, LINE, f)) {
        t.line++;
        rc = strlen(line) == LINE - 1 ? bad(&t, err, "too long") : read_line(v, &t, line, err);
    }
    fclose(f);
    if (!rc && v->n_clocks && v->end == ~0ull)
        rc = err_set(err, EINVAL, "%s: with a clock there must be an 'end TIME'", path);
    if (rc)
        vectors_free(v);
    else
        *out = v;
    return rc;
}

void vectors_free(struct vectors *v)
{
    if (v)
        free(v->changes);
    free(v);
}

/* --- running --- */

/* When the clock changes next, at or after its HALVES-th change. */
static u64 clock_time(const struct clock_input *c, u64 halves)
{
    return c->first + halves / 2 * c->period + (halves % 2 ? c->period / 2 : 0);
}

void vectors_run(const struct vectors *v, struct gates *g)
{
    u64 halves[CLOCKS_MAX] = {0};
    u32 at                 = 0;
    for (u32 i = 0; i < v->n_clocks; i++)
        gates_set(g, 0, v->clocks[i].net, LOGIC_0);
    for (;;) {
        u64 next = at < v->n_changes ? v->changes[at].time : ~0ull;
        for (u32 i = 0; i < v->n_clocks; i++)
            next = MIN(next, clock_time(&v->clocks[i], halves[i]));
        if (next == ~0ull || next > v->end)
            break;
        for (; at < v->n_changes && v->changes[at].time == next; at++)
            gates_set(g, next, v->changes[at].net, (enum logic)v->changes[at].value);
        for (u32 i = 0; i < v->n_clocks; i++)
            if (clock_time(&v->clocks[i], halves[i]) == next)
                gates_set(g, next, v->clocks[i].net, halves[i]++ % 2 ? LOGIC_0 : LOGIC_1);
        gates_run(g, next);
    }
    gates_run(g, v->end);
}

void gates_text(const struct gates *g, const struct gates_port *p, char *out)
{
    for (u32 i = 0; i < p->bits; i++)
        out[i] = "01xz"[gates_value(g, p->nets[p->bits - 1 - i])];
    out[p->bits] = 0;
}

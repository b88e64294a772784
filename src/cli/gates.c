/* cli/gates.c - gates: circuits by themselves. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/verbs.h"
#include "timing/gates/vectors.h"

const struct option_row gates_options[] = {
    {"vectors", 0, "FILE", "what the inputs do", set_text, OPT_OWN(struct gates_own, vectors),
     COMPLETE_FILE},
    {"delays", 0, "FILE", "lines of CELL RISE FALL [SETUP HOLD], in ps (1 each)", set_text,
     OPT_OWN(struct gates_own, delays), COMPLETE_FILE},
    {"vcd", 0, "FILE", "write all named signals as a value change dump", set_text,
     OPT_OWN(struct gates_own, vcd), COMPLETE_FILE},
    {"quiet", 'q', NULL, "do not print the outputs", set_flag, OPT_OWN(struct gates_own, quiet)},
    {"json", 0, NULL, "only what was counted, as JSON", set_flag, OPT_OWN(struct gates_own, json)},
    {0},
};

struct show {
    struct gates *gates;
    struct vcd   *vcd;
    bool          quiet;
    char         *text; /* room for the widest port, and what was printed last */
    char         *last, *line;
    size_t        room;
};

static void changed(void *ctx, u32 net, enum logic value)
{
    struct show *s = ctx;
    if (s->vcd)
        vcd_change(s->vcd, gates_now(s->gates), net, value);
}

/* All outputs, as one line. */
static size_t outputs(struct show *s)
{
    const struct gates_port *p;
    size_t                   n = 0;
    for (u32 i = 0; (p = gates_port(s->gates, i)); i++)
        if (p->output) {
            gates_text(s->gates, p, s->text);
            n += (size_t)snprintf(s->line + n, s->room - n, " %s=%s", p->name, s->text);
        }
    return n;
}

/* When one of them is not what it was. */
static void moment(void *ctx, u64 time)
{
    struct show *s = ctx;
    if (s->quiet)
        return;
    size_t n = outputs(s);
    if (strcmp(s->line, s->last))
        printf("%llu%s\n", (unsigned long long)time, s->line);
    memcpy(s->last, s->line, n + 1);
}

static void tell(const struct gates *g, bool json)
{
    struct gates_counts c;
    gates_counts(g, &c);
    cleanup_json cJSON *j = cJSON_CreateObject();
    json_put_str(j, "circuit", gates_name(g));
    json_put_u64(j, "cells", c.cells);
    json_put_u64(j, "nets", c.nets);
    json_put_u64(j, "events", c.events);
    json_put_u64(j, "violations", c.violations);
    json_put_u64(j, "toggled", c.toggled);
    json_put_u64(j, "time_ps", gates_now(g));
    cleanup_free char *text = json_pages(j);
    if (json)
        fputs(text, stdout);
    else if (c.violations)
        fprintf(stderr, "guise: %llu set-up or hold times were not kept\n",
                (unsigned long long)c.violations);
}

static int run_vectors(struct gates *g, const struct gates_own *o, struct err *err)
{
    struct vectors          *v;
    const struct gates_port *p;
    struct show              s  = {.gates = g, .quiet = o->quiet || o->json, .room = 64};
    int                      rc = vectors_read(&v, g, o->vectors, err);
    if (!rc && o->vcd)
        rc = vcd_open(&s.vcd, g, o->vcd, err);
    if (rc)
        return rc;
    for (u32 i = 0; (p = gates_port(g, i)); i++)
        s.room += strlen(p->name) + p->bits + 3;
    s.text   = xalloc(s.room);
    s.last   = xalloc(s.room);
    s.line   = xalloc(s.room);
    size_t n = outputs(&s);
    memcpy(s.last, s.line, n + 1);
    gates_watch(g, &(struct gates_watch){changed, moment, &s});
    vectors_run(v, g);
    if (s.vcd)
        rc = vcd_close(s.vcd, gates_now(g), err);
    free(s.text);
    free(s.last);
    free(s.line);
    vectors_free(v);
    return rc;
}

static int run(struct command *c, struct err *err)
{
    const struct gates_own *o = c->own;
    struct gates           *g;
    if (!o->vectors)
        return err_set(err, EINVAL, "say what the inputs do: --vectors FILE");
    int rc = gates_read(&g, c->words[1], err);
    if (rc)
        return rc;
    if (o->delays)
        rc = gates_delays(g, o->delays, err);
    if (!rc)
        rc = run_vectors(g, o, err);
    if (!rc)
        tell(g, o->json);
    gates_destroy(g);
    return rc;
}

int verb_gates(struct command *c)
{
    struct err err = {0};
    int        rc;
    if (!strcmp(c->words[0], "run"))
        rc = run(c, &err);
    else
        rc = err_set(&err, EINVAL, "'%s': say run NETLIST", c->words[0]);
    return rc ? complain(c, EXIT_GUISE, &err) : 0;
}

/* timing/gates/vcd.c - value change dumps, IEEE 1364-2005, 18.2. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "timing/gates/vectors.h"

struct vcd {
    FILE *f;
    u64   time;
    bool  begun;
    u32   n_nets;
    bool *named; /* nets that have a name */
};

/* A short code of printable characters for a number. */
static const char *code(u32 n, char out[8])
{
    u32 i = 0;
    do {
        out[i++] = (char)('!' + n % 94);
        n /= 94;
    } while (n);
    out[i] = 0;
    return out;
}

static void head(struct vcd *v, const struct gates *g)
{
    const struct gates_port *s;
    char                     text[8];
    fprintf(v->f, "$timescale 1ps $end\n$scope module %s $end\n", gates_name(g));
    for (u32 i = 0; (s = gates_signal(g, i)); i++)
        for (u32 b = 0; b < s->bits; b++) {
            v->named[s->nets[b]] = true;
            if (s->bits == 1)
                fprintf(v->f, "$var wire 1 %s %s $end\n", code(s->nets[b], text), s->name);
            else
                fprintf(v->f, "$var wire 1 %s %s [%u] $end\n", code(s->nets[b], text), s->name, b);
        }
    fputs("$upscope $end\n$enddefinitions $end\n#0\n$dumpvars\n", v->f);
    for (u32 n = 0; n < v->n_nets; n++)
        if (v->named[n])
            fprintf(v->f, "%c%s\n", "01xz"[gates_value(g, n)], code(n, text));
    fputs("$end\n", v->f);
}

int vcd_open(struct vcd **out, const struct gates *g, const char *path, struct err *err)
{
    struct gates_counts c;
    FILE               *f = fopen(path, "we");
    if (!f)
        return err_errno(err, errno, "write '%s'", path);
    struct vcd *v = xnew(struct vcd);
    gates_counts(g, &c);
    v->f      = f;
    v->n_nets = (u32)c.nets;
    v->named  = xalloc(c.nets + 1);
    head(v, g);
    *out = v;
    return 0;
}

static void at(struct vcd *v, u64 time)
{
    if (time != v->time)
        fprintf(v->f, "#%llu\n", (unsigned long long)time);
    v->time = time;
}

void vcd_change(struct vcd *v, u64 time, u32 net, enum logic value)
{
    char text[8];
    if (!v->named[net])
        return;
    at(v, time);
    fprintf(v->f, "%c%s\n", "01xz"[value], code(net, text));
}

int vcd_close(struct vcd *v, u64 time, struct err *err)
{
    at(v, time);
    bool bad = ferror(v->f);
    int  rc  = fclose(v->f) || bad ? err_errno(err, errno, "write the dump") : 0;
    free(v->named);
    free(v);
    return rc;
}

/* machine/tracing.c - `--trace=LIST`: what the machine does, a line each.
 *
 * LIST is NAME[:FILTER],... An instruction trace steps the harts one instruction at a time;
 * what is not asked for costs nothing. Lines come from all harts' threads, whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "machine/state.h"
#include "rv64/rv64.h"

enum event { TRACE_INSN, TRACE_TRAP, TRACE_IRQ, TRACE_MMIO, TRACE_SBI, TRACE_EXIT, TRACE_EVENTS };

/* The names, and what their filters select: addresses LO-HI of the code, or a device's name. */
static const struct {
    const char *name;
    bool        by_device;
} events[TRACE_EVENTS] = {
    [TRACE_INSN] = {"insn", false}, [TRACE_TRAP] = {"trap", false}, [TRACE_IRQ] = {"irq", false},
    [TRACE_MMIO] = {"mmio", true},  [TRACE_SBI] = {"sbi", false},   [TRACE_EXIT] = {"exit", false},
};

struct filter {
    bool on;
    gva  lo, hi;
    char device[32]; /* "": any */
};

struct tracing {
    struct machine    *m;
    FILE              *out;
    struct filter      filters[TRACE_EVENTS];
    struct rv64_tracer tracer;
};

static void line(struct tracing *t, const char *fmt, ...) PRINTF(2, 3);
static void line(struct tracing *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    flockfile(t->out);
    vfprintf(t->out, fmt, ap);
    putc_unlocked('\n', t->out);
    funlockfile(t->out);
    va_end(ap);
}

static bool wanted(const struct tracing *t, enum event e, gva pc)
{
    return t->filters[e].on && pc >= t->filters[e].lo && pc <= t->filters[e].hi;
}

static void on_insn(void *ctx, struct vcpu *v, gva pc, u32 word)
{
    struct tracing *t = ctx;
    char            text[64];
    if (!wanted(t, TRACE_INSN, pc))
        return;
    bool wide = rv64_disassemble(word, pc, text, sizeof(text)) == 4;
    line(t, "cpu%u insn %016" PRIx64 " %0*x%*s %s", v->id, pc, wide ? 8 : 4,
         wide ? word : word & 0xffff, wide ? 0 : 4, "", text);
}

static void on_trap(void *ctx, struct vcpu *v, u64 cause, gva pc, u64 tval)
{
    struct tracing *t   = ctx;
    bool            irq = cause >> 63;
    if (wanted(t, irq ? TRACE_IRQ : TRACE_TRAP, pc))
        line(t, "cpu%u %s %" PRIu64 " at %016" PRIx64 " tval %#" PRIx64, v->id,
             irq ? "irq" : "trap", (u64)(cause & INT64_MAX), pc, tval);
}

static void on_mmio(void *ctx, const struct device *dev, u64 off, unsigned width, u64 val,
                    bool write)
{
    struct tracing *t = ctx;
    const char     *d = t->filters[TRACE_MMIO].device;
    if (!*d || !strcmp(d, dev->ops->name))
        line(t, "mmio %s@%" PRIx64 "+%#" PRIx64 " %s%u %#" PRIx64, dev->ops->name, dev->base, off,
             write ? "write" : "read", 8 * width, val);
}

void tracing_sbi(struct machine *m, const struct hart *hart, u64 extension, u64 function,
                 const u64 *args, i64 result)
{
    struct tracing *t = m->tracing;
    if (t && t->filters[TRACE_SBI].on)
        line(t,
             "cpu%u sbi %#" PRIx64 " %" PRIu64 " (%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64
             ") = %" PRId64,
             hart->vcpu->id, extension, function, args[0], args[1], args[2], result);
}

static void tracing_exit(void *ctx, const struct vcpu *v, const char *kind, u64 addr,
                         unsigned width, bool write)
{
    struct tracing *t = ctx;
    if (!t->filters[TRACE_EXIT].on)
        return;
    if (width)
        line(t, "cpu%u exit %s %#" PRIx64 " %s%u", v->id, kind, addr, write ? "write" : "read",
             8 * width);
    else
        line(t, "cpu%u exit %s", v->id, kind);
}

static int parse_one(struct tracing *t, char *item, struct err *err)
{
    char *colon = strchr(item, ':');
    if (colon)
        *colon++ = 0;
    for (unsigned e = 0; e < TRACE_EVENTS; e++) {
        struct filter *f = &t->filters[e];
        if (strcmp(item, events[e].name) && strcmp(item, "all"))
            continue;
        *f = (struct filter){.on = true, .hi = ~0ull};
        if (colon && events[e].by_device)
            snprintf(f->device, sizeof(f->device), "%s", colon);
        else if (colon && sscanf(colon, "%" SCNx64 "-%" SCNx64, &f->lo, &f->hi) != 2)
            return err_set(err, EINVAL, "--trace: '%s': give addresses as LO-HI, in hex", colon);
        if (!strcmp(item, events[e].name))
            return 0;
    }
    return strcmp(item, "all") ? err_set(err, EINVAL,
                                         "--trace: no '%s'; there are: insn, trap, irq, mmio, "
                                         "sbi, exit, all",
                                         item)
                               : 0;
}

static int parse(struct tracing *t, const char *list, struct err *err)
{
    cleanup_free char *copy = xstrdup(list);
    char              *save = NULL;
    for (char *item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
        int rc = parse_one(t, item, err);
        if (rc)
            return rc;
    }
    return 0;
}

int tracing_start(struct machine *m, struct err *err)
{
    const struct spec *spec = m->instance.spec;
    if (!spec->trace)
        return 0;
    struct tracing *t = xnew(struct tracing);
    m->tracing        = t;
    t->m              = m;
    t->out            = spec->trace_file ? fopen(spec->trace_file, "we") : stderr;
    if (!t->out)
        return err_errno(err, errno, "open trace file '%s'", spec->trace_file);
    int rc = parse(t, spec->trace, err);
    if (rc)
        return rc;
    t->tracer = (struct rv64_tracer){
        .insn = t->filters[TRACE_INSN].on ? on_insn : NULL, .trap = on_trap, .ctx = t};
    bool harts = t->filters[TRACE_INSN].on || t->filters[TRACE_TRAP].on || t->filters[TRACE_IRQ].on;
    bool all   = harts && t->filters[TRACE_EXIT].on;
    if (harts && !all && !m->board->traces)
        return err_set(err, ENOTSUP, "--trace: engine %s tells mmio and exit only", spec->engine);
    if (t->filters[TRACE_EXIT].on && m->board->watch)
        m->board->watch(m, tracing_exit, t);
    for (unsigned i = 0; harts && m->board->traces && i < m->n_harts; i++)
        rv64_trace(m->harts[i].vcpu, &t->tracer);
    if (t->filters[TRACE_MMIO].on)
        bus_watch(m->bus, on_mmio, t);
    return 0;
}

void tracing_stop(struct machine *m)
{
    struct tracing *t = m->tracing;
    if (t && t->out && t->out != stderr)
        fclose(t->out);
    free(t);
    m->tracing = NULL;
}

/* machine/debugger.c - the hooks by which the gdb stub works on a machine.
 *
 * The harts run while two agree: the machine's life (started, not paused) and the debugger (none
 * is there, or it said continue). While it has stopped them, guest time goes on. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "machine/debugger.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "debug/gdb.h"
#include "rv64/rv64.h"

struct debugger {
    struct machine   *m;
    struct gdb_target target;
    bool              allowed, held;

    pthread_mutex_t  lock; /* guards the following: a hart looks up what it met */
    struct gdb_point points[GDB_POINTS_MAX];
    unsigned         n_points;
};

static void apply(struct debugger *d)
{
    if (d->allowed && !d->held)
        harts_run(d->m);
    else
        harts_park(d->m);
}

static void halt(void *ctx)
{
    struct debugger *d = ctx;
    d->held            = true;
    apply(d);
}

static void go(void *ctx, int cpu)
{
    struct debugger *d = ctx;
    harts_hold(d->m, cpu);
    d->held = false;
    apply(d);
}

static struct vcpu *vcpu_of(struct debugger *d, unsigned cpu)
{
    assert(cpu < d->m->n_harts);
    return d->m->harts[cpu].vcpu;
}

static void set_points(struct debugger *d, struct vcpu *v)
{
    gva               breaks[GDB_POINTS_MAX];
    struct rv64_watch watches[GDB_POINTS_MAX];
    unsigned          n_breaks = 0, n_watches = 0;
    for (unsigned i = 0; i < d->n_points; i++) {
        const struct gdb_point *p = &d->points[i];
        if (p->kind == GDB_BREAK)
            breaks[n_breaks++] = p->addr;
        else
            watches[n_watches++] = (struct rv64_watch){.addr  = p->addr,
                                                       .len   = p->len,
                                                       .read  = p->kind != GDB_WATCH_WRITE,
                                                       .write = p->kind != GDB_WATCH_READ};
    }
    rv64_breakpoints(v, breaks, n_breaks);
    rv64_watchpoints(v, watches, n_watches);
}

static void points(void *ctx, const struct gdb_point *p, unsigned n)
{
    struct debugger *d = ctx;
    pthread_mutex_lock(&d->lock);
    memcpy(d->points, p, n * sizeof(*p));
    d->n_points = n;
    pthread_mutex_unlock(&d->lock);
    for (unsigned i = 0; i < d->m->n_harts; i++)
        set_points(d, vcpu_of(d, i));
}

/* Which watchpoint covers ADDR, if any. */
static bool find_watch(struct debugger *d, gva addr, struct gdb_stop *out)
{
    bool found = false;
    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < d->n_points && !found; i++) {
        const struct gdb_point *p = &d->points[i];
        found                     = p->kind != GDB_BREAK && addr - p->addr < p->len;
        if (found) {
            out->is_watch = true;
            out->kind     = p->kind;
            out->addr     = addr;
        }
    }
    pthread_mutex_unlock(&d->lock);
    return found;
}

/* Runs one instruction on this thread, as the hart's own is parked. A breakpoint there does not
 * count, and kicks that were meant for the hart's thread are passed by. Interrupts stay pending,
 * as QEMU has it: who steps wants the next instruction, not a timer's handler. */
static void step(void *ctx, unsigned cpu, struct gdb_stop *out)
{
    enum { KICKS_MAX = 4 };
    struct debugger   *d    = ctx;
    struct hart       *hart = &d->m->harts[cpu];
    struct vcpu       *v    = vcpu_of(d, cpu);
    struct rv64_counts before, after;
    struct vcpu_exit   end = {.why = VCPU_KICKED};
    u64                pc, now;
    if (hart->state != HART_STARTED || !d->allowed)
        return;
    rv64_breakpoints(v, &(gva){0}, 0);
    rv64_mask_interrupts(v, true);
    rv64_counts(v, &before);
    after = before;
    v->ops->get(v, RV64_REG_PC, &pc);
    now = pc;
    for (int i = 0; i < KICKS_MAX && end.why == VCPU_KICKED && now == pc &&
                    after.instructions == before.instructions;
         i++) {
        v->ops->run(v, 1, &end);
        rv64_counts(v, &after);
        v->ops->get(v, RV64_REG_PC, &now);
    }
    rv64_mask_interrupts(v, false);
    if (end.why == VCPU_SYSCALL)
        sbi_call(hart);
    if (end.why == VCPU_BREAK)
        find_watch(d, end.arg, out);
    set_points(d, v);
}

static int get(void *ctx, unsigned cpu, unsigned reg, u64 *val)
{
    struct vcpu *v = vcpu_of(ctx, cpu);
    return v->ops->get(v, reg, val);
}

static int set(void *ctx, unsigned cpu, unsigned reg, u64 val)
{
    struct vcpu *v = vcpu_of(ctx, cpu);
    return v->ops->set(v, reg, val);
}

static int peek(void *ctx, unsigned cpu, gva addr, void *dst, u64 len)
{
    return rv64_peek(vcpu_of(ctx, cpu), addr, dst, len);
}

static int poke(void *ctx, unsigned cpu, gva addr, const void *src, u64 len)
{
    struct debugger *d  = ctx;
    int              rc = rv64_poke(vcpu_of(d, cpu), addr, src, len);
    for (unsigned i = 0; i < d->m->n_harts; i++)
        vcpu_of(d, i)->ops->forget(vcpu_of(d, i), 0, ~0ull);
    return rc;
}

/* --- monitor commands --- */

static void say_harts(struct debugger *d, char *out, size_t room)
{
    static const char *const states[] = {[HART_STARTED]       = "runs",
                                         [HART_STOPPED]       = "is stopped",
                                         [HART_START_PENDING] = "starts",
                                         [HART_SUSPENDED]     = "is suspended"};
    size_t                   n        = 0;
    for (unsigned i = 0; i < d->m->n_harts && n < room; i++) {
        struct vcpu       *v = vcpu_of(d, i);
        struct rv64_counts c;
        u64                pc = 0, mode = 0;
        rv64_counts(v, &c);
        v->ops->get(v, RV64_REG_PC, &pc);
        v->ops->get(v, RV64_REG_MODE, &mode);
        n +=
            (size_t)snprintf(out + n, room - n, "hart %u %s: pc %llx, mode %c, %llu instructions\n",
                             i, states[d->m->harts[i].state], (unsigned long long)pc,
                             "US?M"[mode & 3], (unsigned long long)c.instructions);
    }
}

static void say_reset(struct debugger *d, char *out, size_t room)
{
    machine_reset_now(d->m);
    snprintf(out, room, "the machine starts again\n");
}

static void say_help(UNUSED struct debugger *d, char *out, size_t room)
{
    snprintf(out, room, "harts    what each hart does\nreset    as by the reset button\n");
}

static void monitor(void *ctx, const char *command, char *out, size_t room)
{
    static const struct {
        const char *name;
        void (*say)(struct debugger *, char *out, size_t room);
    } commands[] = {{"harts", say_harts}, {"help", say_help}, {"reset", say_reset}};
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
        if (!strcmp(command, commands[i].name)) {
            commands[i].say(ctx, out, room);
            return;
        }
    snprintf(out, room, "no command '%s'; there are: harts help reset\n", command);
}

static void kill_machine(void *ctx)
{
    struct debugger *d = ctx;
    instance_exited(&d->m->instance, 137, "killed by the debugger");
}

/* --- for the machine --- */

static struct debugger *debugger_of(const struct machine *m)
{
    return m->gdb ? gdb_context(m->gdb) : NULL;
}

static void destroy(struct debugger *d)
{
    if (!d)
        return;
    pthread_mutex_destroy(&d->lock);
    free(d);
}

int debugger_start(struct machine *m, struct err *err)
{
    const struct spec *spec = m->instance.spec;
    if (!spec->gdb)
        return 0;
    struct debugger *d = xnew(struct debugger);
    d->m               = m;
    d->held            = spec->gdb_wait;
    d->target          = (struct gdb_target){.n_cpus  = m->n_harts,
                                             .halt    = halt,
                                             .go      = go,
                                             .step    = step,
                                             .get     = get,
                                             .set     = set,
                                             .read    = peek,
                                             .write   = poke,
                                             .points  = points,
                                             .monitor = monitor,
                                             .kill    = kill_machine};
    pthread_mutex_init(&d->lock, NULL);
    int rc = gdb_create(&m->gdb, m->instance.loop, spec->gdb, &d->target, d, err);
    if (rc)
        destroy(d);
    else if (gdb_port(m->gdb))
        log_info("gdb: target remote :%u", gdb_port(m->gdb));
    return rc;
}

void debugger_stop(struct machine *m)
{
    struct debugger *d = debugger_of(m);
    gdb_destroy(m->gdb);
    m->gdb = NULL;
    destroy(d);
}

void debugger_allow(struct machine *m, bool run)
{
    struct debugger *d = debugger_of(m);
    if (d) {
        d->allowed = run;
        apply(d);
    } else if (run) {
        harts_run(m);
    } else {
        harts_park(m);
    }
}

/* ADDR: what was watched, or the pc. */
void machine_hit_break(struct hart *hart, gva addr)
{
    struct debugger *d    = debugger_of(hart->m);
    struct gdb_stop  stop = {.cpu = hart->vcpu->id, .signal = 5};
    u64              pc   = addr;
    if (!d)
        return;
    hart->vcpu->ops->get(hart->vcpu, RV64_REG_PC, &pc);
    if (addr != pc)
        find_watch(d, addr, &stop);
    harts_halt(hart->m);
    gdb_stopped(hart->m->gdb, &stop);
}

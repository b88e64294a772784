/* timing/gates/sim.c - runs a circuit: an event is a cell's output that changes at a time.
 *
 * Each cell has at most one event to come. A cell whose inputs change while one is to come takes it
 * back, so what is shorter than the delay is lost. Events lie in a wheel of the next WHEEL ps, a
 * list for each, and later ones in a heap. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "timing/gates/netlist.h"

#define EVENT_NET (~0u)         /* for event.cell: its serial is the net */
enum { MOMENT_MAX = 10000000 }; /* events at one time: a loop without delay goes on for ever */

/* --- what is to come --- */

static void put_in(struct gates *g, u32 i, u32 slot)
{
    struct cell *c = &g->cells[i];
    c->slot        = (u16)slot;
    c->after       = 0;
    c->before      = g->tails[slot];
    if (c->before)
        g->cells[c->before - 1].after = i + 1;
    else
        g->slots[slot] = i + 1;
    g->tails[slot] = i + 1;
    g->full[slot / 64] |= 1ull << slot % 64;
}

static void take_out(struct gates *g, struct cell *c)
{
    if (c->before)
        g->cells[c->before - 1].after = c->after;
    else
        g->slots[c->slot] = c->after;
    if (c->after)
        g->cells[c->after - 1].before = c->before;
    else
        g->tails[c->slot] = c->before;
    if (!g->slots[c->slot])
        g->full[c->slot / 64] &= ~(1ull << c->slot % 64);
}

static void into_heap(struct gates *g, struct later e)
{
    if (g->n_heap == g->heap_room) {
        g->heap_room = MAX(2 * g->heap_room, 256u);
        g->heap      = xrealloc(g->heap, g->heap_room * sizeof(*g->heap));
    }
    u32 i = g->n_heap++;
    for (; i && e.time < g->heap[(i - 1) / 2].time; i = (i - 1) / 2)
        g->heap[i] = g->heap[(i - 1) / 2];
    g->heap[i] = e;
}

static struct later out_of_heap(struct gates *g)
{
    struct later top = g->heap[0], e = g->heap[--g->n_heap];
    u32          i = 0;
    for (u32 kid; (kid = 2 * i + 1) < g->n_heap; i = kid) {
        if (kid + 1 < g->n_heap && g->heap[kid + 1].time < g->heap[kid].time)
            kid++;
        if (g->heap[kid].time >= e.time)
            break;
        g->heap[i] = g->heap[kid];
    }
    g->heap[i] = e;
    return top;
}

/* What the wheel has reached of the heap; taken back things are dropped. */
static void wheel_on(struct gates *g)
{
    while (g->n_heap && g->heap[0].time < g->now + WHEEL) {
        struct later e = out_of_heap(g);
        struct cell *c = &g->cells[e.cell];
        if (c->scheduled && c->slot == NO_SLOT && c->serial == e.serial)
            put_in(g, e.cell, (u32)(e.time % WHEEL));
    }
}

static void take_back(struct gates *g, struct cell *c)
{
    c->scheduled = false;
    if (c->slot != NO_SLOT)
        take_out(g, c);
}

static void schedule_at(struct gates *g, u32 i, u8 value, u64 time)
{
    struct cell *c = &g->cells[i];
    c->scheduled   = true;
    c->next        = value;
    if (time - g->now < WHEEL) {
        put_in(g, i, (u32)(time % WHEEL));
        return;
    }
    c->slot = NO_SLOT;
    into_heap(g, (struct later){time, i, ++c->serial});
}

static void schedule(struct gates *g, u32 i, u8 value)
{
    struct cell *c = &g->cells[i];
    if (c->scheduled) {
        if (c->next == value)
            return;
        take_back(g, c);
    }
    if (value == c->value)
        return;
    u32 delay = value == LOGIC_1 ? c->rise : value == LOGIC_0 ? c->fall : MIN(c->rise, c->fall);
    schedule_at(g, i, value, g->now + delay);
}

/* --- cells --- */

static unsigned input(const struct cell *c, unsigned pin)
{
    return c->in >> 2 * pin & 3;
}

static u8 driven(unsigned value) /* as a gate puts it out */
{
    return value == LOGIC_Z ? LOGIC_X : (u8)value;
}

/* Is it at its active level: LOGIC_0, LOGIC_1, or LOGIC_X when it is unknown. */
static unsigned active(const struct cell *c, unsigned pin, unsigned has)
{
    unsigned v = driven(input(c, pin));
    if (!(c->has & has))
        return has == HAS_RESET ? LOGIC_0 : LOGIC_1;
    return v == LOGIC_X ? LOGIC_X : v ^ !(c->high & has);
}

/* A or B, as WHICH is 0 or 1; unknown if it is and they differ. */
static u8 choose(unsigned which, u8 a, u8 b)
{
    return which == LOGIC_0 ? a : which == LOGIC_1 ? b : a == b ? a : LOGIC_X;
}

static u8 kept(const struct cell *c)
{
    return c->scheduled ? c->next : c->value;
}

/* What the clock's edge stores. */
static u8 stored(const struct cell *c)
{
    u8       d = driven(input(c, PIN_D)), keep = kept(c);
    unsigned enable = active(c, PIN_E, HAS_ENABLE), reset = active(c, PIN_R, HAS_RESET);
    if (c->has & RESET_SYNC && !(c->has & ENABLE_FIRST))
        return choose(reset, choose(enable, keep, d), c->reset_value);
    d = choose(reset, d, c->reset_value);
    if (c->has & RESET_SYNC)
        return choose(enable, keep, d);
    return reset == LOGIC_0 ? choose(enable, keep, d) : d;
}

/* IEEE 1364, 9.7.2: towards 1 or away from 0 (posedge), or the other way round. */
static bool is_edge(const struct cell *c, unsigned was, unsigned is)
{
    unsigned low = c->high & HAS_CLOCK ? LOGIC_0 : LOGIC_1, high = low ^ 1;
    return was != is && (was == low || is == high) && is != low;
}

static void flip_flop(struct gates *g, u32 i, unsigned pin, unsigned was)
{
    struct cell *c     = &g->cells[i];
    bool         clock = pin == PIN_C && is_edge(c, was, input(c, PIN_C));
    bool         async = c->has & HAS_RESET && !(c->has & RESET_SYNC);
    bool late  = pin == PIN_D && c->hold && c->clocked && g->now - (c->clocked - 1) < c->hold;
    bool early = clock && c->setup && c->data_changed && g->now - (c->data_changed - 1) < c->setup;
    if (pin == PIN_D)
        c->data_changed = g->now + 1;
    if (clock)
        c->clocked = g->now + 1;
    if (async && active(c, PIN_R, HAS_RESET) != LOGIC_0 && (pin == PIN_R || clock)) {
        schedule(g, i, choose(active(c, PIN_R, HAS_RESET), kept(c), c->reset_value));
    } else if (late || early) {
        g->n_violations++;
        schedule(g, i, LOGIC_X);
    } else if (clock) {
        schedule(g, i, stored(c));
    }
}

static void latch(struct gates *g, u32 i)
{
    struct cell *c    = &g->cells[i];
    u8           open = choose(active(c, PIN_E, HAS_ENABLE), kept(c), driven(input(c, PIN_D)));
    schedule(g, i, choose(active(c, PIN_R, HAS_RESET), open, c->reset_value));
}

static void evaluate(struct gates *g, u32 i)
{
    struct cell *c = &g->cells[i];
    c->dirty       = false;
    if (c->kind == CELL_LOGIC)
        schedule(g, i, g->logic[c->type][c->in]);
    else if (c->kind == CELL_TRI)
        schedule(g, i, choose(driven(input(c, 1)), LOGIC_Z, driven(input(c, 0))));
    else if (c->kind == CELL_LATCH)
        latch(g, i);
}

/* Those of whose inputs some have changed: once, however many. */
static void evaluate_dirty(struct gates *g)
{
    for (u32 i = 0; i < g->n_dirty; i++)
        evaluate(g, g->dirty[i]);
    g->n_dirty = 0;
}

/* --- nets --- */

static void set_net(struct gates *g, u32 n, u8 value)
{
    struct net *net = &g->nets[n];
    u8          was = net->value;
    if (value == was)
        return;
    net->value = value;
    if (!net->noted) {
        net->noted                 = true;
        net->was                   = was;
        g->changed[g->n_changed++] = n;
    }
    for (u32 k = 0; k < net->n; k++) {
        const struct fanout *f = &g->fanouts[net->first + k];
        struct cell         *c = &g->cells[f->cell];
        c->in = (u8)((c->in & ~(3u << 2 * f->pin)) | (unsigned)value << 2 * f->pin);
        if (c->kind == CELL_FLIP_FLOP) {
            flip_flop(g, f->cell, f->pin, was);
        } else if (!c->dirty) {
            c->dirty               = true;
            g->dirty[g->n_dirty++] = f->cell;
        }
    }
}

/* What all that drive a net make of it. */
static u8 resolved(const struct gates *g, u32 n)
{
    u8 value = LOGIC_Z;
    for (u32 i = g->nets[n].last; i; i = g->cells[i - 1].beside) {
        u8 v = g->cells[i - 1].value;
        if (v != LOGIC_Z)
            value = value == LOGIC_Z || value == v ? v : LOGIC_X;
    }
    return value;
}

static void apply(struct gates *g, struct cell *c)
{
    c->scheduled = false;
    c->value     = c->next;
    g->n_done += c->kind != CELL_INPUT;
    set_net(g, c->out, c->lone ? c->value : resolved(g, c->out));
}

void gates_set(struct gates *g, u64 time, u32 net, enum logic value)
{
    u32 i = g->nets[net].input - 1;
    if (g->cells[i].scheduled)
        take_back(g, &g->cells[i]);
    schedule_at(g, i, (u8)value, MAX(time, g->now));
}

/* --- time --- */

/* The time of the next event, or ~0. */
static u64 next_time(const struct gates *g)
{
    u64 best = g->n_heap ? g->heap[0].time : ~0ull;
    u32 at   = (u32)(g->now % WHEEL);
    for (u32 k = 0; k <= WHEEL / 64; k++) {
        u32 word = (at / 64 + k) % (WHEEL / 64);
        u64 bits = g->full[word];
        if (k == 0)
            bits &= ~0ull << at % 64;
        if (k == WHEEL / 64)
            bits &= ~(~0ull << at % 64);
        if (bits) {
            u32 slot = word * 64 + (u32)__builtin_ctzll(bits);
            return MIN(best, g->now + (slot - at + WHEEL) % WHEEL);
        }
    }
    return best;
}

static void tell(struct gates *g)
{
    bool any = false;
    for (u32 i = 0; i < g->n_changed; i++) {
        struct net *n = &g->nets[g->changed[i]];
        n->noted      = false;
        if (n->value == n->was)
            continue;
        any = true;
        n->seen |= n->value < 2 ? (u8)(1 << n->value) : 0;
        if (g->watch.changed)
            g->watch.changed(g->watch.ctx, g->changed[i], (enum logic)n->value);
    }
    g->n_changed = 0;
    if (any && g->watch.moment)
        g->watch.moment(g->watch.ctx, g->now);
}

/* All events of the moment; then the cells that hear of them, which may cause more without delay.
 */
static void moment(struct gates *g)
{
    u32 slot = (u32)(g->now % WHEEL), i, n = 0;
    do {
        while ((i = g->slots[slot])) {
            struct cell *c = &g->cells[i - 1];
            take_out(g, c);
            if (n++ < MOMENT_MAX)
                apply(g, c);
            else
                c->scheduled = false;
        }
        evaluate_dirty(g);
    } while (g->slots[slot]);
}

static void begin(struct gates *g)
{
    g->begun = true;
    evaluate_dirty(g);
    for (u32 i = 0; i < g->n_cells; i++)
        if (g->cells[i].kind != CELL_FLIP_FLOP && g->cells[i].kind != CELL_INPUT)
            evaluate(g, i);
}

void gates_run(struct gates *g, u64 until)
{
    if (!g->begun)
        begin(g);
    evaluate_dirty(g);
    for (;;) {
        u64 time = next_time(g);
        if (time > g->now && g->n_changed)
            tell(g);
        if (time > until || time == ~0ull)
            break;
        g->now = time;
        wheel_on(g);
        moment(g);
    }
    if (until != ~0ull && until > g->now) {
        g->now = until;
        wheel_on(g);
    }
}

u64 gates_now(const struct gates *g)
{
    return g->now;
}

void gates_watch(struct gates *g, const struct gates_watch *watch)
{
    g->watch = *watch;
}

void gates_counts(const struct gates *g, struct gates_counts *out)
{
    *out = (struct gates_counts){g->n_cells, g->n_nets, g->n_done, g->n_violations, 0};
    for (u32 i = 0; i < g->n_nets; i++)
        out->toggled += g->nets[i].seen == 3;
}

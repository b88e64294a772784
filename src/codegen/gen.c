/* codegen/gen.c - from intermediate code to host code: who is in which register.
 *
 * Variables get their places for the whole region first (the most used ones a register). Then
 * one pass over the operations writes host code; values live in temporaries, in the place of a
 * variable that they are equal to, or, when temporaries run out, in the state's spill slots.
 * How an operation is written is the back end's (host.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "codegen/host.h"

/* --- places --- */

/* How often each variable is touched, loops counting eightfold. */
static bool weigh(const struct code *c, u32 *weight)
{
    cleanup_free u32 *begin = xalloc((c->n_labels + 1) * sizeof(u32));
    cleanup_free u8  *depth = xalloc(c->n + 1);
    bool              loops = false;
    for (u32 k = 0; k < c->n; k++)
        if (c->ir[k].op == IR_BLOCK && c->ir[k].imm != IR_NOTHING)
            begin[c->ir[k].imm] = k + 1;
    for (u32 k = 0; k < c->n; k++) {
        const struct ir *i    = &c->ir[k];
        u32              to[] = {i->op == IR_BRANCH || i->op == IR_JUMP ? begin[i->b] : 0,
                    i->op == IR_BRANCH ? begin[i->c] : 0};
        for (unsigned t = 0; t < 2; t++)
            if (to[t] && to[t] <= k)
                for (u32 j = to[t] - 1; j <= k; j++)
                    depth[j] = (u8)MIN(depth[j] + 1, 3), loops = true;
    }
    for (u32 k = 0; k < c->n; k++)
        if (c->ir[k].op == IR_GET || c->ir[k].op == IR_SET)
            weight[c->ir[k].imm] += 1u << (3 * depth[k]);
    return loops;
}

/* Takes the seat of the least used variable that is worth less than WEIGHT. */
static u8 displaced(struct gen *g, const u32 *weights, u32 weight)
{
    const struct code_frame *f     = &g->k->frame;
    u32                      least = weight / 2;
    int                      var   = -1;
    for (unsigned i = 0; i < f->n_vars; i++)
        if (g->place[i] != NO_REG && !f->vars[i].fp && weights[i] < least) {
            least = weights[i];
            var   = (int)i;
        }
    if (var < 0)
        return NO_REG;
    u8 reg        = g->place[var];
    g->place[var] = NO_REG;
    return reg;
}

/* The most used floating-point variables, if it pays. */
static void assign_fp_places(struct gen *g, const u32 *weights)
{
    const struct code_frame *f = &g->k->frame;
    for (unsigned n = 0; n < HOST_FP_PLACES; n++) {
        int best = -1;
        for (unsigned i = 0; i < f->n_vars; i++)
            if (f->vars[i].fp && g->place[i] == NO_REG && weights[i] > 1 &&
                (best < 0 || weights[i] > weights[best]))
                best = (int)i;
        if (best < 0)
            return;
        g->place[best] = host_fp_places[n];
        g->fp          = true;
    }
}

static void assign_places(struct gen *g)
{
    const struct code_frame *f                  = &g->k->frame;
    u32                      weights[CODE_VARS] = {0};
    bool                     loops              = weigh(g->c, weights);
    u64                      tried              = 0;
    for (unsigned i = 0; i < f->n_vars; i++)
        g->place[i] = f->vars[i].seat < 0 ? NO_REG : host_seats[f->vars[i].seat];
    assign_fp_places(g, weights);
    while (loops) {
        int best = -1;
        for (unsigned i = 0; i < f->n_vars; i++)
            if (!f->vars[i].fp && g->place[i] == NO_REG && !(tried >> i & 1) && weights[i] >= 16 &&
                (best < 0 || weights[i] > weights[best]))
                best = (int)i;
        if (best < 0)
            break;
        tried |= 1ull << best;
        g->place[best] = displaced(g, weights, weights[best]);
    }
}

static struct loc reg_loc(u8 reg)
{
    return (struct loc){.kind = LOC_REG, .reg = reg};
}

static struct loc home_loc(const struct gen *g, unsigned var)
{
    return (struct loc){.kind = LOC_MEM, .off = g->k->frame.vars[var].home};
}

static u8 seat_of(const struct gen *g, unsigned var)
{
    i8 seat = g->k->frame.vars[var].seat;
    return seat < 0 ? NO_REG : host_seats[seat];
}

static void enter_places(struct gen *g)
{
    for (unsigned i = 0; i < g->k->frame.n_vars; i++)
        if (seat_of(g, i) != NO_REG && g->place[i] == NO_REG)
            host_store_home(g, g->k->frame.vars[i].home, reg_loc(seat_of(g, i)));
    for (unsigned i = 0; i < g->k->frame.n_vars; i++)
        if (g->place[i] != seat_of(g, i) && g->place[i] != NO_REG)
            host_move(g, g->place[i], home_loc(g, i));
}

void gen_leave_places(struct gen *g)
{
    for (unsigned i = 0; i < g->k->frame.n_vars; i++)
        if (g->place[i] != seat_of(g, i) && g->place[i] != NO_REG && (g->changed >> i & 1))
            host_store_home(g, g->k->frame.vars[i].home, reg_loc(g->place[i]));
    for (unsigned i = 0; i < g->k->frame.n_vars; i++)
        if (seat_of(g, i) != NO_REG && g->place[i] == NO_REG)
            host_move(g, seat_of(g, i), home_loc(g, i));
}

static void record_places(struct gen *g, struct fn_record *f)
{
    for (u8 i = 0; i < g->k->frame.n_vars; i++)
        if (g->place[i] != NO_REG)
            f->seats[f->n_seats++] = (struct code_seat){i, g->place[i]};
}

/* --- values --- */

static bool is_const(const struct gen *g, u32 v)
{
    return v < g->c->n && g->c->ir[v].op == IR_CONST;
}

static i32 slot_off(const struct gen *g, i8 slot)
{
    return g->k->frame.context + (i32)offsetof(struct code_context, spill) + 8 * slot;
}

struct loc gen_loc(struct gen *g, u32 v)
{
    const struct value *x = &g->v[v];
    if (x->reg != NO_REG)
        return reg_loc(x->reg);
    if (is_const(g, v))
        return (struct loc){.kind = LOC_IMM, .imm = g->c->ir[v].imm};
    if (x->in != IR_NONE)
        return g->place[x->in] != NO_REG ? reg_loc(g->place[x->in]) : home_loc(g, x->in);
    assert(x->slot >= 0);
    return (struct loc){.kind = LOC_MEM, .off = slot_off(g, x->slot)};
}

bool gen_is_fp(const struct gen *g, u32 v)
{
    const struct ir *i = &g->c->ir[v];
    if (v >= g->c->n)
        return false;
    if (i->op == IR_GET)
        return g->k->frame.vars[i->imm].fp;
    if (i->op == IR_LOAD)
        return i->type == IR_F32 || i->type == IR_F64;
    return ir_info[i->op].flags & IR_FP;
}

bool gen_is_temp(u8 reg)
{
    return memchr(host_temps, reg, HOST_TEMPS) || memchr(host_fp_temps, reg, HOST_TEMPS);
}

bool gen_is_free(const struct gen *g, u8 temp)
{
    return temp != NO_REG && g->owner[temp] == IR_NONE && gen_is_temp(temp);
}

/* Makes a temporary nobody's; its value stays known elsewhere. */
static void evict(struct gen *g, u8 reg)
{
    u32 v = g->owner[reg];
    if (v == IR_NONE)
        return;
    struct value *x = &g->v[v];
    if (x->left && !is_const(g, v) && x->in == IR_NONE && x->slot < 0) {
        if (g->spills == ~0ull) {
            g->failed = true;
        } else {
            x->slot = (i8)__builtin_ctzll(~g->spills);
            g->spills |= 1ull << x->slot;
            host_store_home(g, slot_off(g, x->slot), reg_loc(reg));
        }
    }
    x->reg        = NO_REG;
    g->owner[reg] = IR_NONE;
}

/* How dear is it to lose what is in this temporary? */
static unsigned price(const struct gen *g, u8 reg)
{
    u32 v = g->owner[reg];
    if (v == IR_NONE)
        return 0;
    return is_const(g, v) || g->v[v].in != IR_NONE || g->v[v].slot >= 0 ? 1 : 2;
}

static u8 temp_of(struct gen *g, const u8 *temps)
{
    u8 best = NO_REG;
    for (unsigned i = 0; i < HOST_TEMPS; i++) {
        u8 r = temps[i];
        if (!(g->locked >> r & 1) && (best == NO_REG || price(g, r) < price(g, best)))
            best = r;
    }
    assert(best != NO_REG);
    evict(g, best);
    g->locked |= 1u << best;
    return best;
}

u8 gen_temp(struct gen *g)
{
    return temp_of(g, host_temps);
}

u8 gen_fp_temp(struct gen *g)
{
    return temp_of(g, host_fp_temps);
}

static u8 temp_for(struct gen *g, u32 v)
{
    return gen_is_fp(g, v) ? gen_fp_temp(g) : gen_temp(g);
}

void gen_is_in(struct gen *g, u32 v, u8 temp)
{
    g->owner[temp] = v;
    g->v[v].reg    = temp;
}

/* Empties a temporary; if others are free its value moves there. */
void gen_take(struct gen *g, u8 reg)
{
    u32 v = g->owner[reg];
    g->locked |= 1u << reg;
    if (v == IR_NONE)
        return;
    for (unsigned i = 0; i < HOST_TEMPS; i++) {
        u8 r = host_temps[i];
        if (g->owner[r] == IR_NONE && !(g->locked >> r & 1)) {
            host_move(g, r, reg_loc(reg));
            g->owner[reg] = IR_NONE;
            gen_is_in(g, v, r);
            return;
        }
    }
    evict(g, reg);
}

u8 gen_reg(struct gen *g, u32 v)
{
    struct loc l = gen_loc(g, v);
    if (l.kind != LOC_REG) {
        u8 t = temp_for(g, v);
        host_move(g, t, l);
        gen_is_in(g, v, t);
        return t;
    }
    g->locked |= 1u << l.reg;
    return l.reg;
}

void gen_used(struct gen *g, u32 v)
{
    struct value *x = &g->v[v];
    assert(x->left > 0);
    if (--x->left)
        return;
    if (x->reg != NO_REG)
        g->owner[x->reg] = IR_NONE;
    if (x->slot >= 0)
        g->spills_over |= 1ull << x->slot; /* it may be read yet */
}

void gen_preserve(struct gen *g, unsigned var)
{
    u32 v         = g->holds[var];
    g->holds[var] = IR_NONE;
    if (v == IR_NONE || g->v[v].in != var)
        return;
    struct value *x   = &g->v[v];
    struct loc    was = gen_loc(g, v);
    x->in             = IR_NONE;
    if (x->left == 0 || is_const(g, v) || x->reg != NO_REG || x->slot >= 0)
        return;
    for (unsigned i = 0; i < g->k->frame.n_vars; i++)
        if (g->holds[i] == v) {
            x->in = i;
            return;
        }
    u8 t = temp_for(g, v);
    host_move(g, t, was);
    gen_is_in(g, v, t);
    g->locked &= ~(1u << t); /* it may go on to a spill slot */
}

u32 gen_next(const struct gen *g, u32 index)
{
    do
        index++;
    while (index < g->c->n && g->c->ir[index].op == IR_BLOCK && g->c->ir[index].imm == IR_NOTHING);
    return index;
}

u8 gen_target(struct gen *g, u32 v, u8 prefer)
{
    u32              next   = gen_next(g, v);
    const struct ir *i      = &g->c->ir[next];
    bool             is_set = next < g->c->n && i->op == IR_SET && i->a == v;
    if (is_set)
        gen_preserve(g, (unsigned)i->imm); /* also from help's writing it */
    if (is_set && g->place[i->imm] != NO_REG) {
        g->holds[i->imm] = v;
        g->v[v].in       = (u32)i->imm;
        return g->place[i->imm];
    }
    if (!gen_is_free(g, prefer) || (prefer >= HOST_FP) != gen_is_fp(g, v))
        prefer = temp_for(g, v);
    gen_is_in(g, v, prefer);
    return prefer;
}

static void do_set(struct gen *g, const struct ir *i)
{
    unsigned      var = (unsigned)i->imm;
    struct value *x   = &g->v[i->a];
    if (g->holds[var] != i->a) {
        struct loc from = gen_loc(g, i->a);
        if (from.kind == LOC_REG)
            g->locked |= 1u << from.reg;
        else if (from.kind == LOC_MEM && g->place[var] == NO_REG)
            from = reg_loc(gen_reg(g, i->a));
        gen_preserve(g, var);
        if (g->place[var] != NO_REG)
            host_move(g, g->place[var], from);
        else
            host_store_home(g, g->k->frame.vars[var].home, from);
        g->holds[var] = i->a;
        if (x->in == IR_NONE)
            x->in = var;
        if (x->reg != NO_REG && g->place[var] != NO_REG && x->in == var) {
            g->owner[x->reg] = IR_NONE;
            x->reg           = NO_REG;
        }
    }
    gen_used(g, i->a);
}

/* The first of several gets their page even when it calls out. */
static void note_near(struct gen *g, const struct ir *i, struct site_record *s)
{
    bool               alone = i->op != IR_LOAD && i->op != IR_STORE;
    const struct near *near  = alone ? NULL : gen_near(g, i);
    s->near                  = near && near->first == i;
    if (s->near) {
        s->align = near->align;
        s->off   = (i32)i->imm;
        s->lo    = near->lo;
        s->hi    = near->hi;
    }
}

u32 gen_site(struct gen *g, const struct ir *i, bool help)
{
    u32                 number = g->k->sites.n;
    struct site_record *s      = table_add(&g->k->sites);
    s->site.fn                 = g->fn;
    s->site.tag                = i->tag;
    s->site.what               = help ? (u32)i->imm : i->type;
    s->site.store              = i->op != IR_LOAD && i->op != IR_ALOAD;
    s->at                      = g->e.at;
    s->help                    = help;
    s->light                   = i->op == IR_LIGHT;
    note_near(g, i, s);
    return number;
}

/* --- accesses that lie close together --- */

static const u8 widths[IR_TYPES] = {
    [IR_I8] = 1,  [IR_U8] = 1,  [IR_I16] = 2, [IR_U16] = 2, [IR_I32] = 4,
    [IR_U32] = 4, [IR_I64] = 8, [IR_F32] = 4, [IR_F64] = 8};

/* Adds one to those of its base, if it is aligned when the base is. */
static void add_near(struct gen *g, const struct ir *i)
{
    u8  width = widths[i->type];
    i32 lo = ALIGN_DOWN((i32)i->imm, 8), hi = (i32)i->imm + width;
    u32 k = 0;
    while (k < g->n_near && (g->near[k].base != i->a || g->near[k].store != (i->op == IR_STORE)))
        k++;
    if (k == GEN_NEAR || i->imm % width)
        return;
    if (k == g->n_near)
        g->near[g->n_near++] =
            (struct near){.base = i->a, .lo = lo, .hi = hi, .store = i->op == IR_STORE};
    struct near *s = &g->near[k];
    if (MAX(hi, s->hi) - MIN(lo, s->lo) > NEAR_SPAN)
        return;
    s->lo    = MIN(lo, s->lo);
    s->hi    = MAX(hi, s->hi);
    s->align = (u8)MAX(s->align, width - 1);
    s->n++;
}

static bool is_near(const struct near *s, const struct ir *i)
{
    u8 width = widths[i->type];
    return s->base == i->a && s->store == (i->op == IR_STORE) && i->imm % width == 0 &&
           i->imm >= s->lo && i->imm + width <= s->hi;
}

struct near *gen_near(struct gen *g, const struct ir *i)
{
    for (u32 k = 0; k < g->n_near; k++)
        if (g->near[k].n > 2 && is_near(&g->near[k], i))
            return &g->near[k];
    return NULL;
}

/* Looks through the block that begins at INDEX. The last access by a base gives its page up. */
static void find_near(struct gen *g, u32 index)
{
    g->n_near = 0;
    if (g->k->frame.window != WINDOW_PAGED || g->c->plain)
        return;
    for (u32 k = index; k < g->c->n && !ir_is_flow(&g->c->ir[k]); k++)
        if (g->c->ir[k].op == IR_LOAD || g->c->ir[k].op == IR_STORE)
            add_near(g, &g->c->ir[k]);
    for (u32 k = index; k < g->c->n && !ir_is_flow(&g->c->ir[k]); k++) {
        const struct ir *i = &g->c->ir[k];
        struct near     *s = i->op == IR_LOAD || i->op == IR_STORE ? gen_near(g, i) : NULL;
        if (s && !s->begun) {
            g->v[g->c->n + (s - g->near)] =
                (struct value){.in = IR_NONE, .reg = NO_REG, .slot = -1};
            s->begun = true;
        } else if (s) {
            g->v[g->c->n + (s - g->near)].left++;
        }
    }
    for (u32 k = 0; k < g->n_near; k++)
        g->near[k].begun = false;
}

/* --- the pass --- */

static void open_block(struct gen *g, i64 l, u32 index)
{
    memset(g->owner, 0xff, sizeof(g->owner));
    memset(g->holds, 0xff, sizeof(g->holds));
    g->spills = g->spills_over = 0;
    if (l != IR_NOTHING)
        g->labels[l] = g->e.at;
    find_near(g, index);
}

static i64 label_behind(const struct gen *g, u32 index)
{
    u32 next = gen_next(g, index);
    return next < g->c->n && g->c->ir[next].op == IR_BLOCK ? g->c->ir[next].imm : IR_NOTHING;
}

/* Variables may change under everybody's feet: values keep what they were. */
static void preserve_all(struct gen *g)
{
    for (unsigned i = 0; i < g->k->frame.n_vars; i++) {
        gen_preserve(g, i);
        g->locked = 0;
    }
}

static void one(struct gen *g, u32 index)
{
    const struct ir *i = &g->c->ir[index];
    g->locked          = 0;
    g->spills &= ~g->spills_over;
    g->spills_over = 0;
    switch (i->op) {
    case IR_CONST:
        break;
    case IR_GET:
        gen_preserve(g, (unsigned)i->imm);
        g->v[index].in   = (u32)i->imm;
        g->holds[i->imm] = index;
        break;
    case IR_SET:
        do_set(g, i);
        break;
    case IR_BLOCK:
        if (i->imm != IR_NOTHING)
            open_block(g, i->imm, index + 1);
        break;
    case IR_BRANCH:
        host_branch(g, i, (u32)label_behind(g, index));
        break;
    case IR_JUMP:
        if (label_behind(g, index) != (i64)i->b)
            host_jump(g, i->b);
        break;
    case IR_EXIT:
        host_exit(g, i);
        break;
    case IR_EXIT_TO:
        host_exit_to(g, i);
        break;
    case IR_POLL:
    case IR_COUNT:
        host_poll(g, i);
        break;
    case IR_HELP:
        preserve_all(g);
        host_op(g, index);
        break;
    default:
        host_op(g, index);
    }
}

static void prepare(struct gen *g)
{
    for (u32 k = 0; k < g->c->n; k++) {
        g->v[k] = (struct value){.left = g->c->uses[k], .in = IR_NONE, .reg = NO_REG, .slot = -1};
        if (g->c->ir[k].op == IR_SET)
            g->changed |= 1ull << g->c->ir[k].imm;
        if (g->c->ir[k].op == IR_HELP)
            g->changed = ~0ull;
        g->fp |= gen_is_fp(g, k) || (g->c->ir[k].op >= IR_FADD);
    }
    assign_places(g);
}

/* What a region that did not fit has left in the tables. */
static void take_back(struct code_cache *k, u32 fn, u32 sites, u32 links)
{
    k->fns.n   = fn;
    k->sites.n = sites;
    k->links.n = links;
}

int gen_region(struct code *c, struct code_fn *out)
{
    struct code_cache         *k      = c->cache;
    cleanup_free struct value *values = xalloc((c->n + GEN_NEAR) * sizeof(*values));
    cleanup_free u32          *labels = xalloc((c->n_labels + 1) * sizeof(u32));
    u32                        fn = k->fns.n, sites = k->sites.n, links = k->links.n;
    struct gen                 g = {.c = c, .k = k, .v = values, .labels = labels, .fn = fn};
    g.e = (struct emit){.base = k->rw, .at = ALIGN_UP(k->used, 16u), .end = k->cold};
    struct fn_record *f = table_add(&k->fns);
    prepare(&g);
    open_block(&g, IR_NOTHING, 0);
    f->from       = g.e.at;
    f->first_site = sites;
    record_places(&g, f);
    enter_places(&g);
    for (u32 i = 0; i < c->n && !g.e.full && !g.failed; i++)
        one(&g, i);
    f->to = g.e.at;
    g.e   = (struct emit){.base = k->rw, .at = k->cold_used, .end = k->size, .full = g.e.full};
    host_stubs(&g);
    if (!g.e.full && !g.failed)
        for (u32 i = 0; i < g.fixups.n; i++)
            host_fix(&g, g.fixups.at[i].at, labels[g.fixups.at[i].label]);
    free(g.fixups.at);
    free(g.stubs.at);
    if (g.e.full || g.failed) {
        take_back(k, fn, sites, links);
        return -ENOSPC;
    }
    f->n_sites = k->sites.n - sites;
    *out       = (struct code_fn){.entry = k->rx + f->from, .number = fn, .bytes = f->to - f->from};
    host_made(k, f->from, f->to);
    host_made(k, k->cold_used, g.e.at);
    k->used      = f->to;
    k->cold_used = g.e.at;
    return 0;
}

/* timing/gates/netlist.c - cells by their names, nets, and who hears of whom. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "timing/gates/netlist.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static const struct row {
    const char *name, *pins;
    char        out;
} rows[] = {
#define CELL(name, pins, out, expression) {name, pins, out},
#include "timing/gates/cells.def"
#undef CELL
};
_Static_assert(ARRAY_SIZE(rows) <= ROWS_MAX, "gates.logic has a row for each");

/* --- cells of logic --- */

#define A (v & 1)
#define B (v >> 1 & 1)
#define C (v >> 2 & 1)
#define D (v >> 3 & 1)
#define S (v >> 2 & 1)
/* What row TYPE computes of inputs that are known. */
static unsigned compute(unsigned type, unsigned v)
{
    unsigned n = 0;
#define CELL(name, pins, out, expression)                                                          \
    if (type == n++)                                                                               \
        return (expression) ? 1 : 0;
#include "timing/gates/cells.def"
#undef CELL
    return 0;
}
#undef A
#undef B
#undef C
#undef D
#undef S

/* INPUTS has two bits a pin. All that unknown ones may be is tried. */
static u8 with_unknowns(unsigned type, unsigned pins, unsigned inputs)
{
    unsigned seen = 0;
    for (unsigned v = 0; v < 1u << pins; v++) {
        bool fits = true;
        for (unsigned i = 0; i < pins; i++) {
            unsigned in = inputs >> 2 * i & 3;
            fits &= in > LOGIC_1 || in == (v >> i & 1);
        }
        if (fits)
            seen |= 1u << compute(type, v);
    }
    return seen == 1 ? LOGIC_0 : seen == 2 ? LOGIC_1 : LOGIC_X;
}

/* --- cells by name --- */

/* Flip-flops and latches: the name's beginning, then a letter for each of these: the clock's edge
 * (or the latch's level), the reset's level, the value that it sets, the enable's level. */
static const struct {
    const char *prefix;
    u8          kind, has;
    char        letters[5];
} memories[] = {
    {"$_DFF_", CELL_FLIP_FLOP, HAS_CLOCK, "C"},
    {"$_DFF_", CELL_FLIP_FLOP, HAS_CLOCK | HAS_RESET, "CRV"},
    {"$_DFFE_", CELL_FLIP_FLOP, HAS_CLOCK | HAS_ENABLE, "CE"},
    {"$_DFFE_", CELL_FLIP_FLOP, HAS_CLOCK | HAS_RESET | HAS_ENABLE, "CRVE"},
    {"$_SDFF_", CELL_FLIP_FLOP, HAS_CLOCK | HAS_RESET | RESET_SYNC, "CRV"},
    {"$_SDFFE_", CELL_FLIP_FLOP, HAS_CLOCK | HAS_RESET | HAS_ENABLE | RESET_SYNC, "CRVE"},
    {"$_SDFFCE_", CELL_FLIP_FLOP, HAS_CLOCK | HAS_RESET | HAS_ENABLE | RESET_SYNC | ENABLE_FIRST,
     "CRVE"},
    {"$_DLATCH_", CELL_LATCH, HAS_ENABLE, "E"},
    {"$_DLATCH_", CELL_LATCH, HAS_ENABLE | HAS_RESET, "ERV"},
};

static bool is_high(char letter)
{
    return letter == 'P' || letter == '1';
}

static bool take_letters(struct cell *c, const char *kinds, const char *letters)
{
    for (unsigned i = 0; kinds[i]; i++) {
        if (!letters[i] || !strchr(kinds[i] == 'V' ? "01" : "PN", letters[i]))
            return false;
        bool high = is_high(letters[i]);
        if (kinds[i] == 'V')
            c->reset_value = high;
        else
            c->high |= high ? (kinds[i] == 'C'   ? HAS_CLOCK
                               : kinds[i] == 'E' ? HAS_ENABLE
                                                 : HAS_RESET)
                            : 0;
    }
    return true;
}

static bool find_memory(struct cell *c, const char *type)
{
    for (unsigned i = 0; i < ARRAY_SIZE(memories); i++) {
        size_t n = strlen(memories[i].prefix), letters = strlen(memories[i].letters);
        if (strncmp(type, memories[i].prefix, n) || strlen(type) != n + letters + 1)
            continue;
        struct cell made = *c;
        made.kind        = memories[i].kind;
        made.has         = memories[i].has;
        made.pins        = PINS;
        if (take_letters(&made, memories[i].letters, type + n)) {
            *c = made;
            return true;
        }
    }
    return false;
}

static bool find_type(struct cell *c, const char *type)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        if (!strcmp(type, rows[i].name)) {
            c->type = (u8)i;
            c->pins = (u8)strlen(rows[i].pins);
            return true;
        }
    if (!strcmp(type, "$_TBUF_")) {
        c->kind = CELL_TRI;
        c->pins = 2;
        return true;
    }
    return find_memory(c, type);
}

int netlist_pin(const struct cell *c, char pin)
{
    const char *pins = c->kind == CELL_LOGIC ? rows[c->type].pins
                       : c->kind == CELL_TRI ? "AE"
                                             : "DCER";
    const char *at   = strchr(pins, pin);
    return at && pin ? (int)(at - pins) : -1;
}

char netlist_output(const struct cell *c)
{
    return c->kind == CELL_LOGIC ? rows[c->type].out : c->kind == CELL_TRI ? 'Y' : 'Q';
}

/* --- making --- */

struct gates *netlist_new(const char *name)
{
    struct gates *g = xnew(struct gates);
    g->name         = xstrdup(name);
    for (unsigned type = 0; type < ARRAY_SIZE(rows); type++)
        for (unsigned v = 0; v < 256; v++)
            g->logic[type][v] = with_unknowns(type, (unsigned)strlen(rows[type].pins), v);
    return g;
}

u32 netlist_net(struct gates *g)
{
    if (g->n_nets == g->nets_room) {
        g->nets_room = MAX(2 * g->nets_room, 256u);
        g->nets      = xrealloc(g->nets, g->nets_room * sizeof(*g->nets));
    }
    g->nets[g->n_nets] = (struct net){.value = LOGIC_X, .was = LOGIC_X};
    return g->n_nets++;
}

static u32 kind_of(struct gates *g, const char *type)
{
    for (u32 i = 0; i < g->n_kinds; i++)
        if (!strcmp(g->kinds[i], type))
            return i;
    g->kinds             = xrealloc(g->kinds, (g->n_kinds + 1) * sizeof(char *));
    g->kinds[g->n_kinds] = xstrdup(type);
    return g->n_kinds++;
}

/* Room for one more. */
static struct cell *cell_room(struct gates *g)
{
    if (g->n_cells == g->cells_room) {
        g->cells_room = MAX(2 * g->cells_room, 256u);
        g->cells      = xrealloc(g->cells, g->cells_room * sizeof(*g->cells));
    }
    return &g->cells[g->n_cells];
}

int netlist_cell(struct gates *g, const char *type, struct cell **out, struct err *err)
{
    struct cell c = {.value = LOGIC_X, .next = LOGIC_X, .rise = 1, .fall = 1};
    if (!find_type(&c, type))
        return err_set(err, ENOTSUP, "no cell '%s' is known: synthesise to Yosys' gate library",
                       type);
    for (unsigned i = 0; i < PINS; i++)
        c.net[i] = NET_NONE;
    c.out         = NET_NONE;
    c.rank        = kind_of(g, type);
    *cell_room(g) = c;
    *out          = &g->cells[g->n_cells++];
    return 0;
}

void netlist_input(struct gates *g, u32 net)
{
    struct cell c = {.kind = CELL_INPUT, .value = LOGIC_X, .out = net};
    if (g->nets[net].input)
        return;
    *cell_room(g)      = c;
    g->nets[net].input = ++g->n_cells;
}

/* Who hears of each net; who drives it alone. */
int netlist_finish(struct gates *g, struct err *err)
{
    cleanup_free u32 *drivers = xalloc((g->n_nets + 1) * sizeof(u32));
    u32               all     = 0;
    for (u32 i = 0; i < g->n_cells; i++) {
        struct cell *c = &g->cells[i];
        if (c->out == NET_NONE)
            return err_set(err, EINVAL, "%s: a cell drives nothing", g->name);
        drivers[c->out]++;
        for (unsigned p = 0; p < c->pins; p++)
            if (c->net[p] != NET_NONE)
                g->nets[c->net[p]].n++;
    }
    for (u32 i = 0; i < g->n_nets; i++) {
        g->nets[i].first = all;
        all += g->nets[i].n;
        g->nets[i].n       = 0;
        g->nets[i].drivers = drivers[i];
    }
    g->fanouts = xalloc((all + 1) * sizeof(*g->fanouts));
    g->changed = xalloc((g->n_nets + 1) * sizeof(u32));
    g->dirty   = xalloc((g->n_cells + 1) * sizeof(u32));
    for (u32 i = 0; i < g->n_cells; i++) {
        struct cell *c       = &g->cells[i];
        c->lone              = drivers[c->out] == 1;
        c->beside            = g->nets[c->out].last; /* the one that drives it too, +1 */
        g->nets[c->out].last = i + 1;
        for (unsigned p = 0; p < c->pins; p++) {
            c->in |= (u8)((c->net[p] == NET_NONE ? LOGIC_Z : g->nets[c->net[p]].value) << 2 * p);
            if (c->net[p] == NET_NONE)
                continue;
            struct net *n                 = &g->nets[c->net[p]];
            g->fanouts[n->first + n->n++] = (struct fanout){i, (u8)p};
        }
    }
    return 0;
}

int gates_read(struct gates **out, const char *path, struct err *err)
{
    return yosys_read(out, path, err);
}

static void ports_free(struct gates_port *list, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        free((void *)list[i].name);
        free((void *)list[i].nets);
    }
    free(list);
}

void gates_destroy(struct gates *g)
{
    if (!g)
        return;
    for (u32 i = 0; i < g->n_kinds; i++)
        free(g->kinds[i]);
    ports_free(g->ports, g->n_ports);
    ports_free(g->signals, g->n_signals);
    free(g->kinds);
    free(g->cells);
    free(g->nets);
    free(g->fanouts);
    free(g->changed);
    free(g->dirty);
    free(g->heap);
    free(g->name);
    free(g);
}

/* --- delays --- */

static void set_delays(struct gates *g, const char *type, const u32 ps[4])
{
    for (u32 i = 0; i < g->n_cells; i++)
        if (!strcmp(type, "*") || !strcmp(g->kinds[g->cells[i].rank], type)) {
            g->cells[i].rise  = ps[0];
            g->cells[i].fall  = ps[1];
            g->cells[i].setup = ps[2];
            g->cells[i].hold  = ps[3];
        }
}

/* Lines of `*` first, whatever their order. */
static int read_delays(struct gates *g, FILE *f, const char *path, bool general, struct err *err)
{
    enum { PS_MAX = 1000000000 };
    char text[256], type[64], rest[8];
    for (u32 line = 1; fgets(text, sizeof(text), f); line++) {
        u32 ps[4]                  = {0};
        text[strcspn(text, "#\n")] = 0;
        int n = sscanf(text, "%63s %u %u %u %u %7s", type, &ps[0], &ps[1], &ps[2], &ps[3], rest);
        if (n <= 0)
            continue;
        if ((n != 3 && n != 5) || MAX(MAX(ps[0], ps[1]), MAX(ps[2], ps[3])) > PS_MAX)
            return err_set(err, EINVAL, "%s:%u: 'CELL RISE FALL [SETUP HOLD]' in ps expected", path,
                           line);
        if (general == !strcmp(type, "*"))
            set_delays(g, type, ps);
    }
    return 0;
}

int gates_delays(struct gates *g, const char *path, struct err *err)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return err_errno(err, errno, "open the delays '%s'", path);
    int rc = read_delays(g, f, path, true, err);
    rewind(f);
    if (!rc)
        rc = read_delays(g, f, path, false, err);
    fclose(f);
    return rc;
}

/* --- looking --- */

const char *gates_name(const struct gates *g)
{
    return g->name;
}

const struct gates_port *gates_port(const struct gates *g, u32 n)
{
    return n < g->n_ports ? &g->ports[n] : NULL;
}

const struct gates_port *gates_signal(const struct gates *g, u32 n)
{
    return n < g->n_signals ? &g->signals[n] : NULL;
}

const struct gates_port *gates_find(const struct gates *g, const char *name)
{
    for (u32 i = 0; i < g->n_ports; i++)
        if (!strcmp(g->ports[i].name, name))
            return &g->ports[i];
    return NULL;
}

enum logic gates_value(const struct gates *g, u32 net)
{
    return (enum logic)g->nets[net].value;
}

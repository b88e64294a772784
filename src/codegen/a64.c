/* codegen/a64.c - the back end for aarch64: how each operation is written.
 *
 * The allocator's registers 0 to 15 are x0 to x15: x0 to x7 are seats, x8 to x13 temporaries, x14
 * the count, x15 the window's base. x19 is the state; x16, x17, x20 and x21 are scratch within one
 * operation. Instructions are named as in the Arm Architecture Reference Manual (DDI 0487), C6.
 * There is no floating point yet (code_has_fp), and no flat window. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifdef __aarch64__
#include <string.h>

#include "base/alloc.h"
#include "codegen/host.h"

enum {
    COUNT  = 14,
    WINDOW = HOST_WINDOW,
    STATE  = 19,
    T0     = 16,
    T1     = 17,
    T2     = 20,
    T3     = 21,
    ZR     = 31,
    LR     = 30
};

const u8 host_temps[HOST_TEMPS]         = {8, 9, 10, 11, 12, 13};
const u8 host_seats[HOST_SEATS]         = {0, 1, 2, 3, 4, 5, 6, 7};
const u8 host_fp_temps[HOST_TEMPS]      = {HOST_FP, HOST_FP + 1, HOST_FP + 2, HOST_FP + 3};
const u8 host_fp_places[HOST_FP_PLACES] = {HOST_FP + 4,  HOST_FP + 5,  HOST_FP + 6,  HOST_FP + 7,
                                           HOST_FP + 8,  HOST_FP + 9,  HOST_FP + 10, HOST_FP + 11,
                                           HOST_FP + 12, HOST_FP + 13, HOST_FP + 14, HOST_FP + 15};

int host_supported(const struct code_frame *f, struct err *err)
{
    if (f->window == WINDOW_PAGED)
        return 0;
    return err_set(err, ENOTSUP,
                   "programs are not translated for aarch64 yet: use --engine interp");
}

bool code_has_fp(void)
{
    return false;
}

/* --- instructions --- */

static void put(struct emit *e, u32 word)
{
    if (e->at + 64 > e->end)
        e->full = true;
    else
        memcpy(e->base + e->at, &word, 4), e->at += 4;
}

enum {
    ADD  = 0x8b000000,
    SUB  = 0xcb000000,
    SUBS = 0xeb000000,
    AND  = 0x8a000000,
    ORR  = 0xaa000000,
    ORN  = 0xaa200000,
    EOR  = 0xca000000,
    BIC  = 0x8a200000,
    LSLV = 0x9ac02000,
    LSRV = 0x9ac02400,
    ASRV = 0x9ac02800,
    RORV = 0x9ac02c00,
    SDIV = 0x9ac00c00,
    UDIV = 0x9ac00800,
    W    = 0x80000000 /* taken away: the 32-bit form */
};

/* rd := rn OP rm. */
static void rrr(struct emit *e, u32 op, u8 rd, u8 rn, u8 rm)
{
    put(e, op | (u32)rm << 16 | (u32)rn << 5 | rd);
}

static void mov(struct emit *e, u8 rd, u8 rn)
{
    if (rd != rn)
        rrr(e, ORR, rd, ZR, rn);
}

static void mov_imm(struct emit *e, u8 rd, u64 v)
{
    unsigned ones = 0, first = 1;
    for (unsigned i = 0; i < 4; i++)
        ones += (v >> (16 * i) & 0xffff) == 0xffff;
    u64 rest = ones > 1 ? 0xffff : 0;
    for (unsigned i = 0; i < 4; i++) {
        u32 part = (u32)(v >> (16 * i)) & 0xffff;
        if (part == rest)
            continue;
        u32 op = !first ? 0xf2800000u : rest ? 0x92800000u : 0xd2800000u; /* movk, movn, movz */
        put(e, op | i << 21 | (first && rest ? part ^ 0xffff : part) << 5 | rd);
        first = 0;
    }
    if (first)
        put(e, (rest ? 0x92800000u : 0xd2800000u) | rd);
}

static void add_imm(struct emit *e, u8 rd, u8 rn, i64 imm, u8 scratch)
{
    if (imm >= 0 && imm < 4096) {
        put(e, 0x91000000u | (u32)imm << 10 | (u32)rn << 5 | rd);
    } else if (imm < 0 && imm > -4096) {
        put(e, 0xd1000000u | (u32)-imm << 10 | (u32)rn << 5 | rd);
    } else {
        mov_imm(e, scratch, (u64)imm);
        rrr(e, ADD, rd, rn, scratch);
    }
}

/* Loads and stores, as with an unsigned offset; bits 31, 30 are the width. */
enum { LDR = 0xf9400000, STR = 0xf9000000, LDRW = 0xb9400000, STRW = 0xb9000000 };

static void mem_at(struct emit *e, u32 op, u8 rt, u8 rn, i64 off)
{
    unsigned width = op >> 30;
    if (off >= 0 && off % (1 << width) == 0 && off >> width < 4096) {
        put(e, op | (u32)(off >> width) << 10 | (u32)rn << 5 | rt);
    } else {
        mov_imm(e, T1, (u64)off);
        put(e, (op & ~0x01000000u) | 0x00206800u | T1 << 16 | (u32)rn << 5 | rt);
    }
}

static void mem_by(struct emit *e, u32 op, u8 rt, u8 rn, u8 rm)
{
    put(e, (op & ~0x01000000u) | 0x00206800u | (u32)rm << 16 | (u32)rn << 5 | rt);
}

/* rd := bits LSB.. of rn, WIDTH of them. */
static void ubfx(struct emit *e, u8 rd, u8 rn, unsigned lsb, unsigned width)
{
    put(e, 0xd3400000u | lsb << 16 | (lsb + width - 1) << 10 | (u32)rn << 5 | rd);
}

static void sbfx(struct emit *e, u8 rd, u8 rn, unsigned lsb, unsigned width)
{
    put(e, 0x93400000u | lsb << 16 | (lsb + width - 1) << 10 | (u32)rn << 5 | rd);
}

enum { EQ, NE, HS, LO, MI, PL, HI = 8, LS, GE, LT, GT, LE };

static u32 jump(struct emit *e)
{
    put(e, 0x14000000u);
    return e->at - 4;
}

/* A jump if CC, whose target comes later: it may lie far away. */
static u32 jump_if(struct emit *e, unsigned cc)
{
    put(e, 0x54000000u | 2u << 5 | (cc ^ 1));
    return jump(e);
}

static void patch(u8 *base, u32 where, u32 to)
{
    u32 word;
    memcpy(&word, base + where, 4);
    word = (word & 0xfc000000u) | ((u32)((i32)(to - where) >> 2) & 0x03ffffffu);
    __atomic_store_n((u32 *)(base + where), word, __ATOMIC_RELEASE);
}

void host_fix(struct gen *g, u32 where, u32 to)
{
    patch(g->e.base, where, to);
}

void host_made(struct code_cache *k, u32 from, u32 to)
{
    __builtin___clear_cache((char *)k->rw + from, (char *)k->rw + to);
    __builtin___clear_cache((char *)k->rx + from, (char *)k->rx + to);
}

void host_patch_jump(struct code_cache *k, u32 where, u32 to)
{
    patch(k->rw, where, to);
    host_made(k, where, where + 4);
}

/* --- moves --- */

static i32 ctx_off(const struct code_cache *k, size_t member)
{
    return k->frame.context + (i32)member;
}
#define CTX(k, m) ctx_off(k, offsetof(struct code_context, m))

void host_move(struct gen *g, u8 dst, struct loc src)
{
    if (src.kind == LOC_IMM)
        mov_imm(&g->e, dst, (u64)src.imm);
    else if (src.kind == LOC_MEM)
        mem_at(&g->e, LDR, dst, STATE, src.off);
    else
        mov(&g->e, dst, src.reg);
}

void host_store_home(struct gen *g, i32 off, struct loc src)
{
    u8 reg = src.kind == LOC_REG ? src.reg : T2;
    if (src.kind == LOC_IMM)
        mov_imm(&g->e, T2, (u64)src.imm);
    mem_at(&g->e, STR, reg, STATE, off);
}

static void call_out(struct gen *g, u32 site)
{
    mov_imm(&g->e, T0, site);
    mem_at(&g->e, STRW, T0, STATE, CTX(g->k, site));
    put(&g->e, 0x94000000u);
    if (!g->e.full)
        patch(g->e.base, g->e.at - 4, g->k->out);
}

static void add_stub(struct gen *g, struct stub s)
{
    *table_add(&g->stubs) = s;
}

static u32 add_link(struct gen *g, u64 cookie, u32 kind, u32 where)
{
    u32               number = g->k->links.n;
    struct code_link *l      = table_add(&g->k->links);
    *l = (struct code_link){.cookie = cookie, .kind = kind, .from = g->fn, .at = where};
    return number;
}

/* --- values --- */

/* How an operation is one instruction of three registers, with what is done to the result. */
static const struct row {
    u32  op;
    bool half, extend; /* on low halves; and the result is sign-extended */
} rows[IR_OPS] = {
    [IR_ADD] = {ADD, 0, 0},         [IR_SUB] = {SUB, 0, 0},        [IR_AND] = {AND, 0, 0},
    [IR_OR] = {ORR, 0, 0},          [IR_XOR] = {EOR, 0, 0},        [IR_ANDN] = {BIC, 0, 0},
    [IR_SHL] = {LSLV, 0, 0},        [IR_SHR] = {LSRV, 0, 0},       [IR_SAR] = {ASRV, 0, 0},
    [IR_ROR] = {RORV, 0, 0},        [IR_SHR32] = {LSRV, 1, 0},     [IR_SAR32] = {ASRV, 1, 1},
    [IR_ROR32] = {RORV, 1, 0},      [IR_MUL] = {0x9b007c00, 0, 0}, [IR_MULH] = {0x9b407c00, 0, 0},
    [IR_MULHU] = {0x9bc07c00, 0, 0}};

static void three(struct gen *g, u32 index, const struct ir *i)
{
    const struct row *r = &rows[i->op];
    u8                a = gen_reg(g, i->a), b = gen_reg(g, i->b);
    gen_used(g, i->a);
    gen_used(g, i->b);
    u8 dst = gen_target(g, index, NO_REG);
    rrr(&g->e, r->half ? r->op & ~W : r->op, dst, a, b);
    if (r->extend)
        sbfx(&g->e, dst, dst, 0, 32);
}

static void rotate_left(struct gen *g, u32 index, const struct ir *i)
{
    u32 w = i->op == IR_ROL32 ? W : 0;
    u8  a = gen_reg(g, i->a), b = gen_reg(g, i->b);
    gen_used(g, i->a);
    gen_used(g, i->b);
    u8 dst = gen_target(g, index, NO_REG);
    rrr(&g->e, SUB, T0, ZR, b);
    rrr(&g->e, RORV & ~w, dst, a, T0);
}

/* Division by zero gives zero here; the overflow is as it shall be. */
static void divide(struct gen *g, u32 index, const struct ir *i)
{
    bool half      = i->op >= IR_DIV32 && i->op <= IR_REMU32;
    bool is_signed = i->op == IR_DIV || i->op == IR_REM || i->op == IR_DIV32 || i->op == IR_REM32;
    bool rest      = i->op == IR_REM || i->op == IR_REMU || i->op == IR_REM32 || i->op == IR_REMU32;
    u32  w         = half ? W : 0;
    u8   a = gen_reg(g, i->a), b = gen_reg(g, i->b);
    gen_used(g, i->a);
    gen_used(g, i->b);
    u8 dst = gen_target(g, index, NO_REG);
    rrr(&g->e, (is_signed ? SDIV : UDIV) & ~w, T0, a, b);
    if (rest) {
        put(&g->e, (0x9b008000u & ~w) | (u32)b << 16 | (u32)a << 10 | T0 << 5 | dst); /* msub */
    } else {
        rrr(&g->e, SUBS & ~w, ZR, b, ZR);
        put(&g->e, (0xda800000u & ~w) | ZR << 16 | NE << 12 | T0 << 5 | dst); /* csinv */
    }
    if (half)
        sbfx(&g->e, dst, dst, 0, 32);
}

static void count_ones(struct emit *e, u8 dst, u8 a)
{
    put(e, 0x9e670000u | (u32)a << 5); /* fmov d0, a */
    put(e, 0x0e205800u);               /* cnt v0.8b, v0.8b */
    put(e, 0x0e31b800u);               /* addv b0, v0.8b */
    put(e, 0x1e260000u | (u32)dst);    /* fmov dst, s0 */
}

static void unary(struct gen *g, u32 index, const struct ir *i)
{
    struct emit *e = &g->e;
    u8           a = gen_reg(g, i->a);
    gen_used(g, i->a);
    u8 dst = gen_target(g, index, NO_REG);
    switch (i->op) {
    case IR_NOT:
        rrr(e, ORN, dst, ZR, a);
        break;
    case IR_NEG:
        rrr(e, SUB, dst, ZR, a);
        break;
    case IR_SX8:
    case IR_SX16:
    case IR_SX32:
        sbfx(e, dst, a, 0, i->op == IR_SX8 ? 8 : i->op == IR_SX16 ? 16 : 32);
        break;
    case IR_ZX8:
    case IR_ZX16:
    case IR_ZX32:
        ubfx(e, dst, a, 0, i->op == IR_ZX8 ? 8 : i->op == IR_ZX16 ? 16 : 32);
        break;
    case IR_CTZ:
        put(e, 0xdac00000u | (u32)a << 5 | T0); /* rbit */
        a = T0;
        __attribute__((fallthrough));
    case IR_CLZ:
        put(e, 0xdac01000u | (u32)a << 5 | dst);
        break;
    case IR_BSWAP:
        put(e, 0xdac00c00u | (u32)a << 5 | dst);
        break;
    default:
        count_ones(e, dst, a);
    }
}

static const u8 conditions[IR_OPS] = {[IR_EQ] = 1 + EQ, [IR_NE] = 1 + NE,  [IR_LT] = 1 + LT,
                                      [IR_GE] = 1 + GE, [IR_LTU] = 1 + LO, [IR_GEU] = 1 + HS};

static void compare(struct gen *g, u32 index, const struct ir *i)
{
    u8 a = gen_reg(g, i->a), b = gen_reg(g, i->b);
    gen_used(g, i->a);
    gen_used(g, i->b);
    u8  dst = gen_target(g, index, NO_REG);
    u32 cc  = conditions[i->op] - 1u;
    rrr(&g->e, SUBS, ZR, a, b);
    put(&g->e, 0x9a9f07e0u | (cc ^ 1) << 12 | dst); /* cset */
}

static void choose(struct gen *g, u32 index, const struct ir *i)
{
    u8 a = gen_reg(g, i->a), b = gen_reg(g, i->b), c = gen_reg(g, i->c);
    gen_used(g, i->a);
    gen_used(g, i->b);
    gen_used(g, i->c);
    u8 dst = gen_target(g, index, NO_REG);
    rrr(&g->e, SUBS, ZR, a, ZR);
    put(&g->e, 0x9a800000u | (u32)c << 16 | NE << 12 | (u32)b << 5 | dst);
}

/* --- memory --- */

static const struct form {
    u32 load, store;
    u8  align; /* width - 1 */
} forms[IR_TYPES] = {[IR_I8]  = {0x39800000, 0x39000000, 0},
                     [IR_U8]  = {0x39400000, 0x39000000, 0},
                     [IR_I16] = {0x79800000, 0x79000000, 1},
                     [IR_U16] = {0x79400000, 0x79000000, 1},
                     [IR_I32] = {0xb9800000, STRW, 3},
                     [IR_U32] = {LDRW, STRW, 3},
                     [IR_I64] = {LDR, STR, 7}};

/* T0 := base + off; T3 what makes a host address of it. The jump of a miss is returned. */
static u32 look_up(struct gen *g, u8 base, i64 off, u8 align, u32 table)
{
    const struct code_frame *f = &g->k->frame;
    struct emit             *e = &g->e;
    add_imm(e, T0, base, off, T1);
    ubfx(e, T1, T0, f->page_bits, f->page_index_bits);
    put(e, ADD | T1 << 16 | 4 << 10 | WINDOW << 5 | T1); /* add T1, window, T1, lsl 4 */
    add_imm(e, T1, T1, table, T2);
    put(e, 0xa9400000u | T3 << 10 | T1 << 5 | T2); /* ldp T2, T3, [T1] */
    u32 ones = 64 - f->page_bits + (u32)__builtin_popcount(align);
    put(e, 0x92400000u | (64 - f->page_bits) << 16 | (ones - 1) << 10 | T0 << 5 | T1); /* and */
    rrr(e, SUBS, ZR, T1, T2);
    return jump_if(e, NE);
}

static void load(struct gen *g, u32 index, const struct ir *i)
{
    u8 base = gen_reg(g, i->a);
    gen_used(g, i->a);
    u8  dst    = gen_target(g, index, NO_REG);
    u32 miss   = look_up(g, base, i->imm, forms[i->type].align, g->k->frame.load_table);
    u32 number = gen_site(g, i, false);
    mem_by(&g->e, forms[i->type].load, dst, T0, T3);
    add_stub(g,
             (struct stub){
                 .kind = STUB_ACCESS, .at = miss, .back = g->e.at, .number = number, .dst = dst});
}

static void store(struct gen *g, const struct ir *i)
{
    u8  base = gen_reg(g, i->a), data = gen_reg(g, i->b);
    u32 miss   = look_up(g, base, i->imm, forms[i->type].align, g->k->frame.store_table);
    u32 number = gen_site(g, i, false);
    mem_by(&g->e, forms[i->type].store, data, T0, T3);
    gen_used(g, i->a);
    gen_used(g, i->b);
    add_stub(g, (struct stub){.kind   = STUB_ACCESS,
                              .at     = miss,
                              .back   = g->e.at,
                              .number = number,
                              .store  = true,
                              .data   = {.kind = LOC_REG, .reg = data}});
}

/* The address is in T0. */
static void stub_access(struct gen *g, const struct stub *s)
{
    if (s->store)
        mem_at(&g->e, STR, s->data.reg, STATE, CTX(g->k, data));
    mem_at(&g->e, STR, T0, STATE, CTX(g->k, addr));
    call_out(g, s->number);
    if (!s->store)
        mem_at(&g->e, LDR, s->dst, STATE, CTX(g->k, data));
    u32 back = jump(&g->e);
    if (!g->e.full)
        host_fix(g, back, s->back);
}

/* --- atomic accesses --- */

static void fence(struct emit *e)
{
    put(e, 0xd5033bbfu); /* dmb ish */
}

/* T0 := the new value, of the old one in dst. */
static void new_value(struct emit *e, const struct ir *i, u8 dst, u8 b)
{
    static const u32 ops[IR_OPS] = {
        [IR_AADD] = ADD, [IR_AAND] = AND, [IR_AOR] = ORR, [IR_AXOR] = EOR};
    if (i->op == IR_ASWAP)
        mov(e, T0, b);
    else
        rrr(e, ops[i->op], T0, dst, b);
}

/* Exclusive load and store until nobody came between; T1 is the address. */
static void exclusive(struct gen *g, const struct ir *i, u8 dst, u8 b, u8 with)
{
    struct emit *e    = &g->e;
    u32          size = i->type == IR_I64 ? 0xc0000000u : 0x80000000u, skip = 0;
    u32          begin = e->at;
    put(e, size | 0x085ffc00u | T1 << 5 | dst); /* ldaxr */
    if (i->op == IR_ACAS) {
        rrr(e, i->type == IR_I64 ? SUBS : SUBS & ~W, ZR, dst, b);
        skip = e->at;
        put(e, 0x54000000u | NE); /* b.ne behind the loop */
        mov(e, T0, with);
    } else {
        new_value(e, i, dst, b);
    }
    put(e, size | 0x0800fc00u | T2 << 16 | T1 << 5 | T0);                        /* stlxr */
    put(e, 0x35000000u | ((u32)((i32)(begin - e->at) / 4) & 0x7ffff) << 5 | T2); /* cbnz */
    if (skip && !e->full) {
        u32 word = 0x54000000u | NE | (e->at - skip) / 4 << 5;
        memcpy(e->base + skip, &word, 4);
    }
}

static void help_stub(struct gen *g, const struct ir *i, u32 where)
{
    u32 var = (u32)((u64)i->imm >> 32);
    add_stub(g, (struct stub){.kind   = STUB_HELP,
                              .at     = where,
                              .number = gen_site(g, i, true),
                              .off    = var == CODE_NO_VAR ? 0 : g->k->frame.vars[var].home});
}

/* The result comes to be in a temporary that is taken first. */
static void atomic(struct gen *g, u32 index, const struct ir *i)
{
    const struct code_frame *f   = &g->k->frame;
    struct emit             *e   = &g->e;
    u32                      var = (u32)((u64)i->imm >> 32), from = g->stubs.n;
    u8                       addr = gen_reg(g, i->a);
    u8                       b    = i->op == IR_ALOAD ? addr : gen_reg(g, i->b);
    u8                       with = i->op == IR_ACAS ? gen_reg(g, i->c) : b;
    u8                       dst  = gen_temp(g);
    gen_used(g, i->a);
    if (i->op != IR_ALOAD)
        gen_used(g, i->b);
    if (i->op == IR_ACAS)
        gen_used(g, i->c);
    if (var != CODE_NO_VAR)
        gen_preserve(g, var);
    help_stub(g, i,
              look_up(g, addr, 0, forms[i->type].align,
                      i->op == IR_ALOAD ? f->load_table : f->store_table));
    fence(e);
    rrr(e, ADD, T1, T0, T3);
    if (i->op == IR_ALOAD)
        mem_at(e, i->type == IR_I64 ? LDR : LDRW, dst, T1, 0);
    else
        exclusive(g, i, dst, b, with);
    fence(e);
    if (i->op == IR_ACAS)
        put(e, 0x9a9f07e0u | EQ << 12 | dst); /* cset ne */
    else if (i->type == IR_I32)
        sbfx(e, dst, dst, 0, 32);
    for (u32 k = from; k < g->stubs.n; k++) {
        g->stubs.at[k].back = e->at;
        g->stubs.at[k].dst  = g->v[index].left ? dst : NO_REG;
    }
    if (g->v[index].left)
        gen_is_in(g, index, dst);
}

/* --- the rows --- */

void host_op(struct gen *g, u32 index)
{
    const struct ir *i = &g->c->ir[index];
    if (rows[i->op].op)
        three(g, index, i);
    else if (conditions[i->op])
        compare(g, index, i);
    else if (i->op >= IR_ALOAD && i->op <= IR_ACAS)
        atomic(g, index, i);
    else if (i->op >= IR_DIV && i->op <= IR_REMU32)
        divide(g, index, i);
    else
        switch (i->op) {
        case IR_ROL:
        case IR_ROL32:
            rotate_left(g, index, i);
            break;
        case IR_SELECT:
            choose(g, index, i);
            break;
        case IR_LOAD:
            load(g, index, i);
            break;
        case IR_STORE:
            store(g, i);
            break;
        case IR_HELP:
        case IR_LIGHT:
            call_out(g, gen_site(g, i, true));
            break;
        case IR_PEEK:
            mem_at(&g->e, forms[i->type].load, gen_target(g, index, NO_REG), STATE, i->imm);
            break;
        case IR_POKE:
            mem_at(&g->e, STR, gen_reg(g, i->a), STATE, i->imm);
            gen_used(g, i->a);
            break;
        case IR_FENCE:
            fence(&g->e);
            break;
        default:
            unary(g, index, i);
        }
}

/* --- flow --- */

static void to_label(struct gen *g, u32 where, u32 l)
{
    *table_add(&g->fixups) = (struct fixup){.at = where, .label = l};
}

void host_jump(struct gen *g, u32 l)
{
    to_label(g, jump(&g->e), l);
}

void host_branch(struct gen *g, const struct ir *i, u32 next)
{
    u8 a = gen_reg(g, i->a);
    gen_used(g, i->a);
    rrr(&g->e, SUBS, ZR, a, ZR);
    if (i->b == next) {
        to_label(g, jump_if(&g->e, EQ), i->c);
        return;
    }
    to_label(g, jump_if(&g->e, NE), i->b);
    if (i->c != next)
        host_jump(g, i->c);
}

void host_exit(struct gen *g, const struct ir *i)
{
    gen_leave_places(g);
    u32 where = jump(&g->e);
    add_stub(g, (struct stub){.kind   = STUB_LINK,
                              .at     = where,
                              .number = add_link(g, (u64)i->imm, i->b, where)});
}

void host_exit_to(struct gen *g, const struct ir *i)
{
    const struct code_frame *f = &g->k->frame;
    struct emit             *e = &g->e;
    host_move(g, T0, gen_loc(g, i->a));
    gen_leave_places(g);
    mem_at(e, LDR, T2, STATE, f->jumps);
    ubfx(e, T1, T0, 1, f->jump_bits);
    put(e, ADD | T1 << 16 | 4 << 10 | T2 << 5 | T2);
    put(e, 0xa9400000u | T1 << 10 | T2 << 5 | T3); /* ldp T3, T1, [T2] */
    rrr(e, SUBS, ZR, T3, T0);
    u32 miss = jump_if(e, NE);
    if (!e->full)
        host_fix(g, miss, g->k->miss);
    put(e, 0xd61f0000u | T1 << 5); /* br T1 */
}

void host_poll(struct gen *g, const struct ir *i)
{
    assert(i->b < 4096);
    put(&g->e, 0xf1000000u | i->b << 10 | COUNT << 5 | COUNT); /* subs */
    if (i->op == IR_COUNT)
        return;
    u32 where = jump_if(&g->e, MI);
    add_stub(g, (struct stub){.kind   = STUB_POLL,
                              .at     = where,
                              .units  = i->b,
                              .number = add_link(g, (u64)i->imm, CODE_POLLED, where)});
}

/* --- stubs --- */

static void leave_by(struct gen *g, u32 number)
{
    mov_imm(&g->e, T0, number);
    u32 where = jump(&g->e);
    if (!g->e.full)
        host_fix(g, where, g->k->leave);
}

static void stub_help(struct gen *g, const struct stub *s)
{
    call_out(g, s->number);
    if (s->dst != NO_REG)
        mem_at(&g->e, LDR, s->dst, STATE, s->off);
    u32 back = jump(&g->e);
    if (!g->e.full)
        host_fix(g, back, s->back);
}

void host_stubs(struct gen *g)
{
    for (u32 k = 0; k < g->stubs.n && !g->e.full; k++) {
        const struct stub *s = &g->stubs.at[k];
        host_fix(g, s->at, g->e.at);
        switch (s->kind) {
        case STUB_ACCESS:
            stub_access(g, s);
            break;
        case STUB_HELP:
            stub_help(g, s);
            break;
        case STUB_POLL:
            add_imm(&g->e, COUNT, COUNT, s->units, T1);
            gen_leave_places(g);
            __attribute__((fallthrough));
        case STUB_LINK:
            g->k->links.at[s->number].stub = g->e.at;
            leave_by(g, s->number);
            break;
        case STUB_NAN:
        case STUB_QUIET:
        case STUB_EXPECT:
            assert(false && "of floating point");
        }
    }
}

i64 *code_counter(struct code_context *ctx)
{
    return (i64 *)&ctx->gpr[COUNT];
}

const struct code_site *code_fault(struct code_cache *k, void *ucontext, void *state)
{
    (void)k;
    (void)ucontext;
    (void)state;
    return NULL; /* only a flat window's accesses fault */
}

/* --- trampolines --- */

static void seats(struct emit *e, const struct code_cache *k, u32 op)
{
    for (unsigned i = 0; i < k->frame.n_vars; i++)
        if (k->frame.vars[i].seat >= 0)
            mem_at(e, op, host_seats[k->frame.vars[i].seat], STATE, k->frame.vars[i].home);
    mem_at(e, op, COUNT, STATE, k->frame.count);
}

/* Of the caller's, x19 to x21 and the link register were kept. */
static void restore_and_return(struct emit *e)
{
    put(e, 0xa9410000u | 0x3e0u | T3 << 10 | T2);    /* ldp x20, x21, [sp, 16] */
    put(e, 0xa8c20000u | 0x3e0u | LR << 10 | STATE); /* ldp x19, lr, [sp], 32 */
    put(e, 0xd65f03c0u);                             /* ret */
}

static void trampoline_enter(struct emit *e, struct code_cache *k)
{
    k->enter = e->at;
    put(e, 0xa9be0000u | 0x3e0u | LR << 10 | STATE); /* stp x19, lr, [sp, -32]! */
    put(e, 0xa9010000u | 0x3e0u | T3 << 10 | T2);    /* stp x20, x21, [sp, 16] */
    mov(e, STATE, 0);
    mov(e, T0, 1);
    mem_at(e, LDR, WINDOW, STATE, k->frame.window_base);
    seats(e, k, LDR);
    put(e, 0xd61f0000u | T0 << 5); /* br */
}

static void trampoline_leave(struct emit *e, struct code_cache *k)
{
    k->miss = e->at; /* of EXIT_TO: the key is in T0 */
    mem_at(e, STR, T0, STATE, k->frame.key);
    mov_imm(e, T0, CODE_NO_LINK);
    k->leave = e->at;
    mem_at(e, STRW, T0, STATE, CTX(k, link));
    seats(e, k, STR);
    restore_and_return(e);
}

static void context(struct emit *e, struct code_cache *k, u32 op)
{
    for (u8 r = 0; r < 16; r++)
        mem_at(e, op, r, STATE, CTX(k, gpr) + 8 * r);
}

/* Called with ctx->site set: out to C, and back or away. */
static void trampoline_out(struct emit *e, struct code_cache *k)
{
    bool (*out)(struct code_cache *, u8 *) = code_called_out;
    u64 target;
    memcpy(&target, &out, sizeof(target));
    k->out = k->out_fp = e->at;
    context(e, k, STR);
    put(e, 0xf81f0fe0u | LR); /* str lr, [sp, -16]! */
    mov_imm(e, 0, (u64)(uintptr_t)k);
    mov(e, 1, STATE);
    mov_imm(e, T0, target);
    put(e, 0xd63f0000u | T0 << 5); /* blr */
    mov(e, T0, 0);
    put(e, 0xf84107e0u | LR);      /* ldr lr, [sp], 16 */
    put(e, 0x72001c1fu | T0 << 5); /* tst w16, 255 */
    u32 away = jump_if(e, EQ);
    context(e, k, LDR);
    put(e, 0xd65f03c0u);
    if (!e->full)
        patch(e->base, away, k->away);
}

static void trampoline_away(struct emit *e, struct code_cache *k)
{
    k->away = e->at;
    mem_at(e, LDR, COUNT, STATE, CTX(k, gpr) + 8 * COUNT);
    mem_at(e, STR, COUNT, STATE, k->frame.count);
    restore_and_return(e);
}

void host_trampolines(struct code_cache *k)
{
    struct emit e = {.base = k->rw, .at = 0, .end = k->size};
    trampoline_enter(&e, k);
    trampoline_leave(&e, k);
    trampoline_away(&e, k);
    trampoline_out(&e, k);
    assert(!e.full);
    k->used = ALIGN_UP(e.at, 64u);
    host_made(k, 0, k->used);
}
#endif

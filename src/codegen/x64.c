/* codegen/x64.c - the back end for x86-64: how each operation is written.
 *
 * rbp is the state, r14 the count, r15 the window's base; rax, rcx, rdx, r13 are temporaries,
 * the others hold variables. The stack is only the trampolines'. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifdef __x86_64__
#include <string.h>
#include <ucontext.h>

#include "base/alloc.h"
#include "codegen/x64.h"

const u8 host_temps[HOST_TEMPS] = {RAX, RCX, RDX, R13};
const u8 host_seats[HOST_SEATS] = {RBX, RSI, RDI, R8, R9, R10, R11, R12};

int host_supported(const struct code_frame *f, struct err *err)
{
    (void)f;
    if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
        __builtin_cpu_supports("popcnt"))
        return 0;
    return err_set(err, ENOTSUP,
                   "this processor lacks BMI1, BMI2 or POPCNT, which the translator "
                   "needs: use --engine interp");
}

bool code_has_fp(void)
{
    return __builtin_cpu_supports("avx") && __builtin_cpu_supports("fma");
}

/* --- moves --- */

void host_move(struct gen *g, u8 dst, struct loc src)
{
    if (dst >= HOST_FP)
        x64_fp_move(g, dst, src);
    else if (src.kind == LOC_IMM)
        x_imm(&g->e, dst, (u64)src.imm);
    else if (src.kind == LOC_MEM)
        x_rm(&g->e, OP_W | 0x8b, dst, at(RBP, src.off));
    else if (src.reg != dst)
        x_rr(&g->e, OP_W | 0x8b, dst, src.reg);
}

void host_store_home(struct gen *g, i32 off, struct loc src)
{
    if (src.kind == LOC_REG && src.reg >= HOST_FP) {
        x64_fp_store(&g->e, src.reg, off);
    } else if (src.kind == LOC_REG) {
        x_rm(&g->e, OP_W | 0x89, src.reg, at(RBP, off));
    } else {
        assert(src.kind == LOC_IMM);
        if (src.imm == (i32)src.imm) {
            x_rm(&g->e, OP_W | 0xc7, 0, at(RBP, off));
            x32(&g->e, (u32)src.imm);
        } else {
            for (i32 half = 0; half < 2; half++) {
                x_rm(&g->e, 0xc7, 0, at(RBP, off + 4 * half));
                x32(&g->e, (u32)((u64)src.imm >> (32 * half)));
            }
        }
    }
}

void x64_call_out(struct gen *g, u32 site)
{
    x_rm(&g->e, 0xc7, 0, CTX(g->k, site));
    x32(&g->e, site);
    x8(&g->e, 0xe8);
    x32(&g->e, (g->fp ? g->k->out_fp : g->k->out) - (g->e.at + 4));
}

static bool fits(struct loc l)
{
    return l.kind == LOC_IMM && l.imm == (i32)l.imm;
}

/* An operand as an instruction can take it: register, memory, or a short constant. */
struct loc x64_operand(struct gen *g, u32 v)
{
    struct loc l = gen_loc(g, v);
    if (l.kind == LOC_REG)
        g->locked |= 1u << l.reg;
    else if (l.kind == LOC_IMM && !fits(l))
        l = (struct loc){.kind = LOC_REG, .reg = gen_reg(g, v)};
    return l;
}

/* The same, but never a constant. */
static struct loc reg_or_mem(struct gen *g, u32 v)
{
    struct loc l = gen_loc(g, v);
    if (l.kind == LOC_IMM)
        l = (struct loc){.kind = LOC_REG, .reg = gen_reg(g, v)};
    else if (l.kind == LOC_REG)
        g->locked |= 1u << l.reg;
    return l;
}

/* OP reg, src, where src is a register or memory. */
static void op_loc(struct gen *g, u32 op, u8 reg, struct loc src)
{
    if (src.kind == LOC_REG)
        x_rr(&g->e, op, reg, src.reg);
    else
        x_rm(&g->e, op, reg, at(RBP, src.off));
}

static void alu_loc(struct gen *g, u8 n, u8 reg, struct loc src)
{
    if (src.kind == LOC_IMM)
        x_alu_imm(&g->e, OP_W, n, reg, (i32)src.imm);
    else
        op_loc(g, OP_W | 0x03 | (u32)n << 3, reg, src);
}

/* --- arithmetic --- */

static bool is_reg(struct loc l, u8 reg)
{
    return l.kind == LOC_REG && l.reg == reg;
}

/* The register of a value that has had its last use, to put the result there. */
static u8 reusable(struct loc l)
{
    return l.kind == LOC_REG ? l.reg : NO_REG;
}

static void add(struct gen *g, u8 dst, struct loc a, struct loc b)
{
    if (is_reg(b, dst)) {
        struct loc swap = a;
        a               = b;
        b               = swap;
    }
    if (a.kind == LOC_REG && a.reg != dst && b.kind != LOC_MEM) {
        if (b.kind == LOC_IMM)
            x_rm(&g->e, OP_W | 0x8d, dst, at(a.reg, (i32)b.imm));
        else
            x_rm(&g->e, OP_W | 0x8d, dst, indexed(a.reg, b.reg, 0, 0));
        return;
    }
    host_move(g, dst, a);
    alu_loc(g, ALU_ADD, dst, b);
}

/* dst := a op b where dst may be b. */
static void two_address(struct gen *g, const struct ir *i, u8 n, u8 dst, struct loc a, struct loc b)
{
    if (is_reg(b, dst) && !is_reg(a, dst)) {
        if (ir_info[i->op].flags & IR_COMM) {
            b = a;
            a = (struct loc){.kind = LOC_REG, .reg = dst};
        } else { /* SUB: -(b - a) */
            alu_loc(g, n, dst, a);
            x_rr(&g->e, OP_W | 0xf7, 3, dst);
            return;
        }
    }
    host_move(g, dst, a);
    alu_loc(g, n, dst, b);
}

static void do_alu(struct gen *g, u32 index, const struct ir *i)
{
    static const u8 numbers[IR_OPS] = {[IR_ADD] = ALU_ADD,
                                       [IR_SUB] = ALU_SUB,
                                       [IR_AND] = ALU_AND,
                                       [IR_OR]  = ALU_OR,
                                       [IR_XOR] = ALU_XOR};
    struct loc      a = x64_operand(g, i->a), b = x64_operand(g, i->b);
    gen_used(g, i->a);
    gen_used(g, i->b);
    u8 dst = gen_target(g, index, reusable(a));
    if (i->op == IR_ADD)
        add(g, dst, a, b);
    else
        two_address(g, i, numbers[i->op], dst, a, b);
}

static void do_mul(struct gen *g, u32 index, const struct ir *i)
{
    struct loc a = reg_or_mem(g, i->a), b = x64_operand(g, i->b);
    gen_used(g, i->a);
    gen_used(g, i->b);
    u8 dst = gen_target(g, index, reusable(a));
    if (b.kind == LOC_IMM) {
        op_loc(g, OP_W | 0x69, dst, a);
        x32(&g->e, (u32)b.imm);
        return;
    }
    if (is_reg(b, dst)) {
        struct loc swap = a;
        a               = b;
        b               = swap;
    }
    host_move(g, dst, a);
    op_loc(g, OP_W | OP_0F | 0xaf, dst, b);
}

/* One operand in, one out; the opcode reads a register or memory. */
static void do_unary(struct gen *g, u32 index, const struct ir *i, u32 op)
{
    struct loc a = reg_or_mem(g, i->a);
    gen_used(g, i->a);
    u8 dst = gen_target(g, index, reusable(a));
    op_loc(g, op, dst, a);
}

static void do_in_place(struct gen *g, u32 index, const struct ir *i)
{
    struct loc a = x64_operand(g, i->a);
    gen_used(g, i->a);
    u8 dst = gen_target(g, index, reusable(a));
    host_move(g, dst, a);
    if (i->op == IR_BSWAP)
        x_prefixes(&g->e, OP_W | OP_0F | 0xc8 | (dst & 7), 0, 0, dst);
    else
        x_rr(&g->e, OP_W | 0xf7, i->op == IR_NOT ? 2 : 3, dst);
}

/* --- shifts --- */

struct shift {
    u8   n;    /* of opcode group 2 */
    bool wide; /* 64 bits */
    u8   pp;   /* of the BMI2 form, 0: none */
};
static const struct shift shifts[IR_OPS] = {
    [IR_SHL] = {4, true, 1},    [IR_SHR] = {5, true, 3},    [IR_SAR] = {7, true, 2},
    [IR_ROL] = {0, true, 0},    [IR_ROR] = {1, true, 0},    [IR_SHR32] = {5, false, 3},
    [IR_SAR32] = {7, false, 2}, [IR_ROL32] = {0, false, 0}, [IR_ROR32] = {1, false, 0}};

static void sign_extend32(struct gen *g, const struct ir *i, u8 reg)
{
    if (i->op == IR_SAR32)
        x_rr(&g->e, OP_W | 0x63, reg, reg);
}

static void shift_by_const(struct gen *g, u32 index, const struct ir *i, u64 count)
{
    const struct shift *s = &shifts[i->op];
    struct loc          a = reg_or_mem(g, i->a);
    gen_used(g, i->a);
    gen_used(g, i->b);
    u8 dst = gen_target(g, index, reusable(a));
    count &= s->wide ? 63 : 31;
    if (s->wide)
        host_move(g, dst, a);
    else if (!is_reg(a, dst) || !count)
        op_loc(g, 0x8b, dst, a);
    if (count) {
        x_rr(&g->e, (s->wide ? OP_W : 0) | 0xc1, s->n, dst);
        x8(&g->e, (u8)count);
    }
    sign_extend32(g, i, dst);
}

static void rotate(struct gen *g, u32 index, const struct ir *i)
{
    const struct shift *s = &shifts[i->op];
    struct loc          b = x64_operand(g, i->b);
    if (!is_reg(b, RCX)) {
        gen_take(g, RCX);
        b = gen_loc(g, i->b);
        host_move(g, RCX, b);
    }
    g->locked |= 1u << RCX;
    struct loc a = x64_operand(g, i->a);
    u8         t = gen_temp(g);
    host_move(g, t, a);
    x_rr(&g->e, (s->wide ? OP_W : 0) | 0xd3, s->n, t);
    gen_used(g, i->a);
    gen_used(g, i->b);
    gen_is_in(g, index, t);
}

static void do_shift(struct gen *g, u32 index, const struct ir *i)
{
    const struct shift *s = &shifts[i->op];
    u64                 count;
    if (code_is_const(g->c, (ir_val){i->b}, &count)) {
        shift_by_const(g, index, i, count);
        return;
    }
    if (!s->pp) {
        rotate(g, index, i);
        return;
    }
    u8 a = gen_reg(g, i->a), b = gen_reg(g, i->b);
    gen_used(g, i->a);
    gen_used(g, i->b);
    u8 dst = gen_target(g, index, a);
    x8(&g->e, 0xc4); /* shlx, shrx, sarx */
    x8(&g->e, (~dst & 8u) << 4 | 0x40 | (~a & 8u) << 2 | 2);
    x8(&g->e, (s->wide ? 0x80 : 0) | (~b & 15u) << 3 | s->pp);
    x8(&g->e, 0xf7);
    x8(&g->e, 0xc0 | (dst & 7) << 3 | (a & 7));
    sign_extend32(g, i, dst);
}

/* --- multiplication to 128 bits, division --- */

static void do_mul_high(struct gen *g, u32 index, const struct ir *i)
{
    gen_take(g, RAX);
    gen_take(g, RDX);
    u8 b = gen_reg(g, i->b);
    host_move(g, RAX, gen_loc(g, i->a));
    x_rr(&g->e, OP_W | 0xf7, i->op == IR_MULH ? 5 : 4, b);
    gen_used(g, i->a);
    gen_used(g, i->b);
    gen_is_in(g, index, RDX);
}

static void divide(struct gen *g, u8 b, bool is_signed, u32 w, u8 want)
{
    struct emit *e = &g->e;
    x_rr(e, w | 0x85, b, b);
    u32 zero = x_jcc_short(e, CC_E), minus = 0, done_minus = 0;
    if (is_signed) {
        x_alu_imm(e, w, ALU_CMP, b, -1);
        minus = x_jcc_short(e, CC_E);
        x_prefixes(e, w | 0x99, 0, 0, 0); /* cdq, cqo */
    } else {
        x_rr(e, 0x31, RDX, RDX);
    }
    x_rr(e, w | 0xf7, is_signed ? 7 : 6, b);
    u32 done = x_jmp_short(e);
    if (is_signed) {
        x_here(e, minus); /* the quotient is -a, and nothing is left */
        x_rr(e, 0x31, RDX, RDX);
        x_rr(e, w | 0xf7, 3, RAX);
        done_minus = x_jmp_short(e);
    }
    x_here(e, zero);
    if (want == RAX)
        x_imm(e, RAX, ~0ull);
    else
        x_rr(e, w | 0x8b, RDX, RAX);
    x_here(e, done);
    if (is_signed)
        x_here(e, done_minus);
}

static void do_div(struct gen *g, u32 index, const struct ir *i)
{
    bool half      = i->op >= IR_DIV32 && i->op <= IR_REMU32;
    bool is_signed = i->op == IR_DIV || i->op == IR_REM || i->op == IR_DIV32 || i->op == IR_REM32;
    bool rest      = i->op == IR_REM || i->op == IR_REMU || i->op == IR_REM32 || i->op == IR_REMU32;
    u8   want      = rest ? RDX : RAX;
    gen_take(g, RAX);
    gen_take(g, RDX);
    u8 b = gen_reg(g, i->b);
    host_move(g, RAX, gen_loc(g, i->a));
    divide(g, b, is_signed, half ? 0 : OP_W, want);
    if (half)
        x_rr(&g->e, OP_W | 0x63, want, want);
    gen_used(g, i->a);
    gen_used(g, i->b);
    gen_is_in(g, index, want);
}

/* --- comparing --- */

static const u8 conditions[IR_OPS] = {[IR_EQ] = CC_E,  [IR_NE] = CC_NE, [IR_LT] = CC_L,
                                      [IR_GE] = CC_GE, [IR_LTU] = CC_B, [IR_GEU] = CC_AE};

/* Sets the flags for V; returns the condition that says it is not zero. */
static u8 test(struct gen *g, u32 v)
{
    const struct ir *i = &g->c->ir[v];
    if (!i->type || !conditions[i->op]) { /* a value of its own */
        u8 r = gen_reg(g, v);
        x_rr(&g->e, OP_W | 0x85, r, r);
        gen_used(g, v);
        return CC_NE;
    }
    u8         a = gen_reg(g, i->a);
    struct loc b = x64_operand(g, i->b);
    if (b.kind == LOC_IMM && b.imm == 0 && (i->op == IR_EQ || i->op == IR_NE))
        x_rr(&g->e, OP_W | 0x85, a, a);
    else
        alu_loc(g, ALU_CMP, a, b);
    gen_used(g, i->a);
    gen_used(g, i->b);
    g->v[v].left--;
    return conditions[i->op];
}

/* A comparison that only a branch or SELECT behind it wants is done there. */
static bool only_a_test(struct gen *g, u32 index)
{
    struct ir *i = &g->c->ir[index];
    if (g->v[index].left != 1)
        return false;
    for (u32 k = index + 1; k < g->c->n && !(g->c->ir[k].op == IR_BLOCK && g->c->ir[k].imm >= 0);
         k++) {
        const struct ir *user = &g->c->ir[k];
        unsigned         n    = ir_info[user->op].operands;
        bool             is_a = n > 0 && user->a == index;
        if (is_a || (n > 1 && user->b == index) || (n > 2 && user->c == index)) {
            i->type = is_a && (user->op == IR_BRANCH || user->op == IR_SELECT);
            return i->type;
        }
    }
    return false;
}

static void do_compare(struct gen *g, u32 index, const struct ir *i)
{
    if (only_a_test(g, index))
        return;
    u8         a = gen_reg(g, i->a);
    struct loc b = x64_operand(g, i->b);
    alu_loc(g, ALU_CMP, a, b);
    gen_used(g, i->a);
    gen_used(g, i->b);
    u8 dst = gen_target(g, index, NO_REG); /* moves leave the flags alone */
    x_rr(&g->e, OP_8 | OP_0F | 0x90 | conditions[i->op], 0, dst);
    x_rr(&g->e, OP_8 | OP_0F | 0xb6, dst, dst);
}

static void move_keeping_flags(struct gen *g, u8 dst, struct loc src)
{
    if (src.kind == LOC_IMM && src.imm == 0) {
        x_prefixes(&g->e, 0xb8 | (dst & 7), 0, 0, dst);
        x32(&g->e, 0);
    } else {
        host_move(g, dst, src);
    }
}

static void do_select(struct gen *g, u32 index, const struct ir *i)
{
    struct loc yes = x64_operand(g, i->b);
    if (yes.kind == LOC_IMM)
        yes = (struct loc){.kind = LOC_REG, .reg = gen_reg(g, i->b)};
    u32 locked    = g->locked;
    u8  cc        = test(g, i->a);
    g->locked     = locked;
    struct loc no = gen_loc(g, i->c);
    if (no.kind == LOC_REG)
        g->locked |= 1u << no.reg;
    u8 t = gen_temp(g);
    move_keeping_flags(g, t, no);
    op_loc(g, OP_W | OP_0F | 0x40 | cc, t, yes);
    gen_used(g, i->b);
    gen_used(g, i->c);
    gen_is_in(g, index, t);
}

/* --- the rows --- */

static void do_fence(struct gen *g)
{
    x_rm(&g->e, OP_LOCK | 0x83, ALU_OR, at(RSP, 0));
    x8(&g->e, 0);
}

void host_op(struct gen *g, u32 index)
{
    /* Instructions with one operand, register or memory. */
    static const u32 unary[IR_OPS] = {[IR_SX8]    = OP_W | OP_8 | OP_0F | 0xbe,
                                      [IR_SX16]   = OP_W | OP_0F | 0xbf,
                                      [IR_SX32]   = OP_W | 0x63,
                                      [IR_ZX8]    = OP_8 | OP_0F | 0xb6,
                                      [IR_ZX16]   = OP_0F | 0xb7,
                                      [IR_ZX32]   = 0x8b,
                                      [IR_CTZ]    = OP_W | OP_F3 | OP_0F | 0xbc,
                                      [IR_CLZ]    = OP_W | OP_F3 | OP_0F | 0xbd,
                                      [IR_POPCNT] = OP_W | OP_F3 | OP_0F | 0xb8};
    const struct ir *i             = &g->c->ir[index];
    if (i->op >= IR_FADD)
        x64_fp_op(g, index);
    else if (i->op >= IR_ALOAD && i->op <= IR_ACAS)
        x64_atomic(g, index, i);
    else if (unary[i->op])
        do_unary(g, index, i, unary[i->op]);
    else if (shifts[i->op].n || i->op == IR_ROL || i->op == IR_ROL32)
        do_shift(g, index, i);
    else if (conditions[i->op])
        do_compare(g, index, i);
    else if (i->op >= IR_DIV && i->op <= IR_REMU32)
        do_div(g, index, i);
    else
        switch (i->op) {
        case IR_MUL:
            do_mul(g, index, i);
            break;
        case IR_MULH:
        case IR_MULHU:
            do_mul_high(g, index, i);
            break;
        case IR_NOT:
        case IR_NEG:
        case IR_BSWAP:
            do_in_place(g, index, i);
            break;
        case IR_ANDN: {
            u8 a = gen_reg(g, i->a), b = gen_reg(g, i->b);
            gen_used(g, i->a);
            gen_used(g, i->b);
            u8 dst = gen_target(g, index, a);
            x_vex(&g->e, 0, 0xf2, dst, b, a); /* andn: ~vvvv & rm */
            break;
        }
        case IR_SELECT:
            do_select(g, index, i);
            break;
        case IR_LOAD:
            x64_load(g, index, i);
            break;
        case IR_STORE:
            x64_store(g, i);
            break;
        case IR_HELP:
        case IR_LIGHT:
            x64_call_out(g, gen_site(g, i, true));
            break;
        case IR_POKE:
            x64_poke(g, i);
            break;
        case IR_PEEK:
            x64_peek(g, index, i);
            break;
        case IR_FENCE:
            do_fence(g);
            break;
        default:
            do_alu(g, index, i);
        }
}

/* --- flow --- */

void host_fix(struct gen *g, u32 where, u32 to)
{
    u32 rel = to - (where + 4);
    memcpy(g->e.base + where, &rel, 4);
}

static void to_label(struct gen *g, u32 where, u32 l)
{
    *table_add(&g->fixups) = (struct fixup){.at = where, .label = l};
}

void host_jump(struct gen *g, u32 l)
{
    to_label(g, x_jmp(&g->e), l);
}

void host_branch(struct gen *g, const struct ir *i, u32 next)
{
    u8 cc = test(g, i->a);
    if (i->b == next) {
        to_label(g, x_jcc(&g->e, cc ^ 1), i->c);
        return;
    }
    to_label(g, x_jcc(&g->e, cc), i->b);
    if (i->c != next)
        host_jump(g, i->c);
}

u32 x64_add_link(struct gen *g, u64 cookie, u32 kind, u32 where)
{
    u32               number = g->k->links.n;
    struct code_link *l      = table_add(&g->k->links);
    *l = (struct code_link){.cookie = cookie, .kind = kind, .from = g->fn, .at = where};
    return number;
}

static u32 linkable_jump(struct gen *g)
{
    while ((g->e.at + 1) % 4 && !g->e.full) /* a displacement is changed in one piece */
        x8(&g->e, 0x90);
    return x_jmp(&g->e);
}

void host_exit(struct gen *g, const struct ir *i)
{
    gen_leave_places(g);
    u32 where = linkable_jump(g);
    x64_add_stub(g, (struct stub){.kind   = STUB_LINK,
                                  .at     = where,
                                  .number = x64_add_link(g, (u64)i->imm, i->b, where)});
}

void host_exit_to(struct gen *g, const struct ir *i)
{
    const struct code_frame *f = &g->k->frame;
    struct emit             *e = &g->e;
    struct loc               l = gen_loc(g, i->a);
    host_move(g, RAX, l);
    gen_leave_places(g);
    x_rr(e, 0x8b, RCX, RAX);
    x_rr(e, 0xc1, 4, RCX);
    x8(e, 3);
    x_alu_imm(e, 0, ALU_AND, RCX, (i32)(((1u << f->jump_bits) - 1) << 4));
    x_rm(e, OP_W | 0x03, RCX, at(RBP, f->jumps));
    x_rm(e, OP_W | 0x3b, RAX, at(RCX, 0));
    u32 miss = x_jcc(e, CC_NE);
    if (!e->full)
        host_fix(g, miss, g->k->miss);
    x_rm(e, 0xff, 4, at(RCX, 8));
}

void host_poll(struct gen *g, const struct ir *i)
{
    x_alu_imm(&g->e, OP_W, ALU_SUB, R14, (i32)i->b);
    if (i->op == IR_COUNT)
        return;
    u32 where = x_jcc(&g->e, CC_S);
    x64_add_stub(g, (struct stub){.kind   = STUB_POLL,
                                  .at     = where,
                                  .units  = i->b,
                                  .number = x64_add_link(g, (u64)i->imm, CODE_POLLED, where)});
}

/* --- stubs --- */

static void leave_by(struct gen *g, u32 number)
{
    x_imm(&g->e, RAX, number);
    u32 where = x_jmp(&g->e);
    if (!g->e.full)
        host_fix(g, where, g->k->leave);
}

void x64_help_stub(struct gen *g, const struct ir *i, u32 where)
{
    u32 var = (u32)((u64)i->imm >> 32);
    x64_add_stub(g, (struct stub){.kind   = STUB_HELP,
                                  .at     = where,
                                  .number = gen_site(g, i, true),
                                  .off    = var == CODE_NO_VAR ? 0 : g->k->frame.vars[var].home});
}

void x64_stubs_back(struct gen *g, u32 from, u8 dst)
{
    for (u32 k = from; k < g->stubs.n; k++) {
        g->stubs.at[k].back = g->e.at;
        g->stubs.at[k].dst  = dst;
    }
}

/* The client does the operation; its result is in a variable's home. */
static void stub_help(struct gen *g, const struct stub *s)
{
    x64_call_out(g, s->number);
    if (s->dst != NO_REG)
        host_move(g, s->dst, (struct loc){.kind = LOC_MEM, .off = s->off});
    u32 back = x_jmp(&g->e);
    if (!g->e.full)
        host_fix(g, back, s->back);
}

static void stub_expect(struct gen *g, const struct stub *s)
{
    struct code_link *l = &g->k->links.at[s->number];
    gen_leave_places(g);
    l->at   = linkable_jump(g);
    l->stub = g->e.at;
    if (!g->e.full)
        host_fix(g, l->at, g->e.at);
    leave_by(g, s->number);
}

void host_stubs(struct gen *g)
{
    for (u32 k = 0; k < g->stubs.n && !g->e.full; k++) {
        const struct stub *s = &g->stubs.at[k];
        host_fix(g, s->at, g->e.at);
        if (s->also)
            host_fix(g, s->also, g->e.at);
        switch (s->kind) {
        case STUB_ACCESS:
            x64_stub_access(g, s);
            break;
        case STUB_HELP:
            stub_help(g, s);
            break;
        case STUB_NAN:
            x64_fp_nan(g, s);
            break;
        case STUB_EXPECT:
            stub_expect(g, s);
            break;
        case STUB_QUIET:
            x64_fp_flags_back(g); /* and on */
            __attribute__((fallthrough));
        case STUB_POLL:
            x_alu_imm(&g->e, OP_W, ALU_ADD, R14, (i32)s->units);
            gen_leave_places(g);
            g->k->links.at[s->number].stub = g->e.at;
            leave_by(g, s->number);
            break;
        case STUB_LINK:
            g->k->links.at[s->number].stub = g->e.at;
            leave_by(g, s->number);
            break;
        }
    }
}

/* Caches of instructions see what was written. */
void host_made(struct code_cache *k, u32 from, u32 to)
{
    (void)k;
    (void)from;
    (void)to;
}

void host_patch_jump(struct code_cache *k, u32 where, u32 to)
{
    u32 rel = to - (where + 4);
    __atomic_store_n((u32 *)(k->rw + where), rel, __ATOMIC_RELEASE);
}

i64 *code_counter(struct code_context *ctx)
{
    return (i64 *)&ctx->gpr[R14];
}

const struct code_site *code_fault(struct code_cache *k, void *ucontext, void *state)
{
    /* ucontext's numbers of rax to r15 */
    static const u8         numbers[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                           REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                           REG_R12, REG_R13, REG_R14, REG_R15};
    greg_t                 *gregs       = ((ucontext_t *)ucontext)->uc_mcontext.gregs;
    struct code_context    *ctx         = (void *)((u8 *)state + k->frame.context);
    const struct code_site *s           = code_site_at(k, (void *)(uintptr_t)gregs[REG_RIP]);
    if (!s)
        return NULL;
    for (unsigned r = 0; r < 16; r++)
        ctx->gpr[r] = (u64)gregs[numbers[r]];
    for (unsigned r = 0; r < 16; r++)
        memcpy(&ctx->fpr[r], &((ucontext_t *)ucontext)->uc_mcontext.fpregs->_xmm[r], 8);
    ctx->link = CODE_NO_LINK;
    code_sync_home(k, state, s->fn);
    gregs[REG_RIP] = (greg_t)(uintptr_t)(k->rx + k->away);
    return s;
}

/* --- trampolines --- */

static void seats(struct emit *e, const struct code_cache *k, bool load)
{
    for (unsigned i = 0; i < k->frame.n_vars; i++)
        if (k->frame.vars[i].seat >= 0)
            x_rm(e, OP_W | (load ? 0x8b : 0x89), host_seats[k->frame.vars[i].seat],
                 at(RBP, k->frame.vars[i].home));
    x_rm(e, OP_W | (load ? 0x8b : 0x89), R14, at(RBP, k->frame.count));
}

static const u8 saved[] = {RBX, RBP, R12, R13, R14, R15};

static void restore_and_return(struct emit *e, struct code_cache *k)
{
    x_rm(e, OP_W | 0x8b, RSP, CTX(k, host_sp));
    for (unsigned i = ARRAY_SIZE(saved); i-- > 0;)
        x_prefixes(e, 0x58 | (saved[i] & 7), 0, 0, saved[i]);
    x8(e, 0xc3);
}

/* enter(state, code): to translated code. */
static void trampoline_enter(struct emit *e, struct code_cache *k)
{
    k->enter = e->at;
    for (unsigned i = 0; i < ARRAY_SIZE(saved); i++)
        x_prefixes(e, 0x50 | (saved[i] & 7), 0, 0, saved[i]);
    x_rr(e, OP_W | 0x8b, RBP, RDI);
    x_rm(e, OP_W | 0x89, RSP, CTX(k, host_sp));
    x_alu_imm(e, OP_W, ALU_SUB, RSP, 8); /* calls from the code find the stack aligned */
    x_rr(e, OP_W | 0x8b, RAX, RSI);
    x_rm(e, OP_W | 0x8b, R15, at(RBP, k->frame.window_base));
    seats(e, k, true);
    x_rr(e, 0xff, 4, RAX);
}

/* Jumped to with a link's number in eax, everybody in seats and homes. */
static void trampoline_leave(struct emit *e, struct code_cache *k)
{
    k->miss = e->at; /* of EXIT_TO: the key is in rax */
    x_rm(e, OP_W | 0x89, RAX, at(RBP, k->frame.key));
    x_imm(e, RAX, CODE_NO_LINK);
    k->leave = e->at;
    x_rm(e, 0x89, RAX, CTX(k, link));
    seats(e, k, false);
    restore_and_return(e, k);
}

/* Everybody to the context, or from there. */
static void context(struct emit *e, struct code_cache *k, bool fp, bool load)
{
    i32 gpr = x64_ctx_off(k, offsetof(struct code_context, gpr));
    i32 fpr = x64_ctx_off(k, offsetof(struct code_context, fpr));
    for (u8 r = 0; r < 16; r++)
        if (r != RSP && r != RBP)
            x_rm(e, OP_W | (load ? 0x8b : 0x89), r, at(RBP, gpr + 8 * r));
    for (u8 r = 0; fp && r < 16; r++)
        (load ? x64_fp_load : x64_fp_store)(e, HOST_FP + r, fpr + 8 * r);
}

/* Called with ctx->site set: out to C, and back or away. FP: keeps those registers too. */
static u32 trampoline_out(struct emit *e, struct code_cache *k, bool fp)
{
    bool (*out)(struct code_cache *, u8 *) = code_called_out;
    u64 target;
    u32 begin = e->at;
    memcpy(&target, &out, sizeof(target));
    context(e, k, fp, false);
    x_imm(e, RDI, (u64)(uintptr_t)k);
    x_rr(e, OP_W | 0x8b, RSI, RBP);
    x_alu_imm(e, OP_W, ALU_SUB, RSP, 8);
    x_imm(e, RAX, target);
    x_rr(e, 0xff, 2, RAX);
    x_alu_imm(e, OP_W, ALU_ADD, RSP, 8);
    x_rr(e, 0x84, RAX, RAX);
    u32 away = x_jcc(e, CC_E);
    context(e, k, fp, true);
    x8(e, 0xc3);
    host_fix(&(struct gen){.e = *e}, away, k->away);
    return begin;
}

/* Away from the middle, the context filled. */
static void trampoline_away(struct emit *e, struct code_cache *k)
{
    k->away = e->at;
    x_rm(e, OP_W | 0x8b, R14,
         at(RBP, x64_ctx_off(k, offsetof(struct code_context, gpr)) + 8 * R14));
    x_rm(e, OP_W | 0x89, R14, at(RBP, k->frame.count));
    restore_and_return(e, k);
}

void host_trampolines(struct code_cache *k)
{
    struct emit e = {.base = k->rw, .at = 0, .end = k->size};
    trampoline_enter(&e, k);
    trampoline_leave(&e, k);
    trampoline_away(&e, k);
    k->out    = trampoline_out(&e, k, false);
    k->out_fp = code_has_fp() ? trampoline_out(&e, k, true) : k->out;
    assert(!e.full);
    k->used = ALIGN_UP(e.at, 64u);
}
#endif

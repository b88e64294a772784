/* codegen/x64_fp.c - the back end for x86-64, floating point: AVX scalars and FMA.
 *
 * The upper half of a single stays what it was in the first operand, all ones, so results are
 * boxed without work. Moves that may be needed stand before any jump to a stub. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifdef __x86_64__
#include "codegen/x64.h"

enum { XMM = HOST_FP };
const u8 host_fp_temps[HOST_TEMPS]      = {XMM, XMM + 1, XMM + 2, XMM + 3};
const u8 host_fp_places[HOST_FP_PLACES] = {XMM + 4,  XMM + 5,  XMM + 6,  XMM + 7,
                                           XMM + 8,  XMM + 9,  XMM + 10, XMM + 11,
                                           XMM + 12, XMM + 13, XMM + 14, XMM + 15};

/* --- VEX --- */

enum { PP_66 = 1, PP_F3, PP_F2 };
enum { MAP_0F = 1, MAP_0F38, MAP_0F3A };

struct vex {
    u8 pp, map, w, op;
};

static void vex_head(struct emit *e, struct vex v, u8 reg, u8 vvvv, u8 index, u8 base)
{
    x8(e, 0xc4);
    x8(e, (~reg & 8u) << 4 | (~index & 8u) << 3 | (~base & 8u) << 2 | v.map);
    x8(e, (u32)v.w << 7 | (~vvvv & 15u) << 3 | v.pp);
    x8(e, v.op);
}

static void vex_rr(struct emit *e, struct vex v, u8 reg, u8 vvvv, u8 rm)
{
    vex_head(e, v, reg & 15, vvvv & 15, 0, rm & 15);
    x8(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static void vex_rm(struct emit *e, struct vex v, u8 reg, u8 vvvv, struct mem m)
{
    vex_head(e, v, reg & 15, vvvv & 15, m.index == NO_REG ? 0 : m.index, m.base);
    x_modrm_mem(e, reg & 15, m);
}

static struct vex scalar(const struct ir *i, u8 op)
{
    return (struct vex){i->type == IR_F32 ? PP_F3 : PP_F2, MAP_0F, 0, op};
}

static const struct vex vmovaps = {0, MAP_0F, 0, 0x28}, vmovq_load = {PP_F3, MAP_0F, 0, 0x7e},
                        vmovq_store  = {PP_66, MAP_0F, 0, 0xd6},
                        vmovq_to_gpr = {PP_66, MAP_0F, 1, 0x7e},
                        vmovq_of_gpr = {PP_66, MAP_0F, 1, 0x6e},
                        vmovss_load  = {PP_F3, MAP_0F, 0, 0x10},
                        vmovss_store = {PP_F3, MAP_0F, 0, 0x11},
                        vpcmpeqd = {PP_66, MAP_0F, 0, 0x76}, vpextrd = {PP_66, MAP_0F3A, 0, 0x16},
                        vpshiftq = {PP_66, MAP_0F, 0, 0x73}, vandps = {0, MAP_0F, 0, 0x54},
                        vandnps = {0, MAP_0F, 0, 0x55}, vorps = {0, MAP_0F, 0, 0x56},
                        vxorps = {0, MAP_0F, 0, 0x57};

void x64_fp_move(struct gen *g, u8 dst, struct loc src)
{
    if (src.kind == LOC_MEM)
        vex_rm(&g->e, vmovq_load, dst, 0, at(RBP, src.off));
    else if (src.reg != dst)
        vex_rr(&g->e, vmovaps, dst, 0, src.reg);
}

void x64_fp_store(struct emit *e, u8 reg, i32 off)
{
    vex_rm(e, vmovq_store, reg, 0, at(RBP, off));
}

void x64_fp_load(struct emit *e, u8 reg, i32 off)
{
    vex_rm(e, vmovq_load, reg, 0, at(RBP, off));
}

/* --- memory --- */

static void gs_prefix(struct emit *e, u32 gs)
{
    if (gs)
        x8(e, 0x65);
}

void x64_fp_read(struct gen *g, enum ir_type type, u32 gs, u8 dst, struct mem m, u8 ones)
{
    if (type == IR_F64) {
        gs_prefix(&g->e, gs);
        vex_rm(&g->e, vmovq_load, dst, 0, m);
        return;
    }
    gs_prefix(&g->e, gs);
    vex_rm(&g->e, vmovss_load, dst, 0, m);
    vex_rr(&g->e, vpcmpeqd, ones, ones, ones);
    vex_rr(&g->e, vpshiftq, 6, ones, ones); /* vpsllq */
    x8(&g->e, 32);
    vex_rr(&g->e, vorps, dst, dst, ones);
}

void x64_fp_write(struct gen *g, enum ir_type type, u32 gs, u8 src, struct mem m)
{
    gs_prefix(&g->e, gs);
    vex_rm(&g->e, type == IR_F64 ? vmovq_store : vmovss_store, src, 0, m);
}

/* --- stubs --- */

static u32 stubs_here(struct gen *g)
{
    return g->stubs.n;
}

/* A result that is a NaN becomes the canonical one. */
static void check_nan(struct gen *g, const struct ir *i, enum ir_type type, u8 reg)
{
    (void)i;
    vex_rr(&g->e, (struct vex){type == IR_F32 ? 0 : PP_66, MAP_0F, 0, 0x2e}, reg, 0, reg);
    u32          where = x_jcc(&g->e, CC_P);
    struct stub *s     = table_add(&g->stubs);
    s->kind            = STUB_NAN;
    s->at              = where;
    s->type            = (u8)type;
}

void x64_fp_nan(struct gen *g, const struct stub *s)
{
    i32 data = g->k->frame.context + (i32)offsetof(struct code_context, data);
    u64 nan  = s->type == IR_F32 ? 0xffffffff7fc00000u : 0x7ff8000000000000u;
    host_store_home(g, data, (struct loc){.kind = LOC_IMM, .imm = (i64)nan});
    x64_fp_load(&g->e, s->dst, data);
    u32 where = x_jmp(&g->e);
    if (!g->e.full)
        host_fix(g, where, s->back);
}

/* --- operands --- */

/* A floating-point value in a register, locked. */
static u8 operand(struct gen *g, u32 v)
{
    return gen_reg(g, v);
}

/* A single must have a word of ones above it; else the client does the operation. T: a free
 * general register. */
static void check_box(struct gen *g, const struct ir *i, u32 v, u8 reg, u8 t)
{
    if (i->type != IR_F32 || code_is_boxed(g->c, (ir_val){v}))
        return;
    vex_rr(&g->e, vpextrd, reg, 0, t);
    x8(&g->e, 1);
    x_alu_imm(&g->e, 0, ALU_CMP, t, -1);
    x64_help_stub(g, i, x_jcc(&g->e, CC_NE));
}

static u8 box_temp(struct gen *g, const struct ir *i)
{
    return i->type == IR_F32 ? gen_temp(g) : NO_REG;
}

/* --- arithmetic --- */

static const u8 binary_ops[IR_OPS] = {
    [IR_FADD] = 0x58, [IR_FSUB] = 0x5c, [IR_FMUL] = 0x59, [IR_FDIV] = 0x5e};

static void do_binary(struct gen *g, u32 index, const struct ir *i)
{
    u8 a = operand(g, i->a), b = operand(g, i->b), t = box_temp(g, i);
    gen_used(g, i->a);
    gen_used(g, i->b);
    u8  dst  = gen_target(g, index, a);
    u32 from = stubs_here(g);
    check_box(g, i, i->a, a, t);
    check_box(g, i, i->b, b, t);
    vex_rr(&g->e, scalar(i, binary_ops[i->op]), dst, a, b);
    check_nan(g, i, i->type, dst);
    x64_stubs_back(g, from, dst);
}

static void do_sqrt(struct gen *g, u32 index, const struct ir *i)
{
    u8 a = operand(g, i->a), t = box_temp(g, i);
    gen_used(g, i->a);
    u8  dst  = gen_target(g, index, a);
    u32 from = stubs_here(g);
    check_box(g, i, i->a, a, t);
    vex_rr(&g->e, scalar(i, 0x51), dst, a, a);
    check_nan(g, i, i->type, dst);
    x64_stubs_back(g, from, dst);
}

/* Into a temporary, so that the operands are whole if the client must do it. */
static void do_fused(struct gen *g, u32 index, const struct ir *i)
{
    static const u8 ops[IR_OPS] = {
        [IR_FMADD] = 0xa9, [IR_FMSUB] = 0xab, [IR_FNMADD] = 0xad, [IR_FNMSUB] = 0xaf};
    u8 a = operand(g, i->a), b = operand(g, i->b), c = operand(g, i->c), t = box_temp(g, i);
    u8 r = gen_fp_temp(g);
    gen_used(g, i->a);
    gen_used(g, i->b);
    gen_used(g, i->c);
    u32 from = stubs_here(g);
    check_box(g, i, i->a, a, t);
    check_box(g, i, i->b, b, t);
    check_box(g, i, i->c, c, t);
    vex_rr(&g->e, vmovaps, r, 0, a);
    vex_rr(&g->e, (struct vex){PP_66, MAP_0F38, i->type == IR_F64, ops[i->op]}, r, b, c);
    vex_rr(&g->e, (struct vex){i->type == IR_F32 ? 0 : PP_66, MAP_0F, 0, 0x2e}, r, 0, r);
    x64_help_stub(g, i, x_jcc(&g->e, CC_P));
    x64_stubs_back(g, from, r);
    gen_is_in(g, index, r);
}

/* Equal operands differ in the sign of zero at most. */
static void do_extreme(struct gen *g, u32 index, const struct ir *i)
{
    bool max = i->op == IR_FMAX;
    u8   a = operand(g, i->a), b = operand(g, i->b), t = box_temp(g, i), r = gen_fp_temp(g);
    gen_used(g, i->a);
    gen_used(g, i->b);
    u32 from = stubs_here(g);
    check_box(g, i, i->a, a, t);
    check_box(g, i, i->b, b, t);
    vex_rr(&g->e, (struct vex){i->type == IR_F32 ? 0 : PP_66, MAP_0F, 0, 0x2e}, a, 0, b);
    x64_help_stub(g, i, x_jcc(&g->e, CC_P));
    vex_rr(&g->e, scalar(i, max ? 0x5f : 0x5d), r, a, b);
    u32 differ = x_jcc_short(&g->e, CC_NE);
    vex_rr(&g->e, max ? vandps : vorps, r, a, b);
    x_here(&g->e, differ);
    x64_stubs_back(g, from, r);
    gen_is_in(g, index, r);
}

/* --- comparing, converting --- */

static void do_compare(struct gen *g, u32 index, const struct ir *i)
{
    u8 a = operand(g, i->a), b = operand(g, i->b), r = gen_temp(g), t = gen_temp(g);
    gen_used(g, i->a);
    gen_used(g, i->b);
    u32 from = stubs_here(g);
    check_box(g, i, i->a, a, t);
    check_box(g, i, i->b, b, t);
    struct vex compare = {i->type == IR_F32 ? 0 : PP_66, MAP_0F, 0, 0x2f};
    if (i->op == IR_FEQ) {
        compare.op = 0x2e; /* the quiet one */
        vex_rr(&g->e, compare, a, 0, b);
        x_rr(&g->e, OP_8 | OP_0F | 0x90 | CC_NP, 0, r);
        x_rr(&g->e, OP_8 | OP_0F | 0x90 | CC_E, 0, t);
        x_rr(&g->e, 0x23, r, t);
    } else { /* b above a; not so if unordered */
        vex_rr(&g->e, compare, b, 0, a);
        x_rr(&g->e, OP_8 | OP_0F | 0x90 | (i->op == IR_FLT ? CC_A : CC_AE), 0, r);
    }
    x_rr(&g->e, OP_8 | OP_0F | 0xb6, r, r);
    x64_stubs_back(g, from, r);
    gen_is_in(g, index, r);
}

/* A single that is not boxed is taken for unordered too: the client's way is always right. */
static void do_quiet(struct gen *g, u32 index, const struct ir *i)
{
    u8           a = operand(g, i->a), b = operand(g, i->b), r = gen_temp(g), t = box_temp(g, i);
    u32          where[3] = {0}, n = 0;
    struct emit *e      = &g->e;
    const u32    vals[] = {i->a, i->b};
    const u8     regs[] = {a, b};
    for (unsigned k = 0; k < 2 && i->type == IR_F32; k++)
        if (!code_is_boxed(g->c, (ir_val){vals[k]})) {
            vex_rr(e, vpextrd, regs[k], 0, t);
            x8(e, 1);
            x_alu_imm(e, 0, ALU_CMP, t, -1);
            where[n++] = x_jcc(e, CC_NE);
        }
    vex_rr(e, (struct vex){i->type == IR_F32 ? 0 : PP_66, MAP_0F, 0, 0x2e}, b, 0, a);
    where[n++] = x_jcc(e, CC_P);
    x_rr(e, OP_8 | OP_0F | 0x90 | (i->op == IR_FQUIETLT ? CC_A : CC_AE), 0, r);
    x_rr(e, OP_8 | OP_0F | 0xb6, r, r);
    for (unsigned k = 0; k < n; k++)
        x64_add_stub(g, (struct stub){.kind   = STUB_QUIET,
                                      .at     = where[k],
                                      .units  = i->c,
                                      .number = x64_add_link(g, (u64)i->imm, i->tag, where[k])});
    gen_used(g, i->a);
    gen_used(g, i->b);
    gen_is_in(g, index, r);
}

void x64_fp_flags_back(struct gen *g)
{
    x_rm(&g->e, OP_0F | 0xae, 2, CTX(g->k, data));
}

static void do_convert(struct gen *g, u32 index, const struct ir *i)
{
    bool      widen = i->op == IR_FWIDEN;
    struct ir as    = *i; /* the operand's type */
    u8        a = operand(g, i->a), ones = gen_fp_temp(g), t;
    as.type = widen ? IR_F32 : IR_F64;
    t       = box_temp(g, &as);
    gen_used(g, i->a);
    u8  dst  = gen_target(g, index, NO_REG);
    u32 from = stubs_here(g);
    check_box(g, &as, i->a, a, t);
    vex_rr(&g->e, vpcmpeqd, ones, ones, ones);
    vex_rr(&g->e, scalar(&as, 0x5a), dst, ones, a);
    check_nan(g, i, widen ? IR_F64 : IR_F32, dst);
    x64_stubs_back(g, from, dst);
}

static void do_from_int(struct gen *g, u32 index, const struct ir *i)
{
    u8 a = gen_reg(g, i->a), ones = gen_fp_temp(g);
    gen_used(g, i->a);
    u8         dst = gen_target(g, index, NO_REG);
    struct vex v   = scalar(i, 0x2a);
    v.w            = 1;
    vex_rr(&g->e, vpcmpeqd, ones, ones, ones);
    vex_rr(&g->e, v, dst, ones, a);
}

static void do_to_int(struct gen *g, u32 index, const struct ir *i)
{
    u8 a = operand(g, i->a), r = gen_temp(g), t = box_temp(g, i);
    gen_used(g, i->a);
    u32        from = stubs_here(g);
    struct vex v    = scalar(i, 0x2c);
    v.w             = i->op == IR_FTO64;
    check_box(g, i, i->a, a, t);
    vex_rr(&g->e, v, r, 0, a);
    x_alu_imm(&g->e, v.w ? OP_W : 0, ALU_CMP, r, 1); /* the least number says it does not fit */
    x64_help_stub(g, i, x_jcc(&g->e, CC_O));
    if (!v.w)
        x_rr(&g->e, OP_W | 0x63, r, r);
    x64_stubs_back(g, from, r);
    gen_is_in(g, index, r);
}

/* --- bits --- */

static void do_bits(struct gen *g, u32 index, const struct ir *i)
{
    u8 a = gen_reg(g, i->a);
    gen_used(g, i->a);
    u8 dst = gen_target(g, index, NO_REG);
    if (i->op == IR_FBITS)
        vex_rr(&g->e, vmovq_to_gpr, a, 0, dst);
    else
        vex_rr(&g->e, vmovq_of_gpr, dst, 0, a);
}

static void do_sign(struct gen *g, u32 index, const struct ir *i)
{
    u8 a = operand(g, i->a), mask = gen_fp_temp(g), t = box_temp(g, i);
    gen_used(g, i->a);
    u8  dst  = gen_target(g, index, NO_REG);
    u32 from = stubs_here(g);
    check_box(g, i, i->a, a, t);
    if (i->op == IR_FMOV) {
        if (dst != a)
            vex_rr(&g->e, vmovaps, dst, 0, a);
        x64_stubs_back(g, from, dst);
        return;
    }
    vex_rr(&g->e, vpcmpeqd, mask, mask, mask);
    vex_rr(&g->e, vpshiftq, 6, mask, mask);
    x8(&g->e, 63);
    if (i->type == IR_F32) {
        vex_rr(&g->e, vpshiftq, 2, mask, mask); /* vpsrlq */
        x8(&g->e, 32);
    }
    vex_rr(&g->e, i->op == IR_FNEG ? vxorps : vandnps, dst, mask, a);
    x64_stubs_back(g, from, dst);
}

/* Between MXCSR's flags (AMD64 Manual 1, 4.2.2) and the five bits. */
#define TO_FIVE(m) ((m & 1) << 4 | (m & 4) << 1 | (m & 8) >> 1 | (m & 16) >> 3 | (m & 32) >> 5)
#define OF_FIVE(f) ((f & 16) >> 4 | (f & 8) >> 1 | (f & 4) << 1 | (f & 2) << 3 | (f & 1) << 5)
#define FOUR(F, n) F((n)), F((n + 1)), F((n + 2)), F((n + 3))
#define HALF(F, n)                                                                                 \
    FOUR(F, n), FOUR(F, n + 4), FOUR(F, n + 8), FOUR(F, n + 12), FOUR(F, n + 16), FOUR(F, n + 20), \
        FOUR(F, n + 24), FOUR(F, n + 28)
static const u8 to_five[64] = {HALF(TO_FIVE, 0), HALF(TO_FIVE, 32)};
static const u8 of_five[32] = {HALF(OF_FIVE, 0)};

static void read_mxcsr(struct gen *g, u8 r)
{
    x_rm(&g->e, OP_0F | 0xae, 3, CTX(g->k, data));
    x_rm(&g->e, 0x8b, r, CTX(g->k, data));
}

static void do_flags(struct gen *g, u32 index, const struct ir *i)
{
    bool         get = i->op == IR_FGETFLAGS;
    u8           v = get ? NO_REG : gen_reg(g, i->a), r = gen_temp(g), t = gen_temp(g);
    struct emit *e = &g->e;
    read_mxcsr(g, r);
    x_imm(e, t, (u64)(uintptr_t)(get ? to_five : of_five));
    if (get) {
        x_alu_imm(e, 0, ALU_AND, r, 63);
        x_rm(e, OP_0F | 0xb6, r, indexed(t, r, 0, 0));
        gen_is_in(g, index, r);
        return;
    }
    u8 n = gen_temp(g);
    x_alu_imm(e, 0, ALU_AND, r, ~63);
    x_rr(e, 0x8b, n, v);
    x_alu_imm(e, 0, ALU_AND, n, 31);
    x_rm(e, OP_0F | 0xb6, n, indexed(t, n, 0, 0));
    x_rr(e, 0x0b, r, n);
    x_rm(e, 0x89, r, CTX(g->k, data));
    x_rm(e, OP_0F | 0xae, 2, CTX(g->k, data));
    gen_used(g, i->a);
}

static void do_expect(struct gen *g, u32 index, const struct ir *i)
{
    u8 reg = g->place[i->b];
    (void)index;
    if (reg == NO_REG) {
        x_alu_mem_imm(&g->e, 0, ALU_CMP, at(RBP, g->k->frame.vars[i->b].home + 4), -1);
    } else {
        u8 t = gen_temp(g);
        vex_rr(&g->e, vpextrd, reg, 0, t);
        x8(&g->e, 1);
        x_alu_imm(&g->e, 0, ALU_CMP, t, -1);
    }
    u32 where = x_jcc(&g->e, CC_NE);
    x64_add_stub(g, (struct stub){.kind   = STUB_EXPECT,
                                  .at     = where,
                                  .number = x64_add_link(g, (u64)i->imm, i->c, where)});
}

void x64_fp_op(struct gen *g, u32 index)
{
    static void (*const ops[IR_OPS])(struct gen *, u32, const struct ir *) = {
        [IR_FADD] = do_binary,     [IR_FSUB] = do_binary,     [IR_FMUL] = do_binary,
        [IR_FDIV] = do_binary,     [IR_FMIN] = do_extreme,    [IR_FMAX] = do_extreme,
        [IR_FSQRT] = do_sqrt,      [IR_FMADD] = do_fused,     [IR_FMSUB] = do_fused,
        [IR_FNMADD] = do_fused,    [IR_FNMSUB] = do_fused,    [IR_FEQ] = do_compare,
        [IR_FLT] = do_compare,     [IR_FLE] = do_compare,     [IR_FWIDEN] = do_convert,
        [IR_FNARROW] = do_convert, [IR_FTO32] = do_to_int,    [IR_FTO64] = do_to_int,
        [IR_FBITS] = do_bits,      [IR_FNEG] = do_sign,       [IR_FFROM64] = do_from_int,
        [IR_FOFBITS] = do_bits,    [IR_FABS] = do_sign,       [IR_FMOV] = do_sign,
        [IR_FGETFLAGS] = do_flags, [IR_FSETFLAGS] = do_flags, [IR_FQUIETLT] = do_quiet,
        [IR_FEXPECT] = do_expect,  [IR_FQUIETLE] = do_quiet};
    ops[g->c->ir[index].op](g, index, &g->c->ir[index]);
}
#endif

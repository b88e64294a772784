/* rv64/translate.c - from guest instructions to the code generator's operations.
 *
 * A region is what can be reached from its entry by branches and plain jumps on the same page,
 * up to a limit. insn.def's words are defined here as calls of the generator; a row with a word
 * that has no such meaning becomes a call of its function (rows.c). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "rv64/translate.h"
#include "rv64/translate_fp.h"

/* --- the words of insn.def --- */

static u32 help_number(struct translation *t)
{
    struct rv64_jit *j = t->h->jit;
    if (j->n_helped == j->room_helped) {
        j->room_helped = j->room_helped ? 2 * j->room_helped : 1024;
        j->helped      = xrealloc(j->helped, j->room_helped * sizeof(*j->helped));
    }
    j->helped[j->n_helped] = (struct helped){.op = t->i->op, .raw = t->i->raw, .row = t->i->row};
    return j->n_helped++;
}

static ir_val constant(struct translation *t, u64 v)
{
    return code_const(t->c, v);
}

static ir_val get_x(struct translation *t, u8 reg)
{
    return reg ? code_get(t->c, reg) : constant(t, 0);
}

static void set_x(struct translation *t, u8 reg, ir_val v)
{
    if (reg < 32 && reg)
        code_set(t->c, reg, v);
}

static ir_label label_at(struct translation *t, u32 half)
{
    if (!has(t->labelled, half)) {
        put(t->labelled, half);
        t->labels[half] = code_label(t->c);
    }
    return t->labels[half];
}

/* The label of PC: in the region, or of a way out. */
static ir_label way_to(struct translation *t, gva pc)
{
    if (rv64_on_page(t, pc) && t->at[pc % PAGE_SIZE / 2])
        return label_at(t, pc % PAGE_SIZE / 2);
    for (u32 k = 0; k < t->n_thunks; k++)
        if (t->thunks[k].pc == pc)
            return t->thunks[k].l;
    assert(t->n_thunks < THUNKS);
    t->thunks[t->n_thunks].pc         = pc;
    return t->thunks[t->n_thunks++].l = code_label(t->c);
}

static void leave_to(struct translation *t, gva pc)
{
    /* A program's mappings change only when rv64_forget_memory says so, which cuts all links. What
     * lies across a page's end depends on the next page's mapping. */
    if ((rv64_on_page(t, pc) || t->h->config.user) && !rv64_jit_is_last(pc))
        code_exit(t->c, EXIT_CHAIN, pc);
    else
        code_exit_to(t->c, constant(t, pc));
}

static void go_to(struct translation *t, gva pc)
{
    if (rv64_on_page(t, pc) && t->at[pc % PAGE_SIZE / 2])
        code_jump(t->c, label_at(t, pc % PAGE_SIZE / 2));
    else
        leave_to(t, pc);
    t->ended = true;
}

static void step_at(struct translation *t, gva pc)
{
    code_exit(t->c, EXIT_STEP, pc);
    t->ended = true;
}

static void jump(struct translation *t, gva to)
{
    if (t->i->op.rd == 1 || t->i->op.rd == 5) {
        leave_to(t, to); /* a call: code of its own */
        t->ended = true;
    } else {
        go_to(t, to);
    }
}

static ir_val binary(struct translation *t, enum ir_op op, ir_val a, ir_val b)
{
    return code_op(t->c, op, a, b);
}

static u64 immediate(const struct translation *t)
{
    bool wrong = t->h->jit->wrong && t->i->row == INSN_xori;
    return (u64)(i64)t->i->op.imm + wrong;
}

enum {
    TYPE_i8  = IR_I8,
    TYPE_u8  = IR_U8,
    TYPE_i16 = IR_I16,
    TYPE_u16 = IR_U16,
    TYPE_i32 = IR_I32,
    TYPE_u32 = IR_U32,
    TYPE_u64 = IR_I64
};

#define HERE      (t->base + t->off)
#define VALUE     ir_val
#define K(number) constant(t, number)
#define IMM       constant(t, immediate(t))
#define TARGET    (HERE + (u64)(i64)t->i->op.imm)
#define NEXT_PC   (HERE + t->i->length)
#define RS1       get_x(t, t->i->op.rs1)
#define RS2       get_x(t, t->i->op.rs2)
#define RD(v)     set_x(t, t->i->op.rd, (v))
#define FRS1      code_get(t->c, VAR_F0 + t->i->op.rs1)
#define FRS2      code_get(t->c, VAR_F0 + t->i->op.rs2)
#define FRD(v)    code_set(t->c, VAR_F0 + t->i->op.rd % 32, (v))
#define BOX_S(v)  OR(ZX32(v), K(0xffffffff00000000u))
#define BOX_H(v)  OR(ZX16(v), K(0xffffffffffff0000u))

#define UNARY(op, a) code_op1(t->c, IR_##op, (a))
#define SX8(a)       UNARY(SX8, a)
#define SX16(a)      UNARY(SX16, a)
#define SX32(a)      UNARY(SX32, a)
#define ZX8(a)       UNARY(ZX8, a)
#define ZX16(a)      UNARY(ZX16, a)
#define ZX32(a)      UNARY(ZX32, a)
#define NOT(a)       UNARY(NOT, a)
#define CLZ(a)       UNARY(CLZ, a)
#define CTZ(a)       UNARY(CTZ, a)
#define POPCNT(a)    UNARY(POPCNT, a)
#define BSWAP(a)     UNARY(BSWAP, a)

#define BINARY(op, a, b) binary(t, IR_##op, (a), (b))
#define ADD(a, b)        BINARY(ADD, a, b)
#define SUB(a, b)        BINARY(SUB, a, b)
#define AND(a, b)        BINARY(AND, a, b)
#define OR(a, b)         BINARY(OR, a, b)
#define XOR(a, b)        BINARY(XOR, a, b)
#define ANDN(a, b)       BINARY(ANDN, a, b)
#define SHL(a, b)        BINARY(SHL, a, b)
#define SHR(a, b)        BINARY(SHR, a, b)
#define SAR(a, b)        BINARY(SAR, a, b)
#define ROL(a, b)        BINARY(ROL, a, b)
#define ROR(a, b)        BINARY(ROR, a, b)
#define SHR32(a, b)      BINARY(SHR32, a, b)
#define SAR32(a, b)      BINARY(SAR32, a, b)
#define ROL32(a, b)      BINARY(ROL32, a, b)
#define ROR32(a, b)      BINARY(ROR32, a, b)
#define MUL(a, b)        BINARY(MUL, a, b)
#define MULH(a, b)       BINARY(MULH, a, b)
#define MULHU(a, b)      BINARY(MULHU, a, b)
#define DIV(a, b)        BINARY(DIV, a, b)
#define DIVU(a, b)       BINARY(DIVU, a, b)
#define REM(a, b)        BINARY(REM, a, b)
#define REMU(a, b)       BINARY(REMU, a, b)
#define DIV32(a, b)      BINARY(DIV32, a, b)
#define DIVU32(a, b)     BINARY(DIVU32, a, b)
#define REM32(a, b)      BINARY(REM32, a, b)
#define REMU32(a, b)     BINARY(REMU32, a, b)
#define EQ(a, b)         BINARY(EQ, a, b)
#define NE(a, b)         BINARY(NE, a, b)
#define LT(a, b)         BINARY(LT, a, b)
#define GE(a, b)         BINARY(GE, a, b)
#define LTU(a, b)        BINARY(LTU, a, b)
#define GEU(a, b)        BINARY(GEU, a, b)
#define SELECT(c_, a, b) code_select(t->c, (c_), (a), (b))

#define LOAD(T, address)     code_load(t->c, (enum ir_type)TYPE_##T, (address), 0)
#define STORE(T, address, v) code_store(t->c, (enum ir_type)TYPE_##T, (address), 0, (v))
#define BRANCH(cond)                                                                               \
    do {                                                                                           \
        ir_val cond_ = (cond);                                                                     \
        code_branch(t->c, cond_, way_to(t, TARGET), way_to(t, NEXT_PC));                           \
        t->ended = true;                                                                           \
    } while (0)
#define JUMP(to)     jump(t, to)
#define JUMP_TO(to)  (code_exit_to(t->c, (to)), t->ended = true)
#define FALLBACK()   (t->fallback = true)
#define SYS(f)       system_row(t)
#define CALL(f)      FALLBACK()
#define VEC(s, k)    FALLBACK()
#define AMO(width)   amo(t, IR_I##width)
#define LR(width)    load_reserved(t, IR_I##width)
#define SC(width)    store_conditional(t, IR_I##width)
#define CBO_ZERO()   cbo_zero(t)
#define FENCE()      fence(t)
#define FP(...)      __VA_ARGS__
#define FPM(...)     __VA_ARGS__
#define ORC_B(a)     orc_b(t, (a))
#define BREV8(a)     brev8(t, (a))
#define CLMUL(a, b)  other(t, (a))
#define CLMULR(a, b) other(t, (a))
#define CLMULH(a, b) other(t, (a))

/* Behind all but an access to a CSR the region is left, by what the function says. Behind that
 * begins a block: addresses may mean something else. */
static void system_row(struct translation *t)
{
    u32 help = help_number(t);
    if (rv64_is_csr(t->i->row) && rv64_translate_csr(t, help))
        return;
    code_help(t->c, help);
    if (rv64_is_csr(t->i->row)) {
        ir_label next = code_label(t->c);
        code_jump(t->c, next);
        code_place(t->c, next);
    } else {
        step_at(t, NEXT_PC);
    }
}

/* A value that the generator cannot make. */
static ir_val other(struct translation *t, ir_val any)
{
    t->fallback = true;
    return any;
}

/* Each byte all ones or zero. */
static ir_val orc_b(struct translation *t, ir_val x)
{
    ir_val low = K(0x0101010101010101u);
    x          = OR(x, SHR(x, K(4)));
    x          = OR(x, SHR(x, K(2)));
    x          = OR(x, SHR(x, K(1)));
    return MUL(AND(x, low), K(0xff));
}

static ir_val brev8(struct translation *t, ir_val x)
{
    static const u64 masks[] = {0x5555555555555555u, 0x3333333333333333u, 0x0f0f0f0f0f0f0f0fu};
    for (u64 i = 0; i < ARRAY_SIZE(masks); i++)
        x = OR(AND(SHR(x, K(1ull << i)), K(masks[i])), SHL(AND(x, K(masks[i])), K(1ull << i)));
    return x;
}

/* --- floating point --- */

#define RM                    ((unsigned)t->i->op.imm & 7)
#define FRS3                  code_get(t->c, VAR_F0 + (t->i->op.imm >> 8 & 31))
#define FBITS(v)              code_op1(t->c, IR_FBITS, (v))
#define OF_BITS(v)            code_op1(t->c, IR_FOFBITS, (v))
#define FLOAD(T, address)     fload(t, sizeof(T), (address))
#define FSTORE(T, address, v) fstore(t, sizeof(T), (address), (v))

enum { RNE = 0, RTZ = 1, DYN = 7 }; /* rounding modes; a region is made for frm = RNE */

static ir_val fload(struct translation *t, u64 width, ir_val address)
{
    if (width < 4)
        return other(t, address);
    return code_load(t->c, width == 4 ? IR_F32 : IR_F64, address, 0);
}

static void fstore(struct translation *t, u64 width, ir_val address, ir_val v)
{
    if (width < 4)
        t->fallback = true;
    else
        code_store(t->c, width == 4 ? IR_F32 : IR_F64, address, 0, v);
}

/* An operation that may call the instruction's function in the end. */
static ir_val fp3(struct translation *t, enum ir_op op, enum ir_type type, ir_val a, ir_val b,
                  ir_val c, unsigned rm)
{
    bool to_x = op == IR_FEQ || op == IR_FLT || op == IR_FLE || op == IR_FTO32 || op == IR_FTO64;
    u8   rd   = t->i->op.rd;
    if ((rm != RNE && rm != DYN) || (to_x && (rd == 0 || rd >= 32)))
        return other(t, a);
    return code_calling(t->c, op, type, a, b, c, help_number(t), to_x ? rd : VAR_F0 + rd % 32u);
}

static ir_val fp2(struct translation *t, enum ir_op op, enum ir_type type, ir_val a, ir_val b,
                  unsigned rm)
{
    return fp3(t, op, type, a, b, b, rm);
}

static ir_val fp1(struct translation *t, enum ir_op op, enum ir_type type, ir_val a, unsigned rm)
{
    return fp3(t, op, type, a, a, a, rm);
}

static ir_val fp_to(struct translation *t, enum ir_op op, enum ir_type type, ir_val a, unsigned rm)
{
    return rm == RTZ ? fp1(t, op, type, a, RNE) : other(t, a);
}

/* Sign injection of a value with itself: a move, the negative, the absolute value. */
static ir_val fp_sign(struct translation *t, enum ir_op op, enum ir_type type, ir_val a, ir_val b)
{
    return a.id == b.id ? fp1(t, op, type, a, RNE) : other(t, a);
}

/* --- atomic accesses --- */

#define STATE(member) rv64_jit_state_off(offsetof(struct rv64_hart, member))

static ir_val atomic(struct translation *t, enum ir_op op, enum ir_type type, ir_val b, ir_val c)
{
    u8 rd = t->i->op.rd;
    return code_calling(t->c, op, type, RS1, b, c, help_number(t), rd ? rd : CODE_NO_VAR);
}

/* Bits 31 to 27 of the word say which operation. */
static void amo(struct translation *t, enum ir_type type)
{
    static const u8 ops[32] = {
        [0] = IR_AADD, [1] = IR_ASWAP, [4] = IR_AXOR, [8] = IR_AOR, [12] = IR_AAND};
    u8 op = ops[(u32)t->i->op.imm >> 27];
    if (!op)
        FALLBACK();
    else
        RD(atomic(t, op, type, RS2, RS2));
}

/* The address of a reservation, and with it the width. */
static ir_val reservation(struct translation *t, enum ir_type type)
{
    return OR(RS1, K(type == IR_I32 ? RV64_RESERVED_WORD : 0));
}

static void load_reserved(struct translation *t, enum ir_type type)
{
    if (!t->i->op.rd) {
        FALLBACK();
        return;
    }
    ir_val which = reservation(t, type), v = atomic(t, IR_ALOAD, type, RS1, RS1);
    RD(v);
    code_poke(t->c, STATE(reserved), which);
    code_poke(t->c, STATE(reserved_value), v);
}

/* Without the reservation it fails without a look at memory, but traps if it is not aligned. */
static void store_conditional(struct translation *t, enum ir_type type)
{
    ir_label held = code_label(t->c), lost = code_label(t->c), fails = code_label(t->c),
             traps = code_label(t->c), done = code_label(t->c);
    code_branch(t->c, EQ(code_peek(t->c, IR_I64, STATE(reserved)), reservation(t, type)), held,
                lost);
    code_place(t->c, held);
    RD(atomic(t, IR_ACAS, type, code_peek(t->c, IR_I64, STATE(reserved_value)), RS2));
    code_poke(t->c, STATE(reserved), K(~0ull));
    code_jump(t->c, done);
    code_place(t->c, lost);
    code_branch(t->c, EQ(AND(RS1, K(type == IR_I32 ? 3 : 7)), K(0)), fails, traps);
    code_place(t->c, traps);
    code_help(t->c, help_number(t));
    code_jump(t->c, done);
    code_place(t->c, fails);
    RD(K(1));
    code_poke(t->c, STATE(reserved), K(~0ull));
    code_jump(t->c, done);
    code_place(t->c, done);
}

/* Linux clears pages with it; for other modes and without leave it is the function's. */
static void cbo_zero(struct translation *t)
{
    ir_label easy = code_label(t->c), hard = code_label(t->c), done = code_label(t->c);
    ir_val   may = AND(code_peek(t->c, IR_I64, STATE(menvcfg)), K(ENVCFG_CBZE));
    ir_val   as  = code_peek(t->c, IR_U8, STATE(mode));
    ir_val   no  = OR(XOR(may, K(ENVCFG_CBZE)), XOR(as, K(RV64_S)));
    code_branch(t->c, EQ(OR(no, AND(RS1, K(RV64_CBO_BYTES - 1))), K(0)), easy, hard);
    code_place(t->c, easy);
    for (i32 off = 0; off < (i32)RV64_CBO_BYTES; off += 8)
        code_store(t->c, IR_I64, RS1, off, K(0));
    code_jump(t->c, done);
    code_place(t->c, hard);
    code_help(t->c, help_number(t));
    code_jump(t->c, done);
    code_place(t->c, done);
}

/* Volume I, 2.7. Only a store before a load needs the host's help. */
static void fence(struct translation *t)
{
    if ((t->i->op.imm >> 24 & 1) && (t->i->op.imm >> 21 & 1))
        code_fence(t->c);
}

#define INSN(name, format, mask, match, ...)                                                       \
    static void do_##name(struct translation *t)                                                   \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }
#include "rv64/insn.def"
#undef INSN

static void (*const words[RV64_ROWS])(struct translation *) = {
#define INSN(name, ...) [INSN_##name] = do_##name,
#include "rv64/insn.def"
#undef INSN
};

/* --- blocks --- */

static void do_fflags(struct translation *t)
{
    const struct op *op   = &t->i->op;
    unsigned         how  = (unsigned)bits(t->i->word, 13, 12); /* 1 write, 2 set, 3 clear */
    bool             imm  = bits(t->i->word, 14, 14);
    ir_val           with = imm ? constant(t, op->rs1) : get_x(t, op->rs1);
    bool             asks = bits(t->i->word, 11, 7) != 0 || how != 1;
    ir_val           was  = asks ? code_get_flags(t->c) : with;
    if (how == 2)
        with = OR(was, with);
    else if (how == 3)
        with = ANDN(was, with);
    if (how == 1 || op->rs1)
        code_set_flags(t->c, with);
    set_x(t, (u8)bits(t->i->word, 11, 7), was);
}

/* Its function finds operands at home, and leaves the result there; vectors are nowhere else. The
 * letters are format.def's. */
static void vector_row(struct translation *t)
{
    const struct op *op   = &t->i->op;
    const char      *text = rv64_formats[rv64_rows[t->i->row].format].text;
    bool             rd = strchr(text, 'd') && op->rd, fd = strchr(text, 'E');
    if (strpbrk(text, "EF") && !code_has_fp()) {
        code_help(t->c, help_number(t));
        return;
    }
    if (strchr(text, 's') && op->rs1)
        code_poke(t->c, STATE(x) + 8 * op->rs1, RS1);
    if (strchr(text, 't') && op->rs2)
        code_poke(t->c, STATE(x) + 8 * op->rs2, RS2);
    if (strchr(text, 'F'))
        code_poke(t->c, STATE(f) + 8 * op->rs1, FBITS(FRS1));
    code_light(t->c, help_number(t));
    if (rd)
        RD(code_peek(t->c, IR_I64, STATE(x) + 8 * op->rd));
    if (fd)
        FRD(OF_BITS(code_peek(t->c, IR_I64, STATE(f) + 8 * op->rd)));
}

static void one(struct translation *t)
{
    u32 point = code_point(t->c);
    if (rv64_is_step(t, t->i)) {
        step_at(t, HERE);
        return;
    }
    if (t->r->fp && code_has_fp() && rv64_is_fflags(t->i)) {
        do_fflags(t);
        return;
    }
    if (rv64_is_vector(rv64_rows[t->i->row].format)) {
        vector_row(t);
        return;
    }
    t->fallback = t->i->fp && !code_has_fp();
    if (!t->fallback)
        words[t->i->row](t);
    if (t->fallback) {
        code_undo(t->c, point);
        code_help(t->c, help_number(t));
    }
}

/* How many of the instructions from HALF on are counted by its block. */
static u32 block_length(const struct translation *t, u32 half)
{
    u32 n = 0;
    do {
        const struct insn *i = &t->insns[t->at[half] - 1];
        if (rv64_is_step(t, i))
            return n;
        n++;
        half += i->length / 2;
        if (rv64_ends(i) || rv64_rows[i->row].format == FORMAT_B)
            return n;
    } while (half < HALVES && t->at[half] && !has(t->leads, half));
    return n;
}

/* frflags r; flt or fle; fsflags r: how compilers compare without a flag. Without the last, which
 * takes longer than all the rest. Returns how many half words were done, or 0. */
static u32 quiet_comparison(struct translation *t, u32 half, u32 remaining)
{
    const struct insn *i[3];
    u32                at = half;
    for (unsigned k = 0; k < 3; k++) {
        if (at >= HALVES || !t->at[at] || (k && has(t->leads, at)))
            return 0;
        i[k] = &t->insns[t->at[at] - 1];
        at += i[k]->length / 2;
    }
    bool lt = i[1]->row == INSN_flt_d || i[1]->row == INSN_flt_s;
    bool le = i[1]->row == INSN_fle_d || i[1]->row == INSN_fle_s;
    u8   r  = i[0]->op.rd;
    if (!t->r->fp || !code_has_fp() || !rv64_is_fflags(i[0]) || i[0]->row != INSN_csrrs ||
        i[0]->op.rs1 || r == 0 || r > 31 || !i[1]->legal || !(lt || le) || i[1]->op.rd == r ||
        !rv64_is_fflags(i[2]) || i[2]->row != INSN_csrrw || i[2]->op.rs1 != r ||
        (i[2]->word >> 7 & 31))
        return 0;
    enum ir_type type = i[1]->row == INSN_flt_s || i[1]->row == INSN_fle_s ? IR_F32 : IR_F64;
    ir_val a = code_get(t->c, VAR_F0 + i[1]->op.rs1), b = code_get(t->c, VAR_F0 + i[1]->op.rs2);
    ir_val was = code_get_flags(t->c);
    ir_val is  = code_quiet(t->c, lt ? IR_FQUIETLT : IR_FQUIETLE, type, a, b, EXIT_STEP,
                            t->base + 2 * half, rv64_counts_all(t->h) ? remaining : 0);
    set_x(t, r, was);
    set_x(t, i[1]->op.rd, is);
    return at - half;
}

static void block(struct translation *t, u32 half, bool polls)
{
    u32 n = block_length(t, half), done = 0;
    t->ended = false;
    if (polls)
        code_poll(t->c, n, t->base + 2 * half);
    else if (n && rv64_counts_all(t->h)) /* else of what polls, and only roughly right */
        code_count(t->c, n);
    do {
        t->i   = &t->insns[t->at[half] - 1];
        t->off = 2 * half;
        code_mark(t->c, TAG(t->off, n - done));
        u32 quiet = quiet_comparison(t, half, n - done);
        if (!quiet)
            one(t);
        done += quiet ? 3 : 1;
        half += quiet ? quiet : t->i->length / 2;
    } while (!t->ended && half < HALVES && t->at[half] && !has(t->leads, half));
    if (!t->ended)
        go_to(t, t->base + 2 * half);
}

static void blocks_from(struct translation *t, u32 lo, u32 hi)
{
    for (u32 half = lo; half < hi; half++)
        if (t->at[half] && has(t->leads, half)) {
            code_place(t->c, label_at(t, half));
            block(t, half, half == t->r->pc % PAGE_SIZE / 2 || has(t->head, half));
        }
}

static void blocks(struct translation *t)
{
    u32 entry = t->r->pc % PAGE_SIZE / 2;
    code_begin(t->c);
    for (unsigned f = 0; f < 32; f++)
        if (t->expected >> f & 1)
            code_expect_boxed(t->c, VAR_F0 + f, EXIT_UNBOXED, t->r->pc);
        else if (t->singles >> f & 1)
            code_assume_boxed(t->c, VAR_F0 + f);
    code_jump(t->c, label_at(t, entry));
    blocks_from(t, entry, t->hi);
    blocks_from(t, t->lo, entry);
    for (u32 k = 0; k < t->n_thunks; k++) {
        code_place(t->c, t->thunks[k].l);
        leave_to(t, t->thunks[k].pc);
    }
}

struct translation *rv64_translation_create(void)
{
    return xnew(struct translation);
}

static void begin(struct translation *t, struct rv64_hart *h, struct region *r, const u8 *page)
{
    t->h    = h;
    t->c    = h->jit->code;
    t->r    = r;
    t->page = page;
    t->base = r->pc & PAGE_MASK;
    t->n = t->n_thunks = t->singles = t->expected = 0;
    t->lo = t->hi = r->pc % PAGE_SIZE / 2;
}

/* What was set is cleared for the next one. Branches led to places on the page without code, too.
 */
static void end(struct translation *t)
{
    memset(t->at + t->lo, 0, (t->hi - t->lo) * sizeof(t->at[0]));
    memset(t->leads, 0, sizeof(t->leads));
    memset(t->head, 0, sizeof(t->head));
    memset(t->labelled, 0, sizeof(t->labelled));
}

int rv64_translate(struct rv64_hart *h, struct region *r, const u8 *page)
{
    struct translation *t = h->jit->translation;
    struct code_fn      fn;
    int                 rc = -ENOENT;
    begin(t, h, r, page);
    rv64_discover(t);
    if (t->n) {
        blocks(t);
        r->lo    = (u16)(2 * t->lo);
        r->bytes = (u16)(2 * (t->hi - t->lo));
        rc       = code_finish(t->c, &fn);
    }
    if (!rc)
        r->entry = fn.entry;
    end(t);
    return rc;
}

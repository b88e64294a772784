/* codegen/ir.c - building the intermediate code, and making it less while it is built.
 *
 * Within a block a variable that was read or set is known as a value, so reading it again costs
 * nothing; operations on constants, and those that change nothing, are done here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/ir.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define PURE  IR_PURE
#define COMM  IR_COMM
#define BOOL  IR_BOOL
#define SX32  IR_SX
#define FP    IR_FP
#define CALLS IR_CALLS
const struct ir_info ir_info[IR_OPS] = {
#define OP(name, operands, flags, ...) [IR_##name] = {#name, operands, flags},
#include "codegen/ops.def"
#undef OP
};
#undef PURE
#undef COMM
#undef BOOL
#undef SX32
#undef FP
#undef CALLS

u64 ir_meaning(enum ir_op op, u64 a, u64 b, u64 c)
{
    (void)c;
    switch (op) {
#define OP(name, operands, flags, ...)                                                             \
    case IR_##name:                                                                                \
        return (u64)(__VA_ARGS__);
#include "codegen/ops.def"
#undef OP
    default:
        return 0;
    }
}

struct code *code_create(struct code_cache *cache)
{
    struct code *c = xnew(struct code);
    c->cache       = cache;
    return c;
}

void code_destroy(struct code *c)
{
    if (!c)
        return;
    free(c->ir);
    free(c->uses);
    free(c);
}

void code_optimise(struct code *c, bool on)
{
    c->plain = !on;
}

static void open_block(struct code *c)
{
    c->block = c->n;
    memset(c->cur, 0xff, sizeof(c->cur));
}

void code_begin(struct code *c)
{
    c->n = c->n_labels = c->tag = 0;
    c->boxed                    = 0;
    open_block(c);
}

static u32 add(struct code *c, struct ir i)
{
    if (c->n == c->room) {
        c->room = c->room ? 2 * c->room : 1024;
        c->ir   = xrealloc(c->ir, c->room * sizeof(*c->ir));
        c->uses = xrealloc(c->uses, c->room * sizeof(*c->uses));
    }
    c->ir[c->n] = i;
    return c->n++;
}

ir_val code_const(struct code *c, u64 v)
{
    return (ir_val){add(c, (struct ir){.op = IR_CONST, .imm = (i64)v})};
}

bool code_is_const(const struct code *c, ir_val v, u64 *out)
{
    if (c->ir[v.id].op != IR_CONST)
        return false;
    *out = (u64)c->ir[v.id].imm;
    return true;
}

/* Is it known to be its own low half, sign-extended? */
static bool is_sx32(const struct code *c, ir_val v)
{
    const struct ir *i = &c->ir[v.id];
    if (i->op == IR_CONST)
        return i->imm == (i32)i->imm;
    if (i->op == IR_LOAD || i->op == IR_PEEK)
        return i->type <= IR_I32;
    if (i->op == IR_AND) {
        u64 k;
        return code_is_const(c, (ir_val){i->b}, &k) && k < 0x80000000u;
    }
    return ir_info[i->op].flags & IR_SX;
}

/* a OP k where that is a itself, or nothing at all. */
static bool same_as_operand(enum ir_op op, u64 k)
{
    switch (op) {
    case IR_ADD:
    case IR_SUB:
    case IR_OR:
    case IR_XOR:
        return k == 0;
    case IR_SHL:
    case IR_SHR:
    case IR_SAR:
    case IR_ROL:
    case IR_ROR:
        return (k & 63) == 0;
    case IR_AND:
        return k == ~0ull;
    case IR_MUL:
        return k == 1;
    default:
        return false;
    }
}

/* a OP k by a cheaper operation. */
static bool cheaper(struct code *c, enum ir_op op, ir_val a, u64 k, ir_val *out)
{
    const struct ir *i = &c->ir[a.id];
    u64              inner;
    if (op == IR_SUB)
        return *out = code_op(c, IR_ADD, a, code_const(c, -k)), true;
    if (op == IR_ADD && i->op == IR_ADD && code_is_const(c, (ir_val){i->b}, &inner)) {
        ir_val base = {i->a};
        return *out = code_op(c, IR_ADD, base, code_const(c, inner + k)), true;
    }
    if ((op == IR_AND || op == IR_MUL) && k == 0)
        return *out = code_const(c, 0), true;
    if (op == IR_AND && k < 0x80000000u && i->op == IR_SX32) /* asks only for bits below */
        return *out = code_op(c, IR_AND, (ir_val){i->a}, code_const(c, k)), true;
    if (op == IR_AND && k == 0xff)
        return *out = code_op1(c, IR_ZX8, a), true;
    if (op == IR_AND && k == 0xffff)
        return *out = code_op1(c, IR_ZX16, a), true;
    if (op == IR_AND && k == 0xffffffffu)
        return *out = code_op1(c, IR_ZX32, a), true;
    if (op == IR_XOR && k == ~0ull)
        return *out = code_op1(c, IR_NOT, a), true;
    if (op == IR_MUL && (k & (k - 1)) == 0)
        return *out = code_op(c, IR_SHL, a, code_const(c, (u64)__builtin_ctzll(k))), true;
    if (op == IR_NE && k == 0 && (ir_info[i->op].flags & IR_BOOL))
        return *out = a, true;
    /* (x << 32) >> 32, (x << 48) >> 48 and so on */
    if ((op == IR_SHR || op == IR_SAR) && i->op == IR_SHL &&
        code_is_const(c, (ir_val){i->b}, &inner) && inner == k) {
        ir_val x = {i->a};
        if (k == 32)
            return *out = code_op1(c, op == IR_SHR ? IR_ZX32 : IR_SX32, x), true;
        if (k == 48)
            return *out = code_op1(c, op == IR_SHR ? IR_ZX16 : IR_SX16, x), true;
        if (k == 56)
            return *out = code_op1(c, op == IR_SHR ? IR_ZX8 : IR_SX8, x), true;
    }
    return false;
}

ir_val code_op(struct code *c, enum ir_op op, ir_val a, ir_val b)
{
    u64    x, y;
    ir_val easy;
    if (c->plain)
        return (ir_val){add(c, (struct ir){.op = (u8)op, .a = a.id, .b = b.id})};
    if (code_is_const(c, a, &x)) {
        if (code_is_const(c, b, &y))
            return code_const(c, ir_meaning(op, x, y, 0));
        if (ir_info[op].flags & IR_COMM) {
            ir_val swap = a;
            a           = b;
            b           = swap;
        }
    }
    if (code_is_const(c, b, &y)) {
        if (same_as_operand(op, y))
            return a;
        if (cheaper(c, op, a, y, &easy))
            return easy;
    }
    if (a.id == b.id && (op == IR_XOR || op == IR_SUB))
        return code_const(c, 0);
    if (a.id == b.id && (op == IR_AND || op == IR_OR))
        return a;
    return (ir_val){add(c, (struct ir){.op = (u8)op, .a = a.id, .b = b.id})};
}

ir_val code_op1(struct code *c, enum ir_op op, ir_val a)
{
    const struct ir *i = &c->ir[a.id];
    u64              x;
    if (c->plain)
        return (ir_val){add(c, (struct ir){.op = (u8)op, .a = a.id})};
    if (code_is_const(c, a, &x) && !(ir_info[op].flags & IR_FP))
        return code_const(c, ir_meaning(op, x, 0, 0));
    if (op == IR_SX32 && is_sx32(c, a))
        return a;
    if (op == IR_ZX32 && (i->op == IR_ZX8 || i->op == IR_ZX16 || i->op == IR_ZX32))
        return a;
    if (i->op == IR_SX32 && (op == IR_SX8 || op == IR_SX16 || op == IR_ZX8 || op == IR_ZX16))
        return code_op1(c, op, (ir_val){i->a});
    if (op == i->op && (op == IR_SX8 || op == IR_SX16 || op == IR_ZX8 || op == IR_ZX16))
        return a;
    return (ir_val){add(c, (struct ir){.op = (u8)op, .a = a.id})};
}

ir_val code_select(struct code *c, ir_val cond, ir_val yes, ir_val no)
{
    u64 k;
    if (!c->plain && code_is_const(c, cond, &k))
        return k ? yes : no;
    return (ir_val){add(c, (struct ir){.op = IR_SELECT, .a = cond.id, .b = yes.id, .c = no.id})};
}

ir_val code_get(struct code *c, unsigned var)
{
    if (c->plain || c->cur[var] == IR_NONE)
        c->cur[var] = add(c, (struct ir){.op = IR_GET, .imm = var});
    return (ir_val){c->cur[var]};
}

void code_set(struct code *c, unsigned var, ir_val v)
{
    if (!c->plain && c->cur[var] == v.id)
        return;
    add(c, (struct ir){.op = IR_SET, .a = v.id, .imm = var});
    c->cur[var] = v.id;
}

/* Moves a constant part of BASE to *off. */
static ir_val split_base(const struct code *c, ir_val base, i32 *off)
{
    const struct ir *i = &c->ir[base.id];
    u64              k;
    if (!c->plain && i->op == IR_ADD && code_is_const(c, (ir_val){i->b}, &k)) {
        i64 sum = (i64)k + *off;
        if ((i64)k == (i32)k && sum == (i32)sum && sum > -(1 << 20) && sum < 1 << 20) {
            *off = (i32)sum;
            return (ir_val){i->a};
        }
    }
    return base;
}

ir_val code_load(struct code *c, enum ir_type type, ir_val base, i32 off)
{
    base = split_base(c, base, &off);
    return (ir_val){add(
        c, (struct ir){.op = IR_LOAD, .type = (u8)type, .a = base.id, .tag = c->tag, .imm = off})};
}

ir_val code_calling(struct code *c, enum ir_op op, enum ir_type type, ir_val a, ir_val b, ir_val d,
                    u32 which, u32 var)
{
    return (ir_val){add(c, (struct ir){.op   = (u8)op,
                                       .type = (u8)type,
                                       .a    = a.id,
                                       .b    = b.id,
                                       .c    = d.id,
                                       .tag  = c->tag,
                                       .imm  = (i64)((u64)var << 32 | which)})};
}

ir_val code_get_flags(struct code *c)
{
    return (ir_val){add(c, (struct ir){.op = IR_FGETFLAGS})};
}

void code_set_flags(struct code *c, ir_val v)
{
    add(c, (struct ir){.op = IR_FSETFLAGS, .a = v.id});
}

ir_val code_quiet(struct code *c, enum ir_op op, enum ir_type type, ir_val a, ir_val b, u32 kind,
                  u64 cookie, u32 units)
{
    return (ir_val){add(c, (struct ir){.op   = (u8)op,
                                       .type = (u8)type,
                                       .a    = a.id,
                                       .b    = b.id,
                                       .c    = units,
                                       .tag  = kind,
                                       .imm  = (i64)cookie})};
}

bool code_is_boxed(const struct code *c, ir_val v)
{
    const struct ir *i = &c->ir[v.id];
    if (i->op == IR_GET)
        return !c->plain && (c->boxed >> i->imm & 1);
    return i->type == IR_F32 && (ir_info[i->op].flags & IR_FP || i->op == IR_LOAD);
}

void code_assume_boxed(struct code *c, unsigned var)
{
    c->boxed |= 1ull << var;
}

void code_expect_boxed(struct code *c, unsigned var, u32 kind, u64 cookie)
{
    add(c, (struct ir){.op = IR_FEXPECT, .b = var, .c = kind, .imm = (i64)cookie});
    code_assume_boxed(c, var);
}

void code_store(struct code *c, enum ir_type type, ir_val base, i32 off, ir_val v)
{
    base = split_base(c, base, &off);
    add(c,
        (struct ir){
            .op = IR_STORE, .type = (u8)type, .a = base.id, .b = v.id, .tag = c->tag, .imm = off});
}

ir_val code_peek(struct code *c, enum ir_type type, i32 off)
{
    return (ir_val){add(c, (struct ir){.op = IR_PEEK, .type = (u8)type, .imm = off})};
}

void code_poke(struct code *c, i32 off, ir_val v)
{
    add(c, (struct ir){.op = IR_POKE, .a = v.id, .imm = off});
}

void code_help(struct code *c, u32 which)
{
    add(c, (struct ir){.op = IR_HELP, .tag = c->tag, .imm = which});
    memset(c->cur, 0xff, sizeof(c->cur));
}

void code_light(struct code *c, u32 which)
{
    add(c, (struct ir){.op = IR_LIGHT, .tag = c->tag, .imm = which});
}

void code_fence(struct code *c)
{
    add(c, (struct ir){.op = IR_FENCE});
}

void code_mark(struct code *c, u32 tag)
{
    c->tag = tag;
}

void code_poll(struct code *c, u32 units, u64 cookie)
{
    add(c, (struct ir){.op = IR_POLL, .b = units, .imm = (i64)cookie});
}

void code_count(struct code *c, u32 units)
{
    add(c, (struct ir){.op = IR_COUNT, .b = units});
}

ir_label code_label(struct code *c)
{
    return (ir_label){c->n_labels++};
}

void code_place(struct code *c, ir_label l)
{
    assert(c->n && ir_is_flow(&c->ir[c->n - 1]));
    open_block(c);
    add(c, (struct ir){.op = IR_BLOCK, .imm = l.id});
}

void code_branch(struct code *c, ir_val cond, ir_label yes, ir_label no)
{
    u64 k;
    if (code_is_const(c, cond, &k))
        code_jump(c, k ? yes : no);
    else
        add(c, (struct ir){.op = IR_BRANCH, .a = cond.id, .b = yes.id, .c = no.id});
}

void code_jump(struct code *c, ir_label l)
{
    add(c, (struct ir){.op = IR_JUMP, .b = l.id});
}

void code_exit(struct code *c, u32 kind, u64 cookie)
{
    add(c, (struct ir){.op = IR_EXIT, .b = kind, .imm = (i64)cookie});
}

void code_exit_to(struct code *c, ir_val key)
{
    add(c, (struct ir){.op = IR_EXIT_TO, .a = key.id});
}

u32 code_point(const struct code *c)
{
    return c->n;
}

void code_undo(struct code *c, u32 point)
{
    assert(point >= c->block);
    c->n = point;
    memset(c->cur, 0xff, sizeof(c->cur));
    for (u32 i = c->block; i < c->n; i++) {
        if (c->ir[i].op == IR_GET)
            c->cur[c->ir[i].imm] = i;
        else if (c->ir[i].op == IR_SET)
            c->cur[c->ir[i].imm] = c->ir[i].a;
        else if (c->ir[i].op == IR_HELP)
            memset(c->cur, 0xff, sizeof(c->cur));
    }
}

int code_finish(struct code *c, struct code_fn *out)
{
    assert(c->n && ir_is_flow(&c->ir[c->n - 1]));
    ir_sweep(c);
    return gen_region(c, out);
}

static void count_operands(struct code *c, const struct ir *i)
{
    unsigned n = ir_info[i->op].operands;
    if (n > 0)
        c->uses[i->a]++;
    if (n > 1)
        c->uses[i->b]++;
    if (n > 2)
        c->uses[i->c]++;
}

void ir_sweep(struct code *c)
{
    u64 overwritten = 0; /* variables that are set again before anybody looks */
    _Static_assert(CODE_VARS <= 64, "a set of variables is a word");
    memset(c->uses, 0, c->n * sizeof(*c->uses));
    for (u32 k = c->n; k-- > 0;) {
        struct ir *i     = &c->ir[k];
        u8         flags = ir_info[i->op].flags;
        bool       dead  = (flags & IR_PURE) && c->uses[k] == 0;
        if (i->op == IR_SET) {
            dead = !c->plain && (overwritten >> i->imm & 1);
            overwritten |= 1ull << i->imm;
        } else if (!(flags & IR_PURE)) {
            overwritten = 0;
        } else if (i->op == IR_GET && !dead) {
            overwritten &= ~(1ull << i->imm);
        }
        if (dead)
            *i = (struct ir){.op = IR_BLOCK, .imm = IR_NOTHING};
        else
            count_operands(c, i);
    }
}

void code_dump(const struct code *c)
{
    for (u32 k = 0; k < c->n; k++) {
        const struct ir *i = &c->ir[k];
        if (i->op == IR_BLOCK && i->imm == IR_NOTHING)
            continue;
        fprintf(stderr, "%4u %-6s", k, ir_info[i->op].name);
        u32 operands[] = {i->a, i->b, i->c};
        for (unsigned n = 0; n < ir_info[i->op].operands; n++)
            fprintf(stderr, " v%u", operands[n]);
        fprintf(stderr, "  type %u b %u c %u imm %lx\n", i->type, i->b, i->c, (u64)i->imm);
    }
}

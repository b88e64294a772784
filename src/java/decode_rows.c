/* java/decode_rows.c - how each bytecode is decoded: a function for each word in bytecode.def. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/decode.h"
#include "java/vm.h"

static const u8 *at(const struct decoder *d)
{
    return d->m->bytes + d->bci;
}

static bool is(i32 y, i32 flag)
{
    return y & flag;
}

static void d_nop(struct decoder *d, i32 x, i32 y)
{
    (void)d, (void)x, (void)y;
}

static void d_const(struct decoder *d, i32 x, i32 y)
{
    push_entry(d, (struct entry){.kind = CONSTANT, .wide = is(y, WIDE), .k = x});
}

static void load64(struct decoder *d, u64 v)
{
    u64 *cell = arena_alloc(d->arena, sizeof(*cell));
    *cell     = v;
    u16 to    = push(d, true);
    emit(d, OP_LD64, to, 0, (i32)(u64)cell);
    made(d);
}

static void d_dconst(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    load64(d, 0x3ff0000000000000);
}

static void d_push8(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    d_const(d, (i8)at(d)[1], 0);
}

static void d_push16(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    d_const(d, (i16)be16(at(d) + 1), 0);
}

static void d_ldc(struct decoder *d, i32 x, i32 y)
{
    struct class *c   = d->m->cls;
    u16           cp  = x == 1 ? at(d)[1] : be16(at(d) + 1);
    u8            tag = cp && cp < c->ncp ? c->tags[cp] : 0;
    if (tag == CP_INT || tag == CP_FLOAT) {
        d_const(d, (i32)cp_u4(c, cp), 0);
    } else if ((tag == CP_LONG || tag == CP_DOUBLE) && is(y, WIDE)) {
        i64 v = (i64)cp_u8(c, cp);
        if (v == (i32)v)
            d_const(d, (i32)v, WIDE);
        else
            load64(d, (u64)v);
    } else if (tag == CP_STRING || tag == CP_CLASS || tag == CP_DYNAMIC ||
               tag == CP_METHOD_HANDLE || tag == CP_METHOD_TYPE) {
        u16 to = push(d, is(y, WIDE));
        emit(d, OP_LDC, to, 0, 0);
        made(d);
    } else {
        d->bad = "Illegal type in constant pool";
    }
}

static u32 local_index(struct decoder *d, i32 x)
{
    if (x >= 0)
        return (u32)x;
    return d->wide_prefix ? be16(at(d) + 2) : at(d)[1];
}

static void d_load(struct decoder *d, i32 x, i32 y)
{
    u32 i = local_index(d, x);
    if (local_ok(d, i, is(y, WIDE)))
        push_entry(d, (struct entry){.kind = IN_LOCAL, .wide = is(y, WIDE), .reg = (u16)i});
}

/* When the last instruction made the value, it makes it right in the local. */
static void d_store(struct decoder *d, i32 x, i32 y)
{
    u32 i = local_index(d, x);
    if (!local_ok(d, i, is(y, WIDE)))
        return;
    u32          def = d->def;
    struct entry e   = pop(d);
    bool         top = def != NONE && def == d->n - 1 && e.kind == IN_SLOT &&
               d->insns[def].a == slot_reg(d, e.slot);
    flush_local(d, (u16)i);
    if (top && def == d->n - 1)
        d->insns[def].a = (u16)i;
    else if (e.kind == CONSTANT)
        emit(d, OP_LDI, (u16)i, 0, e.k);
    else if (!(e.kind == IN_LOCAL && e.reg == i))
        emit(d, OP_MOV, (u16)i, reg_of(d, &e), 0);
    d->def = NONE;
}

static void d_aload(struct decoder *d, i32 x, i32 y)
{
    u16 index = pop_reg(d), array = pop_reg(d);
    u16 to = push(d, is(y, WIDE));
    emit3(d, (enum op)x, to, array, index);
    made(d);
}

static void d_astore(struct decoder *d, i32 x, i32 y)
{
    (void)y;
    u16 value = pop_reg(d), index = pop_reg(d), array = pop_reg(d);
    emit3(d, (enum op)x, value, array, index);
}

static void d_pop(struct decoder *d, i32 x, i32 y)
{
    (void)y;
    for (i32 slots = 0; slots < x && !d->bad;)
        slots += pop(d).wide ? 2 : 1;
}

/* Puts E on the stack again, where its value was in another slot. */
static void replace(struct decoder *d, struct entry e, u16 *moves, unsigned *n)
{
    u16 from = e.slot, to = d->slots;
    push_entry(d, e);
    if (e.kind == IN_SLOT && from != to) {
        moves[*n * 2]     = slot_reg(d, to);
        moves[*n * 2 + 1] = slot_reg(d, from);
        (*n)++;
    }
}

/* X slots are doubled and put below Y others: JVMS 6.5 dup to dup2_x2. */
static void d_dup(struct decoder *d, i32 x, i32 y)
{
    struct entry up[2], down[2];
    unsigned     nup = 0, ndown = 0, n = 0;
    u16          moves[12];
    for (i32 slots = 0; slots < x && !d->bad; nup++) {
        up[nup] = pop(d);
        slots += up[nup].wide ? 2 : 1;
    }
    for (i32 slots = 0; slots < y && !d->bad; ndown++) {
        down[ndown] = pop(d);
        slots += down[ndown].wide ? 2 : 1;
    }
    if (d->bad)
        return;
    unsigned base = d->depth;
    for (unsigned i = nup; i-- > 0;)
        push_entry(d, up[i]);
    for (unsigned i = ndown; i-- > 0;)
        replace(d, down[i], moves, &n);
    for (unsigned i = nup; i-- > 0 && !d->bad;)
        replace(d, up[i], moves, &n);
    if (d->bad)
        return;
    for (unsigned i = n; i-- > 0;) /* the topmost first, so that nothing is lost */
        emit(d, OP_MOV, moves[2 * i], moves[2 * i + 1], 0);
    for (unsigned i = 0; i < nup; i++) { /* the copies below come from the top ones */
        struct entry *low = &d->stack[base + i], *high = &d->stack[d->depth - nup + i];
        if (low->kind == IN_SLOT && y)
            emit(d, OP_MOV, slot_reg(d, low->slot), slot_reg(d, high->slot), 0);
    }
    if (x == 1 && !y && n)
        made(d);
}

static void d_swap(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    struct entry b = pop(d), a = pop(d);
    u16          slot = d->slots, temp = (u16)(d->m->nregs - 1);
    if (d->bad)
        return;
    if (a.kind == IN_SLOT && b.kind == IN_SLOT) {
        emit(d, OP_MOV, temp, slot_reg(d, slot), 0);
        emit(d, OP_MOV, slot_reg(d, slot), slot_reg(d, (u16)(slot + 1)), 0);
        emit(d, OP_MOV, slot_reg(d, (u16)(slot + 1)), temp, 0);
    } else if (b.kind == IN_SLOT) {
        emit(d, OP_MOV, slot_reg(d, slot), slot_reg(d, (u16)(slot + 1)), 0);
    } else if (a.kind == IN_SLOT) {
        emit(d, OP_MOV, slot_reg(d, (u16)(slot + 1)), slot_reg(d, slot), 0);
    }
    push_entry(d, b);
    push_entry(d, a);
}

static void d_bin(struct decoder *d, i32 x, i32 y)
{
    struct entry right = pop(d);
    i32          k_op  = y & OPERATION;
    if (right.kind == CONSTANT && k_op) {
        u16 left = pop_reg(d);
        u16 to   = push(d, is(y, WIDE2));
        emit(d, (enum op)k_op, to, left, right.k);
    } else {
        u16 r = reg_of(d, &right), left = pop_reg(d);
        u16 to = push(d, is(y, WIDE2));
        emit3(d, (enum op)x, to, left, r);
    }
    made(d);
}

static void d_shift(struct decoder *d, i32 x, i32 y)
{
    d_bin(d, x, y);
}

static void d_un(struct decoder *d, i32 x, i32 y)
{
    u16 from = pop_reg(d);
    u16 to   = push(d, is(y, WIDE));
    emit(d, (enum op)x, to, from, 0);
    made(d);
}

static void d_iinc(struct decoder *d, i32 x, i32 y)
{
    (void)y;
    u32 i = local_index(d, -1);
    x     = d->wide_prefix ? (i16)be16(at(d) + 4) : (i8)at(d)[2];
    if (!local_ok(d, i, false))
        return;
    flush_local(d, (u16)i);
    emit(d, OP_IADDK, (u16)i, (u16)i, x);
}

static void d_cmp(struct decoder *d, i32 x, i32 y)
{
    (void)y;
    u16 right = pop_reg(d), left = pop_reg(d);
    u16 to = push(d, false);
    emit3(d, (enum op)x, to, left, right);
    made(d);
}

static i64 target(const struct decoder *d)
{
    return (i64)d->bci + (i16)be16(at(d) + 1);
}

static void branch(struct decoder *d, enum op op, u16 a, u16 b)
{
    flush(d);
    jump_to(d, emit(d, op, a, b, 0), target(d), NULL);
}

/* A comparison of longs that was just made is taken into the jump. */
static void d_ifzero(struct decoder *d, i32 x, i32 y)
{
    u32          def  = d->def;
    struct entry e    = pop(d);
    bool         fuse = def != NONE && def == d->n - 1 && e.kind == IN_SLOT &&
                d->insns[def].go == interp_labels()[OP_LCMP];
    if (fuse) {
        struct insn cmp = d->insns[def];
        d->n--;
        branch(d, (enum op)y, cmp.b, cmp.c);
    } else {
        branch(d, (enum op)x, reg_of(d, &e), 0);
    }
}

static void d_ificmp(struct decoder *d, i32 x, i32 y)
{
    struct entry right = pop(d);
    if (right.kind == CONSTANT && right.k == (i16)right.k) {
        u16 left = pop_reg(d);
        branch(d, (enum op)y, left, (u16)right.k);
    } else {
        u16 r = reg_of(d, &right), left = pop_reg(d);
        branch(d, (enum op)x, left, r);
    }
}

static void d_ifacmp(struct decoder *d, i32 x, i32 y)
{
    (void)y;
    u16 right = pop_reg(d), left = pop_reg(d);
    branch(d, (enum op)x, left, right);
}

static void d_ifref(struct decoder *d, i32 x, i32 y)
{
    (void)y;
    branch(d, (enum op)x, pop_reg(d), 0);
}

static i64 far_target(const struct decoder *d)
{
    return *at(d) >= 0xc8 ? (i64)d->bci + (i32)be32(at(d) + 1) : target(d);
}

static void d_goto(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    flush(d);
    jump_to(d, emit(d, OP_GOTO, 0, 0, 0), far_target(d), NULL);
    d->ended = true;
}

/* A subroutine leaves the stack as it is when it returns; only its address was on top. */
static void d_jsr(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    flush(d);
    u16 to   = push(d, false);
    u32 insn = emit(d, OP_JSR, to, 0, 0);
    jump_to(d, insn, far_target(d), NULL);
    pop(d);
    if (d->next < d->m->code_length)
        jump_to(d, emit(d, OP_GOTO, 0, 0, 0), d->next, NULL);
    d->ended = true;
}

static void d_ret(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    u32 i = local_index(d, -1);
    if (local_ok(d, i, false))
        emit(d, OP_RET, (u16)i, 0, 0);
    d->ended = true;
}

static void d_switch(struct decoder *d, i32 x, i32 y)
{
    (void)y;
    u16       key = pop_reg(d);
    const u8 *p   = d->m->bytes + (d->bci / 4 + 1) * 4;
    i32       n   = x ? (i32)be32(p + 4) : (i32)(be32(p + 8) - be32(p + 4) + 1);
    flush(d);
    struct switch_table *s    = arena_alloc(d->arena, sizeof(*s) + (size_t)n * (x ? 8 : 4));
    u32                  insn = emit(d, x ? OP_LOOKUPSWITCH : OP_TABLESWITCH, key, 0, (i32)(u64)s);
    s->low                    = (i32)be32(p + 4);
    s->n                      = n;
    jump_to(d, insn, (i64)d->bci + (i32)be32(p), &s->otherwise);
    for (i32 i = 0; i < n && !d->bad; i++) {
        const u8 *q = x ? p + 8 + 8 * i : p + 12 + 4 * i;
        if (x)
            s->data[i] = (i32)be32(q);
        jump_to(d, insn, (i64)d->bci + (i32)be32(x ? q + 4 : q), &s->data[x ? n + i : i]);
    }
    d->ended = true;
}

static void d_return(struct decoder *d, i32 x, i32 y)
{
    (void)y;
    struct method *m    = d->m;
    bool           sync = m->flags & ACC_SYNCHRONIZED;
    if (x)
        emit(d, sync ? OP_RETURN_SYNC_A : OP_RETURN_A, pop_reg(d), 0, 0);
    else if (m->name == d->vm->n.init && m->cls->name == d->vm->n.object)
        emit(d, OP_RETURN_OBJECT_INIT, 0, 0, 0);
    else
        emit(d, sync ? OP_RETURN_SYNC : OP_RETURN, 0, 0, 0);
    d->ended = true;
}

static bool cp_is(struct decoder *d, u16 cp, u8 tag, u8 or)
{
    const struct class *c = d->m->cls;
    if (cp && cp < c->ncp && (c->tags[cp] == tag || c->tags[cp] == or))
        return true;
    d->bad = "Illegal constant pool index";
    return false;
}

static void d_field(struct decoder *d, i32 x, i32 y)
{
    (void)y;
    u16 cp = be16(at(d) + 1);
    if (!cp_is(d, cp, CP_FIELD, CP_FIELD))
        return;
    char desc = cp_member_desc(d->m->cls, cp)->s[0];
    bool wide = desc == 'J' || desc == 'D';
    bool put  = x == OP_PUTFIELD || x == OP_PUTSTATIC;
    u16  a    = put ? pop_reg(d) : 0;
    u16  b    = x == OP_GETFIELD || x == OP_PUTFIELD ? pop_reg(d) : 0;
    if (!put)
        a = push(d, wide);
    emit(d, (enum op)x, a, b, 0);
    if (!put)
        made(d);
}

/* The registers of the arguments, in the callee's order; two for a long. */
static struct call_site *take_args(struct decoder *d, u32 nargs)
{
    struct call_site *s = arena_alloc(d->arena, sizeof(*s) + 2 * nargs);
    s->nargs            = (u16)nargs;
    for (u32 i = nargs; i > 0 && !d->bad;) {
        struct entry e = pop(d);
        if (e.wide && i < 2) {
            d->bad = "Bad type on operand stack";
            break;
        }
        u16 reg = reg_of(d, &e);
        for (unsigned k = 0; k < 1u + e.wide; k++)
            s->args[--i] = reg;
    }
    return s;
}

static void d_invoke(struct decoder *d, i32 x, i32 y)
{
    (void)y;
    u16  cp      = be16(at(d) + 1);
    bool dynamic = x == OP_INVOKEDYNAMIC;
    bool either  = x == OP_INVOKESTATIC || x == OP_INVOKESPECIAL;
    u8   tag     = dynamic ? CP_INVOKE_DYNAMIC : x == OP_INVOKEINTERFACE ? CP_IMETHOD : CP_METHOD;
    if (!cp_is(d, cp, tag, either ? CP_IMETHOD : tag))
        return;
    struct symbol    *desc = cp_member_desc(d->m->cls, cp);
    u32               n    = desc_slots(desc, x == OP_INVOKESTATIC || dynamic);
    struct call_site *site = take_args(d, n);
    enum type         type = desc_result(desc);
    u16               to   = (u16)(d->m->nregs - 1);
    if (type != T_VOID)
        to = push(d, type == T_LONG || type == T_DOUBLE);
    emit(d, (enum op)x, to, 0, (i32)(u64)site);
    if (type != T_VOID)
        made(d);
}

static void d_new(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    u16 to = push(d, false);
    if (cp_is(d, be16(at(d) + 1), CP_CLASS, CP_CLASS))
        emit(d, OP_NEW, to, 0, 0);
    made(d);
}

static void d_newarray(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    const u8 *p = at(d);
    if (*p == 0xbd ? !cp_is(d, be16(p + 1), CP_CLASS, CP_CLASS) : p[1] < 4 || p[1] > 11) {
        d->bad = "Illegal newarray instruction";
        return;
    }
    u16 length = pop_reg(d);
    u16 to     = push(d, false);
    emit(d, OP_NEWARRAY, to, length, 0);
    made(d);
}

static void d_multi(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    if (!cp_is(d, be16(at(d) + 1), CP_CLASS, CP_CLASS) || !at(d)[3]) {
        d->bad = "Illegal dimension in multianewarray";
        return;
    }
    struct call_site *site = take_args(d, at(d)[3]);
    u16               to   = push(d, false);
    emit(d, OP_MULTINEWARRAY, to, 0, (i32)(u64)site);
    made(d);
}

static void d_athrow(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    emit(d, OP_ATHROW, pop_reg(d), 0, 0);
    d->ended = true;
}

/* The value stays where it is. */
static void d_checkcast(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    if (!cp_is(d, be16(at(d) + 1), CP_CLASS, CP_CLASS))
        return;
    struct entry e = pop(d);
    if (e.kind == CONSTANT) { /* null */
        push_entry(d, e);
        return;
    }
    u16 reg = reg_of(d, &e);
    push_entry(d, e);
    emit(d, OP_CHECKCAST, reg, 0, 0);
}

static void d_monitor(struct decoder *d, i32 x, i32 y)
{
    (void)y;
    emit(d, (enum op)x, pop_reg(d), 0, 0);
}

static void d_wide(struct decoder *d, i32 x, i32 y)
{
    (void)x, (void)y;
    u8 op          = at(d)[1];
    d->wide_prefix = true;
    if ((op >= 0x15 && op <= 0x19) || (op >= 0x36 && op <= 0x3a) || op == 0x84 || op == 0xa9)
        bytecodes[op].decode(d, bytecodes[op].x, bytecodes[op].y);
    else
        d->bad = "Bad wide instruction";
    d->wide_prefix = false;
}

const struct row bytecodes[202] = {
#define BC(number, name, length, how, x, y) [number] = {length, d_##how, x, y},
#include "java/bytecode.def"
};

/* codegen/eval.c - does what a region says, without a host: the oracle of its tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "codegen/ir.h"

static u64 extended(enum ir_type t, u64 v)
{
    static const u8 width[IR_TYPES] = {[IR_I8] = 8,   [IR_U8] = 8,   [IR_I16] = 16, [IR_U16] = 16,
                                       [IR_I32] = 32, [IR_U32] = 32, [IR_I64] = 64};
    bool            is_signed       = t == IR_I8 || t == IR_I16 || t == IR_I32;
    return is_signed ? (u64)sext(v, width[t]) : bits(v, width[t] - 1u, 0);
}

static u32 find_block(const struct code *c, u32 l)
{
    for (u32 k = 0; k < c->n; k++)
        if (c->ir[k].op == IR_BLOCK && c->ir[k].imm == (i64)l)
            return k;
    assert(false && "a label that was never placed");
    return 0;
}

static u64 atomic(struct code_eval *e, const struct ir *i, u64 addr, u64 b, u64 c)
{
    u64 was = extended(i->type, e->load(e->ctx, i->type, addr));
    b       = extended(i->type, b);
    e->store(e->ctx, i->type, addr, ir_meaning(i->op, was, b, c));
    return i->op == IR_ACAS ? was != b : was;
}

/* One operation. True: the region was left. *at is moved on. */
static bool step(const struct code *c, struct code_eval *e, u64 *v, u32 *at)
{
    const struct ir *i = &c->ir[*at];
    u64              a = ir_info[i->op].operands > 0 ? v[i->a] : 0;
    u64              b = ir_info[i->op].operands > 1 ? v[i->b] : 0;
    u64             *r = &v[*at];
    ++*at;
    switch ((enum ir_op)i->op) {
    case IR_CONST:
        *r = (u64)i->imm;
        break;
    case IR_GET:
        *r = e->vars[i->imm];
        break;
    case IR_SET:
        e->vars[i->imm] = a;
        break;
    case IR_POLL:
    case IR_COUNT:
        e->count -= i->b;
        if (i->op == IR_POLL && e->count < 0) {
            e->count += i->b;
            e->kind   = CODE_POLLED;
            e->cookie = (u64)i->imm;
            return true;
        }
        break;
    case IR_BRANCH:
        *at = find_block(c, a ? i->b : i->c);
        break;
    case IR_JUMP:
        *at = find_block(c, i->b);
        break;
    case IR_EXIT:
        e->kind   = i->b;
        e->cookie = (u64)i->imm;
        return true;
    case IR_EXIT_TO:
        e->kind   = CODE_TO;
        e->cookie = a;
        return true;
    case IR_LOAD:
        *r = extended(i->type, e->load(e->ctx, i->type, a + (u64)i->imm));
        break;
    case IR_STORE:
        e->store(e->ctx, i->type, a + (u64)i->imm, b);
        break;
    case IR_ALOAD:
    case IR_AADD:
    case IR_ASWAP:
    case IR_AAND:
    case IR_AOR:
    case IR_AXOR:
    case IR_ACAS:
        *r = atomic(e, i, a, b, ir_info[i->op].operands > 2 ? v[i->c] : 0);
        break;
    case IR_BLOCK:
    case IR_FENCE:
    case IR_HELP:
    case IR_LIGHT:
    case IR_PEEK:
    case IR_FEXPECT:
    case IR_POKE: /* not in what is tested so */
        break;
    default:
        *r = ir_meaning(i->op, a, b, ir_info[i->op].operands > 2 ? v[i->c] : 0);
    }
    return false;
}

void code_evaluate(const struct code *c, struct code_eval *e, u64 steps)
{
    cleanup_free u64 *v  = xalloc(c->n * sizeof(u64));
    u32               at = 0;
    while (steps-- > 0)
        if (step(c, e, v, &at))
            return;
    e->kind = CODE_LOST;
}

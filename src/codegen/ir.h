/* codegen/ir.h - the intermediate code, as the files of this folder see it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEGEN_IR_H
#define CODEGEN_IR_H

#include "codegen/codegen.h"

enum { IR_PURE = 1, IR_COMM = 2, IR_BOOL = 4, IR_SX = 8, IR_FP = 16, IR_CALLS = 32 };
#define IR_NONE (~0u)

/* One operation. Its place in the list is the name of its value. */
struct ir {
    u8  op, type;
    u32 a, b, c; /* operands; see ops.def */
    u32 tag;     /* of what may leave */
    i64 imm;
};

struct ir_info {
    const char *name;
    u8          operands, flags;
};
extern const struct ir_info ir_info[IR_OPS];

struct code {
    struct code_cache *cache;
    struct ir         *ir;
    u32                n, room;
    u32               *uses; /* of each value, while finishing */
    u32                n_labels;
    u32                tag;
    bool               plain;          /* nothing is made less */
    u64                boxed;          /* variables that hold nothing but boxed singles */
    u32                block;          /* where the open block begins */
    u32                cur[CODE_VARS]; /* what each variable is, in this block */
};

static inline u64 ir_sx32(u64 v)
{
    return (u64)(i64)(i32)v;
}

static inline u64 ir_div(i64 a, i64 b)
{
    if (b == 0)
        return ~0ull;
    return b == -1 ? -(u64)a : (u64)(a / b);
}

static inline u64 ir_rem(i64 a, i64 b)
{
    if (b == 0)
        return (u64)a;
    return b == -1 ? 0 : (u64)(a % b);
}

/* What OP makes of a, b, c: ops.def's last column. Not for rows without a meaning. */
u64 ir_meaning(enum ir_op, u64 a, u64 b, u64 c);

static inline bool ir_is_flow(const struct ir *i)
{
    return i->op == IR_BRANCH || i->op == IR_JUMP || i->op == IR_EXIT || i->op == IR_EXIT_TO;
}

/* Counts uses, and drops what nobody needs (its op becomes BLOCK with imm -1: nothing). */
void ir_sweep(struct code *);
#define IR_NOTHING (-1)

/* gen.c */
int gen_region(struct code *, struct code_fn *out);

#endif

/* codegen/x64_atomic.c - the back end for x86-64: atomic accesses. Each is a full fence.
 *
 * The result comes to be in rax. What the straight path does not do (no entry in the table, an
 * address that is not aligned) is the client's, by help. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifdef __x86_64__
#include "codegen/x64.h"

#define RESULT RAX

/* Looks the address up; misses are helped. The place is good until the operation's end. */
static struct mem place(struct gen *g, const struct ir *i, u8 addr)
{
    const struct code_frame *f     = &g->k->frame;
    u8                       align = i->type == IR_I32 ? 3 : 7;
    u32                      miss;
    if (f->window == WINDOW_PAGED) {
        u8 page = gen_temp(g);
        x64_entry(g, addr, 0, align, i->op == IR_ALOAD ? f->load_table : f->store_table, RESULT,
                  page, &miss);
        x64_help_stub(g, i, miss);
        return indexed(addr, page, 0, 0);
    }
    x_rr(&g->e, OP_W | 0x3b, addr, R15);
    x64_help_stub(g, i, x_jcc(&g->e, CC_AE));
    x_rr(&g->e, OP_8 | 0xf6, 0, addr);
    x8(&g->e, align);
    x64_help_stub(g, i, x_jcc(&g->e, CC_NE));
    return at(addr, 0);
}

/* A host instruction on memory; if it faults, that is the guest's fault. */
static void touch(struct gen *g, const struct ir *i, u32 op, u8 reg, struct mem m)
{
    u32 width = i->type == IR_I64 ? OP_W : 0;
    u32 gs    = g->k->frame.window == WINDOW_FLAT ? OP_GS : 0;
    gen_site(g, i, false);
    x_rm(&g->e, op | width | gs, reg, m);
}

static void extend(struct gen *g, const struct ir *i)
{
    if (i->type == IR_I32)
        x_rr(&g->e, OP_W | 0x63, RESULT, RESULT);
}

static const struct {
    u8 alu;  /* of opcode group 1 */
    u8 swap; /* one instruction does it, with its register as operand and result; 0: none */
} kinds[IR_OPS] = {[IR_AADD]  = {ALU_ADD, 0xc1},
                   [IR_ASWAP] = {0, 0x87},
                   [IR_AAND]  = {ALU_AND, 0},
                   [IR_AOR]   = {ALU_OR, 0},
                   [IR_AXOR]  = {ALU_XOR, 0}};

/* No instruction gives the old value: a loop. */
static void compute(struct gen *g, const struct ir *i, u8 val, struct mem m, u8 t)
{
    struct emit *e = &g->e;
    touch(g, i, 0x8b, RESULT, m);
    u32 again = e->at;
    x_rr(e, OP_W | 0x8b, t, RESULT);
    x_rr(e, OP_W | 0x03 | (u32)kinds[i->op].alu << 3, t, val);
    touch(g, i, OP_LOCK | OP_0F | 0xb1, t, m);
    u32 back = x_jcc(e, CC_NE);
    if (!e->full)
        host_fix(g, back, again);
    extend(g, i);
}

/* A register for the new value: the address's, when a page's register can take that in. */
static u8 room_for_new(struct gen *g, u8 addr, u8 val)
{
    if (g->k->frame.window == WINDOW_FLAT || addr == val || !gen_is_temp(addr))
        return gen_temp(g);
    gen_take(g, addr);
    return addr;
}

static void operate(struct gen *g, u32 index, const struct ir *i, u8 addr, u8 val)
{
    bool       wanted = g->v[index].left > 0;
    u8         t      = wanted && !kinds[i->op].swap ? room_for_new(g, addr, val) : NO_REG;
    struct mem m      = place(g, i, addr);
    if (t == addr) {
        x_rr(&g->e, OP_W | 0x03, m.index, addr);
        m = at(m.index, 0);
    }
    if (!wanted && i->op != IR_ASWAP) {
        touch(g, i, OP_LOCK | 0x01 | (u32)kinds[i->op].alu << 3, val, m);
    } else if (kinds[i->op].swap) {
        x_rr(&g->e, OP_W | 0x8b, RESULT, val);
        touch(g, i, i->op == IR_ASWAP ? kinds[i->op].swap : OP_LOCK | OP_0F | kinds[i->op].swap,
              RESULT, m);
        extend(g, i);
    } else {
        compute(g, i, val, m, t);
    }
}

static void exchange(struct gen *g, const struct ir *i, u8 addr, u8 val)
{
    struct mem m = place(g, i, addr);
    host_move(g, RESULT, gen_loc(g, i->b));
    touch(g, i, OP_LOCK | OP_0F | 0xb1, val, m);
    x_rr(&g->e, OP_8 | OP_0F | 0x95, 0, RESULT);
    x_rr(&g->e, OP_8 | OP_0F | 0xb6, RESULT, RESULT);
}

void x64_atomic(struct gen *g, u32 index, const struct ir *i)
{
    gen_take(g, RESULT);
    u8  addr = gen_reg(g, i->a);
    u8  val  = i->op == IR_ALOAD ? addr : gen_reg(g, i->op == IR_ACAS ? i->c : i->b);
    u32 from = g->stubs.n;
    u32 var  = (u32)((u64)i->imm >> 32);
    gen_used(g, i->a);
    if (i->op != IR_ALOAD)
        gen_used(g, i->op == IR_ACAS ? i->c : i->b);
    if (var != CODE_NO_VAR)
        gen_preserve(g, var);
    if (i->op == IR_ALOAD) {
        struct mem m = place(g, i, addr);
        touch(g, i, 0x8b, RESULT, m);
        extend(g, i);
    } else if (i->op == IR_ACAS) {
        exchange(g, i, addr, val);
        gen_used(g, i->b);
    } else {
        operate(g, index, i, addr, val);
    }
    x64_stubs_back(g, from, g->v[index].left ? RESULT : NO_REG);
    if (g->v[index].left)
        gen_is_in(g, index, RESULT);
}
#endif

/* rv64/translate_csr.c - CSRs that translated code reads and writes itself: those that are just a
 * word of the hart, and what kernels do with sstatus all the time. The rest is csr.c's. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/translate.h"

#define STATE(member) rv64_jit_state_off(offsetof(struct rv64_hart, member))

enum { CSR_SSTATUS = 0x100, WRITE = 1, SET, CLEAR };

/* What an instruction does to a CSR. */
struct csr_access {
    unsigned number, how, rd, rs1;
    bool     writes, imm;
};

static ir_val constant(struct translation *t, u64 v)
{
    return code_const(t->c, v);
}

static ir_val op(struct translation *t, enum ir_op what, ir_val a, ir_val b)
{
    return code_op(t->c, what, a, b);
}

static ir_val operand(struct translation *t, const struct csr_access *a)
{
    return a->imm || !a->rs1 ? constant(t, a->rs1) : code_get(t->c, a->rs1);
}

static void set_rd(struct translation *t, const struct csr_access *a, ir_val v)
{
    if (a->rd)
        code_set(t->c, a->rd, v);
}

static ir_val changed(struct translation *t, const struct csr_access *a, ir_val old)
{
    ir_val with = operand(t, a);
    if (a->how == WRITE)
        return with;
    return op(t, a->how == SET ? IR_OR : IR_ANDN, old, with);
}

static bool plain(struct translation *t, const struct csr_access *a)
{
    u64 writable;
    i32 offset = rv64_csr_plain(a->number, &writable);
    if (offset < 0 || (a->writes && a->number >> 10 == 3))
        return false;
    i32    off = rv64_jit_state_off((u64)offset);
    ir_val old = code_peek(t->c, IR_I64, off), now = changed(t, a, old);
    if (writable != ~0ull)
        now = op(t, IR_OR, op(t, IR_AND, now, constant(t, writable)),
                 op(t, IR_AND, old, constant(t, ~writable)));
    if (a->writes)
        code_poke(t->c, off, now);
    set_rd(t, a, old);
    return true;
}

/* FS or VS, two bits at AT, and what SD has of them. */
static ir_val unit_status(struct translation *t, i32 member, u64 at)
{
    ir_val is = code_peek(t->c, IR_U32, member);
    ir_val sd = op(t, IR_SHL, op(t, IR_EQ, is, constant(t, 3)), constant(t, 63));
    return op(t, IR_OR, op(t, IR_SHL, is, constant(t, at)), sd);
}

/* sstatus is made of mstatus's word and what is kept apart (Volume II, 10.1.1). */
static ir_val sstatus(struct translation *t, ir_val mstatus)
{
    ir_val word = op(t, IR_AND, mstatus, constant(t, SSTATUS_WORD));
    word        = op(t, IR_OR, word, constant(t, MSTATUS_UXL));
    if (t->h->vlenb)
        word = op(t, IR_OR, word, unit_status(t, STATE(vs), 9));
    if (t->r->fp != FP_OFF)
        return op(t, IR_OR, word, constant(t, MSTATUS_FS | MSTATUS_SD));
    return op(t, IR_OR, word, unit_status(t, STATE(fs), 13));
}

static void change_sie(struct translation *t, const struct csr_access *a)
{
    ir_val old = code_peek(t->c, IR_I64, STATE(mstatus)), now = changed(t, a, old);
    set_rd(t, a, sstatus(t, old));
    code_poke(t->c, STATE(mstatus), now);
}

/* When nothing but SIE changes, and nobody waits to interrupt. */
static void set_or_clear(struct translation *t, const struct csr_access *a, u32 help)
{
    ir_label easy = code_label(t->c), hard = code_label(t->c), done = code_label(t->c);
    ir_val not = op(t, IR_AND, operand(t, a), constant(t, ~MSTATUS_SIE));
    if (a->how == SET) {
        ir_val soft = code_peek(t->c, IR_U8, STATE(seip_soft));
        ir_val mip  = op(t, IR_OR, code_peek(t->c, IR_I64, STATE(mip)),
                         op(t, IR_SHL, soft, constant(t, RV64_SEIP)));
        not         = op(t, IR_OR, not, op(t, IR_AND, mip, code_peek(t->c, IR_I64, STATE(mie))));
    }
    code_branch(t->c, op(t, IR_EQ, not, constant(t, 0)), easy, hard);
    code_place(t->c, hard);
    code_help(t->c, help);
    code_jump(t->c, done);
    code_place(t->c, easy);
    change_sie(t, a);
    code_jump(t->c, done);
    code_place(t->c, done);
}

bool rv64_translate_csr(struct translation *t, u32 help)
{
    u32               w = t->i->word;
    struct csr_access a = {.number = w >> 20,
                           .how    = (unsigned)bits(w, 13, 12),
                           .rd     = (unsigned)bits(w, 11, 7),
                           .rs1    = (unsigned)bits(w, 19, 15),
                           .imm    = bits(w, 14, 14)};
    a.writes            = a.how == WRITE || a.rs1;
    if (t->h->config.user || t->r->mode < (a.number >> 8 & 3))
        return false;
    if (a.number != CSR_SSTATUS)
        return plain(t, &a);
    if (!a.writes)
        set_rd(t, &a, sstatus(t, code_peek(t->c, IR_I64, STATE(mstatus))));
    else if (a.how != WRITE)
        set_or_clear(t, &a, help);
    return !a.writes || a.how != WRITE;
}

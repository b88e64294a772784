/* codegen/x64_mem.c - the back end for x86-64: guest memory, through a table of pages or flat.
 *
 * A check stands right before its access; what may move values stands before the check, so that
 * a stub finds everybody where the straight path has them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifdef __x86_64__
#include "base/alloc.h"
#include "codegen/x64.h"

/* --- memory --- */

static const struct form {
    u32 load, store;
    u8  align; /* width - 1 */
} forms[IR_TYPES] = {
    [IR_I8]  = {OP_W | OP_0F | 0xbe, OP_8 | 0x88, 0},
    [IR_U8]  = {OP_0F | 0xb6, OP_8 | 0x88, 0},
    [IR_I16] = {OP_W | OP_0F | 0xbf, OP_66 | 0x89, 1},
    [IR_U16] = {OP_0F | 0xb7, OP_66 | 0x89, 1},
    [IR_I32] = {OP_W | 0x63, 0x89, 3},
    [IR_U32] = {0x8b, 0x89, 3},
    [IR_I64] = {OP_W | 0x8b, OP_W | 0x89, 7},
    [IR_F32] = {0, 0, 3},
    [IR_F64] = {0, 0, 7},
};

void x64_add_stub(struct gen *g, struct stub s)
{
    *table_add(&g->stubs) = s;
}

/* How an access that was checked is written, and where it goes if it was not right. */
struct checked {
    struct mem m;
    u32        gs, miss, also; /* jumps to where it goes; 0: none */
    u8         page, own;
};

/* Looks [base + off] up in TABLE: PAGE becomes what makes host addresses. T is lost. */
void x64_entry(struct gen *g, u8 base, i32 off, u8 align, u32 table, u8 t, u8 page, u32 *miss)
{
    const struct code_frame *f    = &g->k->frame;
    struct emit             *e    = &g->e;
    u32                      mask = ((1u << f->page_index_bits) - 1) << 4;
    if (off)
        x_rm(e, OP_W | 0x8d, t, at(base, off));
    else
        x_rr(e, OP_W | 0x8b, t, base);
    x_rr(e, 0x8b, page, t);
    x_rr(e, 0xc1, 5, page);
    x8(e, f->page_bits - 4);
    x_alu_imm(e, 0, ALU_AND, page, (i32)mask);
    x_alu_imm(e, OP_W, ALU_AND, t, (i32)(~0u << f->page_bits | align));
    x_rm(e, OP_W | 0x3b, t, indexed(R15, page, 0, (i32)table));
    *miss = x_jcc(e, CC_NE);
    x_rm(e, OP_W | 0x8b, page, indexed(R15, page, 0, (i32)table + 8));
}

static u8 look_up(struct gen *g, u8 base, i32 off, u8 align, u32 table, u32 *miss)
{
    u8 t = gen_temp(g), page = gen_temp(g);
    x64_entry(g, base, off, align, table, t, page, miss);
    return page;
}

/* The first of several that lie close together: all must be on one page. */
static struct checked check_first(struct gen *g, const struct ir *i, u8 base, struct near *s)
{
    const struct code_frame *f     = &g->k->frame;
    struct emit             *e     = &g->e;
    u32                      table = s->store ? f->store_table : f->load_table, miss;
    u8 t = gen_temp(g), other = gen_temp(g); /* look_up's: no move may stand behind the jump */
    x_rm(e, 0x8d, t, at(base, s->lo));
    x_alu_imm(e, 0, ALU_AND, t, (i32)((1u << f->page_bits) - 1));
    x_alu_imm(e, 0, ALU_CMP, t, (i32)(1u << f->page_bits) - (s->hi - s->lo));
    u32 across = x_jcc(e, CC_A);
    g->locked &= ~(1u << t | 1u << other);
    u8 page  = look_up(g, base, s->lo, s->align, table, &miss);
    s->begun = true;
    s->first = i;
    gen_is_in(g, g->c->n + (u32)(s - g->near), page);
    return (struct checked){indexed(base, page, 0, (i32)i->imm), 0, miss, across, page, NO_REG};
}

static struct checked check_next(struct gen *g, const struct ir *i, u8 base, struct near *s)
{
    u32 v    = g->c->n + (u32)(s - g->near);
    u8  page = gen_reg(g, v);
    x_rr(&g->e, OP_W | 0x85, page, page);
    u32 miss = x_jcc(&g->e, CC_E);
    gen_used(g, v);
    return (struct checked){indexed(base, page, 0, (i32)i->imm), 0, miss, 0, NO_REG, page};
}

static struct checked check_flat(struct gen *g, const struct ir *i, u8 base)
{
    struct checked c = {at(base, (i32)i->imm), OP_GS, 0, 0, NO_REG, NO_REG};
    if (!g->v[i->a].checked) {
        x_rr(&g->e, OP_W | 0x3b, base, R15);
        c.miss             = x_jcc(&g->e, CC_AE);
        g->v[i->a].checked = !g->c->plain;
    }
    return c;
}

/* Stands right before the access; what may move values stands before it. */
static struct checked check(struct gen *g, const struct ir *i, u8 base, bool store)
{
    const struct code_frame *f    = &g->k->frame;
    struct near             *near = gen_near(g, i);
    struct checked           c    = {.page = NO_REG, .own = NO_REG};
    if (f->window == WINDOW_FLAT)
        return check_flat(g, i, base);
    if (near)
        return near->begun ? check_next(g, i, base, near) : check_first(g, i, base, near);
    u8 page = look_up(g, base, (i32)i->imm, forms[i->type].align,
                      store ? f->store_table : f->load_table, &c.miss);
    c.m     = indexed(base, page, 0, (i32)i->imm);
    return c;
}

void x64_load(struct gen *g, u32 index, const struct ir *i)
{
    u8 base = gen_reg(g, i->a);
    gen_used(g, i->a);
    u8             dst    = gen_target(g, index, base); /* all moves stand before the check */
    u8             ones   = i->type == IR_F32 ? gen_fp_temp(g) : NO_REG;
    struct checked c      = check(g, i, base, false);
    u32            number = gen_site(g, i, false);
    if (dst >= HOST_FP)
        x64_fp_read(g, i->type, c.gs, dst, c.m, ones);
    else
        x_rm(&g->e, c.gs | forms[i->type].load, dst, c.m);
    if (c.miss)
        x64_add_stub(g, (struct stub){.kind   = STUB_ACCESS,
                                      .at     = c.miss,
                                      .back   = g->e.at,
                                      .number = number,
                                      .also   = c.also,
                                      .page   = c.page,
                                      .own    = c.own,
                                      .addr   = base,
                                      .off    = (i32)i->imm,
                                      .dst    = dst,
                                      .ones   = ones,
                                      .type   = i->type});
}

static void write_to(struct gen *g, enum ir_type type, u32 gs, struct mem m, struct loc data)
{
    if (data.kind == LOC_REG && data.reg >= HOST_FP) {
        x64_fp_write(g, type, gs, data.reg, m);
    } else if (data.kind == LOC_REG) {
        x_rm(&g->e, gs | forms[type].store, data.reg, m);
    } else {
        u32 op = forms[type].store;
        x_rm(&g->e, gs | (op & ~0xffu) | 0xc6 | (op & 1), 0, m);
        if (type <= IR_U8)
            x8(&g->e, (u8)data.imm);
        else if (type <= IR_U16)
            x8(&g->e, (u8)data.imm), x8(&g->e, (u8)(data.imm >> 8));
        else
            x32(&g->e, (u32)data.imm);
    }
}

void x64_store(struct gen *g, const struct ir *i)
{
    u8         base = gen_reg(g, i->a);
    struct loc data = x64_operand(g, i->b);
    if (data.kind == LOC_MEM)
        data = (struct loc){.kind = LOC_REG, .reg = gen_reg(g, i->b)};
    struct checked c      = check(g, i, base, true);
    u32            number = gen_site(g, i, false);
    write_to(g, i->type, c.gs, c.m, data);
    gen_used(g, i->a);
    gen_used(g, i->b);
    if (c.miss)
        x64_add_stub(g, (struct stub){.kind   = STUB_ACCESS,
                                      .at     = c.miss,
                                      .back   = g->e.at,
                                      .number = number,
                                      .also   = c.also,
                                      .page   = c.page,
                                      .own    = c.own,
                                      .addr   = base,
                                      .off    = (i32)i->imm,
                                      .type   = i->type,
                                      .store  = true,
                                      .data   = data});
}

struct loc x64_ctx_loc(const struct gen *g, size_t member)
{
    return (struct loc){.kind = LOC_MEM, .off = x64_ctx_off(g->k, member)};
}

/* One of several whose first found no page for all: looks for itself. T is saved and used. */
static void stub_look(struct gen *g, const struct stub *s)
{
    struct emit *e     = &g->e;
    u32          table = s->store ? g->k->frame.store_table : g->k->frame.load_table, miss;
    struct mem   m     = indexed(s->addr, s->own, 0, s->off);
    u8           t     = RAX;
    while (t == s->addr || t == s->own || t == s->dst ||
           (s->data.kind == LOC_REG && t == s->data.reg))
        t = t == RBX ? RSI : (u8)(t + 1);
    x_rm(e, OP_W | 0x89, t, CTX(g->k, page));
    x64_entry(g, s->addr, s->off, forms[s->type].align, table, t, s->own, &miss);
    if (!s->store && s->dst >= HOST_FP)
        x64_fp_read(g, s->type, 0, s->dst, m, s->ones);
    else if (!s->store)
        x_rm(e, forms[s->type].load, s->dst, m);
    else
        write_to(g, s->type, 0, m, s->data);
    x_rm(e, OP_W | 0x8b, t, CTX(g->k, page));
    x_rr(e, 0x31, s->own, s->own);
    u32 back = x_jmp(e);
    if (!e->full) {
        host_fix(g, back, s->back);
        host_fix(g, miss, e->at);
    }
    x_rm(e, OP_W | 0x8b, t, CTX(g->k, page));
    x_rr(e, 0x31, s->own, s->own);
}

void x64_stub_access(struct gen *g, const struct stub *s)
{
    struct emit *e = &g->e;
    if (s->own != NO_REG)
        stub_look(g, s);
    if (s->store) {
        if (s->data.kind == LOC_REG) {
            host_store_home(g, x64_ctx_off(g->k, offsetof(struct code_context, data)), s->data);
        } else {
            x_rm(e, OP_W | 0xc7, 0, CTX(g->k, data));
            x32(e, (u32)s->data.imm);
        }
    }
    x_rm(e, OP_W | 0x89, s->addr, CTX(g->k, addr));
    if (s->off)
        x_alu_mem_imm(e, OP_W, ALU_ADD, CTX(g->k, addr), s->off);
    x64_call_out(g, s->number);
    if (!s->store)
        host_move(g, s->dst, x64_ctx_loc(g, offsetof(struct code_context, data)));
    if (s->page != NO_REG)
        host_move(g, s->page, x64_ctx_loc(g, offsetof(struct code_context, page)));
    u32 back = x_jmp(e);
    if (!e->full)
        host_fix(g, back, s->back);
}

void x64_poke(struct gen *g, const struct ir *i)
{
    struct loc v = x64_operand(g, i->a);
    if (v.kind == LOC_MEM)
        v = (struct loc){.kind = LOC_REG, .reg = gen_reg(g, i->a)};
    host_store_home(g, (i32)i->imm, v);
    gen_used(g, i->a);
}

void x64_peek(struct gen *g, u32 index, const struct ir *i)
{
    u8 dst = gen_target(g, index, NO_REG);
    x_rm(&g->e, forms[i->type].load, dst, at(RBP, (i32)i->imm));
}
#endif

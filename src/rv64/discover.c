/* rv64/discover.c - which instructions make a region, and what is known of its registers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "rv64/translate.h"

static bool decode(struct translation *t, u32 half, struct insn *out)
{
    const u8 *p  = t->page + 2 * half;
    u32       lo = p[0] | (u32)p[1] << 8;
    *out         = (struct insn){.length = (lo & 3) == 3 ? 4 : 2, .raw = lo};
    if (out->length == 4 && half + 2 > HALVES) {
        if (!t->r->straddles)
            return false;
        out->raw |= (u32)t->r->beyond << 16;
    } else if (out->length == 4) {
        out->raw |= (u32)p[2] << 16 | (u32)p[3] << 24;
    }
    u32 w      = out->length == 4 ? out->raw : rv64_expand((u16)lo);
    int row    = w ? rv64_find(w) : -1;
    out->word  = w;
    out->legal = row >= 0;
    if (row < 0)
        return true;
    const struct rv64_format_info *f = &rv64_formats[rv64_rows[row].format];
    out->row                         = (u16)row;
    out->fp                          = strpbrk(f->text, "DSTR") != NULL;
    out->op                          = (struct op){.imm = (i32)rv64_immediate(f->imm, w),
                                                   .rd  = (u8)bits(w, 11, 7),
                                                   .rs1 = (u8)bits(w, 19, 15),
                                                   .rs2 = (u8)bits(w, 24, 20)};
    if (out->op.rd == 0 && f->text[0] == 'd' && f->imm != IMM_word)
        out->op.rd = 32;
    return true;
}

static bool is_break(const struct rv64_hart *h, gva pc)
{
    for (unsigned i = 0; i < h->n_breaks; i++)
        if (h->breaks[i] == pc)
            return true;
    return false;
}

struct todo {
    u16 halves[REGION_INSNS];
    u32 n;
};

static void lead_to(struct translation *t, struct todo *todo, gva from, gva to)
{
    u32 half = to % PAGE_SIZE / 2;
    if (!rv64_on_page(t, to))
        return;
    put(t->leads, half);
    if (to <= from)
        put(t->head, half);
    if (!t->at[half] && todo->n < REGION_INSNS)
        todo->halves[todo->n++] = (u16)half;
}

/* Decodes straight on from HALF. */
static void follow(struct translation *t, struct todo *todo, u32 half)
{
    while (half < HALVES && !t->at[half] && t->n < REGION_INSNS) {
        struct insn *i  = &t->insns[t->n];
        gva          pc = t->base + 2 * half;
        if (!decode(t, half, i) || (t->h->n_breaks && is_break(t->h, pc)))
            return;
        t->at[half]           = (u16)++t->n;
        t->lo                 = MIN(t->lo, half);
        t->hi                 = MAX(t->hi, MIN(half + i->length / 2, HALVES));
        enum rv64_format f    = i->legal ? rv64_rows[i->row].format : FORMAT_N;
        gva              to   = pc + (u64)(i64)i->op.imm;
        bool             call = f == FORMAT_J && (i->op.rd == 1 || i->op.rd == 5);
        half += i->length / 2;
        if (f == FORMAT_B) {
            lead_to(t, todo, pc, to);
            if (half < HALVES)
                put(t->leads, half);
        } else if (f == FORMAT_J && !call) {
            lead_to(t, todo, pc, to);
        }
        if (rv64_ends(i))
            return;
    }
    if (half < HALVES)
        put(t->leads, half); /* what was there already is gone on to */
}

/* --- registers that hold singles --- */

/* What its row's name says of an instruction: does it read, does it write singles? A half is a
 * single's equal here: the upper word is all ones. */
static bool reads_singles(const struct insn *i)
{
    const char *name = rv64_rows[i->row].name, *end = strrchr(name, '_');
    return end && !strcmp(end, "_s");
}

static bool writes_singles(const struct insn *i)
{
    const char *name = rv64_rows[i->row].name, *end = strrchr(name, '_');
    if (!strncmp(name, "fcvt_", 5))
        return name[5] == 's' || name[5] == 'h';
    if (!strcmp(name, "flw") || !strcmp(name, "flh") || !strcmp(name, "fmv_w_x") ||
        !strcmp(name, "fmv_h_x"))
        return true;
    return end && (!strcmp(end, "_s") || !strcmp(end, "_h"));
}

static u32 reads_of(const struct insn *i)
{
    const char *text = rv64_formats[rv64_rows[i->row].format].text;
    u32         set  = 0;
    if (strchr(text, 'S'))
        set |= 1u << i->op.rs1;
    if (strchr(text, 'T'))
        set |= 1u << i->op.rs2;
    if (strchr(text, 'R'))
        set |= 1u << (i->op.imm >> 8 & 31);
    return set;
}

/* Registers that are written before they are read on the straight path from the entry. */
static u32 written_first(const struct translation *t)
{
    u32 read = 0, written = 0, half = t->r->pc % PAGE_SIZE / 2;
    do {
        const struct insn *i = &t->insns[t->at[half] - 1];
        if (i->legal && i->fp) {
            read |= reads_of(i) & ~written;
            if (strchr(rv64_formats[rv64_rows[i->row].format].text, 'D'))
                written |= 1u << i->op.rd & ~read;
        }
        if (rv64_ends(i) || rv64_rows[i->row].format == FORMAT_B)
            break;
        half += i->length / 2;
    } while (half < HALVES && t->at[half] && !has(t->leads, half));
    return written;
}

/* If all that the region writes into a register are singles, it needs a look only at the entry. */
static void find_singles(struct translation *t)
{
    u32 used = 0, others = 0;
    for (u32 k = 0; k < t->n; k++) {
        const struct insn *i = &t->insns[k];
        if (i->legal && i->row == INSN_vfmv_f_s)
            others |= 1u << i->op.rd;
        if (!i->legal || !i->fp)
            continue;
        if (reads_singles(i))
            used |= reads_of(i);
        if (strchr(rv64_formats[rv64_rows[i->row].format].text, 'D') && !writes_singles(i))
            others |= 1u << i->op.rd % 32;
    }
    t->singles = used & ~others;
    if (t->singles)
        t->expected = t->singles & ~written_first(t);
}

void rv64_discover(struct translation *t)
{
    struct todo todo = {.halves = {(u16)(t->r->pc % PAGE_SIZE / 2)}, .n = 1};
    put(t->leads, todo.halves[0]);
    for (u32 k = 0; k < todo.n; k++)
        follow(t, &todo, todo.halves[k]);
    if (t->r->fp == FP_BOXED)
        find_singles(t);
}

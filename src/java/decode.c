/* java/decode.c - from bytecode to instructions over registers: blocks, jumps, the stack's shape.
 *
 * Also checks what would lead the interpreter astray even in verified code's absence: the stack's
 * bounds, locals, jumps into the middle of an instruction, running off the end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/decode.h"

#include <string.h>

#include "base/alloc.h"
#include "java/vm.h"

static u32 emit_raw(struct decoder *d, struct insn insn)
{
    if (d->n == d->room) {
        d->room  = d->room ? d->room * 2 : 64;
        d->insns = xrealloc(d->insns, d->room * sizeof(*d->insns));
        d->bcis  = xrealloc(d->bcis, d->room * sizeof(*d->bcis));
    }
    d->bcis[d->n]  = (u16)d->bci;
    d->insns[d->n] = insn;
    d->def         = NONE;
    return d->n++;
}

u32 emit(struct decoder *d, enum op op, u16 a, u16 b, i32 imm)
{
    return emit_raw(d, (struct insn){.go = interp_labels()[op], .a = a, .b = b, .imm = imm});
}

u32 emit3(struct decoder *d, enum op op, u16 a, u16 b, u16 c)
{
    return emit_raw(d, (struct insn){.go = interp_labels()[op], .a = a, .b = b, .c = c});
}

u16 slot_reg(const struct decoder *d, u16 slot)
{
    return (u16)(d->m->max_locals + slot);
}

struct entry pop(struct decoder *d)
{
    if (!d->depth) {
        d->bad = "Unable to pop operand off an empty stack";
        return (struct entry){.kind = CONSTANT};
    }
    struct entry e = d->stack[--d->depth];
    d->slots       = e.slot;
    return e;
}

void push_entry(struct decoder *d, struct entry e)
{
    if (d->slots + 1 + e.wide > d->m->max_stack) {
        d->bad = "Operand stack overflow";
        return;
    }
    if (!e.source)
        e.source = (u16)(d->bci + 1);
    e.slot               = d->slots;
    d->stack[d->depth++] = e;
    d->slots             = (u16)(d->slots + 1 + e.wide);
}

u16 push(struct decoder *d, bool wide)
{
    u16 reg = slot_reg(d, d->slots);
    push_entry(d, (struct entry){.kind = IN_SLOT, .wide = wide});
    return reg;
}

void made(struct decoder *d)
{
    d->def = d->n - 1;
}

u16 reg_of(struct decoder *d, struct entry *e)
{
    if (e->kind == IN_LOCAL)
        return e->reg;
    u16 reg = slot_reg(d, e->slot);
    if (e->kind == CONSTANT)
        emit(d, OP_LDI, reg, 0, e->k);
    e->kind = IN_SLOT;
    return reg;
}

u16 pop_reg(struct decoder *d)
{
    struct entry e = pop(d);
    return reg_of(d, &e);
}

static void settle(struct decoder *d, struct entry *e)
{
    if (e->kind == IN_LOCAL)
        emit(d, OP_MOV, slot_reg(d, e->slot), e->reg, 0);
    else if (e->kind == CONSTANT)
        emit(d, OP_LDI, slot_reg(d, e->slot), 0, e->k);
    e->kind = IN_SLOT;
}

void flush(struct decoder *d)
{
    for (u16 i = 0; i < d->depth; i++)
        settle(d, &d->stack[i]);
}

void flush_local(struct decoder *d, u16 reg)
{
    for (u16 i = 0; i < d->depth; i++) {
        if (d->stack[i].kind == IN_LOCAL && d->stack[i].reg == reg)
            settle(d, &d->stack[i]);
    }
}

bool local_ok(struct decoder *d, u32 index, bool wide)
{
    if (index + wide < d->m->max_locals)
        return true;
    d->bad = "Local variable table overflow";
    return false;
}

/* The stack here is what the code at BCI begins with. */
static void reach(struct decoder *d, u32 bci)
{
    struct shape *s = d->shapes[bci];
    if (!s) {
        s                   = xalloc(sizeof(*s) + d->depth * sizeof(s->entry[0]));
        s->n                = d->depth;
        d->shapes[bci]      = s;
        d->work[d->nwork++] = bci;
        for (u16 i = 0; i < d->depth; i++)
            s->entry[i] = (__typeof__(s->entry[0])){d->stack[i].source, d->stack[i].wide};
        return;
    }
    bool same = s->n == d->depth;
    for (u16 i = 0; same && i < d->depth; i++)
        same = s->entry[i].wide == d->stack[i].wide;
    for (u16 i = 0; same && i < d->depth; i++) {
        if (s->entry[i].source != d->stack[i].source)
            s->entry[i].source = UNKNOWN;
    }
    if (!same)
        d->bad = "Inconsistent stackmap frames at branch target";
}

/* All entries are in their slots (flush comes before the jump is emitted). */
void jump_to(struct decoder *d, u32 insn, i64 bci, i32 *cell)
{
    if (bci < 0 || bci >= d->m->code_length) {
        d->bad = "Illegal target of jump or branch";
        return;
    }
    if (d->nfixups == d->fixup_room) {
        d->fixup_room = d->fixup_room ? d->fixup_room * 2 : 16;
        d->fixups     = xrealloc(d->fixups, d->fixup_room * sizeof(*d->fixups));
    }
    d->fixups[d->nfixups++] = (struct fixup){insn, (u32)bci, cell};
    reach(d, (u32)bci);
}

static void restore(struct decoder *d, u32 bci)
{
    const struct shape *s = d->shapes[bci];
    d->depth = d->slots = 0;
    for (u16 i = 0; i < s->n; i++)
        push_entry(d, (struct entry){
                          .kind = IN_SLOT, .wide = s->entry[i].wide, .source = s->entry[i].source});
}

/* How long the instruction at BCI is; 0: it is none. */
static u32 length_at(const struct method *m, u32 bci)
{
    const u8 *p = m->bytes + bci, *end = m->bytes + m->code_length;
    u32       n = *p < 202 ? bytecodes[*p].length : 0, pad = 3 - bci % 4;
    if (*p == 0xc4)
        n = end - p >= 2 ? p[1] == 0x84 ? 6 : 4 : 0;
    if (*p == 0xaa && end - p >= 13 + (i64)pad) {
        i64 low = (i32)be32(p + pad + 5), high = (i32)be32(p + pad + 9);
        n = low <= high && high - low < 65536 ? 13 + pad + 4 * (u32)(high - low + 1) : 0;
    }
    if (*p == 0xab && end - p >= 9 + (i64)pad)
        n = be32(p + pad + 5) < 65536 ? 9 + pad + 8 * be32(p + pad + 5) : 0;
    return n <= (u64)(end - p) ? n : 0;
}

/* Where instructions start, and which of them are jumped to. */
static void find_leaders(struct decoder *d)
{
    const struct method *m = d->m;
    for (u32 bci = 0, n; bci < m->code_length; bci += n) {
        n = length_at(m, bci);
        if (!n) {
            d->bad = "Bad instruction";
            return;
        }
        const u8 *p = m->bytes + bci;
        d->leader[bci] |= 1;
        i64 to = -1;
        if ((*p >= 0x99 && *p <= 0xa8) || *p == 0xc6 || *p == 0xc7)
            to = (i64)bci + (i16)be16(p + 1);
        else if (*p == 0xc8 || *p == 0xc9)
            to = (i64)bci + (i32)be32(p + 1);
        if (to >= 0 && to < m->code_length)
            d->leader[to] |= 2;
        if (*p == 0xaa || *p == 0xab) {
            const u8 *q    = m->bytes + (bci / 4 + 1) * 4;
            unsigned  step = *p == 0xaa ? 4 : 8;
            const u8 *end  = p + n;
            for (const u8 *r = q; r < end; r += r == q ? (*p == 0xaa ? 12 : 12) : step) {
                to = (i64)bci + (i32)be32(r);
                if (to >= 0 && to < m->code_length)
                    d->leader[to] |= 2;
            }
        }
        if ((*p == 0xa8 || *p == 0xc9) && bci + n < m->code_length)
            d->leader[bci + n] |= 2;
    }
    for (unsigned i = 0; i < m->nhandlers; i++)
        d->leader[method_handler(m, i).target] |= 2;
}

static void note_sources(struct decoder *d)
{
    for (u16 i = 0; i < d->depth && i < d->nnoted; i++)
        d->noted[i] = d->stack[d->depth - 1 - i].source;
    d->nnoted = MIN(d->nnoted, d->depth);
    d->watch  = NONE;
}

static void decode_block(struct decoder *d, u32 bci)
{
    restore(d, bci);
    d->ended = false;
    while (!d->bad) {
        if (bci >= d->m->code_length || !(d->leader[bci] & 1)) {
            d->bad = "Control flow falls through code end";
            return;
        }
        d->bci = bci;
        if (d->leader[bci] & 2) {
            flush(d);
            reach(d, bci);
            d->def = NONE;
            if (d->map[bci] != NONE) {
                jump_to(d, emit(d, OP_GOTO, 0, 0, 0), bci, NULL);
                return;
            }
        }
        if (d->map[bci] == NONE)
            d->map[bci] = d->n;
        if (bci == d->watch)
            note_sources(d);
        const struct row *row = &bytecodes[d->m->bytes[bci]];
        d->next               = bci + length_at(d->m, bci);
        row->decode(d, row->x, row->y);
        if (d->ended)
            return;
        bci = d->next;
    }
}

static void start_handlers(struct decoder *d)
{
    for (unsigned i = 0; i < d->m->nhandlers && !d->bad; i++) {
        d->depth = d->slots = 0;
        push(d, false);
        reach(d, method_handler(d->m, i).target);
    }
    d->depth = d->slots = 0;
}

static void decode_all(struct decoder *d)
{
    find_leaders(d);
    if (d->bad)
        return;
    if (d->m->flags & ACC_SYNCHRONIZED)
        emit(d, OP_SYNC, 0, 0, 0);
    d->leader[0] |= 2;
    reach(d, 0);
    decode_block(d, 0);
    start_handlers(d);
    while (d->nwork && !d->bad) {
        u32 bci = d->work[--d->nwork];
        if (d->map[bci] == NONE)
            decode_block(d, bci);
    }
    for (u32 i = 0; i < d->nfixups && !d->bad; i++) {
        struct fixup *f                               = &d->fixups[i];
        i32           by                              = (i32)(d->map[f->bci] - f->insn);
        *(f->cell ? f->cell : &d->insns[f->insn].imm) = by;
    }
}

static void publish(struct decoder *d)
{
    struct method *m = d->m;
    struct arena  *a = &d->vm->arena;
    struct code   *c = arena_alloc(a, sizeof(*c));
    c->method        = m;
    c->n             = d->n;
    c->insns         = arena_alloc(a, d->n * sizeof(*c->insns));
    c->bci           = arena_alloc(a, d->n * sizeof(*c->bci));
    c->nhandlers     = m->nhandlers;
    c->handlers      = arena_alloc(a, m->nhandlers * sizeof(*c->handlers));
    memcpy(c->insns, d->insns, d->n * sizeof(*c->insns));
    memcpy(c->bci, d->bcis, d->n * sizeof(*c->bci));
    for (unsigned i = 0; i < m->nhandlers; i++) {
        struct handler h = method_handler(m, i);
        c->handlers[i]   = (struct code_handler){h.start, h.end, h.type, d->map[h.target]};
    }
    pthread_mutex_lock(&d->vm->load_lock);
    if (!m->code) {
        m->code = c;
        __atomic_store_n(&m->entry, c->insns, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&d->vm->load_lock);
}

static void decoder_init(struct decoder *d, struct vm *vm, struct method *m)
{
    u32 n     = m->code_length;
    *d        = (struct decoder){.m = m, .vm = vm, .def = NONE, .watch = NONE, .arena = &vm->arena};
    d->map    = xrealloc(NULL, n * sizeof(*d->map));
    d->leader = xalloc(n);
    d->shapes = xalloc(n * sizeof(*d->shapes));
    d->work   = xalloc((n + m->nhandlers + 1) * sizeof(*d->work));
    d->stack  = xalloc((m->max_stack + 1u) * sizeof(*d->stack));
    memset(d->map, 0xff, n * sizeof(*d->map));
}

static void decoder_done(struct decoder *d)
{
    for (u32 i = 0; i < d->m->code_length; i++)
        free(d->shapes[i]);
    void *parts[] = {d->insns, d->bcis, d->map, d->leader, d->shapes, d->fixups, d->work, d->stack};
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
        free(parts[i]);
}

bool code_decode(struct thread *t, struct method *m)
{
    struct decoder d;
    decoder_init(&d, t->vm, m);
    decode_all(&d);
    if (!d.bad)
        publish(&d);
    decoder_done(&d);
    if (d.bad)
        throw_new(t, "java/lang/VerifyError",
                  "%s\nException Details:\n  Location:\n    %s.%s%s @%u", d.bad, m->cls->name->s,
                  m->name->s, m->desc->s, d.bci);
    return !d.bad;
}

u16 decode_sources(struct vm *vm, struct method *m, u32 bci, u16 *sources, u16 most)
{
    struct decoder d;
    struct arena   scratch;
    arena_init(&scratch);
    decoder_init(&d, vm, m);
    d.arena  = &scratch;
    d.watch  = bci;
    d.noted  = sources;
    d.nnoted = most;
    decode_all(&d);
    bool found = d.watch == NONE;
    decoder_done(&d);
    arena_done(&scratch);
    return found ? d.nnoted : 0;
}

/* java/decode.h - what the decoder's files share.
 *
 * While a block of bytecode is decoded, the operand stack is a list of entries: a value may still
 * be in the local it was loaded from, or be a constant that no instruction holds yet. Before a
 * jump, and where one arrives, all are in the registers of their own slots. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_DECODE_H
#define JAVA_DECODE_H

#include "java/code.h"

enum { WIDE = 0x1000, WIDE2 = 0x2000, OPERATION = 0xfff };

enum entry_kind { IN_SLOT, IN_LOCAL, CONSTANT };

struct entry {
    u8   kind;
    bool wide;
    u16  slot, reg; /* its place on the stack, from 0; the register of a local */
    u16  source;    /* the bytecode that pushed it, plus 1; UNKNOWN: several may have */
    i32  k;
};

/* The stack's shape at a place that is jumped to. */
struct shape {
    u16 n;
    struct {
        u16  source;
        bool wide;
    } entry[];
};

struct fixup {
    u32  insn, bci;
    i32 *cell; /* of a switch; NULL: the instruction's own */
};

struct decoder {
    struct method *m;
    struct vm     *vm;
    struct arena  *arena; /* for what instructions point at */
    u32            watch; /* where to note the stack's sources; NONE: nowhere */
    u16           *noted; /* of the entries, the topmost first */
    u16            nnoted;
    u32            bci, next, n, room;
    struct insn   *insns;
    u16           *bcis;
    u32           *map; /* bci to instruction; NONE */
    u8            *leader;
    struct shape **shapes;
    struct fixup  *fixups;
    u32            nfixups, fixup_room;
    u32           *work;
    u32            nwork;
    struct entry  *stack;
    u16            depth, slots;
    u32            def; /* the instruction that made the top entry, if it was the last one */
    bool           ended, wide_prefix; /* nothing follows; WIDE was before */
    const char    *bad;                /* why this is no code */
};

enum { NONE = UINT32_MAX, UNKNOWN = UINT16_MAX };

struct row {
    u8 length;
    void (*decode)(struct decoder *, i32 x, i32 y);
    i32 x, y;
};
extern const struct row bytecodes[202];

u32          emit(struct decoder *, enum op, u16 a, u16 b, i32 imm);
u32          emit3(struct decoder *, enum op, u16 a, u16 b, u16 c);
struct entry pop(struct decoder *);
u16          pop_reg(struct decoder *); /* of a value, made to be in one */
u16          reg_of(struct decoder *, struct entry *);
u16          push(struct decoder *, bool wide); /* the register for the result */
void         push_entry(struct decoder *, struct entry);
u16          slot_reg(const struct decoder *, u16 slot);
void         made(struct decoder *); /* the last instruction's A is the top entry */
void         flush(struct decoder *);
void         flush_local(struct decoder *, u16 reg);
void         jump_to(struct decoder *, u32 insn, i64 bci, i32 *cell);
bool         local_ok(struct decoder *, u32 index, bool wide);

/* Which bytecodes pushed what is on the stack before BCI: SOURCES gets their places plus 1, the
 * topmost first, at most MOST. How many; 0: not known. */
u16 decode_sources(struct vm *, struct method *, u32 bci, u16 *sources, u16 most);

#endif

/* codegen/x64_asm.h - x86-64 instructions as bytes (AMD64 Architecture Programmer's Manual 3, 1).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEGEN_X64_ASM_H
#define CODEGEN_X64_ASM_H

#include <string.h>

#include "codegen/host.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* What stands before an opcode byte. */
enum {
    OP_W    = 1 << 8, /* REX.W */
    OP_8    = 1 << 9, /* a byte register: always a REX */
    OP_0F   = 1 << 10,
    OP_66   = 1 << 11,
    OP_F3   = 1 << 12,
    OP_GS   = 1 << 13,
    OP_LOCK = 1 << 14
};

enum {
    CC_O  = 0,
    CC_A  = 7,
    CC_B  = 2,
    CC_AE = 3,
    CC_E  = 4,
    CC_NE = 5,
    CC_S  = 8,
    CC_P  = 10,
    CC_NP = 11,
    CC_L  = 12,
    CC_GE = 13
};

struct mem {
    u8  base, index; /* index NO_REG: none */
    u8  scale;       /* 0..3 */
    i32 off;
};

static inline void x8(struct emit *e, u32 v)
{
    if (e->at + 64 > e->end)
        e->full = true;
    else
        e->base[e->at++] = (u8)v;
}

static inline void x32(struct emit *e, u32 v)
{
    if (e->at + 64 > e->end)
        e->full = true;
    else
        memcpy(e->base + e->at, &v, 4), e->at += 4;
}

static inline void x64(struct emit *e, u64 v)
{
    x32(e, (u32)v);
    x32(e, (u32)(v >> 32));
}

static inline void x_prefixes(struct emit *e, u32 op, u8 reg, u8 index, u8 base)
{
    if (op & OP_LOCK)
        x8(e, 0xf0);
    if (op & OP_GS)
        x8(e, 0x65);
    if (op & OP_66)
        x8(e, 0x66);
    if (op & OP_F3)
        x8(e, 0xf3);
    u32 rex = (op & OP_W ? 8 : 0) | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 | (base >> 3 & 1);
    if (rex || (op & OP_8))
        x8(e, 0x40 | rex);
    if (op & OP_0F)
        x8(e, 0x0f);
    x8(e, op & 0xff);
}

/* Both operands are registers. */
static inline void x_rr(struct emit *e, u32 op, u8 reg, u8 rm)
{
    x_prefixes(e, op, reg, 0, rm);
    x8(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static inline void x_modrm_mem(struct emit *e, u8 reg, struct mem m)
{
    bool sib = m.index != NO_REG || (m.base & 7) == RSP;
    u32  mod = m.off == 0 && (m.base & 7) != RBP ? 0 : m.off == (i8)m.off ? 1 : 2;
    x8(e, mod << 6 | (reg & 7) << 3 | (sib ? 4 : m.base & 7));
    if (sib)
        x8(e, (u32)m.scale << 6 | (m.index == NO_REG ? 4u : m.index & 7u) << 3 | (m.base & 7));
    if (mod == 1)
        x8(e, (u8)m.off);
    else if (mod == 2)
        x32(e, (u32)m.off);
}

static inline void x_rm(struct emit *e, u32 op, u8 reg, struct mem m)
{
    x_prefixes(e, op, reg, m.index == NO_REG ? 0 : m.index, m.base);
    x_modrm_mem(e, reg, m);
}

static inline struct mem at(u8 base, i32 off)
{
    return (struct mem){.base = base, .index = NO_REG, .off = off};
}

static inline struct mem indexed(u8 base, u8 index, u8 scale, i32 off)
{
    return (struct mem){.base = base, .index = index, .scale = scale, .off = off};
}

/* The eight operations of opcode group 1, by their number there. */
enum { ALU_ADD, ALU_OR, ALU_AND = 4, ALU_SUB, ALU_XOR, ALU_CMP };

static inline void x_alu_imm(struct emit *e, u32 w, u8 n, u8 reg, i32 imm)
{
    bool small = imm == (i8)imm;
    x_rr(e, w | (small ? 0x83 : 0x81), n, reg);
    if (small)
        x8(e, (u8)imm);
    else
        x32(e, (u32)imm);
}

static inline void x_alu_mem_imm(struct emit *e, u32 w, u8 n, struct mem m, i32 imm)
{
    bool small = imm == (i8)imm;
    x_rm(e, w | (small ? 0x83 : 0x81), n, m);
    if (small)
        x8(e, (u8)imm);
    else
        x32(e, (u32)imm);
}

static inline void x_imm(struct emit *e, u8 reg, u64 imm)
{
    if (imm == 0) {
        x_rr(e, 0x31, reg, reg); /* the flags are nobody's between operations */
    } else if (imm == (u32)imm) {
        x_prefixes(e, 0xb8 | (reg & 7), 0, 0, reg);
        x32(e, (u32)imm);
    } else if ((i64)imm == (i32)imm) {
        x_rr(e, OP_W | 0xc7, 0, reg);
        x32(e, (u32)imm);
    } else {
        x_prefixes(e, OP_W | 0xb8 | (reg & 7), 0, 0, reg);
        x64(e, imm);
    }
}

/* VEX-coded instructions of map 0F38 (BMI): PP 1: 66, 2: F3, 3: F2. */
static inline void x_vex(struct emit *e, u8 pp, u8 op, u8 reg, u8 vvvv, u8 rm)
{
    x8(e, 0xc4);
    x8(e, (~reg & 8u) << 4 | 0x40 | (~rm & 8u) << 2 | 2);
    x8(e, 0x80 | (~vvvv & 15u) << 3 | pp);
    x8(e, op);
    x8(e, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* Jumps whose target comes later: the offset of their 32-bit displacement is returned. */
static inline u32 x_jcc(struct emit *e, u8 cc)
{
    x8(e, 0x0f);
    x8(e, 0x80 | cc);
    x32(e, 0);
    return e->at - 4;
}

static inline u32 x_jmp(struct emit *e)
{
    x8(e, 0xe9);
    x32(e, 0);
    return e->at - 4;
}

/* Forward jumps of a few bytes. */
static inline u32 x_jcc_short(struct emit *e, u8 cc)
{
    x8(e, 0x70 | cc);
    x8(e, 0);
    return e->at;
}

static inline u32 x_jmp_short(struct emit *e)
{
    x8(e, 0xeb);
    x8(e, 0);
    return e->at;
}

static inline void x_here(struct emit *e, u32 from)
{
    if (!e->full)
        e->base[from - 1] = (u8)(e->at - from);
}

#endif

/* rv64/rvc.c - compressed instructions, each to its long form (Volume I, 26). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/isa.h"

/* Builders of long instructions: opcode and funct fields in BASE, then the operands. */
static u32 itype(u32 base, u32 rd, u32 rs1, u64 imm)
{
    return base | rd << 7 | rs1 << 15 | (u32)(imm & 0xfff) << 20;
}

static u32 stype(u32 base, u32 rs1, u32 rs2, u64 imm)
{
    return base | (u32)bits(imm, 4, 0) << 7 | rs1 << 15 | rs2 << 20 | (u32)bits(imm, 11, 5) << 25;
}

static u32 rtype(u32 base, u32 rd, u32 rs1, u32 rs2)
{
    return base | rd << 7 | rs1 << 15 | rs2 << 20;
}

static u32 btype(u32 base, u32 rs1, u64 imm)
{
    return base | rs1 << 15 | (u32)bits(imm, 11, 11) << 7 | (u32)bits(imm, 4, 1) << 8 |
           (u32)bits(imm, 10, 5) << 25 | (u32)bits(imm, 12, 12) << 31;
}

static u32 jtype(u32 rd, u64 imm)
{
    return 0x6f | rd << 7 | (u32)bits(imm, 19, 12) << 12 | (u32)bits(imm, 11, 11) << 20 |
           (u32)bits(imm, 10, 1) << 21 | (u32)bits(imm, 20, 20) << 31;
}

enum {
    ADDI   = 0x13,
    ADDIW  = 0x1b,
    LUI    = 0x37,
    SLLI   = 0x1013,
    SRLI   = 0x5013,
    SRAI   = 0x40005013,
    ANDI   = 0x7013,
    ADD    = 0x33,
    SUB    = 0x40000033,
    XOR    = 0x4033,
    OR     = 0x6033,
    AND    = 0x7033,
    ADDW   = 0x3b,
    SUBW   = 0x4000003b,
    LW     = 0x2003,
    LD     = 0x3003,
    FLD    = 0x3007,
    SW     = 0x2023,
    SD     = 0x3023,
    FSD    = 0x3027,
    BEQ    = 0x63,
    BNE    = 0x1063,
    JALR   = 0x67,
    EBREAK = 0x100073
};

/* Quadrant 0: loads and stores by the eight popular registers. */
static u32 quadrant0(u32 h)
{
    u32 rd = 8 + (u32)bits(h, 4, 2), rs1 = 8 + (u32)bits(h, 9, 7);
    u64 wide   = bits(h, 12, 10) << 3 | bits(h, 6, 5) << 6;
    u64 narrow = bits(h, 12, 10) << 3 | bits(h, 6, 6) << 2 | bits(h, 5, 5) << 6;
    u64 nzuimm =
        bits(h, 12, 11) << 4 | bits(h, 10, 7) << 6 | bits(h, 6, 6) << 2 | bits(h, 5, 5) << 3;
    switch (h >> 13) {
    case 0:
        return nzuimm ? itype(ADDI, rd, 2, nzuimm) : 0;
    case 1:
        return itype(FLD, rd, rs1, wide);
    case 2:
        return itype(LW, rd, rs1, narrow);
    case 3:
        return itype(LD, rd, rs1, wide);
    case 5:
        return stype(FSD, rs1, rd, wide);
    case 6:
        return stype(SW, rs1, rd, narrow);
    case 7:
        return stype(SD, rs1, rd, wide);
    default:
        return 0;
    }
}

/* Quadrant 1, funct3 100: shifts, and, and register-register arithmetic. */
static u32 arithmetic(u32 h)
{
    static const u32 ops[8] = {SUB, XOR, OR, AND, SUBW, ADDW, 0, 0};
    u32              rd = 8 + (u32)bits(h, 9, 7), rs2 = 8 + (u32)bits(h, 4, 2);
    u64              shamt = bits(h, 12, 12) << 5 | bits(h, 6, 2);
    switch (bits(h, 11, 10)) {
    case 0:
        return itype(SRLI, rd, rd, shamt);
    case 1:
        return itype(SRAI, rd, rd, shamt) | SRAI;
    case 2:
        return itype(ANDI, rd, rd, (u64)sext(shamt, 6));
    default: {
        u32 op = ops[bits(h, 12, 12) << 2 | bits(h, 6, 5)];
        return op ? rtype(op, rd, rd, rs2) : 0;
    }
    }
}

static u32 lui_or_addi16sp(u32 h, u32 rd, u64 imm)
{
    u64 sp = (u64)sext(bits(h, 12, 12) << 9 | bits(h, 6, 6) << 4 | bits(h, 5, 5) << 6 |
                           bits(h, 4, 3) << 7 | bits(h, 2, 2) << 5,
                       10);
    if (rd == 2)
        return sp ? itype(ADDI, 2, 2, sp) : 0;
    return imm ? LUI | rd << 7 | (u32)imm << 12 : 0;
}

static u32 quadrant1(u32 h)
{
    u32 rd   = (u32)bits(h, 11, 7);
    u64 imm  = (u64)sext(bits(h, 12, 12) << 5 | bits(h, 6, 2), 6);
    u64 jump = (u64)sext(bits(h, 12, 12) << 11 | bits(h, 11, 11) << 4 | bits(h, 10, 9) << 8 |
                             bits(h, 8, 8) << 10 | bits(h, 7, 7) << 6 | bits(h, 6, 6) << 7 |
                             bits(h, 5, 3) << 1 | bits(h, 2, 2) << 5,
                         12);
    u64 away = (u64)sext(bits(h, 12, 12) << 8 | bits(h, 11, 10) << 3 | bits(h, 6, 5) << 6 |
                             bits(h, 4, 3) << 1 | bits(h, 2, 2) << 5,
                         9);
    switch (h >> 13) {
    case 0:
        return itype(ADDI, rd, rd, imm);
    case 1:
        return rd ? itype(ADDIW, rd, rd, imm) : 0;
    case 2:
        return itype(ADDI, rd, 0, imm);
    case 3:
        return lui_or_addi16sp(h, rd, imm);
    case 4:
        return arithmetic(h);
    case 5:
        return jtype(0, jump);
    case 6:
        return btype(BEQ, 8 + (u32)bits(h, 9, 7), away);
    default:
        return btype(BNE, 8 + (u32)bits(h, 9, 7), away);
    }
}

/* Quadrant 2, funct3 100: moves, adds, jumps by register. */
static u32 moves(u32 rd, u32 rs2, bool upper)
{
    if (rs2)
        return rtype(ADD, rd, upper ? rd : 0, rs2);
    if (!rd)
        return upper ? EBREAK : 0;
    return itype(JALR, upper, rd, 0);
}

static u32 quadrant2(u32 h)
{
    u32 rd = (u32)bits(h, 11, 7), rs2 = (u32)bits(h, 6, 2);
    u64 shamt   = bits(h, 12, 12) << 5 | bits(h, 6, 2);
    u64 wide    = bits(h, 12, 12) << 5 | bits(h, 6, 5) << 3 | bits(h, 4, 2) << 6;
    u64 narrow  = bits(h, 12, 12) << 5 | bits(h, 6, 4) << 2 | bits(h, 3, 2) << 6;
    u64 swide   = bits(h, 12, 10) << 3 | bits(h, 9, 7) << 6;
    u64 snarrow = bits(h, 12, 9) << 2 | bits(h, 8, 7) << 6;
    switch (h >> 13) {
    case 0:
        return itype(SLLI, rd, rd, shamt);
    case 1:
        return itype(FLD, rd, 2, wide);
    case 2:
        return rd ? itype(LW, rd, 2, narrow) : 0;
    case 3:
        return rd ? itype(LD, rd, 2, wide) : 0;
    case 4:
        return moves(rd, rs2, bits(h, 12, 12));
    case 5:
        return stype(FSD, 2, rs2, swide);
    case 6:
        return stype(SW, 2, rs2, snarrow);
    default:
        return stype(SD, 2, rs2, swide);
    }
}

u32 rv64_expand(u16 half)
{
    switch (half & 3) {
    case 0:
        return quadrant0(half);
    case 1:
        return quadrant1(half);
    case 2:
        return quadrant2(half);
    default:
        return 0;
    }
}

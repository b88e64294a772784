/* rv64/words.h - the words of insn.def for who runs instructions one by one in C: those that
 * only make a value of values. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RV64_WORDS_H
#define RV64_WORDS_H

#include "base/types.h"

static inline u64 word_div(i64 a, i64 b)
{
    if (b == 0)
        return ~0ull;
    return b == -1 ? -(u64)a : (u64)(a / b);
}

static inline u64 word_rem(i64 a, i64 b)
{
    if (b == 0)
        return (u64)a;
    return b == -1 ? 0 : (u64)(a % b);
}

static inline u64 word_orc_b(u64 x)
{
    u64 low = 0x0101010101010101u;
    x |= x >> 4;
    x |= x >> 2;
    x |= x >> 1;
    return (x & low) * 0xff;
}

static inline u64 word_brev8(u64 x)
{
    x = (x >> 1 & 0x5555555555555555u) | (x & 0x5555555555555555u) << 1;
    x = (x >> 2 & 0x3333333333333333u) | (x & 0x3333333333333333u) << 2;
    return (x >> 4 & 0x0f0f0f0f0f0f0f0fu) | (x & 0x0f0f0f0f0f0f0f0fu) << 4;
}

static inline unsigned __int128 word_clmul(u64 a, u64 b)
{
    unsigned __int128 r = 0, wide = a;
    for (; b; b >>= 1, wide <<= 1)
        if (b & 1)
            r ^= wide;
    return r;
}

#define VALUE           u64
#define K(number)       ((u64)(number))
#define SX8(a)          ((u64)(i64)(i8)(a))
#define SX16(a)         ((u64)(i64)(i16)(a))
#define SX32(a)         ((u64)(i64)(i32)(a))
#define ZX8(a)          ((u64)(u8)(a))
#define ZX16(a)         ((u64)(u16)(a))
#define ZX32(a)         ((u64)(u32)(a))
#define ADD(a, b)       ((a) + (b))
#define SUB(a, b)       ((a) - (b))
#define AND(a, b)       ((a) & (b))
#define OR(a, b)        ((a) | (b))
#define XOR(a, b)       ((a) ^ (b))
#define ANDN(a, b)      ((a) & ~(b))
#define NOT(a)          (~(a))
#define SHL(a, b)       ((a) << ((b)&63))
#define SHR(a, b)       ((a) >> ((b)&63))
#define SAR(a, b)       ((u64)((i64)(a) >> ((b)&63)))
#define ROL(a, b)       ((a) << ((b)&63) | (a) >> (-(b)&63))
#define ROR(a, b)       ((a) >> ((b)&63) | (a) << (-(b)&63))
#define SHR32(a, b)     ((u64)((u32)(a) >> ((b)&31)))
#define SAR32(a, b)     ((u64)((i32)(a) >> ((b)&31)))
#define ROL32(a, b)     ((u64)(u32)((u32)(a) << ((b)&31) | (u32)(a) >> (-(b)&31)))
#define ROR32(a, b)     ((u64)(u32)((u32)(a) >> ((b)&31) | (u32)(a) << (-(b)&31)))
#define MUL(a, b)       ((a) * (b))
#define MULH(a, b)      ((u64)(((__int128)(i64)(a) * (i64)(b)) >> 64))
#define MULHU(a, b)     ((u64)(((unsigned __int128)(a) * (b)) >> 64))
#define DIV(a, b)       word_div((i64)(a), (i64)(b))
#define DIVU(a, b)      ((b) ? (a) / (b) : ~0ull)
#define REM(a, b)       word_rem((i64)(a), (i64)(b))
#define REMU(a, b)      ((b) ? (a) % (b) : (a))
#define DIV32(a, b)     SX32(word_div((i32)(a), (i32)(b)))
#define DIVU32(a, b)    SX32((u32)(b) ? (u32)(a) / (u32)(b) : ~0u)
#define REM32(a, b)     SX32(word_rem((i32)(a), (i32)(b)))
#define REMU32(a, b)    SX32((u32)(b) ? (u32)(a) % (u32)(b) : (u32)(a))
#define CLZ(a)          ((a) ? (u64)__builtin_clzll(a) : 64)
#define CTZ(a)          ((a) ? (u64)__builtin_ctzll(a) : 64)
#define POPCNT(a)       ((u64)__builtin_popcountll(a))
#define BSWAP(a)        __builtin_bswap64(a)
#define EQ(a, b)        ((a) == (b))
#define NE(a, b)        ((a) != (b))
#define LT(a, b)        ((i64)(a) < (i64)(b))
#define GE(a, b)        ((i64)(a) >= (i64)(b))
#define LTU(a, b)       ((a) < (b))
#define GEU(a, b)       ((a) >= (b))
#define SELECT(c, a, b) ((c) ? (a) : (b))
#define ORC_B(a)        word_orc_b(a)
#define BREV8(a)        word_brev8(a)
#define CLMUL(a, b)     ((u64)word_clmul(a, b))
#define CLMULR(a, b)    ((u64)(word_clmul(a, b) >> 63))
#define CLMULH(a, b)    ((u64)(word_clmul(a, b) >> 64))
#define BOX_S(v)        ((u64)(u32)(v) | 0xffffffff00000000u)
#define BOX_H(v)        ((u64)(u16)(v) | 0xffffffffffff0000u)

/* Floating-point registers hold the word as it is; what is narrower is boxed. */
#define FBITS(v)                  (v)
#define OF_BITS(v)                (v)
#define FLOAD(T, address)         FLOAD_##T(LOAD(T, address))
#define FLOAD_u16(v)              BOX_H(v)
#define FLOAD_u32(v)              BOX_S(v)
#define FLOAD_u64(v)              (v)
#define FSTORE(T, address, value) STORE(T, address, value)

/* vector.def's */
#define VEC(shape, kernel) CALL(vector_##shape(h, WORD, vector_k_##kernel))

#endif

/* rv64/vector_int.c - kernels of integer arithmetic: chapter "V" of Volume I, 11 and 14; Zvbb.
 *
 * The multiplications go through a type that neither overflows nor is promoted to a signed one. */
/* SPDX-License-Identifier: Apache-2.0 */
#define VECTOR_BLEND
#include "rv64/vector_loop.h"

/* 11.1: sums; 11.5: logic; 11.6: shifts */
VECTOR_SAME(add, a + b)
VECTOR_SAME(sub, a - b)
VECTOR_SAME(rsub, b - a)
VECTOR_SAME(and, a &b)
VECTOR_SAME(or, a | b)
VECTOR_SAME(xor, a ^ b)
VECTOR_SAME(sll, 1u * a << (b & (BITS - 1)))
VECTOR_SAME(srl, a >> (b & (BITS - 1)))
VECTOR_SAME(sra, (S)a >> (b & (BITS - 1)))
VECTOR_SAME(move, b)

/* 11.9 */
VECTOR_SAME(minu, a < b ? a : b)
VECTOR_SAME(min, (S)a < (S)b ? a : b)
VECTOR_SAME(maxu, a > b ? a : b)
VECTOR_SAME(max, (S)a > (S)b ? a : b)

/* 11.10, 11.13 */
VECTOR_SAME(mul, 1u * a * b)
VECTOR_SAME(macc, 1u * a * b + was)
VECTOR_SAME(nmsac, was - 1u * a * b)
VECTOR_SAME(madd, 1u * was * b + a)
VECTOR_SAME(nmsub, a - 1u * was * b)

/* 11.11; the least number divided by -1 is itself. */
VECTOR_SAME(divu, b ? a / b : (U) ~(U)0)
VECTOR_SAME(div, !b ? (U) ~(U)0 : b == (U)-1 ? (U)-a : (U)((S)a / (S)b))
VECTOR_SAME(remu, b ? a % b : a)
VECTOR_SAME(rem, !b ? a : b == (U)-1 ? (U)0 : (U)((S)a % (S)b))

/* 11.2, 11.12, 11.14 */
#define WIDEN(name, A, B, ...) VECTOR_WIDE(name, WU, A, B, __VA_ARGS__)
WIDEN(wmul, S, S, (WS)a *(WS)b)
WIDEN(wmulu, U, U, (WU)a *(WU)b)
WIDEN(wmulsu, S, U, (WS)a *(WS)b)
WIDEN(wmacc, S, S, was + (WU)((WS)a * (WS)b))
WIDEN(wmaccu, U, U, was + (WU)a * (WU)b)
WIDEN(wmaccsu, U, S, was + (WU)((WS)b * (WS)a)) /* vs1 is the signed one */
WIDEN(wmaccus, S, U, was + (WU)((WS)b * (WS)a))
WIDEN(wsll, U, U, 1u * (WU)a << (b & (2 * BITS - 1)))
VECTOR_WIDE(wadd, WU, S, S, (WU)a + (WU)b)
VECTOR_WIDE(waddu, WU, U, U, (WU)a + (WU)b)
VECTOR_WIDE(wsub, WU, S, S, (WU)a - (WU)b)
VECTOR_WIDE(wsubu, WU, U, U, (WU)a - (WU)b)
VECTOR_WIDE(wadd_w, WU, WU, S, a + (WU)b)
VECTOR_WIDE(waddu_w, WU, WU, U, a + (WU)b)
VECTOR_WIDE(wsub_w, WU, WU, S, a - (WU)b)
VECTOR_WIDE(wsubu_w, WU, WU, U, a - (WU)b)

/* 11.7 */
VECTOR_WIDE(nsrl, U, WU, U, a >> (b & (2 * BITS - 1)))
VECTOR_WIDE(nsra, U, WS, U, a >> (b & (2 * BITS - 1)))

/* 11.3 */
#define EXTEND(name, to, from) VECTOR_KERNEL(name##_##to, to, U##to, from, u8, a)
EXTEND(zext_vf2, 16, u8)
EXTEND(zext_vf2, 32, u16)
EXTEND(zext_vf2, 64, u32)
EXTEND(zext_vf4, 32, u8)
EXTEND(zext_vf4, 64, u16)
EXTEND(zext_vf8, 64, u8)
EXTEND(sext_vf2, 16, i8)
EXTEND(sext_vf2, 32, i16)
EXTEND(sext_vf2, 64, i32)
EXTEND(sext_vf4, 32, i8)
EXTEND(sext_vf4, 64, i16)
EXTEND(sext_vf8, 64, i8)
vector_kernels vector_k_zext_vf2 = {NULL, zext_vf2_16, zext_vf2_32, zext_vf2_64};
vector_kernels vector_k_zext_vf4 = {NULL, NULL, zext_vf4_32, zext_vf4_64};
vector_kernels vector_k_zext_vf8 = {NULL, NULL, NULL, zext_vf8_64};
vector_kernels vector_k_sext_vf2 = {NULL, sext_vf2_16, sext_vf2_32, sext_vf2_64};
vector_kernels vector_k_sext_vf4 = {NULL, NULL, sext_vf4_32, sext_vf4_64};
vector_kernels vector_k_sext_vf8 = {NULL, NULL, NULL, sext_vf8_64};

/* 11.4, 11.15: v0 says what is carried in, or which of two is taken. */
#define IN on[i]
VECTOR_SAME(adc, a + b + IN)
VECTOR_SAME(sbc, a - b - IN)
VECTOR_SAME(merge, IN ? b : a)
#undef IN
#define IN (in && vector_active(in, i))
VECTOR_TESTS(madc, IN ? (U)(a + b + 1) <= a : (U)(a + b) < a)
VECTOR_TESTS(msbc, IN ? a <= b : a < b)

/* 11.8 */
VECTOR_TESTS(mseq, a == b)
VECTOR_TESTS(msne, a != b)
VECTOR_TESTS(msltu, a < b)
VECTOR_TESTS(mslt, (S)a < (S)b)
VECTOR_TESTS(msleu, a <= b)
VECTOR_TESTS(msle, (S)a <= (S)b)
VECTOR_TESTS(msgtu, a > b)
VECTOR_TESTS(msgt, (S)a > (S)b)

/* Zvbb */

static inline u64 brev8(u64 x)
{
    x = (x >> 1 & 0x5555555555555555u) | (x & 0x5555555555555555u) << 1;
    x = (x >> 2 & 0x3333333333333333u) | (x & 0x3333333333333333u) << 2;
    return (x >> 4 & 0x0f0f0f0f0f0f0f0fu) | (x & 0x0f0f0f0f0f0f0f0fu) << 4;
}

VECTOR_SAME(andn, a & ~b)
VECTOR_SAME(rol, 1u * a << (b & (BITS - 1)) | a >> (-b & (BITS - 1)))
VECTOR_SAME(ror, a >> (b & (BITS - 1)) | 1u * a << (-b & (BITS - 1)))
VECTOR_SAME(brev8, brev8(a))
VECTOR_SAME(brev, __builtin_bswap64(brev8(a)) >> (64 - BITS))
VECTOR_SAME(rev8, __builtin_bswap64(a) >> (64 - BITS))
VECTOR_SAME(clz, a ? __builtin_clzll(a) - (64 - BITS) : BITS)
VECTOR_SAME(ctz, a ? __builtin_ctzll(a) : BITS)
VECTOR_SAME(cpop, __builtin_popcountll(a))

/* 14.1, 14.2: SUM is the result so far, of type R. */
#define REDUCE(name, N, R, A, ...)                                                                 \
    static void name##_##N(const struct vector_op *o)                                              \
    {                                                                                              \
        const A *pa  = (const A *)o->a;                                                            \
        R        sum = *(const R *)o->b;                                                           \
        VECTOR_EACH(o, A a = pa[i]; sum = (R)(__VA_ARGS__));                                       \
        *(R *)o->d = sum;                                                                          \
    }
#define REDUCTION(name, T, ...)                                                                    \
    REDUCE(name, 8, T##8, T##8, __VA_ARGS__)                                                       \
    REDUCE(name, 16, T##16, T##16, __VA_ARGS__)                                                    \
    REDUCE(name, 32, T##32, T##32, __VA_ARGS__)                                                    \
    REDUCE(name, 64, T##64, T##64, __VA_ARGS__)                                                    \
    vector_kernels vector_k_##name = {name##_8, name##_16, name##_32, name##_64};
#define REDUCTION_WIDE(name, T)                                                                    \
    REDUCE(name, 8, WU8, T##8, sum + (WU8)a)                                                       \
    REDUCE(name, 16, WU16, T##16, sum + (WU16)a)                                                   \
    REDUCE(name, 32, WU32, T##32, sum + (WU32)a)                                                   \
    vector_kernels vector_k_##name = {name##_8, name##_16, name##_32, NULL};
REDUCTION(redsum, U, sum + a)
REDUCTION(redand, U, sum &a)
REDUCTION(redor, U, sum | a)
REDUCTION(redxor, U, sum ^ a)
REDUCTION(redminu, U, a < sum ? a : sum)
REDUCTION(redmin, S, a < sum ? a : sum)
REDUCTION(redmaxu, U, a > sum ? a : sum)
REDUCTION(redmax, S, a > sum ? a : sum)
REDUCTION_WIDE(wredsum, S)
REDUCTION_WIDE(wredsumu, U)

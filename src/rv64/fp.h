/* rv64/fp.h - the floating-point instructions: F, D, Zfh, Zfa.
 *
 * Operands and results are f registers: 64 bits, narrower values boxed. RM is resolved, 0 to 4.
 * Results are bit-exact with canonical NaNs. Accrued exceptions are kept by the host thread
 * (on x86-64 in MXCSR, which SSE instructions feed themselves); fp_flags_get and fp_flags_set
 * move them from and to fflags when a hart starts and stops running on the thread.
 *
 * On x86-64 the usual case, round to nearest even in single or double, is done right here by
 * one SSE instruction. It stands in a volatile asm, so that no compiler folds, moves or
 * speculates what has side effects on MXCSR. All else is out of line in fp.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RV64_FP_H
#define RV64_FP_H

#include <string.h>

#include "rv64/fp_host.h"

enum fp_op { FP_ADD, FP_SUB, FP_MUL, FP_DIV };

/* Every format and mode (fp.c). NEGATE: bit 0 the product, bit 1 what is added. */
u64 fp_arith(enum fp_op, enum fp_format, u64 a, u64 b, unsigned rm);
u64 fp_root(enum fp_format, u64 a, unsigned rm);
u64 fp_fused(enum fp_format, u64 a, u64 b, u64 c, unsigned negate, unsigned rm);
u64 fp_convert(enum fp_format to, enum fp_format from, u64 a, unsigned rm);
u64 fp_to_int(enum fp_format, u64 a, unsigned width, bool is_signed, unsigned rm);
u64 fp_from_int(enum fp_format, u64 v, bool is_signed, unsigned rm);
u64 fp_integral(enum fp_format, u64 a, bool exact, unsigned rm);
u64 fp_load_constant(enum fp_format, unsigned n); /* Zfa's table of 32; N is taken modulo 32 */
u64 fp_cvtmod_w_d(u64 a);

/* What needs no arithmetic, the same for all formats: plain comparisons of integers. */

/* In the order of the numbers, both zeroes being 0. */
static inline i64 fp_order(enum fp_format f, u64 raw)
{
    u64 size = raw & (fp_sign_bit(f) - 1);
    return raw & fp_sign_bit(f) ? -(i64)size : (i64)size;
}

enum fp_relation { FP_EQ, FP_LT, FP_LE };

/* SIGNAL: NV for any NaN, else for a signalling one only (20.8). */
static inline u64 fp_compare(enum fp_format f, enum fp_relation r, bool signal, u64 a, u64 b)
{
    a = fp_unbox(f, a);
    b = fp_unbox(f, b);
    if (unlikely(fp_is_nan(f, a) || fp_is_nan(f, b))) {
        if (signal || fp_is_snan(f, a) || fp_is_snan(f, b))
            fp_raise(FP_NV);
        return 0;
    }
    i64 x = fp_order(f, a), y = fp_order(f, b);
    return r == FP_EQ ? x == y : r == FP_LT ? x < y : x <= y;
}

/* The lesser or the greater; -0 is less than +0. NUMBER: a number wins over a NaN (20.6),
 * else a NaN wins (Zfa). */
static inline u64 fp_extreme(enum fp_format f, bool greater, bool number, u64 a, u64 b)
{
    a          = fp_unbox(f, a);
    b          = fp_unbox(f, b);
    bool nan_a = fp_is_nan(f, a), nan_b = fp_is_nan(f, b);
    if (unlikely(nan_a || nan_b)) {
        if (fp_is_snan(f, a) || fp_is_snan(f, b))
            fp_raise(FP_NV);
        if (!number || (nan_a && nan_b))
            return fp_box(f, fp_nan(f));
        return fp_box(f, nan_a ? b : a);
    }
    i64  x = fp_order(f, a), y = fp_order(f, b);
    bool a_less = x < y || (x == y && (a & fp_sign_bit(f)));
    return fp_box(f, a_less != greater ? a : b);
}

static inline u64 fp_sign_inject(enum fp_format f, u64 a, u64 sign)
{
    return fp_box(f, (fp_unbox(f, a) & ~fp_sign_bit(f)) | (sign & fp_sign_bit(f)));
}

/* One bit of ten (20.9). */
static inline u64 fp_classify(enum fp_format f, u64 a)
{
    a          = fp_unbox(f, a);
    bool minus = a & fp_sign_bit(f);
    u64  size  = a & (fp_sign_bit(f) - 1);
    if (size > fp_inf(f))
        return size & fp_quiet_bit(f) ? 1 << 9 : 1 << 8;
    if (size == fp_inf(f))
        return minus ? 1 << 0 : 1 << 7;
    if (size >> fp_frac_bits(f))
        return minus ? 1 << 1 : 1 << 6;
    if (size)
        return minus ? 1 << 2 : 1 << 5;
    return minus ? 1 << 3 : 1 << 4;
}

#define FP_COMMON(s, F)                                                                            \
    static inline u64 fp_eq_##s(u64 a, u64 b)                                                      \
    {                                                                                              \
        return fp_compare(F, FP_EQ, false, a, b);                                                  \
    }                                                                                              \
    static inline u64 fp_lt_##s(u64 a, u64 b)                                                      \
    {                                                                                              \
        return fp_compare(F, FP_LT, true, a, b);                                                   \
    }                                                                                              \
    static inline u64 fp_le_##s(u64 a, u64 b)                                                      \
    {                                                                                              \
        return fp_compare(F, FP_LE, true, a, b);                                                   \
    }                                                                                              \
    static inline u64 fp_ltq_##s(u64 a, u64 b)                                                     \
    {                                                                                              \
        return fp_compare(F, FP_LT, false, a, b);                                                  \
    }                                                                                              \
    static inline u64 fp_leq_##s(u64 a, u64 b)                                                     \
    {                                                                                              \
        return fp_compare(F, FP_LE, false, a, b);                                                  \
    }                                                                                              \
    static inline u64 fp_min_##s(u64 a, u64 b)                                                     \
    {                                                                                              \
        return fp_extreme(F, false, true, a, b);                                                   \
    }                                                                                              \
    static inline u64 fp_max_##s(u64 a, u64 b)                                                     \
    {                                                                                              \
        return fp_extreme(F, true, true, a, b);                                                    \
    }                                                                                              \
    static inline u64 fp_minm_##s(u64 a, u64 b)                                                    \
    {                                                                                              \
        return fp_extreme(F, false, false, a, b);                                                  \
    }                                                                                              \
    static inline u64 fp_maxm_##s(u64 a, u64 b)                                                    \
    {                                                                                              \
        return fp_extreme(F, true, false, a, b);                                                   \
    }                                                                                              \
    static inline u64 fp_sgnj_##s(u64 a, u64 b)                                                    \
    {                                                                                              \
        return fp_sign_inject(F, a, fp_unbox(F, b));                                               \
    }                                                                                              \
    static inline u64 fp_sgnjn_##s(u64 a, u64 b)                                                   \
    {                                                                                              \
        return fp_sign_inject(F, a, ~fp_unbox(F, b));                                              \
    }                                                                                              \
    static inline u64 fp_sgnjx_##s(u64 a, u64 b)                                                   \
    {                                                                                              \
        return fp_sign_inject(F, a, fp_unbox(F, a) ^ fp_unbox(F, b));                              \
    }                                                                                              \
    static inline u64 fp_class_##s(u64 a)                                                          \
    {                                                                                              \
        return fp_classify(F, a);                                                                  \
    }                                                                                              \
    static inline u64 fp_round_##s(u64 a, unsigned rm)                                             \
    {                                                                                              \
        return fp_integral(F, a, false, rm);                                                       \
    }                                                                                              \
    static inline u64 fp_roundnx_##s(u64 a, unsigned rm)                                           \
    {                                                                                              \
        return fp_integral(F, a, true, rm);                                                        \
    }                                                                                              \
    static inline u64 fp_li_##s(unsigned n)                                                        \
    {                                                                                              \
        return fp_load_constant(F, n);                                                             \
    }

FP_COMMON(h, FP_H)
FP_COMMON(s, FP_S)
FP_COMMON(d, FP_D)
#undef FP_COMMON

/* Arithmetic: each tries the host's one instruction first (fp_host.h), which says no where it
 * does not give exactly what is asked. */
#define FP_BINARY(s, F, name, op)                                                                  \
    static inline u64 fp_##name##_##s(u64 a, u64 b, unsigned rm)                                   \
    {                                                                                              \
        u64 r;                                                                                     \
        if (likely(rm == FP_RNE) && fp_host_##name##_##s(a, b, &r))                                \
            return r;                                                                              \
        return fp_arith(op, F, a, b, rm);                                                          \
    }
#define FP_FUSED(s, F, name, negate)                                                               \
    static inline u64 fp_##name##_##s(u64 a, u64 b, u64 c, unsigned rm)                            \
    {                                                                                              \
        u64 r;                                                                                     \
        if (likely(rm == FP_RNE) && fp_host_##name##_##s(a, b, c, &r))                             \
            return r;                                                                              \
        return fp_fused(F, a, b, c, negate, rm);                                                   \
    }
#define FP_TO_INT(s, F, name, width, is_signed)                                                    \
    static inline u64 fp_cvt_##name##_##s(u64 a, unsigned rm)                                      \
    {                                                                                              \
        u64 r;                                                                                     \
        if (fp_host_to_##name##_##s(a, rm, &r))                                                    \
            return r;                                                                              \
        return fp_to_int(F, a, width, is_signed, rm);                                              \
    }
#define FP_FROM_INT(s, F, name, T, is_signed)                                                      \
    static inline u64 fp_cvt_##s##_##name(u64 v, unsigned rm)                                      \
    {                                                                                              \
        u64 r;                                                                                     \
        if (likely(rm == FP_RNE) && fp_host_from_##name##_##s(v, &r))                              \
            return r;                                                                              \
        return fp_from_int(F, (u64)(T)v, is_signed, rm);                                           \
    }
#define FP_ARITHMETIC(s, F)                                                                        \
    FP_BINARY(s, F, add, FP_ADD)                                                                   \
    FP_BINARY(s, F, sub, FP_SUB)                                                                   \
    FP_BINARY(s, F, mul, FP_MUL)                                                                   \
    FP_BINARY(s, F, div, FP_DIV)                                                                   \
    FP_FUSED(s, F, fmadd, 0)                                                                       \
    FP_FUSED(s, F, fmsub, 2)                                                                       \
    FP_FUSED(s, F, fnmsub, 1)                                                                      \
    FP_FUSED(s, F, fnmadd, 3)                                                                      \
    FP_TO_INT(s, F, w, 32, true)                                                                   \
    FP_TO_INT(s, F, wu, 32, false)                                                                 \
    FP_TO_INT(s, F, l, 64, true)                                                                   \
    FP_TO_INT(s, F, lu, 64, false)                                                                 \
    FP_FROM_INT(s, F, w, i32, true)                                                                \
    FP_FROM_INT(s, F, wu, u32, false)                                                              \
    FP_FROM_INT(s, F, l, i64, true)                                                                \
    FP_FROM_INT(s, F, lu, u64, false)                                                              \
    static inline u64 fp_sqrt_##s(u64 a, unsigned rm)                                              \
    {                                                                                              \
        u64 r;                                                                                     \
        if (likely(rm == FP_RNE) && fp_host_sqrt_##s(a, &r))                                       \
            return r;                                                                              \
        return fp_root(F, a, rm);                                                                  \
    }                                                                                              \
    static inline u64 fp_fma_##s(u64 a, u64 b, u64 c, unsigned rm)                                 \
    {                                                                                              \
        return fp_fmadd_##s(a, b, c, rm);                                                          \
    }

FP_ARITHMETIC(h, FP_H)
FP_ARITHMETIC(s, FP_S)
FP_ARITHMETIC(d, FP_D)
#undef FP_ARITHMETIC
#undef FP_FROM_INT
#undef FP_TO_INT
#undef FP_FUSED
#undef FP_BINARY

static inline u64 fp_cvt_d_s(u64 a, unsigned rm)
{
    u64 r;
    return fp_host_widen(a, &r) ? r : fp_convert(FP_D, FP_S, a, rm);
}

static inline u64 fp_cvt_s_d(u64 a, unsigned rm)
{
    u64 r;
    return likely(rm == FP_RNE) && fp_host_narrow(a, &r) ? r : fp_convert(FP_S, FP_D, a, rm);
}

#define FP_CONVERT(to, TO, from, FROM)                                                             \
    static inline u64 fp_cvt_##to##_##from(u64 a, unsigned rm)                                     \
    {                                                                                              \
        return fp_convert(TO, FROM, a, rm);                                                        \
    }
FP_CONVERT(h, FP_H, s, FP_S)
FP_CONVERT(h, FP_H, d, FP_D)
FP_CONVERT(s, FP_S, h, FP_H)
FP_CONVERT(d, FP_D, h, FP_H)
#undef FP_CONVERT

#endif

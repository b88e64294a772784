/* rv64/fp.c - floating point out of line: other rounding modes, half precision, the rare.
 *
 * On x86-64 the directed modes still use the host's unit, with its rounding control switched
 * around the one instruction; round to nearest, ties away (RMM), binary16 and hosts of other
 * kinds go through the engine of fp_soft.c, whose flags are then raised. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/fp.h"
#include "rv64/fp_soft.h"

#if !FP_HOST
_Thread_local u32 fp_thread_flags;
#endif

/* Raises FLAGS and gives RAW as a register. */
static u64 done(enum fp_format f, u64 raw, u32 flags)
{
    if (flags)
        fp_raise(flags);
    return fp_box(f, raw);
}

#if FP_HOST
typedef bool host_binary(u64 a, u64 b, u64 *out);

static bool host_arith(enum fp_op op, enum fp_format f, u64 a, u64 b, unsigned rm, u64 *out)
{
    static host_binary *const ops[][3] = {
        [FP_ADD] = {NULL, fp_host_add_s, fp_host_add_d},
        [FP_SUB] = {NULL, fp_host_sub_s, fp_host_sub_d},
        [FP_MUL] = {NULL, fp_host_mul_s, fp_host_mul_d},
        [FP_DIV] = {NULL, fp_host_div_s, fp_host_div_d},
    };
    if (rm == FP_RMM || !ops[op][f])
        return false;
    fp_host_round(rm);
    bool is = ops[op][f](a, b, out);
    fp_host_round_done();
    return is;
}

static bool host_root(enum fp_format f, u64 a, unsigned rm, u64 *out)
{
    if (rm == FP_RMM || f == FP_H)
        return false;
    fp_host_round(rm);
    bool is = f == FP_S ? fp_host_sqrt_s(a, out) : fp_host_sqrt_d(a, out);
    fp_host_round_done();
    return is;
}

typedef bool host_ternary(u64 a, u64 b, u64 c, u64 *out);

static bool host_fused(enum fp_format f, u64 a, u64 b, u64 c, unsigned negate, unsigned rm,
                       u64 *out)
{
    static host_ternary *const ops[][3] = {
        {NULL, fp_host_fmadd_s, fp_host_fmadd_d},
        {NULL, fp_host_fnmsub_s, fp_host_fnmsub_d},
        {NULL, fp_host_fmsub_s, fp_host_fmsub_d},
        {NULL, fp_host_fnmadd_s, fp_host_fnmadd_d},
    };
    if (rm == FP_RMM || !ops[negate][f])
        return false;
    fp_host_round(rm);
    bool is = ops[negate][f](a, b, c, out);
    fp_host_round_done();
    return is;
}
#else
#define host_arith(op, f, a, b, rm, out)        ((void)(out), false)
#define host_root(f, a, rm, out)                ((void)(out), false)
#define host_fused(f, a, b, c, negate, rm, out) ((void)(out), false)
#endif

u64 fp_arith(enum fp_op op, enum fp_format f, u64 a, u64 b, unsigned rm)
{
    static const enum soft_op soft[] = {
        [FP_ADD] = SOFT_ADD, [FP_SUB] = SOFT_SUB, [FP_MUL] = SOFT_MUL, [FP_DIV] = SOFT_DIV};
    u64 r;
    u32 flags = 0;
    if (host_arith(op, f, a, b, rm, &r))
        return r;
    r = soft_arith(soft[op], f, fp_unbox(f, a), fp_unbox(f, b), rm, &flags);
    return done(f, r, flags);
}

u64 fp_root(enum fp_format f, u64 a, unsigned rm)
{
    u64 r;
    u32 flags = 0;
    if (host_root(f, a, rm, &r))
        return r;
    r = soft_sqrt(f, fp_unbox(f, a), rm, &flags);
    return done(f, r, flags);
}

u64 fp_fused(enum fp_format f, u64 a, u64 b, u64 c, unsigned negate, unsigned rm)
{
    u64 r, minus = fp_sign_bit(f);
    u32 flags = 0;
    if (host_fused(f, a, b, c, negate, rm, &r))
        return r;
    a = fp_unbox(f, a) ^ (negate & 1 ? minus : 0);
    c = fp_unbox(f, c) ^ (negate & 2 ? minus : 0);
    r = soft_fma(f, a, fp_unbox(f, b), c, rm, &flags);
    return done(f, r, flags);
}

u64 fp_convert(enum fp_format to, enum fp_format from, u64 a, unsigned rm)
{
    u32 flags = 0;
    u64 r     = soft_convert(to, from, fp_unbox(from, a), rm, &flags);
    return done(to, r, flags);
}

u64 fp_to_int(enum fp_format f, u64 a, unsigned width, bool is_signed, unsigned rm)
{
    u32 flags = 0;
    u64 r     = soft_to_int(f, fp_unbox(f, a), width, is_signed, rm, &flags);
    return done(FP_D, r, flags);
}

u64 fp_from_int(enum fp_format f, u64 v, bool is_signed, unsigned rm)
{
    u32 flags = 0;
    u64 r     = soft_from_int(f, v, is_signed, rm, &flags);
    return done(f, r, flags);
}

u64 fp_integral(enum fp_format f, u64 a, bool exact, unsigned rm)
{
    u32 flags = 0;
    u64 r     = soft_round(f, fp_unbox(f, a), exact, rm, &flags);
    return done(f, r, flags);
}

u64 fp_cvtmod_w_d(u64 a)
{
    u32 flags = 0;
    u64 r     = soft_modulo_w(a, &flags);
    return done(FP_D, r, flags);
}

/* Zfa, table 1. Two entries differ by format: the least normal number, and 2^16, which binary16
 * does not reach: infinity. */
u64 fp_load_constant(enum fp_format f, unsigned n)
{
    static const double table[32] = {-1.0, 0,      0x1p-16, 0x1p-15, 0x1p-8, 0x1p-7, 0.0625, 0.125,
                                     0.25, 0.3125, 0.375,   0.4375,  0.5,    0.625,  0.75,   0.875,
                                     1.0,  1.25,   1.5,     1.75,    2.0,    2.5,    3.0,    4.0,
                                     8.0,  16.0,   128.0,   256.0,   0x1p15, 0x1p16, 0,      0};
    u64                 raw;
    u32                 ignored = 0;
    n %= 32;
    if (n == 1)
        raw = 1ull << fp_frac_bits(f);
    else if (n >= 30)
        raw = n == 30 ? fp_inf(f) : fp_nan(f);
    else
        memcpy(&raw, &table[n], sizeof(raw));
    if (n != 1 && n < 30)
        raw = soft_convert(f, FP_D, raw, FP_RNE, &ignored);
    return fp_box(f, raw);
}

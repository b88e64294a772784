/* rv64/vector_float.c - kernels of floating point: chapter "V" of Volume I, 13, 14.3, 14.4; Zvfh.
 *
 * Elements are boxed on their way into the functions of fp.h, and truncated on their way back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/fp.h"
#include "rv64/fp_soft.h"
#include "rv64/vector_loop.h"

/* The functions of fp.h by format. Formats are constants where these are used, so one case of
 * each stays. */
#define PICK(f, name, ...)                                                                         \
    ((f) == FP_H   ? fp_##name##_h(__VA_ARGS__)                                                    \
     : (f) == FP_S ? fp_##name##_s(__VA_ARGS__)                                                    \
                   : fp_##name##_d(__VA_ARGS__))

static inline u64 from_int(enum fp_format f, u64 v, unsigned rm)
{
    return f == FP_H ? fp_cvt_h_l(v, rm) : f == FP_S ? fp_cvt_s_l(v, rm) : fp_cvt_d_l(v, rm);
}

static inline u64 from_unsigned(enum fp_format f, u64 v, unsigned rm)
{
    return f == FP_H ? fp_cvt_h_lu(v, rm) : f == FP_S ? fp_cvt_s_lu(v, rm) : fp_cvt_d_lu(v, rm);
}

static inline u64 to_int(enum fp_format f, u64 a, unsigned width, unsigned rm)
{
    if (width == 64)
        return PICK(f, cvt_l, a, rm);
    return width == 32 ? PICK(f, cvt_w, a, rm) : fp_to_int(f, a, width, true, rm);
}

static inline u64 to_unsigned(enum fp_format f, u64 a, unsigned width, unsigned rm)
{
    if (width == 64)
        return PICK(f, cvt_lu, a, rm);
    return width == 32 ? PICK(f, cvt_wu, a, rm) : fp_to_int(f, a, width, false, rm);
}

/* F is half, to single; or single, to double. */
static inline u64 widened(enum fp_format f, u64 a)
{
    return f == FP_H ? fp_cvt_s_h(a, FP_RNE) : fp_cvt_d_s(a, FP_RNE);
}

static inline u64 narrowed(enum fp_format to, u64 a, unsigned rm)
{
    return to == FP_H ? fp_cvt_h_s(a, rm) : fp_cvt_s_d(a, rm);
}

/* 13.19: to odd, that is towards zero, but what is not exact has its last bit set. */
static u64 narrowed_to_odd(enum fp_format to, u64 a)
{
    enum fp_format from  = (enum fp_format)(to + 1);
    u32            flags = 0;
    u64            r     = soft_convert(to, from, fp_unbox(from, a), FP_RTZ, &flags);
    fp_raise(flags);
    return flags & FP_NX ? r | 1 : r;
}

/* A number without its sign, of exponent EXP (biased, it may be 0 or less) and with its fraction's
 * seven highest bits. */
struct split {
    int      exp;
    unsigned top;
};

static struct split split(enum fp_format f, u64 size)
{
    unsigned frac = fp_frac_bits(f);
    int      exp  = (int)(size >> frac);
    u64      rest = size & ((1ull << frac) - 1);
    if (exp == 0) {
        unsigned zeros = (unsigned)__builtin_clzll(rest) - (64 - frac);
        exp            = -(int)zeros;
        rest           = rest << (zeros + 1) & ((1ull << frac) - 1);
    }
    return (struct split){exp, (unsigned)(rest >> (frac - 7))};
}

static u64 nan_estimate(enum fp_format f, bool invalid)
{
    if (invalid)
        fp_raise(FP_NV);
    return fp_nan(f);
}

/* 13.9: 1 / sqrt(x) to 7 bits. The significand is the root of a 128th of which is nearest to that
 * of the middle of what shares the six bits and the exponent's last. */
static u64 estimate_rsqrt(enum fp_format f, u64 boxed)
{
    u64  a = fp_unbox(f, boxed), sign = a & fp_sign_bit(f), size = a ^ sign;
    int  bias = (1 << (fp_width(f) - fp_frac_bits(f) - 2)) - 1;
    bool odd;
    if (fp_is_nan(f, a))
        return nan_estimate(f, fp_is_snan(f, a));
    if (size == 0) {
        fp_raise(FP_DZ);
        return sign | fp_inf(f);
    }
    if (sign)
        return nan_estimate(f, true);
    if (size == fp_inf(f))
        return 0;
    struct split s = split(f, size);
    odd            = s.exp & 1;
    /* n / 256 is the result's significand: the greatest for which (n - 1/2)^2 x <= 2^16. */
    u64 x = (129 + 2 * (u64)(s.top >> 1)) * (odd ? 1 : 2), n = 255;
    while ((2 * n - 1) * (2 * n - 1) * x > 4 * 128 * 65536)
        n--;
    u64 exp = (u64)(3 * bias - 1 - s.exp) >> 1;
    return exp << fp_frac_bits(f) | (n - 128) << (fp_frac_bits(f) - 7);
}

/* 13.10: what is too small to have a reciprocal. */
static u64 too_great(enum fp_format f, u64 sign, unsigned rm)
{
    bool finite = rm == FP_RTZ || rm == (sign ? FP_RUP : FP_RDN);
    fp_raise(FP_NX | FP_OF);
    return sign | (fp_inf(f) - finite);
}

/* 13.10: 1 / x to 7 bits, in the same way. */
static u64 estimate_recip(enum fp_format f, u64 boxed, unsigned rm)
{
    u64      a = fp_unbox(f, boxed), sign = a & fp_sign_bit(f), size = a ^ sign;
    unsigned frac = fp_frac_bits(f);
    int      bias = (1 << (fp_width(f) - frac - 2)) - 1;
    if (fp_is_nan(f, a))
        return nan_estimate(f, fp_is_snan(f, a));
    if (size == fp_inf(f))
        return sign;
    if (size == 0) {
        fp_raise(FP_DZ);
        return sign | fp_inf(f);
    }
    struct split s   = split(f, size);
    int          exp = 2 * bias - 1 - s.exp;
    if (exp > 2 * bias)
        return too_great(f, sign, rm);
    u64 significand = (131072 / (257 + 2 * s.top) + 1) / 2; /* 128 to 255: its leading one, too */
    u64 raw         = significand << (frac - 7);
    if (exp <= 0)
        return sign | raw >> (1 - exp);
    return sign | ((u64)exp << frac | (raw & ((1ull << frac) - 1)));
}

/* Within a kernel: its format, the one twice as wide, and its elements boxed. */
#define FORMAT(n) ((n) == 16 ? FP_H : (n) == 32 ? FP_S : FP_D)
#define F         FORMAT(BITS)
#define WF        FORMAT(2 * BITS)
#define RM        (o->rm)
#define A         fp_box(F, a)
#define B         fp_box(F, b)
#define WAS       fp_box(F, was)
#define WIDE_A    widened(F, A)
#define WIDE_B    widened(F, B)
#define WA        fp_box(WF, a) /* where it is of twice the width */
#define WIDE_WAS  fp_box(WF, was)

#define SAME(name, ...)                                                                            \
    VECTOR_KERNEL(name##_16, 16, U16, U16, U16, __VA_ARGS__)                                       \
    VECTOR_KERNEL(name##_32, 32, U32, U32, U32, __VA_ARGS__)                                       \
    VECTOR_KERNEL(name##_64, 64, U64, U64, U64, __VA_ARGS__)                                       \
    vector_kernels vector_k_##name = {NULL, name##_16, name##_32, name##_64};

/* 13.2, 13.4, 13.6, 13.8 to 13.12, 13.14, 13.16 */
SAME(fadd, PICK(F, add, A, B, RM))
SAME(fsub, PICK(F, sub, A, B, RM))
SAME(frsub, PICK(F, sub, B, A, RM))
SAME(fmul, PICK(F, mul, A, B, RM))
SAME(fdiv, PICK(F, div, A, B, RM))
SAME(frdiv, PICK(F, div, B, A, RM))
SAME(fmacc, PICK(F, fmadd, B, A, WAS, RM))
SAME(fnmacc, PICK(F, fnmadd, B, A, WAS, RM))
SAME(fmsac, PICK(F, fmsub, B, A, WAS, RM))
SAME(fnmsac, PICK(F, fnmsub, B, A, WAS, RM))
SAME(fmadd, PICK(F, fmadd, B, WAS, A, RM))
SAME(fnmadd, PICK(F, fnmadd, B, WAS, A, RM))
SAME(fmsub, PICK(F, fmsub, B, WAS, A, RM))
SAME(fnmsub, PICK(F, fnmsub, B, WAS, A, RM))
SAME(fsqrt, PICK(F, sqrt, A, RM))
SAME(frsqrt7, estimate_rsqrt(F, A))
SAME(frec7, estimate_recip(F, A, RM))
SAME(fmin, PICK(F, min, A, B))
SAME(fmax, PICK(F, max, A, B))
SAME(fsgnj, PICK(F, sgnj, A, B))
SAME(fsgnjn, PICK(F, sgnjn, A, B))
SAME(fsgnjx, PICK(F, sgnjx, A, B))
SAME(fclass, PICK(F, class, A))
SAME(fmove, b)

/* 13.17 */
SAME(fcvt_x_f, to_int(F, A, BITS, RM))
SAME(fcvt_xu_f, to_unsigned(F, A, BITS, RM))
SAME(fcvt_rtz_x_f, to_int(F, A, BITS, FP_RTZ))
SAME(fcvt_rtz_xu_f, to_unsigned(F, A, BITS, FP_RTZ))
SAME(fcvt_f_x, from_int(F, (u64)(i64)(S)a, RM))
SAME(fcvt_f_xu, from_unsigned(F, a, RM))

/* 13.3, 13.5, 13.7; B is a placeholder where there is one operand. */
#define WIDEN(name, A_, ...)                                                                       \
    VECTOR_KERNEL(name##_16, 16, WU16, A_##16, U16, __VA_ARGS__)                                   \
    VECTOR_KERNEL(name##_32, 32, WU32, A_##32, U32, __VA_ARGS__)                                   \
    vector_kernels vector_k_##name = {NULL, name##_16, name##_32, NULL};
WIDEN(fwadd, U, PICK(WF, add, WIDE_A, WIDE_B, RM))
WIDEN(fwsub, U, PICK(WF, sub, WIDE_A, WIDE_B, RM))
WIDEN(fwadd_w, WU, PICK(WF, add, WA, WIDE_B, RM))
WIDEN(fwsub_w, WU, PICK(WF, sub, WA, WIDE_B, RM))
WIDEN(fwmul, U, PICK(WF, mul, WIDE_A, WIDE_B, RM))
WIDEN(fwmacc, U, PICK(WF, fmadd, WIDE_B, WIDE_A, WIDE_WAS, RM))
WIDEN(fwnmacc, U, PICK(WF, fnmadd, WIDE_B, WIDE_A, WIDE_WAS, RM))
WIDEN(fwmsac, U, PICK(WF, fmsub, WIDE_B, WIDE_A, WIDE_WAS, RM))
WIDEN(fwnmsac, U, PICK(WF, fnmsub, WIDE_B, WIDE_A, WIDE_WAS, RM))

/* 13.18 */
WIDEN(fwcvt_x_f, U, to_int(F, A, 2 * BITS, RM))
WIDEN(fwcvt_xu_f, U, to_unsigned(F, A, 2 * BITS, RM))
WIDEN(fwcvt_rtz_x_f, U, to_int(F, A, 2 * BITS, FP_RTZ))
WIDEN(fwcvt_rtz_xu_f, U, to_unsigned(F, A, 2 * BITS, FP_RTZ))
WIDEN(fwcvt_f_f, U, WIDE_A)
VECTOR_WIDE(fwcvt_f_x, WU, S, U, from_int(WF, (u64)(i64)a, RM))
VECTOR_WIDE(fwcvt_f_xu, WU, U, U, from_unsigned(WF, a, RM))

/* 13.19 */
#define NARROW(name, ...)                                                                          \
    VECTOR_KERNEL(name##_16, 16, U16, WU16, U16, __VA_ARGS__)                                      \
    VECTOR_KERNEL(name##_32, 32, U32, WU32, U32, __VA_ARGS__)                                      \
    vector_kernels vector_k_##name = {NULL, name##_16, name##_32, NULL};
VECTOR_WIDE(fncvt_x_f, U, WU, U, to_int(WF, WA, BITS, RM))
VECTOR_WIDE(fncvt_xu_f, U, WU, U, to_unsigned(WF, WA, BITS, RM))
VECTOR_WIDE(fncvt_rtz_x_f, U, WU, U, to_int(WF, WA, BITS, FP_RTZ))
VECTOR_WIDE(fncvt_rtz_xu_f, U, WU, U, to_unsigned(WF, WA, BITS, FP_RTZ))
NARROW(fncvt_f_x, from_int(F, (u64)(i64)(WS)a, RM))
NARROW(fncvt_f_xu, from_unsigned(F, a, RM))
NARROW(fncvt_f_f, narrowed(F, WA, RM))
NARROW(fncvt_rod_f_f, narrowed_to_odd(F, WA))

/* 13.13; only active elements may raise flags. */
#define TEST(name, N, ...)                                                                         \
    static void name##_##N(const struct vector_op *o)                                              \
    {                                                                                              \
        enum { BITS = N };                                                                         \
        const U##N *pa = (const U##N *)o->a, *pb = (const U##N *)o->b;                             \
        u8          is[VECTOR_ELEMENTS];                                                           \
        VECTOR_EACH(o, U##N a = pa[i]; U##N b = pb ? pb[i] : (U##N)o->x;                           \
                    is[i] = (u8)(__VA_ARGS__));                                                    \
        vector_put_mask(o, is);                                                                    \
    }
#define TESTS(name, ...)                                                                           \
    TEST(name, 16, __VA_ARGS__)                                                                    \
    TEST(name, 32, __VA_ARGS__)                                                                    \
    TEST(name, 64, __VA_ARGS__)                                                                    \
    vector_kernels vector_k_##name = {NULL, name##_16, name##_32, name##_64};
TESTS(mfeq, PICK(F, eq, A, B))
TESTS(mfne, !PICK(F, eq, A, B))
TESTS(mflt, PICK(F, lt, A, B))
TESTS(mfle, PICK(F, le, A, B))
TESTS(mfgt, PICK(F, lt, B, A))
TESTS(mfge, PICK(F, le, B, A))

/* 14.3, 14.4: in order, one after the other; that is allowed for the unordered sum too. */
#define REDUCE(name, N, R, FORM, ...)                                                              \
    static void name##_##N(const struct vector_op *o)                                              \
    {                                                                                              \
        enum { BITS = N };                                                                         \
        const U##N *pa  = (const U##N *)o->a;                                                      \
        u64         sum = fp_box(FORM, *(const R *)o->b);                                          \
        VECTOR_EACH(o, U##N a = pa[i]; sum = (__VA_ARGS__));                                       \
        *(R *)o->d = (R)sum;                                                                       \
    }
#define REDUCTION(name, ...)                                                                       \
    REDUCE(name, 16, U16, F, __VA_ARGS__)                                                          \
    REDUCE(name, 32, U32, F, __VA_ARGS__)                                                          \
    REDUCE(name, 64, U64, F, __VA_ARGS__)                                                          \
    vector_kernels vector_k_##name = {NULL, name##_16, name##_32, name##_64};
REDUCTION(fredusum, PICK(F, add, sum, A, RM))
REDUCTION(fredmin, PICK(F, min, sum, A))
REDUCTION(fredmax, PICK(F, max, sum, A))
REDUCE(fwredusum, 16, WU16, WF, PICK(WF, add, sum, WIDE_A, RM))
REDUCE(fwredusum, 32, WU32, WF, PICK(WF, add, sum, WIDE_A, RM))
vector_kernels vector_k_fwredusum = {NULL, fwredusum_16, fwredusum_32, NULL};

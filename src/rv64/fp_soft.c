/* rv64/fp_soft.c - see fp_soft.h.
 *
 * A number is taken apart into sign, exponent and a significand whose top bit is set; worked on
 * with 128 bits where that is needed to lose nothing; what does lie below is jammed, ORed into
 * the lowest bit, which keeps every rounding right; then rounded and put together once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/fp_soft.h"

typedef unsigned __int128 u128;

enum kind { ZERO, FINITE, INF, NAN_ };

/* FINITE: sig * 2^(exp - 63), bit 63 of sig set. */
struct num {
    enum kind kind;
    bool      sign;
    int       exp;
    u64       sig;
};

/* The same with room: sig * 2^(exp - 127). */
struct wide {
    bool sign;
    int  exp;
    u128 sig;
};

static int fp_bias(enum fp_format f)
{
    return (1 << (fp_width(f) - fp_frac_bits(f) - 2)) - 1;
}

static struct num unpack(enum fp_format f, u64 raw)
{
    u64        frac = raw & ((1ull << fp_frac_bits(f)) - 1);
    int        exp  = (int)((raw & fp_inf(f)) >> fp_frac_bits(f));
    struct num n    = {.kind = FINITE, .sign = raw & fp_sign_bit(f)};
    if (exp == 2 * fp_bias(f) + 1) {
        n.kind = frac ? NAN_ : INF;
    } else if (exp == 0 && frac == 0) {
        n.kind = ZERO;
    } else {
        u64 sig = frac << (63 - fp_frac_bits(f));
        n.exp   = (exp ? exp : 1) - fp_bias(f);
        sig |= exp ? 1ull << 63 : 0;
        int shift = __builtin_clzll(sig);
        n.sig     = sig << shift;
        n.exp -= shift;
    }
    return n;
}

static u64 signed_raw(enum fp_format f, bool sign, u64 raw)
{
    return sign ? raw | fp_sign_bit(f) : raw;
}

/* SIG / 2^SHIFT, rounded; 0 < shift. *inexact says whether that lost anything. */
static u64 round_shift(u64 sig, unsigned shift, bool sign, unsigned rm, bool *inexact)
{
    if (shift > 64) {
        sig   = sig != 0;
        shift = 64;
    }
    u64  quotient = shift == 64 ? 0 : sig >> shift;
    u64  rest     = shift == 64 ? sig : sig & ((1ull << shift) - 1);
    u64  half     = 1ull << (shift - 1);
    bool up[]     = {
            [FP_RNE] = rest > half || (rest == half && (quotient & 1)),
            [FP_RTZ] = false,
            [FP_RDN] = sign && rest,
            [FP_RUP] = !sign && rest,
            [FP_RMM] = rest >= half,
    };
    *inexact = rest != 0;
    return quotient + up[rm];
}

static u64 overflow(enum fp_format f, bool sign, unsigned rm, u32 *flags)
{
    bool to_inf = rm == FP_RNE || rm == FP_RMM || rm == (sign ? FP_RDN : FP_RUP);
    *flags |= FP_OF | FP_NX;
    return signed_raw(f, sign, to_inf ? fp_inf(f) : fp_inf(f) - 1);
}

/* The one place where results are made. SIG has its top bit set. Tininess is detected after
 * rounding (20.2): a number is tiny if it would be below the least normal one even when rounded
 * with an unbounded exponent. */
static u64 pack(enum fp_format f, bool sign, int exp, u64 sig, unsigned rm, u32 *flags)
{
    unsigned frac_bits = fp_frac_bits(f), shift = 63 - frac_bits;
    int      least = 1 - fp_bias(f);
    bool     inexact, ignored;

    u64 rounded = round_shift(sig, shift, sign, rm, &inexact);
    if (exp >= least) {
        if (rounded >> (frac_bits + 1)) {
            rounded >>= 1;
            exp++;
        }
        if (exp > fp_bias(f))
            return overflow(f, sign, rm, flags);
        *flags |= inexact ? FP_NX : 0;
        u64 raw = ((u64)(exp + fp_bias(f) - 1) << frac_bits) + rounded;
        return signed_raw(f, sign, raw);
    }
    bool     tiny  = exp < least - 1 || !(rounded >> (frac_bits + 1));
    unsigned below = (unsigned)(least - exp);
    rounded        = round_shift(sig, below > 128 ? 128 : shift + below, sign, rm, &ignored);
    inexact        = ignored;
    if (inexact)
        *flags |= tiny ? FP_NX | FP_UF : FP_NX;
    return signed_raw(f, sign, rounded);
}

static u128 jam_right(u128 sig, unsigned shift)
{
    if (shift == 0)
        return sig;
    if (shift > 127)
        return sig != 0;
    return sig >> shift | ((sig & (((u128)1 << shift) - 1)) != 0);
}

static u64 pack_wide(enum fp_format f, struct wide w, unsigned rm, u32 *flags)
{
    u64 high  = (u64)(w.sig >> 64);
    int shift = high ? __builtin_clzll(high) : 64 + __builtin_clzll((u64)w.sig);
    w.sig <<= shift;
    return pack(f, w.sign, w.exp - shift, (u64)(w.sig >> 64) | ((u64)w.sig != 0), rm, flags);
}

static u64 invalid(enum fp_format f, u32 *flags)
{
    *flags |= FP_NV;
    return fp_nan(f);
}

/* a + b of finite numbers that are not zero. The low bits of both are free, so the shift that
 * makes room for the carry loses nothing. */
static u64 add_wide(enum fp_format f, struct wide a, struct wide b, unsigned rm, u32 *flags)
{
    a.sig >>= 1;
    b.sig >>= 1;
    a.exp++;
    b.exp++;
    if (a.exp < b.exp || (a.exp == b.exp && a.sig < b.sig)) {
        struct wide t = a;
        a             = b;
        b             = t;
    }
    b.sig = jam_right(b.sig, (unsigned)(a.exp - b.exp));
    if (a.sign == b.sign)
        a.sig += b.sig;
    else
        a.sig -= b.sig;
    if (!a.sig)
        return signed_raw(f, rm == FP_RDN, 0);
    return pack_wide(f, a, rm, flags);
}

static struct wide widen(struct num n)
{
    return (struct wide){n.sign, n.exp, (u128)n.sig << 64};
}

static u64 nan_result(enum fp_format f, u64 a, u64 b, u64 c, u32 *flags)
{
    if (fp_is_snan(f, a) || fp_is_snan(f, b) || fp_is_snan(f, c))
        *flags |= FP_NV;
    return fp_nan(f);
}

static u64 add(enum fp_format f, u64 ra, u64 rb, unsigned rm, u32 *flags)
{
    struct num a = unpack(f, ra), b = unpack(f, rb);
    if (a.kind == INF && b.kind == INF && a.sign != b.sign)
        return invalid(f, flags);
    if (a.kind == INF || (b.kind == ZERO && a.kind != ZERO))
        return ra;
    if (b.kind == INF || (a.kind == ZERO && b.kind != ZERO))
        return rb;
    if (a.kind == ZERO)
        return a.sign == b.sign ? ra : signed_raw(f, rm == FP_RDN, 0);
    return add_wide(f, widen(a), widen(b), rm, flags);
}

static struct wide product(struct num a, struct num b)
{
    u128 sig = (u128)a.sig * b.sig;
    int  exp = a.exp + b.exp + 1;
    if (!(sig >> 127)) {
        sig <<= 1;
        exp--;
    }
    return (struct wide){a.sign != b.sign, exp, sig};
}

static u64 mul(enum fp_format f, u64 ra, u64 rb, unsigned rm, u32 *flags)
{
    struct num a = unpack(f, ra), b = unpack(f, rb);
    bool       sign = a.sign != b.sign;
    if ((a.kind == INF && b.kind == ZERO) || (a.kind == ZERO && b.kind == INF))
        return invalid(f, flags);
    if (a.kind == INF || b.kind == INF)
        return signed_raw(f, sign, fp_inf(f));
    if (a.kind == ZERO || b.kind == ZERO)
        return signed_raw(f, sign, 0);
    return pack_wide(f, product(a, b), rm, flags);
}

static u64 divide(enum fp_format f, u64 ra, u64 rb, unsigned rm, u32 *flags)
{
    struct num a = unpack(f, ra), b = unpack(f, rb);
    bool       sign = a.sign != b.sign;
    if (a.kind == b.kind && a.kind != FINITE)
        return invalid(f, flags);
    if (a.kind == INF || b.kind == ZERO) {
        *flags |= a.kind == FINITE ? FP_DZ : 0;
        return signed_raw(f, sign, fp_inf(f));
    }
    if (a.kind == ZERO || b.kind == INF)
        return signed_raw(f, sign, 0);
    u128 top = (u128)a.sig << 63; /* the quotient has 63 or 64 bits */
    u64  sig = (u64)(top / b.sig) | (top % b.sig != 0);
    int  exp = a.exp - b.exp;
    if (!(sig >> 63)) {
        /* One more bit of it, so that the jammed one stays below. */
        top = (u128)a.sig << 64;
        sig = (u64)(top / b.sig) | (top % b.sig != 0);
        exp--;
    }
    return pack(f, sign, exp, sig, rm, flags);
}

u64 soft_arith(enum soft_op op, enum fp_format f, u64 a, u64 b, unsigned rm, u32 *flags)
{
    static u64 (*const by_op[])(enum fp_format, u64, u64, unsigned, u32 *) = {
        [SOFT_ADD] = add, [SOFT_SUB] = add, [SOFT_MUL] = mul, [SOFT_DIV] = divide};
    if (fp_is_nan(f, a) || fp_is_nan(f, b))
        return nan_result(f, a, b, 0, flags);
    return by_op[op](f, a, op == SOFT_SUB ? b ^ fp_sign_bit(f) : b, rm, flags);
}

u64 soft_fma(enum fp_format f, u64 ra, u64 rb, u64 rc, unsigned rm, u32 *flags)
{
    struct num a = unpack(f, ra), b = unpack(f, rb), c = unpack(f, rc);
    bool       sign = a.sign != b.sign;
    /* inf * 0 is invalid even if what is added is a quiet NaN (20.6). */
    if ((a.kind == INF && b.kind == ZERO) || (a.kind == ZERO && b.kind == INF))
        return invalid(f, flags);
    if (a.kind == NAN_ || b.kind == NAN_ || c.kind == NAN_)
        return nan_result(f, ra, rb, rc, flags);
    if (a.kind == INF || b.kind == INF) {
        if (c.kind == INF && c.sign != sign)
            return invalid(f, flags);
        return signed_raw(f, sign, fp_inf(f));
    }
    if (c.kind == INF)
        return rc;
    if (a.kind == ZERO || b.kind == ZERO) {
        if (c.kind == ZERO && c.sign != sign)
            return signed_raw(f, rm == FP_RDN, 0);
        return rc;
    }
    if (c.kind == ZERO)
        return pack_wide(f, product(a, b), rm, flags);
    return add_wide(f, product(a, b), widen(c), rm, flags);
}

u64 soft_sqrt(enum fp_format f, u64 raw, unsigned rm, u32 *flags)
{
    struct num a = unpack(f, raw);
    if (a.kind == NAN_)
        return nan_result(f, raw, 0, 0, flags);
    if (a.kind == ZERO || (a.kind == INF && !a.sign))
        return raw;
    if (a.sign)
        return invalid(f, flags);
    /* sig * 2^(exp-63) = value * 2^(2k), with value in [2^126, 2^128): its root has 64 bits. */
    bool odd   = a.exp & 1;
    u128 value = (u128)a.sig << (odd ? 64 : 63);
    u128 rest  = value;
    u64  root  = 0;
    for (int bit = 63; bit >= 0; bit--) {
        /* (root + 2^bit)^2 <= value, by what is left of it */
        u128 step = ((u128)root << (bit + 1)) + ((u128)1 << (2 * bit));
        if (step <= rest) {
            rest -= step;
            root |= 1ull << bit;
        }
    }
    int exp = (a.exp - odd) / 2;
    return pack(f, false, exp, root | (rest != 0), rm, flags);
}

u64 soft_convert(enum fp_format to, enum fp_format from, u64 raw, unsigned rm, u32 *flags)
{
    struct num a = unpack(from, raw);
    if (a.kind == NAN_) {
        nan_result(from, raw, 0, 0, flags);
        return fp_nan(to);
    }
    if (a.kind != FINITE)
        return signed_raw(to, a.sign, a.kind == INF ? fp_inf(to) : 0);
    return pack(to, a.sign, a.exp, a.sig, rm, flags);
}

u64 soft_from_int(enum fp_format f, u64 v, bool is_signed, unsigned rm, u32 *flags)
{
    bool sign = is_signed && (i64)v < 0;
    u64  size = sign ? -v : v;
    if (!size)
        return 0;
    int shift = __builtin_clzll(size);
    return pack(f, sign, 63 - shift, size << shift, rm, flags);
}

/* The magnitude as an integer, rounded; false if it needs more than 64 bits. */
static bool integral(struct num a, unsigned rm, u64 *out, bool *inexact)
{
    *inexact = false;
    *out     = 0;
    if (a.kind == ZERO)
        return true;
    if (a.exp > 63)
        return false;
    if (a.exp == 63)
        *out = a.sig;
    else
        *out = round_shift(a.sig, (unsigned)(63 - a.exp), a.sign, rm, inexact);
    return true;
}

u64 soft_to_int(enum fp_format f, u64 raw, unsigned width, bool is_signed, unsigned rm, u32 *flags)
{
    struct num a        = unpack(f, raw);
    u64        top      = ~0ull >> (64 - width + is_signed); /* the greatest */
    u64        bottom   = is_signed ? top + 1 : 0;           /* the magnitude of the least */
    bool       negative = a.sign && a.kind != NAN_;
    bool       inexact;
    u64        size;
    if (a.kind == NAN_ || a.kind == INF || !integral(a, rm, &size, &inexact) ||
        size > (negative ? bottom : top)) {
        *flags |= FP_NV;
        size = negative ? bottom : top;
    } else if (inexact) {
        *flags |= FP_NX;
    }
    u64 v = negative ? -size : size;
    return width == 32 ? (u64)sext(v, 32) : v;
}

u64 soft_round(enum fp_format f, u64 raw, bool exact, unsigned rm, u32 *flags)
{
    struct num a = unpack(f, raw);
    bool       inexact;
    u64        size;
    u32        ignored = 0;
    if (a.kind == NAN_)
        return nan_result(f, raw, 0, 0, flags);
    if (a.kind != FINITE || a.exp >= (int)fp_frac_bits(f))
        return raw;
    integral(a, rm, &size, &inexact);
    *flags |= inexact && exact ? FP_NX : 0;
    return signed_raw(f, a.sign, soft_from_int(f, size, false, rm, &ignored));
}

u64 soft_modulo_w(u64 raw, u32 *flags)
{
    struct num a    = unpack(FP_D, raw);
    u64        size = 0;
    bool       inexact;
    soft_to_int(FP_D, raw, 32, true, FP_RTZ, flags);
    if (a.kind != FINITE || a.exp > 63 + 31)
        return 0;
    if (a.exp > 63)
        size = a.sig << (a.exp - 63);
    else
        integral(a, FP_RTZ, &size, &inexact);
    return (u64)sext(a.sign ? -size : size, 32);
}

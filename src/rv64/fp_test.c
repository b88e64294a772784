/* rv64/fp_test.c - the host's arithmetic against the engine in integers, and both against facts.
 *
 * The two share no arithmetic, so that agreement on millions of random and corner operands,
 * results and flags, means something; binary16 is checked against the host's doubles. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "rv64/fp.h"
#include "rv64/fp_soft.h"

static u64 seed = 88172645463325252u;

static u64 rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Now and then a corner, often numbers close to others in exponent or bits. */
static u64 operand(enum fp_format f)
{
    unsigned frac = fp_frac_bits(f);
    u64      raw  = rnd() & fp_mask(f);
    switch (rnd() % 8) {
    case 0: { /* zero, least subnormal, least normal, greatest, inf, NaNs */
        u64 corners[] = {
            0,         1,         1ull << frac,  (1ull << frac) - 1, fp_inf(f) - 1,
            fp_inf(f), fp_nan(f), fp_inf(f) + 1, fp_mask(f),         0x3ull << (frac - 1)};
        return corners[rnd() % ARRAY_SIZE(corners)] ^ (raw & fp_sign_bit(f));
    }
    case 1: /* around one */
        return ((raw % 5 + (fp_inf(f) >> frac) / 2 - 2) << frac) ^ (rnd() % 3) ^
               (raw & fp_sign_bit(f));
    case 2: /* few bits set */
        return raw & ~((1ull << (rnd() % (frac + 1))) - 1);
    case 3: /* subnormal */
        return raw & (fp_sign_bit(f) | ((1ull << frac) - 1));
    case 4: /* around integers */
        return soft_from_int(f, (u64)((i64)rnd() >> (rnd() % 64)), true, (unsigned)(rnd() % 5),
                             &(u32){0});
    case 5: /* around a half */
        return ((raw % 64 + (fp_inf(f) >> frac) / 2 - 2) << frac) | (1ull << (rnd() % frac)) |
               (raw & fp_sign_bit(f));
    default:
        return raw;
    }
}

static void same(const char *what, unsigned rm, u64 a, u64 b, u64 c, u64 host, u64 soft, u32 flags)
{
    u32 have = fp_flags_get();
    if (host == soft && have == flags)
        return;
    fail_msg("%s rm %u of %016llx %016llx %016llx: %016llx flags %02x, engine %016llx flags %02x",
             what, rm, (unsigned long long)a, (unsigned long long)b, (unsigned long long)c,
             (unsigned long long)host, have, (unsigned long long)soft, flags);
}

enum { CASES = 200000 };

#define CHECK(what, host_call, soft_call, F)                                                       \
    do {                                                                                           \
        u32 flags = 0;                                                                             \
        fp_flags_set(0);                                                                           \
        u64 host = (host_call);                                                                    \
        u64 soft = fp_box(F, (soft_call));                                                         \
        same(what, rm, a, b, c, host, soft, flags);                                                \
    } while (0)

#define ARITHMETIC(s, F)                                                                           \
    static void test_arithmetic_##s(void **state)                                                  \
    {                                                                                              \
        (void)state;                                                                               \
        u64 m = fp_sign_bit(F);                                                                    \
        for (unsigned i = 0; i < CASES; i++) {                                                     \
            u64      a = operand(F), b = operand(F), c = operand(F);                               \
            unsigned rm = i % 5;                                                                   \
            if (i % 7 == 0) /* cancellation */                                                     \
                c = (soft_arith(SOFT_MUL, F, a, b, 0, &(u32){0}) ^ m) + rnd() % 3 - 1;             \
            c &= fp_mask(F);                                                                       \
            u64 x = fp_box(F, a), y = fp_box(F, b), z = fp_box(F, c);                              \
            CHECK("add", fp_add_##s(x, y, rm), soft_arith(SOFT_ADD, F, a, b, rm, &flags), F);      \
            CHECK("sub", fp_sub_##s(x, y, rm), soft_arith(SOFT_SUB, F, a, b, rm, &flags), F);      \
            CHECK("mul", fp_mul_##s(x, y, rm), soft_arith(SOFT_MUL, F, a, b, rm, &flags), F);      \
            CHECK("div", fp_div_##s(x, y, rm), soft_arith(SOFT_DIV, F, a, b, rm, &flags), F);      \
            CHECK("sqrt", fp_sqrt_##s(x, rm), soft_sqrt(F, a, rm, &flags), F);                     \
            CHECK("fmadd", fp_fmadd_##s(x, y, z, rm), soft_fma(F, a, b, c, rm, &flags), F);        \
            CHECK("fmsub", fp_fmsub_##s(x, y, z, rm), soft_fma(F, a, b, c ^ m, rm, &flags), F);    \
            CHECK("fnmsub", fp_fnmsub_##s(x, y, z, rm), soft_fma(F, a ^ m, b, c, rm, &flags), F);  \
            CHECK("fnmadd", fp_fnmadd_##s(x, y, z, rm), soft_fma(F, a ^ m, b, c ^ m, rm, &flags),  \
                  F);                                                                              \
        }                                                                                          \
    }                                                                                              \
    static void test_integers_##s(void **state)                                                    \
    {                                                                                              \
        (void)state;                                                                               \
        for (unsigned i = 0; i < CASES; i++) {                                                     \
            u64      a = operand(F), b = 0, c = 0, x = fp_box(F, a);                               \
            unsigned rm = i % 5;                                                                   \
            u64      v  = (u64)((i64)rnd() >> (rnd() % 64));                                       \
            CHECK("w", fp_cvt_w_##s(x, rm), soft_to_int(F, a, 32, true, rm, &flags), FP_D);        \
            CHECK("wu", fp_cvt_wu_##s(x, rm), soft_to_int(F, a, 32, false, rm, &flags), FP_D);     \
            CHECK("l", fp_cvt_l_##s(x, rm), soft_to_int(F, a, 64, true, rm, &flags), FP_D);        \
            CHECK("lu", fp_cvt_lu_##s(x, rm), soft_to_int(F, a, 64, false, rm, &flags), FP_D);     \
            b = v;                                                                                 \
            CHECK("from w", fp_cvt_##s##_w(v, rm),                                                 \
                  soft_from_int(F, (u64)(i64)(i32)v, true, rm, &flags), F);                        \
            CHECK("from wu", fp_cvt_##s##_wu(v, rm), soft_from_int(F, (u32)v, false, rm, &flags),  \
                  F);                                                                              \
            CHECK("from l", fp_cvt_##s##_l(v, rm), soft_from_int(F, v, true, rm, &flags), F);      \
            CHECK("from lu", fp_cvt_##s##_lu(v, rm), soft_from_int(F, v, false, rm, &flags), F);   \
        }                                                                                          \
    }

ARITHMETIC(s, FP_S)
ARITHMETIC(d, FP_D)

static void test_convert(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        u64      a = operand(FP_D), b = operand(FP_S), c = 0;
        unsigned rm = i % 5;
        CHECK("s from d", fp_cvt_s_d(a, rm), soft_convert(FP_S, FP_D, a, rm, &flags), FP_S);
        CHECK("d from s", fp_cvt_d_s(fp_box(FP_S, b), rm), soft_convert(FP_D, FP_S, b, rm, &flags),
              FP_D);
    }
}

/* A double holds every sum and product of halves exactly, and more than twice their precision
 * of quotients and roots, so a result of it, rounded again, is right. */
static void test_half(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * CASES; i++) {
        u64      a = operand(FP_H), b = operand(FP_H), c = 0;
        u64      x = fp_box(FP_H, a), y = fp_box(FP_H, b);
        unsigned rm     = i % 4; /* ties away in two steps is not ties away in one */
        u64      wide_a = fp_cvt_d_h(x, rm), wide_b = fp_cvt_d_h(y, rm);
        u64 (*half[])(u64, u64, unsigned) = {fp_add_h, fp_sub_h, fp_mul_h, fp_div_h};
        u64 (*wide[])(u64, u64, unsigned) = {fp_add_d, fp_sub_d, fp_mul_d, fp_div_d};
        unsigned op                       = (unsigned)(rnd() % 5);
        fp_flags_set(0);
        if (fp_is_snan(FP_H, a) || (op < 4 && fp_is_snan(FP_H, b)))
            fp_raise(FP_NV); /* lost in wide_a and wide_b */
        u64 want  = fp_cvt_h_d(op == 4 ? fp_sqrt_d(wide_a, rm) : wide[op](wide_a, wide_b, rm), rm);
        u32 flags = fp_flags_get();
        fp_flags_set(0);
        same("half", rm, a, b, op, op == 4 ? fp_sqrt_h(x, rm) : half[op](x, y, rm), want, flags);
        (void)c;
    }
}

/* Facts by hand: mode, operands, result, flags. */
static void test_facts(void **state)
{
    (void)state;
    u32 f = 0;
    /* 1 + 2^-53 is a tie: even stays, away goes up, and so does RUP. */
    u64 one = 0x3ff0000000000000u, tiny = 0x3ca0000000000000u;
    assert_int_equal(soft_arith(SOFT_ADD, FP_D, one, tiny, FP_RNE, &f), one);
    assert_int_equal(soft_arith(SOFT_ADD, FP_D, one, tiny, FP_RMM, &f), one + 1);
    assert_int_equal(soft_arith(SOFT_ADD, FP_D, one, tiny, FP_RUP, &f), one + 1);
    assert_int_equal(soft_arith(SOFT_ADD, FP_D, one, tiny, FP_RTZ, &f), one);
    assert_int_equal(f, FP_NX);
    /* x - x is +0, but -0 when rounding down. */
    assert_int_equal(soft_arith(SOFT_SUB, FP_D, one, one, FP_RNE, &f), 0);
    assert_int_equal(soft_arith(SOFT_SUB, FP_D, one, one, FP_RDN, &f), 1ull << 63);
    /* 65519 is the greatest that binary16 rounds down. */
    f = 0;
    assert_int_equal(soft_from_int(FP_H, 65519, true, FP_RNE, &f), 0x7bff);
    assert_int_equal(f, FP_NX);
    assert_int_equal(soft_from_int(FP_H, 65520, true, FP_RNE, &f), 0x7c00);
    assert_int_equal(f, FP_NX | FP_OF);
    /* inf * 0 + NaN is invalid, whichever unit does it. */
    fp_flags_set(0);
    assert_int_equal(fp_fma_d(fp_inf(FP_D), 0, fp_nan(FP_D), 0), fp_nan(FP_D));
    assert_int_equal(fp_flags_get(), FP_NV);
    /* Conversions saturate. */
    fp_flags_set(0);
    assert_int_equal(fp_cvt_wu_d(0xbff0000000000000u, 0), 0);
    assert_int_equal(fp_cvt_wu_d(0x41f0000000000000u, 0), ~0ull);
    assert_int_equal(fp_cvt_w_d(fp_nan(FP_D), 0), 0x7fffffff);
    assert_int_equal(fp_cvt_lu_s(fp_box(FP_S, fp_nan(FP_S)), 0), ~0ull);
    assert_int_equal(fp_flags_get(), FP_NV);
    /* 2^32 + 5.5, modulo 2^32: 5, and out of range. */
    fp_flags_set(0);
    assert_int_equal(fp_cvtmod_w_d(0x41f0000000580000u), 5);
    assert_int_equal(fp_flags_get(), FP_NV);
    assert_int_equal(fp_cvtmod_w_d(0xc1f0000000500000u), ~0ull - 4);
}

static void test_compare(void **state)
{
    (void)state;
    u64 minus_zero = 1ull << 63, snan = 0x7ff0000000000001u, one = 0x3ff0000000000000u;
    fp_flags_set(0);
    assert_int_equal(fp_eq_d(minus_zero, 0), 1);
    assert_int_equal(fp_lt_d(minus_zero, 0), 0);
    assert_int_equal(fp_min_d(0, minus_zero), minus_zero);
    assert_int_equal(fp_max_d(minus_zero, 0), 0);
    assert_int_equal(fp_min_d(fp_nan(FP_D), one), one);
    assert_int_equal(fp_minm_d(fp_nan(FP_D), one), fp_nan(FP_D));
    assert_int_equal(fp_eq_d(fp_nan(FP_D), one), 0);
    assert_int_equal(fp_ltq_d(fp_nan(FP_D), one), 0);
    assert_int_equal(fp_flags_get(), 0);
    assert_int_equal(fp_max_d(snan, one), one);
    assert_int_equal(fp_flags_get(), FP_NV);
    fp_flags_set(0);
    assert_int_equal(fp_le_d(one, fp_nan(FP_D)), 0);
    assert_int_equal(fp_flags_get(), FP_NV);
    /* What is not boxed is a NaN, and its sign is plus. */
    assert_int_equal(fp_class_s(0x3f800000), 1 << 9);
    assert_int_equal(fp_sgnjn_s(0x3f800000, 0x3f800000), 0xffffffffffc00000u);
    assert_int_equal(fp_class_s(fp_box(FP_S, 0x80000001u)), 1 << 2);
    assert_int_equal(fp_class_h(fp_box(FP_H, 0xfc00)), 1);
}

static void test_constants(void **state)
{
    (void)state;
    assert_int_equal(fp_li_s(0), 0xffffffffbf800000u);
    assert_int_equal(fp_li_h(1), 0xffffffffffff0400u);
    assert_int_equal(fp_li_h(2), 0xffffffffffff0100u);
    assert_int_equal(fp_li_h(29), 0xffffffffffff7c00u);
    assert_int_equal(fp_li_d(1), 0x0010000000000000u);
    assert_int_equal(fp_li_d(29), 0x40f0000000000000u);
    assert_int_equal(fp_li_d(31), 0x7ff8000000000000u);
    assert_int_equal(fp_li_s(9), 0xffffffff3ea00000u);
}

static void test_flags(void **state)
{
    (void)state;
    for (u32 f = 0; f < 32; f++) {
        fp_flags_set(f);
        assert_int_equal(fp_flags_get(), f);
        fp_raise(FP_UF);
        assert_int_equal(fp_flags_get(), f | FP_UF);
    }
    fp_flags_set(0);
}

static void test_round(void **state)
{
    (void)state;
    fp_flags_set(0);
    u64 half_past_two = 0x4004000000000000u, two = 0x4000000000000000u, three = two + (1ull << 51);
    assert_int_equal(fp_round_d(half_past_two, FP_RNE), two);
    assert_int_equal(fp_round_d(half_past_two, FP_RMM), three);
    assert_int_equal(fp_round_d(half_past_two, FP_RUP), three);
    assert_int_equal(fp_round_d(0xbfd0000000000000u, FP_RUP), 1ull << 63);
    assert_int_equal(fp_flags_get(), 0);
    assert_int_equal(fp_roundnx_d(half_past_two, FP_RTZ), two);
    assert_int_equal(fp_flags_get(), FP_NX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_compare),      cmocka_unit_test(test_constants),
        cmocka_unit_test(test_round),        cmocka_unit_test(test_arithmetic_s),
        cmocka_unit_test(test_arithmetic_d), cmocka_unit_test(test_integers_s),
        cmocka_unit_test(test_integers_d),   cmocka_unit_test(test_convert),
        cmocka_unit_test(test_half),
    };
    return cmocka_run_group_tests_name("rv64/fp", tests, NULL, NULL);
}

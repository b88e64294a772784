/* tests/diff/random.h - random numbers, and operands made of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIFF_RANDOM_H
#define DIFF_RANDOM_H

#include "base/types.h"

static u64 seed = 1;

static u64 rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1du;
}

static bool one_in(unsigned n)
{
    return rnd() >> 32 < 0x100000000u / n;
}

/* Operands: corners more often than chance would have it. */

static u64 integer(void)
{
    static const u64 corners[] = {0,
                                  1,
                                  ~0ull,
                                  2,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff80000000,
                                  0xffffffff,
                                  0x100000000,
                                  0x7fffffffffffffff,
                                  0x8000000000000000,
                                  31,
                                  32,
                                  33,
                                  63,
                                  64,
                                  0x7f,
                                  0x80,
                                  0xff,
                                  0x7fff,
                                  0x8000,
                                  0xffff,
                                  0x5555555555555555,
                                  0xaaaaaaaaaaaaaaaa,
                                  0x0123456789abcdef};
    switch (rnd() >> 60) {
    case 0 ... 4:
        return corners[(rnd() >> 32) % ARRAY_SIZE(corners)];
    case 5 ... 7:
        return rnd() >> (rnd() >> 58);
    case 8 ... 10:
        return (u64)((i64)rnd() >> (rnd() >> 58));
    case 11:
        return 1ull << (rnd() >> 58);
    case 12:
        return (u64)(i64)(i32)rnd();
    default:
        return rnd();
    }
}

/* A value of an exponent of EXP and a fraction of FRAC bits. */
static u64 floating(unsigned exp, unsigned frac)
{
    u64 sign = rnd() >> 63, bias = (1ull << (exp - 1)) - 1, top = (1ull << exp) - 1;
    u64 fraction = rnd() >> (64 - frac), exponent = rnd() >> (64 - exp);
    switch (rnd() >> 60) {
    case 0:
        fraction = 0, exponent = 0;
        break;
    case 1:
        fraction = 0, exponent = top;
        break;
    case 2:
        exponent = top, fraction |= 1ull << (frac - 1);
        break;
    case 3:
        exponent = top, fraction = (fraction >> 1) | 1;
        break;
    case 4:
        exponent = 0;
        break;
    case 5:
        exponent = rnd() >> 63, fraction = rnd() >> 63 ? 0 : ~0ull >> (64 - frac);
        break;
    case 6:
        exponent = top - 1;
        break;
    case 7 ... 9: /* small integers and their halves */
        exponent = bias + (rnd() >> 32) % 12;
        fraction &= ~0ull << (frac - 1 - (rnd() >> 32) % MIN(12u, frac));
        break;
    case 10: /* about as big as integers get */
        exponent = MIN(bias + 28 + (rnd() >> 32) % 40, top);
        fraction = rnd() >> 63 ? 0 : ~0ull;
        break;
    case 11 ... 13:
        exponent = bias - 8 + (rnd() >> 60);
        break;
    }
    return sign << (exp + frac) | exponent << frac | (fraction & ((1ull << frac) - 1));
}

static u64 f_register(unsigned width)
{
    if (one_in(40))
        return integer(); /* most likely not boxed */
    if (width == 2 || one_in(20))
        return floating(5, 10) | ~0xffffull;
    if (width == 4 || one_in(20))
        return floating(8, 23) | ~0xffffffffull;
    return floating(11, 52);
}

#endif

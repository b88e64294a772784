/* rv64/fp_soft.h - IEEE 754 arithmetic in integers: binary16, binary32, binary64.
 *
 * One engine for all formats and all five rounding modes, exact to the flag. The host's unit
 * is used where it gives the same (fp_host.c); here is the rest, and the oracle of the tests.
 * Operands and results are bit patterns without boxing; a NaN result is the canonical one.
 * Flags are ORed into *flags as fflags has them. No state: any thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RV64_FP_SOFT_H
#define RV64_FP_SOFT_H

#include "rv64/fp_format.h"

enum soft_op { SOFT_ADD, SOFT_SUB, SOFT_MUL, SOFT_DIV };

u64 soft_arith(enum soft_op, enum fp_format, u64 a, u64 b, unsigned rm, u32 *flags);
u64 soft_sqrt(enum fp_format, u64 a, unsigned rm, u32 *flags);
u64 soft_fma(enum fp_format, u64 a, u64 b, u64 c, unsigned rm, u32 *flags); /* a * b + c */
u64 soft_convert(enum fp_format to, enum fp_format from, u64 a, unsigned rm, u32 *flags);

/* To an integer of WIDTH bits, 32 or 64; a 32-bit result is sign-extended, also an unsigned one.
 * What does not fit gives the nearest that does, a NaN the greatest, and NV. */
u64 soft_to_int(enum fp_format, u64 a, unsigned width, bool is_signed, unsigned rm, u32 *flags);
u64 soft_from_int(enum fp_format, u64 v, bool is_signed, unsigned rm, u32 *flags);

/* To an integer in the same format; with EXACT, NX when that changed the value. */
u64 soft_round(enum fp_format, u64 a, bool exact, unsigned rm, u32 *flags);

/* Truncated, modulo 2^32, sign-extended (Zfa's fcvtmod.w.d). */
u64 soft_modulo_w(u64 a, u32 *flags);

#endif

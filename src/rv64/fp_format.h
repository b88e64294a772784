/* rv64/fp_format.h - the floating-point formats and fcsr's fields (Volume I, 20.2). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RV64_FP_FORMAT_H
#define RV64_FP_FORMAT_H

#include "base/types.h"

enum { FP_NX = 1, FP_UF = 2, FP_OF = 4, FP_DZ = 8, FP_NV = 16 }; /* fflags */
enum fp_rm { FP_RNE, FP_RTZ, FP_RDN, FP_RUP, FP_RMM };           /* frm */
enum fp_format { FP_H, FP_S, FP_D };

static inline unsigned fp_width(enum fp_format f)
{
    return 16u << f;
}

static inline unsigned fp_frac_bits(enum fp_format f)
{
    return f == FP_D ? 52 : f == FP_S ? 23 : 10;
}

static inline u64 fp_mask(enum fp_format f) /* all bits of a value */
{
    return ~0ull >> (64 - fp_width(f));
}

static inline u64 fp_sign_bit(enum fp_format f)
{
    return 1ull << (fp_width(f) - 1);
}

static inline u64 fp_inf(enum fp_format f)
{
    return (fp_sign_bit(f) - 1) & ~((1ull << fp_frac_bits(f)) - 1);
}

static inline u64 fp_quiet_bit(enum fp_format f)
{
    return 1ull << (fp_frac_bits(f) - 1);
}

static inline u64 fp_nan(enum fp_format f) /* the canonical NaN (20.3) */
{
    return fp_inf(f) | fp_quiet_bit(f);
}

static inline bool fp_is_nan(enum fp_format f, u64 raw)
{
    return (raw & (fp_sign_bit(f) - 1)) > fp_inf(f);
}

static inline bool fp_is_snan(enum fp_format f, u64 raw)
{
    return fp_is_nan(f, raw) && !(raw & fp_quiet_bit(f));
}

/* Registers are 64 bits wide; narrower values have ones above (21.2). One that has not is the
 * canonical NaN. */
static inline u64 fp_box(enum fp_format f, u64 raw)
{
    return f == FP_D ? raw : raw | ~fp_mask(f);
}

static inline u64 fp_unbox(enum fp_format f, u64 reg)
{
    if (f == FP_D)
        return reg;
    return likely((reg | fp_mask(f)) == ~0ull) ? reg & fp_mask(f) : fp_nan(f);
}

#endif

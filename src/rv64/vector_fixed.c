/* rv64/vector_fixed.c - kernels of fixed-point arithmetic: chapter "V" of Volume I, 12. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/vector_loop.h"

enum { RNU, RNE, RDN, ROD }; /* vxrm: 3.8 */

/* What is added to V >> N to round it. N is less than V's width. */
static inline unsigned rounding(u128 v, unsigned n, unsigned rm)
{
    if (n == 0)
        return 0;
    unsigned half = v >> (n - 1) & 1, lowest = v >> n & 1;
    bool     rest = v & (((u128)1 << (n - 1)) - 1);
    switch (rm) {
    case RNU:
        return half;
    case RNE:
        return half & (rest | lowest);
    case RDN:
        return 0;
    default:
        return (lowest ^ 1) & (half | rest);
    }
}

#define ROUND(v, n) (((v) >> (n)) + rounding((u128)(v), (n), o->rm))
/* V, or what of LOW and HIGH is nearest. */
#define CLIP(v, low, high)                                                                         \
    ({                                                                                             \
        __typeof__(v) v_ = (v), low_ = (low), high_ = (high);                                      \
        if (v_ < low_ || v_ > high_) {                                                             \
            v_          = v_ < low_ ? low_ : high_;                                                \
            o->h->vxsat = 1;                                                                       \
        }                                                                                          \
        v_;                                                                                        \
    })
#define UMAX ((WU)(U) ~(U)0)
#define SMAX ((WS)(U)((U) ~(U)0 >> 1))
#define SMIN (-SMAX - 1)

/* 12.1 */
VECTOR_SAME(saddu, CLIP((WU)((WU)a + b), 0, UMAX))
VECTOR_SAME(sadd, CLIP((WS)((WS)(S)a + (S)b), SMIN, SMAX))
VECTOR_SAME(ssubu, CLIP((WS)((WS)a - (WS)b), 0, (WS)UMAX))
VECTOR_SAME(ssub, CLIP((WS)((WS)(S)a - (S)b), SMIN, SMAX))

/* 12.2 */
VECTOR_SAME(aaddu, ROUND((WU)((WU)a + b), 1))
VECTOR_SAME(aadd, ROUND((WS)((WS)(S)a + (S)b), 1))
VECTOR_SAME(asubu, ROUND((WU)((WU)a - b), 1))
VECTOR_SAME(asub, ROUND((WS)((WS)(S)a - (S)b), 1))

/* 12.3: only the square of the least does not fit. */
VECTOR_SAME(smul, CLIP((WS)ROUND((WS)((WS)(S)a *(S)b), BITS - 1), SMIN, SMAX))

/* 11.10, here because gcc 12 makes unsigned products of where a high half is chosen or not. */
VECTOR_SAME(mulh, ((WS)(S)a * (S)b) >> BITS)
VECTOR_SAME(mulhu, ((WU)a * b) >> BITS)
VECTOR_SAME(mulhsu, ((WS)(S)a * (WS)b) >> BITS)

/* 12.4 */
VECTOR_SAME(ssrl, ROUND(a, b &(BITS - 1)))
VECTOR_SAME(ssra, ROUND((S)a, b &(BITS - 1)))

/* 12.5 */
VECTOR_WIDE(nclipu, U, WU, U, CLIP((WU)ROUND(a, b &(2 * BITS - 1)), 0, UMAX))
VECTOR_WIDE(nclip, U, WS, U, CLIP((WS)ROUND(a, b &(2 * BITS - 1)), SMIN, SMAX))

/* rv64/vector_loop.h - how kernels are made: one piece of code for each width of element. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RV64_VECTOR_LOOP_H
#define RV64_VECTOR_LOOP_H

#include <string.h>

#include "rv64/vector.h"

__extension__ typedef __int128          i128;
__extension__ typedef unsigned __int128 u128;

/* T8 is the type of elements when SEW is 8; W8 that of twice the width, H8 of half of it. */
typedef u8   U8;
typedef u16  U16;
typedef u32  U32;
typedef u64  U64;
typedef i8   S8;
typedef i16  S16;
typedef i32  S32;
typedef i64  S64;
typedef u16  WU8;
typedef u32  WU16;
typedef u64  WU32;
typedef u128 WU64;
typedef i16  WS8;
typedef i32  WS16;
typedef i64  WS32;
typedef i128 WS64;

/* Registers of one width that overlap are the same: no iteration reads what another wrote. (clang
 * would complain of each loop that it then cannot make a vector of.) */
#ifdef __clang__
#define VECTOR_FREE
#else
#define VECTOR_FREE _Pragma("GCC ivdep")
#endif

/* What follows, for each element i from START up to END. */
#define VECTOR_ALL(start, end, ...)                                                                \
    do {                                                                                           \
        u64 end_ = (end);                                                                          \
        VECTOR_FREE for (u64 i = (start); i < end_; i++)                                           \
        {                                                                                          \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    } while (0)

/* For each active element i of the operation O. */
#define VECTOR_EACH(o, ...)                                                                        \
    do {                                                                                           \
        const u8 *m_ = (o)->mask;                                                                  \
        if (!m_) {                                                                                 \
            VECTOR_ALL((o)->start, (o)->vl, __VA_ARGS__);                                          \
        } else {                                                                                   \
            for (u64 i = (o)->start, end_ = (o)->vl; i < end_; i++)                                \
                if (m_[i / 8] >> (i % 8) & 1) {                                                    \
                    __VA_ARGS__;                                                                   \
                }                                                                                  \
        }                                                                                          \
    } while (0)

enum { VECTOR_ELEMENTS = 8 * VLENB_MAX };

/* The first N bits of a mask as bytes of 0 and 1. */
static inline void vector_spread(const u8 *mask, u64 n, u8 *out)
{
    for (u64 i = 0; i < n; i += 8) {
        u64 bits = mask[i / 8] * 0x0101010101010101u & 0x8040201008040201u;
        bits     = ((bits + 0x7f7f7f7f7f7f7f7fu) & 0x8080808080808080u) >> 7;
        memcpy(out + i, &bits, 8);
    }
}

/* d[i] = (D)VALUE for each active element, after GET. A file whose values have no side effects
 * defines VECTOR_BLEND: then all are computed, and chosen from; on[i] says whether an element is
 * active, or what it carries. */
#ifdef VECTOR_BLEND
#define VECTOR_ON(o)                                                                               \
    u8 on[VECTOR_ELEMENTS];                                                                        \
    if ((o)->mask || (o)->carry)                                                                   \
    vector_spread((o)->mask ? (o)->mask : (o)->carry, (o)->vl, on)
#define VECTOR_PUT(o, D, get, ...)                                                                 \
    do {                                                                                           \
        if (!(o)->mask)                                                                            \
            VECTOR_ALL((o)->start, (o)->vl, get; d[i] = (D)(__VA_ARGS__));                         \
        else                                                                                       \
            VECTOR_ALL((o)->start, (o)->vl, get; d[i] = on[i] ? (D)(__VA_ARGS__) : was);           \
    } while (0)
#else
#define VECTOR_ON(o)               (void)0
#define VECTOR_PUT(o, D, get, ...) VECTOR_EACH(o, get; d[i] = (D)(__VA_ARGS__))
#endif

/* The kernel name of N bits: d = f(a, b), of types D, A and B. WHAT sees was (the old element of
 * the result), a, b, and U, S, WU, WS: SEW's types. */
#define VECTOR_KERNEL(name, N, D, A, B, ...)                                                       \
    static void name(const struct vector_op *o)                                                    \
    {                                                                                              \
        typedef U##N  U;                                                                           \
        typedef S##N  S;                                                                           \
        typedef WU##N WU;                                                                          \
        typedef WS##N WS;                                                                          \
        enum { BITS = N };                                                                         \
        D       *d  = (D *)o->d;                                                                   \
        const A *pa = (const A *)o->a;                                                             \
        const B *pb = (const B *)o->b;                                                             \
        (void)(U)0, (void)(S)0, (void)(WU)0, (void)(WS)0, (void)BITS;                              \
        VECTOR_ON(o);                                                                              \
        if (pb) {                                                                                  \
            VECTOR_PUT(o, D, D was UNUSED = d[i]; A a UNUSED = pa[i];                              \
                       B b UNUSED = pb[i], __VA_ARGS__);                                           \
        } else {                                                                                   \
            B b UNUSED = (B)o->x;                                                                  \
            VECTOR_PUT(o, D, D was UNUSED = d[i]; A a UNUSED = pa[i], __VA_ARGS__);                \
        }                                                                                          \
    }

#define VECTOR_SAME(name, ...)                                                                     \
    VECTOR_KERNEL(name##_8, 8, U8, U8, U8, __VA_ARGS__)                                            \
    VECTOR_KERNEL(name##_16, 16, U16, U16, U16, __VA_ARGS__)                                       \
    VECTOR_KERNEL(name##_32, 32, U32, U32, U32, __VA_ARGS__)                                       \
    VECTOR_KERNEL(name##_64, 64, U64, U64, U64, __VA_ARGS__)                                       \
    vector_kernels vector_k_##name = {name##_8, name##_16, name##_32, name##_64};

/* TYPES for SEW of 8, 16 and 32, the last for which there is twice as much. */
#define VECTOR_WIDE(name, D, A, B, ...)                                                            \
    VECTOR_KERNEL(name##_8, 8, D##8, A##8, B##8, __VA_ARGS__)                                      \
    VECTOR_KERNEL(name##_16, 16, D##16, A##16, B##16, __VA_ARGS__)                                 \
    VECTOR_KERNEL(name##_32, 32, D##32, A##32, B##32, __VA_ARGS__)                                 \
    vector_kernels vector_k_##name = {name##_8, name##_16, name##_32, NULL};

/* Writes the bit of each active element of a mask. The bytes of IS are the results; a whole
 * register group is read before the first bit is written, as the mask may lie in it. */
static inline void vector_put_mask(const struct vector_op *o, const u8 *is)
{
    u64 eight, at = 0;
    if (!o->mask && !o->start) /* eight bytes of 0 and 1 become the bits of one */
        for (; at + 8 <= o->vl; at += 8) {
            memcpy(&eight, is + at, 8);
            o->d[at / 8] = (u8)(eight * 0x0102040810204080u >> 56);
        }
    struct vector_op rest = *o;
    rest.start            = MAX(o->start, at);
    o                     = &rest;
    VECTOR_EACH(o, u8 bit = (u8)(1u << (i % 8));
                o->d[i / 8] = (u8)(is[i] ? o->d[i / 8] | bit : o->d[i / 8] & ~bit));
}

#define VECTOR_TEST(name, N, ...)                                                                  \
    static void name(const struct vector_op *o)                                                    \
    {                                                                                              \
        typedef U##N U;                                                                            \
        typedef S##N S;                                                                            \
        const U     *pa = (const U *)o->a, *pb = (const U *)o->b;                                  \
        u8           is[VECTOR_ELEMENTS];                                                          \
        const u8    *in = o->carry;                                                                \
        (void)(S)0, (void)in;                                                                      \
        if (pb) {                                                                                  \
            VECTOR_ALL(0, o->vl, U a = pa[i], b = pb[i]; is[i] = (__VA_ARGS__));                   \
        } else {                                                                                   \
            U b = (U)o->x;                                                                         \
            VECTOR_ALL(0, o->vl, U a = pa[i]; is[i] = (__VA_ARGS__));                              \
        }                                                                                          \
        vector_put_mask(o, is);                                                                    \
    }

#define VECTOR_TESTS(name, ...)                                                                    \
    VECTOR_TEST(name##_8, 8, __VA_ARGS__)                                                          \
    VECTOR_TEST(name##_16, 16, __VA_ARGS__)                                                        \
    VECTOR_TEST(name##_32, 32, __VA_ARGS__)                                                        \
    VECTOR_TEST(name##_64, 64, __VA_ARGS__)                                                        \
    vector_kernels vector_k_##name = {name##_8, name##_16, name##_32, name##_64};

#endif

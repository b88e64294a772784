/* rv64/fp_host.h - what the host's floating-point unit does just as RISC-V asks, inline.
 *
 * Each function returns false where the host does not give the exact result and flags, having
 * then raised at most flags that are right anyway. With round to nearest even SSE2 and FMA give
 * them all, tininess after rounding included, but for the payload of NaNs, which is replaced.
 * On other hosts all say no. For fp.h and fp.c only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RV64_FP_HOST_H
#define RV64_FP_HOST_H

#include <string.h>

#include "rv64/fp_format.h"

#if defined(__x86_64__)
#define FP_HOST 1

#include <xmmintrin.h>

/* MXCSR: IE 0, DE 1, ZE 2, OE 3, UE 4, PE 5; rounding control 13 and 14. */
enum { MXCSR_FLAGS = 0x3f, MXCSR_ROUND = 0x6000 };

static inline u32 fp_flags_get(void)
{
    u32 m = _mm_getcsr();
    return (m >> 5 & 1) | (m >> 3 & 2) | (m >> 1 & 4) | (m << 1 & 8) | (m << 4 & 16);
}

static inline u32 fp_flags_to_mxcsr(u32 f)
{
    return (f & 1) << 5 | (f & 2) << 3 | (f & 4) << 1 | (f & 8) >> 1 | (f & 16) >> 4;
}

static inline void fp_flags_set(u32 flags)
{
    _mm_setcsr((_mm_getcsr() & ~(u32)MXCSR_FLAGS) | fp_flags_to_mxcsr(flags));
}

static inline void fp_raise(u32 flags)
{
    _mm_setcsr(_mm_getcsr() | fp_flags_to_mxcsr(flags));
}

/* Between these two, arithmetic rounds as RM says, which must not be FP_RMM. */
static inline void fp_host_round(unsigned rm)
{
    static const u32 control[] = {
        [FP_RNE] = 0, [FP_RTZ] = 0x6000, [FP_RDN] = 0x2000, [FP_RUP] = 0x4000};
    _mm_setcsr((_mm_getcsr() & ~(u32)MXCSR_ROUND) | control[rm]);
}

static inline void fp_host_round_done(void)
{
    _mm_setcsr(_mm_getcsr() & ~(u32)MXCSR_ROUND);
}

static inline bool fp_host_has_fma(void)
{
    return __builtin_cpu_supports("fma");
}

static inline double fp_as_d(u64 raw)
{
    double d;
    memcpy(&d, &raw, sizeof(d));
    return d;
}

static inline float fp_as_s(u64 reg)
{
    u32   raw = (u32)fp_unbox(FP_S, reg);
    float v;
    memcpy(&v, &raw, sizeof(v));
    return v;
}

static inline u64 fp_of_d(double d)
{
    u64 raw;
    memcpy(&raw, &d, sizeof(raw));
    return likely(d == d) ? raw : fp_nan(FP_D);
}

static inline u64 fp_of_s(float v)
{
    u32 raw;
    memcpy(&raw, &v, sizeof(raw));
    return fp_box(FP_S, likely(v == v) ? raw : fp_nan(FP_S));
}

/* FMA of a NaN or an invalid operation: the host differs on inf * 0 + NaN. Not ours then. */
#define FP_HOST_OPS(s, T, suffix)                                                                  \
    static inline bool fp_host_add_##s(u64 a, u64 b, u64 *out)                                     \
    {                                                                                              \
        T v = fp_as_##s(a);                                                                        \
        __asm__ volatile("adds" suffix " %1, %0" : "+x"(v) : "x"(fp_as_##s(b)));                   \
        *out = fp_of_##s(v);                                                                       \
        return true;                                                                               \
    }                                                                                              \
    static inline bool fp_host_sub_##s(u64 a, u64 b, u64 *out)                                     \
    {                                                                                              \
        T v = fp_as_##s(a);                                                                        \
        __asm__ volatile("subs" suffix " %1, %0" : "+x"(v) : "x"(fp_as_##s(b)));                   \
        *out = fp_of_##s(v);                                                                       \
        return true;                                                                               \
    }                                                                                              \
    static inline bool fp_host_mul_##s(u64 a, u64 b, u64 *out)                                     \
    {                                                                                              \
        T v = fp_as_##s(a);                                                                        \
        __asm__ volatile("muls" suffix " %1, %0" : "+x"(v) : "x"(fp_as_##s(b)));                   \
        *out = fp_of_##s(v);                                                                       \
        return true;                                                                               \
    }                                                                                              \
    static inline bool fp_host_div_##s(u64 a, u64 b, u64 *out)                                     \
    {                                                                                              \
        T v = fp_as_##s(a);                                                                        \
        __asm__ volatile("divs" suffix " %1, %0" : "+x"(v) : "x"(fp_as_##s(b)));                   \
        *out = fp_of_##s(v);                                                                       \
        return true;                                                                               \
    }                                                                                              \
    static inline bool fp_host_sqrt_##s(u64 a, u64 *out)                                           \
    {                                                                                              \
        T v = fp_as_##s(a);                                                                        \
        __asm__ volatile("sqrts" suffix " %0, %0" : "+x"(v));                                      \
        *out = fp_of_##s(v);                                                                       \
        return true;                                                                               \
    }                                                                                              \
    FP_HOST_FMA(s, T, fmadd, "vfmadd213s" suffix)                                                  \
    FP_HOST_FMA(s, T, fmsub, "vfmsub213s" suffix)                                                  \
    FP_HOST_FMA(s, T, fnmsub, "vfnmadd213s" suffix)                                                \
    FP_HOST_FMA(s, T, fnmadd, "vfnmsub213s" suffix)                                                \
    static inline i64 fp_host_truncate_##s(T v)                                                    \
    {                                                                                              \
        i64 r;                                                                                     \
        __asm__ volatile("cvtts" suffix "2si %1, %0" : "=r"(r) : "x"(v));                          \
        return r;                                                                                  \
    }                                                                                              \
    static inline i64 fp_host_nearest_##s(T v)                                                     \
    {                                                                                              \
        i64 r;                                                                                     \
        __asm__ volatile("cvts" suffix "2si %1, %0" : "=r"(r) : "x"(v));                           \
        return r;                                                                                  \
    }                                                                                              \
    FP_HOST_TO_INT(s, T, w, -2147483648.0, 2147483000.0)                                           \
    FP_HOST_TO_INT(s, T, wu, 0.0, 4294967000.0)                                                    \
    FP_HOST_TO_INT(s, T, l, -9223372036854775808.0, 9223371000000000000.0)                         \
    FP_HOST_TO_INT(s, T, lu, 0.0, 9223371000000000000.0)                                           \
    static inline bool fp_host_from_l_##s(u64 v, u64 *out)                                         \
    {                                                                                              \
        T r = 0;                                                                                   \
        __asm__ volatile("cvtsi2s" suffix "q %1, %0" : "+x"(r) : "r"(v));                          \
        *out = fp_of_##s(r);                                                                       \
        return true;                                                                               \
    }                                                                                              \
    static inline bool fp_host_from_w_##s(u64 v, u64 *out)                                         \
    {                                                                                              \
        return fp_host_from_l_##s((u64)(i64)(i32)v, out);                                          \
    }                                                                                              \
    static inline bool fp_host_from_wu_##s(u64 v, u64 *out)                                        \
    {                                                                                              \
        return fp_host_from_l_##s((u32)v, out);                                                    \
    }                                                                                              \
    static inline bool fp_host_from_lu_##s(u64 v, u64 *out)                                        \
    {                                                                                              \
        return (i64)v >= 0 && fp_host_from_l_##s(v, out);                                          \
    }

/* vf[n]madd213 a, b, c: [-](a * b) + c, and msub: - c. RISC-V's names negate the product. */
#define FP_HOST_FMA(s, T, name, insn)                                                              \
    static inline bool fp_host_##name##_##s(u64 a, u64 b, u64 c, u64 *out)                         \
    {                                                                                              \
        T v = fp_as_##s(a);                                                                        \
        if (!fp_host_has_fma())                                                                    \
            return false;                                                                          \
        __asm__ volatile(insn " %2, %1, %0" : "+x"(v) : "x"(fp_as_##s(b)), "x"(fp_as_##s(c)));     \
        *out = fp_of_##s(v);                                                                       \
        return likely(v == v);                                                                     \
    }

/* LOW and HIGH: well inside of what fits, whichever way it is rounded. */
#define FP_HOST_TO_INT(s, T, name, low, high)                                                      \
    static inline bool fp_host_to_##name##_##s(u64 a, unsigned rm, u64 *out)                       \
    {                                                                                              \
        T v = fp_as_##s(a);                                                                        \
        if (!(__builtin_isgreaterequal(v, (T)(low)) && __builtin_islessequal(v, (T)(high))) ||     \
            rm > FP_RTZ)                                                                           \
            return false;                                                                          \
        i64 r = rm == FP_RTZ ? fp_host_truncate_##s(v) : fp_host_nearest_##s(v);                   \
        *out  = FP_HOST_EXTEND_##name(r);                                                          \
        return true;                                                                               \
    }
#define FP_HOST_EXTEND_w(r)  ((u64)(r))
#define FP_HOST_EXTEND_wu(r) ((u64)(i64)(i32)(r))
#define FP_HOST_EXTEND_l(r)  ((u64)(r))
#define FP_HOST_EXTEND_lu(r) ((u64)(r))

FP_HOST_OPS(s, float, "s")
FP_HOST_OPS(d, double, "d")

static inline bool fp_host_widen(u64 a, u64 *out)
{
    double r = 0;
    __asm__ volatile("cvtss2sd %1, %0" : "+x"(r) : "x"(fp_as_s(a)));
    *out = fp_of_d(r);
    return true;
}

static inline bool fp_host_narrow(u64 a, u64 *out)
{
    float r = 0;
    __asm__ volatile("cvtsd2ss %1, %0" : "+x"(r) : "x"(fp_as_d(a)));
    *out = fp_of_s(r);
    return true;
}

#define FP_HOST_NEVER_ALL FP_HOST_NEVER(h)
#else /* another host: integers do it all, and the flags live in a variable of the thread */
#define FP_HOST 0

extern _Thread_local u32 fp_thread_flags;

static inline u32 fp_flags_get(void)
{
    return fp_thread_flags;
}

static inline void fp_flags_set(u32 flags)
{
    fp_thread_flags = flags;
}

static inline void fp_raise(u32 flags)
{
    fp_thread_flags |= flags;
}

#define fp_host_widen(a, out)  ((void)(out), false)
#define fp_host_narrow(a, out) ((void)(out), false)
#define FP_HOST_NEVER_ALL      FP_HOST_NEVER(h) FP_HOST_NEVER(s) FP_HOST_NEVER(d)
#endif

/* Formats that the host does not have. */
#define FP_HOST_NO(...)                                                                            \
    static inline bool __VA_ARGS__                                                                 \
    {                                                                                              \
        return false;                                                                              \
    }
#define FP_HOST_NEVER(s)                                                                           \
    FP_HOST_NO(fp_host_add_##s(UNUSED u64 a, UNUSED u64 b, UNUSED u64 *out))                       \
    FP_HOST_NO(fp_host_sub_##s(UNUSED u64 a, UNUSED u64 b, UNUSED u64 *out))                       \
    FP_HOST_NO(fp_host_mul_##s(UNUSED u64 a, UNUSED u64 b, UNUSED u64 *out))                       \
    FP_HOST_NO(fp_host_div_##s(UNUSED u64 a, UNUSED u64 b, UNUSED u64 *out))                       \
    FP_HOST_NO(fp_host_sqrt_##s(UNUSED u64 a, UNUSED u64 *out))                                    \
    FP_HOST_NO(fp_host_fmadd_##s(UNUSED u64 a, UNUSED u64 b, UNUSED u64 c, UNUSED u64 *out))       \
    FP_HOST_NO(fp_host_fmsub_##s(UNUSED u64 a, UNUSED u64 b, UNUSED u64 c, UNUSED u64 *out))       \
    FP_HOST_NO(fp_host_fnmsub_##s(UNUSED u64 a, UNUSED u64 b, UNUSED u64 c, UNUSED u64 *out))      \
    FP_HOST_NO(fp_host_fnmadd_##s(UNUSED u64 a, UNUSED u64 b, UNUSED u64 c, UNUSED u64 *out))      \
    FP_HOST_NO(fp_host_to_w_##s(UNUSED u64 a, UNUSED unsigned rm, UNUSED u64 *out))                \
    FP_HOST_NO(fp_host_to_wu_##s(UNUSED u64 a, UNUSED unsigned rm, UNUSED u64 *out))               \
    FP_HOST_NO(fp_host_to_l_##s(UNUSED u64 a, UNUSED unsigned rm, UNUSED u64 *out))                \
    FP_HOST_NO(fp_host_to_lu_##s(UNUSED u64 a, UNUSED unsigned rm, UNUSED u64 *out))               \
    FP_HOST_NO(fp_host_from_w_##s(UNUSED u64 v, UNUSED u64 *out))                                  \
    FP_HOST_NO(fp_host_from_wu_##s(UNUSED u64 v, UNUSED u64 *out))                                 \
    FP_HOST_NO(fp_host_from_l_##s(UNUSED u64 v, UNUSED u64 *out))                                  \
    FP_HOST_NO(fp_host_from_lu_##s(UNUSED u64 v, UNUSED u64 *out))

FP_HOST_NEVER_ALL

#endif

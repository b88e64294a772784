/* base/types.h - the words every file speaks. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t  u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t   i8;
typedef int16_t  i16;
typedef int32_t  i32;
typedef int64_t  i64;

typedef u64 gpa; /* guest physical address */
typedef u64 gva; /* guest virtual address */

#define KiB(n) ((u64)(n) << 10)
#define MiB(n) ((u64)(n) << 20)
#define GiB(n) ((u64)(n) << 30)

#define ARRAY_SIZE(a)    (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))
#define ALIGN_DOWN(x, n) ((x) & ~((__typeof__(x))(n)-1))
#define ALIGN_UP(x, n)   ALIGN_DOWN((x) + (__typeof__(x))(n)-1, (n))

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED            __attribute__((unused))

/* A counter that one thread moves on, or several under a lock, and any thread reads. */
#define count_add(p, n) __atomic_store_n((p), *(p) + (n), __ATOMIC_RELAXED)
#define count_read(p)   __atomic_load_n((p), __ATOMIC_RELAXED)

/* The struct of type T whose member M the pointer P points at. */
#define container_of(p, T, m) ((T *)((char *)(p)-offsetof(T, m)))

/* Bits HI..LO of X, moved down to bit 0. */
static inline u64 bits(u64 x, unsigned hi, unsigned lo)
{
    return (x >> lo) & (~0ull >> (63 - (hi - lo)));
}

/* X taken as an N-bit two's complement number, 1 <= N <= 64. */
static inline i64 sext(u64 x, unsigned n)
{
    return (i64)(x << (64 - n)) >> (64 - n);
}

#endif

/* rv64/atomic.c - LR/SC, AMO and compare-and-swap (Volume I, 13; Zacas), as the host's atomics.
 *
 * LR remembers the address and what it read; SC is a compare-and-exchange with that value. It
 * may succeed where the value went away and came back in between, which no program that was
 * made from LR/SC sequences can tell from success. Every atomic is a full fence on the host. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/hart.h"

static void set_rd(struct rv64_hart *h, unsigned rd, u64 val)
{
    if (rd)
        h->x[rd] = val;
}

bool rv64_lr(struct rv64_hart *h, gva addr, unsigned width, unsigned rd)
{
    gpa   pa;
    void *p = rv64_atomic_ptr(h, addr, width, ACCESS_LOAD, &pa);
    if (!p)
        return false;
    u64 val           = width == 4 ? (u64)(i64)(i32)__atomic_load_n((u32 *)p, __ATOMIC_SEQ_CST)
                                   : __atomic_load_n((u64 *)p, __ATOMIC_SEQ_CST);
    h->reserved       = addr | (width == 4 ? RV64_RESERVED_WORD : 0);
    h->reserved_value = val;
    set_rd(h, rd, val);
    return true;
}

/* Puts VAL where WAS still stands. */
static bool swap(void *p, unsigned width, u64 was, u64 val)
{
    u32 was32 = (u32)was;
    if (width == 4)
        return __atomic_compare_exchange_n((u32 *)p, &was32, (u32)val, false, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    return __atomic_compare_exchange_n((u64 *)p, &was, val, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

bool rv64_sc(struct rv64_hart *h, gva addr, unsigned width, u64 val, unsigned rd)
{
    gpa  pa;
    bool held = h->reserved == (addr | (width == 4 ? RV64_RESERVED_WORD : 0));
    if (!held && addr % width == 0) { /* it fails without a look at memory */
        h->reserved = ~0ull;
        set_rd(h, rd, 1);
        return true;
    }
    void *p = rv64_atomic_ptr(h, addr, width, ACCESS_STORE, &pa);
    if (!p)
        return false;
    bool ok     = swap(p, width, h->reserved_value, val);
    h->reserved = ~0ull;
    set_rd(h, rd, !ok);
    return true;
}

/* The rows of AMO: funct5, and what becomes of old and operand. Written once for each width. */
#define AMO_OPS(T, S)                                                                              \
    switch (funct5) {                                                                              \
    case 0x00:                                                                                     \
        return __atomic_fetch_add((T *)p, (T)val, __ATOMIC_SEQ_CST);                               \
    case 0x01:                                                                                     \
        return __atomic_exchange_n((T *)p, (T)val, __ATOMIC_SEQ_CST);                              \
    case 0x04:                                                                                     \
        return __atomic_fetch_xor((T *)p, (T)val, __ATOMIC_SEQ_CST);                               \
    case 0x08:                                                                                     \
        return __atomic_fetch_or((T *)p, (T)val, __ATOMIC_SEQ_CST);                                \
    case 0x0c:                                                                                     \
        return __atomic_fetch_and((T *)p, (T)val, __ATOMIC_SEQ_CST);                               \
    default: {                                                                                     \
        T old = __atomic_load_n((T *)p, __ATOMIC_SEQ_CST), now;                                    \
        do {                                                                                       \
            bool less = funct5 & 0x08 ? old < (T)val : (S)old < (S)val;                            \
            bool max  = funct5 & 0x04;                                                             \
            now       = less != max ? old : (T)val;                                                \
        } while (!__atomic_compare_exchange_n((T *)p, &old, now, false, __ATOMIC_SEQ_CST,          \
                                              __ATOMIC_SEQ_CST));                                  \
        return old;                                                                                \
    }                                                                                              \
    }

static u32 amo32(void *p, unsigned funct5, u64 val)
{
    AMO_OPS(u32, i32)
}

static u64 amo64(void *p, unsigned funct5, u64 val)
{
    AMO_OPS(u64, i64)
}

bool rv64_amo(struct rv64_hart *h, gva addr, unsigned width, unsigned funct5, u64 val, unsigned rd)
{
    gpa   pa;
    void *p = rv64_atomic_ptr(h, addr, width, ACCESS_STORE, &pa);
    if (!p)
        return false;
    u64 old = width == 4 ? (u64)(i64)(i32)amo32(p, funct5, val) : amo64(p, funct5, val);
    set_rd(h, rd, old);
    return true;
}

static u64 pair_low(const struct rv64_hart *h, unsigned r)
{
    return r ? h->x[r] : 0;
}

static u64 pair_high(const struct rv64_hart *h, unsigned r)
{
    return r ? h->x[r + 1] : 0;
}

/* amocas.q: register pairs; x0's pair reads as zero and is not written. */
__attribute__((target("cx16"))) static bool cas128(struct rv64_hart *h, void *p, unsigned rd,
                                                   unsigned rs2)
{
    unsigned __int128 was = pair_low(h, rd) | (unsigned __int128)pair_high(h, rd) << 64;
    unsigned __int128 now = pair_low(h, rs2) | (unsigned __int128)pair_high(h, rs2) << 64;
    unsigned __int128 old = __sync_val_compare_and_swap((unsigned __int128 *)p, was, now);
    if (rd) {
        h->x[rd]     = (u64)old;
        h->x[rd + 1] = (u64)(old >> 64);
    }
    return true;
}

bool rv64_amocas(struct rv64_hart *h, gva addr, unsigned width, unsigned rd, unsigned rs2)
{
    gpa   pa;
    void *p = rv64_atomic_ptr(h, addr, width, ACCESS_STORE, &pa);
    if (!p)
        return false;
    u64 was = h->x[rd], val = h->x[rs2];
    u32 was32 = (u32)was;
    switch (width) {
    case 4:
        __atomic_compare_exchange_n((u32 *)p, &was32, (u32)val, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
        set_rd(h, rd, (u64)(i64)(i32)was32);
        return true;
    case 8:
        __atomic_compare_exchange_n((u64 *)p, &was, val, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        set_rd(h, rd, was);
        return true;
    default:
        return cas128(h, p, rd, rs2);
    }
}

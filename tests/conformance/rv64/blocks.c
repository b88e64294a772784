/* tests/conformance/rv64/blocks.c - cache block instructions and who may use them (Zicbom, Zicboz;
 * menvcfg and senvcfg, Volume II, 3.1.18), finer-grained invalidation (Svinval). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

#define CBO(n, reg) ".insn i 0x0f, 2, x0, " reg ", " #n

static unsigned char block[192] __attribute__((aligned(64)));

static void zero(void)
{
    register u64 a __asm__("a5") = (u64)block + 64 + 13;
    __asm__ volatile(CBO(4, "a5")::"r"(a) : "memory");
}

static void clean(void)
{
    register u64 a __asm__("a5") = (u64)block + 64;
    __asm__ volatile(CBO(1, "a5")::"r"(a) : "memory");
    __asm__ volatile(CBO(2, "a5")::"r"(a) : "memory");
}

static void inval(void)
{
    register u64 a __asm__("a5") = (u64)block + 64;
    __asm__ volatile(CBO(0, "a5")::"r"(a) : "memory");
}

static void svinval(void)
{
    TRY(".insn r 0x73, 0, 0x0c, x0, x0, x0"); /* sfence.w.inval */
    TRY(".insn r 0x73, 0, 0x0b, x0, x0, x0"); /* sinval.vma */
    TRY(".insn r 0x73, 0, 0x0c, x0, x0, x1"); /* sfence.inval.ir */
}

static void who_may(void (*what)(void), u64 bit, u64 insns)
{
    csr_write(0x30a, 0); /* menvcfg, and senvcfg */
    csr_write(0x10a, 0);
    CHECK_EQ(M_TRAPS(what()), 0);
    CHECK_EQ(M_TRAPS(call_in(S, what)), insns + 1);
    csr_write(0x30a, bit);
    CHECK_EQ(M_TRAPS(call_in(S, what)), 1);
    CHECK_EQ(M_TRAPS(call_in(U, what)), insns + 1);
    csr_write(0x10a, bit);
    CHECK_EQ(M_TRAPS(call_in(U, what)), 1);
}

void test_main(void)
{
    pmp_open();
    for (int i = 0; i < 192; i++)
        block[i] = (unsigned char)i;
    zero();
    for (int i = 0; i < 192; i++)
        CHECK_EQ(block[i], i / 64 == 1 ? 0 : i);
    who_may(zero, 1 << 7, 1);
    who_may(clean, 1 << 6, 2);
    who_may(inval, 3 << 4, 1);
    CHECK_EQ(M_TRAPS(call_in(S, svinval)), 1);
    CHECK_EQ(M_TRAPS(call_in(U, svinval)), 4);
    csr_set(mstatus, 1 << 20); /* TVM holds sinval.vma too */
    CHECK_EQ(M_TRAPS(call_in(S, svinval)), 2);
    csr_clear(mstatus, 1 << 20);
    finish();
}

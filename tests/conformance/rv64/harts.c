/* tests/conformance/rv64/harts.c - two harts: software interrupts, LR/SC and AMO under
 * contention, message passing with fences (Volume I, 8 and 13). Needs two harts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

enum { ROUNDS = 20000, MESSAGES = 300 }; /* a message may cost a time slice of a busy host */

static volatile u64 by_amo, by_sc, flag, message, ready, done, woken;
static volatile u64 turn_errors;

static void add_sc(volatile u64 *p)
{
    u64 t, fail;
    __asm__ volatile("1: lr.d.aq %0, (%2)\n addi %0, %0, 1\n sc.d.rl %1, %0, (%2)\n bnez %1, 1b"
                     : "=&r"(t), "=&r"(fail)
                     : "r"(p)
                     : "memory");
}

static void add_amo(volatile u64 *p)
{
    __asm__ volatile("amoadd.d zero, %0, (%1)" ::"r"(1ul), "r"(p) : "memory");
}

static void work(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        add_sc(&by_sc);
        add_amo(&by_amo);
    }
}

static void note(u64 cause)
{
    u64 hart = csr_read(mhartid);
    if (cause == 3) {
        MSIP(hart) = 0;
        woken      = 1;
    }
}

void second_main(u64 hart)
{
    if (hart != 1)
        for (;;)
            __asm__ volatile("wfi");
    csr_write(mie, 1 << 3);
    csr_set(mstatus, 8);
    ready = 1;
    while (!woken)
        __asm__ volatile("wfi");
    work();
    /* Messages: what was written before the flag is seen behind it. */
    for (u64 i = 1; i <= MESSAGES; i++) {
        message = i * 3;
        __asm__ volatile("fence rw, w" ::: "memory");
        flag = i;
        while (flag == i) {
        }
    }
    done = 1;
    for (;;)
        __asm__ volatile("wfi");
}

void test_main(void)
{
    on_interrupt = note;
    u64 until    = MTIME + 300000000; /* 30 s */
    while (!ready && MTIME < until) {
    }
    CHECK(ready);
    if (!ready)
        finish();
    MSIP(1) = 1;
    work();
    for (u64 i = 1; i <= MESSAGES && MTIME < until; i++) {
        while (flag != i && MTIME < until) {
        }
        __asm__ volatile("fence r, rw" ::: "memory");
        if (message != i * 3)
            turn_errors++;
        flag = 0;
    }
    while (!done && MTIME < until) {
    }
    CHECK(done);
    CHECK_EQ(turn_errors, 0);
    CHECK_EQ(by_sc, 2 * ROUNDS);
    CHECK_EQ(by_amo, 2 * ROUNDS);
    finish();
}

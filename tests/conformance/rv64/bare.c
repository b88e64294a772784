/* tests/conformance/rv64/bare.c - see bare.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

volatile struct trap m_trap, s_trap;
void (*volatile on_interrupt)(u64 cause);
u64        caller[14]; /* ra, sp, s0 to s11: where call_in was called */
static int failed;

void on_trap(u64 *frame);

static void resume_caller(u64 *frame)
{
    frame[1] = caller[0];
    frame[2] = caller[1];
    frame[8] = caller[2];
    frame[9] = caller[3];
    for (int i = 2; i < 12; i++)
        frame[16 + i] = caller[2 + i];
    csr_write(mepc, caller[0]);
    csr_set(mstatus, 3 << 11);
}

void on_trap(u64 *frame)
{
    u64 cause = csr_read(mcause), pc = csr_read(mepc);
    if (cause >> 63) {
        on_interrupt(cause << 1 >> 1);
        return;
    }
    m_trap.cause   = cause;
    m_trap.pc      = pc;
    m_trap.value   = csr_read(mtval);
    m_trap.mstatus = csr_read(mstatus);
    m_trap.count++;
    if (cause == 8 || cause == 9)
        resume_caller(frame);
    else if (cause == 1 || cause == 12)
        resume_caller(frame); /* there is no instruction to pass by */
    else
        csr_write(mepc, pc + 4);
}

void print(const char *text)
{
    while (*text)
        *(volatile unsigned char *)UART = (unsigned char)*text++;
}

void print_hex(u64 v)
{
    char text[17];
    for (int i = 0; i < 16; i++)
        text[i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
    text[16] = 0;
    print(text);
}

void check_that(int good, const char *what, u64 got)
{
    if (good)
        return;
    failed = 1;
    print("wrong: ");
    print(what);
    print(", got ");
    print_hex(got);
    print("\n");
}

void finish(void)
{
    print(failed ? "FAIL\n" : "PASS\n");
    *(volatile u32 *)FINISHER = failed ? 1 << 16 | 0x3333 : 0x5555;
    for (;;) {
    }
}

__attribute__((weak)) void second_main(u64 hart)
{
    (void)hart;
    for (;;)
        __asm__ volatile("wfi");
}

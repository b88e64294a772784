/* tests/conformance/rv64/interrupts.c - CLINT, Sstc, vectors, priorities, wfi, counters
 * (Volume II, 3.1.9, 3.1.11, 3.2.1, 3.3.3). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

static volatile u64 got[8], n_got;

static void note(u64 cause)
{
    if (n_got < 8)
        got[n_got++] = cause;
    if (cause == 3)
        MSIP(0) = 0;
    if (cause == 7)
        MTIMECMP(0) = ~0ul;
    if (cause == 1 || cause == 5)
        csr_clear(mie, 1ul << cause);
}

static void clint(void)
{
    MTIMECMP(0) = ~0ul; /* its value at reset is anybody's */
    csr_write(mie, 1 << 3 | 1 << 7);
    MSIP(0) = 1;
    for (u64 until = MTIME + 100000; !(csr_read(mip) >> 3 & 1) && MTIME < until;) {
    }
    CHECK_EQ(n_got, 0); /* not enabled */
    csr_set(mstatus, 8);
    for (u64 until = MTIME + 100000; !n_got && MTIME < until;) {
    }
    CHECK_EQ(n_got, 1);
    CHECK_EQ(got[0], 3);
    CHECK_EQ(csr_read(mip) >> 3 & 1, 0);
    MTIMECMP(0) = MTIME + 20000; /* 2 ms */
    for (u64 until = MTIME + 10000000; n_got < 2 && MTIME < until;)
        __asm__ volatile("wfi");
    CHECK_EQ(got[1], 7);
    csr_clear(mstatus, 8);
    /* Both at once: software before timer. */
    n_got       = 0;
    MSIP(0)     = 1;
    MTIMECMP(0) = 0;
    for (u64 until = MTIME + 100000; (csr_read(mip) & 0x88) != 0x88 && MTIME < until;) {
    }
    csr_set(mstatus, 8);
    for (u64 until = MTIME + 100000; n_got < 2 && MTIME < until;) {
    }
    csr_clear(mstatus, 8);
    CHECK_EQ(got[0], 3);
    CHECK_EQ(got[1], 7);
}

static void supervisor(void)
{
    n_got = 0;
    csr_write(mip, 1 << 1); /* SSIP, not delegated: to M */
    csr_write(mie, 1 << 1);
    csr_set(mstatus, 8);
    for (u64 until = MTIME + 100000; !n_got && MTIME < until;) {
    }
    csr_clear(mstatus, 8);
    CHECK_EQ(got[0], 1);
    csr_write(mip, 0);
    CHECK_EQ(csr_read(sip), 0);
    csr_write(mideleg, 1 << 1 | 1 << 5 | 1 << 9);
    csr_write(sip, 1 << 1);
    CHECK_EQ(csr_read(mip) >> 1 & 1, 1);
    csr_write(sip, 0);
    CHECK_EQ(csr_read(mip) >> 1 & 1, 0);
    csr_write(sie, ~0ul);
    CHECK_EQ(csr_read(sie) & 0x222, 0x222);
    CHECK_EQ(csr_read(sie) & 0x888, 0); /* M's are not seen */
    csr_write(sie, 0);
    csr_write(mideleg, 0);
}

static void s_timer(void)
{
    TRY("csrr t0, 0x14d");
    TRY("csrw 0x14d, zero");
}

static void s_takes_timer(void)
{
    csr_set(sie, 1 << 5);
    TRY("csrw 0x14d, zero"); /* long past */
    TRY("csrsi sstatus, 2");
    TRY("nop");
    TRY("csrci sstatus, 2");
}

/* S mode has stimecmp when both menvcfg.STCE and mcounteren.TM say so (Sstc, 2.1). */
static void sstc_from_s(void)
{
    extern char s_timer_entry[];
    pmp_open();
    csr_write(mcounteren, 2);
    CHECK_EQ(M_TRAPS(call_in(S, s_timer)), 1); /* its end */
    csr_write(mcounteren, 5);
    CHECK_EQ(M_TRAPS(call_in(S, s_timer)), 3);
    csr_write(mcounteren, 2);
    csr_write(0x30a, csr_read(0x30a) & ~(1ul << 63));
    CHECK_EQ(M_TRAPS(call_in(S, s_timer)), 3);
    CHECK_EQ(M_TRAPS(csr_read(0x14d)), 0); /* M always has it */
    csr_write(0x30a, csr_read(0x30a) | 1ul << 63);
    CHECK_EQ(M_TRAPS(call_in(U, s_timer)), 3);

    csr_write(mideleg, 1 << 5);
    csr_write(stvec, s_timer_entry);
    s_trap.cause = 0;
    CHECK_EQ(M_TRAPS(call_in(S, s_takes_timer)), 1);
    CHECK_EQ(s_trap.cause, 1ul << 63 | 5);
    CHECK_EQ(csr_read(mip) >> 5 & 1, 0); /* the handler moved stimecmp */
    csr_write(mideleg, 0);
    csr_write(sie, 0);
}

__asm__(".option push\n.option norvc\n.balign 4\n"
        "s_timer_entry:\n"
        "  csrw sscratch, t0\n"
        "  la t0, s_trap\n"
        "  sd t1, 32(t0)\n"
        "  csrr t1, scause\n"
        "  sd t1, 0(t0)\n"
        "  li t1, -1\n"
        "  csrw 0x14d, t1\n"
        "  ld t1, 32(t0)\n"
        "  csrr t0, sscratch\n"
        "  sret\n"
        ".option pop\n");

static void sstc(void)
{
    csr_write(0x30a, csr_read(0x30a) | 1ul << 63); /* menvcfg.STCE */
    if (!(csr_read(0x30a) >> 63)) {
        print("no Sstc here\n");
        return;
    }
    csr_write(0x14d, ~0ul); /* stimecmp */
    CHECK_EQ(csr_read(mip) >> 5 & 1, 0);
    csr_write(0x14d, 0);
    CHECK_EQ(csr_read(mip) >> 5 & 1, 1);
    csr_write(mip, 0); /* read-only now */
    CHECK_EQ(csr_read(mip) >> 5 & 1, 1);
    csr_write(0x14d, MTIME + 20000);
    CHECK_EQ(csr_read(mip) >> 5 & 1, 0);
    for (u64 until = MTIME + 10000000; !(csr_read(mip) >> 5 & 1) && MTIME < until;) {
    }
    CHECK_EQ(csr_read(mip) >> 5 & 1, 1);
    csr_write(0x14d, ~0ul);
    sstc_from_s();
}

static void read_counters(void)
{
    TRY("csrr t0, cycle");
    TRY("csrr t0, time");
    TRY("csrr t0, instret");
}

static void counters(void)
{
    pmp_open();
    csr_write(mcounteren, 0);
    csr_write(scounteren, 0);
    CHECK_EQ(M_TRAPS(call_in(S, read_counters)), 4);
    csr_write(mcounteren, 7);
    CHECK_EQ(M_TRAPS(call_in(S, read_counters)), 1);
    CHECK_EQ(M_TRAPS(call_in(U, read_counters)), 4);
    csr_write(scounteren, 2);
    CHECK_EQ(M_TRAPS(call_in(U, read_counters)), 3);
    u64 a = csr_read(instret);
    CHECK(csr_read(instret) > a);
    u64 t = csr_read(time), clint_time = MTIME;
    CHECK(clint_time - t < 1000000);
    csr_write(minstret, 1000);
    CHECK(csr_read(minstret) - 1000 < 1000000000);
}

void test_main(void)
{
    on_interrupt = note;
    clint();
    supervisor();
    sstc();
    counters();
    finish();
}

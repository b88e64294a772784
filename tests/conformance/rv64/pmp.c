/* tests/conformance/rv64/pmp.c - physical memory protection (Volume II, 3.7). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

static u64 room[1024] __attribute__((aligned(4096)));
static u64 at;

static void do_load(void)
{
    load(at);
}

static void do_store(void)
{
    store(at, 1);
}

static u64 cause_of(u64 mode, void (*what)(void), u64 offset)
{
    at         = (u64)room + offset;
    u64 before = m_trap.count, cause = 0;
    csr_write(medeleg, 0xa0); /* access faults to S, to be told from the ecall */
    csr_write(stvec, s_entry);
    u64 s_before = s_trap.count;
    call_in(mode, what);
    if (s_trap.count != s_before)
        cause = s_trap.cause;
    CHECK_EQ(m_trap.count - before, 1);
    csr_write(medeleg, 0);
    return cause;
}

/* What no entry matches S and U may not touch, M may. */
static void no_match(void)
{
    extern char bss_end[];
    for (u64 mode = U; mode <= S; mode++) {
        csr_write(pmpcfg0, 0);
        csr_write(pmpaddr0, 0);
        csr_write(pmpcfg0, 0x17); /* four bytes elsewhere: without any, QEMU 7 refuses mret */
        CHECK_EQ(M_TRAPS(call_in(mode, do_load)), 1); /* not even an instruction */
        CHECK_EQ(m_trap.cause, 1);
        CHECK_EQ(m_trap.pc, (u64)do_load);
        CHECK_EQ(m_trap.value, (u64)do_load);
        CHECK_EQ(M_TRAPS(store((u64)room, 5)), 0);
        /* All from 0x80000000 up to room, and from its end: it lies in a gap. */
        csr_write(pmpaddr0, 0x80000000 >> 2);
        csr_write(pmpaddr1, (u64)room >> 2);
        csr_write(pmpaddr2, ((u64)room + 4096) >> 2);
        csr_write(pmpaddr3, (u64)bss_end >> 2);
        csr_write(pmpcfg0, 0x0f000f00);
        CHECK_EQ(cause_of(mode, do_load, 0), 5);
        CHECK_EQ(cause_of(mode, do_store, 4088), 7);
        CHECK_EQ(cause_of(mode, do_store, 4096), 0);
    }
    csr_write(pmpaddr2, ~0ul >> 10);
    csr_write(pmpcfg0, 0x1f0000);
}

void test_main(void)
{
    /* 0: NAPOT, 4 KiB at room, read only; 15's neighbour 1: everything. */
    csr_write(pmpaddr0, (u64)room >> 2 | 0x1ff);
    csr_write(pmpaddr1, ~0ul >> 10);
    csr_write(pmpcfg0, 0x1f19);
    CHECK_EQ(cause_of(S, do_load, 0), 0);
    CHECK_EQ(cause_of(S, do_store, 0), 7);
    CHECK_EQ(cause_of(S, do_store, 4088), 7);
    CHECK_EQ(cause_of(S, do_store, 4096), 0);
    CHECK_EQ(cause_of(U, do_store, 8), 7);
    CHECK_EQ(M_TRAPS(store((u64)room, 5)), 0); /* M is free: not locked */

    /* TOR: [room, room + 8) without rights, by entry 1 over address 0. */
    csr_write(pmpcfg0, 0);
    csr_write(pmpaddr0, (u64)room >> 2);
    csr_write(pmpaddr1, ((u64)room + 4096) >> 2);
    csr_write(pmpaddr2, ~0ul >> 10);
    csr_write(pmpcfg0, 0x1f0800);
    CHECK_EQ(cause_of(S, do_load, 0), 5);
    CHECK_EQ(cause_of(S, do_load, 4088), 5);
    CHECK_EQ(cause_of(S, do_load, 4096), 0);

    /* An entry that is off does not count. */
    csr_write(pmpcfg0, 0x1f1f00);
    csr_write(pmpcfg0, 0x1f0000);
    CHECK_EQ(cause_of(S, do_load, 0), 0);

    no_match();

    /* Locked: M too, until reset; and the entry cannot be changed. */
    csr_write(pmpaddr0, (u64)room >> 2 | 0x1ff);
    csr_write(pmpcfg0, 0x1f0099);
    CHECK_EQ(M_TRAPS(store((u64)room, 5)), 1);
    CHECK_EQ(m_trap.cause, 7);
    CHECK_EQ(m_trap.value, (u64)room);
    csr_write(pmpcfg0, 0);
    CHECK_EQ(csr_read(pmpcfg0) & 0xff, 0x99);
    csr_write(pmpaddr0, 0);
    CHECK_EQ(csr_read(pmpaddr0), (u64)room >> 2 | 0x1ff);
    finish();
}

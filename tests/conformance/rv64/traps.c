/* tests/conformance/rv64/traps.c - causes, trap values, delegation, returns, WARL fields
 * (Volume II, 3.1 and 3.3). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

static volatile u64 data[4] __attribute__((aligned(16)));

static void in_u(void)
{
    TRY("csrr t0, mstatus"); /* illegal: counted by whoever it goes to */
}

static void s_only(void)
{
    TRY("csrr t0, sstatus");
    TRY("sfence.vma");
    TRY("csrr t0, satp");
}

static void s_wfi_and_sret(void)
{
    TRY("wfi");
}

static void s_sret(void)
{
    TRY("sret");
}

static void causes(void)
{
    CHECK_EQ(M_TRAPS(TRY(".word 0xffffffff")), 1);
    CHECK_EQ(m_trap.cause, 2);
    CHECK(m_trap.value == 0xffffffff || m_trap.value == 0);
    CHECK_EQ(M_TRAPS(TRY("csrw cycle, zero")), 1); /* read-only */
    CHECK_EQ(m_trap.cause, 2);
    CHECK_EQ(M_TRAPS(TRY("csrr t0, 0x123")), 1); /* there is none */
    CHECK_EQ(M_TRAPS(TRY("csrr t0, cycle")), 0);
    CHECK_EQ(M_TRAPS(TRY("ebreak")), 1);
    CHECK_EQ(m_trap.cause, 3);
    CHECK_EQ(M_TRAPS(load(0x10)), 1); /* nothing there */
    CHECK_EQ(m_trap.cause, 5);
    CHECK_EQ(m_trap.value, 0x10);
    CHECK_EQ(M_TRAPS(store(0x18, 1)), 1);
    CHECK_EQ(m_trap.cause, 7);
    CHECK_EQ(m_trap.value, 0x18);
    /* Misaligned plain accesses work; atomics on misaligned addresses trap. */
    data[0] = 0x1122334455667788;
    data[1] = 0x99aabbccddeeff00;
    CHECK_EQ(load((u64)data + 1), 0x0011223344556677);
    CHECK_EQ(M_TRAPS(({
                 register u64 a __asm__("a5") = (u64)data + 4;
                 __asm__ volatile(".option push\n.option norvc\namoadd.d a4, a4, (%0)\n.option pop"
                                  :
                                  : "r"(a)
                                  : "a4", "memory");
             })),
             1);
    CHECK(m_trap.cause == 6 || m_trap.cause == 7);
}

static void modes(void)
{
    pmp_open();
    CHECK_EQ(M_TRAPS(call_in(U, in_u)), 2); /* and the ecall */
    CHECK_EQ(m_trap.cause, 8);
    CHECK_EQ(m_trap.mstatus >> 11 & 3, U);
    CHECK_EQ(M_TRAPS(call_in(S, in_u)), 2);
    CHECK_EQ(m_trap.cause, 9);
    CHECK_EQ(m_trap.mstatus >> 11 & 3, S);
    CHECK_EQ(M_TRAPS(call_in(S, s_only)), 1);
    CHECK_EQ(M_TRAPS(call_in(U, s_only)), 4);
    csr_set(mstatus, 1 << 20); /* TVM */
    CHECK_EQ(M_TRAPS(call_in(S, s_only)), 3);
    csr_clear(mstatus, 1 << 20);
    csr_set(mstatus, 1 << 21); /* TW */
    CHECK_EQ(M_TRAPS(call_in(S, s_wfi_and_sret)), 2);
    csr_clear(mstatus, 1 << 21);
    csr_set(mstatus, 1 << 22); /* TSR */
    CHECK_EQ(M_TRAPS(call_in(S, s_sret)), 2);
    csr_clear(mstatus, 1 << 22);
}

static void delegation(void)
{
    csr_write(stvec, s_entry);
    csr_write(medeleg, 1 << 2 | 1 << 3);
    u64 before = s_trap.count;
    CHECK_EQ(M_TRAPS(call_in(U, in_u)), 1); /* the ecall only */
    CHECK_EQ(s_trap.count - before, 1);
    CHECK_EQ(s_trap.cause, 2);
    CHECK_EQ(s_trap.pc, (u64)in_u);
    /* Never to a less privileged mode. */
    CHECK_EQ(M_TRAPS(TRY(".word 0xffffffff")), 1);
    CHECK_EQ(s_trap.count - before, 1);
    csr_write(medeleg, 0);
}

static void fields(void)
{
    CHECK_EQ(csr_read(mstatus) >> 32 & 15, 10); /* UXL and SXL: 64 */
    csr_write(satp, 7ul << 60);                 /* no such mode: nothing is written */
    CHECK_EQ(csr_read(satp), 0);
    csr_write(mtvec, csr_read(mtvec) | 2);
    CHECK((csr_read(mtvec) & 3) != 2);
    extern char trap_entry[];
    csr_write(mtvec, trap_entry);
    CHECK(csr_read(misa) >> 62 == 2);
    CHECK_EQ(csr_read(misa) & 0x14112d, 0x14112d); /* ACDFIMSU */
}

static void floating_point(void)
{
    csr_clear(mstatus, 3 << 13);
    CHECK_EQ(M_TRAPS(TRY("fmv.d.x f0, zero")), 1);
    CHECK_EQ(m_trap.cause, 2);
    CHECK_EQ(M_TRAPS(TRY("csrr t0, fcsr")), 1);
    csr_set(mstatus, 1 << 13);
    CHECK_EQ(csr_read(mstatus) >> 63, 0);
    CHECK_EQ(M_TRAPS(TRY("fmv.d.x f0, zero")), 0);
    CHECK_EQ(csr_read(mstatus) >> 13 & 3, 3); /* dirty */
    CHECK_EQ(csr_read(mstatus) >> 63, 1);     /* SD */
    csr_write(frm, 5);
    CHECK_EQ(M_TRAPS(TRY("fadd.d f0, f0, f0, dyn")), 1);
    CHECK_EQ(M_TRAPS(TRY("fadd.d f0, f0, f0, rne")), 0);
    csr_write(frm, 0);
    csr_write(fcsr, ~0ul);
    CHECK_EQ(csr_read(fcsr), 0xff);
    csr_write(fcsr, 0);
}

void test_main(void)
{
    causes();
    modes();
    delegation();
    fields();
    floating_point();
    finish();
}

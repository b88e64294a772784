/* tests/conformance/rv64/vectors.c - vectored mtvec and stvec: interrupts go to their own entries,
 * exceptions to the base (Volume II, 3.1.7 and 10.1.2). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

extern char  m_vectors[], s_vectors[], trap_entry[];
volatile u64 m_entry;    /* the last entry of m_vectors that was used */
volatile u64 s_noted[3]; /* of s_vectors; room for a register; scause */

/* Entries of four bytes each. M's note which they are and go on as usual. S's note it too, take
 * a software interrupt away, and pass by the instruction of an exception. */
__asm__(".option push\n.option norvc\n"
        "  .balign 256\n"
        "m_vectors:\n"
        "  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11\n  j m_entry_\\n\n  .endr\n"
        "  .balign 256\n"
        "s_vectors:\n"
        "  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11\n  j s_entry_\\n\n  .endr\n"
        "  .irp n, 0,1,2,3,4,5,6,7,8,9,10,11\n"
        "m_entry_\\n:\n"
        "  csrrw sp, mscratch, sp\n"
        "  sd t0, -264(sp)\n"
        "  sd t1, -272(sp)\n"
        "  la t0, m_entry\n"
        "  li t1, \\n\n"
        "  sd t1, 0(t0)\n"
        "  ld t0, -264(sp)\n"
        "  ld t1, -272(sp)\n"
        "  csrrw sp, mscratch, sp\n"
        "  j trap_entry\n"
        "s_entry_\\n:\n"
        "  csrw sscratch, t0\n"
        "  la t0, s_noted\n"
        "  sd t1, 8(t0)\n"
        "  li t1, \\n\n"
        "  sd t1, 0(t0)\n"
        "  csrr t1, scause\n"
        "  sd t1, 16(t0)\n"
        "  bltz t1, 1f\n"
        "  csrr t1, sepc\n"
        "  addi t1, t1, 4\n"
        "  csrw sepc, t1\n"
        "1:csrci sip, 2\n"
        "  ld t1, 8(t0)\n"
        "  csrr t0, sscratch\n"
        "  sret\n"
        "  .endr\n"
        ".option pop\n");

static volatile u64 n_interrupts, last;

static void note(u64 cause)
{
    n_interrupts++;
    last = cause;
    if (cause == 3)
        MSIP(0) = 0;
    else
        csr_clear(mie, 1ul << cause);
}

/* Makes CAUSE pending, and it is taken in M mode. */
static void m_interrupt(u64 cause)
{
    n_interrupts = 0;
    m_entry      = 99;
    csr_write(mie, 1ul << cause);
    if (cause == 3)
        MSIP(0) = 1;
    else if (cause == 7)
        MTIMECMP(0) = 0;
    else
        csr_set(mip, 1ul << cause);
    csr_set(mstatus, 8);
    for (u64 until = MTIME + 100000000; !n_interrupts && MTIME < until;) {
    }
    csr_clear(mstatus, 8);
    CHECK_EQ(n_interrupts, 1);
    CHECK_EQ(last, cause);
    CHECK_EQ(m_entry, cause);
    csr_clear(mip, 1ul << cause);
    MTIMECMP(0) = ~0ul;
}

static void s_interrupt(void)
{
    csr_write(sie, 1 << 1);
    csr_set(sip, 1 << 1);
    TRY("csrsi sstatus, 2");
    TRY("nop");
    TRY("csrci sstatus, 2");
}

static void s_exception(void)
{
    TRY(".word 0xffffffff");
}

void test_main(void)
{
    on_interrupt = note;
    MTIMECMP(0)  = ~0ul;
    csr_write(mtvec, (u64)m_vectors | 1);
    CHECK_EQ(csr_read(mtvec), (u64)m_vectors | 1);
    m_interrupt(1);
    m_interrupt(3);
    m_interrupt(5);
    m_interrupt(7);
    m_interrupt(9);
    m_entry = 99;
    CHECK_EQ(M_TRAPS(TRY(".word 0xffffffff")), 1);
    CHECK_EQ(m_entry, 0);

    pmp_open();
    csr_write(stvec, (u64)s_vectors | 1);
    CHECK_EQ(csr_read(stvec), (u64)s_vectors | 1);
    csr_write(mideleg, 0x222);
    csr_write(medeleg, 1 << 2);
    s_noted[0] = 99;
    CHECK_EQ(M_TRAPS(call_in(S, s_interrupt)), 1); /* its end */
    CHECK_EQ(s_noted[0], 1);
    CHECK_EQ(s_noted[2], 1ul << 63 | 1);
    s_noted[0] = 99;
    CHECK_EQ(M_TRAPS(call_in(S, s_exception)), 1);
    CHECK_EQ(s_noted[0], 0);
    CHECK_EQ(s_noted[2], 2);
    csr_write(mtvec, trap_entry);
    finish();
}

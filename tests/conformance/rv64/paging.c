/* tests/conformance/rv64/paging.c - Sv39, Sv48, Sv57: permissions, A and D, SUM, MXR, MPRV
 * (Volume II, 10.3 to 10.5, 3.1.6.3). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

enum { V = 1, R = 2, W = 4, X = 8, USER = 16, G = 32, A = 64, D = 128 };
#define ALL    (V | R | W | X | A | D)
#define WINDOW 0x40000000ul /* the page under test; the code lies in an identity gigapage */

static u64      tables[5][512] __attribute__((aligned(4096)));
static u64      page[512] __attribute__((aligned(4096)));
static u64      probe_addr, probe_value;
static unsigned levels;

static u64 to_pte(const void *p, u64 flags)
{
    return (u64)p >> 12 << 10 | flags;
}

/* LEVELS of tables: 0x80000000 to itself, WINDOW to page with FLAGS. */
static void map(u64 mode, u64 flags)
{
    unsigned top = levels - 1;
    for (unsigned i = 0; i < 5; i++)
        for (unsigned j = 0; j < 512; j++)
            tables[i][j] = 0;
    for (unsigned level = top; level > 2; level--)
        tables[level][0] = to_pte(tables[level - 1], V);
    tables[2][2] = to_pte((void *)0x80000000ul, ALL); /* a gigapage */
    tables[2][0] = to_pte((void *)0, ALL);            /* devices */
    tables[2][1] = to_pte(tables[1], V);
    tables[1][0] = to_pte(tables[0], V);
    tables[0][0] = to_pte(page, flags);
    csr_write(satp, mode << 60 | (u64)tables[top] >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
}

static void s_load(void)
{
    probe_value = load(probe_addr);
}

static void s_store(void)
{
    store(probe_addr, 0x77);
}

/* Does it trap from S mode with the window's FLAGS? The cause, or 0. */
static u64 from_s(void (*what)(void), u64 mode, u64 flags)
{
    map(mode, flags);
    u64 before   = m_trap.count;
    u64 cause    = 0;
    m_trap.cause = 0;
    /* the ecall that comes back counts too, and is the last */
    csr_write(stvec, s_entry);
    csr_write(medeleg, 0xb000);
    u64 s_before = s_trap.count;
    call_in(S, what);
    if (s_trap.count != s_before)
        cause = s_trap.cause;
    CHECK_EQ(m_trap.count - before, 1);
    csr_write(medeleg, 0);
    return cause;
}

static void permissions(u64 mode)
{
    probe_addr = WINDOW + 8;
    page[1]    = 0x1234;
    CHECK_EQ(from_s(s_load, mode, ALL), 0);
    CHECK_EQ(probe_value, 0x1234);
    CHECK_EQ(from_s(s_store, mode, ALL), 0);
    CHECK_EQ(page[1], 0x77);
    CHECK_EQ(from_s(s_load, mode, ALL & ~V), 13);
    CHECK_EQ(s_trap.value, probe_addr);
    CHECK_EQ(from_s(s_store, mode, ALL & ~W), 15);
    CHECK_EQ(s_trap.value, probe_addr);
    CHECK_EQ(from_s(s_load, mode, ALL & ~R), 13);        /* W without R is reserved */
    CHECK_EQ(from_s(s_load, mode, V | X | A), 13);       /* executable only */
    CHECK_EQ(from_s(s_load, mode, ALL | USER), 13);      /* SUM is off */
    CHECK_EQ(from_s(s_load, mode, ALL | 1ul << 60), 13); /* a reserved bit */
    csr_set(mstatus, 1 << 18);                           /* SUM */
    CHECK_EQ(from_s(s_load, mode, ALL | USER), 0);
    csr_clear(mstatus, 1 << 18);
    csr_set(mstatus, 1 << 19); /* MXR */
    CHECK_EQ(from_s(s_load, mode, V | X | A), 0);
    csr_clear(mstatus, 1 << 19);
}

static void not_canonical(u64 mode)
{
    probe_addr = 1ul << (12 + 9 * levels - 1);
    CHECK_EQ(from_s(s_load, mode, ALL), 13);
    probe_addr = WINDOW | 1ul << 63;
    CHECK_EQ(from_s(s_load, mode, ALL), 13);
}

/* With menvcfg.ADUE hardware sets A and D; without, their absence is a page fault. */
static void accessed_and_dirty(u64 mode)
{
    probe_addr = WINDOW;
    csr_write(0x30a, csr_read(0x30a) | 1ul << 61);
    if (csr_read(0x30a) >> 61 & 1) {
        CHECK_EQ(from_s(s_load, mode, ALL & ~(A | D)), 0);
        CHECK_EQ(tables[0][0] & (A | D), A);
        CHECK_EQ(from_s(s_store, mode, ALL & ~(A | D)), 0);
        CHECK_EQ(tables[0][0] & (A | D), A | D);
        csr_write(0x30a, csr_read(0x30a) & ~(1ul << 61));
        CHECK_EQ(from_s(s_load, mode, ALL & ~(A | D)), 13);
        CHECK_EQ(from_s(s_store, mode, ALL & ~D), 15);
        CHECK_EQ(tables[0][0] & (A | D), A);
    } else {
        print("no Svadu here\n");
    }
}

static void m_as_s(u64 mode)
{
    map(mode, ALL);
    page[0] = 0x4321;
    csr_clear(mstatus, 3 << 11);
    csr_set(mstatus, 1 << 11 | 1 << 17); /* MPP S, MPRV */
    probe_value = load(WINDOW);
    csr_clear(mstatus, 1 << 17);
    CHECK_EQ(probe_value, 0x4321);
    CHECK(load(WINDOW) != 0x4321); /* M itself is not translated */
}

void test_main(void)
{
    pmp_open();
    for (u64 mode = 8; mode <= 10; mode++) {
        levels = (unsigned)mode - 5;
        csr_write(satp, mode << 60);
        if (csr_read(satp) >> 60 != mode) {
            print("a mode of translation is missing\n");
            CHECK(mode == 10);
            continue;
        }
        permissions(mode);
        not_canonical(mode);
        accessed_and_dirty(mode);
        m_as_s(mode);
        csr_write(satp, 0);
    }
    finish();
}

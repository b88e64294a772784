/* tests/conformance/rv64/spaces.c - ASIDs: page tables are changed over without a fence; a fence
 * may name an address, an ASID, both or neither (Volume II, 10.1.11, 10.2.1). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

enum { SPACES = 12, V = 1, RWXAD = 2 | 4 | 8 | 64 | 128 };
#define DATA 0x40000000ul /* another page in each space */
#define CODE 0x40001000ul /* the same */

static u64 roots[SPACES][512] __attribute__((aligned(4096)));
static u64 middles[SPACES][512] __attribute__((aligned(4096)));
static u64 leaves[SPACES][512] __attribute__((aligned(4096)));
static u64 data[SPACES][512] __attribute__((aligned(4096)));
static u32 code[SPACES][1024] __attribute__((aligned(4096)));

static u64 pte(const void *p, u64 flags)
{
    return (u64)p >> 12 << 10 | flags | V;
}

static void make(unsigned i)
{
    roots[i][0]   = pte((void *)0, RWXAD);
    roots[i][2]   = pte((void *)0x80000000ul, RWXAD);
    roots[i][1]   = pte(middles[i], 0);
    middles[i][0] = pte(leaves[i], 0);
    leaves[i][0]  = pte(data[i], RWXAD);
    leaves[i][1]  = pte(code[i], RWXAD);
    data[i][0]    = 1000 + i;
    code[i][0]    = 0x00000513u | i << 20; /* li a0, i */
    code[i][1]    = 0x00008067;            /* ret */
}

static void enter(unsigned i, unsigned asid)
{
    csr_write(satp, 8ul << 60 | (u64)asid << 44 | (u64)roots[i] >> 12);
}

static u64 run(void)
{
    u64 (*volatile f)(void) = (u64(*)(void))CODE;
    return f();
}

static u64 wrong;

static void look(unsigned i)
{
    if (load(DATA) != 1000 + i || run() != i)
        wrong++;
    store(DATA + 8, i);
}

static void change_over(void)
{
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < SPACES; i++) {
            enter(i, i + 1);
            look(i);
        }
}

/* Space 0's pages become those of 5, told by each form of the fence; then back. */
static void fences(void)
{
    for (unsigned form = 0; form < 4; form++) {
        u64 asid = 1;
        enter(0, 1);
        look(0);
        enter(1, 2);
        leaves[0][0] = pte(data[5], RWXAD);
        leaves[0][1] = pte(code[5], RWXAD);
        if (form == 0)
            __asm__ volatile("sfence.vma" ::: "memory");
        else if (form == 1)
            __asm__ volatile("sfence.vma zero, %0" ::"r"(asid) : "memory");
        else if (form == 2)
            __asm__ volatile("sfence.vma %0, zero\n sfence.vma %1, zero" ::"r"(DATA), "r"(CODE)
                             : "memory");
        else
            __asm__ volatile("sfence.vma %0, %2\n sfence.vma %1, %2" ::"r"(DATA), "r"(CODE),
                             "r"(asid)
                             : "memory");
        look(1);
        enter(0, 1);
        look(5);
        leaves[0][0] = pte(data[0], RWXAD);
        leaves[0][1] = pte(code[0], RWXAD);
        __asm__ volatile("sfence.vma" ::: "memory");
        look(0);
    }
}

/* Without paging an ASID means nothing. */
static void off_and_on(void)
{
    enter(3, 4);
    look(3);
    csr_write(satp, 0);
    if (load((u64)&data[3][0]) != 1003)
        wrong++;
    enter(3, 4);
    look(3);
}

void test_main(void)
{
    pmp_open();
    csr_write(satp, 0xffful << 44 | 8ul << 60);
    CHECK_EQ(csr_read(satp) >> 44 & 0xfff, 0xfff);
    csr_write(satp, 0);
    for (unsigned i = 0; i < SPACES; i++)
        make(i);
    __asm__ volatile("fence.i");
    csr_write(stvec, s_entry);
    call_in(S, change_over);
    call_in(S, fences);
    call_in(S, off_and_on);
    csr_write(satp, 0);
    CHECK_EQ(wrong, 0);
    for (unsigned i = 0; i < SPACES; i++)
        CHECK_EQ(data[i][1], i);
    finish();
}

/* tests/conformance/rv64/leaves.h - a window of pages under Sv39, and what S mode meets there. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LEAVES_H
#define LEAVES_H

#include "bare.h"

#define ALL    0xcful /* V R W X A D */
#define VALID  1ul
#define WINDOW 0x40000000ul

static u64 tables[3][512] __attribute__((aligned(4096)));
static u64 probe_addr, probe_value;

static u64 pte(const void *p, u64 flags)
{
    return (u64)p >> 12 << 10 | flags;
}

static void translate(void)
{
    tables[0][0] = pte((void *)0, ALL);
    tables[0][2] = pte((void *)0x80000000ul, ALL);
    tables[0][1] = pte(tables[1], VALID);
    tables[1][0] = pte(tables[2], VALID);
    csr_write(satp, 8ul << 60 | (u64)tables[0] >> 12);
    __asm__ volatile("sfence.vma" ::: "memory");
}

static void s_load(void)
{
    probe_value = load(probe_addr);
}

/* The cause of what it meets in S mode, or 0. */
static u64 from_s(void (*what)(void), u64 addr)
{
    u64 before = s_trap.count;
    probe_addr = addr;
    __asm__ volatile("sfence.vma" ::: "memory");
    csr_write(stvec, s_entry);
    csr_write(medeleg, 0xb000);
    call_in(S, what);
    csr_write(medeleg, 0);
    return s_trap.count == before ? 0 : s_trap.cause;
}

#endif

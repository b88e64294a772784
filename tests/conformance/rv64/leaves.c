/* tests/conformance/rv64/leaves.c - what a leaf can say beyond permissions: 64 KiB at once
 * (Svnapot: Volume II, 11); and accesses that lie on two pages. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "leaves.h"

#define N (1ul << 63)

static u64 big[16][512] __attribute__((aligned(65536)));

static void s_store(void)
{
    store(probe_addr, 0x1122334455667788);
}

static void napot(void)
{
    u64 leaf = pte((char *)big + 0x8000, ALL | N);
    for (int i = 0; i < 16; i++) {
        big[i][1]    = 0x100 + i;
        tables[2][i] = leaf;
    }
    if (from_s(s_load, WINDOW + 8) == 13) {
        print("no Svnapot here\n");
        return;
    }
    for (int i = 0; i < 16; i++) {
        CHECK_EQ(from_s(s_load, WINDOW + 4096 * i + 8), 0);
        CHECK_EQ(probe_value, 0x100 + i);
    }
    CHECK_EQ(from_s(s_store, WINDOW + 4096 * 13 + 16), 0);
    CHECK_EQ(big[13][2], 0x1122334455667788);
    for (int i = 0; i < 16; i++) { /* other sizes are reserved */
        tables[2][0] = pte((char *)big + 4096 * i, ALL | N);
        CHECK_EQ(from_s(s_load, WINDOW), i == 8 ? 0 : 13);
    }
    tables[1][1] = pte((void *)0x80008000ul, ALL | N); /* only the lowest level has it */
    CHECK_EQ(from_s(s_load, WINDOW + 0x200000), 13);
    tables[1][1] = 0;
    tables[1][0] |= N;
    CHECK_EQ(from_s(s_load, WINDOW), 13);
    tables[1][0] &= ~N;
}

static void two_pages(void)
{
    u64 edge     = WINDOW + 4096;
    tables[2][0] = pte(big[5], ALL); /* neighbours that are none in memory */
    tables[2][1] = pte(big[2], ALL);
    big[5][511]  = 0x8877665544332211;
    big[2][0]    = 0xffeeddccbbaa9900;
    CHECK_EQ(from_s(s_load, edge - 3), 0);
    CHECK_EQ(probe_value, 0xccbbaa9900887766);
    CHECK_EQ(from_s(s_store, edge - 5), 0);
    CHECK_EQ(big[5][511], 0x4455667788332211);
    CHECK_EQ(big[2][0], 0xffeeddccbb112233);

    /* Whole or not at all, and the address is that of the part that cannot be. */
    tables[2][1] = 0;
    CHECK_EQ(from_s(s_load, edge - 1), 13);
    CHECK_EQ(s_trap.value, edge);
    CHECK_EQ(from_s(s_store, edge - 7), 15);
    CHECK_EQ(s_trap.value, edge);
    CHECK_EQ(big[5][511], 0x4455667788332211);
    tables[2][1] = pte(big[2], ALL & ~4ul); /* may not be written */
    CHECK_EQ(from_s(s_load, edge - 4), 0);
    CHECK_EQ(from_s(s_store, edge - 4), 15);
    CHECK_EQ(s_trap.value, edge);
    CHECK_EQ(big[5][511], 0x4455667788332211);
    tables[2][0] = 0;
    CHECK_EQ(from_s(s_load, edge - 4), 13);
    CHECK_EQ(s_trap.value, edge - 4);
}

void test_main(void)
{
    pmp_open();
    translate();
    napot();
    two_pages();
    finish();
}

/* tests/conformance/rv64/types.c - memory types in leaves (Svpbmt: Volume II, 12). QEMU 7.2 asks
 * neither menvcfg nor for the reserved type, so they stand apart. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "leaves.h"

#define PBMT(n) ((u64)(n) << 61)

static u64 page[512] __attribute__((aligned(4096)));

static void memory_types(void)
{
    u64 was = csr_read(0x30a);
    page[1] = 0x777;
    csr_write(0x30a, was & ~(1ul << 62)); /* menvcfg.PBMTE */
    for (u64 type = 0; type < 4; type++) {
        tables[2][0] = pte(page, ALL | PBMT(type));
        CHECK_EQ(from_s(s_load, WINDOW + 8), type ? 13 : 0);
    }
    csr_write(0x30a, was | 1ul << 62);
    if (!(csr_read(0x30a) >> 62 & 1)) {
        print("no Svpbmt here\n");
        return;
    }
    for (u64 type = 0; type < 4; type++) {
        tables[2][0] = pte(page, ALL | PBMT(type));
        CHECK_EQ(from_s(s_load, WINDOW + 8), type == 3 ? 13 : 0);
        CHECK(type == 3 || probe_value == 0x777);
    }
    tables[2][0] = pte(page, ALL);
    for (u64 type = 1; type < 4; type++) { /* not in what points to a table */
        tables[1][0] = pte(tables[2], VALID | PBMT(type));
        CHECK_EQ(from_s(s_load, WINDOW + 8), 13);
    }
    tables[1][0] = pte(tables[2], VALID);
    csr_write(0x30a, was);
}

void test_main(void)
{
    pmp_open();
    translate();
    memory_types();
    finish();
}

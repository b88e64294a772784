/* tests/conformance/rv64/warl.c - fields that take only what there is (Volume II, 2.3). QEMU 7.2
 * takes more in these, so they stand apart. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

void test_main(void)
{
    csr_write(medeleg, ~0ul);
    CHECK_EQ(csr_read(medeleg) >> 11 & 1, 0); /* 3.1.8: calls from M stay there */
    csr_write(medeleg, 0);

    u64 was = csr_read(mstatus);
    csr_write(mstatus, (was & ~(3ul << 11)) | 2 << 11); /* 3.1.6.1: there is no mode 2 */
    CHECK((csr_read(mstatus) >> 11 & 3) != 2);
    csr_write(mstatus, was);

    csr_write(mepc, 0x80000003); /* 3.1.14: bit 0 is zero */
    CHECK_EQ(csr_read(mepc), 0x80000002);
    csr_write(sepc, ~0ul);
    CHECK_EQ(csr_read(sepc), ~1ul);

    csr_write(pmpaddr0, ~0ul); /* 3.7.1: 54 bits */
    CHECK_EQ(csr_read(pmpaddr0), ~0ul >> 10);
    csr_write(pmpaddr0, 0);
    finish();
}

/* tests/conformance/rv64/plic.c - the interrupt controller, with the UART's transmitter as the
 * source: pending, priority, threshold, claim and complete (RISC-V PLIC specification 1.0). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

#define PLIC               0xc000000ul
#define REG(off)           (*(volatile u32 *)(PLIC + (off)))
#define PRIORITY(n)        REG(4 * (n))
#define PENDING            REG(0x1000)
#define ENABLE(context)    REG(0x2000 + 0x80 * (context))
#define THRESHOLD(context) REG(0x200000 + 0x1000 * (context))
#define CLAIM(context)     REG(0x200004 + 0x1000 * (context))
#define UART_IER           (*(volatile unsigned char *)(UART + 1))
#define UART_IIR           (*(volatile unsigned char *)(UART + 2))

enum { UART_IRQ = 10, M0 = 0, S0 = 1 };

static u64 meip(void)
{
    for (volatile int i = 0; i < 1000; i++) {
    }
    return csr_read(mip) >> 11 & 1;
}

void test_main(void)
{
    PRIORITY(UART_IRQ) = 0;
    ENABLE(M0) = ENABLE(S0) = 0;
    THRESHOLD(M0)           = 0;
    CHECK_EQ(CLAIM(M0), 0);
    UART_IER = 2; /* transmitter empty: the line is up at once */
    CHECK_EQ(PENDING >> UART_IRQ & 1, 1);
    CHECK_EQ(meip(), 0);
    ENABLE(M0) = 1 << UART_IRQ;
    CHECK_EQ(meip(), 0); /* priority 0 never interrupts */
    PRIORITY(UART_IRQ) = 3;
    CHECK_EQ(meip(), 1);
    THRESHOLD(M0) = 3;
    CHECK_EQ(meip(), 0); /* not above the threshold */
    THRESHOLD(M0) = 2;
    CHECK_EQ(meip(), 1);
    CHECK_EQ(csr_read(mip) >> 9 & 1, 0); /* not for S: another context */
    CHECK_EQ(CLAIM(M0), UART_IRQ);
    CHECK_EQ(meip(), 0);
    CHECK_EQ(PENDING >> UART_IRQ & 1, 0);
    CHECK_EQ(CLAIM(M0), 0);
    UART_IER  = 0; /* the cause goes away, then it is completed */
    CLAIM(M0) = UART_IRQ;
    CHECK_EQ(meip(), 0);
    ENABLE(M0) = 0;
    ENABLE(S0) = 1 << UART_IRQ;
    UART_IER   = 2;
    for (volatile int i = 0; i < 1000; i++) {
    }
    CHECK_EQ(csr_read(mip) >> 9 & 1, 1); /* SEIP now */
    CHECK_EQ(meip(), 0);
    CHECK_EQ(CLAIM(S0), UART_IRQ);
    UART_IER  = 0;
    CLAIM(S0) = UART_IRQ;
    CHECK_EQ(csr_read(mip) >> 9 & 1, 0);
    finish();
}

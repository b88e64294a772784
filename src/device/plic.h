/* device/plic.h - the platform-level interrupt controller of RISC-V boards. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_PLIC_H
#define DEVICE_PLIC_H

#include "memory/bus.h"

struct vcpu;

enum { PLIC_SOURCES = 96, PLIC_LENGTH = 0x600000 };

/* Two contexts a hart: M, then S. LINES are the hart's interrupt lines for them. */
int plic_create(struct device **out, struct vcpu **harts, unsigned n_harts, unsigned m_line,
                unsigned s_line, struct err *err);

struct irq plic_irq(struct device *plic, unsigned source); /* 1 .. PLIC_SOURCES - 1 */

/* Phandles of each hart's own interrupt controller, for the device tree; before describe. */
void plic_set_parents(struct device *plic, const u32 *phandles);

#endif

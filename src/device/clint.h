/* device/clint.h - timer and software interrupts of M mode: a SiFive CLINT, which is also an
 * ACLINT's MSWI and MTIMER laid side by side. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_CLINT_H
#define DEVICE_CLINT_H

#include "memory/bus.h"

struct vcpu;
struct clock;

enum { CLINT_LENGTH = 0x10000 };

struct clint_config {
    struct vcpu **harts;
    unsigned      n_harts, soft_line, timer_line;
    struct clock *clock;
    u32           hz; /* of mtime; divides 10^9 */
};

int clint_create(struct device **out, const struct clint_config *, struct err *err);

void clint_set_parents(struct device *clint, const u32 *phandles); /* as plic_set_parents */

#endif

/* device/finisher.h - the board's power switch: SiFive's test finisher. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_FINISHER_H
#define DEVICE_FINISHER_H

#include "memory/bus.h"

struct finisher_ops {
    void (*off)(void *ctx, int status); /* on a hart's thread, the device's lock held */
    void (*reset)(void *ctx);
    void *ctx;
};

int finisher_create(struct device **out, const struct finisher_ops *, struct err *err);

#endif

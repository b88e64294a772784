/* device/rtc.h - a real-time clock: the Goldfish one, which tells nanoseconds since 1970. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_RTC_H
#define DEVICE_RTC_H

#include "memory/bus.h"

struct clock;

int rtc_create(struct device **out, struct clock *, const struct irq *, struct err *err);

#endif

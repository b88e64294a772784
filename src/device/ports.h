/* device/ports.h - what answers at an x86 computer's legacy ports, each right about being there
 * or not: a wrong answer costs a kernel tens of thousands of tries. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_PORTS_H
#define DEVICE_PORTS_H

#include "device/finisher.h"
#include "memory/bus.h"

struct clock;

/* The clock chip: an index port and a data port. Time of day in BCD, never in an update. */
enum { CMOS_PORTS = 2 };
int cmos_create(struct device **out, struct clock *, struct err *err);

/* The keyboard controller of a computer without keyboard: status and, by command 0xfe, reset. */
enum { I8042_PORTS = 5 };
int i8042_create(struct device **out, const struct finisher_ops *, struct err *err);

/* Sleep control, sleep status and reset register of a hardware-reduced ACPI platform. */
enum { POWER_SLEEP_CONTROL, POWER_SLEEP_STATUS, POWER_RESET, POWER_PORTS = 4 };
enum { POWER_OFF_TYPE = 5, POWER_RESET_VALUE = 1 };
int power_create(struct device **out, const struct finisher_ops *, struct err *err);

/* A program of one's own ends the machine by a write: the value is its status. */
enum { EXIT_PORTS = 4 };
int exit_port_create(struct device **out, const struct finisher_ops *, struct err *err);

#endif

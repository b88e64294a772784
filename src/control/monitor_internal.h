/* control/monitor_internal.h - between spawn.c, which makes the process, and monitor.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_MONITOR_INTERNAL_H
#define CONTROL_MONITOR_INTERNAL_H

#include "control/choose.h"
#include "control/monitor.h"

typedef void monitor_ready_fn(void *ctx, int rc, const struct err *err);

/* The whole life of the process: returns its exit status. READY is called once. */
int monitor_main(struct monitor *, const struct kind *const *kinds, const char *snapshot,
                 monitor_ready_fn *ready, void *ctx);

#endif

/* container/schedule.h - scheduler, I/O priority and processors of a process. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_SCHEDULE_H
#define CONTAINER_SCHEDULE_H

#include "container/config.h"

int schedule_apply(const struct config_process *, struct err *err);
int schedule_check(const struct config_process *, struct err *err); /* the words are known */

/* "0-3,7": execCPUAffinity. */
int schedule_affinity(const char *list, struct err *err);

#endif

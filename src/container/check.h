/* container/check.h - a bundle makes sense: asked before anything is made of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_CHECK_H
#define CONTAINER_CHECK_H

#include "container/config.h"

int config_check(const struct config *, struct err *err);
int config_process_check(const struct config_process *, struct err *err);

int rlimit_number(const char *name); /* -1: there is none */

#endif

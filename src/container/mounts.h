/* container/mounts.h - the bundle's mounts, one by one. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_MOUNTS_H
#define CONTAINER_MOUNTS_H

#include "container/box.h"

/* Mounts M inside the root. MADE: a detached mount that the runtime has prepared, or -1. */
int mounts_one(struct box *, const struct config_mount *m, int made, struct err *err);

/* The runtime's part: what the process has no right to do, in a user namespace or with ids
 * mapped. *out is -1 when there is nothing to prepare. */
int mounts_prepare(const struct box *, const struct config_mount *m, int *out, struct err *err);

/* Options of every mount make sense: asked before anything is made. */
int mounts_check(const struct config *, struct err *err);

#endif

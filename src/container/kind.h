/* container/kind.h - the kind `container`: a root folder or an OCI bundle, isolated. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_KIND_H
#define CONTAINER_KIND_H

#include "vm/kind.h"

extern const struct kind container_kind;

/* A program of ours: beside this one, or found by PATH. The caller frees. */
char *container_helper(const char *name);

/* What a monitor that was killed has left of the container of the instance ID in DIR. */
void container_sweep(const char *dir, const char *id);

/* Where the runtime keeps the state of the instance in DIR; the caller frees. */
char *container_states(const char *dir);

#endif

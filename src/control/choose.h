/* control/choose.h - which kind takes a workload: each is asked, the highest score wins. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CHOOSE_H
#define CONTROL_CHOOSE_H

#include "vm/kind.h"

#define CHOICES_MAX 16

struct choice {
    const struct kind *kind;
    struct probe       probe;
};

const struct kind *kind_find(const struct kind *const *kinds, const char *name);

/* Every kind's answer, the best first. Returns how many. */
unsigned choose_all(const struct kind *const *kinds, const struct spec *, struct choice *out);

/* The one to take; spec->kind and spec->engine force. -ENOENT: there is no such workload,
 * -ENOEXEC: it is there but nobody takes it, -EINVAL: a kind or engine that does not exist. */
int choose(const struct kind *const *kinds, const struct spec *, struct choice *out,
           struct err *err);

/* -EINVAL: the kind has no engine of this name; NULL is fine. */
int check_engine(const struct kind *, const char *name, struct err *err);

#endif

/* isolation/caps.h - Linux capabilities: names and sets. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ISOLATION_CAPS_H
#define ISOLATION_CAPS_H

#include "base/err.h"

struct caps {
    u64 bounding, effective, inheritable, permitted, ambient;
};

/* "CAP_CHOWN", "chown" in any case; -1: there is none. */
int         cap_number(const char *name);
const char *cap_name(unsigned number); /* "CAP_CHOWN"; NULL: past the last */

/* A set from a NULL-terminated list. Names that guise does not know are put into *unknown (the
 * first of them) and skipped; a NULL list is the empty set. */
u64 caps_set(char *const *names, const char **unknown);

/* In two steps, around the change of user: what the kernel has not, is left out. */
int caps_bound(const struct caps *, struct err *err);
int caps_apply(const struct caps *, struct err *err);

#endif

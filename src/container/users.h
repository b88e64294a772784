/* container/users.h - users by the names that a root's own /etc/passwd gives them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_USERS_H
#define CONTAINER_USERS_H

#include "base/err.h"

#define USER_GROUPS_MAX 64

struct user {
    u32      uid, gid, groups[USER_GROUPS_MAX]; /* additional groups */
    unsigned n_groups;
};

/* TEXT is USER[:GROUP], names or numbers; files are looked for inside ROOT. */
int users_find(const char *root, const char *text, struct user *out, struct err *err);

#endif

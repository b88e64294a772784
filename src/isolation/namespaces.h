/* isolation/namespaces.h - the kinds of Linux namespaces: names, flags, files. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ISOLATION_NAMESPACES_H
#define ISOLATION_NAMESPACES_H

#include "base/err.h"

struct namespace_row {
    const char *name; /* in a bundle: "mount" */
    const char *file; /* below /proc/PID/ns: "mnt" */
    u64         flag; /* CLONE_NEW* */
};

/* In the order in which they are joined: the user's first, for its rights; the mounts' last. */
#define NAMESPACES 8
enum { JOINED_USER = 0, JOINED_PID = 5, JOINED_MOUNT = NAMESPACES - 1 }; /* rows by name */
extern const struct namespace_row namespaces[NAMESPACES];

const struct namespace_row *namespace_find(const char *name); /* NULL: there is none */

/* Opens PATH and asks the kernel whether it is a namespace of this kind. Returns a descriptor. */
int namespace_open(const struct namespace_row *, const char *path, struct err *err);

#endif

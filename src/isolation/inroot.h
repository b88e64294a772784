/* isolation/inroot.h - paths inside somebody else's root.
 *
 * A path is resolved once, by the kernel, against a descriptor of the root (openat2 with
 * RESOLVE_IN_ROOT): links and ".." cannot lead out of it, nor can somebody who swaps them
 * meanwhile. What comes back is a descriptor; the string is not walked again. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ISOLATION_INROOT_H
#define ISOLATION_INROOT_H

#include <sys/types.h>

#include "base/err.h"

/* Returns a descriptor (close-on-exec), or -errno. */
int inroot_open(int root_fd, const char *path, int flags, mode_t mode);

/* The folder or the empty file at PATH, made with all that leads to it when it is not there;
 * *fd is an O_PATH descriptor. A link that leads nowhere is followed, inside the root. */
int inroot_folder(int root_fd, const char *path, mode_t mode, int *fd, struct err *err);
int inroot_file(int root_fd, const char *path, mode_t mode, int *fd, struct err *err);

/* The folder that holds PATH's last word, made when it is not there; *name points into PATH. */
int inroot_parent(int root_fd, const char *path, int *fd, const char **name, struct err *err);

#endif

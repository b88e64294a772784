/* isolation/mount.h - mounts by descriptors: made detached, then put in their place.
 *
 * The new mount API throughout (Linux 5.12): a mount has its attributes before anybody can see
 * it, and its place is a descriptor, so no path is walked twice. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ISOLATION_MOUNT_H
#define ISOLATION_MOUNT_H

#include "base/err.h"

#define MOUNT_DATA_MAX 132
#define MOUNT_SLAVE    (1u << 19) /* MS_SLAVE, of sys/mount.h */

/* What a list of options comes to (mount(8), OCI runtime specification "Linux mount options"). */
struct mount_options {
    u64         set, clear;         /* MOUNT_ATTR_* of this mount */
    u64         set_all, clear_all; /* of it and all below: "rro", ... */
    u64         propagation;        /* MS_PRIVATE ...; 0: as it comes */
    bool        propagation_all;    /* "rprivate", ... */
    bool        bind, recursive, idmap, idmap_all, copy_up, read_only_fs, remount;
    const char *data[MOUNT_DATA_MAX]; /* what is for the file system, in order */
    unsigned    n_data;
};

int mount_parse(char *const *options, struct mount_options *out, struct err *err);

/* All words that mount_parse knows, one by one; NULL: past the last. */
const char *mount_option_name(unsigned index);

/* Both return a descriptor of a detached mount, or -errno. */
int mount_new(const char *type, const char *source, const struct mount_options *, struct err *err);
int mount_clone(int dir_fd, const char *path, bool recursive); /* "" is DIR_FD itself */

/* Attributes, then propagation, as the options say. */
int mount_dress(int mount_fd, const struct mount_options *, struct err *err);
int mount_dress_new(int mount_fd, const struct mount_options *, struct err *err); /* of mount_new */
int mount_attr(int mount_fd, u64 set, u64 clear, u64 propagation, bool recursive);
int mount_idmap(int mount_fd, int userns_fd, bool recursive);
int mount_attach(int mount_fd, int target_fd);

#endif

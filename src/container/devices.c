/* container/devices.c - what is in the container's /dev: nodes and links. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/box.h"
#include "isolation/inroot.h"
#include "isolation/mount.h"

/* OCI runtime specification, "Default Devices". */
static const struct {
    const char *name;
    unsigned    major, minor;
} defaults[] = {
    {"null", 1, 3}, {"zero", 1, 5},   {"full", 1, 7},
    {"tty", 5, 0},  {"random", 1, 8}, {"urandom", 1, 9},
};

static const struct {
    const char *name, *target;
} links[] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},      {"ptmx", "pts/ptmx"},
};

/* Where nodes cannot be made (a user namespace), the host's are bound over empty files. */
static int bind_node(int dir_fd, const char *name, const char *host, struct err *err)
{
    cleanup_fd int file = openat(dir_fd, name, O_CREAT | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0666);
    cleanup_fd int node = mount_clone(AT_FDCWD, host, false);
    int            rc   = file < 0 ? -errno : node < 0 ? node : mount_attach(node, file);
    return rc ? err_errno(err, -rc, "bind device '%s'", host) : 0;
}

static int make_node(struct box *b, int dir_fd, const char *name, const char *host, mode_t mode,
                     dev_t number, struct err *err)
{
    struct stat st;
    if (!b->in_userns && mknodat(dir_fd, name, mode, number) == 0)
        return 0;
    if (!b->in_userns && errno == EEXIST) {
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            (st.st_mode & S_IFMT) == (mode & S_IFMT) && st.st_rdev == number)
            return 0;
        return err_set(err, EEXIST, "device '%s' exists and is something else", host);
    }
    if (!b->in_userns && errno != EPERM)
        return err_errno(err, errno, "make device '%s'", host);
    return bind_node(dir_fd, name, host, err);
}

static int make_defaults(struct box *b, int dev_fd, struct err *err)
{
    char path[32];
    int  rc = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(defaults) && !rc; i++) {
        snprintf(path, sizeof(path), "/dev/%s", defaults[i].name);
        rc = make_node(b, dev_fd, defaults[i].name, path, S_IFCHR | 0666,
                       makedev(defaults[i].major, defaults[i].minor), err);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(links) && !rc; i++)
        if (symlinkat(links[i].target, dev_fd, links[i].name) < 0 && errno != EEXIST)
            rc = err_errno(err, errno, "make link '/dev/%s'", links[i].name);
    return rc;
}

static int type_of(const struct config_device *d, mode_t *out, struct err *err)
{
    static const struct {
        const char *name;
        mode_t      mode;
    } types[] = {{"c", S_IFCHR}, {"u", S_IFCHR}, {"b", S_IFBLK}, {"p", S_IFIFO}};
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        if (strcmp(types[i].name, d->type) == 0) {
            *out = types[i].mode;
            return 0;
        }
    }
    return err_set(err, EINVAL, "device '%s': type '%s' is not c, b, u or p", d->path, d->type);
}

static int make_own(struct box *b, const struct config_device *d, struct err *err)
{
    cleanup_fd int dir = -1;
    char           path[PATH_MAX];
    const char    *name;
    mode_t         type = 0;
    mode_t         bits = d->mode.set ? (mode_t)d->mode.v & 07777 : 0666;
    int            rc   = type_of(d, &type, err);
    snprintf(path, sizeof(path), "%s", d->path);
    for (size_t len = strlen(path); len > 1 && path[len - 1] == '/';)
        path[--len] = 0;
    if (!rc)
        rc = inroot_parent(b->root_fd, path, &dir, &name, err);
    if (!rc)
        rc = make_node(b, dir, name, d->path, type | bits,
                       makedev((unsigned)d->major, (unsigned)d->minor), err);
    if (rc || b->in_userns)
        return rc;
    uid_t uid = d->uid.set ? (uid_t)d->uid.v : 0;
    gid_t gid = d->gid.set ? (gid_t)d->gid.v : 0;
    if ((uid || gid) && fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        return err_errno(err, errno, "give device '%s' its owner", d->path);
    return 0;
}

int devices_make(struct box *b, int dev_fd, struct err *err)
{
    int    rc     = 0;
    mode_t umask_ = umask(0);
    for (unsigned i = 0; i < b->config->os.n_devices && !rc; i++)
        rc = make_own(b, &b->config->os.devices[i], err);
    if (!rc)
        rc = make_defaults(b, dev_fd, err);
    umask(umask_);
    return rc;
}

/* container/rootfs.c - the container's root: mounted, entered, made as narrow as asked.
 *
 * Runs in the new mount namespace, before any of the container's programs. Every place in the
 * root is a descriptor from isolation/inroot.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/box.h"
#include "container/mounts.h"
#include "isolation/inroot.h"
#include "isolation/mount.h"
#include "isolation/procfs.h"

enum {
    SPREAD_UNBINDABLE = 1 << 17,
    SPREAD_PRIVATE    = 1 << 18,
    SPREAD_SLAVE      = 1 << 19,
    SPREAD_SHARED     = 1 << 20,
    DETACH            = 2
};

/* rootfsPropagation: how mounts on the host are seen meanwhile, and what the root is in the end. */
static const struct {
    const char *name;
    u64         host, root;
    bool        recursive;
} spreads[] = {
    {"private", SPREAD_PRIVATE, SPREAD_PRIVATE, false},
    {"rprivate", SPREAD_PRIVATE, SPREAD_PRIVATE, true},
    {"slave", SPREAD_SLAVE, 0, false},
    {"rslave", SPREAD_SLAVE, 0, true},
    {"shared", SPREAD_SLAVE, SPREAD_SHARED, false},
    {"rshared", SPREAD_SLAVE, SPREAD_SHARED, true},
    {"unbindable", SPREAD_PRIVATE, SPREAD_UNBINDABLE, false},
    {"runbindable", SPREAD_PRIVATE, SPREAD_UNBINDABLE, true},
};

static int find_spread(const struct box *b, unsigned *out, struct err *err)
{
    const char *name = b->config->os.propagation;
    *out             = 1;
    for (unsigned i = 0; name && name[0] && i <= ARRAY_SIZE(spreads); i++) {
        if (i == ARRAY_SIZE(spreads))
            return err_set(err, EINVAL, "rootfsPropagation '%s' is not known", name);
        *out = i;
        if (strcmp(spreads[i].name, name) == 0)
            break;
    }
    return 0;
}

static bool own_mounts(const struct box *b)
{
    return config_namespace(b->config, "mount");
}

/* The root becomes a mount of its own, on top of where it is: pivot_root wants that. */
static int mount_root(struct box *b, struct err *err)
{
    unsigned spread;
    int      rc = find_spread(b, &spread, err);
    if (rc || !own_mounts(b)) {
        b->root_fd = b->root_source;
        return rc;
    }
    cleanup_fd int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    rc                 = mount_attr(top, 0, 0, spreads[spread].host, true);
    if (rc)
        return err_errno(err, -rc, "set the propagation of /");
    int fd = mount_clone(b->root_source, "", true);
    if (fd < 0)
        return err_errno(err, -fd, "clone the root");
    b->root_fd = fd;
    rc         = mount_attach(fd, b->root_source);
    return rc ? err_errno(err, -rc, "mount the root") : 0;
}

/* ---- /dev ---- */

static bool dev_is_bound(const struct box *b)
{
    for (unsigned i = 0; i < b->config->n_mounts; i++) {
        const struct config_mount *m = &b->config->mounts[i];
        size_t                     n = strspn(m->destination, "/");
        if (strcmp(m->destination + n, "dev") != 0 && strcmp(m->destination + n, "dev/") != 0)
            continue;
        for (char *const *o = m->options; o && *o; o++)
            if (strcmp(*o, "bind") == 0 || strcmp(*o, "rbind") == 0)
                return true;
    }
    return false;
}

/* The host's, before it is out of sight: a container's own might be anything. */
static int keep_null(struct box *b, struct err *err)
{
    struct stat st;
    if (b->null_fd >= 0)
        close(b->null_fd);
    b->null_fd = mount_clone(AT_FDCWD, "/dev/null", false);
    if (b->null_fd < 0)
        return err_errno(err, -b->null_fd, "open /dev/null");
    if (fstat(b->null_fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return err_set(err, EINVAL, "/dev/null of the host is not the null device");
    return 0;
}

int rootfs_mount(struct box *b, struct err *err)
{
    cleanup_fd int dev = -1;
    int            rc  = mount_root(b, err);
    if (!rc && own_mounts(b))
        rc = keep_null(b, err);
    for (unsigned i = 0; i < b->config->n_mounts && !rc; i++) {
        const struct config_mount *m = &b->config->mounts[i];
        rc                           = mounts_one(b, m, b->mount_fds ? b->mount_fds[i] : -1, err);
        if (rc)
            err_wrap(err, "mount '%s' at '%s'", m->source ? m->source : m->type, m->destination);
    }
    if (rc || dev_is_bound(b))
        return rc;
    rc = inroot_folder(b->root_fd, "dev", 0755, &dev, err);
    return rc ? rc : devices_make(b, dev, err);
}

/* ---- entering ---- */

static int pivot(int root_fd)
{
    if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        return -errno;
    /* The old root now lies over the new: the working folder is the old one's. */
    if (syscall(SYS_umount2, ".", DETACH) < 0 || chdir("/") < 0)
        return -errno;
    return 0;
}

/* --no-pivot: for roots that cannot be pivoted (an initramfs). */
static int move_root(int root_fd)
{
    cleanup_fd int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int            rc  = fchdir(root_fd) < 0 ? -errno : mount_attach(root_fd, top);
    if (!rc && (chroot(".") < 0 || chdir("/") < 0))
        rc = -errno;
    return rc;
}

int rootfs_enter(struct box *b, struct err *err)
{
    int rc;
    if (!own_mounts(b))
        rc = fchdir(b->root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0 ? -errno : 0;
    else
        rc = b->no_pivot ? move_root(b->root_fd) : pivot(b->root_fd);
    return rc ? err_errno(err, -rc, "enter the root") : 0;
}

/* ---- narrowing ---- */

static bool not_there(int rc)
{
    return rc == -ENOENT || rc == -ENOTDIR;
}

static int make_readonly(struct box *b, const char *path, struct err *err)
{
    cleanup_fd int at = inroot_open(b->root_fd, path, O_PATH, 0);
    if (not_there(at))
        return 0;
    cleanup_fd int clone = at < 0 ? at : mount_clone(at, "", true);
    int            rc    = clone < 0 ? clone : mount_attr(clone, MOUNT_ATTR_RDONLY, 0, 0, true);
    if (!rc)
        rc = mount_attach(clone, at);
    return rc ? err_errno(err, -rc, "make '%s' read-only", path) : 0;
}

/* What covers files (/dev/null of the host) and folders (an empty one): each is a detached mount
 * until it has its first place, then it is cloned from there. */
struct covers {
    int  folder;
    bool folder_used, file_used;
};

static int make_empty(struct err *err)
{
    struct mount_options o = {.set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                     MOUNT_ATTR_NOEXEC,
                              .data   = {"size=4k", "nr_inodes=2", "mode=755"},
                              .n_data = 3};
    return mount_new("tmpfs", "tmpfs", &o, err);
}

static int cover(struct box *b, int at, bool folder, struct covers *c, struct err *err)
{
    if (folder && c->folder < 0) {
        int fd = make_empty(err);
        if (fd < 0)
            return fd;
        c->folder = fd;
    }
    int   source = folder ? c->folder : b->null_fd;
    bool *used   = folder ? &c->folder_used : &c->file_used;
    if (!*used) {
        int rc = mount_attach(source, at);
        *used  = rc == 0;
        return rc ? err_errno(err, -rc, "mount") : 0;
    }
    cleanup_fd int clone = mount_clone(source, "", false);
    int            rc    = clone < 0 ? clone : mount_attach(clone, at);
    return rc ? err_errno(err, -rc, "mount") : 0;
}

static int mask(struct box *b, const char *path, struct covers *covers, struct err *err)
{
    struct stat    st;
    cleanup_fd int at = inroot_open(b->root_fd, path, O_PATH, 0);
    if (not_there(at) || at == -EACCES)
        return 0;
    if (at < 0 || fstat(at, &st) < 0)
        return err_errno(err, at < 0 ? -at : errno, "mask '%s'", path);
    int rc = cover(b, at, S_ISDIR(st.st_mode), covers, err);
    return rc ? err_wrap(err, "mask '%s'", path) : 0;
}

static int readonly_root(struct box *b, struct err *err)
{
    int rc = mount_attr(b->root_fd, MOUNT_ATTR_RDONLY, 0, 0, false);
    return rc ? err_errno(err, -rc, "make the root read-only") : 0;
}

int rootfs_finish(struct box *b, struct err *err)
{
    const struct config_linux *l      = &b->config->os;
    struct covers              covers = {.folder = -1};
    unsigned                   spread = 0;
    int                        rc     = 0;
    if (!own_mounts(b))
        return 0;
    for (char *const *p = l->readonly; p && *p && !rc; p++)
        rc = make_readonly(b, *p, err);
    for (char *const *p = l->masked; p && *p && !rc; p++)
        rc = mask(b, *p, &covers, err);
    if (covers.folder >= 0)
        close(covers.folder);
    if (!rc && b->config->root.readonly)
        rc = readonly_root(b, err);
    if (!rc && l->propagation)
        rc = find_spread(b, &spread, err);
    if (!rc && l->propagation && spreads[spread].root) {
        rc = mount_attr(b->root_fd, 0, 0, spreads[spread].root, spreads[spread].recursive);
        rc = rc ? err_errno(err, -rc, "set the propagation of the root") : 0;
    }
    return rc;
}

/* container/mounts.c - see mounts.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/mounts.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "isolation/ids.h"
#include "isolation/inroot.h"
#include "isolation/mount.h"

static bool is_bind(const struct config_mount *m, const struct mount_options *o)
{
    return o->bind || (m->type && strcmp(m->type, "bind") == 0);
}

/* ---- over /proc ---- */

/* Below /proc only these may be covered: programs that show a container its own limits do. */
static const char *const proc_files[] = {
    "cpuinfo",
    "diskstats",
    "meminfo",
    "stat",
    "swaps",
    "uptime",
    "loadavg",
    "slabinfo",
    "net/dev",
    "sys/kernel/ns_last_pid",
    "sys/crypto/fips_enabled",
};

static bool is_on(int fd, long magic)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type == magic;
}

/* Where TARGET is, as seen from the root: what the kernel says, after all links. */
static int place_of(const struct box *b, int target_fd, char *out, size_t room)
{
    char    file[32], root[PATH_MAX], path[PATH_MAX];
    ssize_t n, m;
    snprintf(file, sizeof(file), "self/fd/%d", b->root_fd);
    n = readlinkat(b->proc_fd, file, root, sizeof(root) - 1);
    snprintf(file, sizeof(file), "self/fd/%d", target_fd);
    m = readlinkat(b->proc_fd, file, path, sizeof(path) - 1);
    if (n < 0 || m < 0)
        return -errno;
    path[m]     = 0;
    size_t skip = n == 1 ? 0 : (size_t)n;
    snprintf(out, room, "%s", (size_t)m >= skip ? path + skip : path);
    return 0;
}

static int check_proc(const struct box *b, const struct config_mount *m, int target_fd,
                      int mount_fd, struct err *err)
{
    char path[PATH_MAX];
    /* Without the word, only a link can lead there: into a procfs that is already mounted. */
    bool inside = is_on(target_fd, PROC_SUPER_MAGIC);
    if (!inside && (is_on(mount_fd, PROC_SUPER_MAGIC) || !strstr(m->destination, "proc")))
        return 0;
    int rc = place_of(b, target_fd, path, sizeof(path));
    if (rc)
        return err_errno(err, -rc, "ask where the mount goes");
    if (strncmp(path, "/proc", 5) != 0 || (path[5] && path[5] != '/'))
        return 0;
    if (!path[5])
        return is_on(mount_fd, PROC_SUPER_MAGIC)
                   ? 0
                   : err_set(err, EPERM, "only procfs may be mounted at /proc");
    for (unsigned i = 0; i < ARRAY_SIZE(proc_files); i++)
        if (strcmp(path + 6, proc_files[i]) == 0)
            return 0;
    return err_set(err, EPERM, "'%s' is inside /proc", path);
}

/* ---- attaching ---- */

static bool is_folder(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static int attach(struct box *b, const struct config_mount *m, int mount_fd, struct err *err)
{
    cleanup_fd int target = -1;
    int            rc;
    if (is_folder(mount_fd))
        rc = inroot_folder(b->root_fd, m->destination, 0755, &target, err);
    else
        rc = inroot_file(b->root_fd, m->destination, 0644, &target, err);
    if (!rc)
        rc = check_proc(b, m, target, mount_fd, err);
    if (rc)
        return rc;
    rc = mount_attach(mount_fd, target);
    return rc ? err_errno(err, -rc, "attach the mount") : 0;
}

/* ---- binds ---- */

/* A link in the host's source is the host's own: it is followed. */
static int clone_source(const struct box *b, const char *source, bool recursive, struct err *err)
{
    cleanup_free char *path =
        source && source[0] == '/' ? xstrdup(source) : xasprintf("%s/%s", b->bundle, source);
    int fd = mount_clone(AT_FDCWD, path, recursive);
    return fd < 0 ? err_errno(err, -fd, "open '%s'", path) : fd;
}

/* What the host has locked (in a user namespace) stays as it is: only narrowing is tried then. */
static int dress_bind(int fd, const struct mount_options *o, struct err *err)
{
    int rc = mount_dress(fd, o, err);
    if (rc != -EPERM || !o->clear)
        return rc;
    struct mount_options narrow = *o;
    narrow.clear                = 0;
    narrow.set &= ~(u64)MOUNT_ATTR__ATIME;
    return mount_dress(fd, &narrow, err);
}

static int mount_bind(struct box *b, const struct config_mount *m, const struct mount_options *o,
                      int made, struct err *err)
{
    bool           recursive = o->recursive || !o->bind;
    cleanup_fd int own       = made < 0 ? clone_source(b, m->source, recursive, err) : -1;
    int            fd        = made < 0 ? own : made;
    int            rc        = fd < 0 ? fd : dress_bind(fd, o, err);
    return rc ? rc : attach(b, m, fd, err);
}

static int bind_instead(struct box *b, const struct config_mount *m, const struct mount_options *o,
                        const char *source, struct err *err)
{
    cleanup_fd int       fd    = mount_clone(AT_FDCWD, source, true);
    struct mount_options plain = *o;
    plain.n_data               = 0;
    int rc                     = fd < 0 ? err_errno(err, -fd, "open '%s'", source) : 0;
    if (!rc)
        rc = dress_bind(fd, &plain, err);
    return rc ? rc : attach(b, m, fd, err);
}

/* ---- tmpfs with what was there ---- */

static int copy_tree(int from, int to, unsigned depth);

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    cleanup_fd int in  = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_fd int out = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (in < 0 || out < 0)
        return -errno;
    ssize_t n;
    while ((n = copy_file_range(in, NULL, out, NULL, MiB(1), 0)) > 0)
        continue;
    if (n < 0 && errno != EXDEV && errno != EINVAL)
        return -errno;
    char buffer[8192];
    while (n < 0 && (n = read(in, buffer, sizeof(buffer))) > 0)
        n = write(out, buffer, (size_t)n) == n ? -1 : -2;
    if (fchown(out, st->st_uid, st->st_gid) < 0 || fchmod(out, st->st_mode & 07777) < 0)
        return -errno;
    return 0;
}

static int copy_entry(int from, int to, const char *name, unsigned depth)
{
    struct stat st;
    char        target[PATH_MAX];
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);
        if (n < 0)
            return -errno;
        target[n] = 0;
        if (symlinkat(target, to, name) < 0)
            return -errno;
        return fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
    }
    if (S_ISREG(st.st_mode))
        return copy_file(from, to, name, &st);
    if (!S_ISDIR(st.st_mode))
        return 0;
    if (mkdirat(to, name, 0700) < 0)
        return -errno;
    cleanup_fd int in  = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_fd int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int            rc  = in < 0 || out < 0 ? -errno : copy_tree(in, out, depth + 1);
    if (!rc && (fchown(out, st.st_uid, st.st_gid) < 0 || fchmod(out, st.st_mode & 07777) < 0))
        rc = -errno;
    return rc;
}

static int copy_tree(int from, int to, unsigned depth)
{
    int  rc    = 0;
    int  again = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d     = again < 0 ? NULL : fdopendir(again);
    if (!d || depth > 64)
        return d ? (closedir(d), -ELOOP) : -errno;
    for (struct dirent *e; !rc && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            rc = copy_entry(from, to, e->d_name, depth);
    closedir(d);
    return rc;
}

static int copy_up(struct box *b, const struct config_mount *m, int mount_fd, struct err *err)
{
    cleanup_fd int from = inroot_open(b->root_fd, m->destination, O_RDONLY | O_DIRECTORY, 0);
    cleanup_fd int to   = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat    st;
    if (from < 0)
        return from == -ENOENT ? 0 : err_errno(err, -from, "open '%s'", m->destination);
    int rc = to < 0 ? -errno : copy_tree(from, to, 0);
    if (!rc && (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
                fchmod(to, st.st_mode & 07777) < 0))
        rc = -errno;
    return rc ? err_errno(err, -rc, "copy up '%s'", m->destination) : 0;
}

static int mount_tmpfs(struct box *b, const struct config_mount *m, const struct mount_options *o,
                       struct err *err)
{
    struct mount_options late = *o;
    late.set &= ~(u64)(o->copy_up ? MOUNT_ATTR_RDONLY : 0);
    cleanup_fd int fd = mount_new("tmpfs", m->source, &late, err);
    int            rc = fd < 0 ? fd : 0;
    if (!rc && o->copy_up)
        rc = copy_up(b, m, fd, err);
    if (!rc)
        rc = o->copy_up ? mount_dress(fd, o, err) : mount_dress_new(fd, o, err);
    return rc ? rc : attach(b, m, fd, err);
}

/* ---- cgroups ---- */

static bool own_cgroup_ns(const struct box *b)
{
    return config_namespace(b->config, "cgroup");
}

static int mount_cgroup_v2(struct box *b, const struct config_mount *m,
                           const struct mount_options *o, struct err *err)
{
    cleanup_fd int fd = own_cgroup_ns(b) ? mount_new("cgroup2", "cgroup", o, err) : -EPERM;
    int            rc = fd < 0 ? fd : mount_dress(fd, o, err);
    if (!rc)
        return attach(b, m, fd, err);
    if (rc != -EPERM && rc != -EBUSY)
        return rc;
    return bind_instead(
        b, m, o, own_cgroup_ns(b) || !b->cgroup.n ? CGROUP_ROOT : b->cgroup.places[0].path, err);
}

/* One hierarchy below the tmpfs at TOP: mounted in a cgroup namespace, else the group bound. */
static int mount_hierarchy(struct box *b, int top, const struct cgroup_place *p,
                           const struct mount_options *o, struct err *err)
{
    struct mount_options own    = *o;
    bool                 named  = strncmp(p->controllers, "name=", 5) == 0;
    const char          *folder = named ? p->controllers + 5 : p->controllers;
    cleanup_free char   *words  = xstrdup(p->controllers);
    char                *rest   = words;
    own.n_data                  = 0;
    if (named)
        own.data[own.n_data++] = "none";
    for (char *word; (word = strsep(&rest, ","));)
        own.data[own.n_data++] = word;
    cleanup_fd int fd = own_cgroup_ns(b) ? mount_new("cgroup", "cgroup", &own, err)
                                         : mount_clone(AT_FDCWD, p->path, false);
    if (fd < 0)
        return err_wrap(err, "cgroup '%s'", p->controllers);
    own.n_data = 0;
    int rc     = own_cgroup_ns(b) ? mount_dress_new(fd, &own, err) : mount_dress(fd, &own, err);
    cleanup_fd int at = -1;
    if (!rc)
        rc = inroot_folder(top, folder, 0755, &at, err);
    if (!rc && (rc = mount_attach(fd, at)))
        rc = err_errno(err, -rc, "attach cgroup '%s'", folder);
    rest = words;
    for (char *word = words; !rc && strchr(p->controllers, ',') && word < words + strlen(folder);
         word += strlen(word) + 1)
        if (symlinkat(folder, top, word) < 0 && errno != EEXIST)
            rc = err_errno(err, errno, "link cgroup '%s'", word);
    return rc;
}

static int mount_cgroup_v1(struct box *b, const struct config_mount *m,
                           const struct mount_options *o, struct err *err)
{
    struct mount_options top = {.set = o->set & ~(u64)MOUNT_ATTR_RDONLY};
    top.data[top.n_data++]   = "mode=755";
    cleanup_fd int fd        = mount_new("tmpfs", "tmpfs", &top, err);
    int            rc        = fd < 0 ? fd : attach(b, m, fd, err);
    for (unsigned i = 0; i < b->cgroup.n && !rc; i++)
        rc = mount_hierarchy(b, fd, &b->cgroup.places[i], o, err);
    if (!rc && o->set & MOUNT_ATTR_RDONLY)
        rc = mount_attr(fd, MOUNT_ATTR_RDONLY, 0, 0, false);
    return rc < 0 && !err->code ? err_errno(err, -rc, "make it read-only") : rc;
}

static int mount_cgroup(struct box *b, const struct config_mount *m, const struct mount_options *o,
                        struct err *err)
{
    int rc = init_enter_cgroup(b, err);
    if (rc)
        return rc;
    return cgroup_is_v2() || b->cgroup.v2 ? mount_cgroup_v2(b, m, o, err)
                                          : mount_cgroup_v1(b, m, o, err);
}

/* ---- all ---- */

/* In a user namespace that does not own the network (or the processes), these cannot be new. */
static int mount_kernel(struct box *b, const struct config_mount *m, const struct mount_options *o,
                        struct err *err)
{
    static const struct {
        const char *type, *instead;
    } rows[]          = {{"proc", "/proc"}, {"sysfs", "/sys"}, {"mqueue", "/dev/mqueue"}};
    cleanup_fd int fd = mount_new(m->type, m->source ? m->source : m->type, o, err);
    int            rc = fd < 0 ? fd : mount_dress_new(fd, o, err);
    if (!rc)
        return attach(b, m, fd, err);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        if ((rc == -EPERM || rc == -EBUSY) && b->in_userns && strcmp(rows[i].type, m->type) == 0)
            return bind_instead(b, m, o, rows[i].instead, err);
    return rc;
}

static int remount(struct box *b, const struct config_mount *m, const struct mount_options *o,
                   struct err *err)
{
    cleanup_fd int at = inroot_open(b->root_fd, m->destination, O_PATH, 0);
    if (at < 0)
        return err_errno(err, -at, "open '%s'", m->destination);
    return mount_dress(at, o, err);
}

int mounts_one(struct box *b, const struct config_mount *m, int made, struct err *err)
{
    struct mount_options o;
    int                  rc = mount_parse(m->options, &o, err);
    if (rc)
        return rc;
    if (o.remount)
        return remount(b, m, &o, err);
    if (is_bind(m, &o))
        return mount_bind(b, m, &o, made, err);
    if (strcmp(m->type, "cgroup") == 0 || strcmp(m->type, "cgroup2") == 0)
        return mount_cgroup(b, m, &o, err);
    if (strcmp(m->type, "tmpfs") == 0)
        return mount_tmpfs(b, m, &o, err);
    return mount_kernel(b, m, &o, err);
}

int mounts_check(const struct config *c, struct err *err)
{
    for (unsigned i = 0; i < c->n_mounts; i++) {
        const struct config_mount *m = &c->mounts[i];
        struct mount_options       o;
        int                        rc = mount_parse(m->options, &o, err);
        if (rc)
            return rc;
        if (!m->destination[0])
            return err_set(err, EINVAL, "mounts[%u]: the destination is empty", i);
        if (!o.remount && !is_bind(m, &o) && (!m->type || !m->type[0]))
            return err_set(err, EINVAL, "mounts[%u] at '%s' has no type", i, m->destination);
        if (!o.remount && is_bind(m, &o) && !m->source)
            return err_set(err, EINVAL, "mounts[%u] at '%s' has no source", i, m->destination);
        if ((m->n_uids || m->n_gids || o.idmap) && !is_bind(m, &o))
            return err_set(err, EINVAL, "mounts[%u] at '%s': only binds have mapped ids", i,
                           m->destination);
    }
    return 0;
}

static int map_ids(const struct box *b, const struct config_mount *m, const struct mount_options *o,
                   int fd, struct err *err)
{
    const struct config_linux *l      = &b->config->os;
    const struct id_map       *uids   = m->n_uids ? m->uids : l->uids;
    const struct id_map       *gids   = m->n_uids ? m->gids : l->gids;
    unsigned                   n_uids = m->n_uids ? m->n_uids : l->n_uids;
    unsigned                   n_gids = m->n_uids ? m->n_gids : l->n_gids;
    cleanup_fd int             ns     = ids_namespace(b->proc_fd, uids, n_uids, gids, n_gids, err);
    if (ns < 0)
        return ns;
    int rc = mount_idmap(fd, ns, o->idmap_all);
    return rc ? err_errno(err, -rc, "map the ids of '%s'", m->source) : 0;
}

int mounts_prepare(const struct box *b, const struct config_mount *m, int *out, struct err *err)
{
    struct mount_options o;
    int                  rc     = mount_parse(m->options, &o, err);
    bool                 mapped = m->n_uids || o.idmap;
    *out                        = -1;
    if (rc || o.remount || !is_bind(m, &o) || !(mapped || (b->in_userns && geteuid() == 0)))
        return rc;
    cleanup_fd int fd = clone_source(b, m->source, o.recursive || !o.bind, err);
    if (fd >= 0 && mapped)
        rc = map_ids(b, m, &o, fd, err);
    if (fd < 0 || rc)
        return err_wrap(err, "mount '%s' at '%s'", m->source, m->destination);
    *out = steal_fd(&fd);
    return 0;
}

/* isolation/cgroup.c - see cgroup.h: finding, making, entering, removing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"

#define REMOVE_TRIES 200 /* of 5 ms: a group whose last process just died is busy for a while */
#define DEPTH_MAX    64

bool cgroup_is_v2(void)
{
    struct statfs fs;
    return statfs(CGROUP_ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

void cgroup_add(struct cgroup *g, const char *controllers, const char *path)
{
    if (g->n == CGROUP_MAX)
        return;
    struct cgroup_place *p = &g->places[g->n++];
    snprintf(p->controllers, sizeof(p->controllers), "%s", controllers);
    p->path = xstrdup(path);
    g->v2 |= !controllers[0];
}

void cgroup_done(struct cgroup *g)
{
    for (unsigned i = 0; i < g->n; i++) {
        free(g->places[i].path);
        free(g->places[i].inside);
    }
    g->n = 0;
}

static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += len)
        if ((p == list || p[-1] == ',') && (p[len] == ',' || !p[len]))
            return true;
    return false;
}

const struct cgroup_place *cgroup_place(const struct cgroup *g, const char *controller)
{
    for (unsigned i = 0; i < g->n; i++)
        if (g->v2 || has_word(g->places[i].controllers, controller))
            return &g->places[i];
    return NULL;
}

/* A line of /proc/self/cgroup: "4:cpu,cpuacct:/a/b". Controllers that are not mounted where they
 * always are, are left out. */
static void add_hierarchy(struct cgroup *g, char *line, const char *path, const char *name)
{
    char *list = strchr(line, ':'), *own = list ? strchr(list + 1, ':') : NULL;
    if (!own || g->n == CGROUP_MAX)
        return;
    *list++ = *own++ = 0;
    bool v2          = !list[0];
    if (v2 != g->v2)
        return;
    const char        *mount = strncmp(list, "name=", 5) == 0 ? list + 5 : list;
    cleanup_free char *top   = xasprintf(CGROUP_ROOT "%s%s", v2 ? "" : "/", mount);
    if (!v2 && access(top, F_OK) < 0)
        return;
    cleanup_free char *inside = NULL;
    const char        *below  = strcmp(own, "/") == 0 || strncmp(own, "/..", 3) == 0 ? "" : own;
    if (path && path[0] == '/')
        inside = xstrdup(path);
    else
        inside = xasprintf("%s/%s", below, path && path[0] ? path : name);
    size_t len = strlen(inside);
    while (len > 1 && inside[len - 1] == '/')
        inside[--len] = 0;
    cleanup_free char *full = xasprintf("%s%s", top, inside);
    cgroup_add(g, list, full);
    g->places[g->n - 1].inside = steal_ptr(inside);
}

static bool leads_out(const char *path)
{
    return strcmp(path, "..") == 0 || strncmp(path, "../", 3) == 0 || strstr(path, "/../") ||
           (strlen(path) > 2 && strcmp(path + strlen(path) - 3, "/..") == 0);
}

int cgroup_find(struct cgroup *out, int proc_fd, const char *path, const char *name,
                struct err *err)
{
    char           text[8192];
    cleanup_fd int fd = openat(proc_fd, "self/cgroup", O_RDONLY | O_CLOEXEC);
    ssize_t        n  = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return err_errno(err, errno, "read /proc/self/cgroup");
    if (path && leads_out(path))
        return err_set(err, EINVAL, "cgroupsPath '%s' must not have '..' in it", path);
    text[n]            = 0;
    struct cgroup g    = {.v2 = cgroup_is_v2()};
    char         *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) && line[0];)
        add_hierarchy(&g, line, path, name);
    *out = g;
    return 0;
}

static int write_at(const char *dir, const char *file, const char *text)
{
    cleanup_free char *path = xasprintf("%s/%s", dir, file);
    cleanup_fd int     fd   = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int read_at(const char *dir, const char *file, char *text, size_t room)
{
    cleanup_free char *path = xasprintf("%s/%s", dir, file);
    cleanup_fd int     fd   = open(path, O_RDONLY | O_CLOEXEC);
    size_t             have = 0;
    if (fd < 0)
        return -errno;
    while (have < room - 1) {
        ssize_t n = read(fd, text + have, room - 1 - have);
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    text[have] = 0;
    return (int)have;
}

int cgroup_write(const struct cgroup *g, const char *controller, const char *file, const char *text)
{
    const struct cgroup_place *p = cgroup_place(g, controller);
    return p ? write_at(p->path, file, text) : -ENOENT;
}

int cgroup_read(const struct cgroup *g, const char *controller, const char *file, char *text,
                size_t room)
{
    const struct cgroup_place *p = cgroup_place(g, controller);
    return p ? read_at(p->path, file, text, room) : -ENOENT;
}

/* A v1 cpuset is empty when it is made, and takes no process so. */
static int inherit_cpuset(const char *path)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    cleanup_free char       *parent  = xstrdup(path);
    char                     text[1024];
    *strrchr(parent, '/') = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        int n = read_at(path, files[i], text, sizeof(text));
        if (n < 0 || n > 1)
            continue;
        n = read_at(parent, files[i], text, sizeof(text));
        if (n <= 1)
            continue;
        int rc = write_at(path, files[i], text);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* v2: what may be limited in a group, its parent must have enabled. */
static void enable_controllers(const char *parent)
{
    char text[512], *rest = text;
    if (read_at(parent, "cgroup.controllers", text, sizeof(text)) <= 0)
        return;
    text[strcspn(text, "\n")] = 0;
    for (char *word; (word = strsep(&rest, " "));) {
        cleanup_free char *plus = xasprintf("+%s", word);
        if (word[0])
            write_at(parent, "cgroup.subtree_control", plus);
    }
}

static int make_place(const struct cgroup *g, char *path, unsigned depth)
{
    bool  cpuset = false;
    int   rc     = mkdir(path, 0755) < 0 ? -errno : 1;
    char *slash  = strrchr(path, '/');
    if (rc == -ENOENT && depth < DEPTH_MAX && slash - path > (long)strlen(CGROUP_ROOT)) {
        *slash = 0;
        rc     = make_place(g, path, depth + 1);
        *slash = '/';
        if (rc < 0)
            return rc;
        rc = mkdir(path, 0755) < 0 ? -errno : 1;
    }
    if (rc == 1 && g->v2) {
        *slash = 0;
        enable_controllers(path);
        *slash = '/';
    }
    cpuset = !g->v2 && strncmp(path + strlen(CGROUP_ROOT), "/cpuset", 7) == 0;
    if (cpuset && (rc == 1 || rc == -EEXIST)) {
        int inherited = inherit_cpuset(path);
        rc            = inherited < 0 ? inherited : rc;
    }
    return rc;
}

int cgroup_make(struct cgroup *g, struct err *err)
{
    for (unsigned i = 0; i < g->n; i++) {
        int rc = make_place(g, g->places[i].path, 0);
        if (rc >= 0 || rc == -EEXIST)
            continue;
        if (geteuid() != 0 && (rc == -EACCES || rc == -EPERM || rc == -EROFS)) {
            g->absent = true;
            return 0;
        }
        return err_errno(err, -rc, "make cgroup '%s'", g->places[i].path);
    }
    return 0;
}

int cgroup_enter(const struct cgroup *g, pid_t pid, struct err *err)
{
    char text[16];
    if (g->absent)
        return 0;
    snprintf(text, sizeof(text), "%d", pid);
    for (unsigned i = 0; i < g->n; i++) {
        int rc = write_at(g->places[i].path, "cgroup.procs", text);
        if (rc)
            return err_errno(err, -rc, "enter cgroup '%s'", g->places[i].path);
    }
    return 0;
}

/* v1's "tasks" moves one thread; one's own is moved without stopping all forks of the host, which
 * takes milliseconds. */
int cgroup_enter_self(const struct cgroup *g, struct err *err)
{
    for (unsigned i = 0; i < g->n && !g->absent; i++) {
        int rc = write_at(g->places[i].path, g->v2 ? "cgroup.procs" : "tasks", "0");
        if (rc)
            return err_errno(err, -rc, "enter cgroup '%s'", g->places[i].path);
    }
    return 0;
}

int cgroup_limit(const struct cgroup *g, const struct limits *l, struct err *err)
{
    if (g->absent)
        return 0;
    return g->v2 ? cgroup_limit_v2(g, l, err) : cgroup_limit_v1(g, l, err);
}

bool cgroup_exists(const struct cgroup *g)
{
    return g->n && access(g->places[0].path, F_OK) == 0;
}

static int remove_tree(int dir_fd, const char *name, unsigned depth)
{
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if ((errno != EBUSY && errno != ENOTEMPTY) || depth == DEPTH_MAX)
        return -errno;
    int  fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d  = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return -errno;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_type == DT_DIR && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            remove_tree(fd, e->d_name, depth + 1);
    closedir(d);
    return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

int cgroup_remove(const struct cgroup *g, struct err *err)
{
    for (unsigned i = 0; i < g->n; i++) {
        int rc = -EBUSY;
        for (int tries = 0; rc == -EBUSY && tries < REMOVE_TRIES; tries++) {
            if (tries)
                usleep(tries < 10 ? 500 : 5000);
            rc = remove_tree(AT_FDCWD, g->places[i].path, 0);
        }
        if (rc && !(geteuid() != 0 && (rc == -EACCES || rc == -EPERM)))
            return err_errno(err, -rc, "remove cgroup '%s'", g->places[i].path);
    }
    return 0;
}

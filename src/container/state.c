/* container/state.c - see state.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/text.h"
#include "isolation/procfs.h"

#define ID_MAX    1024
#define STATE_MAX MiB(17)

bool state_id_ok(const char *id)
{
    size_t len = strlen(id);
    if (len == 0 || len > ID_MAX || id[0] == '.')
        return false;
    return strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.") == len;
}

static int make_folders(char *path)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    char *slash = strrchr(path, '/');
    if (errno != ENOENT || !slash || slash == path)
        return -errno;
    *slash = 0;
    int rc = make_folders(path);
    *slash = '/';
    return rc ? rc : (mkdir(path, 0700) < 0 && errno != EEXIST) ? -errno : 0;
}

int state_reserve(const char *root, const char *id, char **out, struct err *err)
{
    cleanup_free char *dir = xasprintf("%s/%s", root, id);
    int                rc  = mkdir(dir, 0711) < 0 ? -errno : 0;
    if (rc == -ENOENT) {
        cleanup_free char *top = xstrdup(root);
        rc                     = make_folders(top);
        if (!rc)
            rc = mkdir(dir, 0711) < 0 ? -errno : 0;
    }
    if (rc == -EEXIST)
        return err_set(err, EEXIST, "container with given ID already exists");
    if (rc)
        return err_errno(err, -rc, "make folder '%s'", dir);
    *out = steal_ptr(dir);
    return 0;
}

static int write_file(const char *dir, const char *name, const char *text, size_t len,
                      struct err *err)
{
    cleanup_free char *path = xasprintf("%s/%s", dir, name);
    cleanup_free char *half = xasprintf("%s.new", path);
    cleanup_fd int     fd   = open(half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, len) != (ssize_t)len || rename(half, path) < 0)
        return err_errno(err, errno ? errno : ENOSPC, "write '%s'", path);
    return 0;
}

int state_save(const struct state *s, const char *config, struct err *err)
{
    struct text t = {0};
    text_open(&t, NULL, '{');
    text_str(&t, "id", s->id);
    text_i64(&t, "pid", s->pid);
    text_u64(&t, "pidStart", s->pid_start);
    text_str(&t, "bundle", s->bundle);
    text_str(&t, "rootfs", s->rootfs);
    text_str(&t, "created", s->created);
    text_str(&t, "owner", s->owner);
    text_open(&t, "cgroups", '{');
    for (unsigned i = 0; i < s->cgroup.n && !s->cgroup.absent; i++)
        text_str(&t, s->cgroup.places[i].controllers, s->cgroup.places[i].path);
    text_close(&t, '}');
    text_raw(&t, "config", config);
    text_close(&t, '}');
    int rc = write_file(s->dir, "state.json", t.s, t.len, err);
    free(t.s);
    return rc;
}

static const struct decode_row rows[] = {
    {"bundle", DECODE_STRING, offsetof(struct state, bundle)},
    {"rootfs", DECODE_STRING, offsetof(struct state, rootfs)},
    {"created", DECODE_STRING, offsetof(struct state, created)},
    {"owner", DECODE_STRING, offsetof(struct state, owner)},
    {"pidStart", DECODE_U64, offsetof(struct state, pid_start)},
    ROWS_END,
};

static int parse(struct state *s, size_t len, struct err *err)
{
    struct tree *tree;
    i64          pid = 0;
    u64          big;
    bool         clamped;
    int          rc = tree_parse(&tree, s->text, len, &s->arena, err);
    if (!rc)
        rc = decode(tree, rows, s, &s->arena, err);
    if (rc)
        return rc;
    const struct tree *number = tree_at(tree, "pid"), *groups = tree_at(tree, "cgroups");
    if (number && tree_integer(number, &pid, &big, &clamped))
        s->pid = (pid_t)pid;
    for (const struct tree *g = groups ? groups->child : NULL; g; g = g->next)
        if (g->type == TREE_STRING)
            cgroup_add(&s->cgroup, g->key, g->text);
    s->config = tree_at(tree, "config");
    return s->config ? 0 : err_set(err, EINVAL, "there is no config in it");
}

int state_load(struct state *out, const char *root, const char *id, struct err *err)
{
    if (!state_id_ok(id))
        return err_set(err, EINVAL, "invalid container ID format: '%.100s'", id);
    cleanup_free char *path = xasprintf("%s/%s/state.json", root, id);
    cleanup_fd int     fd   = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return err_set(err, ENOENT, "container does not exist");
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > (off_t)STATE_MAX)
        return err_errno(err, errno, "open '%s'", path);
    struct state s  = {.text = xalloc((size_t)st.st_size + 1)};
    ssize_t      n  = read(fd, s.text, (size_t)st.st_size);
    int          rc = n < 0 ? err_errno(err, errno, "read '%s'", path) : parse(&s, (size_t)n, err);
    s.dir           = arena_text(&s.arena, path);
    *strrchr(s.dir, '/') = 0;
    s.id                 = arena_text(&s.arena, id);
    if (rc) {
        state_done(&s);
        return err_wrap(err, "state of '%s'", id);
    }
    *out = s;
    return 0;
}

void state_done(struct state *s)
{
    cgroup_done(&s->cgroup);
    arena_done(&s->arena);
    free(s->text);
    memset(s, 0, sizeof(*s));
}

/* state.json goes first: a folder without it is no container any more. */
int state_remove(const char *dir, struct err *err)
{
    static const char *const files[] = {"state.json",      "state.json.new", "config.json",
                                        "config.json.new", "exec.fifo",      "notify"};
    cleanup_fd int           fd      = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; fd >= 0 && i < ARRAY_SIZE(files); i++)
        unlinkat(fd, files[i], 0);
    if (rmdir(dir) < 0 && errno != ENOENT)
        return err_errno(err, errno, "remove '%s'", dir);
    return 0;
}

static const char *const status_names[] = {
    [STATUS_CREATING] = "creating", [STATUS_CREATED] = "created", [STATUS_RUNNING] = "running",
    [STATUS_PAUSED] = "paused",     [STATUS_STOPPED] = "stopped",
};

const char *status_name(enum status s)
{
    return status_names[s];
}

enum status state_status(const struct state *s, int proc_fd)
{
    u64  start;
    char letter;
    if (s->pid <= 0)
        return STATUS_CREATING;
    if (procfs_start(proc_fd, s->pid, &start, &letter) || start != s->pid_start || letter == 'Z' ||
        letter == 'X')
        return STATUS_STOPPED;
    if (s->cgroup.n && cgroup_frozen(&s->cgroup))
        return STATUS_PAUSED;
    cleanup_free char *fifo = xasprintf("%s/exec.fifo", s->dir);
    return access(fifo, F_OK) == 0 ? STATUS_CREATED : STATUS_RUNNING;
}

char *state_text(const char *id, const char *status, pid_t pid, const char *bundle,
                 const struct config *c)
{
    struct text t = {0};
    text_open(&t, NULL, '{');
    text_str(&t, "ociVersion", c->version);
    text_str(&t, "id", id);
    text_str(&t, "status", status);
    text_i64(&t, "pid", pid);
    text_str(&t, "bundle", bundle);
    text_open(&t, "annotations", '{');
    for (unsigned i = 0; i < c->n_annotations; i++)
        text_str(&t, c->annotations[i].name, c->annotations[i].value);
    text_close(&t, '}');
    text_close(&t, '}');
    return t.s;
}

/* isolation/cgroup_tasks.c - the processes of a group: listed, frozen, killed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "isolation/cgroup.h"

#define DEPTH_MAX    64
#define FREEZE_TRIES 2000 /* of 1 ms */

struct pids {
    pid_t   *list;
    unsigned count, room;
};

static void add(struct pids *p, pid_t pid)
{
    if (p->count == p->room) {
        p->room = MAX(64u, p->room * 2);
        p->list = xrealloc(p->list, p->room * sizeof(*p->list));
    }
    p->list[p->count++] = pid;
}

static int collect(int dir_fd, struct pids *out, unsigned depth)
{
    int   fd  = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *f   = fd < 0 ? NULL : fdopen(fd, "r");
    int   rc  = f ? 0 : -errno;
    long  pid = 0;
    while (f && fscanf(f, "%ld", &pid) == 1)
        add(out, (pid_t)pid);
    if (f)
        fclose(f);
    int  again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d     = again < 0 ? NULL : fdopendir(again);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.' || depth == DEPTH_MAX)
            continue;
        cleanup_fd int inner = openat(dir_fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (inner >= 0)
            collect(inner, out, depth + 1);
    }
    if (d)
        closedir(d);
    return rc == -ENODEV || rc == -EOPNOTSUPP ? 0 : rc; /* being removed; a threaded group */
}

/* Any hierarchy knows them all; "pids" and "devices" are never shared with others' groups. */
static const struct cgroup_place *counting_place(const struct cgroup *g)
{
    static const char *const best[] = {"devices", "pids", "memory", "freezer"};
    for (unsigned i = 0; i < ARRAY_SIZE(best); i++) {
        const struct cgroup_place *p = cgroup_place(g, best[i]);
        if (p)
            return p;
    }
    return g->n ? &g->places[0] : NULL;
}

int cgroup_pids(const struct cgroup *g, pid_t **out, unsigned *count, struct err *err)
{
    const struct cgroup_place *p    = counting_place(g);
    struct pids                pids = {0};
    if (!p)
        return err_set(err, ENOENT, "the container has no cgroup");
    cleanup_fd int fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int            rc = fd < 0 ? -errno : collect(fd, &pids, 0);
    if (rc) {
        free(pids.list);
        return err_errno(err, -rc, "list processes of '%s'", p->path);
    }
    *out   = pids.list;
    *count = pids.count;
    return 0;
}

int cgroup_kill(const struct cgroup *g, int sig, struct err *err)
{
    if (g->v2 && sig == SIGKILL && cgroup_write(g, "", "cgroup.kill", "1") == 0)
        return 0;
    pid_t   *list;
    unsigned count;
    int      rc = cgroup_pids(g, &list, &count, err);
    if (rc)
        return rc;
    for (unsigned i = 0; i < count; i++)
        kill(list[i], sig);
    free(list);
    return 0;
}

bool cgroup_frozen(const struct cgroup *g)
{
    char text[256];
    if (g->v2)
        return cgroup_read(g, "", "cgroup.events", text, sizeof(text)) > 0 &&
               strstr(text, "frozen 1");
    return cgroup_read(g, "freezer", "freezer.state", text, sizeof(text)) > 0 &&
           strncmp(text, "THAWED", 6) != 0;
}

/* Freezing is done when all have been caught; a process that forks meanwhile may need a nudge. */
static int wait_frozen(const struct cgroup *g)
{
    char text[256];
    for (int i = 0; i < FREEZE_TRIES; i++) {
        if (g->v2 ? cgroup_frozen(g)
                  : cgroup_read(g, "freezer", "freezer.state", text, sizeof(text)) > 0 &&
                        strncmp(text, "FROZEN", 6) == 0)
            return 0;
        if (!g->v2 && i % 50 == 49)
            cgroup_write(g, "freezer", "freezer.state", "FROZEN");
        usleep(1000);
    }
    return -ETIMEDOUT;
}

int cgroup_freeze(const struct cgroup *g, bool frozen, struct err *err)
{
    int rc = g->v2 ? cgroup_write(g, "", "cgroup.freeze", frozen ? "1" : "0")
                   : cgroup_write(g, "freezer", "freezer.state", frozen ? "FROZEN" : "THAWED");
    if (!rc && frozen)
        rc = wait_frozen(g);
    if (rc)
        return err_errno(err, -rc, frozen ? "freeze the container" : "thaw the container");
    return 0;
}

/* container/life.c - start, kill, delete, pause: what is done to a container that is there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "container/box.h"
#include "container/runtime.h"
#include "isolation/procfs.h"

#define END_TRIES 1000 /* of 10 ms */

int runtime_config(const struct state *s, struct config **out, struct err *err)
{
    return config_from_tree(out, s->config, err);
}

static int get_status(const struct state *s, enum status *out, struct err *err)
{
    cleanup_fd int proc = -1;
    int            rc   = procfs_open(&proc, err);
    if (!rc)
        *out = state_status(s, proc);
    return rc;
}

static void run_hooks(const struct state *s, const struct config *c, bool poststart)
{
    struct err err;
    struct box b  = {.id = s->id, .bundle = s->bundle, .config = c};
    int        rc = poststart ? hooks_run(&b, c->hooks.poststart, c->hooks.n_poststart, "poststart",
                                          "running", s->pid, &err)
                              : hooks_run(&b, c->hooks.poststop, c->hooks.n_poststop, "poststop",
                                          "stopped", 0, &err);
    if (rc)
        log_warn("%s", err.text);
}

/* The byte is read by the container's process, whose end of the fifo is closed when its program
 * runs, or when it has ended. */
int runtime_start(const struct state *s, struct err *err)
{
    enum status status;
    int         rc = get_status(s, &status, err);
    if (rc)
        return rc;
    if (status == STATUS_STOPPED)
        return err_set(err, EBUSY, "cannot start a container that has stopped");
    if (status != STATUS_CREATED)
        return err_set(err, EBUSY, "cannot start an already running container");
    cleanup_free char *path = xasprintf("%s/exec.fifo", s->dir);
    cleanup_fd int     fd   = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    struct config     *c    = NULL;
    if (fd < 0)
        return err_errno(err, errno == ENXIO ? ESRCH : errno, "start: the container's process");
    unlink(path);
    if (write(fd, "s", 1) != 1)
        return err_errno(err, errno, "start the container");
    struct pollfd p = {fd, 0, 0};
    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        continue;
    if (runtime_config(s, &c, NULL) == 0)
        run_hooks(s, c, true);
    config_destroy(c);
    return 0;
}

static bool own_pids(const struct state *s)
{
    struct config *c   = NULL;
    bool           own = runtime_config(s, &c, NULL) == 0 && config_namespace(c, "pid");
    config_destroy(c);
    return own;
}

/* The number may be another process's by now: what is signalled is the process that a descriptor
 * holds, after its start was compared. */
static int signal_init(const struct state *s, int sig, struct err *err)
{
    cleanup_fd int proc = -1, fd = (int)syscall(SYS_pidfd_open, s->pid, 0);
    u64            start;
    char           letter;
    int            rc = procfs_open(&proc, err);
    if (rc)
        return rc;
    if (fd < 0 || procfs_start(proc, s->pid, &start, &letter) || start != s->pid_start)
        return err_set(err, ESRCH, "container not running");
    if (syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) < 0)
        return errno == ESRCH ? err_set(err, ESRCH, "container not running")
                              : err_errno(err, errno, "signal the container");
    return 0;
}

int runtime_kill(const struct state *s, int sig, bool all, struct err *err)
{
    enum status status;
    int         rc = get_status(s, &status, err);
    if (rc)
        return rc;
    bool shared = sig == SIGKILL && !own_pids(s);
    if (status == STATUS_STOPPED && !all && !shared)
        return err_set(err, ESRCH, "container not running");
    if (all || shared) {
        bool hold = !s->cgroup.v2 && status != STATUS_PAUSED && status != STATUS_STOPPED;
        /* Frozen meanwhile: nobody can fork away. */
        if (hold)
            cgroup_freeze(&s->cgroup, true, NULL);
        rc = cgroup_kill(&s->cgroup, sig, err);
        if (hold)
            cgroup_freeze(&s->cgroup, false, NULL);
    } else {
        rc = signal_init(s, sig, err);
    }
    /* A frozen process dies when it is thawed. */
    if (!rc && sig == SIGKILL && status == STATUS_PAUSED)
        cgroup_freeze(&s->cgroup, false, NULL);
    return rc;
}

static int wait_end(const struct state *s, struct err *err)
{
    enum status status = STATUS_RUNNING;
    for (int i = 0; i < END_TRIES; i++) {
        int rc = get_status(s, &status, err);
        if (rc || status == STATUS_STOPPED)
            return rc;
        usleep(i < 50 ? 1000 : 10000);
    }
    return err_set(err, ETIMEDOUT, "the container does not end");
}

int runtime_delete(struct state *s, bool force, struct err *err)
{
    enum status    status;
    struct config *c  = NULL;
    int            rc = get_status(s, &status, err);
    if (rc)
        return rc;
    if (status != STATUS_STOPPED && !(status == STATUS_CREATED || force))
        return err_set(err, EBUSY, "cannot delete container %s that is not stopped: %s", s->id,
                       status_name(status));
    if (status != STATUS_STOPPED && status != STATUS_CREATING) {
        rc = runtime_kill(s, SIGKILL, false, err);
        if (!rc || rc == -ESRCH)
            rc = wait_end(s, err);
        if (rc)
            return rc;
    }
    if (runtime_config(s, &c, NULL))
        c = NULL;
    if (cgroup_exists(&s->cgroup)) {
        cgroup_kill(&s->cgroup, SIGKILL, NULL);
        rc = cgroup_remove(&s->cgroup, err);
    }
    if (!rc)
        rc = state_remove(s->dir, err);
    if (!rc && c)
        run_hooks(s, c, false);
    config_destroy(c);
    return rc;
}

int runtime_pause(const struct state *s, bool paused, struct err *err)
{
    enum status status;
    int         rc = get_status(s, &status, err);
    if (rc)
        return rc;
    if (paused && status != STATUS_RUNNING && status != STATUS_CREATED)
        return err_set(err, EBUSY, "container not running or created: %s", status_name(status));
    if (!paused && status != STATUS_PAUSED)
        return err_set(err, EBUSY, "container not paused");
    return cgroup_freeze(&s->cgroup, paused, err);
}

char *runtime_state_root(void)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    if (geteuid() != 0 && run && run[0])
        return xasprintf("%s/guise-oci", run);
    return geteuid() ? xasprintf("/tmp/guise-oci-%u", geteuid()) : xstrdup("/run/guise-oci");
}

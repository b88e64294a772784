/* control/spawn.c - makes the monitor's process: a session of its own, nothing inherited.
 *
 * Two forks: the monitor is nobody's child, so nobody's zombie. It tells over a pipe that it is
 * ready, or why not; a pipe that closes without a word means that it crashed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "control/monitor_internal.h"

struct news {
    int        rc;
    struct err err;
};

static void tell_ready(void *ctx, int rc, const struct err *err)
{
    int        *fd   = ctx;
    struct news news = {rc, *err};
    if (write(*fd, &news, sizeof(news)) < 0) {
        /* Whoever asked is gone; the instance lives on. */
    }
    close(*fd);
    *fd = -1;
}

/* Descriptors: /dev/null, /dev/null, monitor.log, the pipe; no other. */
static int tidy_process(const struct home *h, int *pipe_fd)
{
    cleanup_free char *log  = xasprintf("%s/monitor.log", h->dir);
    int                null = open("/dev/null", O_RDWR);
    int                err  = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(err < 0 ? null : err, 2) < 0)
        return -errno;
    if (*pipe_fd != 3 && dup2(*pipe_fd, 3) < 0)
        return -errno;
    *pipe_fd = 3;
    fcntl(3, F_SETFD, FD_CLOEXEC);
    close_range(4, ~0u, 0);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    umask(077);
    prctl(PR_SET_NAME, h->record.name);
    return chdir("/") < 0 ? -errno : 0;
}

static void run_monitor(const struct kind *const *kinds, const struct home *h, const char *snapshot,
                        int pipe_fd)
{
    struct monitor m = {.home = *h, .signal_fd = -1, .folder_fd = -1};
    if (tidy_process(h, &pipe_fd))
        _exit(1);
    _exit(monitor_main(&m, kinds, snapshot, tell_ready, &pipe_fd));
}

static int read_news(int fd, struct err *err)
{
    struct news news;
    size_t      have = 0;
    while (have < sizeof(news)) {
        ssize_t n = read(fd, (char *)&news + have, sizeof(news) - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(err, EIO, "its monitor ended before it was ready");
        have += (size_t)n;
    }
    return news.rc ? err_set(err, news.err.code, "%s", news.err.text) : 0;
}

int monitor_spawn(const struct kind *const *kinds, const struct home *h, const char *snapshot,
                  struct err *err)
{
    int ends[2];
    fflush(NULL);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_errno(err, errno, "make a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        pid_t monitor = fork();
        if (monitor == 0)
            run_monitor(kinds, h, snapshot, ends[1]);
        _exit(monitor < 0 ? 1 : 0);
    }
    close(ends[1]);
    int rc = pid < 0 ? err_errno(err, errno, "make a process") : read_news(ends[0], err);
    close(ends[0]);
    if (pid > 0)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    return rc;
}

/* container/hooks.c - programs that the bundle wants run at points of the life cycle: each gets
 * the container's state on its standard input. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/box.h"
#include "container/state.h"

static _Noreturn void become_hook(const struct config_hook *h, int input)
{
    char *const none[] = {NULL};
    char *const only[] = {h->path, NULL};
    sigset_t    no_signals;
    sigemptyset(&no_signals);
    sigprocmask(SIG_SETMASK, &no_signals, NULL);
    dup2(input, 0);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    execve(h->path, h->args && h->args[0] ? h->args : only, h->env ? h->env : none);
    dprintf(2, "%s: %s\n", h->path, strerror(errno));
    _exit(127);
}

static int wait_for(pid_t pid, const struct config_hook *h, struct err *err)
{
    int            status;
    cleanup_fd int fd   = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd  p    = {fd, POLLIN, 0};
    bool           late = h->timeout.set && h->timeout.v > 0 &&
                poll(&p, 1, (int)MIN(h->timeout.v, 2000000) * 1000) == 0;
    if (late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_errno(err, errno, "wait for hook '%s'", h->path);
    if (late)
        return err_set(err, ETIMEDOUT, "hook '%s' took more than %d s", h->path, (int)h->timeout.v);
    if (WIFSIGNALED(status))
        return err_set(err, EIO, "hook '%s' was ended by signal %d", h->path, WTERMSIG(status));
    if (WEXITSTATUS(status))
        return err_set(err, EIO, "hook '%s' failed: exit status %d", h->path, WEXITSTATUS(status));
    return 0;
}

static int run_one(const struct config_hook *h, const char *state, struct err *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return err_errno(err, errno, "make a socket pair");
    pid_t pid = fork();
    if (pid == 0)
        become_hook(h, ends[0]);
    close(ends[0]);
    /* Smaller than a socket's buffer, so this cannot wait for a hook that does not read. */
    if (pid > 0)
        send(ends[1], state, strlen(state), MSG_NOSIGNAL);
    close(ends[1]);
    if (pid < 0)
        return err_errno(err, errno, "make a process for hook '%s'", h->path);
    return wait_for(pid, h, err);
}

int hooks_run(const struct box *b, const struct config_hook *hooks, unsigned n, const char *kind,
              const char *status, pid_t pid, struct err *err)
{
    if (n == 0)
        return 0;
    cleanup_free char *state = state_text(b->id, status, pid, b->bundle, b->config);
    for (unsigned i = 0; i < n; i++) {
        int rc = run_one(&hooks[i], state, err);
        if (rc)
            return err_wrap(err, "%s hook #%u", kind, i);
    }
    return 0;
}

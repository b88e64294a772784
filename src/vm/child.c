/* vm/child.c - see child.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "vm/spec.h"

void child_init(struct child *c, struct instance *inst)
{
    *c = (struct child){.inst = inst, .pidfd = -1, .in = -1, .out = -1};
}

/* --- output and input --- */

bool child_drain(struct child *c)
{
    char data[4096];
    for (;;) {
        ssize_t n = c->out < 0 ? 0 : read(c->out, data, sizeof(data));
        if (n > 0)
            console_write(c->inst->console, data, (size_t)n);
        else if (n == 0 || errno != EINTR)
            return n < 0 && errno == EAGAIN;
    }
}

static void on_output(void *ctx, int fd, u32 events)
{
    struct child *c = ctx;
    (void)fd;
    (void)events;
    if (!child_drain(c)) {
        loop_unwatch(c->says);
        c->says = NULL;
    }
}

static void on_room(void *ctx, int fd, u32 events)
{
    struct child *c = ctx;
    (void)fd;
    loop_rewatch(c->room, 0);
    if (events & EPOLLOUT)
        console_ready(c->inst->console);
}

static size_t input(void *ctx, const u8 *data, size_t len)
{
    struct child *c = ctx;
    if (c->in < 0)
        return len; /* nobody reads it */
    ssize_t n = write(c->in, data, len);
    if (n >= 0)
        return (size_t)n;
    if (errno != EAGAIN || !c->room)
        return len;
    loop_rewatch(c->room, EPOLLOUT);
    return 0;
}

static void resize(void *ctx, unsigned columns, unsigned rows)
{
    struct child  *c = ctx;
    struct winsize w = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
    if (c->inst->spec->tty && c->out >= 0)
        ioctl(c->out, TIOCSWINSZ, &w);
}

void child_connect(struct child *c)
{
    console_connect(c->inst->console, &(struct console_port){input, resize, c});
}

int child_pipes(struct child *c, int ends[2], struct err *err)
{
    int in[2] = {-1, -1}, out[2];
    ends[0] = ends[1] = -1;
    if (pipe2(out, O_CLOEXEC) || (c->inst->spec->interactive && pipe2(in, O_CLOEXEC)))
        return err_errno(err, errno, "make pipes");
    ends[0] = in[0] >= 0 ? in[0] : open("/dev/null", O_RDONLY | O_CLOEXEC);
    ends[1] = out[1];
    c->out  = out[0];
    c->in   = in[1];
    fcntl(c->out, F_SETFL, O_NONBLOCK);
    if (c->in >= 0)
        fcntl(c->in, F_SETFL, O_NONBLOCK);
    return 0;
}

int child_terminal(struct child *c, int fd, struct err *err)
{
    c->out = fd;
    c->in  = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return c->in < 0 ? err_errno(err, errno, "keep the terminal") : 0;
}

int child_open(struct child *c, int ends[2], struct err *err)
{
    if (!c->inst->spec->tty)
        return child_pipes(c, ends, err);
    int fd  = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    ends[0] = ends[1] = -1;
    if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0)
        return err_errno(err, errno, "make a terminal");
    ends[0] = ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    ends[1] = ends[0] < 0 ? -1 : fcntl(ends[0], F_DUPFD_CLOEXEC, 3);
    int rc  = ends[1] < 0 ? err_errno(err, errno, "open the terminal") : 0;
    return rc ? rc : child_terminal(c, fd, err);
}

/* --- its life --- */

static void on_end(void *ctx, int fd, u32 events)
{
    struct child *c       = ctx;
    int           status  = 0;
    char          why[64] = "";
    (void)fd;
    (void)events;
    if (waitpid(c->pid, &status, WNOHANG) != c->pid)
        return;
    loop_unwatch(c->ended);
    c->ended = NULL;
    child_drain(c);
    c->pid = 0;
    if (WIFSIGNALED(status))
        snprintf(why, sizeof(why), "killed by signal %d", WTERMSIG(status));
    instance_exited(c->inst, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
                    why);
}

int child_watch(struct child *c, pid_t pid, struct err *err)
{
    struct loop *loop = c->inst->loop;
    c->pid            = pid;
    c->pidfd          = (int)syscall(SYS_pidfd_open, pid, 0);
    if (c->pidfd < 0)
        return err_errno(err, errno, "watch process %d", (int)pid);
    int rc = loop_watch(loop, c->out, EPOLLIN, on_output, c, &c->says, err);
    if (!rc && c->in >= 0)
        rc = loop_watch(loop, c->in, 0, on_room, c, &c->room, err);
    return rc ? rc : loop_watch(loop, c->pidfd, EPOLLIN, on_end, c, &c->ended, err);
}

void child_done(struct child *c)
{
    const int fds[] = {c->pidfd, c->in, c->out};
    loop_unwatch(c->ended);
    loop_unwatch(c->says);
    loop_unwatch(c->room);
    for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    child_init(c, c->inst);
}

/* container/wait.c - a runtime in the foreground: signals go to the program, its terminal to
 * ours, its end is ours. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/runtime.h"

#define SIGNALLED 128

struct foreground {
    pid_t          pid;
    int            signals, console; /* console: -1 when there is none */
    bool           raw, input_ended;
    struct termios saved;
};

static void copy_size(const struct foreground *f)
{
    struct winsize size;
    if (f->console >= 0 && ioctl(0, TIOCGWINSZ, &size) == 0 && size.ws_row)
        ioctl(f->console, TIOCSWINSZ, &size);
}

static void make_raw(struct foreground *f)
{
    struct termios raw;
    if (f->console < 0 || tcgetattr(0, &f->saved) < 0)
        return;
    raw = f->saved;
    cfmakeraw(&raw);
    raw.c_oflag |= OPOST;
    f->raw = tcsetattr(0, TCSANOW, &raw) == 0;
}

/* Copies what there is; false: there will be no more. */
static bool copy(int from, int to)
{
    char    buffer[8192];
    ssize_t n = read(from, buffer, sizeof(buffer));
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    for (ssize_t done = 0; done < n;) {
        ssize_t put = write(to, buffer + done, (size_t)(n - done));
        if (put < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        done += put > 0 ? put : 0;
    }
    return true;
}

/* A signal for us: the children's we look at, all others are passed on. True: it has ended. */
static bool on_signal(struct foreground *f, int *wait_status)
{
    struct signalfd_siginfo info;
    if (read(f->signals, &info, sizeof(info)) != sizeof(info))
        return false;
    if (info.ssi_signo == SIGWINCH)
        copy_size(f);
    else if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGURG)
        kill(f->pid, (int)info.ssi_signo);
    if (info.ssi_signo != SIGCHLD)
        return false;
    bool ended = false;
    int  status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid != f->pid)
            continue;
        *wait_status = status;
        ended        = true;
    }
    return ended;
}

static void drain(const struct foreground *f)
{
    struct pollfd p = {f->console, POLLIN, 0};
    while (f->console >= 0 && poll(&p, 1, 0) > 0 && p.revents & POLLIN && copy(f->console, 1))
        continue;
}

static int follow(struct foreground *f)
{
    int status = 0;
    for (;;) {
        struct pollfd p[] = {{f->signals, POLLIN, 0},
                             {f->console, POLLIN, 0},
                             {f->console >= 0 && !f->input_ended ? 0 : -1, POLLIN, 0}};
        if (poll(p, 3, -1) < 0)
            continue;
        if (p[1].revents && !copy(f->console, 1)) {
            f->console     = -1;
            f->input_ended = true;
        }
        if (p[2].revents && !copy(0, f->console))
            f->input_ended = true;
        if (p[0].revents && on_signal(f, &status))
            return status;
    }
}

void runtime_hold_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

int runtime_wait(pid_t pid, int console_fd, int *status, struct err *err)
{
    struct foreground f = {.pid = pid, .console = console_fd};
    sigset_t          all;
    sigfillset(&all);
    runtime_hold_signals();
    f.signals = signalfd(-1, &all, SFD_CLOEXEC);
    if (f.signals < 0)
        return err_errno(err, errno, "hear of signals");
    copy_size(&f);
    make_raw(&f);
    int   got   = 0;
    pid_t early = waitpid(pid, &got, WNOHANG); /* it ended before signals were blocked */
    if (early != pid)
        got = follow(&f);
    drain(&f);
    if (f.raw)
        tcsetattr(0, TCSANOW, &f.saved);
    close(f.signals);
    *status = WIFSIGNALED(got) ? SIGNALLED + WTERMSIG(got) : WEXITSTATUS(got);
    return 0;
}

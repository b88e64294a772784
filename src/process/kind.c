/* process/kind.c - the kind `process` for the monitor: a child that becomes guise-user.
 *
 * The program is a process of its own, so what it does cannot reach the monitor. Its input and
 * output are a terminal with -t, otherwise pipes; both end at the console. Loop thread only. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "process/kind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/process.h"

struct child {
    struct instance inst;
    pid_t           pid;
    int             pidfd, in, out; /* in: what it reads from us, -1: nothing; may be out */
    struct watch   *ended, *says, *room;
};

static struct child *of(struct instance *inst)
{
    return container_of(inst, struct child, inst);
}

static void probe(const struct spec *spec, struct probe *out)
{
    u8             head[64] = {0};
    cleanup_fd int fd       = open(spec->workload, O_RDONLY | O_CLOEXEC);
    ssize_t        n        = fd < 0 ? 0 : read(fd, head, sizeof(head));
    bool           mine     = n > 0 && elf_is_ours(head, (u64)n);
    *out = (struct probe){.score = mine ? 70 : 0, .engine = spec->engine ? spec->engine : "jit"};
    /* Below what a machine says of a program linked for its board's memory. */
    if (mine && access(spec->workload, X_OK) == 0 && !spec->firmware)
        out->score = 75;
    snprintf(out->why, sizeof(out->why), "%s",
             mine ? "an ELF program for 64-bit RISC-V Linux" : "no ELF program for riscv64 Linux");
    snprintf(out->engine_why, sizeof(out->engine_why), "%s",
             spec->engine ? "--engine asks for it" : "the default for programs");
}

/* --- output and input --- */

/* What is there now; false: it has closed its end. */
static bool drain(struct child *c)
{
    char data[4096];
    for (;;) {
        ssize_t n = read(c->out, data, sizeof(data));
        if (n > 0)
            console_write(c->inst.console, data, (size_t)n);
        else if (n < 0 && errno == EINTR)
            continue;
        else
            return n < 0 && errno == EAGAIN;
    }
}

static void on_output(void *ctx, int fd, u32 events)
{
    struct child *c = ctx;
    (void)fd;
    (void)events;
    if (!drain(c)) {
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
        console_ready(c->inst.console);
}

static size_t input(void *ctx, const u8 *data, size_t len)
{
    struct child *c = ctx;
    if (c->in < 0)
        return len; /* nobody reads it */
    ssize_t n = write(c->in, data, len);
    if (n >= 0)
        return (size_t)n;
    if (errno != EAGAIN)
        return len;
    loop_rewatch(c->room, EPOLLOUT);
    return 0;
}

static void resize(void *ctx, unsigned columns, unsigned rows)
{
    struct child  *c = ctx;
    struct winsize w = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
    if (c->inst.spec->tty && c->out >= 0)
        ioctl(c->out, TIOCSWINSZ, &w);
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
    drain(c);
    c->pid = 0;
    if (WIFSIGNALED(status))
        snprintf(why, sizeof(why), "killed by signal %d", WTERMSIG(status));
    instance_exited(&c->inst, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
                    why);
}

static int open_terminal(struct child *c, int ends[2], struct err *err)
{
    char name[64];
    int  m = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (m < 0 || grantpt(m) || unlockpt(m) || ptsname_r(m, name, sizeof(name)))
        return err_errno(err, errno, "make a terminal");
    ends[0] = ends[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    c->out            = m;
    c->in             = fcntl(m, F_DUPFD_CLOEXEC, 3);
    return ends[0] < 0 || c->in < 0 ? err_errno(err, errno, "open the terminal") : 0;
}

/* ends: what the program has as input and output. */
static int open_pipes(struct child *c, int ends[2], struct err *err)
{
    int in[2] = {-1, -1}, out[2];
    if (pipe2(out, O_CLOEXEC) || (c->inst.spec->interactive && pipe2(in, O_CLOEXEC)))
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

/* Given variables win over those that we have. */
static char **environment(const struct spec *spec)
{
    char **list = NULL;
    for (char **e = environ; e && *e; e++) {
        size_t len   = strcspn(*e, "=") + 1;
        bool   again = false;
        for (char **given = spec->env; given && *given; given++)
            again |= strncmp(*given, *e, len) == 0;
        if (!again)
            strings_add(&list, *e);
    }
    for (char **given = spec->env; given && *given; given++)
        strings_add(&list, *given);
    return list;
}

static char **words(const struct spec *spec)
{
    char **list = NULL, vlen[16];
    strings_add(&list, "guise-user");
    if (spec->engine && !strcmp(spec->engine, "interp"))
        strings_add(&list, "--interp");
    if (spec->jit) {
        strings_add(&list, "--jit");
        strings_add(&list, spec->jit);
    }
    if (spec->vlen != RV64_VLEN) {
        snprintf(vlen, sizeof(vlen), "%u", spec->vlen);
        strings_add(&list, "--vlen");
        strings_add(&list, vlen);
    }
    if (spec->strace)
        strings_add(&list, "--strace");
    if (spec->root) {
        strings_add(&list, "--root");
        strings_add(&list, spec->root);
    }
    strings_add(&list, "--");
    strings_add(&list, spec->workload);
    for (char **a = spec->args; a && *a; a++)
        strings_add(&list, *a);
    return list;
}

static _Noreturn void become(const struct spec *spec, const int ends[2], char **argv, char **envp)
{
    setsid();
    if (spec->tty)
        ioctl(ends[0], TIOCSCTTY, 0);
    sigset_t none;
    sigemptyset(&none);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (spec->cwd && chdir(spec->cwd))
        _exit(126);
    umask(022);
    dup2(ends[0], 0);
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    execve("/proc/self/exe", argv, envp);
    _exit(126);
}

static int create(struct instance *inst, struct err *err)
{
    struct child *c = of(inst);
    c->pidfd = c->in = c->out = -1;
    if (access(inst->spec->workload, R_OK) < 0)
        return err_errno(err, errno, "open '%s'", inst->spec->workload);
    console_connect(inst->console, &(struct console_port){input, resize, c});
    return 0;
}

static int watch(struct child *c, struct err *err)
{
    struct loop *loop = c->inst.loop;
    c->pidfd          = (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (c->pidfd < 0)
        return err_errno(err, errno, "watch the program");
    int rc = loop_watch(loop, c->out, EPOLLIN, on_output, c, &c->says, err);
    if (!rc && c->in >= 0)
        rc = loop_watch(loop, c->in, 0, on_room, c, &c->room, err);
    return rc ? rc : loop_watch(loop, c->pidfd, EPOLLIN, on_end, c, &c->ended, err);
}

static int start(struct instance *inst, struct err *err)
{
    struct child *c       = of(inst);
    int           ends[2] = {-1, -1};
    int           rc = inst->spec->tty ? open_terminal(c, ends, err) : open_pipes(c, ends, err);
    if (rc)
        return rc;
    char **argv = words(inst->spec), **envp = environment(inst->spec);
    c->pid = fork();
    if (c->pid == 0)
        become(inst->spec, ends, argv, envp);
    if (c->pid < 0)
        rc = err_errno(err, errno, "make a process");
    strings_free(argv);
    strings_free(envp);
    close(ends[0]);
    if (ends[1] != ends[0])
        close(ends[1]);
    if (!rc)
        rc = watch(c, err);
    console_ready(inst->console);
    return rc;
}

static int send_signal(struct instance *inst, int sig, struct err *err)
{
    struct child *c = of(inst);
    return c->pid > 0 && kill(-c->pid, sig) ? err_errno(err, errno, "signal the program") : 0;
}

static int pause_(struct instance *inst, struct err *err)
{
    return send_signal(inst, SIGSTOP, err);
}

static int resume(struct instance *inst, struct err *err)
{
    return send_signal(inst, SIGCONT, err);
}

static int stop(struct instance *inst, struct err *err)
{
    return send_signal(inst, SIGTERM, err);
}

static int kill_(struct instance *inst, int sig, struct err *err)
{
    return send_signal(inst, sig, err);
}

static void destroy(struct instance *inst)
{
    struct child *c = of(inst);
    loop_unwatch(c->ended);
    loop_unwatch(c->says);
    loop_unwatch(c->room);
    if (c->pid > 0) {
        kill(-c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
    }
    const int fds[] = {c->pidfd, c->in, c->out};
    for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static const char *const engines[] = {"jit", "interp", NULL};

const struct kind process_kind = {
    .name    = "process",
    .summary = "a Linux program for riscv64",
    .engines = engines,
    .size    = sizeof(struct child),
    .probe   = probe,
    .create  = create,
    .start   = start,
    .pause   = pause_,
    .resume  = resume,
    .stop    = stop,
    .kill    = kill_,
    .destroy = destroy,
};

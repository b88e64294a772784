/* java/kind/kind.c - see kind.h: a child of the monitor's, its output and input at the console.
 * Loop thread only. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/kind/kind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "java/kind/workload.h"

struct java {
    struct instance inst;
    char          **argv;
    pid_t           pid;            /* 0: none */
    int             pidfd, in, out; /* in: what it reads from us; the terminal, with -t, is both */
    struct watch   *ended, *says, *room;
};

static struct java *of(struct instance *inst)
{
    return container_of(inst, struct java, inst);
}

static void probe(const struct spec *spec, struct probe *out)
{
    static const struct {
        int         score;
        const char *why;
    } answers[] = {
        [WORKLOAD_NONE]  = {0, "neither a jar nor a class file"},
        [WORKLOAD_JAR]   = {92, "a jar"},
        [WORKLOAD_CLASS] = {95, "a Java class file"},
    };
    cleanup_free char *name = NULL;
    enum workload      w    = workload_look(spec->workload, &name);
    *out                    = (struct probe){.score = answers[w].score, .engine = "interp"};
    snprintf(out->why, sizeof(out->why), "%s", answers[w].why);
    snprintf(out->engine_why, sizeof(out->engine_why), "the only one");
}

/* -jar FILE, or the folder of a class and its name. */
static int add_workload(char ***words, const char *path, struct err *err)
{
    cleanup_free char *name = NULL, *root = NULL;
    enum workload      w = workload_look(path, &name);
    if (w == WORKLOAD_NONE)
        return err_set(err, ENOEXEC, "'%s' is neither a jar nor a class file", path);
    if (w == WORKLOAD_JAR) {
        strings_add(words, "-jar");
        strings_add(words, path);
        return 0;
    }
    root = workload_root(path, name);
    if (!root)
        return err_set(err, EINVAL, "'%s' has class %s, which belongs in another folder", path,
                       name);
    strings_add(words, "-cp");
    strings_add(words, root);
    strings_add(words, name);
    return 0;
}

static int create(struct instance *inst, struct err *err)
{
    struct java       *j     = of(inst);
    const struct spec *spec  = inst->spec;
    char             **words = NULL;
    j->pidfd = j->in = j->out = -1;
    for (char **s = spec->java_opts; s && *s; s++)
        strings_add(&words, *s);
    if (spec->memory_given) {
        cleanup_free char *max =
            xasprintf("-Xmx%lluk", (unsigned long long)spec->memory_bytes >> 10);
        strings_add(&words, max);
    }
    int rc = add_workload(&words, spec->workload, err);
    for (char **s = spec->args; !rc && s && *s; s++)
        strings_add(&words, *s);
    if (!rc)
        rc = java_command(words, &j->argv, err);
    strings_free(words);
    return rc;
}

/* ---- output and input ---- */

static bool drain(struct java *j)
{
    char data[4096];
    for (;;) {
        ssize_t n = j->out < 0 ? 0 : read(j->out, data, sizeof(data));
        if (n > 0)
            console_write(j->inst.console, data, (size_t)n);
        else if (n < 0 && errno == EINTR)
            continue;
        else
            return n < 0 && errno == EAGAIN;
    }
}

static void on_output(void *ctx, int fd, u32 events)
{
    struct java *j = ctx;
    (void)fd, (void)events;
    if (!drain(j)) {
        loop_unwatch(j->says);
        j->says = NULL;
    }
}

static void on_room(void *ctx, int fd, u32 events)
{
    struct java *j = ctx;
    (void)fd;
    loop_rewatch(j->room, 0);
    if (events & EPOLLOUT)
        console_ready(j->inst.console);
}

static size_t input(void *ctx, const u8 *data, size_t len)
{
    struct java *j = ctx;
    if (j->in < 0)
        return len; /* nobody reads it */
    ssize_t n = write(j->in, data, len);
    if (n >= 0)
        return (size_t)n;
    if (errno != EAGAIN)
        return len;
    loop_rewatch(j->room, EPOLLOUT);
    return 0;
}

static void resize(void *ctx, unsigned columns, unsigned rows)
{
    struct java   *j = ctx;
    struct winsize w = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
    if (j->inst.spec->tty && j->out >= 0)
        ioctl(j->out, TIOCSWINSZ, &w);
}

static int open_terminal(struct java *j, int ends[2], struct err *err)
{
    j->out = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (j->out < 0 || grantpt(j->out) < 0 || unlockpt(j->out) < 0)
        return err_errno(err, errno, "make a terminal");
    ends[0] = ioctl(j->out, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    ends[1] = ends[0] < 0 ? -1 : fcntl(ends[0], F_DUPFD_CLOEXEC, 3);
    j->in   = fcntl(j->out, F_DUPFD_CLOEXEC, 3);
    return ends[1] < 0 || j->in < 0 ? err_errno(err, errno, "make a terminal") : 0;
}

static int open_pipes(struct java *j, int ends[2], struct err *err)
{
    int in[2] = {-1, -1}, out[2];
    if (pipe2(out, O_CLOEXEC) || (j->inst.spec->interactive && pipe2(in, O_CLOEXEC)))
        return err_errno(err, errno, "make pipes");
    ends[0] = in[0] >= 0 ? in[0] : open("/dev/null", O_RDONLY | O_CLOEXEC);
    ends[1] = out[1];
    j->out  = out[0];
    j->in   = in[1];
    fcntl(j->out, F_SETFL, O_NONBLOCK);
    if (j->in >= 0)
        fcntl(j->in, F_SETFL, O_NONBLOCK);
    return 0;
}

/* ---- its life ---- */

static void on_end(void *ctx, int fd, u32 events)
{
    struct java *j       = ctx;
    int          status  = 0;
    char         why[64] = "";
    (void)fd, (void)events;
    if (waitpid(j->pid, &status, WNOHANG) != j->pid)
        return;
    loop_unwatch(j->ended);
    j->ended = NULL;
    drain(j);
    j->pid = 0;
    if (WIFSIGNALED(status))
        snprintf(why, sizeof(why), "killed by signal %d", WTERMSIG(status));
    instance_exited(&j->inst, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
                    why);
}

static _Noreturn void become(struct java *j, const int ends[2])
{
    const struct spec *spec = j->inst.spec;
    sigset_t           none;
    sigemptyset(&none);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    dup2(ends[0], 0);
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    if (spec->tty)
        ioctl(0, TIOCSCTTY, 0);
    for (char **e = spec->env; e && *e; e++)
        putenv(*e);
    if (spec->cwd && chdir(spec->cwd) < 0)
        dprintf(2, "guise: '%s': %s\n", spec->cwd, strerror(errno));
    else
        execv(j->argv[0], j->argv);
    dprintf(2, "guise: '%s': %s\n", j->argv[0], strerror(errno));
    _exit(127);
}

static int watch(struct java *j, struct err *err)
{
    struct loop *loop = j->inst.loop;
    j->pidfd          = (int)syscall(SYS_pidfd_open, j->pid, 0);
    if (j->pidfd < 0)
        return err_errno(err, errno, "watch java");
    int rc = loop_watch(loop, j->out, EPOLLIN, on_output, j, &j->says, err);
    if (!rc && j->in >= 0)
        rc = loop_watch(loop, j->in, 0, on_room, j, &j->room, err);
    return rc ? rc : loop_watch(loop, j->pidfd, EPOLLIN, on_end, j, &j->ended, err);
}

static int start(struct instance *inst, struct err *err)
{
    struct java *j       = of(inst);
    int          ends[2] = {-1, -1};
    int          rc      = inst->spec->tty ? open_terminal(j, ends, err) : open_pipes(j, ends, err);
    if (!rc) {
        j->pid = fork();
        if (j->pid == 0)
            become(j, ends);
        rc = j->pid < 0 ? err_errno(err, errno, "make a process") : 0;
    }
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    if (rc)
        return rc;
    console_connect(inst->console, &(struct console_port){input, resize, j});
    rc = watch(j, err);
    if (!rc)
        console_ready(inst->console);
    return rc;
}

/* Programs that Java started are in its session's group, unless they left it. */
static int send(struct instance *inst, int sig, bool group, struct err *err)
{
    struct java *j = of(inst);
    if (!j->pid)
        return 0;
    return kill(group ? -j->pid : j->pid, sig) < 0 ? err_errno(err, errno, "signal java") : 0;
}

static int pause_(struct instance *inst, struct err *err)
{
    return send(inst, SIGSTOP, true, err);
}

static int resume(struct instance *inst, struct err *err)
{
    return send(inst, SIGCONT, true, err);
}

static int stop(struct instance *inst, struct err *err)
{
    int rc = send(inst, SIGTERM, false, err); /* runs the shutdown hooks */
    return rc ? rc : send(inst, SIGCONT, true, err);
}

static int kill_(struct instance *inst, int sig, struct err *err)
{
    return send(inst, sig, sig == SIGKILL, err);
}

static void stats(struct instance *inst, struct stats *out)
{
    char               line[512];
    unsigned long      user, kernel, threads, resident = 0;
    cleanup_free char *stat = xasprintf("/proc/%d/stat", of(inst)->pid);
    FILE              *f    = of(inst)->pid ? fopen(stat, "re") : NULL;
    if (!f)
        return;
    char *rest = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
    fclose(f);
    if (!rest || sscanf(rest + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %lu "
                        "%*d %*u %*u %lu",
                        &user, &kernel, &threads, &resident) != 4)
        return;
    u64 tick = 1000000000ull / (u64)sysconf(_SC_CLK_TCK);
    stats_add(out, (user + kernel) * tick, "ns", "java.cpu");
    stats_add(out, threads, "", "java.threads");
    stats_add(out, resident * (u64)sysconf(_SC_PAGESIZE), "bytes", "java.memory");
}

static void destroy(struct instance *inst)
{
    struct java *j = of(inst);
    loop_unwatch(j->ended);
    loop_unwatch(j->says);
    loop_unwatch(j->room);
    if (j->pid) {
        kill(-j->pid, SIGKILL);
        waitpid(j->pid, NULL, 0);
    }
    const int fds[] = {j->pidfd, j->in, j->out};
    for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    strings_free(j->argv);
}

static const char *const engines[] = {"interp", NULL};

const struct kind java_kind = {
    .name    = "java",
    .summary = "a Java program: a jar or a class",
    .engines = engines,
    .size    = sizeof(struct java),
    .probe   = probe,
    .create  = create,
    .start   = start,
    .pause   = pause_,
    .resume  = resume,
    .stop    = stop,
    .kill    = kill_,
    .stats   = stats,
    .destroy = destroy,
};

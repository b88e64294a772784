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
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/process.h"
#include "vm/child.h"

struct foreign {
    struct instance inst;
    struct child    child;
};

static struct child *of(struct instance *inst)
{
    return &container_of(inst, struct foreign, inst)->child;
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

/* --- its life --- */

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
    child_init(of(inst), inst);
    if (access(inst->spec->workload, R_OK) < 0)
        return err_errno(err, errno, "open '%s'", inst->spec->workload);
    child_connect(of(inst));
    return 0;
}

static int start(struct instance *inst, struct err *err)
{
    struct child *c       = of(inst);
    int           ends[2] = {-1, -1};
    int           rc      = child_open(c, ends, err);
    if (!rc) {
        char **argv = words(inst->spec), **envp = environment(inst->spec);
        pid_t  pid = fork();
        if (pid == 0)
            become(inst->spec, ends, argv, envp);
        rc = pid < 0 ? err_errno(err, errno, "make a process") : child_watch(c, pid, err);
        strings_free(argv);
        strings_free(envp);
    }
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
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
    if (c->pid > 0) {
        kill(-c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
    }
    child_done(c);
}

static const char *const engines[] = {"jit", "interp", NULL};

const struct kind process_kind = {
    .name    = "process",
    .summary = "a Linux program for riscv64",
    .engines = engines,
    .size    = sizeof(struct foreign),
    .probe   = probe,
    .create  = create,
    .start   = start,
    .pause   = pause_,
    .resume  = resume,
    .stop    = stop,
    .kill    = kill_,
    .destroy = destroy,
};

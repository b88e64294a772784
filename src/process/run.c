/* process/run.c - a program from its file to its first instruction, and exec of the next one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/process.h"

enum { HIGH_FD = 900 }; /* our own descriptors stand above what programs count on */

/* A copy of FD, also above what the program's limit lets it have. */
static int keep_high(int fd)
{
    struct rlimit was, raised;
    bool          low = !getrlimit(RLIMIT_NOFILE, &was) && was.rlim_cur <= HIGH_FD;
    if (low) {
        raised = (struct rlimit){MIN(was.rlim_max, HIGH_FD + 1), was.rlim_max};
        setrlimit(RLIMIT_NOFILE, &raised);
    }
    int high = fcntl(fd, F_DUPFD_CLOEXEC, low ? MAX((int)raised.rlim_cur - 1, 3) : HIGH_FD);
    if (low)
        setrlimit(RLIMIT_NOFILE, &was);
    return high < 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : high;
}

static int open_root(struct program *p, struct err *err)
{
    p->root_fd = -1;
    if (!p->options.root)
        return 0;
    cleanup_fd int fd = open(p->options.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "open the root '%s'", p->options.root);
    p->root_fd   = keep_high(fd);
    p->root_path = realpath(p->options.root, NULL);
    return p->root_fd < 0 ? err_errno(err, errno, "keep the root '%s' open", p->options.root) : 0;
}

/* What the parent ignored or blocked stays so. */
static void inherit_signals(struct thread *t)
{
    struct sigaction sa;
    for (int sig = 1; sig <= SIGNALS; sig++)
        if (sig != 32 && sig != 33 && !sigaction(sig, NULL, &sa) && sa.sa_handler == SIG_IGN)
            t->program->actions[sig].handler = (u64)SIG_IGN;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &t->mask, 8);
    t->alt.flags = SS_DISABLE;
}

static int create(struct program **out, const struct options *options, struct err *err)
{
    struct program *p = xnew(struct program);
    p->options        = *options;
    pthread_mutex_init(&p->lock, NULL);
    int rc = mm_create(&p->mm, err);
    if (!rc)
        rc = open_root(p, err);
    if (!rc)
        rc = clock_host_create(&p->clock, NULL, 0, err);
    if (rc)
        return rc;
    clock_resume(p->clock);
    *out = p;
    return 0;
}

static void name_program(struct program *p, const char *path)
{
    p->exe = realpath(path, NULL);
    if (!p->exe)
        p->exe = xstrdup(path);
    p->exe_name       = path_inside(p, p->exe);
    const char *slash = strrchr(path, '/');
    prctl(PR_SET_NAME, slash ? slash + 1 : path);
}

static int open_program(struct program *p, const char *path, struct err *err)
{
    char real[4096];
    int  fd = p->options.exec_fd;
    if (fd < 0) {
        path_find(p, path, 0, real);
        path = real;
        fd   = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0)
        return err_errno(err, errno, "open '%s'", path);
    name_program(p, path);
    return fd;
}

int program_run(const char *path, char **argv, char **envp, const struct options *options,
                struct err *err)
{
    struct program *p;
    struct image    image;
    int             rc = create(&p, options, err);
    if (rc)
        return rc;
    p->args           = argv;
    cleanup_fd int fd = open_program(p, path, err);
    if (fd < 0)
        return fd;
    struct thread *t = self = thread_new(p, err);
    if (!t)
        return -ENOMEM;
    inherit_signals(t);
    rc = signals_start();
    if (rc)
        return err_errno(err, -rc, "handle signals");
    rc = elf_load(p, fd, &image, err);
    if (rc)
        return rc;
    p->mm.brk = p->mm.brk_start = image.end;
    rc                          = vdso_map(p, err);
    if (rc)
        return rc;
    rc = elf_stack(t, &image, argv, envp, &rv64_x(t->v)[2]);
    if (rc)
        return err_errno(err, -rc, "build the program's stack");
    *rv64_pc(t->v) = image.entry;
    close(steal_fd(&fd));
    set_host_mask(t->mask);
    thread_run(t);
}

/* --- exec --- */

/* The interpreter a script names, and its one argument; false: no script. */
static bool script_line(const char *head, char *name, char *arg, size_t room)
{
    *arg = *name = 0;
    if (head[0] != '#' || head[1] != '!')
        return false;
    const char *at  = head + 2 + strspn(head + 2, " \t");
    size_t      len = strcspn(at, " \t\n");
    snprintf(name, room, "%.*s", (int)len, at);
    at += len;
    at += strspn(at, " \t");
    len = strcspn(at, "\n");
    while (len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    snprintf(arg, room, "%.*s", (int)len, at);
    return *name;
}

static u64 count(char **list)
{
    u64 n = 0;
    while (list[n])
        n++;
    return n;
}

/* Ourselves again, told what to run. */
static int exec_foreign(struct thread *t, const char *path, char **argv, char **envp)
{
    const struct options *o    = &t->program->options;
    cleanup_free char   **list = xalloc((count(argv) + 16) * sizeof(char *));
    char                  vlen[16], control[16];
    u64                   n = 0;
    list[n++]               = (char *)"guise-user";
    if (o->strace)
        list[n++] = (char *)"--strace";
    if (o->stats)
        list[n++] = (char *)"--stats";
    if (o->interp)
        list[n++] = (char *)"--interp";
    if (o->lockstep)
        list[n++] = (char *)"--lockstep";
    if (o->hard) {
        list[n++] = (char *)"--jit";
        list[n++] = (char *)o->hard;
    }
    snprintf(vlen, sizeof(vlen), "%u", o->vlen);
    list[n++] = (char *)"--vlen";
    list[n++] = vlen;
    snprintf(control, sizeof(control), "%u", vectors_after_exec(t->vector_control));
    list[n++] = (char *)"--vectors";
    list[n++] = control;
    if (o->root) {
        list[n++] = (char *)"--root";
        list[n++] = t->program->root_path ? t->program->root_path : (char *)o->root;
    }
    list[n++] = (char *)"--argv0";
    list[n++] = argv[0] ? argv[0] : (char *)"";
    list[n++] = (char *)"--";
    list[n++] = (char *)path;
    for (u64 i = 1; argv[0] && argv[i]; i++)
        list[n++] = argv[i];
    execve("/proc/self/exe", list, envp);
    return -errno;
}

static int exec_depth(struct thread *t, const char *path, char **argv, char **envp, unsigned depth)
{
    char           head[260] = "", name[256], arg[256], real[4096];
    cleanup_fd int fd        = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t        n         = fd < 0 ? 0 : read(fd, head, sizeof(head) - 1);
    if (n >= 0 && !access(path, X_OK) && !t->program->options.by_kernel) {
        if (elf_is_ours((const u8 *)head, (u64)n))
            return exec_foreign(t, path, argv, envp);
        if (depth && script_line(head, name, arg, sizeof(name))) {
            cleanup_free char **list = xalloc((count(argv) + 4) * sizeof(char *));
            u64                 k    = 0;
            list[k++]                = name;
            if (*arg)
                list[k++] = arg;
            list[k++] = (char *)path;
            for (u64 i = 1; argv[0] && argv[i]; i++)
                list[k++] = argv[i];
            path_find(t->program, name, 0, real);
            return exec_depth(t, real, list, envp, depth - 1);
        }
    }
    execve(path, argv, envp);
    return -errno;
}

int program_exec(struct thread *t, const char *path, char **argv, char **envp)
{
    return exec_depth(t, path, argv, envp, 4);
}

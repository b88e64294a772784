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
#include "vm/child.h"

struct java {
    struct instance inst;
    char          **argv;
    struct child    child;
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
    child_init(&j->child, inst);
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

/* ---- its life ---- */

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

static int start(struct instance *inst, struct err *err)
{
    struct java *j       = of(inst);
    int          ends[2] = {-1, -1};
    int          rc      = child_open(&j->child, ends, err);
    if (!rc) {
        pid_t pid = fork();
        if (pid == 0)
            become(j, ends);
        rc = pid < 0 ? err_errno(err, errno, "make a process") : child_watch(&j->child, pid, err);
    }
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    if (rc)
        return rc;
    child_connect(&j->child);
    console_ready(inst->console);
    return 0;
}

/* Programs that Java started are in its session's group, unless they left it. */
static int send(struct instance *inst, int sig, bool group, struct err *err)
{
    struct java *j = of(inst);
    if (!j->child.pid)
        return 0;
    return kill(group ? -j->child.pid : j->child.pid, sig) < 0
               ? err_errno(err, errno, "signal java")
               : 0;
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
    cleanup_free char *stat = xasprintf("/proc/%d/stat", of(inst)->child.pid);
    FILE              *f    = of(inst)->child.pid ? fopen(stat, "re") : NULL;
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
    if (j->child.pid) {
        kill(-j->child.pid, SIGKILL);
        waitpid(j->child.pid, NULL, 0);
    }
    child_done(&j->child);
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

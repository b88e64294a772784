/* container/process.c - from a process with all rights to the container's program with its own.
 *
 * In three steps: what needs rights (process_before), giving them up (process_become), running
 * the program (process_run). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "container/box.h"
#include "container/check.h"
#include "container/schedule.h"
#include "isolation/caps.h"
#include "isolation/channel.h"
#include "isolation/inroot.h"
#include "isolation/procfs.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct {
    const char *name;
    int         number;
} limits[] = {
    {"RLIMIT_AS", RLIMIT_AS},           {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},         {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},     {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK}, {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},     {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},   {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_STACK", RLIMIT_STACK},     {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
};

int rlimit_number(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(limits); i++)
        if (strcmp(limits[i].name, name) == 0)
            return limits[i].number;
    return -1;
}

static int set_limits(const struct config_process *p, struct err *err)
{
    for (unsigned i = 0; i < p->n_rlimits; i++) {
        struct rlimit r = {p->rlimits[i].soft, p->rlimits[i].hard};
        int           n = rlimit_number(p->rlimits[i].type);
        if (n < 0)
            return err_set(err, EINVAL, "there is no rlimit '%s'", p->rlimits[i].type);
        if (setrlimit((__rlimit_resource_t)n, &r) < 0)
            return err_errno(err, errno, "set %s", p->rlimits[i].type);
    }
    return 0;
}

static int set_oom_score(struct box *b, struct err *err)
{
    char text[24];
    if (!b->process->oom_score.set)
        return 0;
    snprintf(text, sizeof(text), "%d", (int)b->process->oom_score.v);
    int rc = procfs_write(b->proc_fd, "self/oom_score_adj", text, err);
    /* Rootless, only raising it is allowed. */
    return (rc == -EACCES || rc == -EPERM) && b->in_userns ? 0 : rc;
}

static int set_labels(struct box *b, struct err *err)
{
    const char *apparmor = b->process->apparmor, *selinux = b->process->selinux;
    int         rc = 0;
    if (apparmor && apparmor[0] && strcmp(apparmor, "unconfined") != 0) {
        if (access("/sys/kernel/security/apparmor", F_OK) < 0 && b->root_fd < 0)
            return err_set(err, ENOTSUP, "apparmor is not enabled on this host");
        cleanup_free char *text = xasprintf("exec %s", apparmor);
        rc                      = procfs_write(b->proc_fd, "self/attr/apparmor/exec", text, err);
        if (rc == -ENOENT)
            rc = procfs_write(b->proc_fd, "self/attr/exec", text, err);
    }
    if (!rc && selinux && selinux[0])
        rc = procfs_write(b->proc_fd, "self/attr/exec", selinux, err);
    return rc ? err_wrap(err, "set the security label") : 0;
}

static int set_personality(const struct config_personality *p, struct err *err)
{
    unsigned long domain;
    if (!p)
        return 0;
    if (strcmp(p->domain, "LINUX") == 0)
        domain = PER_LINUX;
    else if (strcmp(p->domain, "LINUX32") == 0)
        domain = PER_LINUX32;
    else
        return err_set(err, EINVAL, "there is no personality '%s'", p->domain);
    if (p->flags && p->flags[0])
        return err_set(err, EINVAL, "personality has no flag '%s'", p->flags[0]);
    return personality(domain) < 0 ? err_errno(err, errno, "set the personality") : 0;
}

/* A keyring of its own: the host's keys are none of the container's. */
static void new_keyring(const struct box *b)
{
    cleanup_free char *name = xasprintf("_ses.%s", b->id);
    if (!b->no_keyring)
        syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
}

int process_before(struct box *b, struct err *err)
{
    new_keyring(b);
    int rc = set_oom_score(b, err);
    if (!rc)
        rc = schedule_apply(b->process, err);
    if (!rc)
        rc = set_personality(b->config->os.personality, err);
    if (!rc)
        rc = set_labels(b, err);
    return rc ? rc : set_limits(b->process, err);
}

/* ---- user and capabilities ---- */

static bool keeps_groups(const struct box *b)
{
    char           text[8] = "";
    cleanup_fd int fd      = openat(b->proc_fd, "self/setgroups", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, text, 4) == 4 && memcmp(text, "deny", 4) == 0;
}

static int set_user(struct box *b, struct err *err)
{
    const struct config_user *u = &b->process->user;
    if (setgroups(u->n_groups, u->groups) < 0 && (u->n_groups || !keeps_groups(b)))
        return err_errno(err, errno, "set additional groups");
    if (setresgid(u->gid, u->gid, u->gid) < 0)
        return err_errno(err, errno, "become group %u", u->gid);
    if (setresuid(u->uid, u->uid, u->uid) < 0)
        return err_errno(err, errno, "become user %u", u->uid);
    return 0;
}

/* Standard input and its like belong to who uses them, unless they are /dev/null or no file. */
static void own_stdio(const struct box *b)
{
    struct stat st, null;
    if (b->process->user.uid == 0 || (b->null_fd >= 0 && fstat(b->null_fd, &null) < 0))
        return;
    for (int fd = 0; fd < 3; fd++) {
        if (fstat(fd, &st) < 0 || (S_ISCHR(st.st_mode) && st.st_rdev == null.st_rdev) ||
            st.st_uid == b->process->user.uid)
            continue;
        if (fchown(fd, b->process->user.uid, st.st_gid) < 0) {
            /* Not ours to give away. */
        }
    }
}

static void read_caps(const struct config_caps *from, struct caps *out)
{
    const char *unknown = NULL;
    *out                = (struct caps){0};
    if (!from)
        return;
    out->bounding    = caps_set(from->bounding, &unknown);
    out->effective   = caps_set(from->effective, &unknown);
    out->inheritable = caps_set(from->inheritable, &unknown);
    out->permitted   = caps_set(from->permitted, &unknown);
    out->ambient     = caps_set(from->ambient, &unknown);
    if (unknown)
        log_warn("there is no capability '%s'", unknown);
}

/* A process that was outside must not find itself there: a working folder outside the root. */
static int enter_folder(const char *cwd, struct err *err)
{
    char here[PATH_MAX];
    if (chdir(cwd) < 0)
        return err_errno(err, errno, "chdir to cwd (\"%s\") set in config.json failed", cwd);
    if (syscall(SYS_getcwd, here, sizeof(here)) < 0 || here[0] != '/')
        return err_set(err, ENOENT,
                       "current working directory is outside of container mount "
                       "namespace root -- possible container breakout detected");
    return 0;
}

static int install_filter(struct box *b, struct err *err)
{
    int fd, rc;
    if (!b->filter.program.filter || b->filtered)
        return 0;
    rc          = seccomp_install(&b->filter, &fd, err);
    b->filtered = true;
    if (rc || fd < 0)
        return rc;
    rc = channel_send(b->channel, SAY_LISTENER, 0, NULL, fd);
    close(fd);
    return rc ? err_errno(err, -rc, "hand out the seccomp listener") : 0;
}

int process_become(struct box *b, struct err *err)
{
    const struct config_process *p = b->process;
    struct caps                  caps;
    read_caps(p->caps, &caps);
    if (p->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_errno(err, errno, "set no_new_privs");
    own_stdio(b);
    int rc = caps_bound(&caps, err);
    /* Without no_new_privs, a filter may be installed only by who has rights. */
    if (!rc && !p->no_new_privileges)
        rc = install_filter(b, err);
    if (!rc && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        rc = err_errno(err, errno, "keep capabilities");
    /* The working folder may be open to root only, or to the user only. */
    struct err first = {0};
    bool       there = !rc && enter_folder(p->cwd, &first) == 0;
    if (!rc)
        rc = set_user(b, err);
    if (!rc && !there)
        rc = enter_folder(p->cwd, err);
    if (!rc)
        rc = caps_apply(&caps, err);
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    if (p->user.umask.set)
        umask((mode_t)p->user.umask.v & 0777);
    else if (!b->entering)
        umask(0022);
    return rc;
}

/* ---- the program ---- */

static const char *env_find(char *const *env, const char *name)
{
    size_t      len   = strlen(name);
    const char *found = NULL;
    for (; env && *env; env++)
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
            found = *env + len + 1;
    return found;
}

static int not_runnable(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

static int find_in_path(struct box *b, const char *name, const char *list)
{
    int worst = ENOENT;
    for (const char *at = list;; at++) {
        size_t len  = strcspn(at, ":");
        char  *path = len ? xasprintf("%.*s/%s", (int)len, at, name) : xasprintf("./%s", name);
        int    code = not_runnable(path);
        if (!code) {
            b->program = path;
            return 0;
        }
        free(path);
        worst = code == EACCES ? EACCES : worst;
        at += len;
        if (!*at)
            return worst;
    }
}

int process_find(struct box *b, struct err *err)
{
    const char *name = b->process->args[0], *list = env_find(b->process->env, "PATH");
    if (!name[0])
        return err_set(err, ENOENT, "exec: \"\": executable file not found in $PATH");
    if (strchr(name, '/')) {
        int code   = not_runnable(name);
        b->program = name;
        if (code == ENOENT)
            return err_set(err, code, "exec: \"%s\": stat %s: no such file or directory", name,
                           name);
        return code ? err_set(err, code, "exec: \"%s\": %s", name,
                              code == EACCES ? "permission denied" : strerror(code))
                    : 0;
    }
    int code = find_in_path(b, name, list ? list : DEFAULT_PATH);
    if (code == ENOENT)
        return err_set(err, code, "exec: \"%s\": executable file not found in $PATH", name);
    return code ? err_set(err, code, "exec: \"%s\": permission denied", name) : 0;
}

/* HOME from the container's own /etc/passwd, which says whatever it likes. */
static char *find_home(const struct box *b)
{
    char  line[1024];
    char *home = NULL;
    FILE *f    = fopen("/etc/passwd", "re");
    while (f && !home && fgets(line, sizeof(line), f)) {
        char    *field[7], *rest = line;
        unsigned n                = 0;
        line[strcspn(line, "\n")] = 0;
        while (n < 7 && (field[n] = strsep(&rest, ":")))
            n++;
        if (n == 7 && (u32)strtoul(field[2], NULL, 10) == b->process->user.uid && field[2][0])
            home = xasprintf("HOME=%s", field[5][0] ? field[5] : "/");
    }
    if (f)
        fclose(f);
    return home ? home : xstrdup("HOME=/");
}

/* Of several with one name the last counts. */
static bool comes_again(char *const *env, const char *entry)
{
    size_t len = strcspn(entry, "=");
    for (; *env; env++)
        if (strncmp(*env, entry, len) == 0 && (*env)[len] == '=')
            return true;
    return false;
}

static char **make_env(const struct box *b)
{
    unsigned all = 0, n = 0;
    while (b->process->env && b->process->env[all])
        all++;
    char **env = xalloc((all + 6) * sizeof(*env));
    for (unsigned i = 0; i < all; i++)
        if (!comes_again(b->process->env + i + 1, b->process->env[i]))
            env[n++] = b->process->env[i];
    if (!env_find(env, "HOME"))
        env[n++] = find_home(b);
    if (b->notify[0])
        env[n++] = xasprintf("NOTIFY_SOCKET=%s", b->notify);
    if (b->listen_fds > 0) {
        env[n++] = xasprintf("LISTEN_FDS=%d", b->listen_fds);
        env[n++] = xasprintf("LISTEN_PID=%d", getpid());
    }
    return env;
}

/* A listener is handed out by the runtime, which is there until the container is created. */
int process_listen(struct box *b, struct err *err)
{
    return b->filter.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER ? install_filter(b, err) : 0;
}

int process_run(struct box *b, struct err *err)
{
    char   **env  = make_env(b);
    unsigned keep = 3 + b->preserve_fds + (unsigned)MAX(b->listen_fds, 0);
    int      rc   = b->process->no_new_privileges ? install_filter(b, err) : 0;
    if (rc)
        return rc;
    close_range(keep, ~0u, CLOSE_RANGE_CLOEXEC);
    if (b->die_with_parent && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return err_errno(err, errno, "end with the parent");
    execve(b->program, b->process->args, env);
    return err_set(err, errno, "exec %s: %s", b->program, strerror(errno));
}

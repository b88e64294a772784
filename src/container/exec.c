/* container/exec.c - another program in a container that is there.
 *
 * All namespaces of its first process are joined at once, by a descriptor of that process; the
 * config that the container was made from says what else holds. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/box.h"
#include "container/check.h"
#include "container/runtime.h"
#include "container/schedule.h"
#include "isolation/caps.h"
#include "isolation/channel.h"
#include "isolation/procfs.h"

int setns(int fd, int type);

struct entry {
    const struct runtime_exec *ask;
    struct box                 box;
    struct state               state;
    struct config             *config;
    struct config_process      process;
    int                        channel, console_fd, pid_fd;
    pid_t                      pid;
};

/* ---- what to run ---- */

static unsigned count(char *const *list)
{
    unsigned n = 0;
    while (list && list[n])
        n++;
    return n;
}

static char **join_lists(struct arena *a, char *const *first, char *const *second)
{
    unsigned n = count(first), m = count(second);
    char   **all = arena_alloc(a, (n + m + 1) * sizeof(*all));
    if (n)
        memcpy(all, first, n * sizeof(*all));
    if (m)
        memcpy(all + n, second, m * sizeof(*all));
    return all;
}

/* "UID[:GID]" */
static int parse_user(const char *text, struct config_user *u, struct err *err)
{
    char         *end;
    unsigned long uid = strtoul(text, &end, 10), gid = u->gid;
    if (end != text && *end == ':') {
        char *colon = end;
        gid         = strtoul(colon + 1, &end, 10);
        if (end == colon + 1)
            end = "?";
    }
    if (end == text || *end || uid > UINT32_MAX || gid > UINT32_MAX)
        return err_set(err, EINVAL, "'%s' is not of the form UID[:GID]", text);
    u->uid = (u32)uid;
    u->gid = (u32)gid;
    return 0;
}

static void add_caps(struct entry *e)
{
    struct arena       *a    = &e->config->arena;
    struct config_caps *caps = arena_alloc(a, sizeof(*caps)), *old = e->process.caps;
    if (old)
        *caps = *old;
    caps->bounding  = join_lists(a, caps->bounding, e->ask->caps);
    caps->effective = join_lists(a, caps->effective, e->ask->caps);
    caps->permitted = join_lists(a, caps->permitted, e->ask->caps);
    if (caps->ambient && caps->ambient[0]) {
        caps->inheritable = join_lists(a, caps->inheritable, e->ask->caps);
        caps->ambient     = join_lists(a, caps->ambient, e->ask->caps);
    }
    e->process.caps = caps;
}

static int choose_process(struct entry *e, struct err *err)
{
    const struct runtime_exec *ask = e->ask;
    struct config_process     *own;
    if (ask->process_file) {
        int rc = config_process_load(e->config, ask->process_file, &own, err);
        if (rc)
            return rc;
        e->process = *own;
        return config_process_check(&e->process, err);
    }
    e->process          = *e->config->process;
    e->process.args     = ask->args;
    e->process.terminal = ask->tty;
    e->process.env      = join_lists(&e->config->arena, e->process.env, ask->env);
    if (ask->cwd)
        e->process.cwd = (char *)ask->cwd;
    if (ask->apparmor)
        e->process.apparmor = (char *)ask->apparmor;
    if (ask->label)
        e->process.selinux = (char *)ask->label;
    e->process.no_new_privileges |= ask->no_new_privileges;
    if (count(ask->caps))
        add_caps(e);
    for (char *const *cap = ask->caps; cap && *cap; cap++)
        if (cap_number(*cap) < 0)
            return err_set(err, EINVAL, "there is no capability '%s'", *cap);
    int rc = ask->user ? parse_user(ask->user, &e->process.user, err) : 0;
    return rc ? rc : config_process_check(&e->process, err);
}

/* ---- entering ---- */

/* Enters the namespaces that differ from ours; in them, the root is the container's. */
static int enter(struct entry *e, struct err *err)
{
    int flags = 0;
    for (unsigned i = 0; i < NAMESPACES; i++) {
        char own[32], theirs[48];
        struct {
            char text[64];
        } a = {0}, b = {0};
        snprintf(own, sizeof(own), "self/ns/%s", namespaces[i].file);
        snprintf(theirs, sizeof(theirs), "%d/ns/%s", e->state.pid, namespaces[i].file);
        if (readlinkat(e->box.proc_fd, own, a.text, sizeof(a.text) - 1) > 0 &&
            readlinkat(e->box.proc_fd, theirs, b.text, sizeof(b.text) - 1) > 0 &&
            strcmp(a.text, b.text) != 0)
            flags |= (int)namespaces[i].flag;
    }
    char root[32];
    snprintf(root, sizeof(root), "%d/root", e->state.pid);
    cleanup_fd int top = openat(e->box.proc_fd, root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return err_errno(err, errno, "open the container's root");
    if (flags && setns(e->pid_fd, flags) < 0)
        return err_errno(err, errno, "join the container's namespaces");
    if (!(flags & CLONE_NEWNS) && (fchdir(top) < 0 || chroot(".") < 0))
        return err_errno(err, errno, "enter the container's root");
    e->box.in_userns = flags & CLONE_NEWUSER;
    if (e->box.in_userns && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
        return err_errno(err, errno, "become root of the user namespace");
    return 0;
}

/* The process that enters is not yet in the pid namespace; its child is. Made with the runtime
 * as its parent, so that it can be waited for. */
static _Noreturn void go_in(struct entry *e)
{
    struct err        err  = {0};
    struct clone_args args = {.flags = CLONE_PARENT};
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int rc = enter(e, &err);
    if (!rc) {
        long pid = syscall(SYS_clone3, &args, sizeof(args));
        if (pid == 0) {
            e->box.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
            init_main(&e->box);
        }
        if (pid < 0)
            err_errno(&err, errno, "make the process");
        else
            channel_send(e->box.channel, SAY_PID, (i32)pid, NULL, -1);
    }
    if (err.code)
        channel_send(e->box.channel, SAY_FAILED, err.code, err.text, -1);
    _exit(err.code ? 1 : 0);
}

static int spawn(struct entry *e, struct err *err)
{
    struct clone_args args = {.exit_signal = SIGCHLD};
    int               ends[2];
    int               rc = channel_create(ends, err);
    if (rc)
        return rc;
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        struct err inner = {0};
        close(ends[0]);
        e->box.channel = ends[1];
        /* In the cgroup before anything else: what the program may use, its making may too. */
        if (e->state.cgroup.n && cgroup_enter(&e->state.cgroup, getpid(), &inner)) {
            channel_send(ends[1], SAY_FAILED, inner.code, inner.text, -1);
            _exit(1);
        }
        go_in(e);
    }
    close(ends[1]);
    e->channel = ends[0];
    if (pid < 0)
        return err_errno(err, errno, "make a process");
    e->pid = (pid_t)pid;
    return 0;
}

static int hand_listener(struct entry *e, int fd, struct err *err)
{
    const struct seccomp_profile *p = e->config->os.seccomp;
    cleanup_free char            *state =
        state_text(e->state.id, "running", e->state.pid, e->state.bundle, e->config);
    cleanup_free char *text = xasprintf(
        "{\"ociVersion\":\"%s\",\"fds\":[\"seccompFd\"],\"pid\":%d,\"metadata\":\"%s\","
        "\"state\":%s}",
        e->config->version, e->pid, p->listener_metadata ? p->listener_metadata : "", state);
    int rc = channel_hand_over(p->listener_path, text, fd, err);
    close(fd);
    return rc;
}

static int keep_console(struct entry *e, int fd, struct err *err)
{
    int rc = 0;
    if (e->ask->console_socket) {
        rc = channel_hand_over(e->ask->console_socket, "/dev/ptmx", fd, err);
        close(fd);
    } else {
        e->console_fd = fd;
    }
    return rc;
}

/* Until the program runs: the channel's end. */
static int listen_to(struct entry *e, struct err *err)
{
    struct message msg;
    bool           created = false;
    for (int rc; (rc = channel_receive(e->channel, &msg)) != 0;) {
        if (rc < 0)
            return err_errno(err, -rc, "hear the process");
        rc = 0;
        if (msg.what == SAY_PID) {
            waitpid(e->pid, NULL, 0);
            e->pid = msg.number;
        } else if (msg.what == SAY_CONSOLE) {
            rc = keep_console(e, msg.fd, err);
        } else if (msg.what == SAY_LISTENER) {
            rc = hand_listener(e, msg.fd, err);
        } else if (msg.what == SAY_FAILED) {
            return err_set(err, msg.number ? msg.number : EIO, "%s", msg.text);
        }
        created |= msg.what == SAY_CREATED;
        if (rc)
            return rc;
    }
    return created ? 0 : err_set(err, EPIPE, "the process ended before it was ready");
}

static int check_status(struct entry *e, struct err *err)
{
    enum status status = state_status(&e->state, e->box.proc_fd);
    if (status == STATUS_STOPPED || status == STATUS_CREATING)
        return err_set(err, EBUSY, "cannot exec in a stopped container");
    if (status == STATUS_PAUSED && !e->ask->ignore_paused)
        return err_set(err, EBUSY,
                       "cannot exec in a paused container (use --ignore-paused to "
                       "override)");
    e->pid_fd = (int)syscall(SYS_pidfd_open, e->state.pid, 0);
    return e->pid_fd < 0 ? err_errno(err, errno, "open the container's process") : 0;
}

static int prepare(struct entry *e, struct err *err)
{
    struct box *b  = &e->box;
    int         rc = procfs_open(&b->proc_fd, err);
    if (!rc)
        rc = state_load(&e->state, e->ask->root, e->ask->id, err);
    if (!rc)
        rc = check_status(e, err);
    if (!rc)
        rc = runtime_config(&e->state, &e->config, err);
    if (!rc)
        rc = choose_process(e, err);
    if (!rc && e->config->os.seccomp)
        rc = seccomp_compile(e->config->os.seccomp, &b->filter, err);
    b->id           = e->ask->id;
    b->bundle       = e->state.bundle;
    b->config       = e->config;
    b->process      = &e->process;
    b->preserve_fds = e->ask->preserve_fds;
    b->entering     = true;
    b->null_fd      = open("/dev/null", O_PATH | O_CLOEXEC);
    return rc;
}

static void done(struct entry *e)
{
    const int fds[] = {e->box.proc_fd, e->box.null_fd, e->channel, e->console_fd, e->pid_fd};
    for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    seccomp_done(&e->box.filter);
    state_done(&e->state);
    config_destroy(e->config);
}

static int check_terminal(const struct entry *e, struct err *err)
{
    if (e->ask->detach && e->process.terminal && !e->ask->console_socket)
        return err_set(err, EINVAL,
                       "a terminal needs --console-socket when the runtime does not wait");
    if (!(e->ask->detach && e->process.terminal) && e->ask->console_socket)
        return err_set(err, EINVAL,
                       "--console-socket is for a terminal of a container that is "
                       "detached");
    return 0;
}

int runtime_exec(const struct runtime_exec *ask, int *status, struct err *err)
{
    struct entry e = {.ask = ask, .channel = -1, .console_fd = -1, .pid_fd = -1};
    e.box.proc_fd = e.box.fifo_fd = e.box.null_fd = e.box.root_fd = -1;
    memset(e.box.joined, 0xff, sizeof(e.box.joined));
    int rc = prepare(&e, err);
    if (!rc)
        rc = check_terminal(&e, err);
    if (!rc)
        rc = spawn(&e, err);
    if (!rc && !ask->detach)
        runtime_hold_signals();
    if (!rc)
        rc = listen_to(&e, err);
    if (!rc && ask->pid_file)
        rc = runtime_write_pid(ask->pid_file, e.pid, err);
    if (rc && e.pid > 0) {
        kill(e.pid, SIGKILL);
        waitpid(e.pid, NULL, 0);
    } else if (!rc && !ask->detach) {
        rc = runtime_wait(e.pid, e.console_fd, status, err);
    }
    done(&e);
    return rc;
}

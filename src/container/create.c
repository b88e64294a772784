/* container/create.c - makes a container, from the outside: cgroup, process, id maps, hooks.
 *
 * The process is made with all its namespaces at once and mounts its root while this one makes
 * the cgroup: they meet when both are done. Whatever fails, all is undone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "container/box.h"
#include "container/check.h"
#include "container/mounts.h"
#include "container/runtime.h"
#include "isolation/channel.h"
#include "isolation/procfs.h"

int setns(int fd, int type);
int unshare(int flags);

struct making {
    const struct runtime_create *ask;
    struct box                   box;
    struct state                 state;
    struct config               *config;
    int                          channel; /* this end */
    int                          console_fd;
    pid_t                        pid;
};

/* ---- before ---- */

static int find_root(struct making *m, struct err *err)
{
    struct stat st;
    const char *path = m->config->root.path;
    m->state.rootfs  = path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", m->ask->bundle, path);
    m->box.rootfs    = m->state.rootfs;
    if (stat(m->state.rootfs, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_errno(err, errno ? errno : ENOTDIR, "root '%s'", m->state.rootfs);
    return 0;
}

static int open_namespaces(struct making *m, struct err *err)
{
    struct box *b = &m->box;
    for (unsigned i = 0; i < NAMESPACES; i++) {
        const struct config_namespace *ns = config_namespace(m->config, namespaces[i].name);
        b->joined[i]                      = -1;
        if (!ns)
            continue;
        if (!ns->path || !ns->path[0]) {
            b->new_flags |= namespaces[i].flag;
            continue;
        }
        b->joined[i] = namespace_open(&namespaces[i], ns->path, err);
        if (b->joined[i] < 0)
            return b->joined[i];
    }
    b->in_userns = b->joined[JOINED_USER] >= 0 || b->new_flags & CLONE_NEWUSER;
    return 0;
}

static int prepare_mounts(struct making *m, struct err *err)
{
    int rc           = 0;
    m->box.mount_fds = xalloc((m->config->n_mounts + 1) * sizeof(int));
    memset(m->box.mount_fds, 0xff, (m->config->n_mounts + 1) * sizeof(int));
    for (unsigned i = 0; i < m->config->n_mounts && !rc; i++)
        rc = mounts_prepare(&m->box, &m->config->mounts[i], &m->box.mount_fds[i], err);
    return rc;
}

static int prepare_fifo(struct making *m, struct err *err)
{
    cleanup_free char *path = xasprintf("%s/exec.fifo", m->state.dir);
    if (mkfifo(path, 0600) < 0)
        return err_errno(err, errno, "make '%s'", path);
    m->box.fifo_fd = open(path, O_RDWR | O_CLOEXEC);
    return m->box.fifo_fd < 0 ? err_errno(err, errno, "open '%s'", path) : 0;
}

static int listen_fds(void)
{
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
    if (!n || (pid && strtol(pid, NULL, 10) != getpid()))
        return 0;
    long count = strtol(n, NULL, 10);
    return count > 0 && count < 1024 ? (int)count : 0;
}

static int prepare(struct making *m, struct err *err)
{
    struct box *b      = &m->box;
    b->id              = m->ask->id;
    b->bundle          = m->ask->bundle;
    b->config          = m->config;
    b->process         = m->config->process;
    b->preserve_fds    = m->ask->preserve_fds;
    b->no_pivot        = m->ask->no_pivot;
    b->die_with_parent = m->ask->die_with_parent;
    b->no_keyring      = m->ask->no_keyring;
    b->listen_fds      = listen_fds();
    b->null_fd         = open("/dev/null", O_PATH | O_CLOEXEC);
    int rc             = procfs_open(&b->proc_fd, err);
    if (!rc)
        rc = find_root(m, err);
    if (!rc)
        rc = open_namespaces(m, err);
    if (!rc && m->config->os.seccomp)
        rc = seccomp_compile(m->config->os.seccomp, &b->filter, err);
    if (!rc)
        rc = cgroup_find(&b->cgroup, b->proc_fd, m->config->os.cgroup_path, m->ask->id, err);
    if (!rc)
        rc = prepare_mounts(m, err);
    return rc || m->ask->run ? rc : prepare_fifo(m, err);
}

/* ---- the process ---- */

/* Offsets of a time namespace can be set only while nobody is in it. */
static int make_time_namespace(struct making *m, struct err *err)
{
    char text[160];
    if (!(m->box.new_flags & CLONE_NEWTIME))
        return 0;
    if (unshare(CLONE_NEWTIME) < 0)
        return err_errno(err, errno, "make a time namespace");
    for (unsigned i = 0; i < m->config->os.n_offsets; i++) {
        const struct config_offset *o = &m->config->os.offsets[i];
        snprintf(text, sizeof(text), "%.32s %lld %u", o->name, (long long)o->secs, o->nanosecs);
        int rc = procfs_write(m->box.proc_fd, "self/timens_offsets", text, err);
        if (rc)
            return err_wrap(err, "timeOffsets '%s'", o->name);
    }
    return 0;
}

static int back_to(int proc_fd, const char *file, int type)
{
    cleanup_fd int fd = openat(proc_fd, file, O_RDONLY | O_CLOEXEC);
    return fd < 0 || setns(fd, type) < 0 ? -errno : 0;
}

static int clone_process(struct making *m, struct err *err)
{
    struct clone_args args = {.exit_signal = SIGCHLD};
    struct box       *b    = &m->box;
    int               ends[2];
    int               rc = channel_create(ends, err);
    if (!rc)
        rc = make_time_namespace(m, err);
    if (rc)
        return rc;
    bool user_joined = b->joined[JOINED_USER] >= 0,
         pid_joined  = b->joined[JOINED_PID] >= 0 && !user_joined;
    if (!user_joined)
        args.flags = b->new_flags & ~(u64)(CLONE_NEWCGROUP | CLONE_NEWTIME);
    if (pid_joined && setns(b->joined[JOINED_PID], CLONE_NEWPID) < 0)
        return err_errno(err, errno, "join the pid namespace");
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        close(ends[0]);
        b->channel = ends[1];
        init_main(b);
    }
    if (pid_joined)
        back_to(b->proc_fd, "self/ns/pid", CLONE_NEWPID);
    if (b->new_flags & CLONE_NEWTIME)
        back_to(b->proc_fd, "self/ns/time", CLONE_NEWTIME);
    if (pid < 0)
        rc = err_errno(err, errno, "make the container's process");
    close(ends[1]);
    m->channel = ends[0];
    m->pid     = pid < 0 ? 0 : (pid_t)pid;
    return rc;
}

/* Without a cgroup a container runs where its maker is; only asked-for limits make that wrong. */
static int fill_cgroup(struct making *m, struct err *err)
{
    struct cgroup       *g      = &m->box.cgroup;
    const struct limits *limits = m->config->os.resources;
    int                  rc     = cgroup_make(g, err);
    if (!rc && limits)
        rc = cgroup_limit(g, limits, err);
    if (!rc && limits)
        rc = cgroup_devices(g, limits, err);
    /* Who may do it, enters by itself. */
    return rc || !m->box.in_userns ? rc : cgroup_enter(g, m->pid, err);
}

static int meet(struct making *m, struct err *err)
{
    int rc = fill_cgroup(m, err);
    if (!rc && (rc = channel_send(m->channel, SAY_GO, 0, NULL, -1)))
        rc = 0; /* it has ended: what it said last tells why */
    return rc;
}

/* ---- what the process says ---- */

static int keep_console(struct making *m, int fd, struct err *err)
{
    int rc = 0;
    if (m->ask->console_socket) {
        rc = channel_hand_over(m->ask->console_socket, "/dev/ptmx", fd, err);
        close(fd);
    } else {
        m->console_fd = fd;
    }
    return rc;
}

/* OCI runtime specification, "Container Process State". */
static int hand_listener(struct making *m, int fd, struct err *err)
{
    const struct seccomp_profile *p = m->config->os.seccomp;
    cleanup_free char            *state =
        state_text(m->ask->id, "creating", m->pid, m->ask->bundle, m->config);
    cleanup_free char *text = xasprintf(
        "{\"ociVersion\":\"%s\",\"fds\":[\"seccompFd\"],\"pid\":%d,\"metadata\":\"%s\","
        "\"state\":%s}",
        m->config->version, m->pid, p->listener_metadata ? p->listener_metadata : "", state);
    int rc = channel_hand_over(p->listener_path, text, fd, err);
    close(fd);
    return rc;
}

static int run_host_hooks(struct making *m, struct err *err)
{
    const struct config_hooks *h = &m->config->hooks;
    int rc = hooks_run(&m->box, h->prestart, h->n_prestart, "prestart", "creating", m->pid, err);
    if (!rc)
        rc = hooks_run(&m->box, h->create_runtime, h->n_create_runtime, "createRuntime", "creating",
                       m->pid, err);
    if (!rc)
        channel_send(m->channel, SAY_GO, 0, NULL, -1);
    return rc;
}

static int map_user(struct making *m, struct err *err)
{
    const struct config_linux *l = &m->config->os;
    int rc = ids_write(m->box.proc_fd, m->pid, l->uids, l->n_uids, l->gids, l->n_gids, err);
    return rc ? rc : channel_send(m->channel, SAY_GO, 0, NULL, -1);
}

/* Another process goes on in the namespaces; the first has ended. */
static int follow(struct making *m, pid_t pid)
{
    waitpid(m->pid, NULL, 0);
    m->pid = pid;
    return 0;
}

/* Listens until UNTIL is said (0: until the end of the channel, which means the program runs). */
static int listen_until(struct making *m, u32 until, struct err *err)
{
    struct message msg;
    for (;;) {
        int rc = channel_receive(m->channel, &msg);
        if (rc < 0)
            return err_errno(err, -rc, "hear the container's process");
        if (rc == 0)
            return until ? err_set(err, EPIPE, "the container's process ended before it was ready")
                         : 0;
        rc = 0;
        switch (msg.what) {
        case SAY_PID:
            rc = follow(m, msg.number);
            break;
        case SAY_MAP:
            rc = map_user(m, err);
            break;
        case SAY_HOOKS:
            rc = run_host_hooks(m, err);
            break;
        case SAY_CONSOLE:
            rc = keep_console(m, msg.fd, err);
            break;
        case SAY_LISTENER:
            rc = hand_listener(m, msg.fd, err);
            break;
        case SAY_FAILED:
            return err_set(err, msg.number ? msg.number : EIO, "%s", msg.text);
        case SAY_CREATED:
            break;
        default:
            rc = err_set(err, EBADMSG, "the container's process says nonsense");
        }
        if (rc < 0 || msg.what == until)
            return rc;
    }
}

/* ---- after ---- */

static void now_text(char *text, size_t room)
{
    struct timespec ts;
    struct tm       tm;
    timespec_get(&ts, TIME_UTC);
    gmtime_r(&ts.tv_sec, &tm);
    size_t n = strftime(text, room, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, room - n, ".%09ldZ", ts.tv_nsec);
}

static int save_state(struct making *m, struct err *err)
{
    char  created[64], letter;
    char *owner = getenv("USER");
    now_text(created, sizeof(created));
    struct state s = m->state;
    s.pid          = m->pid;
    s.bundle       = (char *)m->ask->bundle;
    s.id           = (char *)m->ask->id;
    s.created      = created;
    s.owner        = owner && owner[0] ? owner : "root";
    s.cgroup       = m->box.cgroup;
    if (procfs_start(m->box.proc_fd, m->pid, &s.pid_start, &letter))
        return err_set(err, ESRCH, "the container's process is gone");
    return state_save(&s, m->config->source, err);
}

int runtime_write_pid(const char *path, pid_t pid, struct err *err)
{
    cleanup_free char *half = xasprintf("%s.new", path);
    cleanup_fd int     fd   = open(half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || dprintf(fd, "%d", pid) < 0 || rename(half, path) < 0)
        return err_errno(err, errno, "write '%s'", path);
    return 0;
}

static void poststop(struct making *m)
{
    struct err err;
    if (hooks_run(&m->box, m->config->hooks.poststop, m->config->hooks.n_poststop, "poststop",
                  "stopped", 0, &err))
        log_warn("%s", err.text);
}

static void undo(struct making *m)
{
    if (m->pid > 0) {
        kill(m->pid, SIGKILL);
        while (waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    if (m->box.cgroup.n)
        cgroup_remove(&m->box.cgroup, NULL);
    state_remove(m->state.dir, NULL);
    if (m->pid > 0)
        poststop(m);
}

static void done(struct making *m)
{
    struct box *b     = &m->box;
    const int   fds[] = {b->proc_fd, b->fifo_fd, b->root_source,
                         b->null_fd, m->channel, m->console_fd};
    for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    for (unsigned i = 0; i < NAMESPACES; i++)
        if (b->joined[i] >= 0)
            close(b->joined[i]);
    for (unsigned i = 0; b->mount_fds && i < m->config->n_mounts; i++)
        if (b->mount_fds[i] >= 0)
            close(b->mount_fds[i]);
    free(b->mount_fds);
    seccomp_done(&b->filter);
    cgroup_done(&b->cgroup);
    free(m->state.dir);
    free(m->state.rootfs);
    config_destroy(m->config);
}

static int check_terminal(const struct making *m, struct err *err)
{
    const struct runtime_create *ask      = m->ask;
    bool                         terminal = m->config->process->terminal;
    bool                         waits    = ask->run && !ask->detach;
    if (!waits && terminal && !ask->console_socket)
        return err_set(err, EINVAL,
                       "a terminal needs --console-socket when the runtime does not wait");
    if ((waits || !terminal) && ask->console_socket)
        return err_set(err, EINVAL,
                       "--console-socket is for a terminal of a container that is "
                       "detached");
    return 0;
}

static int make(struct making *m, struct err *err)
{
    int rc = prepare(m, err);
    if (!rc)
        rc = clone_process(m, err);
    if (!rc && m->box.in_userns && m->box.joined[JOINED_USER] >= 0)
        rc = listen_until(m, SAY_PID, err);
    if (!rc && m->box.new_flags & CLONE_NEWUSER)
        rc = listen_until(m, SAY_MAP, err);
    if (!rc)
        rc = meet(m, err);
    if (!rc)
        rc = listen_until(m, SAY_CREATED, err);
    if (!rc)
        rc = save_state(m, err);
    if (!rc && m->ask->pid_file)
        rc = runtime_write_pid(m->ask->pid_file, m->pid, err);
    return rc;
}

static int start(struct making *m, struct err *err)
{
    const struct config_hooks *h = &m->config->hooks;
    struct err                 late;
    if (!m->ask->detach)
        runtime_hold_signals();
    channel_send(m->channel, SAY_START, 0, NULL, -1);
    int rc = listen_until(m, 0, err);
    if (!rc &&
        hooks_run(&m->box, h->poststart, h->n_poststart, "poststart", "running", m->pid, &late))
        log_warn("%s", late.text);
    return rc;
}

/* The whole life, in the foreground. */
static int see_to_the_end(struct making *m, int *status, struct err *err)
{
    int rc = runtime_wait(m->pid, m->console_fd, status, err);
    m->pid = 0;
    if (m->ask->keep)
        return rc;
    cgroup_kill(&m->box.cgroup, SIGKILL, NULL);
    cgroup_remove(&m->box.cgroup, NULL);
    state_remove(m->state.dir, NULL);
    poststop(m);
    return rc;
}

int runtime_create(const struct runtime_create *ask, int *status, struct err *err)
{
    struct making m = {.ask = ask, .channel = -1, .console_fd = -1};
    m.box.proc_fd = m.box.fifo_fd = m.box.root_source = m.box.null_fd = m.box.root_fd = -1;
    memset(m.box.joined, 0xff, sizeof(m.box.joined));
    if (!state_id_ok(ask->id))
        return err_set(err, EINVAL, "invalid container ID format: '%.100s'", ask->id);
    cleanup_fd int bundle = open(ask->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (bundle < 0)
        return err_errno(err, errno, "open bundle '%s'", ask->bundle);
    int rc = config_load(&m.config, bundle, ask->config ? ask->config : "config.json", err);
    if (!rc)
        rc = config_check(m.config, err);
    if (!rc)
        rc = check_terminal(&m, err);
    if (!rc)
        rc = state_reserve(ask->root, ask->id, &m.state.dir, err);
    if (!rc) {
        rc = make(&m, err);
        if (!rc && ask->run)
            rc = start(&m, err);
        if (rc)
            undo(&m);
        else if (ask->run && !ask->detach)
            rc = see_to_the_end(&m, status, err);
    }
    done(&m);
    return rc;
}

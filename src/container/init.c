/* container/init.c - the container's first process until it runs the container's program.
 *
 * Everything that can fail says why over the channel; after the start nobody may listen any
 * more, then standard error hears it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/box.h"
#include "isolation/channel.h"
#include "isolation/inroot.h"
#include "isolation/procfs.h"

int setns(int fd, int type);
int unshare(int flags);
int sethostname(const char *name, size_t len);
int setdomainname(const char *name, size_t len);

static int wait_for(struct box *b, u32 what, struct err *err)
{
    struct message m;
    int            rc = channel_receive(b->channel, &m);
    if (rc == 1 && m.what == what)
        return 0;
    return err_set(err, EPIPE, "the runtime is gone");
}

/* ---- namespaces ---- */

static int join(struct box *b, u64 kinds, struct err *err)
{
    for (unsigned i = 0; i < NAMESPACES; i++)
        if (b->joined[i] >= 0 && namespaces[i].flag & kinds && setns(b->joined[i], 0) < 0)
            return err_errno(err, errno, "join the %s namespace", namespaces[i].name);
    return 0;
}

static int become_root(struct err *err)
{
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return err_errno(err, errno, "become root of the user namespace");
    return 0;
}

/* A user namespace that is joined must be entered before the others are made: this process goes
 * in, makes its successor as a child of its own parent, and ends. */
static int succeed(struct box *b, struct err *err)
{
    struct clone_args args = {.flags = (b->new_flags & ~(u64)CLONE_NEWUSER) | CLONE_PARENT};
    int               rc   = join(b, CLONE_NEWUSER, err);
    if (!rc)
        rc = join(b, CLONE_NEWPID, err);
    if (rc)
        return rc;
    args.flags &= ~(u64)(CLONE_NEWCGROUP | CLONE_NEWTIME);
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0)
        return err_errno(err, errno, "make the container's process");
    if (pid == 0)
        return 0;
    channel_send(b->channel, SAY_PID, (i32)pid, NULL, -1);
    _exit(0);
}

/* While this is still the user outside, who may pass folders that are closed to the user inside;
 * in the mount namespace that it is to be mounted in. */
static int open_root(struct box *b, struct err *err)
{
    b->root_source = open(b->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return b->root_source < 0 ? err_errno(err, errno, "open root '%s'", b->rootfs) : 0;
}

static int enter_namespaces(struct box *b, struct err *err)
{
    int  rc     = 0;
    bool second = b->joined[JOINED_USER] >= 0;
    if (second)
        rc = succeed(b, err);
    if (!rc && b->new_flags & CLONE_NEWUSER) {
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        channel_send(b->channel, SAY_MAP, 0, NULL, -1);
        rc = wait_for(b, SAY_GO, err);
    }
    if (!rc && b->joined[JOINED_MOUNT] < 0)
        rc = open_root(b, err);
    if (!rc && b->in_userns)
        rc = become_root(err);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (!rc)
        rc = join(b, ~(u64)(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS), err);
    if (rc || b->joined[JOINED_MOUNT] < 0)
        return rc;
    rc = join(b, CLONE_NEWNS, err);
    return rc ? rc : open_root(b, err);
}

/* A new network has a loopback device, which is down. */
static int loopback_up(struct err *err)
{
    struct ifreq   request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    cleanup_fd int fd      = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0; /* a kernel without IPv4 */
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return err_errno(err, errno, "bring the loopback device up");
    return 0;
}

static int set_names(struct box *b, struct err *err)
{
    const struct config *c = b->config;
    if (c->hostname && c->hostname[0] && sethostname(c->hostname, strlen(c->hostname)) < 0)
        return err_errno(err, errno, "set the hostname");
    if (c->domainname && c->domainname[0] &&
        setdomainname(c->domainname, strlen(c->domainname)) < 0)
        return err_errno(err, errno, "set the domainname");
    return b->new_flags & CLONE_NEWNET ? loopback_up(err) : 0;
}

int init_enter_cgroup(struct box *b, struct err *err)
{
    if (b->counted)
        return 0;
    int rc     = wait_for(b, SAY_GO, err);
    b->counted = true;
    if (!rc && !b->in_userns)
        rc = cgroup_enter_self(&b->cgroup, err);
    if (!rc && b->new_flags & CLONE_NEWCGROUP && unshare(CLONE_NEWCGROUP) < 0)
        rc = err_errno(err, errno, "make a cgroup namespace");
    return rc;
}

/* ---- the root ---- */

static int host_hooks(struct box *b, struct err *err)
{
    const struct config_hooks *h = &b->config->hooks;
    if (h->n_prestart + h->n_create_runtime == 0)
        return 0;
    int rc = channel_send(b->channel, SAY_HOOKS, 0, NULL, -1);
    return rc ? err_errno(err, -rc, "ask for hooks") : wait_for(b, SAY_GO, err);
}

static int own_hooks(struct box *b, struct err *err)
{
    const struct config_hooks *h = &b->config->hooks;
    return hooks_run(b, h->create_container, h->n_create_container, "createContainer", "creating",
                     getpid(), err);
}

static int set_sysctl(struct box *b, struct err *err)
{
    int rc = 0;
    for (unsigned i = 0; i < b->config->os.n_sysctl && !rc; i++) {
        const struct pair *s    = &b->config->os.sysctl[i];
        cleanup_free char *file = xasprintf("sys/%s", s->name);
        /* Dots separate, slashes stand for dots, unless the first is a slash. */
        bool slashes = strcspn(s->name, "/") < strcspn(s->name, ".");
        for (char *p = file + 4; *p && !slashes; p++)
            *p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
        rc = procfs_write(b->proc_fd, file, s->value, err);
    }
    return rc;
}

static int make_cwd(struct box *b, struct err *err)
{
    cleanup_fd int fd = -1;
    if (inroot_folder(b->root_fd, b->process->cwd, 0755, &fd, NULL) == -EEXIST)
        return err_set(err, ENOTDIR, "cwd '%s' is not a folder", b->process->cwd);
    return 0; /* a root that cannot be written: chdir will tell */
}

static int open_console(struct box *b, struct err *err)
{
    setsid();
    return b->process->terminal ? console_open(b, err) : 0;
}

static int raise_umask(struct box *b, struct err *err)
{
    (void)b;
    (void)err;
    umask(0022);
    return 0;
}

/* ---- the start ---- */

static int announce(struct box *b, struct err *err)
{
    int rc = channel_send(b->channel, SAY_CREATED, 0, NULL, -1);
    return rc ? err_errno(err, -rc, "tell that the container is there") : 0;
}

/* The fifo is open for reading and writing here, so opening it never waits and its end is never
 * seen: what starts the container is a byte. */
static int wait_for_start(struct box *b, struct err *err)
{
    char    byte;
    ssize_t n;
    if (b->entering)
        return 0;
    if (b->fifo_fd < 0)
        return wait_for(b, SAY_START, err);
    do
        n = read(b->fifo_fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? 0 : err_errno(err, errno, "wait for the start");
}

static int start_hooks(struct box *b, struct err *err)
{
    const struct config_hooks *h = &b->config->hooks;
    if (b->entering)
        return 0;
    return hooks_run(b, h->start_container, h->n_start_container, "startContainer", "created",
                     getpid(), err);
}

struct stage {
    const char *what; /* for messages; NULL: the error says it */
    int (*fn)(struct box *, struct err *);
};

static const struct stage making[] = {
    {NULL, enter_namespaces},  {NULL, set_names},
    {NULL, raise_umask},       {"error mounting", rootfs_mount},
    {NULL, init_enter_cgroup}, {NULL, host_hooks},
    {NULL, own_hooks},         {NULL, make_cwd},
    {NULL, rootfs_enter},      {NULL, rootfs_finish},
    {NULL, set_sysctl},        {NULL, open_console},
    {NULL, process_before},    {NULL, process_become},
    {NULL, process_find},      {NULL, process_listen},
    {NULL, announce},          {NULL, wait_for_start},
    {NULL, start_hooks},       {NULL, process_run},
};

static const struct stage entering[] = {
    {NULL, open_console}, {NULL, process_before}, {NULL, process_become},
    {NULL, process_find}, {NULL, announce},       {NULL, process_run},
};

_Noreturn void init_main(struct box *b)
{
    const struct stage *stages = b->entering ? entering : making;
    unsigned            n      = b->entering ? ARRAY_SIZE(entering) : ARRAY_SIZE(making);
    struct err          err    = {0};
    for (unsigned i = 0; i < n; i++) {
        if (stages[i].fn(b, &err) == 0)
            continue;
        if (stages[i].what)
            err_wrap(&err, "%s", stages[i].what);
        break;
    }
    /* After the start the runtime may be gone: the container's own standard error is left. */
    if (channel_send(b->channel, SAY_FAILED, err.code, err.text, -1))
        dprintf(2, "%s\n", err.text);
    _exit(err.code == ENOENT ? 127 : err.code == EACCES ? 126 : 1);
}

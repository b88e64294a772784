/* container/box.h - one container while it is being made: what the runtime hands to the process
 * that becomes its first.
 *
 * The runtime (create.c, exec.c) fills it and makes the process with all namespaces in one
 * clone3; init.c goes on in there. Both live in copies of the same memory, so everything that
 * can be read, checked or opened before is. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_BOX_H
#define CONTAINER_BOX_H

#include "container/config.h"
#include "isolation/cgroup.h"
#include "isolation/namespaces.h"

/* What goes over the channel. */
enum {
    SAY_GO = 1,   /* runtime: you are mapped, in your cgroup: go on */
    SAY_START,    /* runtime: run the program (instead of the fifo) */
    SAY_PID,      /* process: the number is who goes on in my place */
    SAY_MAP,      /* process: my user namespace is there, map it */
    SAY_HOOKS,    /* process: all is mounted, run the hooks of the host */
    SAY_CONSOLE,  /* process: the descriptor is the terminal's other end */
    SAY_LISTENER, /* process: the descriptor hears of system calls */
    SAY_CREATED,  /* process: I wait for the start */
    SAY_FAILED,   /* process: the text says why; number is an errno value */
};

struct box {
    const char                  *id, *bundle; /* bundle: absolute */
    const struct config         *config;
    const struct config_process *process; /* of config, or another: exec */
    struct cgroup                cgroup;
    struct seccomp_filter        filter;

    u64         new_flags;          /* CLONE_NEW* to make */
    int         joined[NAMESPACES]; /* descriptors to join; -1 */
    int         proc_fd, channel;   /* channel: one's own end */
    int         fifo_fd;            /* waits for the start; -1: the channel says it */
    const char *rootfs;             /* what becomes the root: a path on the host */
    int         root_source;        /* the same, opened inside: a mount of that namespace */
    int        *mount_fds;          /* made beforehand, by config mount; -1: not */
    int         userns_fd;          /* exec: unused */
    unsigned    preserve_fds;
    bool        no_pivot, no_keyring, in_userns;
    bool        die_with_parent;
    bool        entering;          /* exec into what is there */
    bool        filtered, counted; /* done: the filter, the cgroup */
    char        notify[160];       /* NOTIFY_SOCKET inside, or "" */
    int         listen_fds;

    /* inside only */
    int         root_fd, null_fd, console_fd;
    const char *program; /* found before the start */
};

/* Never returns: the program runs, or the channel has heard why not. */
_Noreturn void init_main(struct box *);

/* Into the cgroup, and its namespace, when the runtime says that it is there. The first call
 * counts: whoever needs it first waits. */
int init_enter_cgroup(struct box *, struct err *err);

/* Steps of it; each in its file. */
int rootfs_mount(struct box *, struct err *err);  /* root and all mounts, devices; not yet inside */
int rootfs_enter(struct box *, struct err *err);  /* pivot_root */
int rootfs_finish(struct box *, struct err *err); /* masked and read-only paths, read-only root */
int devices_make(struct box *, int dev_fd, struct err *err);
int console_open(struct box *, struct err *err);   /* the terminal becomes standard input, ... */
int process_before(struct box *, struct err *err); /* what needs rights: limits, labels, ... */
int process_become(struct box *, struct err *err); /* user, capabilities, folder, filter */
int process_find(struct box *, struct err *err);   /* box->program */
int process_listen(struct box *, struct err *err); /* a filter with a listener */
int process_run(struct box *, struct err *err);    /* returns only when it fails */

/* What the kernel's own word for a hook's kind is: the state that it reads. */
int hooks_run(const struct box *, const struct config_hook *, unsigned n, const char *kind,
              const char *status, pid_t pid, struct err *err);

#endif

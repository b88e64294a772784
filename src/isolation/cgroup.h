/* isolation/cgroup.h - a control group: where a container's processes are counted and limited.
 *
 * The same calls over cgroup v2, over v1, and over the hybrid of both (v1 controllers beside a
 * v2 hierarchy without any). A group is a list of places, one a hierarchy; a place is a path
 * below /sys/fs/cgroup. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ISOLATION_CGROUP_H
#define ISOLATION_CGROUP_H

#include <sys/types.h>

#include "base/err.h"
#include "isolation/limits.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define CGROUP_MAX  24

struct cgroup_place {
    char  controllers[48]; /* "cpu,cpuacct", "name=systemd"; v2: "" */
    char *path;            /* below the host's root: "/sys/fs/cgroup/cpu/a/b" */
    char *inside;          /* below the hierarchy's root: "/a/b" */
};

struct cgroup {
    bool                v2;
    bool                absent; /* nothing was made: rootless without delegation */
    unsigned            n;
    struct cgroup_place places[CGROUP_MAX];
};

/* Is the host's /sys/fs/cgroup version 2 alone? */
bool cgroup_is_v2(void);

/* Where a group is: PATH absolute, or below the caller's own group; NULL: by NAME. Makes
 * nothing. */
int  cgroup_find(struct cgroup *out, int proc_fd, const char *path, const char *name,
                 struct err *err);
void cgroup_add(struct cgroup *, const char *controllers, const char *path); /* from a state file */
void cgroup_done(struct cgroup *);

int  cgroup_make(struct cgroup *, struct err *err);
int  cgroup_enter(const struct cgroup *, pid_t, struct err *err);
int  cgroup_enter_self(const struct cgroup *, struct err *err); /* a process of one thread */
int  cgroup_limit(const struct cgroup *, const struct limits *, struct err *err);
int  cgroup_remove(const struct cgroup *, struct err *err); /* and all below it; gone is fine */
bool cgroup_exists(const struct cgroup *);

/* The devices a container has got by itself, and those it may use. */
int cgroup_devices(const struct cgroup *, const struct limits *, struct err *err);
int cgroup_devices_v2(int dir_fd, const struct limit_device *, unsigned n, struct err *err);

/* v1 rows and v2 rows, each in its file. */
int cgroup_limit_v1(const struct cgroup *, const struct limits *, struct err *err);
int cgroup_limit_v2(const struct cgroup *, const struct limits *, struct err *err);

int  cgroup_freeze(const struct cgroup *, bool frozen, struct err *err);
bool cgroup_frozen(const struct cgroup *);

/* All processes of it and below; the caller frees. */
int cgroup_pids(const struct cgroup *, pid_t **out, unsigned *count, struct err *err);
int cgroup_kill(const struct cgroup *, int signal, struct err *err);

const struct cgroup_place *cgroup_place(const struct cgroup *, const char *controller);

/* A file of the place that CONTROLLER is at; -ENOENT: no such controller or file. */
int cgroup_write(const struct cgroup *, const char *controller, const char *file, const char *text);
int cgroup_read(const struct cgroup *, const char *controller, const char *file, char *text,
                size_t room);

#endif

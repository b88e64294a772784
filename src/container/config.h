/* container/config.h - an OCI bundle's config.json as one struct (runtime specification 1.2).
 *
 * Read once, checked, then never changed. What is not given is NULL, 0 or not set. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_CONFIG_H
#define CONTAINER_CONFIG_H

#include "container/decode.h"
#include "isolation/ids.h"
#include "isolation/limits.h"
#include "isolation/seccomp.h"

struct config_user {
    u32           uid, gid;
    struct number umask;
    u32          *groups;
    unsigned      n_groups;
};

struct config_caps {
    char **bounding, **effective, **inheritable, **permitted, **ambient;
};

struct config_rlimit {
    char *type;
    u64   soft, hard;
};

struct config_scheduler {
    char  *policy;
    i64    nice, priority;
    char **flags;
    u64    runtime, deadline, period;
};

struct config_priority {
    char *io_class;
    i64   priority;
};

struct config_affinity {
    char *initial, *final;
};

struct config_process {
    bool terminal, no_new_privileges;
    struct {
        u32 height, width;
    } console;
    struct config_user       user;
    char                   **args, **env;
    char                    *cwd;
    struct config_caps      *caps;
    struct config_rlimit    *rlimits;
    unsigned                 n_rlimits;
    struct number            oom_score;
    char                    *apparmor, *selinux;
    struct config_scheduler *scheduler;
    struct config_priority  *io_priority;
    struct config_affinity  *affinity;
};

struct config_mount {
    char          *destination, *type, *source;
    char         **options;
    struct id_map *uids, *gids;
    unsigned       n_uids, n_gids;
};

struct config_hook {
    char         *path;
    char        **args, **env;
    struct number timeout;
};

struct config_hooks {
    struct config_hook *prestart, *create_runtime, *create_container, *start_container, *poststart,
        *poststop;
    unsigned n_prestart, n_create_runtime, n_create_container, n_start_container, n_poststart,
        n_poststop;
};

struct config_namespace {
    char *type, *path;
};

struct config_device {
    char         *path, *type;
    i64           major, minor;
    struct number mode, uid, gid;
};

struct config_offset {
    char *name; /* "monotonic", "boottime" */
    i64   secs;
    u32   nanosecs;
};

struct config_rdt {
    char *clos_id, *l3, *mem_bw;
};

struct config_personality {
    char  *domain;
    char **flags;
};

struct config_linux {
    struct id_map             *uids, *gids;
    struct pair               *sysctl;
    struct config_namespace   *namespaces;
    struct config_device      *devices;
    struct config_offset      *offsets;
    unsigned                   n_uids, n_gids, n_sysctl, n_namespaces, n_devices, n_offsets;
    char                      *cgroup_path, *propagation, *mount_label;
    char                     **masked, **readonly;
    struct limits             *resources;
    struct seccomp_profile    *seccomp;
    struct config_rdt         *rdt;
    struct config_personality *personality;
};

struct config {
    char *version, *hostname, *domainname;
    struct {
        char *path;
        bool  readonly;
    } root;
    struct config_process *process; /* NULL: there is none */
    struct config_mount   *mounts;
    struct config_hooks    hooks;
    struct pair           *annotations;
    struct config_linux    os;
    unsigned               n_mounts, n_annotations;

    char        *text;   /* what strings point into */
    char        *source; /* as it was read */
    struct arena arena;
};

int  config_parse(struct config **out, const char *text, size_t len, struct err *err);
int  config_load(struct config **out, int dir_fd, const char *name, struct err *err);
int  config_from_tree(struct config **out, const struct tree *, struct err *err); /* which stays */
void config_destroy(struct config *);                                             /* NULL is fine */

/* A process of its own, for `exec --process`. Its parts live as long as OWNER. */
int config_process_load(struct config *owner, const char *path, struct config_process **out,
                        struct err *err);
/* Resources of their own, for `update --resources`; "-" is standard input. */
int config_limits_load(struct config *owner, const char *path, struct limits **out,
                       struct err *err);

const char                    *config_annotation(const struct config *, const char *name);
const struct config_namespace *config_namespace(const struct config *, const char *type);

#endif

/* container/oci/oci.h - guise-oci's commands: one row each in main.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_OCI_OCI_H
#define CONTAINER_OCI_OCI_H

#include "container/oci/options.h"
#include "container/state.h"

struct oci {
    char *root, *log, *log_format, *cgroup_manager, *rootless;
    bool  debug, systemd_cgroup, version;
};

struct oci_call {
    const struct oci *global;
    void             *options; /* the command's own struct, filled */
    int               argc;    /* words after the options */
    char            **argv;
};

/* Fills err and returns -errno, or returns the exit status. */
typedef int oci_fn(struct oci_call *, struct err *err);

struct oci_command {
    const char              *name, *words, *summary;
    oci_fn                  *fn;
    const struct oci_option *options;
    size_t                   size; /* of its struct */
    int                      words_min, words_max;
    bool                     seals;   /* it makes processes in containers */
    int                      failure; /* exit status when it fails */
};

oci_fn oci_create, oci_run, oci_start, oci_state, oci_kill, oci_delete, oci_exec, oci_list, oci_ps,
    oci_pause, oci_resume, oci_update, oci_events, oci_spec, oci_features;

extern const struct oci_option oci_create_options[], oci_run_options[], oci_kill_options[],
    oci_delete_options[], oci_exec_options[], oci_list_options[], oci_ps_options[],
    oci_update_options[], oci_events_options[], oci_spec_options[], oci_no_options[];

struct oci_create_own {
    char    *bundle, *config, *console_socket, *pid_file;
    unsigned preserve_fds;
    bool     no_pivot, no_keyring, detach, keep, die_with_parent;
};
struct oci_kill_own {
    bool  all;
    char *regex;
};
struct oci_delete_own {
    bool  force;
    char *regex;
};
struct oci_exec_own {
    char        *console_socket, *pid_file, *cwd, *user, *process, *apparmor, *label;
    struct words env, caps;
    unsigned     preserve_fds;
    bool         tty, detach, no_new_privs, ignore_paused;
};
struct oci_list_own {
    char *format;
    bool  quiet;
};
struct oci_ps_own {
    char *format;
};
struct oci_update_own {
    char *resources, *memory, *memory_swap, *memory_reservation, *kernel_memory, *kernel_memory_tcp,
        *cpu_period, *cpu_quota, *cpu_burst, *cpu_shares, *rt_period, *rt_runtime, *cpuset_cpus,
        *cpuset_mems, *pids_limit, *blkio_weight, *cpu_idle;
};
struct oci_events_own {
    char *interval;
    bool  stats;
};
struct oci_spec_own {
    char *bundle;
    bool  rootless;
};

/* The container that argv[0] names. */
int oci_load(struct oci_call *, struct state *out, struct err *err);
int oci_signal(const char *text, struct err *err); /* "TERM", "SIGTERM", "15"; or -errno */

#endif

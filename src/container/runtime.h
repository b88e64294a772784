/* container/runtime.h - the verbs of an OCI runtime, as functions. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_RUNTIME_H
#define CONTAINER_RUNTIME_H

#include "container/state.h"

struct runtime_create {
    const char *root, *id, *bundle; /* root: of states; bundle: absolute */
    const char *config;             /* NULL: config.json of the bundle */
    const char *pid_file, *console_socket;
    unsigned    preserve_fds;
    bool        no_pivot, no_keyring, run; /* run: start at once, and wait for the program */
    bool        die_with_parent;           /* who is its parent at the start */
    bool        detach, keep;              /* of run */
};

/* Makes a container, and with `run` starts it. *status: how the program ended (run, not
 * detached). */
int runtime_create(const struct runtime_create *, int *status, struct err *err);

struct runtime_exec {
    const char            *root, *id, *pid_file, *console_socket;
    struct config_process *process; /* NULL: what follows, on top of the container's own */
    const char            *process_file, *cwd, *user, *apparmor, *label;
    char                 **args, **env, **caps;
    unsigned               preserve_fds;
    bool                   tty, detach, no_new_privileges, ignore_paused;
};
int runtime_exec(const struct runtime_exec *, int *status, struct err *err);

int runtime_start(const struct state *, struct err *err);
int runtime_kill(const struct state *, int signal, bool all, struct err *err);
int runtime_delete(struct state *, bool force, struct err *err);
int runtime_pause(const struct state *, bool paused, struct err *err);

/* What both create and exec do with the process that they made, until it runs or is handed
 * over: pid file, console, waiting. */
int   runtime_write_pid(const char *path, pid_t, struct err *err);
void  runtime_hold_signals(void); /* before the program runs: then none is lost until the wait */
int   runtime_wait(pid_t, int console_fd, int *status, struct err *err);
char *runtime_state_root(void); /* where states are by default; the caller frees */

/* Goes on from a copy of this program that nobody can write to, once: a container's process must
 * not get hold of the host's file through /proc/self/exe. */
int runtime_seal(char **argv, struct err *err);

/* The config that a container was made from. */
int runtime_config(const struct state *, struct config **out, struct err *err);

#endif

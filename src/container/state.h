/* container/state.h - what is known of a container between two commands: a folder.
 *
 * ROOT/ID/ holds state.json, with the bundle's config.json as it was, and, until the container is
 * started, exec.fifo. The folder's name is the id: making it reserves it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_STATE_H
#define CONTAINER_STATE_H

#include "container/config.h"
#include "isolation/cgroup.h"

enum status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };

struct state {
    char         *dir, *id, *bundle, *rootfs, *owner, *created;
    pid_t         pid;
    u64           pid_start; /* ticks since boot: the same number later is another process */
    struct cgroup cgroup;

    /* when loaded: what the config is read from */
    const struct tree *config;
    struct arena       arena;
    char              *text;
};

bool state_id_ok(const char *id);

/* *dir: ROOT/ID, just made. -EEXIST when there is one. */
int  state_reserve(const char *root, const char *id, char **dir, struct err *err);
int  state_save(const struct state *, const char *config, struct err *err); /* config: as JSON */
int  state_load(struct state *out, const char *root, const char *id, struct err *err);
void state_done(struct state *);
int  state_remove(const char *dir, struct err *err);

enum status state_status(const struct state *, int proc_fd);
const char *status_name(enum status);

/* The state as the specification has it; the caller frees. */
char *state_text(const char *id, const char *status, pid_t pid, const char *bundle,
                 const struct config *);

#endif

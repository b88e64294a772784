/* control/home.h - the state folder: one folder below the root for each instance.
 *
 *   ROOT/lock            held while names are handed out
 *   ROOT/events          what happened to whom
 *   ROOT/ID/config.json  the spec        ROOT/ID/state.json   the record
 *   ROOT/ID/console.log  what it printed ROOT/ID/monitor.log  what its monitor had to say
 *   ROOT/ID/control.sock its monitor     ROOT/ID/lock         held while it starts or goes away
 *
 * Commands that run at once meet only here: every change happens under one of the locks, and
 * a lock dies with its holder. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_HOME_H
#define CONTROL_HOME_H

#include "control/record.h"
#include "vm/spec.h"

struct home {
    char         *root, *dir;
    struct record record;
};

struct homes {
    struct home *list; /* by time of creation */
    unsigned     count;
};

/* $GUISE_STATE, $XDG_RUNTIME_DIR/guise, or /run/guise; made when missing. The caller frees. */
int home_root(char **out, struct err *err);

/* A new folder for SPEC, which gets its id and, when it has none, a name. */
int  home_create(struct home *out, const char *root, struct spec *spec, struct err *err);
int  home_find(struct home *out, const char *root, const char *name, struct err *err);
int  home_list(struct homes *out, const char *root, struct err *err);
void home_done(struct home *);
void homes_done(struct homes *);

/* Exclusive; the descriptor is the lock. -ENOENT: the instance went away meanwhile. */
int home_lock(const struct home *, struct err *err);
int home_refresh(struct home *, struct err *err);      /* reads the record again */
int home_remove(const struct home *, struct err *err); /* the lock is held */

/* A monitor that is gone without a word: the record is put right. Find and list do it too. */
void home_settle(struct home *);

/* Waits until its monitor is gone, at most TIMEOUT_MS; then settles. A connection that broke is
 * seen earlier than the end of the process. */
int home_await_end(struct home *, int timeout_ms, struct err *err);

#endif

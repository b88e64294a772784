/* control/monitor.h - the process around an instance.
 *
 * It owns the machine, its clock and its console, answers on the control socket, keeps the
 * record, and ends when the machine has ended and everybody attached has heard of it. One
 * thread, the loop's; what other threads of the kind call is in vm/. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_MONITOR_H
#define CONTROL_MONITOR_H

#include "control/home.h"
#include "vm/kind.h"

struct server;

struct monitor {
    struct home      home;
    struct spec     *spec;
    struct loop     *loop;
    struct clock    *clock;
    struct console  *console;
    struct instance *inst; /* NULL: it has ended */
    struct server   *server;
    struct watch    *signals, *folder;
    int              signal_fd, folder_fd;
    bool             told_to_end; /* by a signal, once */
    bool             homeless;    /* the state folder is gone */
    char            *last_stats;  /* JSON, when the spec asks for them */
};

/* Forks the monitor of HOME, which is CREATED, or PAUSED when SNAPSHOT is given. Returns when it
 * answers on its socket, or with the reason why it cannot. The home is locked by the caller or
 * not yet known to anybody. */
int monitor_spawn(const struct kind *const *kinds, const struct home *, const char *snapshot,
                  struct err *err);

/* For control/requests.c: */
int    monitor_start(struct monitor *, struct err *err);
int    monitor_pause(struct monitor *, struct err *err);
int    monitor_engine(struct monitor *, const char *name, struct err *err);
int    monitor_resume(struct monitor *, struct err *err);
int    monitor_stop(struct monitor *, struct err *err); /* asks; kills what cannot be asked */
int    monitor_kill(struct monitor *, int signal, struct err *err);
int    monitor_save(struct monitor *, const char *path, struct err *err);
cJSON *monitor_stats(struct monitor *); /* an array of {name, value, unit} */

/* Of a snapshot: who it was. The caller frees spec and kind. Leaves the clock in *clock_ns. */
int snapshot_header(struct snap *, struct spec **spec, u64 *clock_ns, struct err *err);

#endif

/* control/record.h - what the world may know of an instance: its state.json.
 *
 * Written by its monitor at every step of its life (and by whoever finds the monitor dead),
 * replaced as a whole. It names the monitor by pid and start time, so that a recycled pid never
 * counts. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_RECORD_H
#define CONTROL_RECORD_H

#include <sys/types.h>

#include "base/json.h"
#include "vm/life.h"

struct record {
    char      id[64], name[64], kind[32], engine[32];
    char      workload[256]; /* to be shown; cut when longer */
    enum life life;
    bool      auto_remove;
    pid_t     pid; /* 0: there was no monitor yet */
    u64       pid_start;
    u64       created_ns, started_ns, finished_ns; /* since 1970; 0: not yet */
    int       exit_status;
    char      exit_why[160];
};

int    record_load(struct record *out, const char *dir, struct err *err);
int    record_save(const struct record *, const char *dir, struct err *err);
cJSON *record_json(const struct record *);
bool   record_alive(const struct record *); /* is its monitor there? */
u64    process_start(pid_t);                /* its start time in ticks; 0: it is gone */

#endif

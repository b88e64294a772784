/* container/usage.h - what a container uses, as `events` tells it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_USAGE_H
#define CONTAINER_USAGE_H

#include "container/state.h"

/* One line of JSON in runc's form: {"type":"stats","id":...,"data":{...}}; the caller frees. */
char *usage_text(const struct state *);

/* The numbers that everybody asks for. */
struct usage {
    u64 cpu_ns, user_ns, kernel_ns, memory, memory_max, pids, pids_max;
};
void usage_read(const struct cgroup *, struct usage *out);

#endif

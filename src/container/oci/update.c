/* container/oci/update.c - update, limits of a container that runs, and events, what it uses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/oci/oci.h"
#include "container/runtime.h"
#include "container/usage.h"
#include "isolation/procfs.h"

#define OWN(m)   offsetof(struct oci_update_own, m)
#define LIMIT(m) offsetof(struct limits, m)

const struct oci_option oci_update_options[] = {
    {"resources", 'r', OPTION_TEXT, OWN(resources), "file of resources as JSON, or -"},
    {"memory", 0, OPTION_TEXT, OWN(memory), "limit of memory"},
    {"memory-swap", 0, OPTION_TEXT, OWN(memory_swap), "limit of memory and swap"},
    {"memory-reservation", 0, OPTION_TEXT, OWN(memory_reservation), "soft limit of memory"},
    {"kernel-memory", 0, OPTION_TEXT, OWN(kernel_memory), "limit of the kernel's memory"},
    {"kernel-memory-tcp", 0, OPTION_TEXT, OWN(kernel_memory_tcp), "limit of TCP's buffers"},
    {"cpu-period", 0, OPTION_TEXT, OWN(cpu_period), "period in us"},
    {"cpu-quota", 0, OPTION_TEXT, OWN(cpu_quota), "time in each period, us"},
    {"cpu-burst", 0, OPTION_TEXT, OWN(cpu_burst), "time saved up, us"},
    {"cpu-share", 0, OPTION_TEXT, OWN(cpu_shares), "relative weight"},
    {"cpu-shares", 0, OPTION_TEXT, OWN(cpu_shares), NULL},
    {"cpu-rt-period", 0, OPTION_TEXT, OWN(rt_period), "real-time period, us"},
    {"cpu-rt-runtime", 0, OPTION_TEXT, OWN(rt_runtime), "real-time share of it, us"},
    {"cpu-idle", 0, OPTION_TEXT, OWN(cpu_idle), "1: only when nobody else runs"},
    {"cpuset-cpus", 0, OPTION_TEXT, OWN(cpuset_cpus), "processors"},
    {"cpuset-mems", 0, OPTION_TEXT, OWN(cpuset_mems), "memory nodes"},
    {"pids-limit", 0, OPTION_TEXT, OWN(pids_limit), "limit of processes"},
    {"blkio-weight", 0, OPTION_TEXT, OWN(blkio_weight), "relative weight of disk access"},
    {NULL},
};

/* Which option goes to which limit; sizes may have a suffix. */
static const struct {
    size_t      own, limit;
    bool        size;
    const char *name;
} numbers[] = {
    {OWN(memory), LIMIT(memory.limit), true, "memory"},
    {OWN(memory_swap), LIMIT(memory.swap), true, "memory-swap"},
    {OWN(memory_reservation), LIMIT(memory.reservation), true, "memory-reservation"},
    {OWN(kernel_memory), LIMIT(memory.kernel), true, "kernel-memory"},
    {OWN(kernel_memory_tcp), LIMIT(memory.kernel_tcp), true, "kernel-memory-tcp"},
    {OWN(cpu_period), LIMIT(cpu.period), false, "cpu-period"},
    {OWN(cpu_quota), LIMIT(cpu.quota), false, "cpu-quota"},
    {OWN(cpu_burst), LIMIT(cpu.burst), false, "cpu-burst"},
    {OWN(cpu_shares), LIMIT(cpu.shares), false, "cpu-share"},
    {OWN(rt_period), LIMIT(cpu.rt_period), false, "cpu-rt-period"},
    {OWN(rt_runtime), LIMIT(cpu.rt_runtime), false, "cpu-rt-runtime"},
    {OWN(cpu_idle), LIMIT(cpu.idle), false, "cpu-idle"},
    {OWN(pids_limit), LIMIT(pids.limit), false, "pids-limit"},
    {OWN(blkio_weight), LIMIT(block.weight), false, "blkio-weight"},
};

static int parse_number(const char *text, bool size, i64 *out)
{
    static const char units[] = "kmgt";
    char             *end;
    errno       = 0;
    long long n = strtoll(text, &end, 10);
    if (end == text || errno)
        return -EINVAL;
    const char *unit = size && *end ? strchr(units, tolower((u8)*end)) : NULL;
    if (unit) {
        n <<= 10 * (unit - units + 1);
        end++;
        end += tolower((u8)*end) == 'b';
    }
    *out = n;
    return *end ? -EINVAL : 0;
}

static int take_options(const struct oci_update_own *own, struct limits *l, struct err *err)
{
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        const char    *text = *(char *const *)((const char *)own + numbers[i].own);
        struct number *n    = (struct number *)((char *)l + numbers[i].limit);
        if (!text || !text[0])
            continue;
        if (parse_number(text, numbers[i].size, &n->v))
            return err_set(err, EINVAL, "invalid value for %s: %s", numbers[i].name, text);
        n->set = true;
    }
    if (own->cpuset_cpus)
        l->cpu.cpus = own->cpuset_cpus;
    if (own->cpuset_mems)
        l->cpu.mems = own->cpuset_mems;
    return 0;
}

int oci_update(struct oci_call *call, struct err *err)
{
    const struct oci_update_own *own  = call->options;
    struct config                keep = {0};
    struct limits                none = {0}, *l = &none;
    struct state                 s;
    int                          rc = oci_load(call, &s, err);
    if (rc)
        return rc;
    if (own->resources)
        rc = config_limits_load(&keep, own->resources, &l, err);
    if (!rc)
        rc = take_options(own, l, err);
    if (!rc)
        rc = cgroup_limit(&s.cgroup, l, err);
    if (!rc && l->n_devices)
        rc = cgroup_devices(&s.cgroup, l, err);
    arena_done(&keep.arena);
    state_done(&s);
    return rc;
}

/* ---- events ---- */

const struct oci_option oci_events_options[] = {
    {"interval", 0, OPTION_TEXT, offsetof(struct oci_events_own, interval), "\"5s\" (default)"},
    {"stats", 0, OPTION_FLAG, offsetof(struct oci_events_own, stats), "once, then end"},
    {NULL},
};

static int parse_interval(const char *text, useconds_t *out)
{
    char         *end;
    unsigned long n = text ? strtoul(text, &end, 10) : 5;
    if (!text || strcmp(end, "s") == 0)
        *out = (useconds_t)n * 1000000;
    else if (strcmp(end, "ms") == 0)
        *out = (useconds_t)n * 1000;
    else if (strcmp(end, "m") == 0)
        *out = (useconds_t)n * 60000000;
    else
        return -EINVAL;
    return n ? 0 : -EINVAL;
}

int oci_events(struct oci_call *call, struct err *err)
{
    const struct oci_events_own *own  = call->options;
    cleanup_fd int               proc = -1;
    useconds_t                   interval;
    struct state                 s;
    if (parse_interval(own->interval, &interval))
        return err_set(err, EINVAL, "interval '%s': must be greater than 0, as in 5s",
                       own->interval);
    int rc = procfs_open(&proc, err);
    if (!rc)
        rc = oci_load(call, &s, err);
    if (rc)
        return rc;
    if (state_status(&s, proc) == STATUS_STOPPED)
        rc = err_set(err, EBUSY, "container with id %s is not running", s.id);
    while (!rc) {
        cleanup_free char *line = usage_text(&s);
        puts(line);
        fflush(stdout);
        if (own->stats || state_status(&s, proc) == STATUS_STOPPED)
            break;
        usleep(interval);
    }
    state_done(&s);
    return rc;
}

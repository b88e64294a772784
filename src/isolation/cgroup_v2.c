/* isolation/cgroup_v2.c - limits as files of cgroup v2; v1's units are converted. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "isolation/cgroup.h"

static int put(const struct cgroup *g, const char *file, const char *text, struct err *err)
{
    int rc = cgroup_write(g, "", file, text);
    return rc ? err_errno(err, -rc, "set %s to '%s'", file, text) : 0;
}

/* -1 is "max"; what is not set is not written. */
static int put_max(const struct cgroup *g, const char *file, struct number n, struct err *err)
{
    char text[24];
    if (!n.set)
        return 0;
    if (n.v < 0)
        return put(g, file, "max", err);
    snprintf(text, sizeof(text), "%" PRId64, n.v);
    return put(g, file, text, err);
}

/* v1 counts memory and swap together, v2 swap alone. */
static int write_memory(const struct cgroup *g, const struct limits *l, struct err *err)
{
    struct number limit = l->memory.limit, swap = l->memory.swap;
    if (!limit.v)
        limit.set = false;
    if (swap.set && swap.v > 0) {
        if (!limit.set || limit.v < 0)
            return err_set(err, EINVAL, "memory.swap needs a memory.limit");
        if (swap.v < limit.v)
            return err_set(err, EINVAL, "memory.swap (memory and swap) is below memory.limit");
        swap.v -= limit.v;
    } else if (swap.set && swap.v == 0) {
        swap.set = false;
    }
    if (limit.set && limit.v < 0 && !swap.set)
        swap = (struct number){-1, true};
    int rc = put_max(g, "memory.swap.max", swap, err);
    if (rc == -ENOENT) /* a kernel without swap accounting */
        rc = 0;
    if (!rc)
        rc = put_max(g, "memory.max", limit, err);
    return rc ? rc : put_max(g, "memory.low", l->memory.reservation, err);
}

static int write_cpu(const struct cgroup *g, const struct limits *l, struct err *err)
{
    char text[64];
    int  rc = 0;
    if (l->cpu.idle.set)
        rc = put_max(g, "cpu.idle", l->cpu.idle, err);
    if (!rc && l->cpu.shares.set && l->cpu.shares.v) {
        /* 2..262144 becomes 1..10000, as every runtime has it. */
        i64 shares = MIN(MAX(l->cpu.shares.v, (i64)2), (i64)262144);
        snprintf(text, sizeof(text), "%" PRId64, 1 + (shares - 2) * 9999 / 262142);
        rc = put(g, "cpu.weight", text, err);
    }
    if (!rc && ((l->cpu.quota.set && l->cpu.quota.v) || (l->cpu.period.set && l->cpu.period.v))) {
        i64 period = l->cpu.period.set && l->cpu.period.v ? l->cpu.period.v : 100000;
        if (l->cpu.quota.set && l->cpu.quota.v > 0)
            snprintf(text, sizeof(text), "%" PRId64 " %" PRId64, l->cpu.quota.v, period);
        else
            snprintf(text, sizeof(text), "max %" PRId64, period);
        rc = put(g, "cpu.max", text, err);
    }
    if (!rc && l->cpu.burst.set)
        rc = put_max(g, "cpu.max.burst", l->cpu.burst, err);
    if (!rc && l->cpu.cpus && l->cpu.cpus[0])
        rc = put(g, "cpuset.cpus", l->cpu.cpus, err);
    if (!rc && l->cpu.mems && l->cpu.mems[0])
        rc = put(g, "cpuset.mems", l->cpu.mems, err);
    return rc;
}

static int write_rates(const struct cgroup *g, const char *key, const struct limit_rate *list,
                       unsigned n, struct err *err)
{
    char text[96];
    int  rc = 0;
    for (unsigned i = 0; i < n && !rc; i++) {
        snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %s=%" PRId64, list[i].major,
                 list[i].minor, key, list[i].rate.v);
        rc = put(g, "io.max", text, err);
    }
    return rc;
}

static int write_io(const struct cgroup *g, const struct limits *l, struct err *err)
{
    char text[64];
    int  rc = 0;
    if (l->block.weight.set && l->block.weight.v) {
        snprintf(text, sizeof(text), "%" PRId64, l->block.weight.v);
        rc = cgroup_write(g, "", "io.bfq.weight", text);
        if (rc == -ENOENT) { /* 10..1000 becomes 1..10000 */
            snprintf(text, sizeof(text), "%" PRId64, 1 + (l->block.weight.v - 10) * 9999 / 990);
            rc = cgroup_write(g, "", "io.weight", text);
        }
        if (rc)
            return err_errno(err, -rc, "set io.weight to '%s'", text);
    }
    rc = write_rates(g, "rbps", l->block.read_bps, l->block.n_read_bps, err);
    if (!rc)
        rc = write_rates(g, "wbps", l->block.write_bps, l->block.n_write_bps, err);
    if (!rc)
        rc = write_rates(g, "riops", l->block.read_iops, l->block.n_read_iops, err);
    return rc ? rc : write_rates(g, "wiops", l->block.write_iops, l->block.n_write_iops, err);
}

static int write_lists(const struct cgroup *g, const struct limits *l, struct err *err)
{
    char file[64], text[128];
    int  rc = 0;
    for (unsigned i = 0; i < l->n_huge && !rc; i++) {
        snprintf(file, sizeof(file), "hugetlb.%.32s.max", l->huge[i].page_size);
        rc = put_max(g, file, l->huge[i].limit, err);
    }
    for (unsigned i = 0; i < l->n_rdma && !rc; i++) {
        const struct limit_rdma *r = &l->rdma[i];
        int                      n = snprintf(text, sizeof(text), "%.40s", r->name);
        if (r->handles.set)
            n += snprintf(text + n, sizeof(text) - (size_t)n, " hca_handle=%" PRId64, r->handles.v);
        if (r->objects.set)
            snprintf(text + n, sizeof(text) - (size_t)n, " hca_object=%" PRId64, r->objects.v);
        rc = put(g, "rdma.max", text, err);
    }
    for (unsigned i = 0; i < l->n_unified && !rc; i++) {
        if (strchr(l->unified[i].name, '/'))
            return err_set(err, EINVAL, "resources.unified: '%s' is not the name of a file",
                           l->unified[i].name);
        rc = put(g, l->unified[i].name, l->unified[i].value, err);
    }
    return rc;
}

int cgroup_limit_v2(const struct cgroup *g, const struct limits *l, struct err *err)
{
    struct number pids = l->pids.limit;
    int           rc   = write_memory(g, l, err);
    if (!rc)
        rc = write_cpu(g, l, err);
    if (pids.set && pids.v == 0)
        pids.v = -1;
    if (!rc)
        rc = put_max(g, "pids.max", pids, err);
    if (!rc)
        rc = write_io(g, l, err);
    return rc ? rc : write_lists(g, l, err);
}

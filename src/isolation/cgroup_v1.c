/* isolation/cgroup_v1.c - limits as files of cgroup v1: one row a number. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "isolation/cgroup.h"

enum form {
    PLAIN,    /* the number */
    PIDS,     /* 0 and less mean "max" */
    IF_NOT_0, /* 0 means nothing was asked for */
    TRY,      /* a kernel without this file is no fault */
};

#define AT(m) offsetof(struct limits, m)

/* In this order: a limit of memory and swap is never below one of memory alone. */
static const struct {
    const char *controller, *file;
    size_t      off;
    enum form   form;
} rows[] = {
    {"memory", "memory.soft_limit_in_bytes", AT(memory.reservation), IF_NOT_0},
    {"memory", "memory.kmem.limit_in_bytes", AT(memory.kernel), TRY},
    {"memory", "memory.kmem.tcp.limit_in_bytes", AT(memory.kernel_tcp), TRY},
    {"memory", "memory.swappiness", AT(memory.swappiness), PLAIN},
    {"memory", "memory.oom_control", AT(memory.disable_oom_killer), TRY},
    {"memory", "memory.use_hierarchy", AT(memory.use_hierarchy), TRY},
    {"cpu", "cpu.shares", AT(cpu.shares), IF_NOT_0},
    {"cpu", "cpu.cfs_burst_us", AT(cpu.burst), PLAIN},
    {"cpu", "cpu.rt_period_us", AT(cpu.rt_period), IF_NOT_0},
    {"cpu", "cpu.rt_runtime_us", AT(cpu.rt_runtime), IF_NOT_0},
    {"cpu", "cpu.idle", AT(cpu.idle), TRY},
    {"pids", "pids.max", AT(pids.limit), PIDS},
    {"net_cls", "net_cls.classid", AT(network.class_id), IF_NOT_0},
};

static int put(const struct cgroup *g, const char *controller, const char *file, i64 v)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, v);
    return cgroup_write(g, controller, file, text);
}

static int failed(int rc, const char *file, i64 v, struct err *err)
{
    return err_errno(err, -rc, "set %s to %" PRId64, file, v);
}

static int write_numbers(const struct cgroup *g, const struct limits *l, struct err *err)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct number *n = (const struct number *)((const char *)l + rows[i].off);
        if (!n->set || (rows[i].form == IF_NOT_0 && n->v == 0))
            continue;
        int rc = rows[i].form == PIDS && n->v <= 0
                     ? cgroup_write(g, rows[i].controller, rows[i].file, "max")
                     : put(g, rows[i].controller, rows[i].file, n->v);
        if (rc && !(rows[i].form == TRY && (rc == -ENOENT || rc == -EOPNOTSUPP || !n->v)))
            return failed(rc, rows[i].file, n->v, err);
    }
    return 0;
}

/* "memory.limit" and "memory and swap": which goes first depends on whether they grow. */
static int write_memory(const struct cgroup *g, const struct limits *l, struct err *err)
{
    static const char    limit[] = "memory.limit_in_bytes", swap[] = "memory.memsw.limit_in_bytes";
    const struct number *m = &l->memory.limit, *s = &l->memory.swap;
    i64                  both = s->set ? s->v : 0;
    if (m->set && m->v == -1 && !both)
        both = -1;
    bool swap_first = false;
    int  rc         = 0;
    if (m->set && m->v && both) {
        rc         = put(g, "memory", swap, both);
        swap_first = rc == 0;
    }
    if (m->set && m->v && (rc = put(g, "memory", limit, m->v)))
        return failed(rc, limit, m->v, err);
    if (both && !swap_first && (rc = put(g, "memory", swap, both)))
        /* A kernel that does not account swap has no such file. */
        return rc == -ENOENT && both == -1 ? 0 : failed(rc, swap, both, err);
    return 0;
}

/* A quota is checked against the period that stands: try both orders. */
static int write_quota(const struct cgroup *g, const struct limits *l, struct err *err)
{
    const struct number *p = &l->cpu.period, *q = &l->cpu.quota;
    bool                 later = false;
    int                  rc    = 0;
    if (p->set && p->v) {
        rc    = put(g, "cpu", "cpu.cfs_period_us", p->v);
        later = rc == -EINVAL && q->set && q->v;
        if (rc && !later)
            return failed(rc, "cpu.cfs_period_us", p->v, err);
    }
    if (q->set && q->v && (rc = put(g, "cpu", "cpu.cfs_quota_us", q->v)))
        return failed(rc, "cpu.cfs_quota_us", q->v, err);
    if (later && (rc = put(g, "cpu", "cpu.cfs_period_us", p->v)))
        return failed(rc, "cpu.cfs_period_us", p->v, err);
    return 0;
}

static int write_text(const struct cgroup *g, const char *controller, const char *file,
                      const char *text, struct err *err)
{
    int rc = cgroup_write(g, controller, file, text);
    return rc ? err_errno(err, -rc, "set %s to '%s'", file, text) : 0;
}

static int write_rates(const struct cgroup *g, const char *file, const struct limit_rate *list,
                       unsigned n, struct err *err)
{
    char text[80];
    int  rc = 0;
    for (unsigned i = 0; i < n && !rc; i++) {
        snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %" PRId64, list[i].major,
                 list[i].minor, list[i].rate.v);
        rc = write_text(g, "blkio", file, text, err);
    }
    return rc;
}

/* The weight has a file of the scheduler's, and before Linux 5.0 one of its own. */
static int write_weights(const struct cgroup *g, const struct limits *l, struct err *err)
{
    char text[80];
    int  rc = 0;
    if (l->block.weight.set && l->block.weight.v) {
        rc = put(g, "blkio", "blkio.bfq.weight", l->block.weight.v);
        if (rc == -ENOENT)
            rc = put(g, "blkio", "blkio.weight", l->block.weight.v);
        if (rc)
            return failed(rc, "blkio.weight", l->block.weight.v, err);
    }
    if (l->block.leaf_weight.set && l->block.leaf_weight.v) {
        rc = put(g, "blkio", "blkio.leaf_weight", l->block.leaf_weight.v);
        if (rc)
            return failed(rc, "blkio.leaf_weight", l->block.leaf_weight.v, err);
    }
    for (unsigned i = 0; i < l->block.n_weights; i++) {
        const struct limit_weight *w = &l->block.weights[i];
        if (!w->weight.set || !w->weight.v)
            continue;
        snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %" PRId64, w->major, w->minor,
                 w->weight.v);
        rc = cgroup_write(g, "blkio", "blkio.bfq.weight_device", text);
        if (rc == -ENOENT)
            rc = cgroup_write(g, "blkio", "blkio.weight_device", text);
        if (rc)
            return err_errno(err, -rc, "set blkio.weight_device to '%s'", text);
    }
    return 0;
}

static int write_block(const struct cgroup *g, const struct limits *l, struct err *err)
{
    const struct {
        const char              *file;
        const struct limit_rate *list;
        unsigned                 n;
    } lists[] = {
        {"blkio.throttle.read_bps_device", l->block.read_bps, l->block.n_read_bps},
        {"blkio.throttle.write_bps_device", l->block.write_bps, l->block.n_write_bps},
        {"blkio.throttle.read_iops_device", l->block.read_iops, l->block.n_read_iops},
        {"blkio.throttle.write_iops_device", l->block.write_iops, l->block.n_write_iops},
    };
    int rc = write_weights(g, l, err);
    for (unsigned i = 0; i < ARRAY_SIZE(lists) && !rc; i++)
        rc = write_rates(g, lists[i].file, lists[i].list, lists[i].n, err);
    return rc;
}

static int write_lists(const struct cgroup *g, const struct limits *l, struct err *err)
{
    char file[64], text[128];
    int  rc = 0;
    for (unsigned i = 0; i < l->n_huge && !rc; i++) {
        snprintf(file, sizeof(file), "hugetlb.%.32s.limit_in_bytes", l->huge[i].page_size);
        snprintf(text, sizeof(text), "%" PRId64, l->huge[i].limit.v);
        rc = write_text(g, "hugetlb", file, text, err);
        snprintf(file, sizeof(file), "hugetlb.%.32s.rsvd.limit_in_bytes", l->huge[i].page_size);
        cgroup_write(g, "hugetlb", file, text); /* not in every kernel */
    }
    for (unsigned i = 0; i < l->network.n_priorities && !rc; i++) {
        snprintf(text, sizeof(text), "%.40s %" PRId64, l->network.priorities[i].name,
                 l->network.priorities[i].priority.v);
        rc = write_text(g, "net_prio", "net_prio.ifpriomap", text, err);
    }
    for (unsigned i = 0; i < l->n_rdma && !rc; i++) {
        const struct limit_rdma *r = &l->rdma[i];
        int                      n = snprintf(text, sizeof(text), "%.40s", r->name);
        if (r->handles.set)
            n += snprintf(text + n, sizeof(text) - (size_t)n, " hca_handle=%" PRId64, r->handles.v);
        if (r->objects.set)
            snprintf(text + n, sizeof(text) - (size_t)n, " hca_object=%" PRId64, r->objects.v);
        rc = write_text(g, "rdma", "rdma.max", text, err);
    }
    return rc;
}

int cgroup_limit_v1(const struct cgroup *g, const struct limits *l, struct err *err)
{
    if (l->n_unified)
        return err_set(err, EINVAL, "resources.unified is for cgroup v2; this host has v1");
    int rc = write_memory(g, l, err);
    if (!rc)
        rc = write_quota(g, l, err);
    if (!rc)
        rc = write_numbers(g, l, err);
    if (!rc && l->cpu.cpus && l->cpu.cpus[0])
        rc = write_text(g, "cpuset", "cpuset.cpus", l->cpu.cpus, err);
    if (!rc && l->cpu.mems && l->cpu.mems[0])
        rc = write_text(g, "cpuset", "cpuset.mems", l->cpu.mems, err);
    if (!rc)
        rc = write_block(g, l, err);
    return rc ? rc : write_lists(g, l, err);
}

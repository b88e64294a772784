/* isolation/limits.h - what a group of processes may use: the `resources` of an OCI bundle.
 *
 * Plain data; strings and arrays belong to whoever filled it. A number that is not set is not
 * written to the kernel. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ISOLATION_LIMITS_H
#define ISOLATION_LIMITS_H

#include "base/types.h"

struct number {
    i64  v;
    bool set;
};

struct pair { /* a name and its value, both strings */
    char *name, *value;
};

struct limit_device { /* allow or deny; a type that is NULL or "a" is every device */
    bool          allow;
    char         *type, *access;
    struct number major, minor;
};

struct limit_weight {
    i64           major, minor;
    struct number weight, leaf_weight;
};

struct limit_rate {
    i64           major, minor;
    struct number rate;
};

struct limit_huge {
    char         *page_size; /* "2MB" */
    struct number limit;
};

struct limit_priority {
    char         *name;
    struct number priority;
};

struct limit_rdma {
    char         *name; /* of the device */
    struct number handles, objects;
};

struct limits {
    struct {
        struct number limit, reservation, swap, kernel, kernel_tcp, swappiness;
        struct number disable_oom_killer, use_hierarchy, check_before_update;
    } memory;
    struct {
        struct number shares, quota, burst, period, rt_runtime, rt_period, idle;
        char         *cpus, *mems;
    } cpu;
    struct {
        struct number limit;
    } pids;
    struct {
        struct number        weight, leaf_weight;
        struct limit_weight *weights;
        struct limit_rate   *read_bps, *write_bps, *read_iops, *write_iops;
        unsigned             n_weights, n_read_bps, n_write_bps, n_read_iops, n_write_iops;
    } block;
    struct {
        struct number          class_id;
        struct limit_priority *priorities;
        unsigned               n_priorities;
    } network;
    struct limit_device *devices;
    struct limit_huge   *huge;
    struct limit_rdma   *rdma;
    struct pair         *unified; /* cgroup v2: file name and what is written to it */
    unsigned             n_devices, n_huge, n_rdma, n_unified;
};

#endif

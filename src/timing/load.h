/* timing/load.h - a load that a model of storage is put under, by itself: so many requests at a
 * time, each followed by the next when it is done. The same seed gives the same numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_LOAD_H
#define TIMING_LOAD_H

#include "timing/storage.h"

enum { LOAD_DEPTH_MAX = 1024 };

struct load {
    const char *pattern; /* "read", "write", "randread", "randwrite", "randrw" */
    u64         size;    /* bytes of a request */
    u64         count;
    unsigned    depth; /* requests at a time */
    u64         seed;
};

struct load_result {
    double        seconds; /* of the model's time */
    u64           requests, bytes;
    struct spread service; /* ns */
    double        mean_ms, amplification;
};

int load_run(struct storage *, const struct load *, struct load_result *out, struct err *err);

#endif

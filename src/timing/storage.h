/* timing/storage.h - a model of storage behind a virtual disk: until when each request takes.
 *
 * The model sees requests in the order in which they come: a drive that turns serves them one after
 * the other, one of flash at the same time. Loop thread only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_STORAGE_H
#define TIMING_STORAGE_H

#include "base/err.h"
#include "vm/stats.h"

struct storage;

enum storage_op { STORAGE_READ, STORAGE_WRITE, STORAGE_FLUSH, STORAGE_TRIM };

struct storage_config {
    const char *model; /* "hdd:NAME" or "ssd:NAME" of those that come with guise, or "hdd:FILE",
                          "ssd:FILE", a description */
    u64         bytes; /* of the disk, which the model must hold; 0: as large as the model is */
    const char *trace; /* a file that gets a line of CSV for each request; NULL: none */
    double      worn;  /* flash: written over so many times before */
    u64         seed;
};

int  storage_create(struct storage **out, const struct storage_config *, struct err *err);
void storage_destroy(struct storage *); /* NULL is fine */

/* A request that came at SINCE (ns of machine time) is done at the time that is returned. */
u64 storage_until(struct storage *, enum storage_op, u64 off, u64 len, u64 since);

u64  storage_bytes(const struct storage *);
void storage_stats(const struct storage *, const char *name, struct stats *);

/* How long requests took so far, in ns; for flash also by how much more was written than the host
 * wrote, else 1. */
const struct spread *storage_service(const struct storage *);
double               storage_amplification(const struct storage *);
void                 storage_forget(struct storage *); /* counts begin anew */

const char *storage_name(unsigned n); /* the N-th that comes with guise, "hdd:NAME", or NULL */

#endif

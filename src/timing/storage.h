/* timing/storage.h - a model of storage behind a virtual disk: until when each request takes.
 *
 * The model sees requests in the order in which they come, and serves them one after the other.
 * Loop thread only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_STORAGE_H
#define TIMING_STORAGE_H

#include "base/err.h"
#include "vm/stats.h"

struct storage;

enum storage_op { STORAGE_READ, STORAGE_WRITE, STORAGE_FLUSH, STORAGE_TRIM };

/* MODEL: "hdd:NAME" of those that come with guise, or "hdd:FILE", a description. BYTES: of the
 * disk, which the model must hold. TRACE: a file that gets a line of CSV for each request; NULL:
 * none. */
int  storage_create(struct storage **out, const char *model, u64 bytes, const char *trace,
                    struct err *err);
void storage_destroy(struct storage *); /* NULL is fine */

/* A request that came at SINCE (ns of machine time) is done at the time that is returned. */
u64 storage_until(struct storage *, enum storage_op, u64 off, u64 len, u64 since);

void storage_stats(const struct storage *, const char *name, struct stats *);

const char *storage_name(unsigned n); /* the N-th that comes with guise, or NULL */

#endif

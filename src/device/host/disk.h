/* device/host/disk.h - a disk that answers later: requests go to the disk's own thread, answers
 * come on the loop thread, at the time that a timing model says.
 *
 * Requests of one disk are carried out in the order given. An answer is delivered by the
 * machine's clock, so a paused machine hears nothing, but for disk_drain. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_HOST_DISK_H
#define DEVICE_HOST_DISK_H

#include "base/loop.h"
#include "device/host/image.h"
#include "vm/clock.h"
#include "vm/stats.h"

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_DISCARD, DISK_ZERO, DISK_OPS };

struct disk;

/* Owned by whoever submits it; embedded. It stays put until done is called. */
struct disk_request {
    enum disk_op        op;
    bool                may_unmap; /* ZERO */
    u64                 off, len;  /* bytes; len: DISCARD, ZERO */
    const struct iovec *iov;       /* READ, WRITE */
    unsigned            n_iov;
    void (*done)(struct disk_request *, int result); /* loop thread; 0 or -errno */
    void *ctx;

    /* the disk's */
    struct disk         *disk;
    int                  result;
    u64                  since; /* machine time when it was submitted */
    struct disk_request *next;
    struct timer         timer;
};

/* Until when a request takes that was submitted at SINCE, in ns of machine time; what has passed
 * is at once. Asked on the loop thread, once a request, in the order in which they came. */
struct disk_timing {
    u64 (*until)(void *ctx, const struct disk_request *, u64 since, u64 len);
    void (*stats)(void *ctx, const char *name, struct stats *); /* NULL: none of its own */
    void (*destroy)(void *ctx);                                 /* by disk_close; NULL: nothing */
    void *ctx;
};

struct disk_config {
    const char               *path, *format; /* format NULL: by its bytes */
    bool                      read_only;
    struct clock             *clock;
    const struct disk_timing *timing; /* NULL: as fast as it goes */
};

int  disk_open(struct disk **out, const struct disk_config *, struct err *err);
void disk_close(struct disk *); /* NULL is fine; waits for its thread; pending are forgotten */

/* As config.timing; before the first request. */
void disk_time(struct disk *, const struct disk_timing *);

u64  disk_bytes(const struct disk *);
bool disk_read_only(const struct disk *);
u32  disk_cluster_bytes(const struct disk *);
void disk_stats(struct disk *, const char *name, struct stats *);

void disk_submit(struct disk *, struct disk_request *); /* any thread */
void disk_quiesce(struct disk *); /* any thread: waits until no request is being carried out */
void disk_drain(struct disk *);   /* loop thread: carries out all and delivers all answers */

#endif

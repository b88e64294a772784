/* timing/flash.h - a solid-state drive: channels, dies, planes; pages that are written once and
 * blocks that are erased whole; a mapping between; a collector of garbage; a buffer for writes.
 *
 * Requests overlap: each page waits for its plane and its channel only. All times are ms of the
 * drive's own clock, which begins at 0. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_FLASH_H
#define TIMING_FLASH_H

#include "timing/params.h"

enum { FLASH_UNIT = 4096 }; /* bytes that are mapped as one */

struct flash;

struct flash_times {
    double start, end;
    double queue;   /* the plane, the channel or the buffer was busy */
    double cell;    /* reading or programming cells */
    double channel; /* and commands */
    double collect; /* garbage of that plane was collected first */
};

struct flash_counts {
    u64 host_units, moved_units; /* written for the host; by the collector */
    u64 erases, most_erases;     /* of all blocks; of the one that was erased most */
    u64 blocks, buffered;        /* blocks there are; reads that the buffer answered */
};

/* From a block guise_ssd. BYTES: as large as that, if the description is larger; 0: as it says. */
int  flash_create(struct flash **out, const struct params *, u64 bytes, struct err *err);
void flash_destroy(struct flash *); /* NULL is fine */

const char *flash_name(const struct flash *);
u64         flash_bytes(const struct flash *); /* for the host */

enum flash_op { FLASH_READ, FLASH_WRITE, FLASH_TRIM, FLASH_FLUSH };
/* A request of LEN bytes from OFF on, which the drive has, at time NOW, which never goes back. */
void flash_serve(struct flash *, double now, enum flash_op, u64 off, u64 len,
                 struct flash_times *out);

/* Writes all of it in order, then at random TIMES as much, in no time: how a drive is after long
 * use. The counts begin anew. */
void flash_wear_in(struct flash *, double times, u64 seed);
void flash_forget_counts(struct flash *);
void flash_counts(const struct flash *, struct flash_counts *out);

#endif

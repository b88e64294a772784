/* timing/drive.h - a disk drive as a whole: arm, platters, buffer, bus. It says when a request is
 * done, and where its time went.
 *
 * Requests are served one after the other; between them the drive reads ahead and writes out what
 * its buffer took. All times are ms of the drive's own clock, which begins at 0. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_DRIVE_H
#define TIMING_DRIVE_H

#include "timing/params.h"

struct drive;

struct drive_request {
    u64  block; /* of 512 bytes */
    u32  blocks;
    bool write;
};

/* Where the time of a request went; the parts add up to end - start. */
struct drive_times {
    double start, end;
    double queue;    /* the drive was busy with an earlier one */
    double overhead; /* commands, connecting and disconnecting */
    double seek, rotate;
    double transfer; /* below the heads, or over the bus */
    bool   hit;      /* the buffer had it, or took it */
    u32    cylinder; /* where the arm is afterwards */
};

/* From a description with disksim_disk and dm_disk blocks, and perhaps a disksim_bus. */
int  drive_create(struct drive **out, const char *path, struct err *err);
int  drive_create_text(struct drive **out, const char *text, const char *name, struct err *err);
void drive_destroy(struct drive *); /* NULL is fine */

const char *drive_name(const struct drive *);
u64         drive_blocks(const struct drive *);

enum { DRIVE_BLOCKS_MAX = 1 << 16 };

/* At time NOW, which never goes back. The request lies on the drive, and has at most
 * DRIVE_BLOCKS_MAX blocks. */
void drive_serve(struct drive *, double now, const struct drive_request *, struct drive_times *out);

/* Until the first block is below a head, were it served at NOW: for who chooses the next. */
double drive_reach_ms(const struct drive *, double now, const struct drive_request *);

/* When all that the buffer took by now is on the media. */
double drive_clean_ms(const struct drive *);

#endif

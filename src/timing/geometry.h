/* timing/geometry.h - where on a disk drive's platters a block lies.
 *
 * A drive's surfaces turn together; a cylinder is the tracks that the arm reaches at one place.
 * Cylinders of as many sectors a track form a zone. Sectors are numbered along tracks, tracks
 * along cylinders; the first of a track is shifted (skewed) against that of the track before, so
 * that the head can switch meanwhile. Spare sectors or tracks stand in for bad ones: a slip moves
 * all that follow on by one, a remapped defect lies elsewhere. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_GEOMETRY_H
#define TIMING_GEOMETRY_H

#include "timing/params.h"

struct geometry;

struct place {
    u32    cylinder, head;
    double angle;   /* where the block begins: 0 to below 1, of a turn */
    u32    sectors; /* a track's, here */
    u64    track;   /* number of the track on the drive: the same for blocks of one */
};

/* From a block of type dm_disk. */
int  geometry_create(struct geometry **out, const struct params *, struct err *err);
void geometry_destroy(struct geometry *); /* NULL is fine */

u64  geometry_blocks(const struct geometry *);
u32  geometry_cylinders(const struct geometry *);
void geometry_find(const struct geometry *, u64 block, struct place *out); /* block is there */

/* The first block behind the track that BLOCK is on. */
u64 geometry_track_end(const struct geometry *, u64 block);

#endif

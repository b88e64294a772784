/* timing/mechanics.h - a disk drive's arm and platters: how long it takes to be over a sector. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_MECHANICS_H
#define TIMING_MECHANICS_H

#include "timing/params.h"

struct mechanics;

/* From a block of type dm_disk (its dm_mech_g1). PATH: of the description, beside which the file
 * of a measured seek curve lies. */
int  mechanics_create(struct mechanics **out, const struct params *, struct err *err);
void mechanics_destroy(struct mechanics *); /* NULL is fine */

double mechanics_turn_ms(const struct mechanics *); /* of one revolution */

/* From one track to another; to write the arm must settle more exactly. 0: the same track. */
double mechanics_seek_ms(const struct mechanics *, u32 cylinders, bool other_head, bool write);

/* At time AT (ms) until the angle passes below the heads. */
double mechanics_wait_ms(const struct mechanics *, double at, double angle);

#endif

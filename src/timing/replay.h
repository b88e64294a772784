/* timing/replay.h - a measured trace of a drive, run through its model, and how far the two are
 * apart: Ruemmler and Wilkes's demerit figure (An Introduction to Disk Drive Modeling, 1994).
 *
 * A line of the trace: "R|W  WORD  FIRST-BLOCK  BLOCKS  SERVICE-US  GAP-US". The next request comes
 * GAP after the model has completed the one before; WORD and SERVICE are never seen by the model.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TIMING_REPLAY_H
#define TIMING_REPLAY_H

#include "timing/drive.h"

struct replayed {
    struct drive_request request;
    double               measured_ms;
    struct drive_times   model;
};

struct replay {
    struct replayed *all; /* in the trace's order */
    u32              n;
};

/* The root of the mean square of the horizontal distance between the two distributions of service
 * times: of bins that are 1 us wide at 0 and 1 % wider each, as the published figures have it, or
 * exactly, sample by sample. Reads, writes, or both. */
struct demerit {
    u32    n;
    double rms_ms, rms_exact_ms;
    double measured_mean_ms, model_mean_ms;
};
enum replay_class { REPLAY_ALL, REPLAY_READS, REPLAY_WRITES };

int  replay_run(struct replay *out, struct drive *, const char *trace, struct err *err);
void replay_done(struct replay *);
void replay_demerit(const struct replay *, enum replay_class, struct demerit *out);

/* Service times in ascending order, N of them; the caller frees. */
double *replay_sorted(const struct replay *, enum replay_class, bool measured, u32 *n);

/* A picture (SVG) of both distributions. */
int replay_picture(const struct replay *, const char *title, const char *path, struct err *err);

#endif

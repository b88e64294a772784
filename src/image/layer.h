/* image/layer.h - a layer's archive becomes a folder that overlayfs can take.
 *
 * An archive is a stranger's: every name is resolved inside the folder (isolation/inroot.h), so
 * nothing is written, linked or changed outside, whatever links it brought before. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_LAYER_H
#define IMAGE_LAYER_H

#include "image/store.h"

/* The blob DIGEST of the store, gzip, zstd or plain, into its layer's folder, at once. */
int layer_unpack(const struct store *, const char *digest, struct err *err);

/* All of them, on as many processors as there are; those that are there are left alone. */
int layers_unpack(const struct store *, char *const *digests, struct err *err);

/* Any archive into the folder ROOT_FD, as it is: no whiteouts. */
int archive_unpack(int archive_fd, int root_fd, struct err *err);

#endif

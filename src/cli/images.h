/* cli/images.h - an image as a workload. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_IMAGES_H
#define CLI_IMAGES_H

#include "base/err.h"
#include "vm/spec.h"

/* When WORD is no path but the name of an image that is here, the spec becomes what its config
 * says, under what the user said. Otherwise nothing changes. */
int image_for_run(struct spec *, const char *word, struct err *err);

#endif

/* image/name.h - names of images: REGISTRY/REPOSITORY[:TAG][@DIGEST]. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_NAME_H
#define IMAGE_NAME_H

#include "base/err.h"

struct image_name {
    char registry[256], repository[256];
    char reference[130]; /* the tag or the digest */
    bool by_digest;
};

/* "busybox" is docker.io/library/busybox:latest, as everybody has it. */
int   image_name_parse(const char *text, struct image_name *out, struct err *err);
char *image_name_text(const struct image_name *); /* in full; the caller frees */

#endif

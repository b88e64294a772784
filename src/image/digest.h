/* image/digest.h - SHA-256 of what goes by, by OpenSSL. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_DIGEST_H
#define IMAGE_DIGEST_H

#include "base/err.h"
#include "image/store.h"

struct digest_state; /* a running sum */

struct digest_state *digest_begin(void);
void                 digest_add(struct digest_state *, const void *data, size_t len);
void                 digest_end(struct digest_state *, char out[DIGEST_TEXT]); /* and frees */

int digest_file(int fd, char out[DIGEST_TEXT], struct err *err); /* from where FD stands */

#endif

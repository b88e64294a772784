/* machine/unpack.h - what a kernel may be packed by: gzip, zstd, lz4, xz, lzma, bzip2. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MACHINE_UNPACK_H
#define MACHINE_UNPACK_H

#include "base/err.h"

struct unpacked {
    u8         *data;
    size_t      len;
    const char *packing; /* "gzip" */
    size_t      room;
};

const char *packing_of(const u8 *data, size_t len); /* NULL: of none that we know */

/* The caller frees with unpack_done, also after a failure. Bytes behind the packed ones are
 * skipped. -EINVAL: damaged, or larger than a kernel may be. */
int  unpack(struct unpacked *, const u8 *data, size_t len, struct err *err);
void unpack_done(struct unpacked *);

#endif

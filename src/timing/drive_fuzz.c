/* timing/drive_fuzz.c - any bytes as a drive's description: served from, or refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "timing/drive.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    char           path[64];
    struct drive  *d;
    cleanup_fd int fd = memfd_create("drive", MFD_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len || drive_create(&d, path, NULL))
        return 0;
    double now = 0;
    u64    all = drive_blocks(d);
    for (u32 i = 0; i < 32; i++) {
        struct drive_times   t;
        struct drive_request r = {.block = all * i % 31 * (all / 31 + 1) % all,
                                  .write = i % 3 == 0};
        r.blocks               = (u32)MIN(all - r.block, 1u + i * 7);
        drive_serve(d, now, &r, &t);
        if (!(t.end >= now && isfinite(t.end)))
            __builtin_trap();
        now = t.end + i;
    }
    drive_destroy(d);
    return 0;
}

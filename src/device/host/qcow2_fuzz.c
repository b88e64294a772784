/* device/host/qcow2_fuzz.c - images from strangers: the bytes are a qcow2 file; it is opened, read
 * and written to. Backing files are left out: names are not the format's business. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "device/host/image.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static void use(struct image *image)
{
    static u8 buf[65536];
    u64       places[] = {0, image->bytes / 2, image->bytes - MIN(image->bytes, sizeof(buf))};
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        u64          off = ALIGN_DOWN(places[i], 512ull);
        u64          n   = MIN(image->bytes - off, sizeof(buf));
        struct iovec iov = {buf, n};
        image_read(image, off, &iov, 1);
        image_write(image, off, &iov, 1);
        image_zero(image, off, n / 2, true);
        image_discard(image, off, n);
    }
    image_flush(image);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    char path[64];
    if (len < 72)
        return 0;
    bool backed =
        data[8] | data[9] | data[10] | data[11] | data[12] | data[13] | data[14] | data[15];
    cleanup_fd int fd = memfd_create("image", MFD_CLOEXEC);
    if (fd < 0 || file_pwrite(fd, data, len, 0) != 0)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    struct image *image;
    /* so deep that the backing file it names, which is the host's, is not opened */
    struct image_how how = {"qcow2", false, backed ? 1000 : 0};
    if (image_open(&image, path, &how, NULL) == 0) {
        use(image);
        image_close(image);
    }
    return 0;
}

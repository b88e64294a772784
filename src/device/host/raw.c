/* device/host/raw.c - a raw disk image: a file or a block device, byte for byte. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "device/host/image.h"

enum { SECTOR = 512, ZERO_CHUNK = 1 << 20 };

struct raw {
    struct image image;
    int          fd;
    bool         is_block;
    bool         no_zero_range; /* the host said it cannot */
};

static struct raw *to_raw(struct image *image)
{
    return container_of(image, struct raw, image);
}

static int raw_read(struct image *image, u64 off, const struct iovec *iov, unsigned n, u64 len)
{
    return file_preadv(to_raw(image)->fd, iov, n, len, off);
}

static int raw_write(struct image *image, u64 off, const struct iovec *iov, unsigned n, u64 len)
{
    return file_pwritev(to_raw(image)->fd, iov, n, len, off);
}

static int raw_flush(struct image *image)
{
    return fdatasync(to_raw(image)->fd) < 0 ? -errno : 0;
}

static bool cannot(int e)
{
    return e == EOPNOTSUPP || e == ENOSYS || e == EINVAL || e == ENODEV || e == EPERM;
}

static int raw_discard(struct image *image, u64 off, u64 len)
{
    struct raw *r        = to_raw(image);
    u64         range[2] = {off, len};
    int         punch    = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    int         rc       = r->is_block ? ioctl(r->fd, BLKDISCARD, range)
                                       : fallocate(r->fd, punch, (off_t)off, (off_t)len);
    return rc < 0 && !cannot(errno) ? -errno : 0; /* a hint: a host that cannot is fine */
}

static int zero_by_writing(struct raw *r, u64 off, u64 len)
{
    cleanup_free u8 *zeroes = xalloc(ZERO_CHUNK);
    int              rc     = 0;
    for (u64 n; !rc && len; off += n, len -= n) {
        n  = MIN(len, (u64)ZERO_CHUNK);
        rc = file_pwrite(r->fd, zeroes, n, off);
    }
    return rc;
}

static int raw_zero(struct image *image, u64 off, u64 len, bool may_unmap)
{
    struct raw *r    = to_raw(image);
    int         mode = may_unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
    if (!r->no_zero_range) {
        if (fallocate(r->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) == 0)
            return 0;
        if (!cannot(errno))
            return -errno;
        if (!may_unmap)
            r->no_zero_range = true;
    }
    return zero_by_writing(r, off, len);
}

static void raw_close(struct image *image)
{
    struct raw *r = to_raw(image);
    close(r->fd);
    free(r);
}

static const struct image_ops ops = {
    .name    = "raw",
    .read    = raw_read,
    .write   = raw_write,
    .flush   = raw_flush,
    .discard = raw_discard,
    .zero    = raw_zero,
    .close   = raw_close,
};

int image_raw_open(struct image **out, const char *path, const struct image_how *how,
                   struct err *err)
{
    int fd;
    u64 bytes;
    int rc = image_file_open(&fd, &bytes, path, how->read_only, err);
    if (rc)
        return rc;
    /* A backing file may end anywhere: what lies behind reads as zeroes. A disk may not. */
    if (bytes % SECTOR && how->depth == 0) {
        close(fd);
        return err_set(err, EINVAL, "disk '%s' ends inside a sector", path);
    }
    struct stat st;
    struct raw *r      = xnew(struct raw);
    r->image.ops       = &ops;
    r->image.bytes     = bytes;
    r->image.read_only = how->read_only;
    r->fd              = fd;
    r->is_block        = fstat(fd, &st) == 0 && S_ISBLK(st.st_mode);
    *out               = &r->image;
    return 0;
}

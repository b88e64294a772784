/* device/host/image.c - see image.h: choosing the format, bounds, files and their locks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/host/image.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/alloc.h"

static const struct {
    const char *name;
    int (*open)(struct image **, const char *, const struct image_how *, struct err *);
} formats[] = {
    {"raw", image_raw_open},
    {"qcow2", image_qcow2_open},
};

static const char *told_by_bytes(const char *path)
{
    u8             magic[4] = {0};
    cleanup_fd int fd       = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && file_pread(fd, magic, sizeof(magic), 0) == 0 && !memcmp(magic, "QFI\xfb", 4))
        return "qcow2";
    return "raw";
}

int image_open(struct image **out, const char *path, const struct image_how *how, struct err *err)
{
    struct image_how h = *how;
    if (!h.format)
        h.format = told_by_bytes(path);
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
        if (!strcmp(h.format, formats[i].name))
            return formats[i].open(out, path, &h, err);
    return err_set(err, EINVAL, "disk '%s': no format '%s' (raw, qcow2)", path, h.format);
}

void image_close(struct image *image)
{
    if (image)
        image->ops->close(image);
}

static bool inside(const struct image *image, u64 off, u64 len)
{
    return off <= image->bytes && len <= image->bytes - off;
}

static u64 total(const struct iovec *iov, unsigned n)
{
    u64 len = 0;
    for (unsigned i = 0; i < n; i++)
        len += iov[i].iov_len;
    return len;
}

int image_read(struct image *image, u64 off, const struct iovec *iov, unsigned n)
{
    u64 len = total(iov, n);
    if (!inside(image, off, len))
        return -EINVAL;
    return len ? image->ops->read(image, off, iov, n, len) : 0;
}

int image_write(struct image *image, u64 off, const struct iovec *iov, unsigned n)
{
    u64 len = total(iov, n);
    if (!inside(image, off, len))
        return -EINVAL;
    if (image->read_only)
        return -EROFS;
    return len ? image->ops->write(image, off, iov, n, len) : 0;
}

int image_discard(struct image *image, u64 off, u64 len)
{
    if (!inside(image, off, len))
        return -EINVAL;
    if (image->read_only)
        return -EROFS;
    return len ? image->ops->discard(image, off, len) : 0;
}

int image_zero(struct image *image, u64 off, u64 len, bool may_unmap)
{
    if (!inside(image, off, len))
        return -EINVAL;
    if (image->read_only)
        return -EROFS;
    return len ? image->ops->zero(image, off, len, may_unmap) : 0;
}

int image_flush(struct image *image)
{
    return image->read_only ? 0 : image->ops->flush(image);
}

int image_file_open(int *out_fd, u64 *out_bytes, const char *path, bool read_only, struct err *err)
{
    cleanup_fd int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_errno(err, errno, "open disk '%s'", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "stat disk '%s'", path);
    u64 bytes = (u64)st.st_size;
    if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, &bytes) < 0)
        return err_errno(err, errno, "disk '%s': its size", path);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return err_set(err, EINVAL, "disk '%s' is neither a file nor a block device", path);
    if (bytes > (u64)LLONG_MAX / 2)
        return err_set(err, EFBIG, "disk '%s' is too large", path);
    /* O_NONBLOCK was only so that opening a pipe cannot hang. */
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);

    struct flock lock = {.l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES))
        return err_set(err, EBUSY, "disk '%s' is in use by another machine", path);
    *out_bytes = bytes;
    *out_fd    = steal_fd(&fd);
    return 0;
}

unsigned iov_slice(struct iovec *out, const struct iovec *iov, unsigned n, u64 off, u64 len)
{
    unsigned used = 0;
    for (unsigned i = 0; i < n && len; i++) {
        if (off >= iov[i].iov_len) {
            off -= iov[i].iov_len;
            continue;
        }
        u64 part    = MIN(len, iov[i].iov_len - off);
        out[used++] = (struct iovec){(u8 *)iov[i].iov_base + off, part};
        len -= part;
        off = 0;
    }
    return used;
}

void iov_from(const struct iovec *iov, unsigned n, const void *src, u64 len)
{
    for (unsigned i = 0; i < n && len; i++) {
        u64 part = MIN(len, iov[i].iov_len);
        memcpy(iov[i].iov_base, src, part);
        src = (const u8 *)src + part;
        len -= part;
    }
}

void iov_to(void *dst, const struct iovec *iov, unsigned n, u64 len)
{
    for (unsigned i = 0; i < n && len; i++) {
        u64 part = MIN(len, iov[i].iov_len);
        memcpy(dst, iov[i].iov_base, part);
        dst = (u8 *)dst + part;
        len -= part;
    }
}

void iov_zero(const struct iovec *iov, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        memset(iov[i].iov_base, 0, iov[i].iov_len);
}

int file_pread(int fd, void *buf, u64 len, u64 off)
{
    return file_preadv(fd, &(struct iovec){buf, len}, 1, len, off);
}

int file_pwrite(int fd, const void *buf, u64 len, u64 off)
{
    return file_pwritev(fd, &(struct iovec){(void *)buf, len}, 1, len, off);
}

enum { PIECES_AT_ONCE = 64 };

int file_preadv(int fd, const struct iovec *iov, unsigned n, u64 len, u64 off)
{
    struct iovec part[PIECES_AT_ONCE];
    unsigned     first = 0;
    u64          skip  = 0; /* bytes of iov[first] that are done */
    while (len) {
        unsigned count = iov_slice(part, iov + first, MIN(n - first, PIECES_AT_ONCE), skip, len);
        ssize_t  got   = preadv(fd, part, (int)count, (off_t)off);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0) { /* past the end */
            iov_zero(part, count);
            for (unsigned i = 0; i < count; i++)
                got += (ssize_t)part[i].iov_len;
        }
        len -= (u64)got;
        off += (u64)got;
        skip += (u64)got;
        while (first < n && skip >= iov[first].iov_len)
            skip -= iov[first++].iov_len;
    }
    return 0;
}

int file_pwritev(int fd, const struct iovec *iov, unsigned n, u64 len, u64 off)
{
    struct iovec part[PIECES_AT_ONCE];
    unsigned     first = 0;
    u64          skip  = 0;
    while (len) {
        unsigned count = iov_slice(part, iov + first, MIN(n - first, PIECES_AT_ONCE), skip, len);
        ssize_t  done  = pwritev(fd, part, (int)count, (off_t)off);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        len -= (u64)done;
        off += (u64)done;
        skip += (u64)done;
        while (first < n && skip >= iov[first].iov_len)
            skip -= iov[first++].iov_len;
    }
    return 0;
}

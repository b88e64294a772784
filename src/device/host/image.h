/* device/host/image.h - a disk image in one of its formats, as plain blocking calls.
 *
 * One thread at a time: disk.h gives an image its own. All offsets and lengths have been checked
 * against `bytes` before (image_read and so on do it); formats see only what is inside. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_HOST_IMAGE_H
#define DEVICE_HOST_IMAGE_H

#include <sys/uio.h>

#include "base/err.h"

struct image;

struct image_ops {
    const char *name; /* "raw", "qcow2" */
    /* 0 or -errno. LEN is the sum of the pieces. */
    int (*read)(struct image *, u64 off, const struct iovec *, unsigned n, u64 len);
    int (*write)(struct image *, u64 off, const struct iovec *, unsigned n, u64 len);
    int (*flush)(struct image *);                     /* durable on return */
    int (*discard)(struct image *, u64 off, u64 len); /* a hint */
    int (*zero)(struct image *, u64 off, u64 len, bool may_unmap);
    void (*close)(struct image *);
};

struct image {
    const struct image_ops *ops;
    u64                     bytes; /* its size as the guest sees it */
    bool                    read_only;
    u32                     cluster_bytes; /* what a discard should be aligned to; 0: nothing */
};

struct image_how {
    const char *format; /* NULL: told from its first bytes, if the user chose the file */
    bool        read_only;
    unsigned    depth; /* how many images stand upon this one */
};

int  image_open(struct image **out, const char *path, const struct image_how *, struct err *err);
void image_close(struct image *); /* NULL is fine */

int image_read(struct image *, u64 off, const struct iovec *, unsigned n);
int image_write(struct image *, u64 off, const struct iovec *, unsigned n);
int image_discard(struct image *, u64 off, u64 len);
int image_zero(struct image *, u64 off, u64 len, bool may_unmap);
int image_flush(struct image *);

/* The formats. */
int image_raw_open(struct image **out, const char *path, const struct image_how *, struct err *err);
int image_qcow2_open(struct image **out, const char *path, const struct image_how *,
                     struct err *err);

/* Opens the file of an image and locks it: many readers or one writer (open file description
 * locks, so that a second machine is refused). Fills *out_fd and its size. */
int image_file_open(int *out_fd, u64 *out_bytes, const char *path, bool read_only, struct err *err);

/* Whole-buffer I/O for formats: 0 or -errno; reads past the file's end give zeroes. */
int file_pread(int fd, void *buf, u64 len, u64 off);
int file_pwrite(int fd, const void *buf, u64 len, u64 off);
int file_preadv(int fd, const struct iovec *, unsigned n, u64 len, u64 off);
int file_pwritev(int fd, const struct iovec *, unsigned n, u64 len, u64 off);

/* Copies the part of pieces [OFF, OFF+LEN) to OUT, which has room for N; returns how many. */
unsigned iov_slice(struct iovec *out, const struct iovec *iov, unsigned n, u64 off, u64 len);
void     iov_from(const struct iovec *iov, unsigned n, const void *src, u64 len); /* into pieces */
void     iov_to(void *dst, const struct iovec *iov, unsigned n, u64 len);         /* out of them */
void     iov_zero(const struct iovec *iov, unsigned n);

#endif

/* device/host/qcow2_bench.h - for tests of qcow2: makes small images without QEMU, and checks an
 * image's bytes against the format by other code than that which wrote it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_HOST_QCOW2_BENCH_H
#define DEVICE_HOST_QCOW2_BENCH_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "device/host/image.h"

static inline u64 be_get(const u8 *p, unsigned bytes)
{
    u64 val = 0;
    for (unsigned i = 0; i < bytes; i++)
        val = val << 8 | p[i];
    return val;
}

static inline void be_put(u8 *p, unsigned bytes, u64 val)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (u8)(val >> (8 * (bytes - 1 - i)));
}

struct qcow_shape {
    u64         bytes;
    unsigned    cluster_bits, refcount_order;
    const char *backing; /* raw; NULL: none */
};

/* Version 3: header, refcount table, one block, first-level table, in this order. */
static inline void qcow2_make(const char *path, const struct qcow_shape *s)
{
    u64 cluster = 1ull << s->cluster_bits, covers = cluster * cluster / 8;
    u64 l1 = (s->bytes + covers - 1) / covers, l1_clusters = (l1 * 8 + cluster - 1) / cluster;
    u64 total           = 3 + l1_clusters;
    cleanup_free u8 *f  = xalloc(total * cluster);
    cleanup_fd int   fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    memcpy(f, "QFI\xfb\0\0\0\3", 8);
    be_put(f + 20, 4, s->cluster_bits);
    be_put(f + 24, 8, s->bytes);
    be_put(f + 36, 4, l1);
    be_put(f + 40, 8, 3 * cluster);
    be_put(f + 48, 8, cluster);
    be_put(f + 56, 4, 1);
    be_put(f + 96, 4, s->refcount_order);
    be_put(f + 100, 4, 104);
    if (s->backing) {
        be_put(f + 104, 4, 0xe2792aca); /* its format */
        be_put(f + 108, 4, 3);
        memcpy(f + 112, "raw", 3);
        be_put(f + 8, 8, 128);
        be_put(f + 16, 4, strlen(s->backing));
        memcpy(f + 128, s->backing, strlen(s->backing));
    }
    be_put(f + cluster, 8, 2 * cluster);
    for (u64 i = 0; i < total; i++) { /* each is used once */
        unsigned width = 1u << s->refcount_order;
        u8      *at    = f + 2 * cluster + i * width / 8;
        if (width < 8)
            *at |= (u8)(1u << (i * width % 8));
        else
            be_put(at, width / 8, 1);
    }
    int rc = file_pwrite(fd, f, total * cluster, 0);
    assert(rc == 0);
}

struct qcow_checked {
    const char *wrong; /* NULL: all is well, but for leaks */
    u64         where, leaks;

    const u8 *f;
    u64       len, cluster, n; /* n: whole clusters of the file */
    unsigned  bits;
    u16      *refs;
};

static inline bool check_fail(struct qcow_checked *c, const char *wrong, u64 where)
{
    if (!c->wrong) {
        c->wrong = wrong;
        c->where = where;
    }
    return false;
}

static inline bool check_use(struct qcow_checked *c, const char *what, u64 at, u64 clusters)
{
    for (u64 i = at >> c->bits; i < (at >> c->bits) + clusters; i++) {
        if (at & (c->cluster - 1) || i >= c->n)
            return check_fail(c, what, at);
        c->refs[i]++;
    }
    return true;
}

static inline u64 check_count(const struct qcow_checked *c, u64 i)
{
    unsigned width = 1u << be_get(c->f + 96, 4);
    u64      per = c->cluster * 8 / width, table = be_get(c->f + 48, 8);
    u64      room  = be_get(c->f + 56, 4) * c->cluster / 8;
    u64      block = i / per < room ? be_get(c->f + table + i / per * 8, 8) : 0;
    if (!block || block + c->cluster > c->n * c->cluster)
        return 0;
    const u8 *at = c->f + block + i % per * width / 8;
    return width < 8 ? *at >> (i % per * width % 8) & ((1u << width) - 1) : be_get(at, width / 8);
}

static inline bool check_tables(struct qcow_checked *c, bool count)
{
    u64 l1 = be_get(c->f + 40, 8), l1_size = be_get(c->f + 36, 4);
    for (u64 i = 0; i < l1_size; i++) {
        u64 e = be_get(c->f + l1 + i * 8, 8), l2 = e & 0x00fffffffffffe00ull;
        if (!l2)
            continue;
        if (count ? !check_use(c, "a second-level table lies outside", l2, 1)
                  : e >> 63 != (check_count(c, l2 >> c->bits) == 1))
            return check_fail(c, "the copied flag of a table", i);
        for (u64 k = 0; k < c->cluster / 8; k++) {
            u64 d = be_get(c->f + l2 + k * 8, 8), at = d & 0x00fffffffffffe00ull;
            if (!at || d >> 62 & 1)
                continue;
            if (count ? !check_use(c, "a cluster lies outside", at, 1)
                      : d >> 63 != (check_count(c, at >> c->bits) == 1))
                return check_fail(c, "the copied flag of a cluster", i * c->cluster / 8 + k);
        }
    }
    return true;
}

/* Images without snapshots and compressed clusters, of version 3. */
static inline void qcow2_check(struct qcow_checked *c, const u8 *f, u64 len)
{
    *c = (struct qcow_checked){.f = f, .len = len};
    if (len < 104 || memcmp(f, "QFI\xfb\0\0\0\3", 8) != 0) {
        check_fail(c, "the header", 0);
        return;
    }
    c->bits    = (unsigned)be_get(f + 20, 4);
    c->cluster = 1ull << c->bits;
    c->n       = len >> c->bits; /* the caller pads the file to whole clusters */
    c->refs    = xalloc(c->n * 2 + 2);
    u64  table = be_get(f + 48, 8), clusters = be_get(f + 56, 4);
    u64  l1_bytes = be_get(f + 36, 4) * 8;
    bool fine     = check_use(c, "the header", 0, 1) &&
                check_use(c, "the first-level table lies outside", be_get(f + 40, 8),
                          (l1_bytes + c->cluster - 1) >> c->bits) &&
                check_use(c, "the refcount table lies outside", table, clusters);
    for (u64 i = 0; fine && i < clusters * c->cluster / 8; i++)
        if (be_get(f + table + i * 8, 8))
            fine = check_use(c, "a refcount block lies outside", be_get(f + table + i * 8, 8), 1);
    fine = fine && check_tables(c, true);
    for (u64 i = 0; fine && i < c->n; i++) {
        u64 count = check_count(c, i);
        if (c->refs[i] > 1)
            fine = check_fail(c, "a cluster is used twice", i << c->bits);
        else if (count < c->refs[i])
            fine = check_fail(c, "a count is too low", i << c->bits);
        c->leaks += count > c->refs[i];
    }
    if (fine && !c->leaks) /* a leak may be a count of 2 */
        check_tables(c, false);
    free(c->refs);
    c->refs = NULL;
}

/* Reads the file, padded with zeroes to whole clusters of 2 MiB at most. */
static inline u8 *qcow2_slurp(const char *path, u64 *len)
{
    struct stat    st;
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    int            rc = fd < 0 ? -1 : fstat(fd, &st);
    assert(rc == 0);
    *len  = ALIGN_UP((u64)st.st_size, 2ull << 20);
    u8 *f = xalloc(*len);
    rc    = file_pread(fd, f, (u64)st.st_size, 0);
    assert(rc == 0);
    return f;
}

static inline void qcow2_check_file(struct qcow_checked *c, const char *path)
{
    u64              len;
    cleanup_free u8 *f = qcow2_slurp(path, &len);
    qcow2_check(c, f, len);
}

#endif

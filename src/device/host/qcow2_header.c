/* device/host/qcow2_header.c - reads and checks a qcow2 image's header (QEMU's docs/interop/
 * qcow2.txt), its extensions, and its two tables of the first level. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "device/host/qcow2.h"

enum { L1_BYTES_MAX = 32 << 20, NAME_MAX_BYTES = 1023 };
enum { V2_BYTES = 72, V3_BYTES = 104, AUTOCLEAR_AT = 88 };
enum { EXTENSION_END = 0 };
#define EXTENSION_BACKING_FORMAT 0xe2792acau

enum { INCOMPAT_DIRTY = 1, INCOMPAT_CORRUPT = 2, INCOMPAT_COMPRESSION = 8 };

struct header {
    u32 magic, version;
    u64 backing_offset;
    u32 backing_size, cluster_bits;
    u64 size;
    u32 crypt_method, l1_size;
    u64 l1_offset, counts_offset;
    u32 counts_clusters, n_snapshots;
    u64 snapshots_offset;
    /* version 3 */
    u64 incompatible, compatible, autoclear;
    u32 refcount_order, header_length;
    u8  compression, pad[7];
};

_Static_assert(offsetof(struct header, autoclear) == AUTOCLEAR_AT, "the format's");
_Static_assert(offsetof(struct header, compression) == V3_BYTES, "the format's");

static void to_host(struct header *h)
{
    u32 *const words[] = {
        &h->magic,   &h->version,         &h->backing_size, &h->cluster_bits,   &h->crypt_method,
        &h->l1_size, &h->counts_clusters, &h->n_snapshots,  &h->refcount_order, &h->header_length};
    u64 *const longs[] = {&h->backing_offset,   &h->size,         &h->l1_offset,  &h->counts_offset,
                          &h->snapshots_offset, &h->incompatible, &h->compatible, &h->autoclear};
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        *words[i] = be32toh(*words[i]);
    for (unsigned i = 0; i < ARRAY_SIZE(longs); i++)
        *longs[i] = be64toh(*longs[i]);
}

static int refuse_features(const struct qcow2 *q, const struct header *h, const char *path,
                           struct err *err)
{
    static const char *const names[] = {NULL, NULL, "an external data file", NULL,
                                        "extended L2 entries"};
    if (h->crypt_method)
        return err_set(err, ENOTSUP, "disk '%s' is encrypted, which guise does not do", path);
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (names[i] && h->incompatible >> i & 1)
            return err_set(err, ENOTSUP, "disk '%s' has %s, which guise does not do", path,
                           names[i]);
    if (h->incompatible >> ARRAY_SIZE(names))
        return err_set(err, ENOTSUP, "disk '%s' has unknown features %#llx", path,
                       (unsigned long long)h->incompatible);
    if (q->image.read_only)
        return 0;
    if (h->incompatible & INCOMPAT_CORRUPT)
        return err_set(err, EINVAL, "disk '%s' is marked corrupt: see qemu-img check -r", path);
    return 0;
}

static int check_numbers(const struct header *h, const char *path, struct err *err)
{
    u64         cluster = 1ull << (h->cluster_bits & 63);
    const char *wrong   = NULL;
    if (h->cluster_bits < 9 || h->cluster_bits > 21)
        wrong = "cluster size";
    else if (h->refcount_order > 6)
        wrong = "reference counts";
    else if (h->version == 3 && (h->header_length < V3_BYTES || h->header_length > cluster))
        wrong = "header length";
    else if (h->l1_size > L1_BYTES_MAX / 8 || h->l1_offset % cluster || h->l1_offset >> 56)
        wrong = "first-level table";
    else if (h->counts_clusters == 0 || h->counts_clusters > COUNTS_BYTES_MAX / cluster + 1 ||
             h->counts_offset % cluster || h->counts_offset >> 56 || !h->counts_offset)
        wrong = "refcount table";
    else if (h->size > (u64)INT64_MAX / 2 ||
             (h->size + (cluster * cluster / 8 - 1)) / (cluster * cluster / 8) > h->l1_size)
        wrong = "size";
    else if (h->backing_size > NAME_MAX_BYTES || h->backing_offset > cluster ||
             h->backing_offset + h->backing_size > cluster ||
             (h->backing_offset && h->backing_offset < h->header_length))
        wrong = "backing file name";
    else if (h->compression > 1 || (h->compression && !(h->incompatible & INCOMPAT_COMPRESSION)))
        wrong = "compression";
    return wrong ? err_set(err, EINVAL, "disk '%s': the qcow2 header's %s is not possible", path,
                           wrong)
                 : 0;
}

/* The extensions lie between the header and the backing file's name. */
static char *find_format(const u8 *cluster, u64 at, u64 end)
{
    while (at <= end && end - at >= 8) {
        u32 type, len;
        memcpy(&type, cluster + at, 4);
        memcpy(&len, cluster + at + 4, 4);
        type = be32toh(type);
        len  = be32toh(len);
        at += 8;
        if (type == EXTENSION_END || len > end - at)
            return NULL;
        if (type == EXTENSION_BACKING_FORMAT)
            return xstrndup((const char *)cluster + at, len);
        u64 step = ALIGN_UP((u64)len, 8ull);
        if (step > end - at)
            return NULL;
        at += step;
    }
    return NULL;
}

static int read_table(const struct qcow2 *q, u64 **out, u64 n, u64 offset)
{
    u64 *table = try_alloc(MAX(n, (u64)1), 8);
    if (!table)
        return -ENOMEM;
    int rc = file_pread(q->fd, table, n * 8, offset);
    for (u64 i = 0; i < n; i++)
        table[i] = be64toh(table[i]);
    if (rc)
        free(table);
    else
        *out = table;
    return rc;
}

static int read_tables(struct qcow2 *q, const struct header *h, const char *path, struct err *err)
{
    q->l1_offset     = h->l1_offset;
    q->l1_size       = h->l1_size;
    q->counts_offset = h->counts_offset;
    q->n_counts      = (u64)h->counts_clusters * q->cluster_bytes / 8;
    int rc           = read_table(q, &q->l1, q->l1_size, q->l1_offset);
    if (!rc)
        rc = read_table(q, &q->counts, q->n_counts, q->counts_offset);
    return rc ? err_errno(err, -rc, "disk '%s': read its tables", path) : 0;
}

/* 0, or -errno with err filled. *out_backing: the backing file's name, NULL when there is none. */
int qcow2_read_header(struct qcow2 *q, const char *path, char **out_backing, char **out_format,
                      struct err *err)
{
    struct header h;
    int           rc = file_pread(q->fd, &h, sizeof(h), 0);
    if (rc)
        return err_errno(err, -rc, "disk '%s': read its header", path);
    to_host(&h);
    if (h.magic != 0x514649fb || (h.version != 2 && h.version != 3))
        return err_set(err, EINVAL, "disk '%s' is not qcow2 of version 2 or 3", path);
    if (h.version == 2) {
        h.incompatible = h.compatible = h.autoclear = 0;
        h.refcount_order                            = 4;
        h.header_length                             = V2_BYTES;
    }
    if (h.header_length <= V3_BYTES)
        h.compression = 0;
    rc = check_numbers(&h, path, err);
    if (!rc)
        rc = refuse_features(q, &h, path, err);
    if (rc)
        return rc;
    q->version             = h.version;
    q->cluster_bits        = h.cluster_bits;
    q->cluster_bytes       = 1ull << h.cluster_bits;
    q->l2_bits             = h.cluster_bits - 3;
    q->refcount_order      = h.refcount_order;
    q->zstd                = h.compression == 1;
    q->dirty               = h.incompatible & INCOMPAT_DIRTY;
    q->image.bytes         = h.size;
    q->image.cluster_bytes = (u32)q->cluster_bytes;

    cleanup_free u8 *cluster = xalloc(q->cluster_bytes);
    rc                       = file_pread(q->fd, cluster, q->cluster_bytes, 0);
    if (rc)
        return err_errno(err, -rc, "disk '%s': read its header", path);
    u64 end = h.backing_offset ? h.backing_offset : q->cluster_bytes;
    if (h.backing_offset && h.backing_size) {
        *out_backing = xstrndup((char *)cluster + h.backing_offset, h.backing_size);
        *out_format  = find_format(cluster, ALIGN_UP((u64)h.header_length, 8ull), end);
    }
    /* Whoever changes an image without knowing an autoclear feature takes its bit away. */
    if (h.autoclear && !q->image.read_only)
        rc = file_pwrite(q->fd, &(u64){0}, 8, AUTOCLEAR_AT);
    if (rc)
        return err_errno(err, -rc, "disk '%s': write its header", path);
    return read_tables(q, &h, path, err);
}

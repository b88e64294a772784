/* device/host/qcow2_io.c - reading and writing through the tables, cluster by cluster; copy on
 * write, zeroes, compressed clusters. See qcow2.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "device/host/qcow2.h"

/* What an entry of the second level says. */
enum kind { NOWHERE, ZEROES, STORED, PACKED };

static enum kind kind_of(const struct qcow2 *q, u64 entry)
{
    if (entry & QCOW_COMPRESSED)
        return PACKED;
    if (q->version >= 3 && entry & QCOW_ZERO)
        return ZEROES;
    return entry & QCOW_OFFSET ? STORED : NOWHERE;
}

static const struct iovec *part(struct qcow2 *q, const struct iovec *iov, unsigned n, u64 skip,
                                u64 len, unsigned *out_n)
{
    if (q->slice_room < n) {
        q->slice      = xrealloc(q->slice, n * sizeof(*q->slice));
        q->slice_room = n;
    }
    *out_n = iov_slice(q->slice, iov, n, skip, len);
    return q->slice;
}

/* --- compressed clusters --- */

static bool unzip(u8 *dst, u64 dst_len, const u8 *src, u64 src_len)
{
    z_stream z = {
        .next_in = (u8 *)src, .avail_in = (u32)src_len, .next_out = dst, .avail_out = (u32)dst_len};
    if (inflateInit2(&z, -15) != Z_OK) /* a bare deflate stream */
        return false;
    int rc = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return (rc == Z_STREAM_END || rc == Z_BUF_ERROR) && z.avail_out == 0;
}

static bool unzstd(u8 *dst, u64 dst_len, const u8 *src, u64 src_len)
{
    ZSTD_DStream  *z   = ZSTD_createDStream();
    ZSTD_inBuffer  in  = {src, src_len, 0};
    ZSTD_outBuffer out = {dst, dst_len, 0};
    while (z && out.pos < out.size) {
        size_t in_was = in.pos, out_was = out.pos;
        size_t rc = ZSTD_decompressStream(z, &out, &in);
        if (ZSTD_isError(rc) || (in.pos == in_was && out.pos == out_was))
            break;
    }
    ZSTD_freeDStream(z);
    return out.pos == out.size;
}

/* Where a compressed cluster lies: bytes, and how many at most. */
void qcow2_packed_at(const struct qcow2 *q, u64 entry, u64 *off, u64 *len)
{
    unsigned x = 62 - (q->cluster_bits - 8);
    *off       = entry & ((1ull << x) - 1);
    u64 extra  = entry >> x & ((1ull << (62 - x)) - 1); /* sectors after the first */
    *len       = (extra + 1) * 512 - (*off & 511);
}

static int unpack(struct qcow2 *q, u64 entry)
{
    u64 off, len;
    if (q->plain_of == entry)
        return 0;
    qcow2_packed_at(q, entry, &off, &len);
    if (off < q->cluster_bytes || off >= q->high_water || len > 2 * q->cluster_bytes + 512)
        return -EIO;
    q->plain_of = 0;
    int rc      = file_pread(q->fd, q->packed, len, off);
    if (rc)
        return rc;
    bool fine = q->zstd ? unzstd(q->plain, q->cluster_bytes, q->packed, len)
                        : unzip(q->plain, q->cluster_bytes, q->packed, len);
    if (!fine)
        return -EIO;
    q->plain_of = entry;
    return 0;
}

/* --- reading --- */

static int read_backing(struct qcow2 *q, u64 off, const struct iovec *iov, unsigned n, u64 len)
{
    iov_zero(iov, n); /* what lies behind the backing file's end */
    if (!q->backing || off >= q->backing->bytes)
        return 0;
    len               = MIN(len, q->backing->bytes - off);
    struct iovec *cut = xalloc(n * sizeof(*cut));
    unsigned      m   = iov_slice(cut, iov, n, 0, len);
    int           rc  = image_read(q->backing, off, cut, m);
    free(cut);
    return rc;
}

/* Inside one cluster, whose entry is ENTRY. */
static int read_cluster(struct qcow2 *q, u64 entry, u64 off, const struct iovec *iov, unsigned n,
                        u64 len)
{
    u64 inside = off & (q->cluster_bytes - 1);
    u64 host   = entry & QCOW_OFFSET;
    int rc     = 0;
    switch (kind_of(q, entry)) {
    case NOWHERE:
        return read_backing(q, off, iov, n, len);
    case ZEROES:
        iov_zero(iov, n);
        return 0;
    case STORED:
        return qcow2_valid(q, host) ? file_preadv(q->fd, iov, n, len, host + inside) : -EIO;
    case PACKED:
        rc = unpack(q, entry);
        if (!rc)
            iov_from(iov, n, q->plain + inside, len);
        return rc;
    }
    return -EIO;
}

static u64 in_cluster(const struct qcow2 *q, u64 off, u64 len)
{
    return MIN(len, q->cluster_bytes - (off & (q->cluster_bytes - 1)));
}

int qcow2_read(struct image *image, u64 off, const struct iovec *iov, unsigned n, u64 len)
{
    struct qcow2 *q = to_qcow2(image);
    for (u64 done = 0, step; done < len; done += step) {
        u64      entry;
        unsigned m;
        step   = in_cluster(q, off + done, len - done);
        int rc = qcow2_entry(q, off + done, &entry);
        if (!rc) {
            const struct iovec *cut = part(q, iov, n, done, step, &m);
            rc                      = read_cluster(q, entry, off + done, cut, m, step);
        }
        if (rc)
            return rc;
    }
    return 0;
}

/* --- writing --- */

/* The cluster or clusters that the old entry held are not needed any more. */
static int let_go(struct qcow2 *q, u64 entry)
{
    u64 off = entry & QCOW_OFFSET, len = q->cluster_bytes;
    if (entry & QCOW_COMPRESSED)
        qcow2_packed_at(q, entry, &off, &len);
    int rc = 0;
    for (u64 at = ALIGN_DOWN(off, q->cluster_bytes); off && !rc && at < off + len;
         at += q->cluster_bytes)
        rc = qcow2_release_later(q, at);
    return rc;
}

/* Writes into a cluster that is new: all of it, as nobody knows what lies there, unless the
 * rest is zeroes and the file ends before it. */
static int fill_new(struct qcow2 *q, u64 entry, u64 host, u64 off, const struct iovec *iov,
                    unsigned n, u64 len)
{
    u64       inside = off & (q->cluster_bytes - 1);
    enum kind kind   = kind_of(q, entry);
    bool      blank  = kind == ZEROES || (kind == NOWHERE && !q->backing);
    if (len == q->cluster_bytes || (blank && host >= q->high_water))
        return file_pwritev(q->fd, iov, n, len, host + inside);
    struct iovec whole = {q->cluster, q->cluster_bytes};
    int          rc    = read_cluster(q, entry, off - inside, &whole, 1, q->cluster_bytes);
    if (rc)
        return rc;
    iov_to(q->cluster + inside, iov, n, len);
    return file_pwrite(q->fd, q->cluster, q->cluster_bytes, host);
}

static int write_cluster(struct qcow2 *q, u64 off, const struct iovec *iov, unsigned n, u64 len)
{
    u64 entry, host;
    int rc = qcow2_entry(q, off, &entry);
    if (rc)
        return rc;
    enum kind kind = kind_of(q, entry);
    bool      ours = !(entry & QCOW_COMPRESSED) && entry & QCOW_COPIED && entry & QCOW_OFFSET;
    host           = entry & QCOW_OFFSET;
    if (q->broken)
        return -EUCLEAN;
    if (ours && (!qcow2_valid(q, host) || qcow2_is_meta(q, host)))
        return qcow2_corrupt(q);
    if (ours && kind == STORED)
        return file_pwritev(q->fd, iov, n, len, host + (off & (q->cluster_bytes - 1)));
    if (!ours)
        rc = qcow2_alloc(q, &host);
    if (rc)
        return rc;
    rc            = fill_new(q, entry, host, off, iov, n, len);
    q->high_water = MAX(q->high_water, host + q->cluster_bytes); /* also when half written */
    if (!rc)
        rc = qcow2_set_entry(q, off, host | QCOW_COPIED);
    if (rc && !ours)
        qcow2_release(q, host);
    if (!rc && !ours)
        rc = let_go(q, entry);
    return rc;
}

int qcow2_write(struct image *image, u64 off, const struct iovec *iov, unsigned n, u64 len)
{
    struct qcow2 *q = to_qcow2(image);
    for (u64 done = 0, step; done < len; done += step) {
        unsigned m;
        step                    = in_cluster(q, off + done, len - done);
        const struct iovec *cut = part(q, iov, n, done, step, &m);
        int                 rc  = write_cluster(q, off + done, cut, m, step);
        if (rc)
            return rc;
    }
    return 0;
}

int qcow2_flush(struct image *image)
{
    return qcow2_write_tables(to_qcow2(image));
}

/* --- zeroes --- */

static bool reads_as_zeroes(const struct qcow2 *q, u64 entry)
{
    enum kind kind = kind_of(q, entry);
    return kind == ZEROES || (kind == NOWHERE && !q->backing);
}

/* A whole cluster shall read as zeroes, without room of its own. -ENOTSUP: cannot be said. */
static int drop_cluster(struct qcow2 *q, u64 off)
{
    u64 entry;
    int rc = q->broken ? -EUCLEAN : qcow2_entry(q, off, &entry);
    if (rc || (reads_as_zeroes(q, entry) && !(entry & QCOW_OFFSET)))
        return rc;
    if (q->backing && q->version < 3)
        return -ENOTSUP; /* an entry of nothing would show the backing file */
    rc = qcow2_set_entry(q, off, q->backing ? QCOW_ZERO : 0);
    return rc ? rc : let_go(q, entry);
}

static int write_zeroes(struct qcow2 *q, u64 off, u64 len)
{
    struct iovec iov = {xalloc(len), len};
    int          rc  = write_cluster(q, off, &iov, 1, len);
    free(iov.iov_base);
    return rc;
}

static bool is_whole(const struct qcow2 *q, u64 off, u64 step)
{
    return step == q->cluster_bytes ||
           (!(off & (q->cluster_bytes - 1)) && off + step == q->image.bytes);
}

int qcow2_discard(struct image *image, u64 off, u64 len)
{
    struct qcow2 *q = to_qcow2(image);
    for (u64 done = 0, step; done < len; done += step) {
        step   = in_cluster(q, off + done, len - done);
        int rc = is_whole(q, off + done, step) ? drop_cluster(q, off + done) : 0;
        if (rc && rc != -ENOTSUP)
            return rc;
    }
    return 0;
}

int qcow2_zero(struct image *image, u64 off, u64 len, bool may_unmap)
{
    struct qcow2 *q = to_qcow2(image);
    (void)may_unmap; /* room is taken again when it is written to */
    for (u64 done = 0, step; done < len; done += step) {
        u64 entry;
        step   = in_cluster(q, off + done, len - done);
        int rc = is_whole(q, off + done, step) ? drop_cluster(q, off + done) : -ENOTSUP;
        if (rc == -ENOTSUP) {
            rc = qcow2_entry(q, off + done, &entry);
            if (!rc && !reads_as_zeroes(q, entry))
                rc = write_zeroes(q, off + done, step);
        }
        if (rc)
            return rc;
    }
    return 0;
}

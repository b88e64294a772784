/* device/host/qcow2_repair.c - an image that was not closed in good order by a writer with lazy
 * reference counts (the dirty bit): its counts are made anew from its tables.
 *
 * The new blocks and their table are put behind the file's end, whole, before the header names
 * them; the bit goes last. So a crash on the way leaves an image that is repaired the next time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "device/host/qcow2.h"

enum { SNAPSHOTS_AT = 60, HEADER_COUNTS_AT = 48, FEATURES_AT = 72, DIRTY = 1 };
enum { CLUSTERS_MAX = 1 << 26, L1_ENTRIES_MAX = 1 << 22 };
#define READ_MAX (16ull << 30) /* bytes of tables that are read, however often they are shared */

struct repair {
    struct qcow2 *q;
    u64           n; /* clusters of the file, as it was */
    u16          *refs;
    u64           read;
    u64          *l2; /* scratch */
};

static u64 clusters_of(const struct qcow2 *q, u64 bytes)
{
    return (bytes + q->cluster_bytes - 1) >> q->cluster_bits;
}

/* Counts what lies at BYTES from OFF on. */
static int refer(struct repair *r, u64 off, u64 bytes)
{
    u64 first = off >> r->q->cluster_bits, end = clusters_of(r->q, off + bytes);
    if (off + bytes < off || end > r->n)
        return -EUCLEAN;
    for (u64 i = first; i < end; i++)
        if (r->refs[i]++ == UINT16_MAX)
            return -EUCLEAN;
    return 0;
}

static int refer_entry(struct repair *r, u64 entry)
{
    u64 off = entry & QCOW_OFFSET, len = r->q->cluster_bytes;
    if (entry & QCOW_COMPRESSED)
        qcow2_packed_at(r->q, entry, &off, &len);
    else if (off % r->q->cluster_bytes)
        return -EUCLEAN;
    return off ? refer(r, off, len) : 0;
}

static int read_l2(struct repair *r, u64 l1_entry)
{
    u64 off = l1_entry & QCOW_OFFSET;
    r->read += r->q->cluster_bytes;
    if (off % r->q->cluster_bytes || r->read > READ_MAX)
        return -EUCLEAN;
    return file_pread(r->q->fd, r->l2, r->q->cluster_bytes, off);
}

/* All that N entries of the first level, in the file's byte order, lead to. */
static int refer_tables(struct repair *r, const u64 *l1, u64 n)
{
    int rc = 0;
    for (u64 i = 0; !rc && i < n; i++) {
        u64 entry = be64toh(l1[i]);
        if (!(entry & QCOW_OFFSET))
            continue;
        rc = refer(r, entry & QCOW_OFFSET, r->q->cluster_bytes);
        if (!rc)
            rc = read_l2(r, entry);
        for (u64 k = 0; !rc && k < r->q->cluster_bytes / 8; k++)
            rc = refer_entry(r, be64toh(r->l2[k]));
    }
    return rc;
}

static int refer_l1(struct repair *r, u64 off, u64 entries)
{
    if (entries > L1_ENTRIES_MAX || off % r->q->cluster_bytes)
        return -EUCLEAN;
    cleanup_free u64 *l1 = try_alloc(entries + 1, 8);
    int               rc = l1 ? refer(r, off, entries * 8) : -ENOMEM;
    r->read += entries * 8;
    if (!rc)
        rc = file_pread(r->q->fd, l1, entries * 8, off);
    return rc ? rc : refer_tables(r, l1, entries);
}

struct snapshot { /* and behind it: more data, id, name, up to a multiple of 8 */
    u64 l1_offset;
    u32 l1_size;
    u16 id_len, name_len;
    u32 seconds, nanoseconds;
    u64 clock;
    u32 state_size, extra_len;
} __attribute__((packed));

static int refer_snapshots(struct repair *r)
{
    struct {
        u32 n;
        u64 offset;
    } __attribute__((packed)) head;
    struct snapshot s;
    int             rc    = file_pread(r->q->fd, &head, sizeof(head), SNAPSHOTS_AT);
    u64             start = be64toh(head.offset), at = start;
    for (u32 i = 0; !rc && i < be32toh(head.n); i++) {
        if (at - start > READ_MAX / 1024)
            return -EUCLEAN;
        rc = file_pread(r->q->fd, &s, sizeof(s), at);
        at += ALIGN_UP(sizeof(s) + be32toh(s.extra_len) + be16toh(s.id_len) + be16toh(s.name_len),
                       (u64)8);
        if (!rc)
            rc = refer_l1(r, be64toh(s.l1_offset), be32toh(s.l1_size));
    }
    return rc || at == start ? rc : refer(r, start, at - start);
}

/* --- the new counts --- */

struct layout {
    u64 per_block, blocks, table_clusters;
};

static struct layout plan(const struct repair *r)
{
    struct layout l = {.per_block = r->q->cluster_bytes * 8 >> r->q->refcount_order};
    for (u64 all = 0; all != r->n + l.blocks + l.table_clusters;) {
        all              = r->n + l.blocks + l.table_clusters;
        l.blocks         = (all + l.per_block - 1) / l.per_block;
        l.table_clusters = clusters_of(r->q, l.blocks * 8);
    }
    return l;
}

static int write_counts(struct repair *r, const struct layout *l)
{
    struct qcow2    *q     = r->q;
    u64              width = 1ull << q->refcount_order, all = r->n + l->blocks + l->table_clusters;
    cleanup_free u8 *block = xalloc(q->cluster_bytes);
    int              rc    = 0;
    for (u64 b = 0; !rc && b < l->blocks; b++) {
        memset(block, 0, q->cluster_bytes);
        for (u64 i = 0; i < l->per_block && b * l->per_block + i < all; i++) {
            u64 at    = b * l->per_block + i;
            u64 count = at < r->n ? r->refs[at] : 1;
            if (width < 16 && count >> width)
                return -EUCLEAN; /* more than the image can count */
            qcow2_put_count(q, block, i, count);
        }
        rc = file_pwrite(q->fd, block, q->cluster_bytes, (r->n + b) << q->cluster_bits);
    }
    return rc;
}

/* Puts them behind the end of the file, and makes them the image's. */
static int new_counts(struct repair *r)
{
    struct qcow2 *q      = r->q;
    struct layout l      = plan(r);
    u64           offset = (r->n + l.blocks) << q->cluster_bits;
    u64           n      = l.table_clusters * q->cluster_bytes / 8;
    if (n * 8 > COUNTS_BYTES_MAX)
        return -EFBIG;
    u64 *table = try_alloc(n, 8);
    int  rc    = table ? write_counts(r, &l) : -ENOMEM;
    for (u64 i = 0; !rc && i < l.blocks; i++)
        table[i] = htobe64((r->n + i) << q->cluster_bits);
    if (!rc)
        rc = file_pwrite(q->fd, table, n * 8, offset);
    if (!rc)
        rc = qcow2_name_counts(q, offset, (u32)l.table_clusters);
    if (rc) {
        free(table);
        return rc;
    }
    for (u64 i = 0; i < n; i++)
        table[i] = be64toh(table[i]);
    free(q->counts);
    q->counts        = table;
    q->n_counts      = n;
    q->counts_offset = offset;
    q->high_water    = offset + (l.table_clusters << q->cluster_bits);
    return 0;
}

/* --- the flags of entries that say "its count is 1" --- */

static u64 flagged(const struct repair *r, u64 entry)
{
    u64 off = entry & QCOW_OFFSET;
    if (!off || entry & QCOW_COMPRESSED || off >> r->q->cluster_bits >= r->n)
        return entry & ~QCOW_COPIED;
    return r->refs[off >> r->q->cluster_bits] == 1 ? entry | QCOW_COPIED : entry & ~QCOW_COPIED;
}

static int fix_flags(struct repair *r)
{
    struct qcow2 *q  = r->q;
    int           rc = 0;
    for (u64 i = 0; !rc && i < q->l1_size; i++) {
        u64  entry = flagged(r, q->l1[i]), off = entry & QCOW_OFFSET;
        bool changed = false;
        if (entry != q->l1[i])
            rc = file_pwrite(q->fd, &(u64){htobe64(entry)}, 8, q->l1_offset + i * 8);
        q->l1[i] = entry;
        if (!rc && off)
            rc = read_l2(r, entry);
        for (u64 k = 0; !rc && off && k < q->cluster_bytes / 8; k++) {
            u64 fixed = htobe64(flagged(r, be64toh(r->l2[k])));
            changed |= fixed != r->l2[k];
            r->l2[k] = fixed;
        }
        if (!rc && changed)
            rc = qcow2_valid(q, off) ? file_pwrite(q->fd, r->l2, q->cluster_bytes, off) : -EUCLEAN;
    }
    return rc;
}

static int clear_dirty(struct qcow2 *q)
{
    u8  features[8];
    int rc = fdatasync(q->fd) < 0 ? -errno : 0;
    if (!rc)
        rc = file_pread(q->fd, features, sizeof(features), FEATURES_AT);
    features[7] &= (u8)~DIRTY;
    if (!rc)
        rc = file_pwrite(q->fd, features, sizeof(features), FEATURES_AT);
    return !rc && fdatasync(q->fd) < 0 ? -errno : rc;
}

static int repair(struct repair *r)
{
    r->n = r->q->high_water >> r->q->cluster_bits;
    if (r->n > CLUSTERS_MAX)
        return -EFBIG;
    r->refs = try_alloc(r->n, sizeof(*r->refs));
    r->l2   = try_alloc(r->q->cluster_bytes, 1);
    int rc  = r->refs && r->l2 ? refer(r, 0, r->q->cluster_bytes) : -ENOMEM;
    if (!rc)
        rc = refer_l1(r, r->q->l1_offset, r->q->l1_size);
    if (!rc)
        rc = refer_snapshots(r);
    if (!rc)
        rc = new_counts(r);
    r->read = 0;
    if (!rc)
        rc = fix_flags(r);
    return rc ? rc : clear_dirty(r->q);
}

int qcow2_repair(struct qcow2 *q, const char *path, struct err *err)
{
    struct repair r  = {.q = q};
    int           rc = repair(&r);
    free(r.refs);
    free(r.l2);
    if (rc)
        return err_set(err, -rc,
                       "disk '%s' was not closed in good order, and cannot be put right (%s): "
                       "see qemu-img check -r all",
                       path, strerror(-rc));
    log_info("disk '%s' was not closed in good order: its reference counts were made anew", path);
    return 0;
}

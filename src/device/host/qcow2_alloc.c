/* device/host/qcow2_alloc.c - reference counts of qcow2 clusters: finding a free one, letting go
 * of one, growing the refcount table. See qcow2.h for the order of writes.
 *
 * A missing block of counts is put into the first cluster that it would describe, so it counts
 * itself; a larger table lies right behind such a block. Both are whole on disk before anything
 * names them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>

#include "base/alloc.h"
#include "device/host/qcow2.h"

enum { HEADER_COUNTS_AT = 48 }; /* refcount_table_offset, then refcount_table_clusters */

static u64 per_block(const struct qcow2 *q)
{
    return q->cluster_bytes * 8 >> q->refcount_order;
}

static u64 get(const struct qcow2 *q, const u8 *block, u64 i)
{
    unsigned width = 1u << q->refcount_order; /* bits */
    if (width < 8)
        return block[i * width / 8] >> (i * width % 8) & ((1u << width) - 1);
    u64 val = 0;
    for (unsigned n = 0; n < width / 8; n++)
        val = val << 8 | block[i * (width / 8) + n];
    return val;
}

/* Returns which bytes it changed. */
static u64 put(const struct qcow2 *q, u8 *block, u64 i, u64 val, unsigned *len)
{
    unsigned width = 1u << q->refcount_order;
    u64      at    = i * width / 8;
    *len           = MAX(width / 8, 1u);
    if (width < 8) {
        unsigned shift = (unsigned)(i * width % 8);
        unsigned mask  = ((1u << width) - 1) << shift;
        block[at]      = (u8)((block[at] & ~mask) | (val << shift & mask));
        return at;
    }
    for (unsigned n = 0; n < width / 8; n++)
        block[at + n] = (u8)(val >> (width - 8 - 8 * n));
    return at;
}

void qcow2_put_count(const struct qcow2 *q, u8 *block, u64 i, u64 val)
{
    unsigned len;
    put(q, block, i, val, &len);
}

/* The block with this index of the table; it must be there. */
static int load_block(struct qcow2 *q, u64 index, struct qcow_block **out)
{
    struct qcow_block *oldest = &q->blocks[0];
    for (unsigned i = 0; i < BLOCKS_MAX; i++) {
        struct qcow_block *b = &q->blocks[i];
        if (b->index == index) {
            b->used = ++q->tick;
            *out    = b;
            return 0;
        }
        if (b->used < oldest->used)
            oldest = b;
    }
    if (!qcow2_valid(q, q->counts[index] & QCOW_OFFSET))
        return -EIO;
    oldest->index = ~0ull;
    int rc = file_pread(q->fd, oldest->data, q->cluster_bytes, q->counts[index] & QCOW_OFFSET);
    if (rc)
        return rc;
    oldest->index = index;
    oldest->used  = ++q->tick;
    *out          = oldest;
    return 0;
}

static int set_count(struct qcow2 *q, struct qcow_block *b, u64 i, u64 val)
{
    unsigned len;
    u64      old = get(q, b->data, i);
    u64      at  = put(q, b->data, i, val, &len);
    int      rc  = file_pwrite(q->fd, b->data + at, len, (q->counts[b->index] & QCOW_OFFSET) + at);
    if (rc)
        put(q, b->data, i, old, &len);
    return rc;
}

static void note_written(struct qcow2 *q, u64 end)
{
    q->high_water = MAX(q->high_water, end);
}

/* Blocks from CLUSTER on that count themselves and what lies behind them, N clusters in all.
 * Written, but named by nobody. */
static int write_blocks(struct qcow2 *q, u64 cluster, u64 n_blocks, u64 n)
{
    cleanup_free u8 *block = xalloc(q->cluster_bytes);
    u64              first = cluster % per_block(q), left = n;
    unsigned         len;
    int              rc = 0;
    for (u64 i = 0; i < n; i++)
        if (qcow2_is_meta(q, (cluster + i) << q->cluster_bits))
            return qcow2_corrupt(q);
    for (u64 b = 0; !rc && b < n_blocks; b++, first = 0) {
        u64 here = MIN(left, per_block(q) - first);
        memset(block, 0, q->cluster_bytes);
        for (u64 i = 0; i < here; i++)
            put(q, block, first + i, 1, &len);
        left -= here;
        rc = file_pwrite(q->fd, block, q->cluster_bytes, (cluster + b) << q->cluster_bits);
        if (!rc)
            note_written(q, (cluster + b + 1) << q->cluster_bits);
        if (!rc)
            rc = qcow2_note_meta(q, (cluster + b) << q->cluster_bits);
    }
    return rc;
}

static int add_block(struct qcow2 *q, u64 cluster)
{
    u64 index = cluster / per_block(q), offset = cluster << q->cluster_bits;
    int rc = write_blocks(q, cluster, 1, 1);
    if (!rc && fdatasync(q->fd) < 0)
        rc = -errno;
    if (!rc)
        rc = file_pwrite(q->fd, &(u64){htobe64(offset)}, 8, q->counts_offset + index * 8);
    if (!rc)
        q->counts[index] = offset;
    return rc;
}

int qcow2_name_counts(struct qcow2 *q, u64 offset, u32 clusters)
{
    struct {
        u64 offset;
        u32 clusters;
    } __attribute__((packed)) fields = {htobe64(offset), htobe32(clusters)};
    if (fdatasync(q->fd) < 0)
        return -errno;
    int rc = file_pwrite(q->fd, &fields, sizeof(fields), HEADER_COUNTS_AT);
    return !rc && fdatasync(q->fd) < 0 ? -errno : rc;
}

/* The table is full: CLUSTER is the first that it cannot describe. There come as many blocks as
 * it takes to describe themselves and the larger table behind them. */
static int grow_table(struct qcow2 *q, u64 cluster)
{
    u64 old_clusters = q->n_counts * 8 >> q->cluster_bits;
    u64 clusters     = old_clusters * 2;
    u64 n            = clusters << q->cluster_bits >> 3;
    u64 blocks       = clusters / (per_block(q) - 1) + 1;
    u64 offset       = (cluster + blocks) << q->cluster_bits;
    if (clusters << q->cluster_bits > COUNTS_BYTES_MAX)
        return -EFBIG;
    u64 *table = try_alloc(n, 8);
    if (!table)
        return -ENOMEM;
    memcpy(table, q->counts, q->n_counts * 8);
    for (u64 i = 0; i < blocks; i++)
        table[q->n_counts + i] = (cluster + i) << q->cluster_bits;
    for (u64 i = 0; i < n; i++)
        table[i] = htobe64(table[i]);
    int rc = write_blocks(q, cluster, blocks, blocks + clusters);
    if (!rc)
        rc = file_pwrite(q->fd, table, n * 8, offset);
    if (!rc)
        rc = qcow2_name_counts(q, offset, (u32)clusters);
    for (u64 i = 0; i < n; i++)
        table[i] = be64toh(table[i]);
    if (rc) {
        free(table);
        return rc;
    }
    u64 old = q->counts_offset;
    free(q->counts);
    q->counts        = table;
    q->n_counts      = n;
    q->counts_offset = offset;
    note_written(q, offset + (clusters << q->cluster_bits));
    for (u64 i = 0; i < old_clusters; i++)
        qcow2_release(q, old + (i << q->cluster_bits));
    return 0;
}

int qcow2_alloc(struct qcow2 *q, u64 *out_offset)
{
    for (u64 cluster = MAX(q->hint, (u64)1);; cluster++) {
        u64                index = cluster / per_block(q);
        struct qcow_block *b;
        int                rc = 0;
        if (index >= q->n_counts)
            rc = grow_table(q, index * per_block(q));
        else if (!(q->counts[index] & QCOW_OFFSET))
            rc = add_block(q, cluster);
        if (!rc)
            rc = load_block(q, index, &b);
        if (rc)
            return rc;
        u64 i = cluster % per_block(q);
        while (i < per_block(q) && get(q, b->data, i))
            i++;
        cluster = index * per_block(q) + i;
        if (i == per_block(q)) {
            cluster--;
            continue;
        }
        if (qcow2_is_meta(q, cluster << q->cluster_bits))
            return qcow2_corrupt(q);
        rc = set_count(q, b, i, 1);
        if (rc)
            return rc;
        q->hint     = cluster + 1;
        *out_offset = cluster << q->cluster_bits;
        return 0;
    }
}

int qcow2_release(struct qcow2 *q, u64 offset)
{
    u64                cluster = offset >> q->cluster_bits;
    u64                index   = cluster / per_block(q);
    struct qcow_block *b;
    if (qcow2_is_meta(q, offset))
        return qcow2_corrupt(q);
    if (index >= q->n_counts || !(q->counts[index] & QCOW_OFFSET))
        return -EIO;
    int rc = load_block(q, index, &b);
    if (rc)
        return rc;
    u64 count = get(q, b->data, cluster % per_block(q));
    if (count == 0)
        return -EIO;
    rc = set_count(q, b, cluster % per_block(q), count - 1);
    if (rc || count > 1)
        return rc;
    q->hint     = MIN(q->hint, cluster);
    q->plain_of = 0;
    for (unsigned t = 0; t < q->n_tables; t++) /* it may become another table */
        if (q->tables[t].offset == cluster << q->cluster_bits && !q->tables[t].dirty)
            q->tables[t].offset = 0;
    /* The host gets its room back; one that cannot is fine. */
    fallocate(q->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              (off_t)(cluster << q->cluster_bits), (off_t)q->cluster_bytes);
    return 0;
}

int qcow2_release_later(struct qcow2 *q, u64 offset)
{
    int rc = q->n_frees == FREES_MAX ? qcow2_write_tables(q) : 0;
    if (!rc)
        q->frees[q->n_frees++] = offset;
    return rc;
}

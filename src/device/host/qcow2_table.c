/* device/host/qcow2_table.c - the two levels of tables that say where a cluster lies, and the
 * cache of those of the second level. See qcow2.h for the order of writes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "device/host/qcow2.h"

static u64 l1_index(const struct qcow2 *q, u64 off)
{
    return off >> (q->cluster_bits + q->l2_bits);
}

static u64 l2_index(const struct qcow2 *q, u64 off)
{
    return off >> q->cluster_bits & ((1ull << q->l2_bits) - 1);
}

static struct qcow_table *cached(struct qcow2 *q, u64 offset)
{
    for (unsigned i = 0; i < q->n_tables; i++)
        if (q->tables[i].offset == offset) {
            q->tables[i].used = ++q->tick;
            return &q->tables[i];
        }
    return NULL;
}

static int sync_file(struct qcow2 *q)
{
    return fdatasync(q->fd) < 0 ? -errno : 0;
}

static int write_dirty(struct qcow2 *q, bool *fresh)
{
    for (unsigned i = 0; i < q->n_tables; i++) {
        struct qcow_table *t = &q->tables[i];
        if (!t->dirty)
            continue;
        int rc = file_pwrite(q->fd, t->entries, q->cluster_bytes, t->offset);
        if (rc)
            return rc;
        t->dirty = false;
        *fresh |= t->fresh;
    }
    return 0;
}

static int write_fresh(struct qcow2 *q)
{
    for (unsigned i = 0; i < q->n_tables; i++) {
        struct qcow_table *t = &q->tables[i];
        if (!t->fresh)
            continue;
        u64 entry = htobe64(q->l1[t->l1_index]);
        int rc    = file_pwrite(q->fd, &entry, 8, q->l1_offset + (u64)t->l1_index * 8);
        if (rc)
            return rc;
        t->fresh = false;
    }
    return 0;
}

static bool any_dirty(const struct qcow2 *q)
{
    for (unsigned i = 0; i < q->n_tables; i++)
        if (q->tables[i].dirty || q->tables[i].fresh)
            return true;
    return false;
}

int qcow2_write_tables(struct qcow2 *q)
{
    bool fresh = false;
    if (q->broken)
        return -EUCLEAN;
    int rc = sync_file(q); /* data and counts, before what names them */
    if (rc || (!any_dirty(q) && !q->n_frees))
        return rc;
    rc = write_dirty(q, &fresh);
    for (unsigned i = 0; i < q->n_tables; i++)
        fresh |= q->tables[i].fresh;
    if (!rc && fresh) {
        rc = sync_file(q);
        if (!rc)
            rc = write_fresh(q);
    }
    if (!rc)
        rc = sync_file(q);
    if (rc)
        return rc;
    while (q->n_frees) /* nobody names them any more; a failure is a leak */
        qcow2_release(q, q->frees[--q->n_frees]);
    return 0;
}

/* A place in the cache, the one that was not used for the longest time. */
static int place(struct qcow2 *q, struct qcow_table **out)
{
    struct qcow_table *oldest = &q->tables[0];
    for (unsigned i = 1; i < q->n_tables; i++)
        if (q->tables[i].used < oldest->used)
            oldest = &q->tables[i];
    if (oldest->dirty || oldest->fresh) {
        int rc = qcow2_write_tables(q);
        if (rc)
            return rc;
    }
    oldest->offset = 0;
    oldest->used   = ++q->tick;
    *out           = oldest;
    return 0;
}

static int load(struct qcow2 *q, u64 index, struct qcow_table **out)
{
    u64 offset = q->l1[index] & QCOW_OFFSET;
    *out       = cached(q, offset);
    if (*out)
        return 0;
    if (!qcow2_valid(q, offset))
        return -EIO;
    int rc = place(q, out);
    if (!rc)
        rc = file_pread(q->fd, (*out)->entries, q->cluster_bytes, offset);
    if (rc)
        return rc;
    (*out)->offset   = offset;
    (*out)->l1_index = (u32)index;
    return 0;
}

int qcow2_entry(struct qcow2 *q, u64 off, u64 *out)
{
    u64                index = l1_index(q, off);
    struct qcow_table *t;
    *out = 0;
    if (index >= q->l1_size)
        return -EIO;
    if (!(q->l1[index] & QCOW_OFFSET))
        return 0;
    int rc = load(q, index, &t);
    if (!rc)
        *out = be64toh(t->entries[l2_index(q, off)]);
    return rc;
}

/* A table of our own for this index: a new one, or a copy of one that a snapshot shares. */
static int make(struct qcow2 *q, u64 index, struct qcow_table **out)
{
    u64                old    = q->l1[index] & QCOW_OFFSET;
    struct qcow_table *shared = NULL, *t;
    u64                offset;
    cleanup_free u8   *copy = NULL;
    int                rc   = old ? load(q, index, &shared) : 0;
    if (!rc && shared) {
        copy = xalloc(q->cluster_bytes);
        memcpy(copy, shared->entries, q->cluster_bytes);
    }
    if (!rc)
        rc = place(q, &t);
    if (!rc)
        rc = qcow2_alloc(q, &offset);
    if (!rc)
        rc = qcow2_note_meta(q, offset);
    if (!rc && old)
        rc = qcow2_release_later(q, old);
    if (rc)
        return rc;
    if (old)
        qcow2_forget_meta(q, old);
    if (copy)
        memcpy(t->entries, copy, q->cluster_bytes);
    else
        memset(t->entries, 0, q->cluster_bytes);
    q->high_water = MAX(q->high_water, offset + q->cluster_bytes);
    t->offset     = offset;
    t->l1_index   = (u32)index;
    t->dirty = t->fresh = true;
    q->l1[index]        = offset | QCOW_COPIED;
    *out                = t;
    return 0;
}

int qcow2_set_entry(struct qcow2 *q, u64 off, u64 entry)
{
    u64                index = l1_index(q, off);
    struct qcow_table *t;
    if (index >= q->l1_size)
        return -EIO;
    int rc = q->l1[index] & QCOW_COPIED ? load(q, index, &t) : make(q, index, &t);
    if (rc)
        return rc;
    t->entries[l2_index(q, off)] = htobe64(entry);
    t->dirty                     = true;
    return 0;
}

/* device/host/qcow2.h - inside of the qcow2 format; for qcow2*.c only.
 *
 * What a crash may leave. A process killed at any moment, and a host that loses power, leave
 * an image that is whole but for clusters nobody uses (leaks), by this order:
 *   1. a cluster's reference count is raised on disk before anything is put into it;
 *   2. data and new tables are written (and synced) before the table entry that names them;
 *   3. counts are lowered after the entry that named the cluster is gone from the disk.
 * Entries of second-level tables wait in a cache and are written by flush or when the cache is
 * full, so what the guest has flushed is there, and what it has not may be missing.
 *
 * Everything in the file is checked before it is used: it may come from a stranger. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_HOST_QCOW2_H
#define DEVICE_HOST_QCOW2_H

#include <endian.h>

#include "device/host/image.h"

#define QCOW_COPIED     (1ull << 63) /* its count is exactly 1 */
#define QCOW_COMPRESSED (1ull << 62)
#define QCOW_ZERO       1ull
#define QCOW_OFFSET     0x00fffffffffffe00ull

enum { COUNTS_BYTES_MAX = 8 << 20 }; /* of the refcount table, as QEMU has it */
enum { TABLES_MAX = 256, TABLES_MIN = 4, BLOCKS_MAX = 4, FREES_MAX = 4096, DEPTH_MAX = 16 };
#define TABLE_CACHE_BYTES MiB(4)

/* A second-level table in memory: entries as on disk, big endian. */
struct qcow_table {
    u64 *entries;
    u64  offset; /* in the file; 0: this place is free */
    u64  used;   /* when it was last */
    u32  l1_index;
    bool dirty;
    bool fresh; /* the first-level entry on disk does not name it yet */
};

/* A block of reference counts; memory and disk are always the same. */
struct qcow_block {
    u8 *data;
    u64 index; /* in the refcount table; ~0: free */
    u64 used;
};

/* Offsets of clusters that hold tables (qcow2_meta.c). */
struct qcow_set {
    u64 *slots;
    u64  room, used; /* room: a power of two, or 0 */
};

struct qcow2 {
    struct image  image;
    struct image *backing; /* NULL: none */
    int           fd;
    unsigned      version, cluster_bits, l2_bits, refcount_order;
    bool          zstd;
    bool          dirty;  /* its counts are old */
    bool          broken; /* see qcow2_corrupt */
    u64           cluster_bytes;
    u64           high_water; /* clusters from here on were never written; whole clusters */

    u64 *l1; /* host order */
    u64  l1_offset;
    u32  l1_size;

    u64 *counts; /* the refcount table, host order */
    u64  counts_offset, n_counts;
    u64  hint; /* no free cluster below this number */

    struct qcow_set meta; /* blocks of counts and tables; of images that are written to */

    struct qcow_table tables[TABLES_MAX];
    unsigned          n_tables;
    struct qcow_block blocks[BLOCKS_MAX];
    u64               tick;

    u64      frees[FREES_MAX]; /* offsets of clusters to let go after the next flush */
    unsigned n_frees;

    u8           *cluster;  /* scratch: one that is being put together */
    u8           *plain;    /* the last one that was decompressed */
    u64           plain_of; /* its entry; 0: none */
    u8           *packed;
    struct iovec *slice; /* scratch */
    unsigned      slice_room;
};

static inline struct qcow2 *to_qcow2(struct image *image)
{
    return container_of(image, struct qcow2, image);
}

/* qcow2_header.c */
int qcow2_read_header(struct qcow2 *, const char *path, char **out_backing, char **out_format,
                      struct err *err);

/* qcow2_alloc.c: 0 or -errno */
int  qcow2_alloc(struct qcow2 *, u64 *out_offset); /* a cluster with count 1 */
int  qcow2_release(struct qcow2 *, u64 offset);    /* lowers its count, now */
int  qcow2_release_later(struct qcow2 *, u64 offset);
void qcow2_put_count(const struct qcow2 *, u8 *block, u64 i, u64 val);
int  qcow2_name_counts(struct qcow2 *, u64 offset, u32 clusters); /* in the header; synced */

/* qcow2_repair.c: of an image that is not in good order, before it is written to */
int qcow2_repair(struct qcow2 *, const char *path, struct err *err);

/* qcow2_table.c */
int qcow2_entry(struct qcow2 *, u64 off, u64 *out); /* of the cluster at OFF, host order; 0: none */
int qcow2_set_entry(struct qcow2 *, u64 off, u64 entry); /* in the cache; makes the table */
int qcow2_write_tables(struct qcow2 *);                  /* all that is dirty, in order; synced */

/* qcow2_meta.c */
bool qcow2_valid(const struct qcow2 *, u64 offset); /* may this be a cluster of data or a table? */
bool qcow2_is_meta(const struct qcow2 *, u64 offset);
int  qcow2_note_meta(struct qcow2 *, u64 offset); /* -EEXIST: two in one place */
void qcow2_forget_meta(struct qcow2 *, u64 offset);
int  qcow2_find_meta(struct qcow2 *);
int  qcow2_corrupt(struct qcow2 *); /* returns -EUCLEAN, as all writing does from then on */

/* qcow2_io.c */
void qcow2_packed_at(const struct qcow2 *, u64 entry, u64 *off, u64 *len); /* bytes, at most */
int  qcow2_read(struct image *, u64 off, const struct iovec *, unsigned n, u64 len);
int  qcow2_write(struct image *, u64 off, const struct iovec *, unsigned n, u64 len);
int  qcow2_flush(struct image *);
int  qcow2_discard(struct image *, u64 off, u64 len);
int  qcow2_zero(struct image *, u64 off, u64 len, bool may_unmap);

#endif

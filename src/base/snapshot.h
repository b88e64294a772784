/* base/snapshot.h - one file that holds a paused machine.
 *
 * A header with a magic word and a version, named sections each with its length and CRC-32,
 * a closing section. Written to a temporary file, synced, then renamed: a crash leaves no half
 * snapshot. Opening reads and checks every byte before anybody uses one. Numbers are little
 * endian; strings are length-prefixed. A reader never gets more than a section holds: past its
 * end the get functions fail, and stay failed (snap_failed), so callers check once. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SNAPSHOT_H
#define BASE_SNAPSHOT_H

#include "base/err.h"

#define SNAP_VERSION 1

struct snap;

/* What a snapshot holds of a struct: one row a member. Plain data only, no pointers. */
struct field {
    const char *name; /* NULL ends the table */
    size_t      off, size;
};
#define FIELD(T, m)                                                                                \
    {                                                                                              \
#m, offsetof(T, m), sizeof(((T *)0)->m)                                                    \
    }
#define FIELDS_END                                                                                 \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

int  snap_create(struct snap **out, const char *path, struct err *err); /* for writing */
int  snap_commit(struct snap *, struct err *err); /* ends, syncs, renames; the file is now there */
int  snap_open(struct snap **out, const char *path, struct err *err); /* checks the whole file */
void snap_close(struct snap *); /* NULL is fine; a writer that was not committed leaves nothing */

void snap_begin(struct snap *, const char *section); /* names: up to 47 bytes, unique in a file */
void snap_end(struct snap *);
bool snap_find(struct snap *, const char *section); /* false: not there */
u64  snap_left(const struct snap *);                /* bytes of the section not yet read */

void  snap_put(struct snap *, const void *data, size_t len);
void  snap_put_u64(struct snap *, u64 v);
void  snap_put_str(struct snap *, const char *s);
void  snap_get(struct snap *, void *data, size_t len); /* zeroes *data when it fails */
u64   snap_get_u64(struct snap *);
char *snap_get_str(struct snap *); /* the caller frees; "" when it fails */
bool  snap_failed(const struct snap *);

/* All fields of OBJ, each with its name and size: a reader skips names it does not know and
 * fails on a size that differs; a name that is missing leaves the member as it was. */
void snap_put_fields(struct snap *, const struct field *, const void *obj);
void snap_get_fields(struct snap *, const struct field *, void *obj);

/* Memory: only pages that are not all zero are written. The reader wants LEN to be the same
 * and DATA to be zero. */
void snap_put_ram(struct snap *, const u8 *data, u64 len);
void snap_get_ram(struct snap *, u8 *data, u64 len);

#endif

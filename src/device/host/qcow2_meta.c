/* device/host/qcow2_meta.c - which clusters hold tables: those are never given out, written to as
 * data, or let go, whatever an image from a stranger says of them. Header, first-level table and
 * refcount table are ranges; blocks of counts and second-level tables are kept in a set. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/log.h"
#include "device/host/qcow2.h"

enum { FEATURES_AT = 72, CORRUPT = 2, GONE = 1 }; /* cluster 0 is the header: never in the set */

static bool overlaps(u64 a, u64 a_len, u64 b, u64 b_len)
{
    return a < b + b_len && b < a + a_len;
}

static bool in_ranges(const struct qcow2 *q, u64 offset)
{
    return offset < q->cluster_bytes ||
           overlaps(offset, q->cluster_bytes, q->l1_offset, (u64)q->l1_size * 8) ||
           overlaps(offset, q->cluster_bytes, q->counts_offset, q->n_counts * 8);
}

/* An image from a stranger may point anywhere: not at the header or at the first-level tables. */
bool qcow2_valid(const struct qcow2 *q, u64 offset)
{
    return offset % q->cluster_bytes == 0 && offset < q->high_water && !in_ranges(q, offset);
}

/* --- the set: open addressing; each slot is an offset, 0: free, GONE: was one --- */

static u64 *find(const struct qcow_set *s, u64 offset)
{
    u64 at = offset * 0x9e3779b97f4a7c15ull >> 20;
    for (;; at++) {
        u64 *slot = &s->slots[at & (s->room - 1)];
        if (*slot == offset || *slot == 0)
            return slot;
    }
}

static int make_room(struct qcow_set *s)
{
    struct qcow_set larger = {.room = MAX(s->room * 2, (u64)256)};
    larger.slots           = try_alloc(larger.room, sizeof(u64));
    if (!larger.slots)
        return -ENOMEM;
    for (u64 i = 0; i < s->room; i++)
        if (s->slots[i] > GONE) {
            *find(&larger, s->slots[i]) = s->slots[i];
            larger.used++;
        }
    free(s->slots);
    *s = larger;
    return 0;
}

int qcow2_note_meta(struct qcow2 *q, u64 offset)
{
    struct qcow_set *s  = &q->meta;
    int              rc = s->used * 2 >= s->room ? make_room(s) : 0;
    if (rc)
        return rc;
    u64 *slot = find(s, offset);
    if (*slot)
        return -EEXIST;
    *slot = offset;
    s->used++;
    return 0;
}

void qcow2_forget_meta(struct qcow2 *q, u64 offset)
{
    u64 *slot = q->meta.room ? find(&q->meta, offset) : NULL;
    if (slot && *slot)
        *slot = GONE;
}

bool qcow2_is_meta(const struct qcow2 *q, u64 offset)
{
    offset = ALIGN_DOWN(offset, q->cluster_bytes);
    return in_ranges(q, offset) || (q->meta.room && *find(&q->meta, offset));
}

/* Of an image that is to be written: its tables, each in a place of its own. */
int qcow2_find_meta(struct qcow2 *q)
{
    int rc = 0;
    for (u64 i = 0; !rc && i < q->n_counts; i++)
        if (q->counts[i] && qcow2_valid(q, q->counts[i] & QCOW_OFFSET))
            rc = qcow2_note_meta(q, q->counts[i] & QCOW_OFFSET);
    for (u64 i = 0; !rc && i < q->l1_size; i++)
        if (q->l1[i] & QCOW_OFFSET && qcow2_valid(q, q->l1[i] & QCOW_OFFSET))
            rc = qcow2_note_meta(q, q->l1[i] & QCOW_OFFSET);
    return rc;
}

/* It says something of itself that cannot be: nothing is written to it any more, and whoever
 * opens it next is told (versions from 3 on). */
int qcow2_corrupt(struct qcow2 *q)
{
    u8 features[8];
    if (!q->broken)
        log_error("qcow2: %s",
                  "the image's tables overlap its data: it is not written to any more");
    if (!q->broken && q->version >= 3 &&
        file_pread(q->fd, features, sizeof(features), FEATURES_AT) == 0) {
        features[7] |= CORRUPT;
        file_pwrite(q->fd, features, sizeof(features), FEATURES_AT);
    }
    q->broken = true;
    return -EUCLEAN;
}

/* timing/geometry.c - see geometry.h. Layouts are those that DiskSim's format describes
 * (dm_layout_g1): zones, eleven schemes of spares, three orders of the surfaces. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "timing/geometry.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"

struct bad {
    u64 at, instead; /* sectors of the zone, or tracks */
};

struct zone {
    u32         first_cylinder, last_cylinder;
    u32         sectors; /* a track's */
    u64         first_block, blocks;
    u64         dead;                      /* sectors in front that hold nothing */
    u64         spares;                    /* for each group that the scheme names */
    double      offset;                    /* of the first sector, in sectors */
    double      track_skew, cylinder_skew; /* in sectors */
    u64        *slips;                     /* ascending */
    u32         n_slips;
    struct bad *defects;
    u32         n_defects;
};

/* How spares are kept: in groups of what, and how far a slip moves things. */
enum group { GROUP_NONE, GROUP_TRACK, GROUP_CYLINDER, GROUP_RANGE, GROUP_ZONE, GROUP_ZONE_TRACKS };
struct scheme {
    enum group group;
    bool       front; /* the group's spares are its first sectors */
    bool       far;   /* a slip moves all to the zone's end; and takes a sector away from it */
    bool       skews; /* a slip turns the tracks behind it too */
};
static const struct scheme schemes[] = {
    [0] = {GROUP_NONE, 0, 0, 0},     [1] = {GROUP_ZONE_TRACKS, 0, 0, 0},
    [2] = {GROUP_CYLINDER, 0, 0, 1}, [3] = {GROUP_TRACK, 0, 0, 1},
    [4] = {GROUP_CYLINDER, 0, 1, 1}, [5] = {GROUP_CYLINDER, 1, 0, 1},
    [6] = {GROUP_CYLINDER, 1, 1, 1}, [7] = {GROUP_NONE, 0, 1, 0},
    [8] = {GROUP_RANGE, 0, 0, 0},    [9] = {GROUP_ZONE, 0, 0, 0},
    [10] = {GROUP_ZONE, 0, 1, 0},
};

struct geometry {
    u32           surfaces, cylinders;
    u64           blocks;
    u32           mapping; /* 1, 2: every second cylinder counts its surfaces downwards */
    u32           range;   /* cylinders */
    struct scheme scheme;
    struct zone  *zones;
    u32           n_zones;
};

/* --- finding --- */

static u64 zone_tracks(const struct geometry *g, const struct zone *z)
{
    return (u64)(z->last_cylinder - z->first_cylinder + 1) * g->surfaces;
}

/* Sectors of a group with its spares. */
static u64 group_sectors(const struct geometry *g, const struct zone *z)
{
    switch (g->scheme.group) {
    case GROUP_TRACK:
        return z->sectors;
    case GROUP_CYLINDER:
        return (u64)z->sectors * g->surfaces;
    case GROUP_RANGE:
        return (u64)z->sectors * g->surfaces * g->range;
    default:
        return zone_tracks(g, z) * z->sectors;
    }
}

static u64 instead(const struct zone *z, u64 at)
{
    for (u32 i = 0; i < z->n_defects; i++)
        if (z->defects[i].at == at)
            return z->defects[i].instead;
    return at;
}

/* AT, moved on by the slips at or before it that lie at FROM or behind. */
static u64 slipped(const struct zone *z, u64 from, u64 at)
{
    for (u32 i = 0; i < z->n_slips && z->slips[i] <= at; i++)
        at += z->slips[i] >= from;
    return at;
}

/* The sector of the zone, spares and all, that holds the zone's N-th block. */
static u64 sector_of(const struct geometry *g, const struct zone *z, u64 n)
{
    n += z->dead;
    if (g->scheme.group == GROUP_ZONE_TRACKS)
        return instead(z, slipped(z, 0, n / z->sectors)) * z->sectors + n % z->sectors;
    u64 size = group_sectors(g, z), front = g->scheme.front ? z->spares : 0;
    u64 held = g->scheme.group == GROUP_NONE ? size : size - z->spares;
    if (g->scheme.group == GROUP_ZONE)
        held = size; /* the spares are just the rest */
    u64 first = n / held * size, at = first + front + n % held;
    return instead(z, slipped(z, g->scheme.far ? 0 : first, at));
}

static const struct zone *zone_of(const struct geometry *g, u64 block)
{
    u32 low = 0, high = g->n_zones - 1;
    while (low < high) {
        u32 middle = (low + high + 1) / 2;
        if (g->zones[middle].first_block <= block)
            low = middle;
        else
            high = middle - 1;
    }
    return &g->zones[low];
}

/* By how many sectors slips have turned the track. */
static u64 turned(const struct geometry *g, const struct zone *z, u32 cylinder, u32 head)
{
    u64 n = 0;
    u64 before =
        ((u64)cylinder * g->surfaces + (g->scheme.group == GROUP_TRACK ? head : 0)) * z->sectors;
    while (g->scheme.skews && n < z->n_slips && z->slips[n] < before)
        n++;
    return n;
}

void geometry_find(const struct geometry *g, u64 block, struct place *out)
{
    const struct zone *z        = zone_of(g, block);
    u64                sector   = sector_of(g, z, block - z->first_block);
    u64                track    = MIN(sector / z->sectors, zone_tracks(g, z) - 1);
    u32                cylinder = (u32)(track / g->surfaces), head = (u32)(track % g->surfaces);
    double             skew = (double)(head + (u64)(g->surfaces - 1) * cylinder) * z->track_skew +
                  cylinder * z->cylinder_skew;
    double at     = z->offset + skew + (double)(turned(g, z, cylinder, head) + sector % z->sectors);
    out->track    = (u64)z->first_cylinder * g->surfaces + track;
    out->cylinder = z->first_cylinder + cylinder;
    bool back     = (g->mapping == 1 && cylinder % 2) || (g->mapping == 2 && out->cylinder % 2);
    out->head     = back ? g->surfaces - 1 - head : head;
    out->sectors  = z->sectors;
    at /= z->sectors;
    out->angle = at - floor(at);
}

u64 geometry_track_end(const struct geometry *g, u64 block)
{
    const struct zone *z   = zone_of(g, block);
    u64                end = z->first_block + z->blocks;
    struct place       here, there;
    geometry_find(g, block, &here);
    u64 low = block, high = MIN(end, block + z->sectors) - 1; /* low is on the track */
    while (low < high) {
        u64 middle = low + (high - low + 1) / 2;
        geometry_find(g, middle, &there);
        if (there.track == here.track)
            low = middle;
        else
            high = middle - 1;
    }
    return low + 1;
}

u64 geometry_blocks(const struct geometry *g)
{
    return g->blocks;
}

u32 geometry_cylinders(const struct geometry *g)
{
    return g->cylinders;
}

/* --- reading --- */

static int cmp_u64(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

/* A list of numbers below LIMIT, or none. */
static int numbers(const struct param *zone, const char *key, u64 limit, u64 **out, u32 *n,
                   struct err *err)
{
    const struct param *list = param_get(zone, key);
    if (!list || !list->n_items)
        return 0;
    *out = xalloc(list->n_items * sizeof(u64));
    for (u32 i = 0; i < list->n_items; i++) {
        const struct param *p = &list->items[i];
        if (list->type != PARAM_LIST || p->type != PARAM_NUMBER || p->number < 0 ||
            p->number >= (double)limit)
            return err_set(err, EINVAL, "%s:%u: %s: numbers below %llu are expected", p->file,
                           p->line, key, (unsigned long long)limit);
        (*out)[i] = (u64)p->number;
    }
    *n = list->n_items;
    return 0;
}

static int read_bad(const struct geometry *g, struct zone *z, const struct param *from,
                    struct err *err)
{
    bool tracks  = g->scheme.group == GROUP_ZONE_TRACKS;
    u64  limit   = zone_tracks(g, z) * (tracks ? 1 : z->sectors);
    u64 *defects = NULL;
    u32  n       = 0;
    int  rc      = numbers(from, "slips", limit, &z->slips, &z->n_slips, err);
    if (!rc)
        rc = numbers(from, "defects", limit, &defects, &n, err);
    if (!rc && n % 2)
        rc = err_set(err, EINVAL, "%s:%u: defects come in pairs: where, and where instead",
                     from->file, from->line);
    if (!rc) {
        if (z->n_slips)
            qsort(z->slips, z->n_slips, sizeof(u64), cmp_u64);
        z->defects   = xalloc((n / 2 + 1) * sizeof(*z->defects));
        z->n_defects = n / 2;
        for (u32 i = 0; i < n / 2; i++)
            z->defects[i] = (struct bad){defects[2 * i], defects[2 * i + 1]};
    }
    free(defects);
    return rc;
}

/* How many blocks the zone holds. */
static i64 capacity(const struct geometry *g, const struct zone *z)
{
    u64 sectors = zone_tracks(g, z) * z->sectors;
    i64 n       = (i64)(sectors - z->dead);
    switch (g->scheme.group) {
    case GROUP_ZONE_TRACKS:
        n -= (i64)(z->spares * z->sectors);
        break;
    case GROUP_ZONE:
        n -= (i64)z->spares;
        break;
    case GROUP_NONE:
        break;
    default:
        n -= (i64)(sectors / group_sectors(g, z) * z->spares);
    }
    return g->scheme.far ? n - z->n_slips : n;
}

static int read_zone(struct geometry *g, struct zone *z, const struct param *from, struct err *err)
{
    static const struct {
        const char *key;
        double      max;
    } rows[] = {
        {"First cylinder number", 1e7},     {"Last cylinder number", 1e7},
        {"Blocks per track", 1e6},          {"Offset of first block", 1e6},
        {"Empty space at zone front", 1e9}, {"Skew for track switch", 1e6},
        {"Skew for cylinder switch", 1e6},  {"Number of spares", 1e9},
    };
    double v[ARRAY_SIZE(rows)] = {0};
    for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
        int rc = param_number(from, rows[i].key, true, 0, rows[i].max, &v[i], err);
        if (rc)
            return rc;
    }
    *z = (struct zone){.first_cylinder = (u32)v[0],
                       .last_cylinder  = (u32)v[1],
                       .sectors        = (u32)v[2],
                       .offset         = v[3],
                       .dead           = (u64)v[4],
                       .track_skew     = v[5],
                       .cylinder_skew  = v[6],
                       .spares         = (u64)v[7]};
    if (z->sectors < 1 || z->last_cylinder < z->first_cylinder ||
        z->last_cylinder > g->cylinders) /* some count from 0 */
        return err_set(err, EINVAL, "%s:%u: a zone of no or too many cylinders or sectors",
                       from->file, from->line);
    int rc = read_bad(g, z, from, err);
    if (rc)
        return rc;
    bool parts = g->scheme.group != GROUP_ZONE_TRACKS && g->scheme.group != GROUP_NONE;
    i64  held  = capacity(g, z);
    if (held <= 0 || (parts && z->spares >= group_sectors(g, z)))
        return err_set(err, EINVAL, "%s:%u: the zone holds no block", from->file, from->line);
    z->blocks = (u64)held;
    return 0;
}

static int read_zones(struct geometry *g, const struct param *layout, struct err *err)
{
    const struct param *list = param_get(layout, "Zones");
    if (!list || list->type != PARAM_LIST || !list->n_items)
        return err_set(err, EINVAL, "%s:%u: a list of zones is missing", layout->file,
                       layout->line);
    g->zones = xalloc(list->n_items * sizeof(*g->zones));
    u64 next = 0;
    for (u32 i = 0; i < list->n_items; i++) {
        struct zone *z = &g->zones[i];
        g->n_zones     = i + 1;
        int rc         = read_zone(g, z, &list->items[i], err);
        if (rc)
            return rc;
        if (i && z->first_cylinder <= z[-1].last_cylinder)
            return err_set(err, EINVAL, "%s:%u: zones overlap or are out of order",
                           list->items[i].file, list->items[i].line);
        z->first_block = next;
        next += z->blocks;
    }
    g->blocks = MIN(g->blocks, next);
    return 0;
}

static int read_disk(struct geometry *g, const struct param *disk, struct err *err)
{
    const struct param *layout   = param_get(disk, "Layout Model");
    double              surfaces = 0, cylinders = 0, blocks = 0, mapping = 0, scheme = 0, range = 1;
    if (!layout || layout->type != PARAM_BLOCK)
        return err_set(err, EINVAL, "%s:%u: 'Layout Model' is missing", disk->file, disk->line);
    int rc = param_number(disk, "Number of data surfaces", true, 1, 1000, &surfaces, err);
    if (!rc)
        rc = param_number(disk, "Number of cylinders", true, 1, 1e7, &cylinders, err);
    if (!rc)
        rc = param_number(disk, "Block count", true, 1, 1e12, &blocks, err);
    if (!rc)
        rc = param_number(layout, "LBN-to-PBN mapping scheme", false, 0, 2, &mapping, err);
    if (!rc)
        rc = param_number(layout, "Sparing scheme used", false, 0, ARRAY_SIZE(schemes) - 1, &scheme,
                          err);
    if (!rc)
        rc = param_number(layout, "Rangesize for sparing", false, 1, 1e6, &range, err);
    if (rc)
        return rc;
    g->surfaces  = (u32)surfaces;
    g->cylinders = (u32)cylinders;
    g->blocks    = (u64)blocks;
    g->mapping   = (u32)mapping;
    g->range     = (u32)range;
    g->scheme    = schemes[(u32)scheme];
    return read_zones(g, layout, err);
}

int geometry_create(struct geometry **out, const struct params *p, struct err *err)
{
    const struct param *disk = params_block(p, "dm_disk", 0);
    if (!disk)
        return err_set(err, EINVAL, "the description has no dm_disk");
    struct geometry *g  = xnew(struct geometry);
    int              rc = read_disk(g, disk, err);
    if (rc) {
        geometry_destroy(g);
        return rc;
    }
    *out = g;
    return 0;
}

void geometry_destroy(struct geometry *g)
{
    for (u32 i = 0; g && i < g->n_zones; i++) {
        free(g->zones[i].slips);
        free(g->zones[i].defects);
    }
    if (g)
        free(g->zones);
    free(g);
}

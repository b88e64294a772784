/* timing/drive.c - see drive.h: what the drive's controller does. The parameters are those of
 * DiskSim's disksim_disk. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "timing/drive.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "timing/geometry.h"
#include "timing/mechanics.h"

enum { SEGMENTS_MAX = 256, OUT_MAX = 256 };
enum read_ahead { AHEAD_NONE, AHEAD_TRACK, AHEAD_CYLINDER, AHEAD_SEGMENT, AHEAD_TRACKS };

/* In ms, or blocks. `after` is what the request before was: 0 a read, 1 a write. */
struct settings {
    double bus_read, bus_write, bulk; /* a block over the bus */
    double read_hit[2], read_miss[2], write_hit[2], write_miss[2];
    double read_done, write_done, prepare;
    double reselect, reselect_other;
    double read_disconnect[2], write_disconnect;
    double extra_command, extra_disconnect, extra_gap, extra_disconnect2, extra_seek;
    double minimum_seek; /* of a write that does not follow on */
    double segments, segment_blocks, write_segments;
    double low_water, high_water;
    double ahead, ahead_max, fast;
    bool   own_write_segment, water_by_request, caching, ahead_on_hit, extra;
    bool   any_read, any_free, any_write; /* a track's blocks in any order */
    bool   stop_in_sector;                /* read-ahead ends at once */
    bool   hits_on_written, never_disconnect, prebuffering, almost;
};

struct segment {
    u64  start, end; /* blocks held */
    u64  used;       /* when: the higher the later; 0: never */
    bool written;
};

/* Read-ahead that goes on behind the last read. */
struct ahead {
    struct segment *segment; /* NULL: none */
    u64             limit;
};

struct drive {
    char             *name;
    struct geometry  *geometry;
    struct mechanics *mechanics;
    struct settings   s;
    struct segment    segments[SEGMENTS_MAX];
    u32               n_segments;
    u64               uses;
    bool              last_write;
    struct segment   *last; /* the segment of the last request */

    /* The arm: over which track, and from when on it is free. */
    struct place over;
    double       free_at;
    double       out_end[OUT_MAX]; /* when what was taken is on the media, the last ones */
    u64          n_out;
    struct ahead ahead;
    double      *there; /* when each block of the request in hand is in the buffer */
    double       first_seek, first_wait;
};

/* --- the arm --- */

struct step {
    double       seek_end, pass; /* the arm is there; the block has passed */
    double       seek, wait;
    struct place place;
};

/* From where the arm is at AT: to have BLOCK below the head. */
static struct step reach(const struct drive *d, double at, u64 block, bool write, double not_before)
{
    struct step s;
    geometry_find(d->geometry, block, &s.place);
    u32 far    = s.place.cylinder > d->over.cylinder ? s.place.cylinder - d->over.cylinder
                                                     : d->over.cylinder - s.place.cylinder;
    s.seek     = mechanics_seek_ms(d->mechanics, far, s.place.head != d->over.head, write);
    s.seek_end = fmax(at + s.seek, not_before);
    s.seek     = s.seek_end - at;
    s.wait     = mechanics_wait_ms(d->mechanics, s.seek_end, s.place.angle);
    s.pass     = s.seek_end + s.wait + mechanics_turn_ms(d->mechanics) / s.place.sectors;
    return s;
}

/* --- the buffer --- */

static void keep(struct drive *d, struct segment *s)
{
    s->used = ++d->uses;
    d->last = s;
}

static struct segment *find(struct drive *d, u64 block)
{
    for (u32 i = 0; i < d->n_segments; i++) {
        struct segment *s   = &d->segments[i];
        u64             end = s->end + (d->s.almost && d->ahead.segment == s);
        if (s->used && block >= s->start && block < end && (!s->written || d->s.hits_on_written))
            return s;
    }
    return NULL;
}

/* The one that was not used for longest. With a segment for writes of its own, the first is it. */
static struct segment *oldest(struct drive *d, bool write)
{
    bool            own  = d->s.own_write_segment && d->n_segments > 1;
    struct segment *best = own && write ? &d->segments[0] : NULL;
    for (u32 i = own ? 1 : 0; !(own && write) && i < d->n_segments; i++)
        if (!best || d->segments[i].used < best->used)
            best = &d->segments[i];
    return best;
}

/* What is written over is no longer true anywhere else. */
static void forget(struct drive *d, u64 block, u32 blocks, const struct segment *except)
{
    for (u32 i = 0; i < d->n_segments; i++) {
        struct segment *s = &d->segments[i];
        if (s == except || !s->used || block >= s->end || block + blocks <= s->start)
            continue;
        if (d->ahead.segment == s)
            d->ahead.segment = NULL;
        s->start = s->end = s->used = 0;
    }
}

static void grow(const struct drive *d, struct segment *s, u64 end)
{
    s->end = end;
    if (s->end - s->start > (u64)d->s.segment_blocks)
        s->start = s->end - (u64)d->s.segment_blocks;
}

/* --- reading ahead --- */

static u64 ahead_limit(const struct drive *d, const struct segment *s, u64 end)
{
    u64 last = geometry_blocks(d->geometry), limit = end;
    if (end >= last)
        return last;
    switch ((enum read_ahead)d->s.ahead) {
    case AHEAD_NONE:
        return end;
    case AHEAD_TRACK:
    case AHEAD_CYLINDER: /* as far as the track's end is sure in both */
        limit = geometry_track_end(d->geometry, end);
        break;
    case AHEAD_SEGMENT:
        limit = end + (u64)(d->s.ahead_max > 0 ? d->s.ahead_max : d->s.segment_blocks);
        break;
    case AHEAD_TRACKS: {
        struct place p, first;
        geometry_find(d->geometry, end, &p);
        geometry_find(d->geometry, s->start, &first);
        limit = geometry_track_end(d->geometry, end);
        if (first.track != p.track)
            limit += p.sectors;
    }
    }
    if (d->s.ahead_max > 0)
        limit = MIN(limit, MAX(end + (u64)d->s.ahead_max, end));
    return MIN(limit, last);
}

/* Lets read-ahead go on until NOW. KEEP: it is not stopped then, and may be in the middle. */
static void read_on(struct drive *d, double now, bool keep_on)
{
    while (d->ahead.segment && d->free_at < now) {
        struct segment *s = d->ahead.segment;
        if (s->end >= d->ahead.limit) {
            d->ahead.segment = NULL;
            break;
        }
        struct step step = reach(d, d->free_at, s->end, false, 0);
        if (step.pass > now && keep_on)
            break;
        if (step.pass > now && (step.seek_end >= now || d->s.stop_in_sector)) {
            if (step.seek_end >= now || step.seek > 0)
                d->over = step.place;
            d->free_at       = fmax(step.seek_end, now);
            d->ahead.segment = NULL;
            break;
        }
        d->over    = step.place;
        d->free_at = step.pass;
        grow(d, s, s->end + 1);
        if (step.pass > now)
            d->ahead.segment = NULL;
    }
}

static void read_ahead(struct drive *d, struct segment *s, u64 end)
{
    d->ahead = (struct ahead){s, ahead_limit(d, s, end)};
}

/* --- the media --- */

/* The blocks [FROM, TO) of one track, from AT on, each when it has passed into there[]. In any
 * order: those that pass first are read first. */
static double pass_track(struct drive *d, double at, u64 from, u64 to, u64 base, double not_before,
                         const double *ready, bool write, bool first)
{
    double      sector_ms, turn = mechanics_turn_ms(d->mechanics);
    struct step s = reach(d, at, from, write, not_before);
    sector_ms     = turn / s.place.sectors;
    bool   any    = write ? d->s.any_write : d->s.any_read && d->s.any_free;
    double begin = s.seek_end, end = 0, wait = turn;
    for (u64 b = from; b < to; b++) {
        double pass = s.pass + (double)(b - from) * sector_ms;
        if (any && pass - turn - sector_ms >= begin)
            pass -= turn; /* it passes before the first does */
        double late = ready ? ready[b - base] - (pass - sector_ms) : 0;
        if (late > 1e-9) /* it has not come over the bus yet: some turns later */
            pass += ceil((late - 1e-9) / turn) * turn;
        if (!any && b > from)
            pass = fmax(pass, end + sector_ms);
        d->there[b - base] = pass;
        end                = fmax(end, pass);
        wait               = fmin(wait, pass - sector_ms - begin);
    }
    if (first) {
        d->first_seek = s.seek;
        d->first_wait = fmax(wait, 0);
    }
    d->over = s.place;
    return end;
}

/* Reads or writes blocks; the arm is free at the end, which is returned. */
static double pass(struct drive *d, double at, const struct drive_request *r, u64 from,
                   double not_before, const double *ready)
{
    u64  end   = r->block + r->blocks;
    bool first = true;
    for (u64 b = from; b < end; first = false) {
        u64 to = MIN(geometry_track_end(d->geometry, b), end);
        at     = pass_track(d, at, b, to, r->block, first ? not_before : 0, ready, r->write, first);
        b      = to;
    }
    return d->free_at = at;
}

double drive_clean_ms(const struct drive *d)
{
    return d->n_out ? d->out_end[(d->n_out - 1) % OUT_MAX] : 0;
}

/* --- the bus --- */

/* Blocks go to the host as they come, from AT on; when the last is there. */
static double send(const struct drive *d, double at, u32 blocks, bool write)
{
    double each = fmax(write ? d->s.bus_write : d->s.bus_read, d->s.bulk);
    for (u32 i = 0; i < blocks; i++)
        at = fmax(at, d->there[i]) + each;
    return at;
}

/* --- reading --- */

static u32 watermark(const struct drive *d, u32 blocks)
{
    if (d->s.water_by_request)
        return (u32)fmax(1, floor(fmin(blocks, d->s.segment_blocks) * d->s.high_water));
    return (u32)fmax(1, ceil(d->s.segment_blocks * d->s.high_water));
}

static double read_hit(struct drive *d, double now, const struct drive_request *r,
                       struct segment *s, struct drive_times *out)
{
    bool   on  = d->ahead.segment == s;
    u64    end = r->block + r->blocks, had = MIN(s->end, end);
    double begin = now + d->s.read_hit[d->last_write] + d->s.prepare;
    double clean = drive_clean_ms(d);
    if (s->written && clean > now && !d->s.prebuffering) { /* in use until all is written */
        begin      = fmax(begin, clean);
        out->queue = clean - now;
    }
    for (u64 b = r->block; b < had; b++)
        d->there[b - r->block] = now;
    if (had < end) {
        if (!on)
            read_on(d, now, false);
        double media = on ? d->free_at : fmax(d->free_at, now + d->s.read_miss[d->last_write]);
        pass(d, media, r, had, 0, NULL);
        grow(d, s, end);
        out->seek   = on ? 0 : d->first_seek;
        out->rotate = on ? 0 : d->first_wait;
    } else if (!on && d->s.ahead_on_hit) {
        read_on(d, now, false);
        d->free_at = fmax(d->free_at, now + d->s.read_miss[d->last_write]);
    }
    if (on || had < end || d->s.ahead_on_hit)
        read_ahead(d, s, end);
    keep(d, s);
    return send(d, begin, r->blocks, false) + d->s.read_done;
}

static double read_miss(struct drive *d, double now, const struct drive_request *r,
                        struct drive_times *out)
{
    double command = now + d->s.read_miss[d->last_write];
    read_on(d, now, false);
    double media      = fmax(command, d->free_at);
    out->queue        = media - command;
    struct segment *s = oldest(d, false);
    pass(d, media, r, r->block, 0, NULL);
    *s = (struct segment){.start = r->block, .end = r->block};
    grow(d, s, r->block + r->blocks);
    if (d->s.ahead > 0)
        read_ahead(d, s, r->block + r->blocks);
    keep(d, s);
    out->seek    = d->first_seek;
    out->rotate  = d->first_wait;
    double begin = command + d->s.prepare;
    if (!d->s.never_disconnect) {
        u32    n     = MIN(MAX(watermark(d, r->blocks), 1u), r->blocks);
        double ready = 0;
        for (u32 i = 0; i < n; i++)
            ready = fmax(ready, d->there[i]);
        begin = fmax(ready, command + d->s.read_disconnect[d->last_write]) + d->s.reselect +
                d->s.prepare;
    }
    return send(d, begin, r->blocks, false) + d->s.read_done;
}

/* --- writing --- */

/* Into the buffer from AT on; when it is all there. */
static double take(struct drive *d, double at, u32 blocks)
{
    double each = fmax(d->s.bus_write, d->s.bulk);
    for (u32 i = 0; i < blocks; i++)
        d->there[i] = at += each;
    return at;
}

/* Before the head may write at all: a write that does not follow on at once has a least seek. A
 * drive that disconnects once more before it takes data collects some of it first: ten blocks, or
 * fifteen of a request of 45 or more, as DiskSim has it. */
static double collected(const struct drive *d, double media, const struct drive_request *r,
                        bool append)
{
    double least = append ? 0 : media + d->s.minimum_seek;
    double each  = fmax(d->s.bus_write, d->s.bulk);
    double some  = d->there[0] + each * (r->blocks < 45 ? 9 : 14);
    double all   = d->there[r->blocks - 1] + d->s.minimum_seek;
    return d->s.extra ? fmax(least, fmin(some, all)) : least;
}

/* The media's part of a write whose data came as there[] says. */
static double put(struct drive *d, double media, const struct drive_request *r, bool append,
                  struct drive_times *out)
{
    cleanup_free double *ready = xalloc(r->blocks * sizeof(double));
    memcpy(ready, d->there, r->blocks * sizeof(double));
    double end = pass(d, media, r, r->block, collected(d, media, r, append), ready);
    if (d->s.fast == 0) {
        out->seek   = d->first_seek;
        out->rotate = d->first_wait;
    }
    return end;
}

/* Done when it is on the media. */
static double write_through(struct drive *d, double now, const struct drive_request *r, bool append,
                            bool extra, struct drive_times *out)
{
    double command = d->s.write_miss[d->last_write], seek = now + command;
    double bus = now + command + d->s.prepare, off = d->s.write_disconnect;
    if (extra) {
        seek = now + d->s.extra_command + d->s.extra_seek;
        bus  = now + d->s.extra_command + d->s.extra_disconnect + d->s.extra_gap + d->s.reselect +
              d->s.prepare;
        off = d->s.extra_disconnect2;
    }
    double media = fmax(seek, d->free_at);
    out->queue   = media - seek;
    double taken = take(d, bus, r->blocks);
    double end   = put(d, media, r, append, out);
    if (!d->s.never_disconnect)
        end = fmax(end, taken + off) + (extra ? d->s.reselect_other : d->s.reselect);
    else
        end = fmax(end, taken);
    return end + d->s.write_done;
}

/* When the buffer has room for one more write: those before it are on the media, or, in a drive
 * that takes writes while it writes, all but the last few. */
static double room_at(const struct drive *d)
{
    u32 places = d->s.prebuffering ? (u32)fmax(1, d->s.write_segments) : 1;
    return d->n_out < places ? 0 : d->out_end[(d->n_out - places) % OUT_MAX];
}

/* Done when it is in the buffer; it is written out behind the host's back. */
static double write_behind(struct drive *d, double now, const struct drive_request *r, bool append,
                           struct drive_times *out)
{
    double command = now + d->s.write_hit[d->last_write], bus = command + d->s.prepare;
    double media = fmax(command, d->free_at), room = room_at(d);
    if (room > now && (!append || d->s.prebuffering)) {
        bus        = fmax(command + d->s.write_disconnect, room) + d->s.reselect + d->s.prepare;
        out->queue = fmax(0, room - command);
    }
    out->hit                         = true;
    double taken                     = take(d, bus, r->blocks);
    double end                       = put(d, media, r, append, out);
    d->out_end[d->n_out++ % OUT_MAX] = end;
    return taken + d->s.write_done;
}

static double serve_write(struct drive *d, double now, const struct drive_request *r,
                          struct drive_times *out)
{
    read_on(d, now, false);
    d->ahead.segment       = NULL;
    struct segment *s      = d->last;
    bool            follow = s && s->written && s->end == r->block;
    bool            append = follow && d->free_at >= now;
    bool            extra  = d->s.extra && d->last_write && !follow;
    if (!follow)
        s = oldest(d, true);
    forget(d, r->block, r->blocks, follow ? s : NULL);
    double end = d->s.fast > 0 ? write_behind(d, now, r, append, out)
                               : write_through(d, now, r, append, extra, out);
    if (!follow)
        *s = (struct segment){.start = r->block, .end = r->block};
    s->written = true;
    grow(d, s, r->block + r->blocks);
    keep(d, s);
    return end;
}

void drive_serve(struct drive *d, double now, const struct drive_request *r,
                 struct drive_times *out)
{
    *out = (struct drive_times){.start = now};
    if (r->write) {
        out->end = serve_write(d, now, r, out);
    } else {
        read_on(d, now, true);
        struct segment *s = d->s.caching ? find(d, r->block) : NULL;
        out->hit          = s && r->block + r->blocks <= s->end;
        out->end          = s ? read_hit(d, now, r, s, out) : read_miss(d, now, r, out);
    }
    d->last_write = r->write;
    double bus    = fmax(r->write ? d->s.bus_write : d->s.bus_read, d->s.bulk) * r->blocks;
    out->transfer = fmin(bus, out->end - now);
    out->overhead = fmax(0, out->end - now - out->queue - out->seek - out->rotate - out->transfer);
    out->cylinder = d->over.cylinder;
}

double drive_reach_ms(const struct drive *d, double now, const struct drive_request *r)
{
    struct step s = reach(d, fmax(now, d->free_at), r->block, r->write, 0);
    return s.pass - now;
}

const char *drive_name(const struct drive *d)
{
    return d->name;
}

u64 drive_blocks(const struct drive *d)
{
    return geometry_blocks(d->geometry);
}

/* --- reading the description --- */

#define SET(m) offsetof(struct settings, m)
static const struct param_row rows[] = {
    {"Bulk sector transfer time", SET(bulk), 0, 1e3, true},
    {"Number of buffer segments", SET(segments), 1, SEGMENTS_MAX, true},
    {"Maximum number of write segments", SET(write_segments), 0, SEGMENTS_MAX, false},
    {"Segment size (in blks)", SET(segment_blocks), 1, 1e6, true},
    {"Use separate write segment", SET(own_write_segment), 0, 1, false, true},
    {"Low (write) water mark", SET(low_water), 0, 1, false},
    {"High (read) water mark", SET(high_water), 0, 1, false},
    {"Set watermark by reqsize", SET(water_by_request), 0, 1, false, true},
    {"Enable caching in buffer", SET(caching), 0, 2, true, true},
    {"Buffer continuous read", SET(ahead), 0, 4, true},
    {"Maximum read-ahead (blks)", SET(ahead_max), 0, 1e6, false},
    {"Read-ahead on idle hit", SET(ahead_on_hit), 0, 1, false, true},
    {"Fast write level", SET(fast), 0, 2, true},
    {"Immediate buffer read", SET(any_read), 0, 1, true, true},
    {"Read any free blocks", SET(any_free), 0, 1, false, true},
    {"Immediate buffer write", SET(any_write), 0, 1, true, true},
    {"Stop prefetch in sector", SET(stop_in_sector), 0, 1, false, true},
    {"Allow read hits on write data", SET(hits_on_written), 0, 1, false, true},
    {"Allow almost read hits", SET(almost), 0, 1, false, true},
    {"Allow write prebuffering", SET(prebuffering), 0, 1, false, true},
    {"Never disconnect", SET(never_disconnect), 0, 1, false, true},
    {"Read hit over. after read", SET(read_hit[0]), 0, 1e4, true},
    {"Read hit over. after write", SET(read_hit[1]), 0, 1e4, true},
    {"Read miss over. after read", SET(read_miss[0]), 0, 1e4, true},
    {"Read miss over. after write", SET(read_miss[1]), 0, 1e4, true},
    {"Write hit over. after read", SET(write_hit[0]), 0, 1e4, true},
    {"Write hit over. after write", SET(write_hit[1]), 0, 1e4, true},
    {"Write miss over. after read", SET(write_miss[0]), 0, 1e4, true},
    {"Write miss over. after write", SET(write_miss[1]), 0, 1e4, true},
    {"Read completion overhead", SET(read_done), 0, 1e4, false},
    {"Write completion overhead", SET(write_done), 0, 1e4, false},
    {"Data preparation overhead", SET(prepare), 0, 1e4, false},
    {"First reselect overhead", SET(reselect), 0, 1e4, false},
    {"Other reselect overhead", SET(reselect_other), 0, 1e4, false},
    {"Read disconnect afterread", SET(read_disconnect[0]), 0, 1e4, false},
    {"Read disconnect afterwrite", SET(read_disconnect[1]), 0, 1e4, false},
    {"Write disconnect overhead", SET(write_disconnect), 0, 1e4, false},
    {"Extra write disconnect", SET(extra), 0, 1, false, true},
    {"Extradisc command overhead", SET(extra_command), 0, 1e4, false},
    {"Extradisc disconnect overhead", SET(extra_disconnect), 0, 1e4, false},
    {"Extradisc inter-disconnect delay", SET(extra_gap), 0, 1e4, false},
    {"Extradisc 2nd disconnect overhead", SET(extra_disconnect2), 0, 1e4, false},
    {"Extradisc seek delta", SET(extra_seek), 0, 1e4, false},
    {"Minimum seek delay", SET(minimum_seek), 0, 1e4, false},
};

/* A disk stands behind its buses: the slowest counts. */
static int read_buses(struct drive *d, const struct params *p, struct err *err)
{
    const struct param *bus;
    for (u32 i = 0; (bus = params_block(p, "disksim_bus", i)); i++) {
        double read = 0, write = 0;
        int    rc = param_number(bus, "Read block transfer time", false, 0, 1e3, &read, err);
        if (!rc)
            rc = param_number(bus, "Write block transfer time", false, 0, 1e3, &write, err);
        if (rc)
            return rc;
        d->s.bus_read  = fmax(d->s.bus_read, read);
        d->s.bus_write = fmax(d->s.bus_write, write);
    }
    return 0;
}

static int read_drive(struct drive *d, const struct params *p, struct err *err)
{
    const struct param *disk = params_block(p, "disksim_disk", 0);
    if (!disk)
        return err_set(err, EINVAL, "the description has no disksim_disk");
    const char *space = strchr(disk->text, ' ');
    d->name           = xstrdup(space ? space + 1 : disk->text);
    int rc            = param_rows(disk, rows, ARRAY_SIZE(rows), &d->s, err);
    if (rc)
        return rc;
    d->n_segments = (u32)d->s.segments;
    rc            = read_buses(d, p, err);
    if (!rc)
        rc = geometry_create(&d->geometry, p, err);
    return rc ? rc : mechanics_create(&d->mechanics, p, err);
}

static int create(struct drive **out, struct params *p, const char *path, struct err *err)
{
    struct drive *d = xnew(struct drive);
    d->there        = xalloc(DRIVE_BLOCKS_MAX * sizeof(double));
    int rc          = read_drive(d, p, err);
    params_free(p);
    if (rc) {
        err_wrap(err, "%s", path);
        drive_destroy(d);
        return rc;
    }
    geometry_find(d->geometry, 0, &d->over);
    *out = d;
    return 0;
}

int drive_create(struct drive **out, const char *path, struct err *err)
{
    struct params *p;
    int            rc = params_read(&p, path, err);
    return rc ? rc : create(out, p, path, err);
}

int drive_create_text(struct drive **out, const char *text, const char *name, struct err *err)
{
    struct params *p;
    int            rc = params_parse(&p, text, name, err);
    return rc ? rc : create(out, p, name, err);
}

void drive_destroy(struct drive *d)
{
    if (!d)
        return;
    geometry_destroy(d->geometry);
    mechanics_destroy(d->mechanics);
    free(d->there);
    free(d->name);
    free(d);
}

/* timing/storage.c - see storage.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "timing/storage.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "timing/drive.h"

enum { SECTOR = 512 };

/* The descriptions that come with guise: timing/drives/NAME.disk, as text. */
#define DRIVE(id, name)                                                                            \
    __asm__(".pushsection .rodata\n"                                                               \
            "drive_" #id ": .incbin \"timing/drives/" name ".disk\"\n.byte 0\n"                    \
            ".popsection\n");                                                                      \
    extern const char drive_##id[] __attribute__((visibility("hidden")));
DRIVE(sata7200, "sata7200")
DRIVE(sas15k, "sas15k")
static const struct {
    const char *name, *text;
} drives[] = {{"sata7200", drive_sata7200}, {"sas15k", drive_sas15k}};

struct storage {
    struct drive *drive;
    double        free_ms; /* the last request was done then */
    FILE         *trace;
    u64           requests, hits;
    double        queue, overhead, seek, rotate, transfer; /* sums, ms */
    struct spread service;                                 /* ns */
};

const char *storage_name(unsigned n)
{
    return n < ARRAY_SIZE(drives) ? drives[n].name : NULL;
}

static int open_drive(struct drive **out, const char *what, struct err *err)
{
    for (unsigned i = 0; i < ARRAY_SIZE(drives); i++)
        if (!strcmp(drives[i].name, what))
            return drive_create_text(out, drives[i].text, what, err);
    if (!strchr(what, '/') && !strchr(what, '.'))
        return err_set(err, ENOENT,
                       "there is no drive '%s': name sata7200, sas15k or a description's file",
                       what);
    return drive_create(out, what, err);
}

static int open_trace(struct storage *s, const char *path, struct err *err)
{
    s->trace = fopen(path, "we");
    if (!s->trace)
        return err_errno(err, errno, "write the trace '%s'", path);
    setvbuf(s->trace, NULL, _IOLBF, 0);
    fputs("start_ms,end_ms,op,block,blocks,queue_ms,overhead_ms,seek_ms,rotate_ms,transfer_ms,hit,"
          "cylinder\n",
          s->trace);
    return 0;
}

int storage_create(struct storage **out, const char *model, u64 bytes, const char *trace,
                   struct err *err)
{
    if (strncmp(model, "hdd:", 4))
        return err_set(err, EINVAL, "model '%s': say hdd:NAME or hdd:FILE", model);
    struct storage *s  = xnew(struct storage);
    int             rc = open_drive(&s->drive, model + 4, err);
    if (!rc && bytes / SECTOR > drive_blocks(s->drive))
        rc =
            err_set(err, EFBIG, "model '%s' holds %llu bytes, the disk has %llu", model,
                    (unsigned long long)drive_blocks(s->drive) * SECTOR, (unsigned long long)bytes);
    if (!rc && trace)
        rc = open_trace(s, trace, err);
    if (rc)
        storage_destroy(s);
    else
        *out = s;
    return rc;
}

void storage_destroy(struct storage *s)
{
    if (!s)
        return;
    if (s->trace)
        fclose(s->trace);
    drive_destroy(s->drive);
    free(s);
}

/* --- serving --- */

static void note(struct storage *s, enum storage_op op, double since, u64 block, u64 blocks,
                 const struct drive_times *t)
{
    static const char *const names[] = {"read", "write", "flush", "trim"};
    s->requests++;
    s->hits += t->hit;
    s->queue += t->queue;
    s->overhead += t->overhead;
    s->seek += t->seek;
    s->rotate += t->rotate;
    s->transfer += t->transfer;
    spread_add(&s->service, (u64)llround((t->end - since) * 1e6));
    if (s->trace)
        fprintf(s->trace, "%.6f,%.6f,%s,%llu,%llu,%.6f,%.6f,%.6f,%.6f,%.6f,%d,%u\n", since, t->end,
                names[op], (unsigned long long)block, (unsigned long long)blocks, t->queue,
                t->overhead, t->seek, t->rotate, t->transfer, t->hit, t->cylinder);
}

/* In pieces that the drive takes; as one in what is counted. */
static void move(struct storage *s, bool write, u64 block, u64 blocks, struct drive_times *sum)
{
    while (blocks) {
        struct drive_times t;
        u32                n = (u32)MIN(blocks, (u64)DRIVE_BLOCKS_MAX);
        drive_serve(s->drive, sum->end, &(struct drive_request){block, n, write}, &t);
        sum->end = t.end;
        sum->queue += t.queue;
        sum->overhead += t.overhead;
        sum->seek += t.seek;
        sum->rotate += t.rotate;
        sum->transfer += t.transfer;
        sum->hit      = t.hit;
        sum->cylinder = t.cylinder;
        block += n;
        blocks -= n;
    }
}

u64 storage_until(struct storage *s, enum storage_op op, u64 off, u64 len, u64 since)
{
    double             at = (double)since / 1e6, start = fmax(at, s->free_ms);
    u64                block = off / SECTOR, end = (off + len + SECTOR - 1) / SECTOR;
    struct drive_times t = {.start = start, .end = start, .queue = start - at};
    end                  = MIN(end, drive_blocks(s->drive));
    if (op == STORAGE_FLUSH)
        t.end = fmax(start, drive_clean_ms(s->drive));
    else if (op != STORAGE_TRIM && block < end)
        move(s, op == STORAGE_WRITE, block, end - block, &t);
    if (op == STORAGE_FLUSH)
        t.queue = t.end - at;
    s->free_ms = t.end;
    note(s, op, at, block, op == STORAGE_FLUSH ? 0 : end - block, &t);
    return (u64)llround(t.end * 1e6);
}

static u64 ns(double ms)
{
    return (u64)llround(ms * 1e6);
}

void storage_stats(const struct storage *s, const char *name, struct stats *stats)
{
    char prefix[64];
    stats_add(stats, s->requests, "", "%s.model.requests", name);
    stats_add(stats, s->hits, "", "%s.model.hits", name);
    stats_add(stats, ns(s->queue), "ns", "%s.model.queue", name);
    stats_add(stats, ns(s->overhead), "ns", "%s.model.overhead", name);
    stats_add(stats, ns(s->seek), "ns", "%s.model.seek", name);
    stats_add(stats, ns(s->rotate), "ns", "%s.model.rotate", name);
    stats_add(stats, ns(s->transfer), "ns", "%s.model.transfer", name);
    snprintf(prefix, sizeof(prefix), "%s.model.service", name);
    stats_add_spread(stats, &s->service, "ns", prefix);
}

/* timing/storage.c - see storage.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "timing/storage.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "timing/drive.h"
#include "timing/flash.h"

enum { SECTOR = 512, PARTS = 5 };

/* The descriptions that come with guise: the files of timing/drives, as text. */
#define SHIPPED(id, file)                                                                          \
    __asm__(".pushsection .rodata\n"                                                               \
            "drive_" #id ": .incbin \"timing/drives/" file "\"\n.byte 0\n"                         \
            ".popsection\n");                                                                      \
    extern const char drive_##id[] __attribute__((visibility("hidden")));
SHIPPED(sata7200, "sata7200.disk")
SHIPPED(sas15k, "sas15k.disk")
SHIPPED(nvme_tlc, "nvme-tlc.ssd")
SHIPPED(sata_mlc, "sata-mlc.ssd")
static const struct {
    const char *name, *text;
} shipped[] = {{"hdd:sata7200", drive_sata7200},
               {"hdd:sas15k", drive_sas15k},
               {"ssd:nvme-tlc", drive_nvme_tlc},
               {"ssd:sata-mlc", drive_sata_mlc}};

/* Where the time of requests went, as stats and the trace call it. */
static const char *const drive_parts[PARTS] = {"queue", "overhead", "seek", "rotate", "transfer"};
static const char *const flash_parts[PARTS] = {"queue", "cell", "channel", "collect"};

struct storage {
    struct drive      *drive; /* one of the two */
    struct flash      *flash;
    const char *const *parts;
    double             free_ms; /* of a drive: the last request was done then */
    double             now_ms;  /* of flash: the last request came then */
    FILE              *trace;
    u64                requests, hits;
    double             sums[PARTS]; /* ms */
    struct spread      service;     /* ns */
};

/* One request, as it is counted and told. */
struct served {
    double start, end, parts[PARTS]; /* ms */
    bool   hit;
    u32    cylinder;
};

const char *storage_name(unsigned n)
{
    return n < ARRAY_SIZE(shipped) ? shipped[n].name : NULL;
}

/* --- making --- */

static int no_such(const char *model, struct err *err)
{
    char names[160] = "";
    for (unsigned i = 0; i < ARRAY_SIZE(shipped); i++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? ", " : "",
                 shipped[i].name);
    return err_set(err, ENOENT, "there is no model '%s'; there are %s, or hdd:FILE, ssd:FILE",
                   model, names);
}

static int open_flash(struct storage *s, const char *text, const char *name, u64 bytes,
                      struct err *err)
{
    struct params *p;
    int            rc = text ? params_parse(&p, text, name, err) : params_read(&p, name, err);
    if (rc)
        return rc;
    rc = flash_create(&s->flash, p, bytes, err);
    params_free(p);
    return rc ? err_wrap(err, "%s", name) : 0;
}

static int open_model(struct storage *s, const struct storage_config *c, struct err *err)
{
    const char *text = NULL, *name = c->model + 4;
    bool        flash = !strncmp(c->model, "ssd:", 4);
    if (!flash && strncmp(c->model, "hdd:", 4))
        return no_such(c->model, err);
    for (unsigned i = 0; i < ARRAY_SIZE(shipped); i++)
        if (!strcmp(shipped[i].name, c->model))
            text = shipped[i].text;
    if (!text && !strpbrk(name, "/."))
        return no_such(c->model, err);
    s->parts = flash ? flash_parts : drive_parts;
    if (flash)
        return open_flash(s, text, name, c->bytes, err);
    return text ? drive_create_text(&s->drive, text, name, err)
                : drive_create(&s->drive, name, err);
}

static int open_trace(struct storage *s, const char *path, struct err *err)
{
    s->trace = fopen(path, "we");
    if (!s->trace)
        return err_errno(err, errno, "write the trace '%s'", path);
    setvbuf(s->trace, NULL, _IOLBF, 0);
    fputs("start_ms,end_ms,op,block,blocks", s->trace);
    for (unsigned i = 0; i < PARTS && s->parts[i]; i++)
        fprintf(s->trace, ",%s_ms", s->parts[i]);
    fputs(s->drive ? ",hit,cylinder\n" : "\n", s->trace);
    return 0;
}

int storage_create(struct storage **out, const struct storage_config *c, struct err *err)
{
    struct storage *s  = xnew(struct storage);
    int             rc = open_model(s, c, err);
    if (!rc && c->bytes > storage_bytes(s))
        rc = err_set(err, EFBIG, "model '%s' holds %llu bytes, the disk has %llu", c->model,
                     (unsigned long long)storage_bytes(s), (unsigned long long)c->bytes);
    if (!rc && c->trace)
        rc = open_trace(s, c->trace, err);
    if (!rc && s->flash && c->worn > 0)
        flash_wear_in(s->flash, c->worn, c->seed);
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
    flash_destroy(s->flash);
    free(s);
}

/* --- serving --- */

static void note(struct storage *s, enum storage_op op, u64 off, u64 len, const struct served *t)
{
    static const char *const names[] = {"read", "write", "flush", "trim"};
    s->requests++;
    s->hits += t->hit;
    for (unsigned i = 0; i < PARTS; i++)
        s->sums[i] += t->parts[i];
    spread_add(&s->service, (u64)llround((t->end - t->start) * 1e6));
    if (!s->trace)
        return;
    fprintf(s->trace, "%.6f,%.6f,%s,%llu,%llu", t->start, t->end, names[op],
            (unsigned long long)(off / SECTOR), (unsigned long long)(len / SECTOR));
    for (unsigned i = 0; i < PARTS && s->parts[i]; i++)
        fprintf(s->trace, ",%.6f", t->parts[i]);
    if (s->drive)
        fprintf(s->trace, ",%d,%u", t->hit, t->cylinder);
    fputc('\n', s->trace);
}

/* In pieces that the drive takes; as one in what is counted. */
static void drive_move(struct storage *s, bool write, u64 block, u64 blocks, struct served *sum)
{
    while (blocks) {
        struct drive_times t;
        u32                n = (u32)MIN(blocks, (u64)DRIVE_BLOCKS_MAX);
        drive_serve(s->drive, sum->end, &(struct drive_request){block, n, write}, &t);
        double parts[PARTS] = {t.queue, t.overhead, t.seek, t.rotate, t.transfer};
        for (unsigned i = 0; i < PARTS; i++)
            sum->parts[i] += parts[i];
        sum->end      = t.end;
        sum->hit      = t.hit;
        sum->cylinder = t.cylinder;
        block += n;
        blocks -= n;
    }
}

static void drive_until(struct storage *s, enum storage_op op, u64 off, u64 len, struct served *t)
{
    u64 block = off / SECTOR, end = (off + len + SECTOR - 1) / SECTOR;
    t->end      = fmax(t->start, s->free_ms);
    t->parts[0] = t->end - t->start;
    if (op == STORAGE_FLUSH) {
        t->end      = fmax(t->end, drive_clean_ms(s->drive));
        t->parts[0] = t->end - t->start;
    } else if (op != STORAGE_TRIM && block < end) {
        drive_move(s, op == STORAGE_WRITE, block, end - block, t);
    }
    s->free_ms = t->end;
}

static void flash_until(struct storage *s, enum storage_op op, u64 off, u64 len, struct served *t)
{
    static const enum flash_op ops[] = {FLASH_READ, FLASH_WRITE, FLASH_FLUSH, FLASH_TRIM};
    struct flash_times         f;
    double                     late = fmax(0, s->now_ms - t->start);
    s->now_ms                       = fmax(s->now_ms, t->start);
    flash_serve(s->flash, s->now_ms, ops[op], off, len, &f);
    t->end      = f.end;
    t->parts[0] = f.queue + late;
    t->parts[1] = f.cell;
    t->parts[2] = f.channel;
    t->parts[3] = f.collect;
}

u64 storage_until(struct storage *s, enum storage_op op, u64 off, u64 len, u64 since)
{
    struct served t   = {.start = (double)since / 1e6};
    u64           all = storage_bytes(s);
    off               = MIN(off, all);
    len               = op == STORAGE_FLUSH ? 0 : MIN(len, all - off);
    if (s->drive)
        drive_until(s, op, off, len, &t);
    else
        flash_until(s, op, off, len, &t);
    note(s, op, off, len, &t);
    return (u64)llround(t.end * 1e6);
}

/* --- telling --- */

u64 storage_bytes(const struct storage *s)
{
    return s->drive ? drive_blocks(s->drive) * SECTOR : flash_bytes(s->flash);
}

const struct spread *storage_service(const struct storage *s)
{
    return &s->service;
}

double storage_amplification(const struct storage *s)
{
    struct flash_counts c = {0};
    if (s->flash)
        flash_counts(s->flash, &c);
    return c.host_units ? 1 + (double)c.moved_units / (double)c.host_units : 1;
}

void storage_forget(struct storage *s)
{
    s->service  = (struct spread){0};
    s->requests = s->hits = 0;
    memset(s->sums, 0, sizeof(s->sums));
    if (s->flash)
        flash_forget_counts(s->flash);
}

static void tell_flash(const struct storage *s, const char *name, struct stats *stats)
{
    struct flash_counts c;
    flash_counts(s->flash, &c);
    stats_add(stats, c.host_units * FLASH_UNIT, "bytes", "%s.model.written", name);
    stats_add(stats, c.moved_units * FLASH_UNIT, "bytes", "%s.model.moved", name);
    stats_add(stats, (u64)llround(storage_amplification(s) * 1000), "1/1000",
              "%s.model.amplification", name);
    stats_add(stats, c.erases, "", "%s.model.erases", name);
    stats_add(stats, c.most_erases, "", "%s.model.most_erases", name);
}

void storage_stats(const struct storage *s, const char *name, struct stats *stats)
{
    char prefix[64];
    stats_add(stats, s->requests, "", "%s.model.requests", name);
    if (s->drive)
        stats_add(stats, s->hits, "", "%s.model.hits", name);
    for (unsigned i = 0; i < PARTS && s->parts[i]; i++)
        stats_add(stats, (u64)llround(s->sums[i] * 1e6), "ns", "%s.model.%s", name, s->parts[i]);
    if (s->flash)
        tell_flash(s, name, stats);
    snprintf(prefix, sizeof(prefix), "%s.model.service", name);
    stats_add_spread(stats, &s->service, "ns", prefix);
}

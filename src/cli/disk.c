/* cli/disk.c - disk: models of disk drives, by themselves. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/print.h"
#include "cli/verbs.h"
#include "timing/load.h"
#include "timing/replay.h"

const struct option_row disk_options[] = {
    {"json", 0, NULL, "as JSON", set_flag, OPT_OWN(struct disk_own, json)},
    {"svg", 0, "FILE", "a picture of both distributions", set_text, OPT_OWN(struct disk_own, svg)},
    {"requests", 0, "FILE", "each request, where its time went, as CSV", set_text,
     OPT_OWN(struct disk_own, requests)},
    {"pattern", 0, "PATTERN", "try: read, write, randread, randwrite or randrw (randread)",
     set_text, OPT_OWN(struct disk_own, pattern)},
    {"size", 0, "BYTES", "try: of a request (4K)", set_size, OPT_OWN(struct disk_own, size)},
    {"count", 'n', "N", "try: how many requests (10000)", set_number,
     OPT_OWN(struct disk_own, count)},
    {"depth", 0, "N", "try: so many at a time (1)", set_number, OPT_OWN(struct disk_own, depth)},
    {"worn", 0, "TIMES", "try: flash that was written over at random so often before (0)", set_text,
     OPT_OWN(struct disk_own, worn)},
    {"seed", 0, "N", "try: of what is random (1)", set_number, OPT_OWN(struct disk_own, seed)},
    {0},
};
const struct disk_own disk_defaults = {.size = 4096, .count = 10000, .depth = 1, .seed = 1};

static const struct {
    const char *name;
    enum replay_class class;
} classes[] = {{"all", REPLAY_ALL}, {"reads", REPLAY_READS}, {"writes", REPLAY_WRITES}};

static void put_numbers(cJSON *to, const struct demerit *d)
{
    json_put_u64(to, "requests", d->n);
    cJSON_AddNumberToObject(to, "rms_ms", d->rms_ms);
    cJSON_AddNumberToObject(to, "rms_exact_ms", d->rms_exact_ms);
    cJSON_AddNumberToObject(to, "measured_mean_ms", d->measured_mean_ms);
    cJSON_AddNumberToObject(to, "model_mean_ms", d->model_mean_ms);
    cJSON_AddNumberToObject(to, "mean_error_ms", d->model_mean_ms - d->measured_mean_ms);
}

static void as_json(const struct drive *drive, const struct replay *r)
{
    cleanup_json cJSON *j = cJSON_CreateObject();
    struct demerit      d;
    json_put_str(j, "drive", drive_name(drive));
    for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
        cJSON *to = i ? cJSON_AddObjectToObject(j, classes[i].name) : j;
        replay_demerit(r, classes[i].class, &d);
        put_numbers(to, &d);
    }
    cleanup_free char *text = json_pages(j);
    fputs(text, stdout);
}

static void as_table(const struct drive *drive, const struct replay *r)
{
    struct demerit d;
    printf("%s\n%-8s %9s %10s %10s %12s %10s\n", drive_name(drive), "", "requests", "rms, ms",
           "exact, ms", "measured, ms", "model, ms");
    for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
        replay_demerit(r, classes[i].class, &d);
        printf("%-8s %9u %10.4f %10.4f %12.4f %10.4f\n", classes[i].name, d.n, d.rms_ms,
               d.rms_exact_ms, d.measured_mean_ms, d.model_mean_ms);
    }
}

static int write_requests(const struct replay *r, const char *path, struct err *err)
{
    FILE *f = fopen(path, "we");
    if (!f)
        return err_errno(err, errno, "write '%s'", path);
    fputs("start_ms,kind,block,blocks,measured_ms,model_ms,queue_ms,overhead_ms,seek_ms,rotate_ms,"
          "transfer_ms,hit,cylinder\n",
          f);
    for (u32 i = 0; i < r->n; i++) {
        const struct replayed    *one = &r->all[i];
        const struct drive_times *t   = &one->model;
        fprintf(f, "%.6f,%c,%llu,%u,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%d,%u\n", t->start,
                one->request.write ? 'W' : 'R', (unsigned long long)one->request.block,
                one->request.blocks, one->measured_ms, t->end - t->start, t->queue, t->overhead,
                t->seek, t->rotate, t->transfer, t->hit, t->cylinder);
    }
    bool bad = ferror(f);
    return fclose(f) || bad ? err_errno(err, errno, "write '%s'", path) : 0;
}

static int validate(struct command *c, struct err *err)
{
    const struct disk_own *o = c->own;
    struct drive          *drive;
    struct replay          r;
    int                    rc = drive_create(&drive, c->words[1], err);
    if (rc)
        return rc;
    rc = replay_run(&r, drive, c->words[2], err);
    if (!rc) {
        if (o->svg)
            rc = replay_picture(&r, drive_name(drive), o->svg, err);
        if (!rc && o->requests)
            rc = write_requests(&r, o->requests, err);
        if (!rc && o->json)
            as_json(drive, &r);
        else if (!rc)
            as_table(drive, &r);
        replay_done(&r);
    }
    drive_destroy(drive);
    return rc;
}

/* --- try --- */

static void load_json(const char *model, const struct load_result *r)
{
    cleanup_json cJSON *j = cJSON_CreateObject();
    json_put_str(j, "model", model);
    json_put_u64(j, "requests", r->requests);
    cJSON_AddNumberToObject(j, "seconds", r->seconds);
    cJSON_AddNumberToObject(j, "iops", (double)r->requests / r->seconds);
    cJSON_AddNumberToObject(j, "bytes_per_second", (double)r->bytes / r->seconds);
    cJSON_AddNumberToObject(j, "mean_ms", r->mean_ms);
    cJSON_AddNumberToObject(j, "p50_ms", (double)spread_percentile(&r->service, 50) / 1e6);
    cJSON_AddNumberToObject(j, "p90_ms", (double)spread_percentile(&r->service, 90) / 1e6);
    cJSON_AddNumberToObject(j, "p99_ms", (double)spread_percentile(&r->service, 99) / 1e6);
    cJSON_AddNumberToObject(j, "max_ms", (double)r->service.max / 1e6);
    cJSON_AddNumberToObject(j, "amplification", r->amplification);
    cleanup_free char *text = json_pages(j);
    fputs(text, stdout);
}

static void load_table(const char *model, const struct load_result *r)
{
    printf("%s\n%10s %10s %9s %9s %9s %9s %9s %13s\n", model, "requests/s", "MB/s", "mean, ms",
           "p50", "p90", "p99", "max", "amplification");
    printf("%10.0f %10.1f %9.3f %9.3f %9.3f %9.3f %9.3f %13.2f\n", (double)r->requests / r->seconds,
           (double)r->bytes / r->seconds / 1e6, r->mean_ms,
           (double)spread_percentile(&r->service, 50) / 1e6,
           (double)spread_percentile(&r->service, 90) / 1e6,
           (double)spread_percentile(&r->service, 99) / 1e6, (double)r->service.max / 1e6,
           r->amplification);
}

static int try_model(struct command *c, struct err *err)
{
    const struct disk_own *o      = c->own;
    struct storage_config  config = {.model = c->words[1], .trace = o->requests, .seed = o->seed};
    struct load load = {o->pattern ? o->pattern : "randread", o->size, o->count, o->depth, o->seed};
    struct load_result r;
    struct storage    *s;
    char              *end = NULL;
    config.worn            = o->worn ? strtod(o->worn, &end) : 0;
    if (o->worn && (end == o->worn || *end || !(config.worn >= 0 && config.worn <= 100)))
        return err_set(err, EINVAL, "--worn %s: a number from 0 to 100 is expected", o->worn);
    int rc = storage_create(&s, &config, err);
    if (rc)
        return rc;
    rc = load_run(s, &load, &r, err);
    if (!rc && o->json)
        load_json(c->words[1], &r);
    else if (!rc)
        load_table(c->words[1], &r);
    storage_destroy(s);
    return rc;
}

static int list_models(struct command *c, struct err *err)
{
    const char *name;
    (void)c;
    (void)err;
    for (unsigned i = 0; (name = storage_name(i)); i++)
        puts(name);
    return 0;
}

static const struct {
    const char *name;
    int         words;
    int (*run)(struct command *, struct err *);
} actions[] = {{"models", 1, list_models}, {"validate", 3, validate}, {"try", 2, try_model}};

int verb_disk(struct command *c)
{
    struct err err = {0};
    int        rc =
        err_set(&err, EINVAL, "'%s': say models, validate MODEL TRACE or try MODEL", c->words[0]);
    for (unsigned i = 0; i < ARRAY_SIZE(actions); i++)
        if (!strcmp(actions[i].name, c->words[0]) && actions[i].words == c->n_words)
            rc = actions[i].run(c, &err);
    return rc ? complain(c, EXIT_GUISE, &err) : 0;
}

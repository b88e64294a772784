/* cli/disk.c - disk: models of disk drives, by themselves. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/print.h"
#include "cli/verbs.h"
#include "timing/replay.h"

const struct option_row disk_options[] = {
    {"json", 0, NULL, "as JSON", set_flag, OPT_OWN(struct disk_own, json)},
    {"svg", 0, "FILE", "a picture of both distributions", set_text, OPT_OWN(struct disk_own, svg)},
    {"requests", 0, "FILE", "each request, where its time went, as CSV", set_text,
     OPT_OWN(struct disk_own, requests)},
    {0},
};

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

int verb_disk(struct command *c)
{
    struct err err = {0};
    int        rc;
    if (!strcmp(c->words[0], "validate") && c->n_words == 3)
        rc = validate(c, &err);
    else
        rc = err_set(&err, EINVAL, "'%s': say validate MODEL TRACE", c->words[0]);
    return rc ? complain(c, EXIT_GUISE, &err) : 0;
}

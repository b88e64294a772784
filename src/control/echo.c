/* control/echo.c - see echo.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "control/echo.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define MAGIC "#!echo"

struct echo {
    struct instance inst;
    char            line[512];
    u32             len;
    u64             done;
    u64             rows; /* more numbers to tell */
    u8              stubborn, paused;
};

static const struct field fields[] = {
    FIELD(struct echo, line),
    FIELD(struct echo, len),
    FIELD(struct echo, done),
    FIELD(struct echo, stubborn),
    FIELDS_END,
};

static struct echo *of(struct instance *inst)
{
    return container_of(inst, struct echo, inst);
}

static void say(struct echo *e, const char *text)
{
    console_write(e->inst.console, text, strlen(text));
    console_write(e->inst.console, "\n", 1);
}

static void flood(struct echo *e, u64 bytes)
{
    char line[65];
    for (u64 at = 0; at < bytes; at += 64) {
        snprintf(line, sizeof(line), "%063llu\n", (unsigned long long)at);
        console_write(e->inst.console, line, 64);
    }
}

static void obey(struct echo *e, const char *line)
{
    char text[64];
    e->done++;
    if (strncmp(line, "exit ", 5) == 0) {
        instance_exited(&e->inst, (int)strtol(line + 5, NULL, 10), "told to exit");
    } else if (strncmp(line, "print ", 6) == 0) {
        say(e, line + 6);
    } else if (strncmp(line, "flood ", 6) == 0) {
        flood(e, strtoull(line + 6, NULL, 10));
    } else if (strncmp(line, "rows ", 5) == 0) {
        e->rows = strtoull(line + 5, NULL, 10);
    } else if (strcmp(line, "stubborn") == 0) {
        e->stubborn = 1;
    } else if (strcmp(line, "count") == 0) {
        snprintf(text, sizeof(text), "%llu", (unsigned long long)e->done);
        say(e, text);
    } else if (strcmp(line, "crash") == 0) {
        abort();
    } else {
        say(e, line);
    }
}

static void feed(struct echo *e, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] != '\n' && data[i] != '\r') {
            if (e->len < sizeof(e->line) - 1)
                e->line[e->len++] = data[i];
            continue;
        }
        e->line[e->len] = 0;
        e->len          = 0;
        obey(e, e->line);
    }
}

static size_t input(void *ctx, const u8 *data, size_t len)
{
    struct echo *e = ctx;
    if (e->inst.life != LIFE_RUNNING || e->paused)
        return 0;
    feed(e, (const char *)data, len);
    return len;
}

static void resize(void *ctx, unsigned columns, unsigned rows)
{
    char text[64];
    snprintf(text, sizeof(text), "size %u %u", columns, rows);
    say(ctx, text);
}

static void probe(const struct spec *spec, struct probe *out)
{
    char  head[sizeof(MAGIC)] = "";
    FILE *f                   = fopen(spec->workload, "re");
    bool  mine                = f && fgets(head, sizeof(head), f) && strcmp(head, MAGIC) == 0;
    if (f)
        fclose(f);
    out->score  = mine ? 90 : 0;
    out->engine = "talk";
    snprintf(out->why, sizeof(out->why), "%s", mine ? "text for echo" : "no #!echo line");
    snprintf(out->engine_why, sizeof(out->engine_why), "the only one");
}

static int create(struct instance *inst, struct err *err)
{
    if (access(inst->spec->workload, R_OK) < 0)
        return err_errno(err, errno, "open '%s'", inst->spec->workload);
    console_connect(inst->console, &(struct console_port){input, resize, of(inst)});
    return 0;
}

static int start(struct instance *inst, struct err *err)
{
    char  line[512];
    FILE *f = fopen(inst->spec->workload, "re");
    if (!f)
        return err_errno(err, errno, "open '%s'", inst->spec->workload);
    if (fgets(line, sizeof(line), f))
        while (fgets(line, sizeof(line), f))
            feed(of(inst), line, strlen(line));
    fclose(f);
    console_ready(inst->console);
    return 0;
}

static int pause_(struct instance *inst, struct err *err)
{
    (void)err;
    of(inst)->paused = 1;
    return 0;
}

static int resume(struct instance *inst, struct err *err)
{
    (void)err;
    of(inst)->paused = 0;
    console_ready(inst->console);
    return 0;
}

static int stop(struct instance *inst, struct err *err)
{
    (void)err;
    if (!of(inst)->stubborn)
        instance_exited(inst, 0, "asked to stop");
    return 0;
}

static int save(struct instance *inst, struct snap *snap, struct err *err)
{
    (void)err;
    snap_begin(snap, "echo");
    snap_put_fields(snap, fields, of(inst));
    snap_end(snap);
    return 0;
}

static int load(struct instance *inst, struct snap *snap, struct err *err)
{
    if (!snap_find(snap, "echo"))
        return err_set(err, EINVAL, "not a snapshot of echo");
    snap_get_fields(snap, fields, of(inst));
    of(inst)->len = MIN(of(inst)->len, (u32)sizeof(of(inst)->line) - 1);
    return snap_failed(snap) ? err_set(err, EINVAL, "the snapshot of echo is damaged") : 0;
}

static void stats(struct instance *inst, struct stats *out)
{
    stats_add(out, of(inst)->done, "", "echo.lines");
    for (u64 i = 0; i < of(inst)->rows; i++)
        stats_add(out, i, "bytes", "echo.row%llu", (unsigned long long)i);
}

static const char *const engines[] = {"talk", NULL};

const struct kind echo_kind = {
    .name    = "echo",
    .summary = "says back what it hears (for tests)",
    .engines = engines,
    .size    = sizeof(struct echo),
    .probe   = probe,
    .create  = create,
    .start   = start,
    .pause   = pause_,
    .resume  = resume,
    .stop    = stop,
    .save    = save,
    .load    = load,
    .stats   = stats,
};

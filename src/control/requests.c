/* control/requests.c - the verbs of the control protocol: one row each (docs/protocol.md). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "control/server.h"

struct request {
    struct monitor *m;
    struct client  *client;
    const cJSON    *args;
    cJSON          *answer;
    bool            later; /* it will be answered when the machine has ended */
};

static int do_state(struct request *q, struct err *err)
{
    (void)err;
    json_put(q->answer, "state", record_json(&q->m->home.record));
    return 0;
}

static int do_start(struct request *q, struct err *err)
{
    return monitor_start(q->m, err);
}

static int do_pause(struct request *q, struct err *err)
{
    return monitor_pause(q->m, err);
}

static int do_resume(struct request *q, struct err *err)
{
    return monitor_resume(q->m, err);
}

static int do_engine(struct request *q, struct err *err)
{
    const char *name = json_str(q->args, "engine");
    if (!name)
        return err_set(err, EINVAL, "engine: \"engine\" must be its name");
    return monitor_engine(q->m, name, err);
}

static int do_stop(struct request *q, struct err *err)
{
    return monitor_stop(q->m, err);
}

static int do_kill(struct request *q, struct err *err)
{
    return monitor_kill(q->m, (int)json_u64(q->args, "signal", 15) & 0xffff, err);
}

static int do_save(struct request *q, struct err *err)
{
    const char *path = json_str(q->args, "path");
    if (!path || path[0] != '/')
        return err_set(err, EINVAL, "save: \"path\" must be an absolute path");
    return monitor_save(q->m, path, err);
}

static int do_stats(struct request *q, struct err *err)
{
    if (!q->m->inst)
        return err_set(err, EBUSY, "it has stopped");
    json_put(q->answer, "stats", monitor_stats(q->m));
    return 0;
}

static int do_wait(struct request *q, struct err *err)
{
    (void)err;
    if (q->m->home.record.life != LIFE_STOPPED) {
        client_wait(q->client);
        q->later = true;
        return 0;
    }
    json_put_u64(q->answer, "status", (u64)q->m->home.record.exit_status);
    json_put_str(q->answer, "why", q->m->home.record.exit_why);
    return 0;
}

static int do_attach(struct request *q, struct err *err)
{
    if (!q->m->inst)
        return err_set(err, EBUSY, "it has stopped");
    json_put_bool(q->answer, "tty", q->m->spec->tty);
    client_attach(q->client, json_bool(q->args, "replay", false));
    return 0;
}

static int do_resize(struct request *q, struct err *err)
{
    u64 columns = json_u64(q->args, "columns", 0), rows = json_u64(q->args, "rows", 0);
    if (columns < 1 || columns > 65535 || rows < 1 || rows > 65535)
        return err_set(err, EINVAL, "resize: \"columns\" and \"rows\" must be 1 to 65535");
    console_resize(q->m->console, (unsigned)columns, (unsigned)rows);
    return 0;
}

static const struct {
    const char *verb;
    int (*fn)(struct request *, struct err *);
} rows[] = {
    {"state", do_state}, {"start", do_start},   {"pause", do_pause},   {"resume", do_resume},
    {"stop", do_stop},   {"kill", do_kill},     {"save", do_save},     {"stats", do_stats},
    {"wait", do_wait},   {"attach", do_attach}, {"resize", do_resize}, {"engine", do_engine},
};

static int dispatch(struct request *q, struct err *err)
{
    const char *verb = json_str(q->args, "verb");
    if (!verb)
        return err_set(err, EBADMSG, "there is no \"verb\"");
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        if (strcmp(rows[i].verb, verb) == 0)
            return rows[i].fn(q, err);
    return err_set(err, ENOSYS, "there is no verb '%.40s'", verb);
}

char *request_answer(struct monitor *m, struct client *client, const char *line, size_t len,
                     bool *bad)
{
    struct err          err    = {0};
    cleanup_json cJSON *args   = NULL;
    cleanup_json cJSON *answer = cJSON_CreateObject();
    struct request      q      = {.m = m, .client = client, .answer = answer};
    int                 rc     = json_parse(&args, line, len, &err);
    *bad                       = rc != 0;
    q.args                     = args;
    if (!rc)
        rc = dispatch(&q, &err);
    if (q.later)
        return NULL;
    json_put_bool(answer, "ok", rc == 0);
    if (rc) {
        const char *code = strerrorname_np(-rc);
        json_put_str(answer, "error.code", code ? code : "EIO");
        json_put_str(answer, "error.text", err.text);
    }
    cleanup_free char *text = json_line(answer);
    return xasprintf("%s\n", text);
}

/* control/record.c - see record.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "control/record.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define FILE_BYTES 2048 /* padded to it, so that it can be replaced in place on a full disk */

enum type { TEXT, NUMBER, LONG, PID };

/* Where each member stands in the file; the others are by hand below. */
static const struct {
    const char *key;
    enum type   type;
    size_t      off, size;
} rows[] = {
#define ROW(key, type, m)                                                                          \
    {                                                                                              \
        key, type, offsetof(struct record, m), sizeof(((struct record *)0)->m)                     \
    }
    ROW("id", TEXT, id),
    ROW("name", TEXT, name),
    ROW("kind", TEXT, kind),
    ROW("engine", TEXT, engine),
    ROW("workload", TEXT, workload),
    ROW("pid", PID, pid),
    ROW("pidStart", LONG, pid_start),
    ROW("createdNs", LONG, created_ns),
    ROW("startedNs", LONG, started_ns),
    ROW("finishedNs", LONG, finished_ns),
    ROW("exitStatus", NUMBER, exit_status),
    ROW("exitWhy", TEXT, exit_why),
#undef ROW
};

cJSON *record_json(const struct record *r)
{
    cJSON *j = cJSON_CreateObject();
    json_put_str(j, "life", life_name(r->life));
    json_put_bool(j, "autoRemove", r->auto_remove);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        const void *at = (const char *)r + rows[i].off;
        if (rows[i].type == TEXT)
            json_put_str(j, rows[i].key, at);
        else if (rows[i].type == LONG)
            json_put_u64(j, rows[i].key, *(const u64 *)at);
        else if (rows[i].type == PID)
            json_put_u64(j, rows[i].key, (u64) * (const pid_t *)at);
        else
            json_put_u64(j, rows[i].key, (u64) * (const int *)at);
    }
    return j;
}

static void read_rows(struct record *r, const cJSON *j)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        void       *at   = (char *)r + rows[i].off;
        const char *text = json_str(j, rows[i].key);
        u64         n    = json_u64(j, rows[i].key, 0);
        if (rows[i].type == TEXT)
            snprintf(at, rows[i].size, "%s", text ? text : "");
        else if (rows[i].type == LONG)
            *(u64 *)at = n;
        else if (rows[i].type == PID)
            *(pid_t *)at = (pid_t)MIN(n, (u64)INT32_MAX);
        else
            *(int *)at = (int)MIN(n, (u64)INT32_MAX);
    }
}

int record_load(struct record *out, const char *dir, struct err *err)
{
    cleanup_free char  *path = xasprintf("%s/state.json", dir);
    cleanup_json cJSON *j    = NULL;
    int                 rc   = json_load(&j, path, err);
    if (rc)
        return rc;
    struct record r = {.auto_remove = json_bool(j, "autoRemove", false)};
    if (!life_by_name(json_str(j, "life"), &r.life))
        return err_set(err, EINVAL, "'%s' has no life", path);
    read_rows(&r, j);
    *out = r;
    return 0;
}

/* The last resort on a full disk: the blocks are there already. */
static int overwrite(const char *path, const char *text)
{
    cleanup_fd int fd  = open(path, O_WRONLY | O_CLOEXEC);
    size_t         len = strlen(text);
    return fd >= 0 && pwrite(fd, text, len, 0) == (ssize_t)len ? 0 : -EIO;
}

int record_save(const struct record *r, const char *dir, struct err *err)
{
    cleanup_free char  *path   = xasprintf("%s/state.json", dir);
    cleanup_json cJSON *j      = record_json(r);
    cleanup_free char  *text   = json_pages(j);
    cleanup_free char  *padded = xasprintf("%-*s\n", FILE_BYTES - 1, text);
    int                 rc     = file_replace(path, padded, err);
    return rc && overwrite(path, padded) == 0 ? 0 : rc;
}

u64 process_start(pid_t pid)
{
    char path[64], text[1024], state;
    u64  start;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t        n  = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return 0;
    text[n]           = 0;
    const char *after = strrchr(text, ')'); /* the name may hold anything, also ")" */
    /* proc(5): state is field 3, starttime field 22 */
    if (!after || sscanf(after + 1,
                         " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                         "%*d %" SCNu64,
                         &state, &start) != 2)
        return 0;
    return state == 'Z' || state == 'X' ? 0 : start;
}

bool record_alive(const struct record *r)
{
    return r->pid > 0 && r->pid_start != 0 && process_start(r->pid) == r->pid_start;
}

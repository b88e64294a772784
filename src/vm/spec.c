/* vm/spec.c - see spec.h. One table tells where each member stands in config.json; reading,
 * writing and freeing all follow it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/spec.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"

enum type { TEXT, TEXTS, NUMBER_64, NUMBER, NUMBER_16, FLAG, LIST };

struct row {
    const char       *path; /* NULL ends a table */
    enum type         type;
    size_t            off;
    const struct row *items; /* LIST: the table of its items, their size, where their count is */
    size_t            item_size, count_off;
};

#define LIST_MAX 64
#define CPUS_MAX 1024

#define ROW(T, path, type, m)                                                                      \
    {                                                                                              \
        path, type, offsetof(T, m), NULL, 0, 0                                                     \
    }
#define ROWS(path, m, table)                                                                       \
    {                                                                                              \
        path, LIST, offsetof(struct spec, m), table, sizeof(*((struct spec *)0)->m),               \
            offsetof(struct spec, n_##m)                                                           \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, TEXT, 0, NULL, 0, 0                                                                  \
    }

static const struct row disk_rows[] = {
    ROW(struct spec_disk, "path", TEXT, path),
    ROW(struct spec_disk, "format", TEXT, format),
    ROW(struct spec_disk, "readOnly", FLAG, read_only),
    ROW(struct spec_disk, "options", TEXT, options),
    END,
};
static const struct row share_rows[] = {
    ROW(struct spec_share, "source", TEXT, host),
    ROW(struct spec_share, "destination", TEXT, guest),
    ROW(struct spec_share, "readOnly", FLAG, read_only),
    END,
};
static const struct row port_rows[] = {
    ROW(struct spec_port, "hostIp", TEXT, host_ip),
    ROW(struct spec_port, "host", NUMBER_16, host),
    ROW(struct spec_port, "guest", NUMBER_16, guest),
    ROW(struct spec_port, "udp", FLAG, udp),
    END,
};
static const struct row net_rows[] = {
    ROW(struct spec_net, "mode", TEXT, mode),
    ROW(struct spec_net, "options", TEXT, options),
    END,
};

/* OCI's names where OCI has one, guise.* for the rest. */
static const struct row spec_rows[] = {
    ROW(struct spec, "guise.id", TEXT, id),
    ROW(struct spec, "guise.name", TEXT, name),
    ROW(struct spec, "guise.kind", TEXT, kind),
    ROW(struct spec, "guise.engine", TEXT, engine),
    ROW(struct spec, "guise.workload", TEXT, workload),
    ROW(struct spec, "guise.args", TEXTS, args),
    ROW(struct spec, "process.env", TEXTS, env),
    ROW(struct spec, "process.terminal", FLAG, tty),
    ROW(struct spec, "process.cwd", TEXT, cwd),
    ROW(struct spec, "guise.root", TEXT, root),
    ROW(struct spec, "guise.strace", FLAG, strace),
    ROW(struct spec, "guise.interactive", FLAG, interactive),
    ROW(struct spec, "guise.autoRemove", FLAG, auto_remove),
    ROW(struct spec, "guise.cpus", NUMBER, cpus),
    ROW(struct spec, "guise.jit", TEXT, jit),
    ROW(struct spec, "guise.vlen", NUMBER, vlen),
    ROW(struct spec, "linux.resources.memory.limit", NUMBER_64, memory_bytes),
    ROW(struct spec, "guise.memoryGiven", FLAG, memory_given),
    ROW(struct spec, "guise.cwdGiven", FLAG, cwd_given),
    ROW(struct spec, "guise.layers", TEXTS, layers),
    ROW(struct spec, "guise.entrypoint", TEXT, entrypoint),
    ROW(struct spec, "guise.user", TEXT, user),
    ROW(struct spec, "hostname", TEXT, hostname),
    ROW(struct spec, "guise.tmpfs", TEXTS, tmpfs),
    ROW(struct spec, "guise.javaOpts", TEXTS, java_opts),
    ROW(struct spec, "guise.capAdd", TEXTS, cap_add),
    ROW(struct spec, "guise.capDrop", TEXTS, cap_drop),
    ROW(struct spec, "linux.resources.pids.limit", NUMBER, pids_limit),
    ROW(struct spec, "guise.cpuMilli", NUMBER, cpu_milli),
    ROW(struct spec, "guise.readOnly", FLAG, read_only),
    ROW(struct spec, "guise.privileged", FLAG, privileged),
    ROW(struct spec, "process.noNewPrivileges", FLAG, no_new_privileges),
    ROW(struct spec, "vm.kernel.path", TEXT, kernel),
    ROW(struct spec, "vm.kernel.initrd", TEXT, initrd),
    ROW(struct spec, "guise.append", TEXT, append),
    ROW(struct spec, "guise.firmware", TEXT, firmware),
    ROW(struct spec, "guise.machine", TEXT, machine),
    ROW(struct spec, "guise.bare", TEXT, bare),
    ROW(struct spec, "guise.cpu", TEXT, cpu),
    ROW(struct spec, "guise.console", TEXT, console),
    ROWS("guise.disks", disks, disk_rows),
    ROWS("guise.shares", shares, share_rows),
    ROWS("guise.ports", ports, port_rows),
    ROWS("guise.networks", nets, net_rows),
    ROW(struct spec, "guise.gdb", TEXT, gdb),
    ROW(struct spec, "guise.gdbWait", FLAG, gdb_wait),
    ROW(struct spec, "guise.trace", TEXT, trace),
    ROW(struct spec, "guise.traceFile", TEXT, trace_file),
    ROW(struct spec, "guise.stats", FLAG, stats),
    END,
};

/* ---- lists of strings ---- */

unsigned strings_count(char *const *list)
{
    unsigned n = 0;
    while (list && list[n])
        n++;
    return n;
}

void strings_add(char ***list, const char *s)
{
    unsigned n     = strings_count(*list);
    *list          = xrealloc(*list, (n + 2) * sizeof(char *));
    (*list)[n]     = xstrdup(s);
    (*list)[n + 1] = NULL;
}

void strings_free(char **list)
{
    for (unsigned i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

/* ---- making and freeing ---- */

struct spec *spec_create(void)
{
    struct spec *s  = xnew(struct spec);
    s->args         = xalloc(sizeof(char *));
    s->env          = xalloc(sizeof(char *));
    s->cpus         = 1;
    s->vlen         = 128;
    s->memory_bytes = MiB(512);
    return s;
}

static void free_rows(const struct row *rows, void *obj)
{
    for (const struct row *r = rows; r->path; r++) {
        void *at = (char *)obj + r->off;
        if (r->type == TEXT) {
            free(*(char **)at);
        } else if (r->type == TEXTS) {
            strings_free(*(char ***)at);
        } else if (r->type == LIST) {
            unsigned n = *(unsigned *)((char *)obj + r->count_off);
            for (unsigned i = 0; i < n; i++)
                free_rows(r->items, *(char **)at + i * r->item_size);
            free(*(void **)at);
        }
    }
}

void spec_destroy(struct spec *s)
{
    if (s)
        free_rows(spec_rows, s);
    free(s);
}

/* ---- writing ---- */

static void write_rows(const struct row *rows, const void *obj, cJSON *j);

static cJSON *write_texts(char *const *list)
{
    cJSON *array = cJSON_CreateArray();
    for (unsigned i = 0; list && list[i]; i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(list[i]));
    return array;
}

static cJSON *write_list(const struct row *r, const void *obj)
{
    cJSON   *array = cJSON_CreateArray();
    unsigned n     = *(const unsigned *)((const char *)obj + r->count_off);
    for (unsigned i = 0; i < n; i++) {
        cJSON *item = cJSON_CreateObject();
        write_rows(r->items, *(char *const *)((const char *)obj + r->off) + i * r->item_size, item);
        cJSON_AddItemToArray(array, item);
    }
    return array;
}

static void write_rows(const struct row *rows, const void *obj, cJSON *j)
{
    for (const struct row *r = rows; r->path; r++) {
        const void *at = (const char *)obj + r->off;
        if (r->type == TEXT)
            json_put_str(j, r->path, *(char *const *)at);
        else if (r->type == TEXTS)
            json_put(j, r->path, write_texts(*(char **const *)at));
        else if (r->type == NUMBER_64)
            json_put_u64(j, r->path, *(const u64 *)at);
        else if (r->type == NUMBER)
            json_put_u64(j, r->path, *(const unsigned *)at);
        else if (r->type == NUMBER_16)
            json_put_u64(j, r->path, *(const u16 *)at);
        else if (r->type == FLAG)
            json_put_bool(j, r->path, *(const bool *)at);
        else
            json_put(j, r->path, write_list(r, obj));
    }
}

char *spec_text(const struct spec *s)
{
    cleanup_json cJSON *j = cJSON_CreateObject();
    json_put_str(j, "ociVersion", "1.0.2");
    write_rows(spec_rows, s, j);
    return json_pages(j);
}

int spec_save(const struct spec *s, const char *path, struct err *err)
{
    cleanup_free char *text = spec_text(s);
    return file_replace(path, text, err);
}

/* ---- reading ---- */

static int read_rows(const struct row *rows, const cJSON *j, void *obj, struct err *err);

static int wrong(const struct row *r, struct err *err)
{
    return err_set(err, EINVAL, "'%s' has the wrong type or is out of range", r->path);
}

static int read_texts(const struct row *r, const cJSON *v, char ***list, struct err *err)
{
    const cJSON *item;
    if (!cJSON_IsArray(v))
        return wrong(r, err);
    cJSON_ArrayForEach(item, v)
    {
        if (!cJSON_IsString(item))
            return wrong(r, err);
        strings_add(list, item->valuestring);
    }
    return 0;
}

static int read_list(const struct row *r, const cJSON *v, void *obj, struct err *err)
{
    const cJSON *item;
    unsigned    *count = (unsigned *)((char *)obj + r->count_off);
    char       **items = (char **)((char *)obj + r->off);
    int          n     = cJSON_IsArray(v) ? cJSON_GetArraySize(v) : -1;
    if (n < 0 || n > LIST_MAX)
        return wrong(r, err);
    *items = xalloc((size_t)n * r->item_size + 1);
    cJSON_ArrayForEach(item, v)
    {
        int rc = read_rows(r->items, item, *items + (*count)++ * r->item_size, err);
        if (rc)
            return err_wrap(err, "%s", r->path);
    }
    return 0;
}

static int read_number(const struct row *r, const cJSON *v, void *at, struct err *err)
{
    u64 max = r->type == NUMBER_64 ? 1ull << 53 : r->type == NUMBER ? UINT32_MAX : UINT16_MAX;
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0) || v->valuedouble > (double)max)
        return wrong(r, err);
    u64 n = (u64)v->valuedouble;
    if (r->type == NUMBER_64)
        *(u64 *)at = n;
    else if (r->type == NUMBER)
        *(unsigned *)at = (unsigned)n;
    else
        *(u16 *)at = (u16)n;
    return 0;
}

static int read_row(const struct row *r, const cJSON *v, void *obj, struct err *err)
{
    void *at = (char *)obj + r->off;
    if (r->type == TEXT) {
        if (!cJSON_IsString(v) || *(char **)at)
            return wrong(r, err);
        *(char **)at = xstrdup(v->valuestring);
        return 0;
    }
    if (r->type == FLAG) {
        if (!cJSON_IsBool(v))
            return wrong(r, err);
        *(bool *)at = cJSON_IsTrue(v);
        return 0;
    }
    if (r->type == TEXTS)
        return read_texts(r, v, at, err);
    return r->type == LIST ? read_list(r, v, obj, err) : read_number(r, v, at, err);
}

/* What is missing keeps its default; what nobody knows is skipped. */
static int read_rows(const struct row *rows, const cJSON *j, void *obj, struct err *err)
{
    if (!cJSON_IsObject(j))
        return err_set(err, EINVAL, "not an object");
    for (const struct row *r = rows; r->path; r++) {
        const cJSON *v  = json_at(j, r->path);
        int          rc = v ? read_row(r, v, obj, err) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

bool spec_name_ok(const char *name)
{
    size_t len = strlen(name);
    if (len < 2 || len > 63 || !isalnum((unsigned char)name[0]))
        return false;
    for (size_t i = 1; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i]))
            return false;
    return true;
}

int spec_check(const struct spec *s, struct err *err)
{
    if (!s->workload || !s->workload[0])
        return err_set(err, EINVAL, "there is no workload");
    if (s->name && !spec_name_ok(s->name))
        return err_set(err, EINVAL, "name '%s' is not of the form [a-zA-Z0-9][a-zA-Z0-9_.-]+",
                       s->name);
    if (s->id && !spec_name_ok(s->id))
        return err_set(err, EINVAL, "id '%s' is not one", s->id);
    if (s->cpus < 1 || s->cpus > CPUS_MAX)
        return err_set(err, EINVAL, "%u CPUs: must be 1 to %u", s->cpus, CPUS_MAX);
    if (s->cpu_milli % 1000 && s->kind && strcmp(s->kind, "container") != 0)
        return err_set(err, EINVAL, "a part of a CPU is for containers; this is a %s", s->kind);
    if (s->vlen != 0 && s->vlen != 128 && s->vlen != 256)
        return err_set(err, EINVAL, "vectors of %u bits: must be 128, 256, or 0 for none", s->vlen);
    if (s->memory_bytes == 0)
        return err_set(err, EINVAL, "no memory");
    if (s->console && strcmp(s->console, "uart") && strcmp(s->console, "virtio"))
        return err_set(err, EINVAL, "console '%s' is neither uart nor virtio", s->console);
    for (unsigned i = 0; i < s->n_disks; i++)
        if (!s->disks[i].path)
            return err_set(err, EINVAL, "disk %u has no path", i);
    for (unsigned i = 0; i < s->n_shares; i++)
        if (!s->shares[i].host || !s->shares[i].guest)
            return err_set(err, EINVAL, "share %u has no path", i);
    for (unsigned i = 0; i < s->n_nets; i++)
        if (!s->nets[i].mode)
            return err_set(err, EINVAL, "network %u has no mode", i);
    return 0;
}

static int from_json(struct spec **out, const cJSON *j, struct err *err)
{
    struct spec *s  = spec_create();
    int          rc = read_rows(spec_rows, j, s, err);
    if (!rc)
        rc = spec_check(s, err);
    if (rc)
        spec_destroy(s);
    else
        *out = s;
    return rc;
}

int spec_parse(struct spec **out, const char *text, size_t len, struct err *err)
{
    cleanup_json cJSON *j  = NULL;
    int                 rc = json_parse(&j, text, len, err);
    return rc ? rc : from_json(out, j, err);
}

int spec_load(struct spec **out, const char *path, struct err *err)
{
    cleanup_json cJSON *j  = NULL;
    int                 rc = json_load(&j, path, err);
    if (rc)
        return rc;
    return from_json(out, j, err) ? err_wrap(err, "read '%s'", path) : 0;
}

/* cli/ps.c - the list of instances. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/print.h"
#include "cli/template.h"
#include "cli/verbs.h"

const struct option_row ps_options[] = {
    {"all", 'a', NULL, "those too that have not started or have stopped", set_flag,
     OPT_OWN(struct ps_own, all)},
    {"quiet", 'q', NULL, "ids only", set_flag, OPT_OWN(struct ps_own, quiet)},
    {"names", 0, NULL, "names only", set_flag, OPT_OWN(struct ps_own, names)},
    {"filter", 'f', "KEY=VALUE", "only those that match", set_texts,
     OPT_OWN(struct ps_own, filters)},
    {"format", 0, "TEMPLATE", "by a template as '{{.ID}}\\t{{.Name}}', table TEMPLATE, or json",
     set_text, OPT_OWN(struct ps_own, format)},
    {"json", 0, NULL, "as JSON", set_flag, OPT_OWN(struct ps_own, json)},
    {0},
};

static bool part_of(const char *have, const char *want)
{
    return strstr(have, want) != NULL;
}

static bool same(const char *have, const char *want)
{
    return strcmp(have, want) == 0 || (strcmp(want, "exited") == 0 && strcmp(have, "stopped") == 0);
}

static const char *life_of(const struct record *r)
{
    return life_name(r->life);
}
static const char *name_of(const struct record *r)
{
    return r->name;
}
static const char *id_of(const struct record *r)
{
    return r->id;
}
static const char *kind_of(const struct record *r)
{
    return r->kind;
}

static const struct {
    const char *key;
    const char *(*of)(const struct record *);
    bool (*match)(const char *have, const char *want);
} filters[] = {
    {"status", life_of, same},
    {"name", name_of, part_of},
    {"id", id_of, part_of},
    {"kind", kind_of, same},
};

static int find_filter(const char *text, unsigned *which, const char **value, struct err *err)
{
    const char *equals = strchr(text, '=');
    for (unsigned i = 0; equals && i < ARRAY_SIZE(filters); i++) {
        size_t len = strlen(filters[i].key);
        if ((size_t)(equals - text) == len && strncmp(filters[i].key, text, len) == 0) {
            *which = i;
            *value = equals + 1;
            return 0;
        }
    }
    return err_set(err, EINVAL, "'%s' is no filter; there is status=, name=, id=, kind=", text);
}

/* Filters of one key are alternatives, as with docker; keys must all match. */
static bool is_wanted(const struct ps_own *o, const struct record *r)
{
    unsigned asked = 0, met = 0, which;
    for (unsigned i = 0; o->filters && o->filters[i]; i++) {
        const char *value = "";
        if (find_filter(o->filters[i], &which, &value, NULL))
            continue;
        asked |= 1u << which;
        if (filters[which].match(filters[which].of(r), value))
            met |= 1u << which;
    }
    bool by_status = asked & 1;
    bool live      = r->life == LIFE_RUNNING || r->life == LIFE_PAUSED;
    return asked == met && (o->all || by_status || live);
}

static void status_text(const struct record *r, char *out, size_t room)
{
    char ago[48];
    if (r->life == LIFE_STOPPED)
        snprintf(out, room, "stopped (%d) %s", r->exit_status,
                 text_ago(r->finished_ns, ago, sizeof(ago)));
    else if (r->life == LIFE_RUNNING || r->life == LIFE_PAUSED)
        snprintf(out, room, "%s, started %s", life_name(r->life),
                 text_ago(r->started_ns ? r->started_ns : r->created_ns, ago, sizeof(ago)));
    else
        snprintf(out, room, "%s", life_name(r->life));
}

static void add_row(struct table *t, const struct record *r)
{
    char        status[96], ago[48];
    const char *slash = strrchr(r->workload, '/');
    status_text(r, status, sizeof(status));
    table_row(t, r->id, r->name, r->kind, r->engine, status,
              text_ago(r->created_ns, ago, sizeof(ago)), slash ? slash + 1 : r->workload);
}

/* What a template may name: docker's keys, and ours. */
static cJSON *keys_of(const struct record *r)
{
    cJSON *j = cJSON_CreateObject();
    char   status[96], ago[48];
    status_text(r, status, sizeof(status));
    json_put_str(j, "ID", r->id);
    json_put_str(j, "Name", r->name);
    json_put_str(j, "Names", r->name);
    json_put_str(j, "Kind", r->kind);
    json_put_str(j, "Engine", r->engine);
    json_put_str(j, "State", life_name(r->life));
    json_put_str(j, "Status", status);
    json_put_str(j, "RunningFor", text_ago(r->created_ns, ago, sizeof(ago)));
    json_put_str(j, "Workload", r->workload);
    json_put_str(j, "Image", r->workload);
    json_put_u64(j, "ExitStatus", (u64)r->exit_status);
    json_put_u64(j, "Pid", (u64)r->pid);
    return j;
}

#define TABLE "table "

/* One line; --quiet and --names are templates too. */
static int print_line(struct table *t, const char *format, const struct record *r, struct err *err)
{
    cleanup_json cJSON *keys  = keys_of(r);
    cleanup_free char  *line  = NULL;
    bool                table = strncmp(format, TABLE, sizeof(TABLE) - 1) == 0;
    int rc = template_expand(&line, format + (table ? sizeof(TABLE) - 1 : 0), keys, err);
    if (!rc && table)
        table_line(t, line);
    else if (!rc)
        puts(line);
    return rc;
}

static int table_begin(struct table *t, const char *format, struct err *err)
{
    cleanup_free char *head = NULL;
    if (!format) {
        table_init(t, "ID", "NAME", "KIND", "ENGINE", "STATUS", "CREATED", "WORKLOAD", NULL);
        return 0;
    }
    int rc = template_head(&head, format + sizeof(TABLE) - 1, err);
    if (!rc)
        table_line(t, head);
    return rc;
}

static const char *format_of(const struct ps_own *o)
{
    if (o->quiet || o->names)
        return o->names ? "{{.Name}}" : "{{.ID}}";
    return o->format && strcmp(o->format, "json") == 0 ? "{{json .}}" : o->format;
}

static int print_all(const struct homes *all, const struct ps_own *o, struct err *err)
{
    struct table        t      = {0};
    cleanup_json cJSON *list   = cJSON_CreateArray();
    const char         *format = format_of(o);
    bool table = !o->json && (!format || strncmp(format, TABLE, sizeof(TABLE) - 1) == 0);
    int  rc    = table ? table_begin(&t, format, err) : 0;
    for (unsigned i = 0; i < all->count && !rc; i++) {
        const struct record *r = &all->list[i].record;
        if (!is_wanted(o, r))
            continue;
        if (o->json)
            cJSON_AddItemToArray(list, record_json(r));
        else if (format)
            rc = print_line(&t, format, r, err);
        else
            add_row(&t, r);
    }
    if (o->json) {
        cleanup_free char *text = json_pages(list);
        fputs(text, stdout);
    } else if (table && !rc) {
        table_print(&t);
    }
    table_done(&t);
    return rc;
}

int verb_ps(struct command *c)
{
    const struct ps_own *o    = c->own;
    struct err           err  = {0};
    cleanup_free char   *root = NULL;
    struct homes         all  = {0};
    unsigned             which;
    const char          *value;
    for (unsigned i = 0; o->filters && o->filters[i]; i++)
        if (find_filter(o->filters[i], &which, &value, &err))
            return complain(c, EXIT_GUISE, &err);
    int rc = home_root(&root, &err);
    if (!rc)
        rc = home_list(&all, root, &err);
    if (rc)
        return complain(c, EXIT_FAILED, &err);
    rc = print_all(&all, o, &err);
    homes_done(&all);
    return rc ? complain(c, EXIT_GUISE, &err) : 0;
}

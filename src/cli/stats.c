/* cli/stats.c - what instances use, once or once a second. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/print.h"
#include "cli/verbs.h"
#include "control/client.h"
#include "vm/clock.h"

const struct option_row stats_options[] = {
    {"no-stream", 0, NULL, "once", set_flag, OPT_OWN(struct stats_own, no_stream)},
    {"all-rows", 0, NULL, "every number, one a line", set_flag,
     OPT_OWN(struct stats_own, all_rows)},
    {"json", 0, NULL, "as JSON, one object a line", set_flag, OPT_OWN(struct stats_own, json)},
    {0},
};

struct sample {
    char   name[64], id[64];
    u64    at_ns, cpu_ns;
    cJSON *rows;
};

struct samples {
    struct sample *list;
    unsigned       count;
};

static void samples_done(struct samples *s)
{
    for (unsigned i = 0; i < s->count; i++)
        cJSON_Delete(s->list[i].rows);
    free(s->list);
    *s = (struct samples){0};
}

static u64 row_of(const cJSON *rows, const char *name)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows)
    {
        const char *have = json_str(row, "name");
        if (have && strcmp(have, name) == 0)
            return json_u64(row, "value", 0);
    }
    return 0;
}

static int take(struct samples *s, const struct home *h, struct err *err)
{
    cleanup_json cJSON *answer = NULL;
    int                 rc     = client_ask(h->dir, "stats", NULL, 5000, &answer, err);
    if (rc)
        return rc;
    struct sample now = {.at_ns = clock_host_wall()};
    snprintf(now.name, sizeof(now.name), "%s", h->record.name);
    snprintf(now.id, sizeof(now.id), "%s", h->record.id);
    now.rows            = cJSON_DetachItemFromObject(answer, "stats");
    now.cpu_ns          = row_of(now.rows, "monitor.cpu");
    s->list             = xrealloc(s->list, (s->count + 1) * sizeof(now));
    s->list[s->count++] = now;
    return 0;
}

/* Those that are named, or all that run. 0 or an exit status. */
static int take_all(struct command *c, struct samples *out)
{
    struct err         err    = {0};
    struct homes       all    = {0};
    int                status = 0;
    cleanup_free char *root   = NULL;
    for (int i = 0; i < c->n_words && !status; i++) {
        struct home h;
        status = find_home(c, c->words[i], &h);
        if (status)
            break;
        if (take(out, &h, &err)) {
            err_set(&err, EBUSY, "%s is %s", h.record.name, life_name(h.record.life));
            status = complain(c, EXIT_FAILED, &err);
        }
        home_done(&h);
    }
    if (c->n_words > 0)
        return status;
    if (home_root(&root, &err) || home_list(&all, root, &err))
        return complain(c, EXIT_FAILED, &err);
    for (unsigned i = 0; i < all.count; i++)
        if (all.list[i].record.life == LIFE_RUNNING || all.list[i].record.life == LIFE_PAUSED)
            take(out, &all.list[i], NULL); /* it may end just now */
    homes_done(&all);
    return 0;
}

static const struct sample *before(const struct samples *past, const struct sample *s)
{
    for (unsigned i = 0; i < past->count; i++)
        if (strcmp(past->list[i].id, s->id) == 0)
            return &past->list[i];
    return NULL;
}

static double percent(const struct samples *past, const struct sample *s)
{
    const struct sample *b = before(past, s);
    if (!b || s->at_ns <= b->at_ns || s->cpu_ns < b->cpu_ns)
        return 0;
    return 100.0 * (double)(s->cpu_ns - b->cpu_ns) / (double)(s->at_ns - b->at_ns);
}

static void print_json(const struct samples *past, const struct samples *now)
{
    for (unsigned i = 0; i < now->count; i++) {
        const struct sample *s = &now->list[i];
        cleanup_json cJSON  *j = cJSON_CreateObject();
        json_put_str(j, "id", s->id);
        json_put_str(j, "name", s->name);
        json_put(j, "cpuPercent", cJSON_CreateNumber(percent(past, s)));
        json_put(j, "stats", cJSON_Duplicate(s->rows, true));
        cleanup_free char *text = json_line(j);
        puts(text);
    }
}

static void print_rows(const struct samples *now)
{
    for (unsigned i = 0; i < now->count; i++) {
        const cJSON *row;
        printf("%s%s\n", i ? "\n" : "", now->list[i].name);
        cJSON_ArrayForEach(row, now->list[i].rows)
        {
            const char *name = json_str(row, "name"), *unit = json_str(row, "unit");
            printf("  %-32s %20llu %s\n", name ? name : "",
                   (unsigned long long)json_u64(row, "value", 0), unit ? unit : "");
        }
    }
}

static void print_table(const struct samples *past, const struct samples *now)
{
    struct table t;
    table_init(&t, "ID", "NAME", "CPU %", "MEMORY", "MACHINE MEMORY", "MACHINE TIME", NULL);
    for (unsigned i = 0; i < now->count; i++) {
        const struct sample *s = &now->list[i];
        char                 cpu[32], used[32], size[32], time[32];
        snprintf(cpu, sizeof(cpu), "%.1f", percent(past, s));
        table_row(&t, s->id, s->name, cpu,
                  text_bytes(row_of(s->rows, "monitor.memory"), used, sizeof(used)),
                  text_bytes(row_of(s->rows, "machine.memory"), size, sizeof(size)),
                  text_duration(row_of(s->rows, "machine.time"), time, sizeof(time)));
    }
    table_print(&t);
    table_done(&t);
}

static void print_all(const struct stats_own *o, const struct samples *past,
                      const struct samples *now)
{
    if (!o->no_stream && !o->json && isatty(STDOUT_FILENO))
        fputs("\033[H\033[J", stdout); /* from the top of the screen */
    if (o->json)
        print_json(past, now);
    else if (o->all_rows)
        print_rows(now);
    else
        print_table(past, now);
}

int verb_stats(struct command *c)
{
    const struct stats_own *o    = c->own;
    struct samples          past = {0}, now = {0};
    int                     status = take_all(c, &past);
    bool                    more   = !status;
    while (more) {
        usleep(o->no_stream ? 200000 : 1000000); /* a share of the CPU needs two looks */
        status = take_all(c, &now);
        more   = !status && !o->no_stream;
        if (!status)
            print_all(o, &past, &now);
        if (fflush(stdout) == EOF)
            break;
        samples_done(&past);
        past = now;
        now  = (struct samples){0};
    }
    samples_done(&past);
    samples_done(&now);
    return status;
}

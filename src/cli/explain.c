/* cli/explain.c - see explain.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/print.h"
#include "control/choose.h"

static void as_json(const struct choice *all, unsigned n, const struct choice *chosen,
                    const char *engine, const struct err *err)
{
    cleanup_json cJSON *j    = cJSON_CreateObject();
    cJSON              *list = cJSON_AddArrayToObject(j, "candidates");
    for (unsigned i = 0; i < n; i++) {
        cJSON *row = cJSON_CreateObject();
        json_put_str(row, "kind", all[i].kind->name);
        json_put_u64(row, "score", (u64)MAX(all[i].probe.score, 0));
        json_put_str(row, "why", all[i].probe.why);
        json_put_str(row, "engine", all[i].probe.engine);
        json_put_str(row, "engineWhy", all[i].probe.engine_why);
        cJSON_AddItemToArray(list, row);
    }
    if (chosen) {
        json_put_str(j, "kind", chosen->kind->name);
        json_put_str(j, "engine", engine);
    } else {
        json_put_str(j, "error", err->text);
    }
    cleanup_free char *text = json_pages(j);
    fputs(text, stdout);
}

static void as_table(const struct choice *all, unsigned n, const struct choice *chosen,
                     const char *engine)
{
    struct table t;
    table_init(&t, "", "KIND", "SCORE", "WHY", "ENGINE", "ENGINE WHY", NULL);
    for (unsigned i = 0; i < n; i++) {
        const struct probe *p     = &all[i].probe;
        cleanup_free char  *score = xasprintf("%d", p->score);
        bool                it    = chosen && all[i].kind == chosen->kind;
        table_row(&t, it ? "->" : "", all[i].kind->name, score, p->why,
                  p->score <= 0 ? ""
                  : it          ? engine
                  : p->engine   ? p->engine
                                : "",
                  p->score <= 0 ? "" : p->engine_why);
    }
    table_print(&t);
    table_done(&t);
}

int explain(struct command *c, bool json)
{
    struct choice all[CHOICES_MAX], chosen;
    struct err    err    = {0};
    unsigned      n      = choose_all(kinds, c->spec, all);
    int           rc     = choose(kinds, c->spec, &chosen, &err);
    const char   *engine = rc ? NULL : c->spec->engine ? c->spec->engine : chosen.probe.engine;
    if (json)
        as_json(all, n, rc ? NULL : &chosen, engine, &err);
    else
        as_table(all, n, rc ? NULL : &chosen, engine ? engine : "");
    if (rc)
        return complain(c,
                        rc == -ENOENT    ? EXIT_NOT_FOUND
                        : rc == -ENOEXEC ? EXIT_CANNOT
                                         : EXIT_GUISE,
                        &err);
    return 0;
}

/* cli/inspect.c - all that is known of an instance: its record and its spec. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/template.h"
#include "cli/verbs.h"

const struct option_row inspect_options[] = {
    {"json", 0, NULL, "as JSON, which it is anyway", set_flag, OPT_OWN(struct inspect_own, json)},
    {"format", 'f', "TEMPLATE", "a line each by a template as {{.State.ExitStatus}}; or json",
     set_text, OPT_OWN(struct inspect_own, format)},
    {0},
};

static cJSON *all_of(const struct home *h)
{
    cJSON             *one    = cJSON_CreateObject();
    cJSON             *config = NULL;
    cleanup_free char *path   = xasprintf("%s/config.json", h->dir);
    json_put(one, "state", record_json(&h->record));
    json_put_str(one, "folder", h->dir);
    if (json_load(&config, path, NULL) == 0)
        json_put(one, "config", config);
    return one;
}

int verb_inspect(struct command *c)
{
    const struct inspect_own *o      = c->own;
    bool                      format = o->format && strcmp(o->format, "json") != 0;
    cleanup_json cJSON       *list   = cJSON_CreateArray();
    int                       worst  = 0;
    for (int i = 0; i < c->n_words; i++) {
        struct home h;
        struct err  err;
        int         status = find_home(c, c->words[i], &h);
        if (!status) {
            cJSON             *one  = all_of(&h);
            cleanup_free char *line = NULL;
            cJSON_AddItemToArray(list, one);
            if (format && template_expand(&line, o->format, one, &err))
                status = complain(c, EXIT_GUISE, &err);
            else if (format)
                puts(line);
            home_done(&h);
        }
        worst = MAX(worst, status);
    }
    cleanup_free char *text = json_pages(list);
    if (!format)
        fputs(text, stdout);
    return worst;
}

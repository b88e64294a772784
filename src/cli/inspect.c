/* cli/inspect.c - all that is known of an instance: its record and its spec. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/alloc.h"
#include "cli/verbs.h"

const struct option_row inspect_options[] = {
    {"json", 0, NULL, "as JSON, which it is anyway", set_flag, OPT_OWN(struct inspect_own, json)},
    {0},
};

int verb_inspect(struct command *c)
{
    cleanup_json cJSON *list  = cJSON_CreateArray();
    int                 worst = 0;
    for (int i = 0; i < c->n_words; i++) {
        struct home h;
        int         status = find_home(c, c->words[i], &h);
        worst              = MAX(worst, status);
        if (status)
            continue;
        cJSON             *one    = cJSON_CreateObject();
        cJSON             *config = NULL;
        cleanup_free char *path   = xasprintf("%s/config.json", h.dir);
        json_put(one, "state", record_json(&h.record));
        json_put_str(one, "folder", h.dir);
        if (json_load(&config, path, NULL) == 0)
            json_put(one, "config", config);
        cJSON_AddItemToArray(list, one);
        home_done(&h);
    }
    cleanup_free char *text = json_pages(list);
    fputs(text, stdout);
    return worst;
}

/* cli/version.c - the version, the kinds and their engines. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/verbs.h"

const struct option_row version_options[] = {
    {"json", 0, NULL, "as JSON", set_flag, OPT_OWN(struct version_own, json)},
    {0},
};

static void print_json(void)
{
    cleanup_json cJSON *j = cJSON_CreateObject();
    json_put_str(j, "version", GUISE_VERSION);
    json_put_u64(j, "snapshotVersion", SNAP_VERSION);
    cJSON *list = cJSON_AddArrayToObject(j, "kinds");
    for (const struct kind *const *k = kinds; *k; k++) {
        cJSON *row = cJSON_CreateObject();
        json_put_str(row, "name", (*k)->name);
        json_put_str(row, "summary", (*k)->summary);
        cJSON *engines = cJSON_AddArrayToObject(row, "engines");
        for (const char *const *e = (*k)->engines; e && *e; e++)
            cJSON_AddItemToArray(engines, cJSON_CreateString(*e));
        cJSON_AddItemToArray(list, row);
    }
    cleanup_free char *text = json_pages(j);
    fputs(text, stdout);
}

int verb_version(struct command *c)
{
    const struct version_own *o = c->own;
    if (o->json) {
        print_json();
        return 0;
    }
    printf("guise %s\n", GUISE_VERSION);
    for (const struct kind *const *k = kinds; *k; k++) {
        printf("  %-10s %s; engines:", (*k)->name, (*k)->summary);
        for (const char *const *e = (*k)->engines; e && *e; e++)
            printf(" %s", *e);
        putchar('\n');
    }
    return 0;
}

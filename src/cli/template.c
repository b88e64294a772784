/* cli/template.c - see template.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/template.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"

struct text {
    char  *bytes;
    size_t len;
};

static void add(struct text *t, const char *what, size_t len)
{
    t->bytes = xrealloc(t->bytes, t->len + len + 1);
    memcpy(t->bytes + t->len, what, len);
    t->len += len;
    t->bytes[t->len] = 0;
}

/* What stands between two braces. */
struct action {
    bool        json;
    const char *path; /* after the first dot */
    size_t      len;  /* 0: the whole */
};

static int read_action(struct action *a, const char *at, size_t len, struct err *err)
{
    const char *whole = at;
    int         size  = (int)MIN(len, (size_t)60);
    for (; len && isspace((u8)*at); at++)
        len--;
    while (len && isspace((u8)at[len - 1]))
        len--;
    a->json = len > 5 && strncmp(at, "json", 4) == 0 && isspace((u8)at[4]);
    for (size_t skip = a->json ? 4 : 0; len && (skip || isspace((u8)*at)); at++, len--)
        skip -= skip != 0;
    if (!len || *at != '.' || (len == 1 && !a->json) || memchr(at, ' ', len))
        return err_set(err, EINVAL,
                       "--format: '{{%.*s}}' is not understood; {{.Key}} and "
                       "{{json .Key}} are",
                       size, whole);
    a->path = at + 1;
    a->len  = len - 1;
    return 0;
}

static const cJSON *find(const cJSON *value, const struct action *a)
{
    const char *at = a->path, *end = a->path + a->len;
    while (value && at < end) {
        const char  *dot   = memchr(at, '.', (size_t)(end - at));
        size_t       len   = (size_t)((dot ? dot : end) - at);
        const cJSON *inner = NULL, *found = NULL;
        cJSON_ArrayForEach(inner, value)
        {
            if (inner->string && strlen(inner->string) == len &&
                strncasecmp(inner->string, at, len) == 0)
                found = inner;
        }
        value = found;
        at += len + 1;
    }
    return value;
}

static void print_keys(const cJSON *value, char *out, size_t room)
{
    const cJSON *inner;
    size_t       len = 0;
    out[0]           = 0;
    cJSON_ArrayForEach(inner, value)
    {
        size_t more = inner->string ? strlen(inner->string) + 2 : room;
        if (len + more + 1 > room)
            break;
        len += (size_t)snprintf(out + len, room - len, " .%s", inner->string);
    }
}

static int put_value(struct text *t, const struct action *a, const cJSON *value, struct err *err)
{
    const cJSON *found = find(value, a);
    char         keys[160];
    print_keys(value, keys, sizeof(keys));
    if (!found)
        return err_set(err, EINVAL, "--format: there is no '.%.*s' here; there is%s",
                       (int)MIN(a->len, (size_t)60), a->path, keys);
    cleanup_free char *text = NULL;
    if (!cJSON_IsString(found) || a->json)
        text = json_line(found);
    const char *words = text ? text : found->valuestring;
    add(t, words, strlen(words));
    return 0;
}

/* "ExitStatus" is headed EXIT STATUS; the last key of a path counts. */
static void put_head(struct text *t, const struct action *a)
{
    const char *at = a->path;
    for (size_t i = 0; i < a->len; i++)
        if (a->path[i] == '.')
            at = a->path + i + 1;
    for (const char *from = at; at < a->path + a->len; at++) {
        char up = (char)toupper((u8)*at);
        if (at > from && isupper((u8)*at) && islower((u8)at[-1]))
            add(t, " ", 1);
        add(t, &up, 1);
    }
}

static size_t put_plain(struct text *t, const char *at)
{
    static const struct {
        char name, is;
    } escapes[] = {{'t', '\t'}, {'n', '\n'}, {'\\', '\\'}};
    for (unsigned i = 0; *at == '\\' && i < ARRAY_SIZE(escapes); i++)
        if (at[1] == escapes[i].name) {
            add(t, &escapes[i].is, 1);
            return 2;
        }
    add(t, at, 1);
    return 1;
}

static int expand(char **out, const char *at, const cJSON *value, struct err *err)
{
    struct text   t  = {0};
    struct action a  = {0};
    int           rc = 0;
    add(&t, "", 0);
    while (*at && !rc) {
        if (strncmp(at, "{{", 2)) {
            at += put_plain(&t, at);
            continue;
        }
        const char *end = strstr(at, "}}");
        rc              = end ? read_action(&a, at + 2, (size_t)(end - at) - 2, err)
                              : err_set(err, EINVAL, "--format: '{{' without '}}'");
        if (!rc && value)
            rc = put_value(&t, &a, value, err);
        else if (!rc)
            put_head(&t, &a);
        at = end ? end + 2 : at;
    }
    if (rc)
        free(t.bytes);
    else
        *out = t.bytes;
    return rc;
}

int template_expand(char **out, const char *template, const cJSON *value, struct err *err)
{
    return expand(out, template, value, err);
}

int template_head(char **out, const char *template, struct err *err)
{
    return expand(out, template, NULL, err);
}

/* container/oci/options.c - see options.h.
 *
 * Long names take one dash or two, values after "=" or as the next word, as Go's flag packages
 * have it; letters can be joined. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/oci/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool takes_value(const struct oci_option *o)
{
    return o->kind != OPTION_FLAG && o->kind != OPTION_IGNORE;
}

static int set(const struct oci_option *o, char *value, void *out, struct err *err)
{
    void         *field = (char *)out + o->off;
    struct words *words = field;
    char         *end;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)field = !value || strcmp(value, "false") != 0;
        return 0;
    case OPTION_TEXT:
        *(char **)field = value;
        return 0;
    case OPTION_TEXTS:
        if (words->n == WORDS_MAX)
            return err_set(err, E2BIG, "more than %d times --%s", WORDS_MAX, o->name);
        words->list[words->n++] = value;
        return 0;
    case OPTION_NUMBER:
        *(unsigned *)field = (unsigned)strtoul(value, &end, 10);
        return end == value || *end
                   ? err_set(err, EINVAL, "--%s: '%s' is not a number", o->name, value)
                   : 0;
    case OPTION_IGNORE:
    case OPTION_IGNORE_TEXT:
        return 0;
    }
    return 0;
}

static const struct oci_option *find(const struct oci_option *rows, const char *word, size_t len)
{
    for (; rows->name; rows++)
        if ((strncmp(rows->name, word, len) == 0 && !rows->name[len]) ||
            (len == 1 && rows->letter == word[0]))
            return rows;
    return NULL;
}

static int letters(const struct oci_option *rows, const char *word, void *out, struct err *err)
{
    for (const char *p = word; *p; p++) {
        const struct oci_option *o = find(rows, p, 1);
        if (!o || takes_value(o))
            return err_set(err, EINVAL, "flag provided but not defined: -%s", word);
        set(o, NULL, out, err);
    }
    return 0;
}

int oci_options(const struct oci_option *rows, int argc, char **argv, int *at, void *out,
                bool *help, struct err *err)
{
    for (; *at < argc && argv[*at][0] == '-' && argv[*at][1]; (*at)++) {
        char *word = argv[*at] + 1;
        if (strcmp(word, "-") == 0) {
            (*at)++;
            return 0;
        }
        bool two = *word == '-';
        word += two;
        char                    *value = strchr(word, '=');
        size_t                   len   = value ? (size_t)(value - word) : strlen(word);
        const struct oci_option *o     = find(rows, word, len);
        if (!o && (strcmp(word, "help") == 0 || strcmp(word, "h") == 0)) {
            *help = true;
            return 0;
        }
        if (!o && !two && !value) {
            int rc = letters(rows, word, out, err);
            if (rc)
                return rc;
            continue;
        }
        if (!o)
            return err_set(err, EINVAL, "flag provided but not defined: -%s", word);
        value = value ? value + 1 : NULL;
        if (takes_value(o) && !value) {
            if (*at + 1 >= argc)
                return err_set(err, EINVAL, "flag needs an argument: --%s", o->name);
            value = argv[++*at];
        }
        int rc = set(o, value, out, err);
        if (rc)
            return rc;
    }
    return 0;
}

void oci_options_print(const struct oci_option *rows)
{
    for (; rows->name; rows++) {
        char left[48];
        int  n =
            snprintf(left, sizeof(left), "--%s%s", rows->name, takes_value(rows) ? " VALUE" : "");
        if (rows->letter && n > 0 && (size_t)n < sizeof(left))
            snprintf(left + n, sizeof(left) - (size_t)n, ", -%c", rows->letter);
        if (rows->help)
            printf("   %-34s %s\n", left, rows->help);
    }
}

/* cli/options.c - see options.h: the parser. What values become is in setters.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define OPTIONS_MAX 64
#define FIRST_VAL   256 /* above every letter */

struct parser {
    struct option long_[OPTIONS_MAX + 2];
    char          short_[3 * OPTIONS_MAX + 4];
    const char   *names[OPTIONS_MAX + 2];
};

static void build(struct parser *p, const struct option_row *rows, bool stop_at_first)
{
    unsigned n  = 0;
    char    *at = p->short_;
    *at++       = stop_at_first ? '+' : '-';
    if (!stop_at_first)
        at--; /* permute: getopt's default */
    *at++ = ':';
    for (; rows && rows[n].name; n++) {
        assert(n < OPTIONS_MAX);
        int has     = rows[n].arg ? required_argument : no_argument;
        p->long_[n] = (struct option){rows[n].name, has, NULL, FIRST_VAL + (int)n};
        p->names[n] = rows[n].name;
        if (rows[n].letter)
            *at++ = rows[n].letter;
        if (rows[n].letter && rows[n].arg)
            *at++ = ':';
    }
    p->long_[n] = (struct option){"help", no_argument, NULL, 'h'};
    p->names[n] = "help";
    *at++       = 'h';
    *at         = 0;
}

/* Levenshtein's distance, for words of a command line. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[64];
    size_t   m = strlen(b);
    if (m >= ARRAY_SIZE(row))
        return ~0u;
    for (unsigned j = 0; j <= m; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];
        row[0]            = i;
        for (unsigned j = 1; j <= m; j++) {
            unsigned best = MIN(row[j], row[j - 1]) + 1;
            best          = MIN(best, diagonal + (a[i - 1] != b[j - 1]));
            diagonal      = row[j];
            row[j]        = best;
        }
    }
    return row[m];
}

const char *closest(const char *word, const char *const *words)
{
    const char *found = NULL;
    unsigned    best  = (unsigned)strlen(word) / 3 + 1; /* farther is another word */
    for (; *words; words++) {
        unsigned d = distance(word, *words);
        if (d <= best && (!found || d < best)) {
            best  = d;
            found = *words;
        }
    }
    return found;
}

static int unknown(const struct parser *p, const char *word, int letter, struct err *err)
{
    if (letter && letter < FIRST_VAL)
        return err_set(err, EINVAL, "there is no option -%c", letter);
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
    const char *near = closest(name, p->names);
    return near ? err_set(err, EINVAL, "there is no option --%s; did you mean --%s?", name, near)
                : err_set(err, EINVAL, "there is no option --%s", name);
}

static const struct option_row *row_of(const struct option_row *rows, int val)
{
    if (val >= FIRST_VAL)
        return &rows[val - FIRST_VAL];
    while (rows->letter != val)
        rows++;
    return rows;
}

static int apply(const struct option_row *r, void *own, struct spec *spec, struct err *err)
{
    char *base = r->in_spec ? (char *)spec : own;
    int   rc   = r->set(base + r->off, r->arg ? optarg : NULL, err);
    return rc ? err_wrap(err, "--%s", r->name) : 0;
}

int options_parse(const struct option_row *rows, bool stop_at_first, int argc, char **argv,
                  void *own, struct spec *spec, int *first, bool *help, struct err *err)
{
    struct parser p  = {0};
    int           rc = 0, val;
    build(&p, rows, stop_at_first);
    opterr = 0;
    optind = 0; /* start afresh */
    *help  = false;
    while (!rc && (val = getopt_long(argc, argv, p.short_, p.long_, NULL)) != -1) {
        if (val == 'h')
            *help = true;
        else if (val == ':')
            rc = err_set(err, EINVAL, "option %s needs a value", argv[optind - 1]);
        else if (val == '?')
            rc = optopt >= FIRST_VAL ? err_set(err, EINVAL, "option --%s takes no value",
                                               p.names[optopt - FIRST_VAL])
                                     : unknown(&p, argv[optind - 1], optopt, err);
        else
            rc = apply(row_of(rows, val), own, spec, err);
    }
    *first = optind;
    return rc;
}

/* cli/command.c - finds the verb, parses its options, calls it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/help.h"
#include "cli/verbs.h"

const struct verb verbs[] = {
#define VERB(id, alias, args, options, defaults, size, min, max, complete, workload, summary,      \
             about)                                                                                \
    {#id,      alias, args, summary, about,    verb_##id, options,                                 \
     defaults, size,  min,  max,     complete, workload},
#include "cli/commands.def"
#undef VERB
    {0},
};

const struct verb *verb_find(const char *name)
{
    for (const struct verb *v = verbs; v->name; v++)
        if (strcmp(v->name, name) == 0 || (v->alias && strcmp(v->alias, name) == 0))
            return v;
    return NULL;
}

const char *verb_guess(const char *name)
{
    const char *names[ARRAY_SIZE(verbs)] = {0};
    for (unsigned i = 0; verbs[i].name; i++)
        names[i] = verbs[i].name;
    return closest(name, names);
}

int complain(const struct command *c, int status, const struct err *err)
{
    fflush(stdout);
    fprintf(stderr, "guise: %s: %s\n", c->verb->name, err->text);
    return status;
}

int find_home(const struct command *c, const char *name, struct home *out)
{
    struct err         err  = {0};
    cleanup_free char *root = NULL;
    int                rc   = home_root(&root, &err);
    if (!rc)
        rc = home_find(out, root, name, &err);
    return rc ? complain(c, EXIT_FAILED, &err) : 0;
}

int for_each_home(struct command *c, int (*fn)(struct command *, struct home *))
{
    int worst = 0;
    for (int i = 0; i < c->n_words; i++) {
        struct home h;
        int         status = find_home(c, c->words[i], &h);
        if (!status) {
            status = fn(c, &h);
            home_done(&h);
        }
        worst = MAX(worst, status);
    }
    return worst;
}

static int usage(const struct command *c, const struct err *err)
{
    complain(c, EXIT_GUISE, err);
    fprintf(stderr, "See 'guise %s --help'.\n", c->verb->name);
    return EXIT_GUISE;
}

static int check_words(const struct command *c, struct err *err)
{
    const struct verb *v = c->verb;
    if (c->n_words < v->words_min)
        return err_set(err, EINVAL, "needs %s", v->args);
    if (v->words_max >= 0 && c->n_words > v->words_max)
        return err_set(err, EINVAL, "does not take '%s'", c->words[v->words_max]);
    return 0;
}

/* Frees what the options of a table have put into the verb's own struct. */
static void free_own(const struct verb *v, void *own)
{
    for (const struct option_row *r = v->options; r && r->name; r++) {
        char **field = (char **)((char *)own + r->off);
        if (r->in_spec || (r->set != set_text && r->set != set_path && r->set != set_texts))
            continue;
        if (r->set == set_texts)
            strings_free((char **)*field);
        else
            free(*field);
        *field = NULL; /* a synonym has the same field */
    }
    free(own);
}

static int run_verb(const struct verb *v, int argc, char **argv)
{
    struct err     err = {0};
    int            first, status;
    bool           help;
    struct command c = {.verb = v, .own = xalloc(v->own_size + 1), .spec = spec_create()};
    if (v->defaults)
        memcpy(c.own, v->defaults, v->own_size);
    /* Another command's line, without options of ours, is taken as it is. */
    bool whole = v->workload && !v->options;
    int  rc    = 0;
    first      = 1;
    help       = false;
    if (!whole)
        rc = options_parse(v->options, v->workload, argc, argv, c.own, c.spec, &first, &help, &err);
    c.words   = argv + first;
    c.n_words = argc - first;
    if (!rc && !help)
        rc = check_words(&c, &err);
    if (rc)
        status = usage(&c, &err);
    else
        status = help ? help_verb(v, stdout) : v->run(&c);
    free_own(v, c.own);
    spec_destroy(c.spec);
    if (fflush(stdout) == EOF && !status)
        status = EXIT_FAILED;
    return status;
}

int command_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (argc < 2 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help_all(argc < 2 ? stderr : stdout) ? EXIT_GUISE : argc < 2 ? EXIT_GUISE : 0;
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct verb *v = verb_find(name);
    if (v)
        return run_verb(v, argc - 1, argv + 1);
    const char *near = name[0] == '-' ? NULL : verb_guess(name);
    fprintf(stderr, "guise: there is no '%s'%s%s%s; see 'guise --help'.\n", name,
            near ? ", did you mean '" : "", near ? near : "", near ? "'" : "");
    return EXIT_GUISE;
}

/* cli/help.c - --help and the verb help. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/help.h"

#include <string.h>

#include "base/alloc.h"
#include "cli/verbs.h"

#define WIDTH 80

const struct option_row help_options[] = {
    {"man", 0, NULL, "write the manual page", set_flag, OPT_OWN(struct help_own, man)},
    {"completion", 0, "bash|zsh", "write the completion for a shell", set_text,
     OPT_OWN(struct help_own, completion)},
    {0},
};

/* Words of TEXT, wrapped, each line behind INDENT blanks; the first line begins at AT. */
static void wrap(FILE *f, const char *text, int indent, int at)
{
    while (*text) {
        int len = (int)strcspn(text, " ");
        if (at + len > WIDTH && at > indent) {
            fprintf(f, "\n%*s", indent, "");
            at = indent;
        }
        fprintf(f, "%.*s", len, text);
        at += len + 1;
        text += len;
        if (*text == ' ') {
            text++;
            if (*text && at + (int)strcspn(text, " ") <= WIDTH)
                fputc(' ', f);
        }
    }
    fputc('\n', f);
}

void help_option(const struct option_row *r, char *out, size_t room)
{
    char letter[8] = "    ";
    if (r->letter)
        snprintf(letter, sizeof(letter), "-%c, ", r->letter);
    snprintf(out, room, "%s--%s%s%s", letter, r->name, r->arg ? " " : "", r->arg ? r->arg : "");
}

int help_verb(const struct verb *v, FILE *f)
{
    char text[128];
    fprintf(f, "Usage: guise %s%s%s%s\n\n", v->name, v->options ? " [OPTION...]" : "",
            v->args[0] ? " " : "", v->args);
    fputc(v->summary[0] - 'a' + 'A', f);
    fprintf(f, "%s.\n", v->summary + 1);
    if (v->about[0]) {
        fputc('\n', f);
        wrap(f, v->about, 0, 0);
    }
    if (v->alias)
        fprintf(f, "\nAlso: guise %s\n", v->alias);
    fputs("\nOptions:\n", f);
    for (const struct option_row *r = v->options; r && r->name; r++) {
        if (!r->help)
            continue;
        help_option(r, text, sizeof(text));
        int at = fprintf(f, "  %-26s", text);
        if (at > 28)
            at = fprintf(f, "\n%28s", "") - 1;
        fputs("  ", f);
        wrap(f, r->help, 30, 30);
    }
    fprintf(f, "  %-26s  %s\n", "-h, --help", "print this");
    return 0;
}

int help_all(FILE *f)
{
    fputs("Usage: guise VERB [OPTION...] [WORD...]\n\n"
          "Runs programs and machines under one life cycle.\n\nVerbs:\n",
          f);
    for (const struct verb *v = verbs; v->name; v++)
        fprintf(f, "  %-10s  %s\n", v->name, v->summary);
    fputs("\n'guise VERB --help' explains a verb, 'man guise' everything.\n", f);
    return 0;
}

int verb_help(struct command *c)
{
    const struct help_own *o = c->own;
    struct err             err;
    if (o->man)
        return help_man(stdout);
    if (o->completion && strcmp(o->completion, "bash") == 0)
        return help_bash(stdout);
    if (o->completion && strcmp(o->completion, "zsh") == 0)
        return help_zsh(stdout);
    if (o->completion) {
        err_set(&err, EINVAL, "there is no completion for '%s', only for bash and zsh",
                o->completion);
        return complain(c, EXIT_GUISE, &err);
    }
    if (c->n_words == 0)
        return help_all(stdout);
    const struct verb *v = verb_find(c->words[0]);
    if (v)
        return help_verb(v, stdout);
    err_set(&err, EINVAL, "there is no verb '%s'", c->words[0]);
    return complain(c, EXIT_GUISE, &err);
}

/* cli/lockstep.c - lockstep: a program by two engines, compared. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "cli/verbs.h"
#include "process/kind.h"

const struct option_row lockstep_options[] = {
    {"engines", 0, "A,B", "the two to compare: interp and jit (interp,jit)", set_text,
     OPT_OWN(struct lockstep_own, engines)},
    {"root", 'L', "DIR", "look below DIR first for absolute names of files", set_path,
     OPT_OWN(struct lockstep_own, root)},
    {"jit", 0, "WORDS", "hard conditions for the translator: flush, small, plain", set_text,
     OPT_OWN(struct lockstep_own, jit)},
    {0},
};

/* In place, as guise-user does it: the program's exit status is ours. */
int verb_lockstep(struct command *c)
{
    const struct lockstep_own *o    = c->own;
    struct err                 err  = {0};
    cleanup_free char        **argv = xalloc(((size_t)c->n_words + 9) * sizeof(char *));
    int                        n    = 0;
    if (o->engines && strcmp(o->engines, "interp,jit") && strcmp(o->engines, "jit,interp")) {
        err_set(&err, EINVAL, "--engines %s: say interp,jit", o->engines);
        return complain(c, EXIT_GUISE, &err);
    }
    argv[n++] = (char *)"guise-user";
    argv[n++] = (char *)"--lockstep";
    if (o->root) {
        argv[n++] = (char *)"--root";
        argv[n++] = o->root;
    }
    if (o->jit) {
        argv[n++] = (char *)"--jit";
        argv[n++] = o->jit;
    }
    argv[n++] = (char *)"--";
    for (int i = 0; i < c->n_words; i++)
        argv[n++] = c->words[i];
    argv[n] = NULL;
    return guise_user_main(n, argv);
}

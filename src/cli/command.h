/* cli/command.h - the command `guise`: verbs by one table (commands.def).
 *
 * A verb's function gets its parsed options and the words behind them, and returns the exit
 * status. Only this folder prints. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/options.h"
#include "control/home.h"
#include "vm/kind.h"

#define GUISE_VERSION "0.1.0"

/* Exit statuses of guise's own; a workload's is passed on as it is. */
enum {
    EXIT_OK        = 0,
    EXIT_FAILED    = 1,   /* a verb on an instance failed */
    EXIT_GUISE     = 125, /* wrong usage; run, create, restore: guise itself failed */
    EXIT_CANNOT    = 126, /* the workload is there, but nothing can run it */
    EXIT_NOT_FOUND = 127, /* there is no such workload */
};

struct command;

struct verb {
    const char *name;
    const char *alias; /* NULL: none */
    const char *args;  /* synopsis of the words: "NAME..." */
    const char *summary;
    const char *about; /* paragraphs for the man page */
    int (*run)(struct command *);
    const struct option_row *options;
    const void              *defaults; /* of its own options; NULL: zeroes */
    size_t                   own_size;
    int                      words_min, words_max; /* -1: any number */
    enum complete            complete;             /* what its words are */
    bool                     workload;             /* the first word ends the options */
};

struct command {
    const struct verb *verb;
    void              *own;  /* its options */
    struct spec       *spec; /* what the options that say so have filled */
    char             **words;
    int                n_words;
};

extern const struct verb        verbs[]; /* ends with a name that is NULL */
extern const struct kind *const kinds[]; /* kinds.c; NULL ends */

int command_main(int argc, char **argv);

const struct verb *verb_find(const char *name);
const char        *verb_guess(const char *name); /* "did you mean", or NULL */

/* "guise: VERB: text" on stderr; returns STATUS. */
int complain(const struct command *, int status, const struct err *err);

/* The instance called NAME. Complains; 0 or an exit status. */
int find_home(const struct command *, const char *name, struct home *out);

/* Does FN for each word, goes on after failures; the worst status. */
int for_each_home(struct command *, int (*fn)(struct command *, struct home *));

#endif

/* cli/options.h - options by tables: a row tells name, help and what its value becomes.
 *
 * The same rows make --help, the man page and the shell completion. getopt_long parses. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/err.h"
#include "vm/spec.h"

/* What a word is, for completion. */
enum complete {
    COMPLETE_NONE,
    COMPLETE_FILE,
    COMPLETE_INSTANCE,
    COMPLETE_VERB,
    COMPLETE_KIND,
    COMPLETE_SIGNAL
};

/* Puts VALUE (NULL for a flag) where FIELD points; -EINVAL and words when it makes no sense. */
typedef int option_set(void *field, const char *value, struct err *err);

struct option_row {
    const char   *name;   /* NULL ends a table */
    char          letter; /* 0: none */
    const char   *arg;    /* what its value is called; NULL: a flag */
    const char   *help;   /* NULL: a synonym, not shown */
    option_set   *set;
    bool          in_spec; /* FIELD lies in the spec, else in the verb's own struct */
    size_t        off;
    enum complete complete;
};

#define OPT_OWN(T, m)  .off = offsetof(T, m)
#define OPT_SPEC(m)    .in_spec = true, .off = offsetof(struct spec, m)
#define OPT_WHOLE_SPEC .in_spec = true, .off = 0

/* Parses up to the first word that is no option (STOP_AT_FIRST), or all, moving options to the
 * front. *first is where the other words begin. *help: -h or --help was there. */
int options_parse(const struct option_row *, bool stop_at_first, int argc, char **argv, void *own,
                  struct spec *, int *first, bool *help, struct err *err);

option_set set_flag, set_text, set_texts;      /* bool; char *; char ** */
option_set set_path;                           /* char *, made absolute */
option_set set_number;                         /* unsigned */
option_set set_size;                           /* u64, "512M" */
option_set set_signal;                         /* int, "TERM", "SIGTERM", "15" */
option_set set_disk, set_volume, set_port;     /* the whole spec */
option_set set_net, set_env, set_env_file;     /* the whole spec */
option_set set_firmware, set_gdb, set_console; /* char *, absolute where it is a path */
option_set set_memory, set_cpus, set_security; /* the whole spec */
option_set set_detach_keys;                    /* struct keys of session.h */

int         size_parse(const char *text, u64 *out); /* -EINVAL, -ERANGE */
char       *path_absolute(const char *path);        /* no links are followed; the caller frees */
const char *closest(const char *word, const char *const *words); /* "did you mean", or NULL */

#endif

/* cli/verbs.h - what commands.def names: the verbs' functions, options and defaults. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/command.h"
#include "cli/session.h"

#define VERB(id, ...) int verb_##id(struct command *);
#include "cli/commands.def"
#undef VERB

struct run_own {
    bool        detach, explain, json;
    char       *cidfile;
    struct keys keys;
};
struct start_own {
    bool        attach, interactive;
    struct keys keys;
};
struct ps_own {
    bool   all, quiet, names, json;
    char **filters, *format;
};
struct logs_own {
    bool  follow, times;
    char *tail, *since;
};
struct attach_own {
    bool        no_stdin, replay;
    struct keys keys;
};
struct exec_own {
    bool  detach, interactive, tty;
    char *user, *cwd, **env;
};
struct pull_own {
    bool  quiet;
    char *platform;
};
struct load_own {
    bool  quiet;
    char *platform, *name;
};
struct images_own {
    bool quiet, json;
};
struct rmi_own {
    bool force;
};
struct stop_own {
    unsigned seconds;
};
struct kill_own {
    int signal;
};
struct stats_own {
    bool no_stream, json, all_rows;
};
struct inspect_own {
    bool  json;
    char *format;
};
struct rm_own {
    bool force;
};
struct restore_own {
    bool        detach;
    struct keys keys;
};
struct events_own {
    bool json, all, no_stream;
};
struct lockstep_own {
    char *engines, *root, *jit;
};
struct disk_own {
    bool     json;
    char    *svg, *requests, *pattern, *worn;
    u64      size;
    unsigned count, depth, seed;
};
struct gates_own {
    char *vectors, *delays, *vcd;
    bool  quiet, json;
};
struct version_own {
    bool json;
};
struct help_own {
    bool  man;
    char *completion;
};

extern const struct option_row run_options[], start_options[], ps_options[], logs_options[],
    attach_options[], exec_options[], stop_options[], kill_options[], stats_options[],
    inspect_options[], rm_options[], restore_options[], events_options[], lockstep_options[],
    disk_options[], gates_options[], version_options[], help_options[];

extern const struct option_row pull_options[], load_options[], images_options[], rmi_options[];

extern const struct run_own     run_defaults;
extern const struct disk_own    disk_defaults;
extern const struct start_own   start_defaults;
extern const struct attach_own  attach_defaults;
extern const struct stop_own    stop_defaults;
extern const struct kill_own    kill_defaults;
extern const struct restore_own restore_defaults;

/* Several verbs need these (life.c, start.c). All complain; 0 or an exit status. */
int start_home(struct command *, struct home *, int *attached_fd); /* NULL: nobody attaches */
int kill_home(struct command *, struct home *, int signal);
int wait_home(struct home *, int timeout_ms, int *status, char *why, size_t room);

#endif

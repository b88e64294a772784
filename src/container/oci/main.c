/* container/oci/main.c - guise-oci: an OCI runtime in place of runc or crun.
 *
 * Global options, a command, its options, its words. What goes wrong is one line on standard
 * error, and in the log when there is one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "container/oci/oci.h"
#include "container/runtime.h"
#include "container/text.h"

#define VERSION      "0.1"
#define SPEC_VERSION "1.2.0"

static const struct oci_option global_options[] = {
    {"root", 0, OPTION_TEXT, offsetof(struct oci, root), "folder of the containers' states"},
    {"log", 0, OPTION_TEXT, offsetof(struct oci, log), "file that errors are written to"},
    {"log-format", 0, OPTION_TEXT, offsetof(struct oci, log_format), "text (default) or json"},
    {"log-level", 0, OPTION_IGNORE_TEXT, 0, NULL},
    {"debug", 0, OPTION_FLAG, offsetof(struct oci, debug), "say more"},
    {"systemd-cgroup", 0, OPTION_FLAG, offsetof(struct oci, systemd_cgroup), NULL},
    {"cgroup-manager", 0, OPTION_TEXT, offsetof(struct oci, cgroup_manager), "cgroupfs"},
    {"rootless", 0, OPTION_TEXT, offsetof(struct oci, rootless), "true, false or auto"},
    {"criu", 0, OPTION_IGNORE_TEXT, 0, NULL},
    {"version", 'v', OPTION_FLAG, offsetof(struct oci, version), "print the version"},
    {NULL},
};

const struct oci_option oci_no_options[] = {{NULL}};

#define COMMAND(n, w, opts, T, min, max)                                                           \
    .name = n, .words = w, .options = opts, .size = sizeof(T), .words_min = min, .words_max = max

#define MANY 4096

static const struct oci_command commands[] = {
    {COMMAND("create", "ID", oci_create_options, struct oci_create_own, 1, 1), .fn = oci_create,
     .summary = "make a container of a bundle", .seals = true},
    {COMMAND("delete", "ID", oci_delete_options, struct oci_delete_own, 1, 1), .fn = oci_delete,
     .summary = "remove what is left of a container"},
    {COMMAND("events", "ID", oci_events_options, struct oci_events_own, 1, 1), .fn = oci_events,
     .summary = "what a container uses, again and again"},
    {COMMAND("exec", "ID COMMAND [ARG...]", oci_exec_options, struct oci_exec_own, 1, MANY),
     .fn = oci_exec, .summary = "run another program in a container", .seals = true,
     .failure = 255},
    {COMMAND("features", "", oci_no_options, int, 0, 0), .fn = oci_features,
     .summary = "what this runtime knows"},
    {COMMAND("kill", "ID [SIGNAL]", oci_kill_options, struct oci_kill_own, 1, 2), .fn = oci_kill,
     .summary = "send a signal to a container's first process"},
    {COMMAND("list", "", oci_list_options, struct oci_list_own, 0, 0), .fn = oci_list,
     .summary = "the containers"},
    {COMMAND("pause", "ID", oci_no_options, int, 1, 1), .fn = oci_pause,
     .summary = "stop all processes of a container"},
    {COMMAND("ps", "ID [PS-OPTION...]", oci_ps_options, struct oci_ps_own, 1, MANY), .fn = oci_ps,
     .summary = "the processes of a container"},
    {COMMAND("resume", "ID", oci_no_options, int, 1, 1), .fn = oci_resume,
     .summary = "let a paused container go on"},
    {COMMAND("run", "ID", oci_run_options, struct oci_create_own, 1, 1), .fn = oci_run,
     .summary = "create, start, wait and delete", .seals = true},
    {COMMAND("spec", "", oci_spec_options, struct oci_spec_own, 0, 0), .fn = oci_spec,
     .summary = "write a config.json to begin with"},
    {COMMAND("start", "ID", oci_no_options, int, 1, 1), .fn = oci_start,
     .summary = "let a created container's program run"},
    {COMMAND("state", "ID", oci_no_options, int, 1, 1), .fn = oci_state,
     .summary = "a container's state, as JSON"},
    {COMMAND("update", "ID", oci_update_options, struct oci_update_own, 1, 1), .fn = oci_update,
     .summary = "change a container's limits"},
};

static const struct oci_command *find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* ---- saying what went wrong ---- */

static char *log_line(const char *message, bool json)
{
    struct text t   = {0};
    time_t      now = time(NULL);
    struct tm   tm;
    char        when[40];
    gmtime_r(&now, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    text_open(&t, NULL, '{');
    text_str(&t, "level", "error");
    text_str(&t, "msg", message);
    text_str(&t, "time", when);
    text_close(&t, '}');
    if (json)
        return t.s;
    free(t.s);
    struct text quoted = {0};
    text_str(&quoted, NULL, message);
    char *line = xasprintf("time=\"%s\" level=error msg=%s", when, quoted.s);
    free(quoted.s);
    return line;
}

static void complain(const struct oci *o, const char *message)
{
    bool json = o->log_format && strcmp(o->log_format, "json") == 0;
    dprintf(2, "guise-oci: %s\n", message);
    if (!o->log || !o->log[0])
        return;
    cleanup_free char *line = log_line(message, json);
    cleanup_fd int     fd   = open(o->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd >= 0)
        dprintf(fd, "%s\n", line);
}

static void print_command_help(const struct oci_command *c)
{
    printf("guise-oci %s: %s\n\nusage: guise-oci %s [OPTION...] %s\n\n", c->name, c->summary,
           c->name, c->words);
    oci_options_print(c->options);
}

static int print_help(void)
{
    printf("guise-oci: runs OCI containers\n\nusage: guise-oci [OPTION...] COMMAND ...\n\n"
           "commands:\n");
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
        printf("   %-10s %s\n", commands[i].name, commands[i].summary);
    printf("\noptions:\n");
    oci_options_print(global_options);
    return 0;
}

static int check_global(const struct oci *o, struct err *err)
{
    if (o->log_format && strcmp(o->log_format, "text") != 0 && strcmp(o->log_format, "json") != 0)
        return err_set(err, EINVAL, "invalid log-format: %s", o->log_format);
    if (o->systemd_cgroup || (o->cgroup_manager && strcmp(o->cgroup_manager, "systemd") == 0))
        return err_set(err, ENOTSUP,
                       "the systemd cgroup driver is not there yet: use "
                       "--cgroup-manager cgroupfs");
    if (o->cgroup_manager && strcmp(o->cgroup_manager, "cgroupfs") != 0)
        return err_set(err, EINVAL, "cgroup-manager '%s' is not known: there is cgroupfs",
                       o->cgroup_manager);
    return 0;
}

static int call(const struct oci *o, const struct oci_command *c, int argc, char **argv, int at,
                struct err *err)
{
    cleanup_free void *own  = xalloc(c->size);
    bool               help = false;
    int                rc   = oci_options(c->options, argc, argv, &at, own, &help, err);
    if (rc)
        return rc;
    if (help) {
        print_command_help(c);
        return 0;
    }
    /* Options may also stand behind the id: "delete ID --force". */
    int words = argc - at;
    if (c->words_max < MANY && words > 1 && argv[argc - 1][0] == '-' && argv[argc - 1][1] &&
        !(argv[argc - 1][1] >= '0' && argv[argc - 1][1] <= '9')) {
        int after = at + 1;
        rc        = oci_options(c->options, argc, argv, &after, own, &help, err);
        if (rc)
            return rc;
        words = 1;
    }
    if (words < c->words_min || words > c->words_max)
        return err_set(err, EINVAL, "\"%s\" requires %s %d argument(s)", c->name,
                       c->words_min == c->words_max ? "exactly" : "at least", c->words_min);
    struct oci_call call = {o, own, words, argv + at};
    return c->fn(&call, err);
}

int main(int argc, char **argv)
{
    struct oci o    = {0};
    struct err err  = {0};
    bool       help = false;
    int        at   = 1;
    int        rc   = oci_options(global_options, argc, argv, &at, &o, &help, &err);
    if (!rc && o.version) {
        printf("guise-oci version " VERSION "\nspec: " SPEC_VERSION "\n");
        return 0;
    }
    if (!rc && (help || at == argc || strcmp(argv[at], "help") == 0))
        return print_help();
    const struct oci_command *c = rc ? NULL : find(argv[at]);
    if (!rc && !c)
        rc = err_set(&err, EINVAL, "there is no command '%s'", argv[at]);
    if (!rc)
        rc = check_global(&o, &err);
    cleanup_free char *root = o.root ? NULL : runtime_state_root();
    o.root                  = o.root ? o.root : root;
    log_level_set(o.debug ? LOG_DEBUG : LOG_WARN);
    if (!rc && c->seals)
        rc = runtime_seal(argv, &err);
    if (!rc)
        rc = call(&o, c, argc, argv, at + 1, &err);
    if (rc >= 0)
        return rc;
    complain(&o, err.text);
    return c && c->failure ? c->failure : 1;
}

/* container/oci/run.c - commands that change containers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/oci/oci.h"
#include "container/runtime.h"

#define CREATE(m) offsetof(struct oci_create_own, m)

#define CREATE_ROWS                                                                                \
    {"bundle", 'b', OPTION_TEXT, CREATE(bundle), "the bundle's folder (default: here)"},           \
        {"config", 'f', OPTION_TEXT, CREATE(config), "another name of config.json"},               \
        {"console-socket", 0, OPTION_TEXT, CREATE(console_socket),                                 \
         "socket that gets the terminal's other end"},                                             \
        {"pid-file", 0, OPTION_TEXT, CREATE(pid_file), "file to write the process's number to"},   \
        {"no-pivot", 0, OPTION_FLAG, CREATE(no_pivot), "do not use pivot_root"},                   \
        {"no-new-keyring", 0, OPTION_FLAG, CREATE(no_keyring), "keep the session keyring"},        \
        {"preserve-fds", 0, OPTION_NUMBER, CREATE(preserve_fds), "pass on so many descriptors"},   \
        {"die-with-parent", 0, OPTION_FLAG, CREATE(die_with_parent),                               \
         "kill it when the process that is its parent at the start ends"},                         \
    {                                                                                              \
        "no-subreaper", 0, OPTION_IGNORE, 0, NULL                                                  \
    }

const struct oci_option oci_create_options[] = {
    CREATE_ROWS,
    {NULL},
};

const struct oci_option oci_run_options[] = {
    CREATE_ROWS,
    {"detach", 'd', OPTION_FLAG, CREATE(detach), "do not wait for the end"},
    {"keep", 0, OPTION_FLAG, CREATE(keep), "do not delete the container when it has ended"},
    {NULL},
};

static int make(struct oci_call *call, bool run, struct err *err)
{
    const struct oci_create_own *own = call->options;
    char here[PATH_MAX], *found = realpath(own->bundle ? own->bundle : ".", here);
    int  status = 0;
    if (!found)
        return err_errno(err, errno, "bundle '%s'", own->bundle ? own->bundle : ".");
    struct runtime_create ask = {
        .root            = call->global->root,
        .id              = call->argv[0],
        .bundle          = here,
        .config          = own->config,
        .pid_file        = own->pid_file,
        .console_socket  = own->console_socket,
        .preserve_fds    = own->preserve_fds,
        .no_pivot        = own->no_pivot,
        .no_keyring      = own->no_keyring,
        .run             = run,
        .detach          = own->detach,
        .keep            = own->keep,
        .die_with_parent = own->die_with_parent,
    };
    int rc = runtime_create(&ask, &status, err);
    return rc ? err_wrap(err, "%s failed: unable to start container process",
                         run ? "run" : "create")
              : status;
}

int oci_create(struct oci_call *call, struct err *err)
{
    return make(call, false, err);
}

int oci_run(struct oci_call *call, struct err *err)
{
    return make(call, true, err);
}

int oci_load(struct oci_call *call, struct state *out, struct err *err)
{
    return state_load(out, call->global->root, call->argv[0], err);
}

int oci_start(struct oci_call *call, struct err *err)
{
    struct state s;
    int          rc = oci_load(call, &s, err);
    if (rc)
        return rc;
    rc = runtime_start(&s, err);
    state_done(&s);
    return rc;
}

int oci_signal(const char *text, struct err *err)
{
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    char       *end;
    long        n = strtol(text, &end, 10);
    if (end != text && !*end && n >= 0 && n <= SIGRTMAX)
        return (int)n;
    for (int sig = 1; sig < 32; sig++) {
        const char *known = sigabbrev_np(sig);
        if (known && strcasecmp(known, name) == 0)
            return sig;
    }
    if (strncasecmp(name, "RTMIN", 5) == 0)
        return SIGRTMIN + (int)strtol(name + 5, NULL, 10);
    if (strncasecmp(name, "RTMAX", 5) == 0)
        return SIGRTMAX + (int)strtol(name + 5, NULL, 10);
    return err_set(err, EINVAL, "unknown signal \"%s\"", text);
}

const struct oci_option oci_kill_options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct oci_kill_own, all), "all processes, not the first"},
    {NULL},
};

int oci_kill(struct oci_call *call, struct err *err)
{
    const struct oci_kill_own *own = call->options;
    struct state               s;
    int                        sig = call->argc > 1 ? oci_signal(call->argv[1], err) : SIGTERM;
    int                        rc  = sig < 0 ? sig : oci_load(call, &s, err);
    if (rc)
        return rc;
    rc = runtime_kill(&s, sig, own->all, err);
    state_done(&s);
    return rc;
}

const struct oci_option oci_delete_options[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct oci_delete_own, force), "also one that runs"},
    {NULL},
};

/* A folder without a state: its maker was killed before it was done. */
static int delete_unfinished(struct oci_call *call, struct err *err)
{
    cleanup_free char *dir = xasprintf("%s/%s", call->global->root, call->argv[0]);
    return state_remove(dir, err);
}

int oci_delete(struct oci_call *call, struct err *err)
{
    const struct oci_delete_own *own = call->options;
    struct state                 s;
    int                          rc = oci_load(call, &s, err);
    if (rc == -ENOENT && own->force)
        return delete_unfinished(call, err);
    if (rc)
        return rc;
    rc = runtime_delete(&s, own->force, err);
    state_done(&s);
    return rc;
}

static int freeze(struct oci_call *call, bool paused, struct err *err)
{
    struct state s;
    int          rc = oci_load(call, &s, err);
    if (rc)
        return rc;
    rc = runtime_pause(&s, paused, err);
    state_done(&s);
    return rc;
}

int oci_pause(struct oci_call *call, struct err *err)
{
    return freeze(call, true, err);
}

int oci_resume(struct oci_call *call, struct err *err)
{
    return freeze(call, false, err);
}

#define EXEC(m) offsetof(struct oci_exec_own, m)

const struct oci_option oci_exec_options[] = {
    {"console-socket", 0, OPTION_TEXT, EXEC(console_socket),
     "socket that gets the terminal's other end"},
    {"cwd", 0, OPTION_TEXT, EXEC(cwd), "folder to start in"},
    {"env", 'e', OPTION_TEXTS, EXEC(env), "NAME=VALUE"},
    {"tty", 't', OPTION_FLAG, EXEC(tty), "with a terminal"},
    {"user", 'u', OPTION_TEXT, EXEC(user), "UID[:GID]"},
    {"additional-gids", 'g', OPTION_IGNORE_TEXT, 0, NULL},
    {"process", 'p', OPTION_TEXT, EXEC(process), "a process as JSON"},
    {"detach", 'd', OPTION_FLAG, EXEC(detach), "do not wait for the end"},
    {"pid-file", 0, OPTION_TEXT, EXEC(pid_file), "file to write the process's number to"},
    {"process-label", 0, OPTION_TEXT, EXEC(label), "SELinux label"},
    {"apparmor", 0, OPTION_TEXT, EXEC(apparmor), "AppArmor profile"},
    {"no-new-privs", 0, OPTION_FLAG, EXEC(no_new_privs), "no new privileges"},
    {"cap", 'c', OPTION_TEXTS, EXEC(caps), "a capability more"},
    {"preserve-fds", 0, OPTION_NUMBER, EXEC(preserve_fds), "pass on so many descriptors"},
    {"ignore-paused", 0, OPTION_FLAG, EXEC(ignore_paused), "also in a paused container"},
    {"no-subreaper", 0, OPTION_IGNORE, 0, NULL},
    {"cgroup", 0, OPTION_IGNORE_TEXT, 0, NULL},
    {NULL},
};

int oci_exec(struct oci_call *call, struct err *err)
{
    struct oci_exec_own *own    = call->options;
    int                  status = 0;
    if (call->argc < 2 && !own->process)
        return err_set(err, EINVAL, "process args cannot be empty");
    struct runtime_exec ask = {
        .root              = call->global->root,
        .id                = call->argv[0],
        .pid_file          = own->pid_file,
        .console_socket    = own->console_socket,
        .process_file      = own->process,
        .cwd               = own->cwd,
        .user              = own->user,
        .apparmor          = own->apparmor,
        .label             = own->label,
        .args              = call->argv + 1,
        .env               = own->env.list,
        .caps              = own->caps.list,
        .preserve_fds      = own->preserve_fds,
        .tty               = own->tty,
        .detach            = own->detach,
        .no_new_privileges = own->no_new_privs,
        .ignore_paused     = own->ignore_paused,
    };
    int rc = runtime_exec(&ask, &status, err);
    return rc ? err_wrap(err, "exec failed: unable to start container process") : status;
}

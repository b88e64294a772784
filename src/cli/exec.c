/* cli/exec.c - exec: another program in a container that runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/verbs.h"
#include "container/kind.h"
#include "container/users.h"

const struct option_row exec_options[] = {
    {"detach", 'd', NULL, "do not wait for its end", set_flag, OPT_OWN(struct exec_own, detach)},
    {"interactive", 'i', NULL, "pass what is typed on to it", set_flag,
     OPT_OWN(struct exec_own, interactive)},
    {"tty", 't', NULL, "with a terminal of its own", set_flag, OPT_OWN(struct exec_own, tty)},
    {"user", 'u', "USER[:GROUP]", "run as this user", set_text, OPT_OWN(struct exec_own, user)},
    {"workdir", 'w', "DIR", "start there", set_text, OPT_OWN(struct exec_own, cwd)},
    {"env", 'e', "NAME=VALUE", "set an environment variable", set_texts,
     OPT_OWN(struct exec_own, env)},
    {0},
};

/* An image's root is mounted for its monitor alone: it is looked at through the container. */
static char *root_of(const struct home *h, const struct spec *spec)
{
    cleanup_free char  *states = container_states(h->dir);
    cleanup_free char  *path   = xasprintf("%s/%s/state.json", states, h->record.id);
    cleanup_json cJSON *state  = NULL;
    if (!spec->layers || json_load(&state, path, NULL))
        return xstrdup(spec->workload);
    return xasprintf("/proc/%u/root", (unsigned)json_u64(state, "pid", 0));
}

/* Names are those of the container's own root. */
static int user_number(const struct home *h, const char *text, char **out, struct err *err)
{
    struct user        u;
    struct spec       *spec = NULL;
    cleanup_free char *path = xasprintf("%s/config.json", h->dir);
    int                rc   = spec_load(&spec, path, err);
    cleanup_free char *root = rc ? NULL : root_of(h, spec);
    if (!rc)
        rc = users_find(root, text, &u, err);
    if (!rc)
        *out = xasprintf("%u:%u", u.uid, u.gid);
    spec_destroy(spec);
    return rc;
}

static int check(const struct home *h, const struct exec_own *o, struct err *err)
{
    if (strcmp(h->record.kind, "container") != 0)
        return err_set(err, ENOTSUP, "%s: exec is for containers; it is a %s", h->record.name,
                       h->record.kind);
    if (h->record.life != LIFE_RUNNING)
        return err_set(err, EBUSY, "%s is %s, not running", h->record.name,
                       life_name(h->record.life));
    if (o->tty && !o->detach && !isatty(STDIN_FILENO))
        return err_set(err, ENOTTY, "-t needs a terminal, and the input is none");
    return 0;
}

/* This process becomes the runtime: terminal, signals and the exit status need no go-between. */
static int become_runtime(struct command *c, const struct home *h, const char *user,
                          struct err *err)
{
    const struct exec_own *o       = c->own;
    char                 **argv    = NULL;
    cleanup_free char     *program = container_helper("guise-oci");
    cleanup_free char     *states  = container_states(h->dir);
    const char *const      head[]  = {program, "--root", states, "exec"};
    const struct {
        const char *name, *value;
    } options[] = {{"--user", user}, {"--cwd", o->cwd}};
    for (unsigned i = 0; i < ARRAY_SIZE(head); i++)
        strings_add(&argv, head[i]);
    for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
        if (!options[i].value)
            continue;
        strings_add(&argv, options[i].name);
        strings_add(&argv, options[i].value);
    }
    for (char **e = o->env; e && *e; e++) {
        strings_add(&argv, "--env");
        strings_add(&argv, *e);
    }
    if (o->tty && !o->detach)
        strings_add(&argv, "--tty");
    if (o->detach)
        strings_add(&argv, "--detach");
    strings_add(&argv, h->record.id);
    for (int i = 1; i < c->n_words; i++)
        strings_add(&argv, c->words[i]);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++)
        if (o->detach || (fd == 0 && !o->interactive && !o->tty))
            dup2(null, fd);
    execvp(argv[0], argv);
    strings_free(argv);
    return err_errno(err, errno, "run guise-oci");
}

int verb_exec(struct command *c)
{
    const struct exec_own *o   = c->own;
    struct err             err = {0};
    struct home            h;
    cleanup_free char     *user   = NULL;
    int                    status = find_home(c, c->words[0], &h);
    if (status)
        return status;
    int rc = check(&h, o, &err);
    if (!rc && o->user)
        rc = user_number(&h, o->user, &user, &err);
    if (!rc)
        become_runtime(c, &h, user, &err);
    home_done(&h);
    return complain(c, EXIT_GUISE, &err);
}

/* cli/start.c - start: an instance that is created, or one that has stopped, again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/alloc.h"
#include "cli/verbs.h"
#include "control/client.h"
#include "control/monitor.h"

const struct start_own start_defaults = {.keys = KEYS_DEFAULT};

const struct option_row start_options[] = {
    {"attach", 'a', NULL, "connect to it; the exit status is the machine's", set_flag,
     OPT_OWN(struct start_own, attach)},
    {"interactive", 'i', NULL, "pass what is typed on to it", set_flag,
     OPT_OWN(struct start_own, interactive)},
    {"detach-keys", 0, "KEYS", "keys that detach (ctrl-p,ctrl-q)", set_detach_keys,
     OPT_OWN(struct start_own, keys)},
    {0},
};

/* The lock: of two that start it at once one makes the monitor, both find it there. */
static int ensure_monitor(struct home *h, struct err *err)
{
    cleanup_fd int lock = home_lock(h, err);
    if (lock < 0)
        return lock;
    int rc = home_refresh(h, err);
    if (!rc && !(record_alive(&h->record) && h->record.life != LIFE_STOPPED)) {
        h->record.life = LIFE_CREATED;
        rc             = monitor_spawn(kinds, h, NULL, err);
    }
    return rc;
}

int start_home(struct command *c, struct home *h, int *attached_fd)
{
    struct err err = {0};
    int        rc  = ensure_monitor(h, &err);
    if (!rc && attached_fd) {
        *attached_fd = session_open(h->dir, "start", true, &err);
        rc           = MIN(*attached_fd, 0);
    } else if (!rc) {
        rc = client_ask(h->dir, "start", NULL, -1, NULL, &err);
    }
    if (rc)
        err_wrap(&err, "%s", h->record.name);
    return rc ? complain(c, EXIT_FAILED, &err) : 0;
}

static int start_one(struct command *c, struct home *h)
{
    int status = start_home(c, h, NULL);
    if (!status)
        puts(h->record.name);
    return status;
}

static int start_attached(struct command *c, struct home *h)
{
    const struct start_own *o    = c->own;
    struct spec            *spec = NULL;
    cleanup_free char      *path = xasprintf("%s/config.json", h->dir);
    struct session          s    = {.dir = h->dir, .name = h->record.name, .stop_on_hangup = true};
    int                     status = start_home(c, h, &s.fd);
    if (status)
        return status;
    s.input = o->interactive;
    s.keys  = o->keys;
    s.tty   = spec_load(&spec, path, NULL) == 0 && spec->tty && isatty(STDIN_FILENO);
    spec_destroy(spec);
    status = session_finish(&s, h->record.id);
    close(s.fd);
    return status;
}

int verb_start(struct command *c)
{
    struct start_own *o = c->own;
    o->attach |= o->interactive;
    if (o->attach && c->n_words > 1) {
        struct err err;
        err_set(&err, EINVAL, "-a and -i take one instance only");
        return complain(c, EXIT_GUISE, &err);
    }
    return for_each_home(c, o->attach ? start_attached : start_one);
}

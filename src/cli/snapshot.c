/* cli/snapshot.c - snapshot and restore. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/verbs.h"
#include "control/client.h"
#include "control/monitor.h"

const struct restore_own restore_defaults = {.keys = KEYS_DEFAULT};

const struct option_row restore_options[] = {
    {"detach", 'd', NULL, "leave it running in the background, print its id", set_flag,
     OPT_OWN(struct restore_own, detach)},
    {"interactive", 'i', NULL, "pass what is typed on to it", set_flag, OPT_SPEC(interactive)},
    {"tty", 't', NULL, "use the terminal raw, as a console", set_flag, OPT_SPEC(tty)},
    {"name", 0, "NAME", "its name; otherwise one is made up", set_text, OPT_SPEC(name)},
    {"rm", 0, NULL, "remove it when it has ended", set_flag, OPT_SPEC(auto_remove)},
    {"disk", 0, "FILE[,format=raw|qcow2][,ro][,KEY=VALUE...]",
     "where its disks are now, in their old order", set_disk, OPT_WHOLE_SPEC, COMPLETE_FILE},
    {"detach-keys", 0, "KEYS", "keys that detach (ctrl-p,ctrl-q)", set_detach_keys,
     OPT_OWN(struct restore_own, keys)},
    {0},
};

int verb_snapshot(struct command *c)
{
    cleanup_json cJSON *args = cJSON_CreateObject();
    cleanup_free char  *path = path_absolute(c->words[1]);
    struct err          err  = {0};
    struct home         h;
    int                 status = find_home(c, c->words[0], &h);
    if (status)
        return status;
    json_put_str(args, "path", path);
    int rc = client_ask(h.dir, "save", args, -1, NULL, &err);
    if (rc == -ECONNREFUSED || (rc == -ENOENT && h.record.life == LIFE_STOPPED))
        err_set(&err, EBUSY, "it is %s", life_name(h.record.life));
    if (rc) {
        err_wrap(&err, "%s", h.record.name);
        status = complain(c, EXIT_FAILED, &err);
    }
    home_done(&h);
    return status;
}

/* The old spec with what was asked for now. Its items move over from ASKED. */
static int adapt(struct spec *old, struct spec *asked, struct err *err)
{
    free(old->id);
    free(old->name);
    old->id          = NULL;
    old->name        = steal_ptr(asked->name);
    old->auto_remove = asked->auto_remove;
    old->tty         = asked->tty;
    old->interactive = asked->interactive;
    if (asked->n_disks == 0)
        return 0;
    if (asked->n_disks != old->n_disks)
        return err_set(err, EINVAL, "the machine has %u disks, %u were given", old->n_disks,
                       asked->n_disks);
    struct spec_disk *disks = old->disks;
    old->disks              = asked->disks;
    asked->disks            = disks; /* freed with it */
    return 0;
}

static int read_spec(struct command *c, const char *file, struct spec **out, struct err *err)
{
    struct snap *snap;
    struct spec *spec;
    u64          clock_ns;
    int          rc = snap_open(&snap, file, err);
    if (rc)
        return rc;
    rc = snapshot_header(snap, &spec, &clock_ns, err);
    snap_close(snap);
    if (!rc && (rc = adapt(spec, c->spec, err)))
        spec_destroy(spec);
    if (!rc)
        *out = spec;
    return rc;
}

static int make(struct command *c, const char *file, struct home *out, struct err *err)
{
    cleanup_free char *root = NULL;
    struct spec       *spec = NULL;
    int                rc   = read_spec(c, file, &spec, err);
    if (!rc)
        rc = home_root(&root, err);
    if (!rc)
        rc = home_create(out, root, spec, err);
    spec_destroy(spec);
    if (!rc && (rc = monitor_spawn(kinds, out, file, err))) {
        home_remove(out, NULL);
        home_done(out);
    }
    return rc;
}

static int go_on(struct command *c, struct home *h)
{
    const struct restore_own *o   = c->own;
    struct err                err = {0};
    if (o->detach) {
        if (client_ask(h->dir, "resume", NULL, -1, NULL, &err))
            return complain(c, EXIT_GUISE, &err);
        puts(h->record.id);
        return 0;
    }
    int status = session_of_own(c, h, &o->keys, "resume", &err);
    return status < 0 ? complain(c, EXIT_GUISE, &err) : status;
}

int verb_restore(struct command *c)
{
    cleanup_free char *file = path_absolute(c->words[0]);
    struct err         err  = {0};
    struct home        h;
    if (make(c, file, &h, &err))
        return complain(c, EXIT_GUISE, &err);
    int status = go_on(c, &h);
    home_done(&h);
    return status;
}

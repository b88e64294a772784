/* cli/attach.c - attach, and how every session ends: its status and what is said about it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/print.h"
#include "cli/verbs.h"
#include "control/client.h"

const struct attach_own attach_defaults = {.keys = KEYS_DEFAULT};

const struct option_row attach_options[] = {
    {"no-stdin", 0, NULL, "only watch", set_flag, OPT_OWN(struct attach_own, no_stdin)},
    {"replay", 0, NULL, "show first what it has printed since its start", set_flag,
     OPT_OWN(struct attach_own, replay)},
    {"detach-keys", 0, "KEYS", "keys that detach (ctrl-p,ctrl-q)", set_detach_keys,
     OPT_OWN(struct attach_own, keys)},
    {0},
};

/* The monitor went without a word: its record tells, once it is put right. */
static void ask_record(const char *id, struct outcome *o)
{
    cleanup_free char *root = NULL;
    struct home        h;
    o->status = 137;
    snprintf(o->why, sizeof(o->why), "monitor killed");
    if (home_root(&root, NULL) || home_find(&h, root, id, NULL))
        return;
    home_await_end(&h, 5000, NULL);
    if (h.record.life == LIFE_STOPPED) {
        o->status = h.record.exit_status;
        snprintf(o->why, sizeof(o->why), "%s", h.record.exit_why);
    }
    home_done(&h);
}

static void print_stats(const char *text)
{
    cleanup_json cJSON *rows = cJSON_Parse(text);
    const cJSON        *row;
    cJSON_ArrayForEach(row, rows)
    {
        const char *name = json_str(row, "name"), *unit = json_str(row, "unit");
        fprintf(stderr, "%-32s %20llu %s\n", name ? name : "",
                (unsigned long long)json_u64(row, "value", 0), unit ? unit : "");
    }
}

int session_finish(const struct session *s, const char *id)
{
    struct outcome o;
    session_run(s, &o);
    if (o.how == DETACHED)
        fprintf(stderr, "\r\nguise: detached from %s\n", s->name);
    if (o.how == LOST)
        ask_record(id, &o);
    if (o.stats)
        print_stats(o.stats);
    free(o.stats);
    bool ended = o.how == ENDED || o.how == LOST;
    if (ended && o.status != 0)
        fprintf(stderr, "guise: %s: %s (status %d)\n", s->name, o.why[0] ? o.why : "ended",
                o.status);
    return o.status;
}

int session_of_own(struct command *c, const struct home *h, const struct keys *keys,
                   const char *verb, struct err *err)
{
    struct session s = {.dir            = h->dir,
                        .name           = h->record.name,
                        .input          = c->spec->interactive,
                        .tty            = c->spec->tty,
                        .stop_on_hangup = true,
                        .keys           = *keys};
    s.fd             = session_open(h->dir, verb, true, err);
    if (s.fd < 0)
        return s.fd;
    int status = session_finish(&s, h->record.id);
    close(s.fd);
    return status;
}

int verb_attach(struct command *c)
{
    const struct attach_own *o      = c->own;
    struct err               err    = {0};
    cleanup_json cJSON      *answer = NULL, *args = cJSON_CreateObject();
    struct home              h;
    int                      status = find_home(c, c->words[0], &h);
    if (status)
        return status;
    struct session s = {.dir = h.dir, .name = h.record.name, .keys = o->keys};
    json_put_bool(args, "replay", o->replay);
    cleanup_fd int fd = client_open(h.dir, &err);
    if (fd < 0)
        err_set(&err, EBUSY, "%s is %s", h.record.name, life_name(h.record.life));
    if (fd < 0 || client_request(fd, "attach", args, -1, &answer, &err)) {
        status = complain(c, EXIT_FAILED, &err);
    } else {
        s.fd    = fd;
        s.input = !o->no_stdin;
        s.tty   = json_bool(answer, "tty", false) && (!s.input || isatty(STDIN_FILENO));
        status  = session_finish(&s, h.record.id);
    }
    home_done(&h);
    return status;
}

/* cli/life.c - the verbs that move instances along their life: pause, resume, stop, kill, wait,
 * rm. Each works on every name that is given and goes on after a failure. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/alloc.h"
#include "cli/verbs.h"
#include "container/kind.h"
#include "control/client.h"

#define ANSWER_MS 5000 /* a monitor that takes longer is stuck */

const struct stop_own stop_defaults = {.seconds = 10};
const struct kill_own kill_defaults = {.signal = SIGKILL};

const struct option_row stop_options[] = {
    {"time", 't', "SECONDS", "kill it after so long (10)", set_number,
     OPT_OWN(struct stop_own, seconds)},
    {0},
};
const struct option_row kill_options[] = {
    {"signal", 's', "SIGNAL", "what to send (KILL)", set_signal, OPT_OWN(struct kill_own, signal),
     COMPLETE_SIGNAL},
    {0},
};
const struct option_row rm_options[] = {
    {"force", 'f', NULL, "kill it first when it runs; be silent when it is not there", set_flag,
     OPT_OWN(struct rm_own, force)},
    {0},
};

static int failed(struct command *c, const struct home *h, struct err *err)
{
    err_wrap(err, "%s", h->record.name);
    return complain(c, EXIT_FAILED, err);
}

/* Why nobody answers: it has no monitor. */
static void explain_silence(const struct home *h, int rc, struct err *err)
{
    if (rc == -ECONNREFUSED || rc == -ENOENT)
        err_set(err, EBUSY, "it is %s", life_name(h->record.life));
}

static int simple(struct command *c, struct home *h)
{
    struct err err = {0};
    int        rc  = client_ask(h->dir, c->verb->name, NULL, -1, NULL, &err);
    explain_silence(h, rc, &err);
    if (!rc)
        puts(h->record.name);
    return rc ? failed(c, h, &err) : 0;
}

int verb_pause(struct command *c)
{
    return for_each_home(c, simple);
}

int verb_resume(struct command *c)
{
    return for_each_home(c, simple);
}

int verb_engine(struct command *c)
{
    cleanup_json cJSON *args = cJSON_CreateObject();
    struct err          err  = {0};
    struct home         h;
    int                 status = find_home(c, c->words[0], &h);
    if (status)
        return status;
    json_put_str(args, "engine", c->words[1]);
    int rc = client_ask(h.dir, "engine", args, -1, NULL, &err);
    explain_silence(&h, rc, &err);
    if (rc)
        status = failed(c, &h, &err);
    else
        puts(h.record.name);
    home_done(&h);
    return status;
}

/* ---- waiting ---- */

/* Its monitor has closed the connection, or there is none: the record tells, when it does. */
static int recorded_status(struct home *h, int *status, char *why, size_t room)
{
    home_await_end(h, ANSWER_MS, NULL);
    int rc = home_refresh(h, NULL);
    if (rc == -ENOENT) { /* removed itself, or was killed and removed: too late to know */
        *status = 137;
        snprintf(why, room, "removed");
        return 0;
    }
    if (rc || h->record.life != LIFE_STOPPED)
        return rc ? rc : -EBUSY;
    *status = h->record.exit_status;
    snprintf(why, room, "%s", h->record.exit_why);
    return 0;
}

/* 0, or -ETIMEDOUT, or -EBUSY: it was never started and has no monitor. */
int wait_home(struct home *h, int timeout_ms, int *status, char *why, size_t room)
{
    cleanup_json cJSON *answer = NULL;
    int                 rc     = client_ask(h->dir, "wait", NULL, timeout_ms, &answer, NULL);
    if (rc == -ETIMEDOUT)
        return rc;
    if (rc)
        return recorded_status(h, status, why, room);
    const char *text = json_str(answer, "why");
    *status          = (int)json_u64(answer, "status", EXIT_FAILED);
    snprintf(why, room, "%s", text ? text : "");
    return 0;
}

static int wait_one(struct command *c, struct home *h)
{
    char       why[160];
    int        status;
    struct err err;
    if (wait_home(h, -1, &status, why, sizeof(why))) {
        err_set(&err, EBUSY, "it is %s and has no monitor", life_name(h->record.life));
        return failed(c, h, &err);
    }
    printf("%d\n", status);
    fflush(stdout);
    return 0;
}

int verb_wait(struct command *c)
{
    return for_each_home(c, wait_one);
}

/* ---- stopping ---- */

/* Kills the monitor itself and waits until it is gone; then the record is put right. */
static int kill_monitor(struct home *h, struct err *err)
{
    if (!record_alive(&h->record))
        return 0;
    cleanup_fd int fd = pidfd_open(h->record.pid, 0);
    if (fd < 0 && errno == ESRCH)
        return 0;
    if (fd < 0 || !record_alive(&h->record)) /* the pid was still ours after it was opened */
        return fd < 0 ? err_errno(err, errno, "find its monitor") : 0;
    if (pidfd_send_signal(fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        return err_errno(err, errno, "kill its monitor");
    return home_await_end(h, ANSWER_MS, err);
}

/* SIGKILL: asked first, so that the machine's disks are closed; then the monitor itself. */
static int kill_for_good(struct home *h, struct err *err)
{
    cleanup_json cJSON *args = cJSON_CreateObject();
    char                why[160];
    int                 status;
    json_put_u64(args, "signal", SIGKILL);
    int rc = client_ask(h->dir, "kill", args, ANSWER_MS, NULL, err);
    if (rc == 0 && wait_home(h, ANSWER_MS, &status, why, sizeof(why)) == 0)
        return 0;
    return kill_monitor(h, err);
}

static bool is_over(const struct home *h)
{
    return h->record.life == LIFE_STOPPED || (h->record.life == LIFE_CREATED && h->record.pid == 0);
}

int kill_home(struct command *c, struct home *h, int signal_number)
{
    struct err err = {0};
    int        rc;
    if (is_over(h)) {
        err_set(&err, EBUSY, "it is %s", life_name(h->record.life));
        return failed(c, h, &err);
    }
    if (signal_number == SIGKILL) {
        rc = kill_for_good(h, &err);
    } else {
        cleanup_json cJSON *args = cJSON_CreateObject();
        json_put_u64(args, "signal", (u64)signal_number);
        rc = client_ask(h->dir, "kill", args, ANSWER_MS, NULL, &err);
    }
    return rc ? failed(c, h, &err) : 0;
}

static int kill_one(struct command *c, struct home *h)
{
    const struct kill_own *o      = c->own;
    int                    status = kill_home(c, h, o->signal);
    if (!status)
        puts(h->record.name);
    return status;
}

int verb_kill(struct command *c)
{
    return for_each_home(c, kill_one);
}

static int stop_one(struct command *c, struct home *h)
{
    const struct stop_own *o   = c->own;
    struct err             err = {0};
    char                   why[160];
    int                    status;
    if (!is_over(h)) { /* what has stopped is fine, as with docker */
        int rc = client_ask(h->dir, "stop", NULL, ANSWER_MS, NULL, &err);
        int ms = (int)MIN(o->seconds, 2000000u) * 1000;
        if (rc || wait_home(h, ms, &status, why, sizeof(why)) == -ETIMEDOUT)
            rc = kill_for_good(h, &err);
        if (rc)
            return failed(c, h, &err);
    }
    puts(h->record.name);
    return 0;
}

int verb_stop(struct command *c)
{
    return for_each_home(c, stop_one);
}

/* ---- removing ---- */

static int remove_locked(struct command *c, struct home *h)
{
    struct err     err  = {0};
    cleanup_fd int lock = home_lock(h, &err);
    int            rc   = lock < 0 ? lock : home_refresh(h, &err);
    if (rc == -ENOENT)
        return 0; /* somebody else did it: --rm, or a command at the same time */
    if (!rc && record_alive(&h->record) && h->record.life != LIFE_STOPPED)
        rc = err_set(&err, EBUSY, "it was started again meanwhile");
    if (!rc && strcmp(h->record.kind, "container") == 0)
        container_sweep(h->dir, h->record.id);
    if (!rc)
        rc = home_remove(h, &err);
    return rc ? failed(c, h, &err) : 0;
}

static int rm_one(struct command *c, struct home *h)
{
    const struct rm_own *o    = c->own;
    struct err           err  = {0};
    bool                 busy = h->record.life == LIFE_RUNNING || h->record.life == LIFE_PAUSED;
    if (busy && !o->force) {
        err_set(&err, EBUSY, "it is %s; stop it first, or use -f", life_name(h->record.life));
        return failed(c, h, &err);
    }
    if (!is_over(h) && kill_for_good(h, &err))
        return failed(c, h, &err);
    int status = remove_locked(c, h);
    if (!status)
        puts(h->record.name);
    return status;
}

int verb_rm(struct command *c)
{
    const struct rm_own *o     = c->own;
    int                  worst = 0;
    for (int i = 0; i < c->n_words; i++) {
        cleanup_free char *root = NULL;
        struct home        h;
        struct err         err = {0};
        int                rc  = home_root(&root, &err);
        if (!rc)
            rc = home_find(&h, root, c->words[i], &err);
        if (rc == -ENOENT && o->force)
            continue;
        int status = rc ? complain(c, EXIT_FAILED, &err) : rm_one(c, &h);
        worst      = MAX(worst, status);
        if (!rc)
            home_done(&h);
    }
    return worst;
}

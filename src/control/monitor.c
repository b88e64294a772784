/* control/monitor.c - see monitor.h: a machine's life as its monitor leads it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "control/monitor.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/alloc.h"
#include "base/log.h"
#include "control/events.h"
#include "control/monitor_internal.h"
#include "control/server.h"
#include "vm/clock.h"

#define SECTION   "guise"
#define SIGNALLED 128 /* a shell's way to say that a signal ended it */

/* ---- the record ---- */

static void note(struct monitor *m, const char *event, int status)
{
    struct err err;
    if (m->homeless)
        return;
    if (record_save(&m->home.record, m->home.dir, &err))
        log_error("%s", err.text);
    events_append(m->home.root, m->home.record.id, m->home.record.name, event, status);
}

static void note_life(struct monitor *m, const char *event)
{
    m->home.record.life = m->inst->life;
    note(m, event, -1);
}

/* ---- verbs ---- */

static int has_ended(const struct monitor *m, struct err *err)
{
    if (m->inst && !atomic_load(&m->inst->exiting))
        return 0;
    return err_set(err, EBUSY, "it has stopped");
}

int monitor_start(struct monitor *m, struct err *err)
{
    int rc = has_ended(m, err);
    if (!rc)
        rc = instance_start(m->inst, err);
    if (rc)
        return rc;
    m->home.record.started_ns = clock_host_wall();
    note_life(m, "start");
    return 0;
}

int monitor_pause(struct monitor *m, struct err *err)
{
    int rc = has_ended(m, err);
    if (!rc)
        rc = instance_pause(m->inst, err);
    if (!rc)
        note_life(m, "pause");
    return rc;
}

int monitor_engine(struct monitor *m, const char *name, struct err *err)
{
    int rc = has_ended(m, err);
    if (!rc)
        rc = check_engine(m->inst->kind, name, err);
    if (!rc)
        rc = instance_engine(m->inst, name, err);
    if (rc)
        return rc;
    free(m->spec->engine);
    m->spec->engine = xstrdup(name);
    snprintf(m->home.record.engine, sizeof(m->home.record.engine), "%s", name);
    note_life(m, "engine");
    return 0;
}

int monitor_resume(struct monitor *m, struct err *err)
{
    int rc = has_ended(m, err);
    if (!rc)
        rc = instance_resume(m->inst, err);
    if (rc)
        return rc;
    if (m->home.record.started_ns == 0) /* restored: its first step */
        m->home.record.started_ns = clock_host_wall();
    note_life(m, "resume");
    return 0;
}

/* The machine is not asked any more: its CPUs stop, and it has ended. */
static void end_it(struct monitor *m, int status, const char *why)
{
    if (m->inst->life == LIFE_RUNNING && instance_pause(m->inst, NULL))
        log_debug("kind '%s' cannot be paused before its end", m->inst->kind->name);
    instance_exited(m->inst, status, why);
}

int monitor_kill(struct monitor *m, int sig, struct err *err)
{
    int rc = has_ended(m, err);
    if (rc)
        return rc;
    if (sig < 1 || sig > 64)
        return err_set(err, EINVAL, "there is no signal %d", sig);
    events_append(m->home.root, m->home.record.id, m->home.record.name, "kill", -1);
    bool begun = m->inst->life == LIFE_RUNNING || m->inst->life == LIFE_PAUSED;
    if (sig != SIGKILL && begun) {
        rc = instance_kill(m->inst, sig, err);
        if (rc != -ENOTSUP)
            return rc;
    }
    end_it(m, SIGNALLED + sig, sig == SIGKILL ? "killed" : "ended by a signal");
    return 0;
}

int monitor_stop(struct monitor *m, struct err *err)
{
    int rc = has_ended(m, err);
    if (rc)
        return rc;
    if (m->inst->life == LIFE_CREATED) {
        end_it(m, 0, "stopped before it was started");
        return 0;
    }
    if (m->inst->life == LIFE_PAUSED)
        rc = monitor_resume(m, err);
    if (!rc)
        rc = instance_stop(m->inst, err);
    if (rc == -ENOTSUP || rc == -EOPNOTSUPP)
        rc = monitor_kill(m, SIGTERM, err);
    if (!rc)
        events_append(m->home.root, m->home.record.id, m->home.record.name, "stop", -1);
    return rc;
}

static int save(struct monitor *m, const char *path, struct err *err)
{
    struct snap *snap;
    int          rc = snap_create(&snap, path, err);
    if (rc)
        return rc;
    cleanup_free char *spec = spec_text(m->spec);
    snap_begin(snap, SECTION);
    snap_put_u64(snap, clock_now(m->clock));
    snap_put_str(snap, spec);
    snap_end(snap);
    rc = instance_save(m->inst, snap, err);
    if (!rc)
        rc = snap_commit(snap, err);
    snap_close(snap);
    return rc;
}

int monitor_save(struct monitor *m, const char *path, struct err *err)
{
    int rc = has_ended(m, err);
    if (rc)
        return rc;
    bool was_running = m->inst->life == LIFE_RUNNING;
    if (!m->inst->kind->save)
        return err_set(err, ENOTSUP, "kind '%s' has no snapshot", m->inst->kind->name);
    if (was_running)
        rc = instance_pause(m->inst, err);
    if (rc)
        return rc;
    rc = save(m, path, err);
    if (was_running && !atomic_load(&m->inst->exiting)) {
        int back = instance_resume(m->inst, rc ? NULL : err);
        rc       = rc ? rc : back;
    }
    if (!rc)
        events_append(m->home.root, m->home.record.id, m->home.record.name, "snapshot", -1);
    return rc;
}

int snapshot_header(struct snap *snap, struct spec **spec, u64 *clock_ns, struct err *err)
{
    if (!snap_find(snap, SECTION))
        return err_set(err, EINVAL, "the snapshot does not tell what it is of");
    *clock_ns               = snap_get_u64(snap);
    cleanup_free char *text = snap_get_str(snap);
    if (snap_failed(snap))
        return err_set(err, EINVAL, "the snapshot does not tell what it is of");
    return spec_parse(spec, text, strlen(text), err);
}

static u64 process_cpu_ns(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return ((u64)u.ru_utime.tv_sec + (u64)u.ru_stime.tv_sec) * 1000000000u +
           ((u64)u.ru_utime.tv_usec + (u64)u.ru_stime.tv_usec) * 1000u;
}

static u64 process_rss_bytes(void)
{
    unsigned long size = 0, rss = 0;
    FILE         *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    if (fscanf(f, "%lu %lu", &size, &rss) != 2)
        rss = 0;
    fclose(f);
    return (u64)rss * (u64)sysconf(_SC_PAGESIZE);
}

cJSON *monitor_stats(struct monitor *m)
{
    struct stats all = {0};
    stats_add(&all, process_cpu_ns(), "ns", "monitor.cpu");
    stats_add(&all, process_rss_bytes(), "bytes", "monitor.memory");
    stats_add(&all, m->spec->memory_bytes, "bytes", "machine.memory");
    stats_add(&all, clock_now(m->clock), "ns", "machine.time");
    if (m->inst && m->inst->kind->stats)
        m->inst->kind->stats(m->inst, &all);
    cJSON *rows = cJSON_CreateArray();
    for (unsigned i = 0; i < all.count; i++) {
        cJSON *row = cJSON_CreateObject();
        json_put_str(row, "name", all.rows[i].name);
        json_put_u64(row, "value", all.rows[i].value);
        json_put_str(row, "unit", all.rows[i].unit ? all.rows[i].unit : "");
        cJSON_AddItemToArray(rows, row);
    }
    stats_done(&all);
    return rows;
}

/* ---- the process ---- */

static void on_exit_of_machine(struct instance *inst)
{
    loop_stop(inst->loop, 0);
}

/* Somebody wants this process to end: the machine is asked, the second time it is killed. */
static void on_signal(void *ctx, int fd, u32 events)
{
    struct monitor         *m = ctx;
    struct signalfd_siginfo info;
    (void)events;
    if (read(fd, &info, sizeof(info)) != sizeof(info))
        return;
    log_info("signal %u: stopping", info.ssi_signo);
    if (m->told_to_end || monitor_stop(m, NULL))
        monitor_kill(m, SIGKILL, NULL);
    m->told_to_end = true;
}

/* The state folder is being removed, as a session's is after the last logout: nobody could ever
 * find this instance again. (The folder itself lasts as long as our files in it are open.) */
static void on_folder(void *ctx, int fd, u32 events)
{
    struct monitor    *m    = ctx;
    cleanup_free char *path = xasprintf("%s/state.json", m->home.dir);
    char               scrap[4096];
    (void)events;
    while (read(fd, scrap, sizeof(scrap)) > 0)
        continue;
    if (access(path, F_OK) == 0 || m->homeless)
        return;
    m->homeless = true;
    if (m->inst && !atomic_load(&m->inst->exiting))
        end_it(m, SIGNALLED + SIGKILL, "its state folder was removed");
}

/* A host that has no inotify to spare goes without. */
static void watch_folder(struct monitor *m)
{
    m->folder_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (m->folder_fd < 0)
        return;
    if (inotify_add_watch(m->folder_fd, m->home.dir, IN_DELETE) < 0 ||
        loop_watch(m->loop, m->folder_fd, EPOLLIN, on_folder, m, &m->folder, NULL))
        log_debug("the state folder is not watched");
}

static int watch_signals(struct monitor *m, struct err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (m->signal_fd < 0)
        return err_errno(err, errno, "hear of signals");
    return loop_watch(m->loop, m->signal_fd, EPOLLIN, on_signal, m, &m->signals, err);
}

static int make_instance(struct monitor *m, const struct kind *const *kinds, struct snap *snap,
                         u64 clock_ns, struct err *err)
{
    const struct kind *kind = m->spec->kind ? kind_find(kinds, m->spec->kind) : NULL;
    if (!kind)
        return err_set(err, EINVAL, "there is no kind '%s'", m->spec->kind ? m->spec->kind : "");
    int rc = clock_host_create(&m->clock, m->loop, clock_ns, err);
    if (!rc)
        rc = console_create(&m->console, m->loop, m->home.dir, err);
    if (rc)
        return rc;
    m->inst            = instance_new(kind, m->spec);
    m->inst->loop      = m->loop;
    m->inst->clock     = m->clock;
    m->inst->console   = m->console;
    m->inst->dir       = m->home.dir;
    m->inst->on_exit   = on_exit_of_machine;
    m->inst->restoring = snap != NULL;
    rc                 = instance_create(m->inst, err);
    return rc || !snap ? rc : instance_load(m->inst, snap, err);
}

static int set_up(struct monitor *m, const struct kind *const *kinds, const char *snapshot,
                  struct err *err)
{
    struct snap       *snap     = NULL;
    struct spec       *old      = NULL;
    u64                clock_ns = 0;
    cleanup_free char *config   = xasprintf("%s/config.json", m->home.dir);
    int                rc       = spec_load(&m->spec, config, err);
    if (!rc)
        rc = loop_create(&m->loop, err);
    if (!rc)
        rc = watch_signals(m, err);
    if (!rc && snapshot)
        rc = snap_open(&snap, snapshot, err);
    if (!rc && snapshot)
        rc = snapshot_header(snap, &old, &clock_ns, err);
    if (!rc)
        rc = make_instance(m, kinds, snap, clock_ns, err);
    if (!rc)
        rc = server_create(&m->server, m, err);
    if (!rc)
        watch_folder(m);
    spec_destroy(old);
    snap_close(snap);
    return rc;
}

/* The machine has ended: first it is closed (its disks!), then the record says so, then those
 * who wait hear of it. */
static void wind_up(struct monitor *m)
{
    struct record *r = &m->home.record;
    if (m->spec->stats) {
        cleanup_json cJSON *rows = monitor_stats(m);
        m->last_stats            = json_line(rows);
        log_info("stats: %s", m->last_stats);
    }
    r->life        = LIFE_STOPPED;
    r->exit_status = m->inst->exit_status;
    r->finished_ns = clock_host_wall();
    snprintf(r->exit_why, sizeof(r->exit_why), "%s", m->inst->exit_why);
    instance_destroy(m->inst);
    m->inst = NULL;
    loop_forget(m->loop);
    console_sync(m->console);
    note(m, "die", r->exit_status);
    server_finish(m->server);
    loop_run(m->loop); /* until server_finish is done with everybody */
}

static void tear_down(struct monitor *m)
{
    instance_destroy(m->inst);
    server_destroy(m->server);
    console_destroy(m->console);
    clock_destroy(m->clock);
    loop_unwatch(m->signals);
    loop_unwatch(m->folder);
    if (m->signal_fd >= 0)
        close(m->signal_fd);
    if (m->folder_fd >= 0)
        close(m->folder_fd);
    loop_destroy(m->loop);
    spec_destroy(m->spec);
    free(m->last_stats);
}

static void remove_self(struct monitor *m)
{
    cleanup_fd int lock = home_lock(&m->home, NULL);
    struct record  now;
    /* Unless somebody has started it again since. */
    if (lock >= 0 && record_load(&now, m->home.dir, NULL) == 0 && now.pid == m->home.record.pid &&
        now.life == LIFE_STOPPED)
        home_remove(&m->home, NULL);
}

int monitor_main(struct monitor *m, const struct kind *const *kinds, const char *snapshot,
                 monitor_ready_fn *ready, void *ctx)
{
    struct err     err = {0};
    struct record *r   = &m->home.record;
    int            rc  = set_up(m, kinds, snapshot, &err);
    if (!rc) {
        r->life       = m->inst->life;
        r->pid        = getpid();
        r->pid_start  = process_start(r->pid);
        r->started_ns = r->finished_ns = 0;
        r->exit_status                 = 0;
        r->exit_why[0]                 = 0;
        rc                             = record_save(r, m->home.dir, &err);
    }
    ready(ctx, rc, &err);
    if (!rc) {
        loop_run(m->loop);
        wind_up(m);
    }
    bool remove = !rc && m->spec->auto_remove && !m->homeless;
    tear_down(m);
    if (remove)
        remove_self(m);
    return rc ? 1 : 0;
}

/* machine/machine.c - the life of a machine: the hooks of its kind. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "machine/machine.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "machine/debugger.h"
#include "machine/state.h"

static int check(const struct machine *m, struct err *err)
{
    const struct spec *spec = m->instance.spec;
    if (spec->cpus < 1 || spec->cpus > HARTS_MAX)
        return err_set(err, EINVAL, "%u CPUs: the board takes 1 to %d", spec->cpus, HARTS_MAX);
    if (spec->memory_bytes < m->board->memory_min || spec->memory_bytes > GiB(256))
        return err_set(err, EINVAL, "%llu bytes of memory: the board takes %llu MiB to 256 GiB",
                       (unsigned long long)spec->memory_bytes,
                       (unsigned long long)(m->board->memory_min >> 20));
    if (spec->gdb && !m->board->debugs)
        return err_set(err, ENOTSUP, "--gdb: not with engine %s", spec->engine);
    return 0;
}

static int machine_create(struct instance *instance, struct err *err)
{
    struct machine *m = to_machine(instance);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    m->n_harts = instance->spec->cpus;
    m->stopper = stopper_create(m);
    m->watcher = watcher_create(m);
    console_watch(instance->console, watcher_saw, m->watcher);
    int rc = board_find(&m->board, instance->spec, err);
    if (!rc)
        rc = check(m, err);
    if (!rc)
        rc = m->board->look(m, err);
    if (!rc)
        rc = m->board->build(m, err);
    if (!rc && !instance->restoring)
        rc = m->board->load(m, err);
    if (!rc)
        rc = tracing_start(m, err);
    if (!rc) {
        harts_reset(m);
        rc = harts_start(m, err); /* parked */
    }
    if (!rc)
        rc = debugger_start(m, err);
    return rc;
}

static int machine_run(struct instance *instance, struct err *err)
{
    (void)err;
    debugger_allow(to_machine(instance), true);
    return 0;
}

static int machine_pause(struct instance *instance, struct err *err)
{
    (void)err;
    debugger_allow(to_machine(instance), false);
    return 0;
}

static int machine_engine(struct instance *instance, const char *name, struct err *err)
{
    struct machine *m = to_machine(instance);
    if (!m->board->engine)
        return err_set(err, ENOTSUP, "the board '%s' has one engine only", m->board->name);
    pthread_mutex_lock(&m->lock);
    bool wanted = m->wish == WISH_RUN;
    pthread_mutex_unlock(&m->lock);
    harts_park(m);
    int rc = m->board->engine(m, name, err);
    if (wanted)
        harts_run(m);
    return rc;
}

void machine_ended(struct machine *m, int status, const char *why)
{
    harts_halt(m);
    instance_exited(&m->instance, status, why);
}

void machine_off(void *ctx, int status)
{
    struct machine *m = ctx;
    machine_ended(m, status & 255 ? status & 255 : status != 0,
                  status ? "the guest reported failure" : "power off");
}

void machine_restart(void *ctx)
{
    machine_reset_soon(ctx);
}

static int machine_stop(struct instance *instance, struct err *err)
{
    return stopper_ask(to_machine(instance)->stopper, err);
}

static int machine_kill(struct instance *instance, int signal, struct err *err)
{
    (void)err;
    instance_exited(instance, 128 + signal, "killed");
    return 0;
}

void machine_reset_now(void *ctx)
{
    struct machine *m = ctx;
    struct err      err;
    char            words[160];
    pthread_mutex_lock(&m->lock);
    m->resetting = false;
    bool wanted  = m->wish == WISH_RUN;
    pthread_mutex_unlock(&m->lock);
    if (atomic_load(&m->instance.exiting))
        return;
    if (watcher_panicked(m->watcher, words)) {
        instance_exited(&m->instance, 1, words);
        return;
    }
    harts_park(m);
    bus_reset(m->bus);
    if (m->board->ports)
        bus_reset(m->board->ports(m));
    if (m->board->load(m, &err)) {
        instance_exited(&m->instance, 125, err.text);
        return;
    }
    harts_reset(m);
    if (wanted)
        harts_run(m);
}

void machine_reset_soon(struct machine *m)
{
    pthread_mutex_lock(&m->lock);
    bool first   = !m->resetting;
    m->resetting = true;
    pthread_mutex_unlock(&m->lock);
    if (first)
        loop_post(m->instance.loop, machine_reset_now, m);
}

static int machine_save(struct instance *instance, struct snap *snap, struct err *err)
{
    struct machine *m  = to_machine(instance);
    int             rc = bus_save(m->bus, snap, err);
    if (rc)
        return rc;
    ram_save(m->ram, snap);
    snap_begin(snap, "machine");
    snap_put_u64(snap, m->tohost);
    for (unsigned i = 0; i < m->n_harts; i++) {
        snap_put_u64(snap, m->harts[i].state);
        snap_put_u64(snap, m->harts[i].start_pc);
        snap_put_u64(snap, m->harts[i].start_arg);
    }
    snap_end(snap);
    return m->board->save(m, snap, err);
}

static int load_states(struct machine *m, struct snap *snap, struct err *err)
{
    if (!snap_find(snap, "machine"))
        return err_set(err, EINVAL, "the snapshot is not a machine's");
    m->tohost = snap_get_u64(snap);
    for (unsigned i = 0; i < m->n_harts; i++) {
        u64 state             = snap_get_u64(snap);
        m->harts[i].start_pc  = snap_get_u64(snap);
        m->harts[i].start_arg = snap_get_u64(snap);
        if (state > HART_SUSPENDED || snap_failed(snap))
            return err_set(err, EINVAL, "the snapshot's hart %u is in no state that there is", i);
        m->harts[i].state = (enum hart_state)state;
    }
    return 0;
}

static int machine_load(struct instance *instance, struct snap *snap, struct err *err)
{
    struct machine *m  = to_machine(instance);
    int             rc = ram_load(m->ram, snap, err);
    if (!rc)
        rc = load_states(m, snap, err);
    if (!rc)
        rc = m->board->restore(m, snap, err);
    if (!rc)
        rc = bus_load(m->bus, snap, err);
    return rc;
}

static void bus_stats(const struct bus *bus, struct stats *stats)
{
    struct device *dev;
    for (unsigned i = 0; (dev = bus_device(bus, i)); i++) {
        u64 reads = count_read(&dev->reads), writes = count_read(&dev->writes);
        if (!reads && !writes)
            continue;
        stats_add(stats, reads, "", "%s@%llx.reads", dev->ops->name, (unsigned long long)dev->base);
        stats_add(stats, writes, "", "%s@%llx.writes", dev->ops->name,
                  (unsigned long long)dev->base);
    }
}

static void machine_stats(struct instance *instance, struct stats *stats)
{
    struct machine *m = to_machine(instance);
    for (unsigned i = 0; i < m->n_harts; i++)
        m->board->stats(&m->harts[i], stats);
    bus_stats(m->bus, stats);
    if (m->board->ports)
        bus_stats(m->board->ports(m), stats);
    plugged_stats(m, stats);
}

static void machine_destroy(struct instance *instance)
{
    struct machine *m = to_machine(instance);
    harts_quit(m);
    debugger_stop(m);
    if (m->board && m->board->unplug)
        m->board->unplug(m);
    console_watch(instance->console, NULL, NULL);
    bus_destroy(m->bus);
    for (unsigned i = 0; i < m->n_harts && i < HARTS_MAX; i++)
        if (m->harts[i].vcpu)
            m->harts[i].vcpu->ops->destroy(m->harts[i].vcpu);
    tracing_stop(m);
    if (m->board && m->board->destroy)
        m->board->destroy(m);
    ram_destroy(m->ram);
    watcher_destroy(m->watcher);
    stopper_destroy(m->stopper);
    pthread_cond_destroy(&m->changed);
    pthread_mutex_destroy(&m->lock);
}

static const char *const engines[] = {
    "jit",
    "interp",
#ifdef __x86_64__
    "kvm",
#endif
    NULL,
};

const struct kind machine_kind = {
    .name    = "machine",
    .summary = "a computer: boots an operating system or a bare-metal program",
    .engines = engines,
    .size    = sizeof(struct machine),
    .probe   = machine_probe,
    .create  = machine_create,
    .start   = machine_run,
    .pause   = machine_pause,
    .engine  = machine_engine,
    .resume  = machine_run,
    .stop    = machine_stop,
    .kill    = machine_kill,
    .save    = machine_save,
    .load    = machine_load,
    .stats   = machine_stats,
    .destroy = machine_destroy,
};

/* vm/instance.c - see instance.h: the hooks of a kind, in the order that the life cycle allows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/instance.h"

#include <stdio.h>

#include "base/alloc.h"
#include "vm/clock.h"
#include "vm/kind.h"

struct instance *instance_new(const struct kind *kind, const struct spec *spec)
{
    assert(kind->size >= sizeof(struct instance));
    struct instance *inst = xalloc(kind->size);
    inst->kind            = kind;
    inst->spec            = spec;
    return inst;
}

void instance_destroy(struct instance *inst)
{
    if (!inst)
        return;
    if (inst->kind->destroy)
        inst->kind->destroy(inst);
    free(inst);
}

static int not_offered(const struct instance *inst, const char *verb, struct err *err)
{
    return err_set(err, ENOTSUP, "kind '%s' has no %s", inst->kind->name, verb);
}

int instance_create(struct instance *inst, struct err *err)
{
    enum life to;
    int       rc = life_next(inst->life, LIFE_CREATE, &to, err);
    if (!rc)
        rc = inst->kind->create(inst, err);
    if (!rc)
        inst->life = to;
    return rc;
}

int instance_load(struct instance *inst, struct snap *snap, struct err *err)
{
    enum life to;
    int       rc = life_next(inst->life, LIFE_LOAD, &to, err);
    if (!rc && !inst->kind->load)
        rc = not_offered(inst, "restore", err);
    if (!rc)
        rc = inst->kind->load(inst, snap, err);
    if (!rc)
        inst->life = to;
    return rc;
}

int instance_start(struct instance *inst, struct err *err)
{
    enum life to;
    int       rc = life_next(inst->life, LIFE_START, &to, err);
    if (rc)
        return rc;
    clock_resume(inst->clock);
    rc = inst->kind->start(inst, err);
    if (rc)
        clock_pause(inst->clock);
    else
        inst->life = to;
    return rc;
}

int instance_engine(struct instance *inst, const char *name, struct err *err)
{
    return inst->kind->engine ? inst->kind->engine(inst, name, err)
                              : not_offered(inst, "engine", err);
}

int instance_pause(struct instance *inst, struct err *err)
{
    enum life to;
    int       rc = life_next(inst->life, LIFE_PAUSE, &to, err);
    if (!rc && !inst->kind->pause)
        rc = not_offered(inst, "pause", err);
    if (!rc)
        rc = inst->kind->pause(inst, err);
    if (rc)
        return rc;
    clock_pause(inst->clock);
    inst->life = to;
    return 0;
}

int instance_resume(struct instance *inst, struct err *err)
{
    enum life to;
    int       rc = life_next(inst->life, LIFE_RESUME, &to, err);
    if (!rc && !inst->kind->resume)
        rc = not_offered(inst, "resume", err);
    if (rc)
        return rc;
    clock_resume(inst->clock);
    rc = inst->kind->resume(inst, err);
    if (rc)
        clock_pause(inst->clock);
    else
        inst->life = to;
    return rc;
}

int instance_save(struct instance *inst, struct snap *snap, struct err *err)
{
    enum life to;
    int       rc = life_next(inst->life, LIFE_SAVE, &to, err);
    if (!rc && !inst->kind->save)
        rc = not_offered(inst, "snapshot", err);
    return rc ? rc : inst->kind->save(inst, snap, err);
}

int instance_stop(struct instance *inst, struct err *err)
{
    enum life to;
    int       rc = life_next(inst->life, LIFE_STOP, &to, err);
    if (!rc && !inst->kind->stop)
        rc = not_offered(inst, "stop", err);
    return rc ? rc : inst->kind->stop(inst, err);
}

int instance_kill(struct instance *inst, int signal, struct err *err)
{
    enum life to;
    int       rc = life_next(inst->life, LIFE_KILL, &to, err);
    if (!rc && !inst->kind->kill)
        rc = not_offered(inst, "kill", err);
    return rc ? rc : inst->kind->kill(inst, signal, err);
}

static void on_exited(void *ctx)
{
    struct instance *inst = ctx;
    enum life        to;
    if (life_next(inst->life, LIFE_EXIT, &to, NULL))
        return;
    inst->life = to;
    clock_pause(inst->clock);
    if (inst->on_exit)
        inst->on_exit(inst);
}

void instance_exited(struct instance *inst, int status, const char *why)
{
    if (atomic_exchange(&inst->exiting, true))
        return;
    inst->exit_status = status & 0xff;
    snprintf(inst->exit_why, sizeof(inst->exit_why), "%s", why ? why : "");
    loop_post(inst->loop, on_exited, inst);
}

/* machine/harts.c - the harts' threads: running, parking, starting and stopping.
 *
 * A thread runs its hart while the machine's wish is RUN and the hart is started; otherwise it
 * is parked, waiting on m->changed. Nobody touches a hart's registers unless its thread is
 * parked, or is itself. m->lock guards wishes and states, and is never held while guest code
 * runs or a device is entered. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>

#include "machine/state.h"

/* Waits until there is something to run. False: the thread shall end. */
static bool may_run(struct hart *hart)
{
    struct machine *m = hart->m;
    pthread_mutex_lock(&m->lock);
    while (m->wish == WISH_PARK ||
           (m->wish == WISH_RUN && (hart->state == HART_STOPPED || hart->held))) {
        if (!hart->parked) {
            hart->parked = true;
            m->n_parked++;
            pthread_cond_broadcast(&m->changed);
        }
        pthread_cond_wait(&m->changed, &m->lock);
    }
    if (hart->parked) {
        hart->parked = false;
        m->n_parked--;
    }
    if (m->wish == WISH_RUN && hart->state == HART_START_PENDING)
        m->board->begin(hart);
    bool run = m->wish == WISH_RUN;
    pthread_mutex_unlock(&m->lock);
    return run;
}

static void *hart_thread(void *ctx)
{
    struct hart *hart = ctx;
    char         name[16];
    sigset_t     all;
    snprintf(name, sizeof(name), "hart%u", hart->vcpu->id);
    pthread_setname_np(pthread_self(), name);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (may_run(hart)) {
        struct vcpu_exit exit;
        hart->vcpu->ops->run(hart->vcpu, 0, &exit);
        if (exit.why == VCPU_BREAK)
            machine_hit_break(hart, exit.arg);
        else if (exit.why != VCPU_KICKED)
            hart->m->board->left(hart, &exit);
    }
    return NULL;
}

int harts_start(struct machine *m, struct err *err)
{
    for (unsigned i = 0; i < m->n_harts; i++) {
        int rc = pthread_create(&m->harts[i].thread, NULL, hart_thread, &m->harts[i]);
        if (rc)
            return err_errno(err, rc, "start the thread of hart %u", i);
        m->harts[i].has_thread = true;
    }
    return 0;
}

static void wish(struct machine *m, enum wish w)
{
    pthread_mutex_lock(&m->lock);
    m->wish = w;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    for (unsigned i = 0; i < m->n_harts; i++)
        if (m->harts[i].vcpu)
            m->harts[i].vcpu->ops->kick(m->harts[i].vcpu);
}

void harts_park(struct machine *m)
{
    unsigned threads = 0;
    for (unsigned i = 0; i < m->n_harts; i++)
        threads += m->harts[i].has_thread;
    wish(m, WISH_PARK);
    pthread_mutex_lock(&m->lock);
    while (m->n_parked < threads)
        pthread_cond_wait(&m->changed, &m->lock);
    pthread_mutex_unlock(&m->lock);
}

void harts_halt(struct machine *m)
{
    wish(m, WISH_PARK);
}

void harts_hold(struct machine *m, int but)
{
    pthread_mutex_lock(&m->lock);
    for (unsigned i = 0; i < m->n_harts; i++)
        m->harts[i].held = but >= 0 && i != (unsigned)but;
    pthread_mutex_unlock(&m->lock);
}

void harts_run(struct machine *m)
{
    wish(m, WISH_RUN);
}

void harts_quit(struct machine *m)
{
    wish(m, WISH_QUIT);
    for (unsigned i = 0; i < m->n_harts; i++)
        if (m->harts[i].has_thread) {
            pthread_join(m->harts[i].thread, NULL);
            m->harts[i].has_thread = false;
        }
}

void harts_reset(struct machine *m)
{
    for (unsigned i = 0; i < m->n_harts; i++)
        m->board->reset(&m->harts[i]);
}

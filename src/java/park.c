/* java/park.c - parking, sleeping, interrupting. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "java/vm.h"

static struct timespec until_ns(i64 ns)
{
    i64 at = os_nanos();
    at     = ns > INT64_MAX - at ? INT64_MAX : at + ns;
    return (struct timespec){at / 1000000000, at % 1000000000};
}

static bool interrupted(struct thread *t)
{
    return t->java && AT(t->java, u8, t->vm->k.Thread_interrupted);
}

/* LockSupport.park: TIME is nanoseconds, 0 for no end; absolute, milliseconds since 1970. */
void thread_park(struct thread *t, bool absolute, i64 time)
{
    bool timed = absolute || time > 0;
    i64  ns    = absolute ? (time - os_millis()) * 1000000 : time;
    if (time < 0 || (absolute && ns <= 0) || interrupted(t))
        return;
    struct timespec    until = until_ns(ns);
    enum thread_status was   = thread_set_status(t, timed ? STATUS_PARKED_TIMED : STATUS_PARKED);
    thread_leave(t);
    pthread_mutex_lock(&t->park_lock);
    if (!t->permit && !t->interrupted) {
        if (timed)
            pthread_cond_timedwait(&t->park_cond, &t->park_lock, &until);
        else
            pthread_cond_wait(&t->park_cond, &t->park_lock);
    }
    t->permit = false;
    pthread_mutex_unlock(&t->park_lock);
    thread_enter(t);
    thread_set_status(t, was);
}

void thread_unpark(struct thread *t)
{
    pthread_mutex_lock(&t->park_lock);
    t->permit = true;
    pthread_cond_broadcast(&t->park_cond);
    pthread_mutex_unlock(&t->park_lock);
}

/* False with InterruptedException pending. */
bool thread_sleep(struct thread *t, i64 ns)
{
    if (thread_take_interrupt(t, "sleep interrupted"))
        return false;
    struct timespec    until = until_ns(ns);
    int                err   = 0;
    enum thread_status was   = thread_set_status(t, STATUS_SLEEPING);
    thread_leave(t);
    pthread_mutex_lock(&t->park_lock);
    while (err != ETIMEDOUT && !t->interrupted)
        err = pthread_cond_timedwait(&t->park_cond, &t->park_lock, &until);
    pthread_mutex_unlock(&t->park_lock);
    thread_enter(t);
    thread_set_status(t, was);
    return err == ETIMEDOUT || !thread_take_interrupt(t, "sleep interrupted");
}

/* Thread.interrupt0: the Java field is set already. */
void thread_interrupt(struct thread *t)
{
    t->interrupted = true;
    thread_unpark(t);
    monitor_wake(t);
}

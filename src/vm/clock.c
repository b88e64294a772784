/* vm/clock.c - see clock.h. A heap of timers behind one timerfd on the loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/alloc.h"

struct clock {
    struct loop  *loop;
    struct watch *watch;
    int           fd;
    atomic_ullong offset; /* machine time - host time, when running; machine time, when paused */
    atomic_bool   running;

    pthread_mutex_t lock; /* guards the heap */
    struct timer  **heap; /* heap[0] fires first */
    u32             count, room;
};

static u64 host_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

u64 clock_now(const struct clock *c)
{
    u64 offset = atomic_load_explicit(&c->offset, memory_order_relaxed);
    return atomic_load_explicit(&c->running, memory_order_relaxed)
               ? offset + host_ns(CLOCK_MONOTONIC)
               : offset;
}

u64 clock_wall(const struct clock *c)
{
    (void)c;
    return host_ns(CLOCK_REALTIME);
}

u64 clock_host_monotonic(void)
{
    return host_ns(CLOCK_MONOTONIC);
}

u64 clock_host_wall(void)
{
    return host_ns(CLOCK_REALTIME);
}

static void heap_put(struct clock *c, u32 i, struct timer *t)
{
    c->heap[i] = t;
    t->slot    = i + 1;
}

/* Moves T, whose place is I, up or down to where it belongs. */
static void heap_settle(struct clock *c, u32 i, struct timer *t)
{
    while (i > 0 && c->heap[(i - 1) / 2]->at_ns > t->at_ns) {
        heap_put(c, i, c->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (;;) {
        u32 kid = 2 * i + 1;
        if (kid >= c->count)
            break;
        if (kid + 1 < c->count && c->heap[kid + 1]->at_ns < c->heap[kid]->at_ns)
            kid++;
        if (c->heap[kid]->at_ns >= t->at_ns)
            break;
        heap_put(c, i, c->heap[kid]);
        i = kid;
    }
    heap_put(c, i, t);
}

static void heap_remove(struct clock *c, struct timer *t)
{
    u32 i   = t->slot - 1;
    t->slot = 0;
    if (i != --c->count)
        heap_settle(c, i, c->heap[c->count]);
}

/* Tells the host when to wake us next. The lock is held. */
static void program(struct clock *c)
{
    struct itimerspec when = {0};
    if (c->count > 0 && atomic_load(&c->running)) {
        u64 at   = c->heap[0]->at_ns;
        u64 from = atomic_load(&c->offset);
        u64 host = at - from; /* offset may be "negative": it wraps rightly */
        if (at <= clock_now(c))
            host = 1; /* the past: at once */
        host                  = MIN(host, (u64)INT64_MAX);
        when.it_value.tv_sec  = (time_t)(host / 1000000000u);
        when.it_value.tv_nsec = (long)(host % 1000000000u);
    }
    timerfd_settime(c->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static void on_timer(void *ctx, int fd, u32 events)
{
    struct clock *c = ctx;
    u64           n;
    (void)events;
    if (read(fd, &n, sizeof(n)) < 0) {
        /* Re-armed since: the heap tells. */
    }
    pthread_mutex_lock(&c->lock);
    while (c->count > 0 && atomic_load(&c->running) && c->heap[0]->at_ns <= clock_now(c)) {
        struct timer *t = c->heap[0];
        heap_remove(c, t);
        pthread_mutex_unlock(&c->lock);
        t->fire(t->ctx);
        pthread_mutex_lock(&c->lock);
    }
    program(c);
    pthread_mutex_unlock(&c->lock);
}

int clock_host_create(struct clock **out, struct loop *loop, u64 start_ns, struct err *err)
{
    struct clock *c = xnew(struct clock);
    c->loop         = loop;
    pthread_mutex_init(&c->lock, NULL);
    atomic_store(&c->offset, start_ns);
    c->fd = -1;
    if (!loop) {
        *out = c;
        return 0;
    }
    c->fd  = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int rc = c->fd < 0 ? err_errno(err, errno, "create timer")
                       : loop_watch(loop, c->fd, EPOLLIN, on_timer, c, &c->watch, err);
    if (rc) {
        clock_destroy(c);
        return rc;
    }
    *out = c;
    return 0;
}

void clock_destroy(struct clock *c)
{
    if (!c)
        return;
    loop_unwatch(c->watch);
    if (c->fd >= 0)
        close(c->fd);
    free(c->heap);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void clock_arm(struct clock *c, struct timer *t, u64 at_ns)
{
    pthread_mutex_lock(&c->lock);
    if (t->slot)
        heap_remove(c, t);
    if (c->count == c->room) {
        c->room = c->room ? 2 * c->room : 16;
        c->heap = xrealloc(c->heap, c->room * sizeof(struct timer *));
    }
    t->at_ns = at_ns;
    c->count++;
    heap_settle(c, c->count - 1, t);
    if (t->slot == 1)
        program(c);
    pthread_mutex_unlock(&c->lock);
}

void clock_disarm(struct clock *c, struct timer *t)
{
    pthread_mutex_lock(&c->lock);
    if (t->slot)
        heap_remove(c, t);
    pthread_mutex_unlock(&c->lock);
}

void clock_pause(struct clock *c)
{
    pthread_mutex_lock(&c->lock);
    if (atomic_load(&c->running)) {
        u64 now = clock_now(c);
        atomic_store(&c->running, false);
        atomic_store(&c->offset, now);
        program(c);
    }
    pthread_mutex_unlock(&c->lock);
}

void clock_resume(struct clock *c)
{
    pthread_mutex_lock(&c->lock);
    if (!atomic_load(&c->running)) {
        atomic_store(&c->offset, atomic_load(&c->offset) - host_ns(CLOCK_MONOTONIC));
        atomic_store(&c->running, true);
        program(c);
    }
    pthread_mutex_unlock(&c->lock);
}

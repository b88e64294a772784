/* base/loop.c - see loop.h. epoll, and an eventfd by which other threads get in.
 *
 * A watch that is removed while its events are being handed out is only marked, and freed
 * when the round is over: a stale epoll event never meets freed memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <pthread.h>
#include <sys/eventfd.h>

#include "base/alloc.h"

struct watch {
    struct loop  *loop;
    struct watch *next_dead;
    int           fd;
    watch_fn     *fn; /* NULL: removed */
    void         *ctx;
};

struct post {
    struct post *next;
    post_fn     *fn;
    void        *ctx;
};

struct loop {
    int           epoll, wake;
    struct watch *waker, *dead;
    pthread_t     thread;
    bool          running;

    pthread_mutex_t lock; /* guards the following */
    struct post    *posts, **posts_end;
    bool            stop;
    int             status;
};

/* All that was posted so far; the caller's. */
static struct post *take_posts(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct post *p  = loop->posts;
    loop->posts     = NULL;
    loop->posts_end = &loop->posts;
    pthread_mutex_unlock(&loop->lock);
    return p;
}

static void on_wake(void *ctx, int fd, u32 events)
{
    struct loop *loop = ctx;
    u64          n;
    (void)events;
    if (read(fd, &n, sizeof(n)) < 0) {
        /* Somebody else's wake-up was read before: nothing is lost, the list tells. */
    }
    struct post *p = take_posts(loop);
    while (p) {
        struct post *next = p->next;
        p->fn(p->ctx);
        free(p);
        p = next;
    }
}

static void wake(struct loop *loop)
{
    u64 one = 1;
    if (write(loop->wake, &one, sizeof(one)) < 0) {
        /* EAGAIN: the counter is full, so the loop is waking up anyway. */
    }
}

int loop_create(struct loop **out, struct err *err)
{
    struct loop *loop = xnew(struct loop);
    pthread_mutex_init(&loop->lock, NULL);
    loop->posts_end = &loop->posts;
    loop->epoll     = epoll_create1(EPOLL_CLOEXEC);
    loop->wake      = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc          = 0;
    if (loop->epoll < 0 || loop->wake < 0)
        rc = err_errno(err, errno, "create event loop");
    if (!rc)
        rc = loop_watch(loop, loop->wake, EPOLLIN, on_wake, loop, &loop->waker, err);
    if (rc) {
        loop_destroy(loop);
        return rc;
    }
    *out = loop;
    return 0;
}

static void bury(struct loop *loop)
{
    while (loop->dead) {
        struct watch *w = loop->dead;
        loop->dead      = w->next_dead;
        free(w);
    }
}

void loop_destroy(struct loop *loop)
{
    if (!loop)
        return;
    loop_unwatch(loop->waker);
    bury(loop);
    while (loop->posts) {
        struct post *p = loop->posts;
        loop->posts    = p->next;
        free(p);
    }
    if (loop->epoll >= 0)
        close(loop->epoll);
    if (loop->wake >= 0)
        close(loop->wake);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

int loop_watch(struct loop *loop, int fd, u32 events, watch_fn *fn, void *ctx, struct watch **out,
               struct err *err)
{
    struct watch *w       = xnew(struct watch);
    *w                    = (struct watch){.loop = loop, .fd = fd, .fn = fn, .ctx = ctx};
    struct epoll_event ev = {.events = events, .data.ptr = w};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
        int code = errno;
        free(w);
        return err_errno(err, code, "watch descriptor %d", fd);
    }
    *out = w;
    return 0;
}

void loop_rewatch(struct watch *w, u32 events)
{
    struct epoll_event ev = {.events = events, .data.ptr = w};
    if (w->fn)
        epoll_ctl(w->loop->epoll, EPOLL_CTL_MOD, w->fd, &ev);
}

void loop_unwatch(struct watch *w)
{
    if (!w || !w->fn)
        return;
    epoll_ctl(w->loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    w->fn         = NULL;
    w->next_dead  = w->loop->dead;
    w->loop->dead = w;
}

void loop_forget(struct loop *loop)
{
    struct post *p = take_posts(loop);
    while (p) {
        struct post *next = p->next;
        free(p);
        p = next;
    }
}

void loop_post(struct loop *loop, post_fn *fn, void *ctx)
{
    struct post *p = xnew(struct post);
    *p             = (struct post){.fn = fn, .ctx = ctx};
    pthread_mutex_lock(&loop->lock);
    *loop->posts_end = p;
    loop->posts_end  = &p->next;
    pthread_mutex_unlock(&loop->lock);
    wake(loop);
}

bool loop_is_here(const struct loop *loop)
{
    return loop->running && pthread_equal(loop->thread, pthread_self());
}

void loop_stop(struct loop *loop, int status)
{
    pthread_mutex_lock(&loop->lock);
    loop->stop   = true;
    loop->status = status;
    pthread_mutex_unlock(&loop->lock);
    wake(loop);
}

static bool told_to_stop(struct loop *loop, int *status)
{
    pthread_mutex_lock(&loop->lock);
    bool stop = loop->stop;
    *status   = loop->status;
    if (stop)
        loop->stop = false;
    pthread_mutex_unlock(&loop->lock);
    return stop;
}

int loop_run(struct loop *loop)
{
    int status;
    loop->thread  = pthread_self();
    loop->running = true;
    while (!told_to_stop(loop, &status)) {
        struct epoll_event events[32];
        int                n = epoll_wait(loop->epoll, events, ARRAY_SIZE(events), -1);
        for (int i = 0; i < n; i++) {
            struct watch *w = events[i].data.ptr;
            if (w->fn)
                w->fn(w->ctx, w->fd, events[i].events);
        }
        bury(loop);
    }
    loop->running = false;
    return status;
}

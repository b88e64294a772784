/* device/host/disk.c - see disk.h. Threads: the disk's own does system calls and nothing else;
 * submitters append to a list under the lock; the loop thread takes the finished ones. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/host/disk.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"

struct list {
    struct disk_request *first, **end;
};

struct disk {
    struct image      *image;
    struct clock      *clock;
    struct disk_timing timing;
    char              *path;
    pthread_t          thread;

    pthread_mutex_t lock; /* guards all below, but waiting */
    pthread_cond_t  work, idle;
    struct list     todo, finished;
    struct timer    answers; /* armed while there are finished ones */
    bool            busy, quit;
    bool            complained; /* an I/O error was logged */
    u64             count[DISK_OPS], bytes_moved[DISK_OPS], errors;

    struct list   waiting; /* loop thread: their timers run */
    struct spread late;    /* loop thread: by how many ns they came later than they should */
};

static void list_init(struct list *l)
{
    *l = (struct list){NULL, &l->first};
}

static void list_add(struct list *l, struct disk_request *r)
{
    r->next = NULL;
    *l->end = r;
    l->end  = &r->next;
}

static struct disk_request *list_take(struct list *l)
{
    struct disk_request *r = l->first;
    if (r && !(l->first = r->next))
        l->end = &l->first;
    return r;
}

static void list_remove(struct list *l, struct disk_request *r)
{
    for (struct disk_request **at = &l->first; *at; at = &(*at)->next)
        if (*at == r) {
            *at = r->next;
            if (!r->next)
                l->end = at;
            return;
        }
}

static int carry_out(struct image *image, const struct disk_request *r)
{
    switch (r->op) {
    case DISK_READ:
        return image_read(image, r->off, r->iov, r->n_iov);
    case DISK_WRITE:
        return image_write(image, r->off, r->iov, r->n_iov);
    case DISK_FLUSH:
        return image_flush(image);
    case DISK_DISCARD:
        return image_discard(image, r->off, r->len);
    case DISK_ZERO:
        return image_zero(image, r->off, r->len, r->may_unmap);
    default:
        return -EINVAL;
    }
}

static u64 request_bytes(const struct disk_request *r)
{
    u64 len = r->op == DISK_DISCARD || r->op == DISK_ZERO ? r->len : 0;
    for (unsigned i = 0; i < r->n_iov; i++)
        len += r->iov[i].iov_len;
    return len;
}

static void deliver(struct disk *d, struct disk_request *r)
{
    list_remove(&d->waiting, r);
    r->done(r, r->result);
}

static void fired(void *ctx)
{
    struct disk_request *r   = ctx;
    u64                  now = clock_now(r->disk->clock);
    spread_add(&r->disk->late, now > r->timer.at_ns ? now - r->timer.at_ns : 0);
    deliver(r->disk, r);
}

/* Takes what the thread has finished, and starts the timers of those that cost time. */
static void collect(struct disk *d)
{
    pthread_mutex_lock(&d->lock);
    struct disk_request *r = d->finished.first;
    list_init(&d->finished);
    pthread_mutex_unlock(&d->lock);

    for (struct disk_request *next; r; r = next) {
        next = r->next;
        list_add(&d->waiting, r);
        const struct disk_timing *t = &d->timing;
        u64 until = t->until ? t->until(t->ctx, r, r->since, request_bytes(r)) : 0;
        r->timer  = (struct timer){.fire = fired, .ctx = r};
        u64 now   = clock_now(d->clock);
        if (until > now) {
            clock_arm(d->clock, &r->timer, until);
            continue;
        }
        if (t->until)
            spread_add(&d->late, now - until);
        deliver(d, r);
    }
}

static void disk_free(struct disk *d)
{
    pthread_cond_destroy(&d->work);
    pthread_cond_destroy(&d->idle);
    pthread_mutex_destroy(&d->lock);
    free(d->path);
    free(d);
}

static void answers_due(void *ctx)
{
    collect(ctx);
}

/* Lock held. The machine's clock calls for the answers: while it stands still, nobody does. */
static void finish(struct disk *d, struct disk_request *r)
{
    d->count[r->op]++;
    d->bytes_moved[r->op] += request_bytes(r);
    if (r->result) {
        d->errors++;
        if (!d->complained)
            log_error("disk '%s': %s; the guest sees I/O errors", d->path, strerror(-r->result));
        d->complained = true;
    }
    if (!d->finished.first)
        clock_arm(d->clock, &d->answers, clock_now(d->clock));
    list_add(&d->finished, r);
}

static void *disk_main(void *ctx)
{
    struct disk *d = ctx;
    pthread_mutex_lock(&d->lock);
    for (;;) {
        struct disk_request *r = list_take(&d->todo);
        if (!r && d->quit)
            break;
        if (!r) {
            d->busy = false;
            pthread_cond_broadcast(&d->idle);
            pthread_cond_wait(&d->work, &d->lock);
            continue;
        }
        d->busy = true;
        pthread_mutex_unlock(&d->lock);
        r->result = carry_out(d->image, r);
        pthread_mutex_lock(&d->lock);
        finish(d, r);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static int start_thread(struct disk *d)
{
    sigset_t all, old; /* signals are the loop thread's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&d->thread, NULL, disk_main, d);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

int disk_open(struct disk **out, const struct disk_config *config, struct err *err)
{
    struct image    *image;
    struct image_how how = {config->format, config->read_only, 0};
    int              rc  = image_open(&image, config->path, &how, err);
    if (rc)
        return rc;
    struct disk *d = xnew(struct disk);
    d->image       = image;
    d->clock       = config->clock;
    d->path        = xstrdup(config->path);
    d->answers     = (struct timer){.fire = answers_due, .ctx = d};
    if (config->timing)
        d->timing = *config->timing;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->work, NULL);
    pthread_cond_init(&d->idle, NULL);
    list_init(&d->todo);
    list_init(&d->finished);
    list_init(&d->waiting);
    rc = start_thread(d);
    if (rc) {
        image_close(image);
        disk_free(d);
        return err_errno(err, rc, "disk '%s': start a thread", config->path);
    }
    *out = d;
    return 0;
}

void disk_close(struct disk *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->quit = true;
    pthread_cond_signal(&d->work);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    clock_disarm(d->clock, &d->answers);
    for (struct disk_request *r; (r = list_take(&d->waiting));)
        clock_disarm(d->clock, &r->timer);
    image_close(d->image);
    if (d->timing.destroy)
        d->timing.destroy(d->timing.ctx);
    disk_free(d);
}

void disk_time(struct disk *d, const struct disk_timing *timing)
{
    d->timing = *timing;
}

u64 disk_bytes(const struct disk *d)
{
    return d->image->bytes;
}

bool disk_read_only(const struct disk *d)
{
    return d->image->read_only;
}

u32 disk_cluster_bytes(const struct disk *d)
{
    return d->image->cluster_bytes;
}

void disk_submit(struct disk *d, struct disk_request *r)
{
    r->disk  = d;
    r->since = clock_now(d->clock);
    pthread_mutex_lock(&d->lock);
    list_add(&d->todo, r);
    d->busy = true;
    pthread_cond_signal(&d->work);
    pthread_mutex_unlock(&d->lock);
}

void disk_quiesce(struct disk *d)
{
    pthread_mutex_lock(&d->lock);
    while (d->busy)
        pthread_cond_wait(&d->idle, &d->lock);
    pthread_mutex_unlock(&d->lock);
}

void disk_drain(struct disk *d)
{
    disk_quiesce(d);
    clock_disarm(d->clock, &d->answers);
    collect(d);
    for (struct disk_request *r; (r = d->waiting.first);) {
        clock_disarm(d->clock, &r->timer);
        deliver(d, r);
    }
}

void disk_stats(struct disk *d, const char *name, struct stats *stats)
{
    static const char *const names[DISK_OPS] = {
        [DISK_READ] = "read",       [DISK_WRITE] = "write", [DISK_FLUSH] = "flush",
        [DISK_DISCARD] = "discard", [DISK_ZERO] = "zero",
    };
    pthread_mutex_lock(&d->lock);
    for (unsigned op = 0; op < DISK_OPS; op++) {
        stats_add(stats, d->count[op], "", "%s.%s.requests", name, names[op]);
        stats_add(stats, d->bytes_moved[op], "bytes", "%s.%s.bytes", name, names[op]);
    }
    stats_add(stats, d->errors, "", "%s.errors", name);
    pthread_mutex_unlock(&d->lock);
    if (d->timing.until) {
        char prefix[64];
        snprintf(prefix, sizeof(prefix), "%s.late", name);
        stats_add_spread(stats, &d->late, "ns", prefix);
    }
    if (d->timing.stats)
        d->timing.stats(d->timing.ctx, name, stats);
}

/* device/host/delayed.c - a cable before another one, on which frames take their time (net.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "device/host/net.h"
#include "vm/clock.h"

enum { FRAMES_MAX = 4096 }; /* on the way in one direction; more are dropped, as queues do */

struct frame {
    struct frame     *next;
    u64               at;
    struct net_header header;
    size_t            len;
    u8                data[];
};

/* Frames on the way, the first to arrive in front. */
struct way {
    struct delayed *net;
    struct frame   *first;
    unsigned        count;
    struct timer    timer;
    bool (*hand_over)(struct delayed *, struct frame *); /* false: no room now */
    bool towards_guest;
};

struct delayed {
    struct netdev     net;
    struct netdev    *inner;
    struct clock     *clock;
    struct net_timing timing;
    struct way        out, in;
};

static bool hand_out(struct delayed *d, struct frame *f)
{
    d->inner->ops->send(d->inner, &f->header, f->data, f->len);
    return true;
}

static bool hand_in(struct delayed *d, struct frame *f)
{
    return !d->net.receive || d->net.receive(d->net.ctx, &f->header, f->data, f->len);
}

/* Those that have arrived; then the timer waits for the next. */
static void arrive(void *ctx)
{
    struct way     *w = ctx;
    struct delayed *d = w->net;
    struct frame   *f;
    while ((f = w->first) && f->at <= clock_now(d->clock)) {
        if (!w->hand_over(d, f))
            return; /* ready() calls again */
        w->first = f->next;
        w->count--;
        free(f);
    }
    if (f)
        clock_arm(d->clock, &w->timer, f->at);
}

static void put_on(struct way *w, const struct net_header *header, const u8 *data, size_t len)
{
    struct delayed *d   = w->net;
    u64             now = clock_now(d->clock);
    u64             at  = d->timing.until(d->timing.ctx, w->towards_guest, now, len);
    struct frame  **to  = &w->first;
    if (!at || w->count == FRAMES_MAX) {
        d->net.dropped++;
        return;
    }
    struct frame *f = xalloc(sizeof(*f) + len);
    f->at           = at;
    f->header       = *header;
    f->len          = len;
    memcpy(f->data, data, len);
    while (*to && (*to)->at <= at)
        to = &(*to)->next;
    f->next = *to;
    *to     = f;
    w->count++;
    if (w->first == f)
        clock_arm(d->clock, &w->timer, at);
}

static void delayed_send(struct netdev *net, const struct net_header *header, u8 *frame, size_t len)
{
    put_on(&container_of(net, struct delayed, net)->out, header, frame, len);
}

static bool from_inner(void *ctx, const struct net_header *header, u8 *frame, size_t len)
{
    struct delayed *d = ctx;
    put_on(&d->in, header, frame, len);
    return true;
}

static void delayed_ready(struct netdev *net)
{
    arrive(&container_of(net, struct delayed, net)->in);
}

static void delayed_takes(struct netdev *net, unsigned ability)
{
    struct netdev *inner = container_of(net, struct delayed, net)->inner;
    if (inner->ops->takes)
        inner->ops->takes(inner, ability);
}

static void way_done(struct way *w)
{
    clock_disarm(w->net->clock, &w->timer);
    for (struct frame *f; (f = w->first);) {
        w->first = f->next;
        free(f);
    }
}

static void delayed_close(struct netdev *net)
{
    struct delayed *d = container_of(net, struct delayed, net);
    way_done(&d->out);
    way_done(&d->in);
    netdev_close(d->inner);
    if (d->timing.destroy)
        d->timing.destroy(d->timing.ctx);
    free(d);
}

static const struct netdev_ops delayed_ops = {
    .name  = "delayed",
    .send  = delayed_send,
    .ready = delayed_ready,
    .takes = delayed_takes,
    .close = delayed_close,
};

static void way_init(struct way *w, struct delayed *d, bool towards_guest)
{
    w->net           = d;
    w->towards_guest = towards_guest;
    w->hand_over     = towards_guest ? hand_in : hand_out;
    w->timer         = (struct timer){.fire = arrive, .ctx = w};
}

struct netdev *net_delayed(struct netdev *inner, struct clock *clock,
                           const struct net_timing *timing)
{
    struct delayed *d = xnew(struct delayed);
    d->net    = (struct netdev){.ops = &delayed_ops, .does = inner->does, .leaves = inner->leaves};
    d->inner  = inner;
    d->clock  = clock;
    d->timing = *timing;
    way_init(&d->out, d, false);
    way_init(&d->in, d, true);
    inner->receive = from_inner;
    inner->ctx     = d;
    return &d->net;
}

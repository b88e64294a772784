/* device/host/user-net.c - NAT without privileges: libslirp turns frames into the host's sockets.
 *
 * All on the loop thread. libslirp has its own idea of polling: after everything that it did, it
 * is asked which descriptors it waits for (refresh), and the loop's watches follow. It tells
 * before it closes one, so that no watch outlives its descriptor. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "device/host/kick.h"
#include "device/host/net.h"
#include "vm/clock.h"
#include "vm/spec.h"

enum { FDS_MAX = 1024, HELD_MAX = 512 };
#define NS_PER_MS 1000000ull

struct watched {
    int           fd;
    u32           events;
    bool          wanted;
    struct watch *watch;
};

struct held {
    struct held      *next;
    struct net_header header;
    size_t            len;
    u8                frame[];
};

struct user_net {
    struct netdev   net;
    struct loop    *loop;
    struct clock   *clock;
    Slirp          *slirp;
    struct kick    *again; /* somebody changed something: refresh */
    struct timer    timeout;
    struct watched  watched[FDS_MAX];
    unsigned        n_watched;
    struct pollfd   polls[FDS_MAX];
    unsigned        n_polls;
    unsigned        taken;            /* what the receiver takes off our hands: abilities */
    struct net_join join;             /* what slirp made in one go becomes few frames */
    struct held    *held, **held_end; /* frames for a receiver without room */
    unsigned        n_held;
};

struct slirp_timer {
    struct user_net *u;
    struct timer     timer;
    SlirpTimerId     id;
    void            *opaque;
};

static struct user_net *to_user(struct netdev *net)
{
    return container_of(net, struct user_net, net);
}

/* --- to the guest --- */

static void hold(struct user_net *u, const struct net_header *header, const u8 *frame, size_t len)
{
    if (u->n_held == HELD_MAX) {
        u->net.dropped++;
        return;
    }
    struct held *h = xalloc(sizeof(*h) + len);
    h->header      = *header;
    h->len         = len;
    memcpy(h->frame, frame, len);
    *u->held_end = h;
    u->held_end  = &h->next;
    u->n_held++;
}

static void hand_on(struct user_net *u, const struct net_header *header, u8 *frame, size_t len)
{
    if (!u->net.receive)
        u->net.dropped++;
    else if (u->held || !u->net.receive(u->net.ctx, header, frame, len))
        hold(u, header, frame, len);
}

static void hand_on_joined(struct user_net *u)
{
    if (!u->join.segments)
        return;
    net_join_finish(&u->join);
    hand_on(u, &u->join.header, u->join.frame, u->join.len);
    u->join.segments = 0;
}

/* --- polling --- */

static const struct {
    int slirp;
    u32 epoll;
    i16 poll;
} events_map[] = {
    {SLIRP_POLL_IN, EPOLLIN, POLLIN},    {SLIRP_POLL_OUT, EPOLLOUT, POLLOUT},
    {SLIRP_POLL_PRI, EPOLLPRI, POLLPRI}, {SLIRP_POLL_ERR, EPOLLERR, POLLERR},
    {SLIRP_POLL_HUP, EPOLLHUP, POLLHUP},
};

static int add_poll(int fd, int events, void *opaque)
{
    struct user_net *u = opaque;
    if (u->n_polls == FDS_MAX)
        return -1;
    struct pollfd *p = &u->polls[u->n_polls];
    *p               = (struct pollfd){.fd = fd};
    for (unsigned i = 0; i < ARRAY_SIZE(events_map); i++)
        if (events & events_map[i].slirp)
            p->events |= events_map[i].poll;
    return (int)u->n_polls++;
}

static int get_revents(int index, void *opaque)
{
    struct user_net *u      = opaque;
    int              result = 0;
    if (index < 0)
        return 0;
    for (unsigned i = 0; i < ARRAY_SIZE(events_map); i++)
        if (u->polls[index].revents & events_map[i].poll)
            result |= events_map[i].slirp;
    return result;
}

static void poll_now(struct user_net *u);

static void fd_event(void *ctx, int fd, u32 events)
{
    (void)fd;
    (void)events;
    poll_now(ctx);
}

static void timed_out(void *ctx)
{
    poll_now(ctx);
}

static struct watched *find_watched(struct user_net *u, int fd)
{
    for (unsigned i = 0; i < u->n_watched; i++)
        if (u->watched[i].fd == fd)
            return &u->watched[i];
    return NULL;
}

static void forget(struct user_net *u, struct watched *w)
{
    loop_unwatch(w->watch);
    *w = u->watched[--u->n_watched];
}

static void want(struct user_net *u, const struct pollfd *p)
{
    u32 events = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(events_map); i++)
        if (p->events & events_map[i].poll)
            events |= events_map[i].epoll;
    struct watched *w = find_watched(u, p->fd);
    if (!w) {
        struct watch *watch;
        if (u->n_watched == FDS_MAX ||
            loop_watch(u->loop, p->fd, events, fd_event, u, &watch, NULL) < 0)
            return;
        w  = &u->watched[u->n_watched++];
        *w = (struct watched){p->fd, events, true, watch};
    } else if (w->events != events) {
        loop_rewatch(w->watch, events);
        w->events = events;
    }
    w->wanted = true;
}

/* Asks slirp what it waits for, and makes the loop wait for the same. */
static void refresh(struct user_net *u)
{
    u32 timeout_ms = UINT32_MAX;
    u->n_polls     = 0;
    hand_on_joined(u);
    slirp_pollfds_fill(u->slirp, &timeout_ms, add_poll, u);
    for (unsigned i = 0; i < u->n_watched; i++)
        u->watched[i].wanted = false;
    for (unsigned i = 0; i < u->n_polls; i++)
        want(u, &u->polls[i]);
    for (unsigned i = u->n_watched; i-- > 0;)
        if (!u->watched[i].wanted)
            forget(u, &u->watched[i]);
    if (timeout_ms != UINT32_MAX)
        clock_arm(u->clock, &u->timeout, clock_now(u->clock) + timeout_ms * NS_PER_MS);
    else
        clock_disarm(u->clock, &u->timeout);
}

static void poll_now(struct user_net *u)
{
    u32 timeout_ms = 0;
    u->n_polls     = 0;
    slirp_pollfds_fill(u->slirp, &timeout_ms, add_poll, u);
    int ready = poll(u->polls, u->n_polls, 0);
    slirp_pollfds_poll(u->slirp, ready < 0, get_revents, u);
    refresh(u);
}

static void refresh_again(void *ctx)
{
    refresh(ctx);
}

/* --- what slirp calls --- */

/* Slirp has computed all checksums itself. */
static ssize_t cb_send(const void *frame, size_t len, void *opaque)
{
    struct user_net        *u     = opaque;
    const struct net_header whole = {.flags = u->taken & NET_CSUM ? NET_DATA_VALID : 0};
    u8                     *mine  = u->join.frame; /* free once the joined one is handed on */
    if (len > sizeof(u->join.frame)) {
        u->net.dropped++;
        return (ssize_t)len;
    }
    if (net_join_add(&u->join, u->taken, frame, len))
        return (ssize_t)len;
    hand_on_joined(u);
    if (net_join_add(&u->join, u->taken, frame, len))
        return (ssize_t)len;
    memcpy(mine, frame, len);
    hand_on(u, &whole, mine, len);
    return (ssize_t)len;
}

static void cb_guest_error(const char *what, void *opaque)
{
    (void)what; /* the guest's mistake: not a line of log each time */
    (void)opaque;
}

static int64_t cb_clock(void *opaque)
{
    return (int64_t)clock_now(((struct user_net *)opaque)->clock);
}

static void timer_fired(void *ctx)
{
    struct slirp_timer *t = ctx;
    struct user_net    *u = t->u;
    slirp_handle_timer(u->slirp, t->id, t->opaque);
    refresh(u);
}

static void *cb_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
    struct slirp_timer *t = xnew(struct slirp_timer);
    *t                    = (struct slirp_timer){.u = opaque, .id = id, .opaque = cb_opaque};
    t->timer              = (struct timer){.fire = timer_fired, .ctx = t};
    return t;
}

static void cb_timer_free(void *timer, void *opaque)
{
    struct slirp_timer *t = timer;
    (void)opaque;
    clock_disarm(t->u->clock, &t->timer);
    free(t);
}

static void cb_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    struct slirp_timer *t = timer;
    (void)opaque;
    clock_arm(t->u->clock, &t->timer, (u64)MAX(expire_ms, 0) * NS_PER_MS);
}

static void cb_register(int fd, void *opaque)
{
    (void)fd;
    (void)opaque;
}

static void cb_unregister(int fd, void *opaque)
{
    struct user_net *u = opaque;
    struct watched  *w = find_watched(u, fd);
    if (w)
        forget(u, w);
}

static void cb_notify(void *opaque)
{
    kick(((struct user_net *)opaque)->again);
}

static const SlirpCb callbacks = {
    .send_packet        = cb_send,
    .guest_error        = cb_guest_error,
    .clock_get_ns       = cb_clock,
    .timer_new_opaque   = cb_timer_new,
    .timer_free         = cb_timer_free,
    .timer_mod          = cb_timer_mod,
    .register_poll_fd   = cb_register,
    .unregister_poll_fd = cb_unregister,
    .notify             = cb_notify,
};

/* --- the cable --- */

/* Slirp takes TCP segments of any size that IP has: what was to be cut need not be. */
static void user_send(struct netdev *net, const struct net_header *header, u8 *frame, size_t len)
{
    struct user_net *u = to_user(net);
    if (!net_finish_csum(header, frame, len)) {
        net->dropped++;
        return;
    }
    slirp_input(u->slirp, frame, (int)len);
    kick(u->again); /* once for many frames */
}

static void user_takes(struct netdev *net, unsigned abilities)
{
    to_user(net)->taken = abilities;
}

static void user_ready(struct netdev *net)
{
    struct user_net *u = to_user(net);
    while (u->held && net->receive &&
           net->receive(net->ctx, &u->held->header, u->held->frame, u->held->len)) {
        struct held *h = u->held;
        u->held        = h->next;
        if (!u->held)
            u->held_end = &u->held;
        u->n_held--;
        free(h);
    }
}

static void user_close(struct netdev *net)
{
    struct user_net *u = to_user(net);
    if (u->slirp)
        slirp_cleanup(u->slirp);
    while (u->n_watched)
        forget(u, &u->watched[u->n_watched - 1]);
    clock_disarm(u->clock, &u->timeout);
    for (struct held *h; (h = u->held);) {
        u->held = h->next;
        free(h);
    }
    kick_destroy(u->again);
    free(u);
}

static const struct netdev_ops ops = {
    .name  = "user",
    .send  = user_send,
    .ready = user_ready,
    .takes = user_takes,
    .close = user_close,
};

void netdev_close(struct netdev *net)
{
    if (net)
        net->ops->close(net);
}

static int forward(struct user_net *u, const struct spec_port *p, struct err *err)
{
    struct in_addr host = {htonl(INADDR_ANY)}, guest = {0};
    if (p->host_ip && inet_pton(AF_INET, p->host_ip, &host) != 1)
        return err_set(err, EINVAL, "publish %s:%u: not an IPv4 address", p->host_ip, p->host);
    if (slirp_add_hostfwd(u->slirp, p->udp, host, p->host, guest, p->guest) < 0)
        return err_errno(err, errno, "publish port %u", p->host);
    return 0;
}

static struct in_addr address(u8 last)
{
    return (struct in_addr){htonl(10u << 24 | 2 << 8 | last)};
}

int net_user_open(struct netdev **out, struct loop *loop, struct clock *clock,
                  const struct spec_port *ports, unsigned n_ports, struct err *err)
{
    struct user_net *u = xnew(struct user_net);
    u->net.ops         = &ops;
    u->net.does        = NET_CSUM | NET_TSO4; /* it drops IPv6 packets larger than its MTU */
    u->net.leaves      = NET_CSUM | NET_TSO4 | NET_TSO6;
    u->loop            = loop;
    u->clock           = clock;
    u->held_end        = &u->held;
    u->timeout         = (struct timer){.fire = timed_out, .ctx = u};
    u->again           = kick_create(loop, refresh_again, u);
    SlirpConfig config = {
        .version     = 4,
        .in_enabled  = true,
        .vnetwork    = address(0),
        .vnetmask    = {htonl(0xffffff00)},
        .vhost       = address(2),
        .in6_enabled = true,
        .vprefix_len = 64,
        .vhostname   = "guise",
        .vdhcp_start = address(15),
        .vnameserver = address(3),
    };
    inet_pton(AF_INET6, "fec0::", &config.vprefix_addr6);
    inet_pton(AF_INET6, "fec0::2", &config.vhost6);
    inet_pton(AF_INET6, "fec0::3", &config.vnameserver6);
    u->slirp = slirp_new(&config, &callbacks, u);
    int rc   = u->slirp ? 0 : err_set(err, EIO, "libslirp does not start");
    for (unsigned i = 0; !rc && i < n_ports; i++)
        rc = forward(u, &ports[i], err);
    if (rc) {
        user_close(&u->net);
        return rc;
    }
    refresh(u);
    *out = &u->net;
    return 0;
}

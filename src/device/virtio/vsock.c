/* device/virtio/vsock.c - sockets between guest and host (virtio 1.2, 5.10), streams only.
 *
 * The host's side are Unix sockets in a folder, as Firecracker has them: see devices.h. All
 * connections live on the loop thread; notify and reset (vCPUs' threads) only ask it to look.
 * Nothing is read from a host's socket before the guest has a buffer and credit for it; what
 * the guest sends is held up to the room that we told it (5.10.6.3). A snapshot has no
 * connections: the guest is told of a transport reset after it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "device/host/kick.h"
#include "device/virtio/devices.h"

enum { RX, TX, EVENT };
enum {
    OP_REQUEST = 1,
    OP_RESPONSE,
    OP_RST,
    OP_SHUTDOWN,
    OP_RW,
    OP_CREDIT_UPDATE,
    OP_CREDIT_REQUEST
};
enum { TYPE_STREAM = 1, SHUT_RECEIVE = 1, SHUT_SEND = 2, HOST_CID = 2 };
enum {
    ROOM           = 256 * 1024,
    CONNS_MAX      = 1024,
    REPLIES_MAX    = 256,
    LINE_MAX_BYTES = 32,
    READ_MAX       = 65536
};
enum { FIRST_PORT = 1 << 30 };

struct packet { /* 5.10.6 */
    u64 src_cid, dst_cid;
    u32 src_port, dst_port, len;
    u16 type, op;
    u32 flags, buf_alloc, fwd_cnt;
} __attribute__((packed));

enum state { GREETING, CONNECTING, OPEN };

struct conn {
    struct conn  *next;
    struct vsock *v;
    enum state    state;
    u32           host_port, guest_port;
    int           fd;
    struct watch *watch;
    u32           peer_room, peer_taken; /* what the guest told: its buffer, what it has used up */
    u32           sent, taken, told;     /* to the guest; from it to the socket; as it knows */
    bool          host_done, guest_done; /* will not send any more */
    bool          guest_deaf, dead;
    char          line[LINE_MAX_BYTES];
    unsigned      line_len;
    u8 *held; /* of the guest's, for a socket without room; ROOM bytes, made when needed */
    u32 held_len;
};

struct vsock {
    struct virtio dev;
    struct loop  *loop;
    struct kick  *look;
    char         *dir;
    struct {
        u64 cid;
    } config;
    bool forget, transport_reset; /* under the device's lock */

    int                listen_fd; /* the loop thread's from here on */
    struct watch      *listen_watch;
    struct conn       *conns;
    unsigned           n_conns;
    u32                next_port;
    struct packet      replies[REPLIES_MAX]; /* without data, for when the guest has buffers */
    unsigned           n_replies;
    struct virtq_chain chain;
    u8                 data[READ_MAX];
};

static void look(void *ctx);

/* --- connections --- */

static struct conn *find(struct vsock *v, u32 host_port, u32 guest_port)
{
    for (struct conn *c = v->conns; c; c = c->next)
        if (!c->dead && c->state != GREETING && c->host_port == host_port &&
            c->guest_port == guest_port)
            return c;
    return NULL;
}

static void reply(struct vsock *v, const struct conn *c, u32 host_port, u32 guest_port, u16 op,
                  u32 flags)
{
    if (v->n_replies == REPLIES_MAX)
        return; /* a guest that takes no answers gets none */
    v->replies[v->n_replies++] = (struct packet){
        .src_cid   = HOST_CID,
        .dst_cid   = v->config.cid,
        .src_port  = host_port,
        .dst_port  = guest_port,
        .type      = TYPE_STREAM,
        .op        = op,
        .flags     = flags,
        .buf_alloc = c ? ROOM : 0,
        .fwd_cnt   = c ? c->taken : 0,
    };
}

static void tell(struct conn *c, u16 op, u32 flags)
{
    reply(c->v, c, c->host_port, c->guest_port, op, flags);
    c->told = c->taken;
}

static void conn_end(struct conn *c, bool say_so)
{
    if (c->dead)
        return;
    if (say_so && c->state != GREETING)
        tell(c, OP_RST, 0);
    c->dead = true; /* freed by sweep, when nobody is in the list */
    loop_unwatch(c->watch);
    c->watch = NULL;
    close(c->fd);
}

static void sweep(struct vsock *v)
{
    for (struct conn **at = &v->conns; *at;) {
        struct conn *c = *at;
        if (!c->dead) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        v->n_conns--;
        free(c->held);
        free(c);
    }
}

static u32 credit(const struct conn *c)
{
    u32 under_way = c->sent - c->peer_taken;
    return under_way < c->peer_room ? c->peer_room - under_way : 0;
}

/* What to wait for at its socket. */
static void update_watch(struct conn *c, bool buffers)
{
    u32 events = 0;
    if (c->dead)
        return;
    if (c->state == GREETING ||
        (c->state == OPEN && !c->host_done && !c->guest_deaf && buffers && credit(c)))
        events |= EPOLLIN;
    if (c->held_len)
        events |= EPOLLOUT;
    loop_rewatch(c->watch, events);
}

static void conn_event(void *ctx, int fd, u32 events);

static struct conn *conn_new(struct vsock *v, int fd)
{
    struct conn *c = xnew(struct conn);
    c->v           = v;
    c->fd          = fd;
    if (v->n_conns == CONNS_MAX ||
        loop_watch(v->loop, fd, EPOLLIN, conn_event, c, &c->watch, NULL) < 0) {
        close(fd);
        free(c);
        return NULL;
    }
    c->next  = v->conns;
    v->conns = c;
    v->n_conns++;
    return c;
}

static bool unix_name(struct sockaddr_un *name, const char *dir, const char *file)
{
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(name->sun_path, sizeof(name->sun_path), "%s/%s", dir, file);
    return n > 0 && (size_t)n < sizeof(name->sun_path);
}

static void accepted(void *ctx, int fd, u32 events)
{
    struct vsock *v = ctx;
    (void)events;
    int got = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (got >= 0)
        conn_new(v, got);
}

/* --- host to guest --- */

/* "CONNECT PORT\n", a byte at a time, so that nothing behind it is taken. */
static void greet(struct conn *c)
{
    unsigned port;
    char     rest;
    while (c->line_len < LINE_MAX_BYTES - 1) {
        ssize_t n = read(c->fd, &c->line[c->line_len], 1);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            break;
        if (c->line[c->line_len++] != '\n')
            continue;
        c->line[c->line_len] = 0;
        if (sscanf(c->line, "CONNECT %u%c", &port, &rest) != 2 || rest != '\n')
            break;
        c->guest_port = port;
        c->host_port  = c->v->next_port++;
        c->state      = CONNECTING;
        tell(c, OP_REQUEST, 0);
        return;
    }
    conn_end(c, false);
}

/* Lock held. Moves data of the socket into the guest's buffers. False: there is none left. */
static bool pump(struct conn *c)
{
    struct vsock     *v = c->v;
    struct virtqueue *q = &v->dev.queues[RX];
    while (c->state == OPEN && !c->dead && !c->host_done && !c->guest_deaf && credit(c)) {
        struct virtq_mark mark = virtq_here(q);
        if (!virtq_pop(q, &v->chain))
            return false;
        u64 room = v->chain.in_len;
        u32 want =
            (u32)MIN(MIN(room - MIN(room, sizeof(struct packet)), (u64)credit(c)), (u64)READ_MAX);
        ssize_t n = want ? read(c->fd, v->data, want) : -1;
        if (n <= 0) {
            bool again = n < 0 && want && errno == EAGAIN;
            virtq_back(q, mark);
            if (!want)
                virtio_broken(&v->dev);
            else if (!again && (c->host_done = true))
                tell(c, OP_SHUTDOWN, SHUT_SEND | (n < 0 ? SHUT_RECEIVE : 0));
            return true;
        }
        struct packet p = {HOST_CID, v->config.cid, c->host_port, c->guest_port,
                           (u32)n,   TYPE_STREAM,   OP_RW,        0,
                           ROOM,     c->taken};
        virtq_write(&v->chain, 0, &p, sizeof(p));
        virtq_write(&v->chain, sizeof(p), v->data, (size_t)n);
        virtq_push(q, &v->chain, (u32)(sizeof(p) + (size_t)n));
        c->told = c->taken;
        c->sent += (u32)n;
    }
    return true;
}

/* Lock held. False: the guest has no buffers left. */
static bool send_replies(struct vsock *v)
{
    struct virtqueue *q    = &v->dev.queues[RX];
    unsigned          done = 0;
    while (done < v->n_replies && virtq_pop(q, &v->chain)) {
        size_t n = virtq_write(&v->chain, 0, &v->replies[done], sizeof(struct packet));
        virtq_push(q, &v->chain, (u32)n);
        done++;
    }
    memmove(v->replies, v->replies + done, (v->n_replies - done) * sizeof(*v->replies));
    v->n_replies -= done;
    return v->n_replies == 0;
}

/* --- guest to host --- */

static void ended_both_ways(struct conn *c)
{
    if (c->guest_done && !c->held_len && !c->dead) {
        if (c->host_done || c->guest_deaf)
            conn_end(c, true);
        else
            shutdown(c->fd, SHUT_WR);
    }
}

static void took(struct conn *c, u32 n)
{
    c->taken += n;
    if (c->taken - c->told > ROOM / 4)
        tell(c, OP_CREDIT_UPDATE, 0);
}

static void write_held(struct conn *c)
{
    ssize_t n = send(c->fd, c->held, c->held_len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        conn_end(c, true);
        return;
    }
    if (n <= 0)
        return;
    c->held_len -= (u32)n;
    memmove(c->held, c->held + n, c->held_len);
    took(c, (u32)n);
    ended_both_ways(c);
}

static void from_guest(struct conn *c, const u8 *data, u32 len)
{
    if (c->state != OPEN || c->guest_done || len > ROOM - c->held_len) {
        conn_end(c, true); /* it was told how much room there is */
        return;
    }
    ssize_t n = c->held_len ? 0 : send(c->fd, data, len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        conn_end(c, true);
        return;
    }
    n = MAX(n, 0);
    if ((u32)n < len) {
        if (!c->held)
            c->held = xalloc(ROOM);
        memcpy(c->held + c->held_len, data + n, len - (u32)n);
        c->held_len += len - (u32)n;
    }
    took(c, (u32)n);
}

static void request(struct vsock *v, const struct packet *p)
{
    struct sockaddr_un name;
    char               file[32];
    snprintf(file, sizeof(file), "vsock_%u.sock", p->dst_port);
    int  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = fd >= 0 && unix_name(&name, v->dir, file) &&
              connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0;
    if (!ok && fd >= 0)
        close(fd);
    struct conn *c = ok ? conn_new(v, fd) : NULL;
    if (!c) {
        reply(v, NULL, p->dst_port, p->src_port, OP_RST, 0);
        return;
    }
    c->state      = OPEN;
    c->host_port  = p->dst_port;
    c->guest_port = p->src_port;
    c->peer_room  = p->buf_alloc;
    c->peer_taken = p->fwd_cnt;
    tell(c, OP_RESPONSE, 0);
}

static void response(struct conn *c)
{
    char line[32];
    int  n = snprintf(line, sizeof(line), "OK %u\n", c->host_port);
    if (c->state != CONNECTING || send(c->fd, line, (size_t)n, MSG_NOSIGNAL) != n)
        conn_end(c, true);
    else
        c->state = OPEN;
}

static void handle(struct vsock *v, const struct packet *p, const u8 *data)
{
    struct conn *c = find(v, p->dst_port, p->src_port);
    bool ours = p->type == TYPE_STREAM && p->dst_cid == HOST_CID && p->src_cid == v->config.cid;
    if (ours && !c && p->op == OP_REQUEST) {
        request(v, p);
        return;
    }
    if (!ours || !c) {
        if (p->op != OP_RST)
            reply(v, NULL, p->dst_port, p->src_port, OP_RST, 0);
        return;
    }
    c->peer_room  = p->buf_alloc;
    c->peer_taken = p->fwd_cnt;
    switch (p->op) {
    case OP_RESPONSE:
        response(c);
        break;
    case OP_RW:
        from_guest(c, data, p->len);
        break;
    case OP_CREDIT_UPDATE:
        break;
    case OP_CREDIT_REQUEST:
        tell(c, OP_CREDIT_UPDATE, 0);
        break;
    case OP_SHUTDOWN:
        c->guest_deaf |= p->flags & SHUT_RECEIVE;
        c->guest_done |= (p->flags & SHUT_SEND) != 0;
        ended_both_ways(c);
        break;
    default: /* RST, a second REQUEST, what nobody knows */
        conn_end(c, p->op != OP_RST);
    }
}

/* Lock held. */
static void take_packets(struct vsock *v)
{
    struct virtqueue *q = &v->dev.queues[TX];
    struct packet     p;
    /* Answers wait for buffers: do not take more than can be answered. */
    while (v->n_replies < REPLIES_MAX / 2 && virtq_pop(q, &v->chain)) {
        bool whole = virtq_read(&v->chain, 0, &p, sizeof(p)) == sizeof(p) &&
                     p.len <= v->chain.out_len - sizeof(p) && p.len <= sizeof(v->data);
        if (whole)
            virtq_read(&v->chain, sizeof(p), v->data, p.len);
        virtq_push(q, &v->chain, 0);
        if (whole)
            handle(v, &p, v->data);
        else
            v->dev.faults++;
    }
    virtq_tell(q);
}

/* --- the loop thread --- */

static void end_all(struct vsock *v)
{
    for (struct conn *c = v->conns; c; c = c->next)
        conn_end(c, false);
    v->n_replies = 0;
}

static void tell_reset(struct vsock *v)
{
    struct virtqueue *q     = &v->dev.queues[EVENT];
    u32               event = 0; /* VIRTIO_VSOCK_EVENT_TRANSPORT_RESET */
    if (!v->transport_reset || !virtq_pop(q, &v->chain))
        return;
    size_t n = virtq_write(&v->chain, 0, &event, sizeof(event));
    virtq_push(q, &v->chain, (u32)n);
    virtq_tell(q);
    v->transport_reset = false;
}

static void look(void *ctx)
{
    struct vsock *v = ctx;
    virtio_lock(&v->dev);
    if (v->forget)
        end_all(v);
    v->forget = false;
    if (virtio_live(&v->dev)) {
        tell_reset(v);
        take_packets(v);
        bool buffers = send_replies(v);
        for (struct conn *c = v->conns; c && buffers; c = c->next)
            buffers = pump(c);
        buffers = send_replies(v) && buffers;
        virtq_tell(&v->dev.queues[RX]);
        for (struct conn *c = v->conns; c; c = c->next)
            update_watch(c, buffers);
    }
    sweep(v);
    virtio_unlock(&v->dev);
}

static void conn_event(void *ctx, int fd, u32 events)
{
    struct conn  *c = ctx;
    struct vsock *v = c->v;
    (void)fd;
    virtio_lock(&v->dev);
    if (c->state == GREETING)
        greet(c);
    else if (events & EPOLLOUT && c->held_len)
        write_held(c);
    else if (events & (EPOLLHUP | EPOLLERR) && (c->guest_deaf || c->host_done))
        conn_end(c, true);
    else if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN))
        loop_rewatch(c->watch, 0);
    virtio_unlock(&v->dev);
    look(v);
}

static void vsock_notify(struct virtio *dev, unsigned queue)
{
    (void)queue;
    kick(container_of(dev, struct vsock, dev)->look);
}

static void vsock_reset(struct virtio *dev)
{
    struct vsock *v = container_of(dev, struct vsock, dev);
    v->forget       = true;
    kick(v->look);
}

static void vsock_drain(struct virtio *dev)
{
    look(container_of(dev, struct vsock, dev));
}

static int vsock_load(struct virtio *dev, struct snap *snap, struct err *err)
{
    struct vsock *v = container_of(dev, struct vsock, dev);
    (void)snap;
    (void)err;
    v->forget          = true;
    v->transport_reset = true;
    kick(v->look);
    return 0;
}

static void vsock_destroy(struct virtio *dev)
{
    struct vsock *v = container_of(dev, struct vsock, dev);
    end_all(v);
    sweep(v);
    loop_unwatch(v->listen_watch);
    if (v->listen_fd >= 0)
        close(v->listen_fd);
    kick_destroy(v->look);
    virtio_done(dev);
    free(v->dir);
    free(v);
}

static const struct virtio_ops ops = {
    .name       = "virtio-vsock",
    .id         = VIRTIO_ID_VSOCK,
    .n_queues   = 3,
    .queue_size = 128,
    .pci_class  = 0x028000,
    .notify     = vsock_notify,
    .reset      = vsock_reset,
    .drain      = vsock_drain,
    .destroy    = vsock_destroy,
    .load       = vsock_load,
};

static int listen_at(struct vsock *v, struct err *err)
{
    struct sockaddr_un name;
    if (!unix_name(&name, v->dir, "vsock.sock"))
        return err_set(err, ENAMETOOLONG, "vsock: the folder's name '%.80s' is too long", v->dir);
    unlink(name.sun_path);
    v->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (v->listen_fd < 0 || bind(v->listen_fd, (struct sockaddr *)&name, sizeof(name)) < 0 ||
        listen(v->listen_fd, 64) < 0)
        return err_errno(err, errno, "vsock: listen at '%s'", name.sun_path);
    return loop_watch(v->loop, v->listen_fd, EPOLLIN, accepted, v, &v->listen_watch, err);
}

int virtio_vsock_create(struct virtio **out, struct ram *ram, struct loop *loop, u64 cid,
                        const char *dir, struct err *err)
{
    struct vsock *v = xnew(struct vsock);
    v->loop         = loop;
    v->config.cid   = cid;
    v->dir          = xstrdup(dir);
    v->next_port    = FIRST_PORT;
    v->listen_fd    = -1;
    v->look         = kick_create(loop, look, v);
    virtio_init(&v->dev, &ops, ram, 0, &v->config, sizeof(v->config));
    int rc = listen_at(v, err);
    if (rc) {
        vsock_destroy(&v->dev);
        return rc;
    }
    *out = &v->dev;
    return 0;
}

/* device/virtio/net.c - network card (virtio 1.2, 5.1), one pair of queues.
 *
 * notify (a vCPU's thread) only asks the loop thread to look; frames are moved there, since
 * backends live there. The lock is not held while a backend has a frame: it may answer at once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "device/host/kick.h"
#include "device/host/net.h"
#include "device/virtio/devices.h"

#define NET_F_CSUM       (1ull << 0)
#define NET_F_GUEST_CSUM (1ull << 1)
#define NET_F_MAC        (1ull << 5)
#define NET_F_GUEST_TSO4 (1ull << 7)
#define NET_F_GUEST_TSO6 (1ull << 8)
#define NET_F_HOST_TSO4  (1ull << 11)
#define NET_F_HOST_TSO6  (1ull << 12)
#define NET_F_MRG_RXBUF  (1ull << 15)
#define NET_F_STATUS     (1ull << 16)

enum { RECEIVE, TRANSMIT };
enum { LINK_UP = 1, HEADER_BYTES = 12, NUM_BUFFERS = 10, MIN_FRAME = 14, CHAINS_MAX = 64 };

struct net_config { /* 5.1.4 */
    u8  mac[6];
    u16 status;
} __attribute__((packed));

struct net {
    struct virtio      dev;
    struct netdev     *cable;
    struct kick       *look;
    struct net_config  config;
    unsigned           told;                /* the loop thread's: what the cable knows of taken() */
    u64                frames[2], bytes[2]; /* by queue, under the lock */
    u64                dropped;             /* frames of the guest that are too long or too short */
    struct net_header  header;
    u8                 frame[NET_FRAME_MAX];
    struct virtq_chain out;
    struct virtq_chain in[CHAINS_MAX];
};

/* Which abilities of a cable are which features: its work for the guest, and what it leaves. */
static const struct {
    unsigned ability;
    u64      host, guest;
} offloads[] = {
    {NET_CSUM, NET_F_CSUM, NET_F_GUEST_CSUM},
    {NET_TSO4, NET_F_HOST_TSO4, NET_F_GUEST_TSO4},
    {NET_TSO6, NET_F_HOST_TSO6, NET_F_GUEST_TSO6},
};

/* What the driver takes off the cable's hands. TSO without checksums is nothing (5.1.3.1). */
static unsigned taken(const struct net *n)
{
    unsigned abilities = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(offloads); i++)
        if (virtio_has(&n->dev, offloads[i].guest))
            abilities |= offloads[i].ability;
    return abilities & NET_CSUM ? abilities : 0;
}

/* Has the driver said that it sends frames with such a header? */
static bool may_send(const struct net *n, const struct net_header *h)
{
    u64 needs = h->flags & NET_NEEDS_CSUM ? NET_F_CSUM : 0;
    if (h->gso == NET_GSO_TCP4)
        needs |= NET_F_HOST_TSO4;
    else if (h->gso == NET_GSO_TCP6)
        needs |= NET_F_HOST_TSO6;
    else if (h->gso != NET_GSO_NONE)
        return false;
    return (n->dev.accepted & needs) == needs && (!h->gso || h->flags & NET_NEEDS_CSUM);
}

/* Takes one frame of the guest's into n->frame. False: there is none. */
static bool take_frame(struct net *n, size_t *len)
{
    struct virtqueue *q = &n->dev.queues[TRANSMIT];
    virtio_lock(&n->dev);
    bool there = virtq_pop(q, &n->out);
    *len       = 0;
    if (there) {
        u64 bytes = n->out.out_len - MIN(n->out.out_len, (u64)HEADER_BYTES);
        virtq_read(&n->out, 0, &n->header, sizeof(n->header));
        if (bytes >= MIN_FRAME && bytes <= sizeof(n->frame) && may_send(n, &n->header))
            *len = virtq_read(&n->out, HEADER_BYTES, n->frame, bytes);
        else
            n->dropped++;
        n->frames[TRANSMIT] += *len != 0;
        n->bytes[TRANSMIT] += *len;
        virtq_push(q, &n->out, 0);
    } else {
        virtq_tell(q);
    }
    virtio_unlock(&n->dev);
    return there;
}

static void look(void *ctx)
{
    struct net *n = ctx;
    size_t      len;
    virtio_lock(&n->dev);
    unsigned abilities = taken(n);
    virtio_unlock(&n->dev);
    if (abilities != n->told && n->cable->ops->takes)
        n->cable->ops->takes(n->cable, abilities);
    n->told = abilities;
    n->cable->ops->ready(n->cable);
    for (unsigned i = 0; i < VIRTQ_SIZE_MAX; i++) {
        if (!take_frame(n, &len))
            return;
        if (len)
            n->cable->ops->send(n->cable, &n->header, n->frame, len);
    }
    virtio_lock(&n->dev);
    virtq_tell(&n->dev.queues[TRANSMIT]);
    virtio_unlock(&n->dev);
    kick(n->look); /* let others have a turn, then go on */
}

/* Collects chains until LEN bytes have room (5.1.6.4). Returns how many, 0: not enough. */
static unsigned collect(struct net *n, size_t len)
{
    struct virtqueue *q    = &n->dev.queues[RECEIVE];
    struct virtq_mark mark = virtq_here(q);
    unsigned          max  = virtio_has(&n->dev, NET_F_MRG_RXBUF) ? CHAINS_MAX : 1;
    u64               room = 0;
    unsigned          used = 0;
    while (room < len && used < max && virtq_pop(q, &n->in[used]))
        room += n->in[used++].in_len;
    if (used && n->in[0].in_len < HEADER_BYTES)
        virtio_broken(&n->dev);
    else if (room >= len)
        return used;
    if (used < max)
        virtq_back(q, mark); /* more may come */
    else                     /* never enough: hand them back, or we would wait for ever */
        for (unsigned i = 0; i < used; i++)
            virtq_push(q, &n->in[i], 0);
    return 0;
}

static void fill(struct net *n, unsigned count, const struct net_header *h, const u8 *frame,
                 size_t len)
{
    u8     header[HEADER_BYTES] = {0};
    size_t done                 = 0;
    memcpy(header, h, sizeof(*h));
    header[NUM_BUFFERS] = (u8)count;
    for (unsigned i = 0; i < count; i++) {
        struct virtq_chain *c    = &n->in[i];
        size_t              head = i == 0 ? virtq_write(c, 0, header, HEADER_BYTES) : 0;
        size_t              part = virtq_write(c, head, frame + done, len - done);
        done += part;
        virtq_push(&n->dev.queues[RECEIVE], c, (u32)(head + part));
    }
}

/* Puts right what the cable has left to do for an earlier driver. False: the frame is lost. */
static bool fits(const struct net *n, struct net_header *h, u8 *frame, size_t len)
{
    unsigned able = taken(n);
    unsigned gso  = h->gso == NET_GSO_TCP4 ? NET_TSO4 : NET_TSO6;
    if (h->gso && !(able & gso))
        return false;
    if (able & NET_CSUM)
        return true;
    bool fine = net_finish_csum(h, frame, len);
    h->flags  = 0;
    return fine;
}

static bool receive(void *ctx, const struct net_header *header, u8 *frame, size_t len)
{
    struct net       *n = ctx;
    struct net_header h = *header;
    virtio_lock(&n->dev);
    /* no driver: as a card that is switched off */
    if (!virtio_live(&n->dev) || !fits(n, &h, frame, len)) {
        virtio_unlock(&n->dev);
        return true;
    }
    unsigned count = collect(n, len + HEADER_BYTES);
    if (count) {
        fill(n, count, &h, frame, len);
        n->frames[RECEIVE]++;
        n->bytes[RECEIVE] += len;
        virtq_tell(&n->dev.queues[RECEIVE]);
    }
    virtio_unlock(&n->dev);
    return count != 0;
}

static void net_notify(struct virtio *dev, unsigned queue)
{
    (void)queue;
    kick(container_of(dev, struct net, dev)->look);
}

static void net_start(struct virtio *dev)
{
    kick(container_of(dev, struct net, dev)->look); /* to tell the cable what the driver takes */
}

static int net_load(struct virtio *dev, struct snap *snap, struct err *err)
{
    (void)snap;
    (void)err;
    net_start(dev);
    return 0;
}

static void net_drain(struct virtio *dev)
{
    look(container_of(dev, struct net, dev));
}

static void net_destroy(struct virtio *dev)
{
    struct net *n     = container_of(dev, struct net, dev);
    n->cable->receive = NULL;
    netdev_close(n->cable);
    kick_destroy(n->look);
    virtio_done(dev);
    free(n);
}

static void net_stats(struct virtio *dev, const char *name, struct stats *stats)
{
    struct net *n = container_of(dev, struct net, dev);
    stats_add(stats, n->frames[RECEIVE], "", "%s.received.frames", name);
    stats_add(stats, n->bytes[RECEIVE], "bytes", "%s.received.bytes", name);
    stats_add(stats, n->frames[TRANSMIT], "", "%s.sent.frames", name);
    stats_add(stats, n->bytes[TRANSMIT], "bytes", "%s.sent.bytes", name);
    stats_add(stats, n->dropped + n->cable->dropped, "", "%s.dropped", name);
}

static const struct virtio_ops ops = {
    .name       = "virtio-net",
    .id         = VIRTIO_ID_NET,
    .n_queues   = 2,
    .queue_size = 256,
    .pci_class  = 0x020000,
    .notify     = net_notify,
    .start      = net_start,
    .load       = net_load,
    .drain      = net_drain,
    .destroy    = net_destroy,
    .stats      = net_stats,
};

int virtio_net_create(struct virtio **out, struct ram *ram, struct netdev *cable, struct loop *loop,
                      const u8 *mac, struct err *err)
{
    struct net *n = xnew(struct net);
    (void)err;
    n->cable         = cable;
    n->look          = kick_create(loop, look, n);
    n->config.status = LINK_UP;
    memcpy(n->config.mac, mac, sizeof(n->config.mac));
    u64 features = NET_F_MAC | NET_F_MRG_RXBUF | NET_F_STATUS;
    for (unsigned i = 0; i < ARRAY_SIZE(offloads); i++)
        features |= (cable->does & offloads[i].ability ? offloads[i].host : 0) |
                    (cable->leaves & offloads[i].ability ? offloads[i].guest : 0);
    virtio_init(&n->dev, &ops, ram, features, &n->config, sizeof(n->config));
    cable->receive = receive;
    cable->ctx     = n;
    *out           = &n->dev;
    return 0;
}

/* device/host/net.h - the host's end of a network cable: Ethernet frames in and out.
 *
 * Everything on the loop thread. A receiver without room says so; the backend then holds what
 * it has and offers it again after ready(). What must be dropped is counted.
 *
 * A frame may leave its last work to whoever gets it: its checksum, and being cut into segments.
 * A cable does some of that for the guest's frames, and may leave some to the guest: but nothing to
 * a receiver that has not said that it takes it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_HOST_NET_H
#define DEVICE_HOST_NET_H

#include "base/err.h"
#include "base/loop.h"

/* An IP packet of the largest size, behind an Ethernet header with a VLAN tag. */
enum { NET_FRAME_MAX = 65535 + 18 };

enum { NET_CSUM = 1, NET_TSO4 = 2, NET_TSO6 = 4 }; /* abilities */

/* What is left to do with a frame: as virtio (1.2, 5.1.6) and Linux's tap write it. */
enum { NET_NEEDS_CSUM = 1, NET_DATA_VALID = 2 };
enum { NET_GSO_NONE = 0, NET_GSO_TCP4 = 1, NET_GSO_TCP6 = 4 };
struct net_header {
    u8  flags, gso;
    u16 header_len, segment; /* bytes of headers, and of payload in each segment */
    u16 csum_start, csum_at; /* where the checksum begins; and from there, where it belongs */
};
_Static_assert(sizeof(struct net_header) == 10, "5.1.6");

struct netdev;
struct clock;
struct spec_port;

struct netdev_ops {
    const char *name;
    void (*send)(struct netdev *, const struct net_header *, u8 *frame, size_t len);
    void (*ready)(struct netdev *);                   /* the receiver has room again */
    void (*takes)(struct netdev *, unsigned ability); /* what the receiver takes; may be NULL */
    void (*close)(struct netdev *);
};

struct netdev {
    const struct netdev_ops *ops;
    unsigned                 does;   /* abilities: what it does with frames of the guest */
    unsigned                 leaves; /* and may leave to the guest, if that takes it */
    /* False: no room; NULL: nobody. */
    bool (*receive)(void *ctx, const struct net_header *, u8 *frame, size_t len);
    void *ctx;
    u64   dropped; /* for stats */
};

void netdev_close(struct netdev *); /* NULL is fine */

/* NAT through the host's sockets, by libslirp: 10.0.2.0/24, gateway .2, DNS .3, guest .15. */
int net_user_open(struct netdev **out, struct loop *, struct clock *, const struct spec_port *ports,
                  unsigned n_ports, struct err *err);

/* A tap interface; IFNAME NULL: a fresh one. */
int net_tap_open(struct netdev **out, struct loop *, const char *ifname, struct err *err);

/* When a frame that is sent at NOW (ns of machine time) arrives at the other end; 0: never. */
struct net_timing {
    u64 (*until)(void *ctx, bool towards_guest, u64 now, u64 bytes);
    void (*destroy)(void *ctx); /* with the cable; NULL: nothing */
    void *ctx;
};
/* Puts a cable before INNER, which it owns, where frames take their time: delayed.c. */
struct netdev *net_delayed(struct netdev *inner, struct clock *, const struct net_timing *);

/* packet.c: the Internet checksum (RFC 1071), and the work that a header leaves to do. */
u32  net_sum(u32 sum, const void *data, size_t len); /* adds to a sum, not folded */
u16  net_fold(u32 sum);
bool net_finish_csum(const struct net_header *, u8 *frame, size_t len); /* false: not possible */

/* Joins segments of one TCP stream that follow each other into one frame, for a receiver that
 * takes such. One frame is being gathered at a time. */
struct net_join {
    struct net_header header;
    u32               next_seq;
    unsigned          segments; /* 0: nothing is here */
    bool              ended;    /* nothing may follow */
    size_t            len;
    u8                frame[NET_FRAME_MAX];
};
bool net_join_add(struct net_join *, unsigned abilities, const u8 *frame, size_t len); /* false:
                                                              it is not the next of what is here */
void net_join_finish(struct net_join *); /* puts header and frame in order, to be handed on */

#endif

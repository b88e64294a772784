/* device/host/net.h - the host's end of a network cable: Ethernet frames in and out.
 *
 * Everything on the loop thread. A receiver without room says so; the backend then holds what
 * it has and offers it again after ready(). What must be dropped is counted. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_HOST_NET_H
#define DEVICE_HOST_NET_H

#include "base/err.h"
#include "base/loop.h"

enum { NET_FRAME_MAX = 9216 };

struct netdev;
struct clock;
struct spec_port;

struct netdev_ops {
    const char *name;
    void (*send)(struct netdev *, const u8 *frame, size_t len);
    void (*ready)(struct netdev *); /* the receiver has room again */
    void (*close)(struct netdev *);
};

struct netdev {
    const struct netdev_ops *ops;
    bool (*receive)(void *ctx, const u8 *frame, size_t len); /* false: no room; NULL: nobody */
    void *ctx;
    u64   dropped; /* for stats */
};

void netdev_close(struct netdev *); /* NULL is fine */

/* NAT through the host's sockets, by libslirp: 10.0.2.0/24, gateway .2, DNS .3, guest .15. */
int net_user_open(struct netdev **out, struct loop *, struct clock *, const struct spec_port *ports,
                  unsigned n_ports, struct err *err);

/* A tap interface; IFNAME NULL: a fresh one. */
int net_tap_open(struct netdev **out, struct loop *, const char *ifname, struct err *err);

#endif

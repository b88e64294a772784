/* device/host/tap.c - a network cable to a tap interface of the host. Each frame has a header
 * before it that says what is left to do with it: the kernel's and virtio's are the same. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "device/host/net.h"

enum { FRAMES_AT_ONCE = 64 };

struct tap {
    struct netdev     net;
    int               fd;
    struct watch     *watch;
    size_t            held; /* bytes of a frame that the receiver had no room for; 0: none */
    struct net_header header;
    u8                frame[NET_FRAME_MAX];
};

static void readable(void *ctx, int fd, u32 events)
{
    struct tap *t = ctx;
    (void)events;
    for (unsigned i = 0; i < FRAMES_AT_ONCE; i++) {
        if (!t->held) {
            struct iovec iov[2] = {{&t->header, sizeof(t->header)}, {t->frame, sizeof(t->frame)}};
            ssize_t      n      = readv(fd, iov, 2);
            if (n <= (ssize_t)sizeof(t->header))
                return;
            t->held = (size_t)n - sizeof(t->header);
        }
        if (t->net.receive && !t->net.receive(t->net.ctx, &t->header, t->frame, t->held)) {
            loop_rewatch(t->watch, 0); /* the rest waits in the kernel */
            return;
        }
        t->held = 0;
    }
}

static void tap_ready(struct netdev *net)
{
    struct tap *t = container_of(net, struct tap, net);
    loop_rewatch(t->watch, EPOLLIN);
    if (t->held)
        readable(t, t->fd, EPOLLIN);
}

static void tap_send(struct netdev *net, const struct net_header *header, u8 *frame, size_t len)
{
    struct tap  *t      = container_of(net, struct tap, net);
    struct iovec iov[2] = {{(void *)header, sizeof(*header)}, {frame, len}};
    if (writev(t->fd, iov, 2) < 0)
        net->dropped++;
}

static void tap_takes(struct netdev *net, unsigned abilities)
{
    struct tap   *t     = container_of(net, struct tap, net);
    unsigned long flags = abilities & NET_CSUM ? TUN_F_CSUM : 0;
    if (abilities & NET_TSO4)
        flags |= TUN_F_TSO4;
    if (abilities & NET_TSO6)
        flags |= TUN_F_TSO6;
    if (ioctl(t->fd, TUNSETOFFLOAD, flags) < 0)
        log_debug("tap: %s", "no offloads to set");
}

static void tap_close(struct netdev *net)
{
    struct tap *t = container_of(net, struct tap, net);
    loop_unwatch(t->watch);
    if (t->fd >= 0)
        close(t->fd);
    free(t);
}

static const struct netdev_ops ops = {
    .name  = "tap",
    .send  = tap_send,
    .ready = tap_ready,
    .takes = tap_takes,
    .close = tap_close,
};

int net_tap_open(struct netdev **out, struct loop *loop, const char *ifname, struct err *err)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    if (ifname && strlen(ifname) >= sizeof(request.ifr_name))
        return err_set(err, EINVAL, "the interface name '%s' is too long", ifname);
    if (ifname)
        memcpy(request.ifr_name, ifname, strlen(ifname));
    cleanup_fd int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_errno(err, errno, "open /dev/net/tun");
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return err_errno(err, errno, "attach to the tap interface '%s'", ifname ? ifname : "new");
    if (ioctl(fd, TUNSETVNETHDRSZ, &(int){sizeof(struct net_header)}) < 0)
        return err_errno(err, errno, "tap interface '%s'", ifname ? ifname : "new");
    struct tap *t = xnew(struct tap);
    t->net.ops    = &ops;
    t->net.does = t->net.leaves = NET_CSUM | NET_TSO4 | NET_TSO6;
    t->fd                       = steal_fd(&fd);
    tap_takes(&t->net, 0); /* of a driver that used this interface before us */
    int rc = loop_watch(loop, t->fd, EPOLLIN, readable, t, &t->watch, err);
    if (rc) {
        tap_close(&t->net);
        return rc;
    }
    *out = &t->net;
    return 0;
}

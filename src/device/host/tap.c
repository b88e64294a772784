/* device/host/tap.c - a network cable to a tap interface of the host. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/alloc.h"
#include "device/host/net.h"

enum { FRAMES_AT_ONCE = 64 };

struct tap {
    struct netdev net;
    int           fd;
    struct watch *watch;
    size_t        held; /* bytes of a frame that the receiver had no room for; 0: none */
    u8            frame[NET_FRAME_MAX];
};

static void readable(void *ctx, int fd, u32 events)
{
    struct tap *t = ctx;
    (void)events;
    for (unsigned i = 0; i < FRAMES_AT_ONCE; i++) {
        if (!t->held) {
            ssize_t n = read(fd, t->frame, sizeof(t->frame));
            if (n <= 0)
                return;
            t->held = (size_t)n;
        }
        if (t->net.receive && !t->net.receive(t->net.ctx, t->frame, t->held)) {
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

static void tap_send(struct netdev *net, const u8 *frame, size_t len)
{
    struct tap *t = container_of(net, struct tap, net);
    if (write(t->fd, frame, len) < 0)
        net->dropped++;
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
    .close = tap_close,
};

int net_tap_open(struct netdev **out, struct loop *loop, const char *ifname, struct err *err)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    if (ifname && strlen(ifname) >= sizeof(request.ifr_name))
        return err_set(err, EINVAL, "the interface name '%s' is too long", ifname);
    if (ifname)
        memcpy(request.ifr_name, ifname, strlen(ifname));
    cleanup_fd int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_errno(err, errno, "open /dev/net/tun");
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return err_errno(err, errno, "attach to the tap interface '%s'", ifname ? ifname : "new");
    struct tap *t = xnew(struct tap);
    t->net.ops    = &ops;
    t->fd         = steal_fd(&fd);
    int rc        = loop_watch(loop, t->fd, EPOLLIN, readable, t, &t->watch, err);
    if (rc) {
        tap_close(&t->net);
        return rc;
    }
    *out = &t->net;
    return 0;
}

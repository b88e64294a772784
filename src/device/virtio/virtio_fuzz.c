/* device/virtio/virtio_fuzz.c - hostile drivers: the fuzzer's bytes choose a device, write its
 * rings and buffers, and its registers. The first byte is the device; then come commands.
 *
 * Nothing may crash, hang or touch memory that is not the guest's (the sanitizer tells). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/mman.h>

#include "device/host/disk.h"
#include "device/host/net.h"
#include "device/virtio/bed.h"
#include "device/virtio/devices.h"
#include "vm/console.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static struct loop    *loop;
static struct clock   *clk;
static struct console *console;
static char            dir[] = "/tmp/guise-fuzz-XXXXXX";

static void echo(struct netdev *net, const struct net_header *h, u8 *frame, size_t len)
{
    if (net->receive)
        net->receive(net->ctx, h, frame, len);
}

static void ready(struct netdev *net)
{
    static u8                      frame[64] = {1};
    static const struct net_header h;
    if (net->receive)
        net->receive(net->ctx, &h, frame, sizeof(frame));
}

static void closed(struct netdev *net)
{
    free(net);
}

static const struct netdev_ops echo_ops = {"echo", echo, ready, NULL, closed};

static int make_blk(struct virtio **out, struct ram *ram)
{
    char               path[64];
    struct disk       *disk;
    struct disk_config config = {.path = path, .format = "raw", .clock = clk};
    snprintf(path, sizeof(path), "%s/disk", dir);
    int rc = disk_open(&disk, &config, NULL);
    return rc ? rc : virtio_blk_create(out, ram, disk, "serial", NULL);
}

static int make_net(struct virtio **out, struct ram *ram)
{
    struct netdev *net = xnew(struct netdev);
    net->ops           = &echo_ops;
    net->does = net->leaves = NET_CSUM | NET_TSO4 | NET_TSO6;
    return virtio_net_create(out, ram, net, loop, (const u8 *)"\2\0\0\0\0\1", NULL);
}

static int make_rng(struct virtio **out, struct ram *ram)
{
    return virtio_rng_create(out, ram, NULL);
}

static int make_balloon(struct virtio **out, struct ram *ram)
{
    return virtio_balloon_create(out, ram, NULL);
}

static int make_9p(struct virtio **out, struct ram *ram)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/share", dir);
    return virtio_9p_create(out, ram, "tag", path, true, NULL);
}

static int make_vsock(struct virtio **out, struct ram *ram)
{
    return virtio_vsock_create(out, ram, loop, 3, dir, NULL);
}

static int make_console(struct virtio **out, struct ram *ram)
{
    return virtio_console_create(out, ram, console, true, NULL);
}

static int (*const makers[])(struct virtio **, struct ram *) = {
    make_blk, make_net, make_rng, make_balloon, make_9p, make_vsock, make_console};

static void clean_up(void)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    if (system(command) != 0)
        perror(command);
}

static void set_up(void)
{
    char path[160];
    if (loop)
        return;
    int rc = loop_create(&loop, NULL);
    rc |= clock_host_create(&clk, loop, 0, NULL);
    clock_resume(clk);
    rc |= mkdtemp(dir) ? 0 : -1;
    snprintf(path, sizeof(path), "mkdir %s/share; truncate -s 64K %s/disk", dir, dir);
    rc |= system(path);
    rc |= console_create(&console, loop, dir, NULL);
    if (rc)
        abort();
    atexit(clean_up);
}

static void stop(void *ctx)
{
    loop_stop(ctx, 0);
}

static void run_loop(void)
{
    loop_post(loop, stop, loop);
    loop_run(loop);
}

/* Commands: 0 kick, 1 a chain of the fuzzer's making, 2 raw bytes over a ring, 3 a register,
 * 4 let others run, 5 start again. */
struct input {
    const u8 *at, *end;
};

static u32 take(struct input *in, unsigned n)
{
    u32 val = 0;
    for (; n && in->at < in->end; n--)
        val = val << 8 | *in->at++;
    return val;
}

static void chain(struct bed *b, struct input *in, unsigned queue)
{
    struct bed_piece p[4];
    unsigned         n = take(in, 1) % 4 + 1;
    for (unsigned i = 0; i < n; i++) {
        u32 how = take(in, 1), len = take(in, how & 1 ? 1 : 2);
        p[i] = (struct bed_piece){BED_HEAP + 4096 * i, len, how & 2};
        if (how & 4)
            p[i].addr = (u64)take(in, 4) << (how >> 4);
        u32 give = MIN(len, 48u);
        for (u32 k = 0; !(how & 6) && k < give; k++)
            *(u8 *)bed_at(b, p[i].addr + k, 1) = (u8)take(in, 1);
    }
    b->heap = BED_HEAP + 0x10000;
    bed_add(b, queue, p, n);
    bed_kick(b, queue);
}

static void command(struct bed *b, struct input *in)
{
    static const u8 data[256] = "typed";
    unsigned        what = take(in, 1), queue = (what >> 4) % b->dev->ops->n_queues;
    switch (what % 6) {
    case 0:
        bed_kick(b, queue);
        break;
    case 1:
        chain(b, in, queue);
        break;
    case 2: {
        u64 at = bed_desc(queue) + take(in, 2) % 0xc000;
        for (unsigned n = take(in, 1) % 32; n; n--)
            *(u8 *)bed_at(b, at++, 1) = (u8)take(in, 1);
        break;
    }
    case 3: {
        u32 reg = take(in, 1) % 0x44 * 4;
        bed_set32(b, reg, take(in, 4));
        break;
    }
    case 4:
        if (console_input(console, data, take(in, 1)) == 0)
            console_resize(console, take(in, 1), 1);
        bed_wait(b);
        run_loop();
        break;
    default:
        bed_start(b, take(in, 1), what & 16, what & 32);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    struct bed     b;
    struct virtio *dev;
    struct input   in = {data, data + len};
    set_up();
    unsigned which = take(&in, 1), shape = take(&in, 1);
    bed_init(&b);
    if (makers[which % ARRAY_SIZE(makers)](&dev, b.ram) != 0)
        abort();
    bed_plug(&b, dev);
    bed_start(&b, 0, shape & 1, shape & 2);
    for (unsigned n = 0; n < 64 && in.at < in.end; n++)
        command(&b, &in);
    bed_wait(&b);
    bed_done(&b);
    run_loop();
    return 0;
}

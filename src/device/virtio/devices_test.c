/* device/virtio/devices_test.c - each device from its driver's side: network card, balloon,
 * shared folder, vsock. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "device/host/net.h"
#include "device/virtio/bed.h"
#include "device/virtio/devices.h"
#include "vm/console.h"

static struct loop *loop;

static void stop(void *ctx)
{
    loop_stop(ctx, 0);
}

static void run_loop(void)
{
    for (unsigned i = 0; i < 3; i++) { /* what is posted may post again */
        loop_post(loop, stop, loop);
        loop_run(loop);
    }
}

/* --- network --- */

struct cable {
    struct netdev     net;
    u8                frame[NET_FRAME_MAX];
    size_t            len;
    unsigned          sent, readied, takes;
    struct net_header header;
};

static void cable_send(struct netdev *net, const struct net_header *h, u8 *frame, size_t len)
{
    struct cable *c = container_of(net, struct cable, net);
    c->header       = *h;
    memcpy(c->frame, frame, len);
    c->len = len;
    c->sent++;
}

static void cable_ready(struct netdev *net)
{
    container_of(net, struct cable, net)->readied++;
}

static void cable_takes(struct netdev *net, unsigned abilities)
{
    container_of(net, struct cable, net)->takes = abilities;
}

static void cable_close(struct netdev *net)
{
    free(container_of(net, struct cable, net));
}

static const struct net_header plain;
static const struct netdev_ops cable_ops = {"cable", cable_send, cable_ready, cable_takes,
                                            cable_close};

static void net_run(bool packed, bool indirect)
{
    struct bed     b;
    struct virtio *dev;
    struct cable  *c = xnew(struct cable);
    u8             frame[1000];
    u32            id, len;
    c->net.ops = &cable_ops;
    bed_init(&b);
    assert_int_equal(virtio_net_create(&dev, b.ram, &c->net, loop, (u8 *)"\2\3\4\5\6\7", NULL), 0);
    bed_plug(&b, dev);
    assert_true(c->net.receive(c->net.ctx, &plain, frame, 60)); /* no driver yet: gone */
    assert_true(bed_start(&b, 0, packed, indirect));
    assert_int_equal(bed_get32(&b, 0x100), 0x05040302);
    for (unsigned i = 0; i < sizeof(frame); i++)
        frame[i] = (u8)(i * 7);

    gpa out = bed_alloc(&b, 2048);
    memset(bed_at(&b, out, 12), 0, 12);
    memcpy(bed_at(&b, out + 12, 1000), frame, 1000);
    struct bed_piece tx[2] = {{out, 12, false}, {out + 12, 1000, false}};
    assert_int_equal(bed_call(&b, 1, tx, 2), 0);
    assert_int_equal(c->sent, 1);
    assert_int_equal(c->len, 1000);
    assert_memory_equal(c->frame, frame, 1000);
    struct bed_piece tiny = {out, 13, false};
    assert_int_equal(bed_call(&b, 1, &tiny, 1), 0);
    assert_int_equal(c->sent, 1); /* not a frame */

    /* three small buffers: merged; two are not enough and stay */
    gpa              in = bed_alloc(&b, 2048);
    struct bed_piece rx = {in, 400, true}, rx2 = {in + 400, 400, true}, rx3 = {in + 800, 400, true};
    assert_false(c->net.receive(c->net.ctx, &plain, frame, 1000));
    bed_add(&b, 0, &rx, 1);
    bed_add(&b, 0, &rx2, 1);
    assert_false(c->net.receive(c->net.ctx, &plain, frame, 1000));
    assert_false(bed_used(&b, 0, &id, &len));
    bed_add(&b, 0, &rx3, 1);
    bed_kick(&b, 0);
    run_loop();
    assert_true(c->readied > 0);
    assert_true(c->net.receive(c->net.ctx, &plain, frame, 1000));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(bed_used(&b, 0, &id, &len));
        assert_int_equal(len, i == 2 ? 212 : 400);
    }
    assert_int_equal(*(u16 *)bed_at(&b, in + 10, 2), 3);
    assert_memory_equal(bed_at(&b, in + 12, 1000), frame, 1000);
    bed_done(&b);
    run_loop();
}

/* What is left to do with a frame goes through as it is, if the driver has said that it can. */
static void test_net_offloads(void **state)
{
    struct bed        b;
    struct virtio    *dev;
    u32               id, len;
    u8                frame[9000] = {0};
    struct net_header tcp4        = {NET_NEEDS_CSUM, NET_GSO_TCP4, 54, 1460, 34, 16};
    struct cable     *c           = xnew(struct cable);
    (void)state;
    c->net.ops  = &cable_ops;
    c->net.does = c->net.leaves = NET_CSUM | NET_TSO4;
    bed_init(&b);
    assert_int_equal(virtio_net_create(&dev, b.ram, &c->net, loop, (u8 *)"\2\3\4\5\6\7", NULL), 0);
    bed_plug(&b, dev);
    assert_true(bed_start(&b, 0, false, false));
    assert_true((dev->accepted & 0x1983) == 0x883); /* both sides: checksums, TSO4; no TSO6 */
    run_loop();
    assert_int_equal(c->takes, NET_CSUM | NET_TSO4);

    gpa              out  = bed_alloc(&b, 10000);
    struct bed_piece sent = {out, 12 + 9000, false};
    memcpy(bed_at(&b, out, 10), &tcp4, 10);
    assert_int_equal(bed_call(&b, 1, &sent, 1), 0);
    assert_int_equal(c->len, 9000);
    assert_memory_equal(&c->header, &tcp4, 10);
    *(u8 *)bed_at(&b, out + 1, 1) = NET_GSO_TCP6; /* never offered */
    assert_int_equal(bed_call(&b, 1, &sent, 1), 0);
    assert_int_equal(c->sent, 1);

    gpa              in = bed_alloc(&b, 10000);
    struct bed_piece rx = {in, 10000, true};
    bed_add(&b, 0, &rx, 1);
    assert_true(c->net.receive(c->net.ctx, &tcp4, frame, 9000));
    assert_true(bed_used(&b, 0, &id, &len) && len == 9012);
    assert_memory_equal(bed_at(&b, in, 10), &tcp4, 10);

    assert_true(bed_start(&b, 0x883, false, false)); /* a driver that takes nothing */
    run_loop();
    assert_int_equal(c->takes, 0);
    bed_add(&b, 0, &rx, 1);
    assert_true(c->net.receive(c->net.ctx, &tcp4, frame, 9000)); /* from before: lost */
    assert_false(bed_used(&b, 0, &id, &len));
    tcp4.gso  = NET_GSO_NONE;
    frame[60] = 1;
    assert_true(c->net.receive(c->net.ctx, &tcp4, frame, 100)); /* computed for it */
    assert_true(bed_used(&b, 0, &id, &len) && len == 112);
    u8 *got = bed_at(&b, in, 112);
    assert_true(got[0] == 0 && got[12 + 50] == 0xfe && got[12 + 51] == 0xff);
    bed_done(&b);
    run_loop();
}

static void test_net(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        net_run(i & 1, i & 2);
}

/* --- balloon --- */

static void test_balloon(void **state)
{
    struct bed           b;
    struct virtio       *dev;
    struct balloon_stats stats;
    (void)state;
    bed_init(&b);
    assert_int_equal(virtio_balloon_create(&dev, b.ram, NULL), 0);
    bed_plug(&b, dev);
    assert_true(bed_start(&b, 0, false, false));
    virtio_balloon_set(dev, MiB(1));
    assert_int_equal(bed_get32(&b, 0x100), 256);
    assert_int_equal(bed_get32(&b, 0x60), 2);
    gpa page = BED_RAM + MiB(2);
    memset(bed_at(&b, page, 3 * 4096), 0xaa, 3 * 4096);
    u32              pfn[3] = {(u32)(page >> 12), (u32)(page >> 12) + 1, 5 /* no RAM */};
    struct bed_piece p      = {bed_put(&b, pfn, sizeof(pfn)), sizeof(pfn), false};
    assert_int_equal(bed_call(&b, 0, &p, 1), 0);
    u8 *host = bed_at(&b, page, 3 * 4096);
    assert_int_equal(host[0], 0);
    assert_int_equal(host[8191], 0);
    assert_int_equal(host[8192], 0xaa);
    /* statistics: the buffer stays until we ask */
    u8               entry[10] = {4, 0, 0x39, 0x30};
    struct bed_piece s         = {bed_put(&b, entry, 10), 10, false};
    assert_int_equal(bed_call(&b, 2, &s, 1), -1);
    virtio_balloon_stats(dev, &stats);
    assert_int_equal(stats.free, 12345);
    assert_true(stats.total == ~0ull);
    u32 id, len;
    assert_true(bed_used(&b, 2, &id, &len));
    /* a driver tells its first figures before it is ready: Linux does */
    bed_start(&b, 0, false, false);
    bed_set32(&b, 0x70, 0);
    bed_set32(&b, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    bed_set32(&b, 0x24, 0);
    bed_set32(&b, 0x20, 2); /* statistics */
    bed_set32(&b, 0x24, 1);
    bed_set32(&b, 0x20, 1);
    bed_set32(&b, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    bed_queue_up(&b, 2);
    bed_put(&b, entry, 10);
    bed_add(&b, 2, &s, 1);
    bed_kick(&b, 2);
    bed_set32(&b, 0x70, 15);
    virtio_balloon_stats(dev, &stats);
    assert_int_equal(stats.free, 12345);
    bed_done(&b);
}

/* --- console --- */

static void test_console(void **state)
{
    struct bed      b;
    struct virtio  *dev;
    struct console *console;
    char            dir[] = "/tmp/guise-console-XXXXXX", said[16] = "";
    u32             id, len;
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(console_create(&console, loop, dir, NULL), 0);
    bed_init(&b);
    assert_int_equal(virtio_console_create(&dev, b.ram, console, true, NULL), 0);
    bed_plug(&b, dev);
    assert_true(bed_start(&b, 0, false, false));
    console_resize(console, 132, 50);
    assert_int_equal(bed_get32(&b, 0x100), 50 << 16 | 132);
    assert_int_equal(bed_get32(&b, 0x60), 2);
    bed_set32(&b, 0x64, 2);

    struct console_reader reader = {0};
    console_join(console, &reader, false);
    struct bed_piece out = {bed_put(&b, "printed", 7), 7, false};
    assert_int_equal(bed_call(&b, 1, &out, 1), 0);
    assert_int_equal(console_read(console, &reader, said, sizeof(said)), 7);
    assert_string_equal(said, "printed");
    console_leave(console, &reader);

    struct bed_piece in = {bed_alloc(&b, 4), 4, true};
    assert_int_equal(console_input(console, "typed", 5), 5); /* waits for a buffer */
    bed_add(&b, 0, &in, 1);
    bed_kick(&b, 0);
    run_loop();
    assert_true(bed_used(&b, 0, &id, &len) && len == 4);
    assert_memory_equal(bed_at(&b, in.addr, 4), "type", 4);
    in.len = 0; /* a buffer for nothing */
    bed_add(&b, 0, &in, 1);
    bed_kick(&b, 0);
    run_loop();
    assert_true(bed_get32(&b, 0x70) & VIRTIO_NEEDS_RESET);
    bed_done(&b);
    run_loop(); /* what was posted */
    console_destroy(console);
    char command[64];
    snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* --- shared folder --- */

static void test_9p(void **state)
{
    struct bed     b;
    struct virtio *dev;
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bed_init(&b);
        assert_int_equal(virtio_9p_create(&dev, b.ram, "tag", "/tmp", true, NULL), 0);
        bed_plug(&b, dev);
        assert_true(bed_start(&b, 0, i & 1, i & 2));
        static const u8  version[] = "\x15\0\0\0\x64\xff\xff\0\x20\0\0\x08\0"
                                     "9P2000.L";
        gpa              answer    = bed_alloc(&b, 256);
        struct bed_piece p[3]      = {
                 {bed_put(&b, version, 21), 21, false}, {answer, 7, true}, {answer + 7, 100, true}};
        assert_int_equal(bed_call(&b, 0, p, 3), 21);
        assert_memory_equal(bed_at(&b, answer, 21),
                            "\x15\0\0\0\x65\xff\xff\0\x20\0\0\x08\0"
                            "9P2000.L",
                            21);
        bed_done(&b);
    }
    assert_int_equal(virtio_9p_create(&dev, NULL, "tag", "/no/such/folder", true, NULL), -ENOENT);
}

/* --- vsock --- */

struct packet {
    u64 src_cid, dst_cid;
    u32 src_port, dst_port, len;
    u16 type, op;
    u32 flags, buf_alloc, fwd_cnt;
} __attribute__((packed));

static void guest_says(struct bed *b, u16 op, u32 guest_port, u32 host_port, const char *data)
{
    struct packet    p = {3, 2, guest_port, host_port, (u32)strlen(data), 1, op, 0, 65536, 0};
    struct bed_piece piece[2] = {{bed_put(b, &p, sizeof(p)), sizeof(p), false},
                                 {bed_put(b, data, strlen(data) + 1), p.len, false}};
    assert_int_equal(bed_call(b, 1, piece, 2), 0);
}

/* Gives the device a buffer, lets things happen, returns what came (op 0: nothing). */
static struct packet guest_hears(struct bed *b, char *data)
{
    struct packet    p  = {0};
    gpa              at = bed_alloc(b, 256);
    struct bed_piece in = {at, 256, true};
    u32              id, len;
    bed_add(b, 0, &in, 1);
    bed_kick(b, 0);
    for (unsigned i = 0; i < 5 && !bed_used(b, 0, &id, &len); i++)
        run_loop();
    memcpy(&p, bed_at(b, at, sizeof(p)), sizeof(p));
    if (data && p.len < 200) {
        memcpy(data, bed_at(b, at + sizeof(p), p.len), p.len);
        data[p.len] = 0;
    }
    return p;
}

static int unix_socket(const char *dir, const char *file, bool listening)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof(name.sun_path), "%s/%s", dir, file);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    if (!listening)
        assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    else
        assert_true(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(fd, 4) == 0);
    return fd;
}

static void test_vsock(void **state)
{
    struct bed     b;
    struct virtio *dev;
    char           dir[] = "/tmp/guise-vsock-XXXXXX", data[256];
    (void)state;
    assert_non_null(mkdtemp(dir));
    int listener = unix_socket(dir, "vsock_52.sock", true);
    bed_init(&b);
    assert_int_equal(virtio_vsock_create(&dev, b.ram, loop, 3, dir, NULL), 0);
    bed_plug(&b, dev);
    assert_true(bed_start(&b, 0, false, false));
    assert_int_equal(bed_get32(&b, 0x100), 3);

    guest_says(&b, 1, 1000, 53, ""); /* nobody listens there */
    assert_int_equal(guest_hears(&b, NULL).op, 3);
    guest_says(&b, 1, 1000, 52, "");
    struct packet p = guest_hears(&b, NULL);
    assert_int_equal(p.op, 2);
    assert_true(p.src_cid == 2 && p.dst_cid == 3 && p.src_port == 52 && p.dst_port == 1000);
    int peer = accept(listener, NULL, NULL);
    guest_says(&b, 5, 1000, 52, "from the guest");
    assert_int_equal(read(peer, data, sizeof(data)), 14);
    assert_memory_equal(data, "from the guest", 14);
    assert_int_equal(write(peer, "from the host", 13), 13);
    p = guest_hears(&b, data);
    assert_int_equal(p.op, 5);
    assert_string_equal(data, "from the host");
    assert_int_equal(p.fwd_cnt, 14);
    close(peer);
    assert_int_equal(guest_hears(&b, NULL).op, 4); /* no more will come, */
    assert_int_equal(guest_hears(&b, NULL).op, 3); /* and nobody hears it */

    int host = unix_socket(dir, "vsock.sock", false);
    assert_int_equal(write(host, "CONNECT 77\n", 11), 11);
    p = guest_hears(&b, NULL);
    assert_int_equal(p.op, 1);
    assert_int_equal(p.dst_port, 77);
    guest_says(&b, 2, 77, p.src_port, "");
    assert_true(read(host, data, sizeof(data)) > 3);
    assert_memory_equal(data, "OK ", 3);
    guest_says(&b, 3, 77, p.src_port, ""); /* RST */
    assert_int_equal(read(host, data, sizeof(data)), 0);
    close(host);
    close(listener);
    bed_done(&b);
    run_loop();
    snprintf(data, sizeof(data), "rm -r %s", dir);
    assert_int_equal(system(data), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net),     cmocka_unit_test(test_net_offloads),
        cmocka_unit_test(test_balloon), cmocka_unit_test(test_9p),
        cmocka_unit_test(test_console), cmocka_unit_test(test_vsock),
    };
    if (loop_create(&loop, NULL) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    loop_destroy(loop);
    return failed;
}

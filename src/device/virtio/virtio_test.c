/* device/virtio/virtio_test.c - one conformance client over every ring format: start, entropy,
 * blocks written and read back, hostile rings, a snapshot in the middle. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/host/disk.h"
#include "device/virtio/bed.h"
#include "device/virtio/devices.h"

static const struct shape {
    bool packed, indirect;
    u64  unwanted;
} shapes[] = {
    {false, false, 0},
    {false, true, 0},
    {true, false, 0},
    {true, true, 0},
    {false, false, VIRTIO_F_EVENT_IDX},
    {true, false, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC},
};

static void plug_rng(struct bed *b)
{
    struct virtio *dev;
    bed_init(b);
    assert_int_equal(virtio_rng_create(&dev, b->ram, NULL), 0);
    bed_plug(b, dev);
}

static void test_rng_in_all_shapes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
        struct bed b;
        plug_rng(&b);
        assert_int_equal(bed_get32(&b, 0), 0x74726976);
        assert_int_equal(bed_get32(&b, 8), VIRTIO_ID_RNG);
        assert_true(bed_start(&b, shapes[i].unwanted, shapes[i].packed, shapes[i].indirect));
        gpa at = bed_alloc(&b, 256);
        for (unsigned round = 0; round < 100; round++) { /* many times round the ring */
            memset(bed_at(&b, at, 256), 0, 256);
            struct bed_piece p[3] = {{at, 64, true}, {at + 64, 64, true}, {at + 128, 100, true}};
            assert_int_equal(bed_call(&b, 0, p, 3), 228);
            assert_memory_not_equal(bed_at(&b, at, 64), bed_at(&b, at + 64, 64), 64);
            assert_int_equal(*(u8 *)bed_at(&b, at + 228, 1), 0);
            b.heap = at + 256;
        }
        assert_true(b.level);
        bed_set32(&b, 0x64, 3);
        assert_false(b.level);
        bed_done(&b);
    }
}

static void test_legacy_driver_is_refused(void **state)
{
    struct bed b;
    (void)state;
    plug_rng(&b);
    assert_false(bed_start(&b, VIRTIO_F_VERSION_1, false, false));
    bed_done(&b);
}

/* Each breaks one rule; the device must ask for a reset, and work again after it. */
static void spoil(struct bed *b, unsigned how)
{
    struct bed_piece p = {BED_HEAP, 64, true};
    switch (how) {
    case 0:
        p.addr = 0x1000; /* no RAM there */
        break;
    case 1:
        p.len = 0x7fffffff;
        break;
    case 2:
        p.addr = BED_RAM + BED_RAM_BYTES - 1;
        break;
    case 3:
        p.addr = ~0ull - 3;
        break;
    }
    bed_add(b, 0, &p, 1);
    struct split_desc  *desc  = bed_at(b, bed_desc(0), 16 * BED_QUEUE);
    struct packed_desc *pdesc = (void *)desc;
    struct split_avail *avail = bed_at(b, bed_driver(0), 6 + 2 * BED_QUEUE);
    if (how == 4 && b->packed) {
        for (unsigned i = 0; i < BED_QUEUE; i++)
            pdesc[i] = (struct packed_desc){BED_HEAP, 4, 0, DESC_NEXT | DESC_WRITE | DESC_AVAIL};
    } else if (how == 4) {
        desc[0].flags |= DESC_NEXT;
        desc[0].next = 0; /* a circle */
    } else if (how == 5 && b->packed) {
        pdesc[0].flags |= DESC_INDIRECT;
        pdesc[0].len = 15;
    } else if (how == 5) {
        avail->ring[0] = BED_QUEUE;
    } else if (how == 6 && !b->packed) {
        avail->idx = 100;
    } else if (how == 6) {
        pdesc[0].flags |= DESC_INDIRECT | DESC_NEXT;
    }
}

static void test_hostile_rings(void **state)
{
    (void)state;
    for (unsigned packed = 0; packed < 2; packed++)
        for (unsigned how = 0; how <= 6; how++) {
            struct bed b;
            plug_rng(&b);
            assert_true(bed_start(&b, 0, packed, false));
            spoil(&b, how);
            bed_kick(&b, 0);
            assert_true(bed_get32(&b, 0x70) & VIRTIO_NEEDS_RESET);
            assert_int_equal(bed_get32(&b, 0x60) & 2, 2);
            assert_true(bed_start(&b, 0, packed, false));
            struct bed_piece p = {bed_alloc(&b, 64), 64, true};
            assert_int_equal(bed_call(&b, 0, &p, 1), 64);
            bed_done(&b);
        }
}

static void test_snapshot_in_the_middle(void **state)
{
    char path[] = "/tmp/guise-virtio-XXXXXX";
    (void)state;
    close(mkstemp(path));
    for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
        struct bed   b;
        struct snap *snap;
        plug_rng(&b);
        assert_true(bed_start(&b, shapes[i].unwanted, shapes[i].packed, shapes[i].indirect));
        struct bed_piece p = {bed_alloc(&b, 64), 64, true};
        for (unsigned n = 0; n < 21; n++)
            assert_int_equal(bed_call(&b, 0, &p, 1), 64);
        assert_int_equal(snap_create(&snap, path, NULL), 0);
        assert_int_equal(bus_save(b.bus, snap, NULL), 0);
        assert_int_equal(snap_commit(snap, NULL), 0);
        snap_close(snap);
        bus_reset(b.bus);
        assert_int_equal(bed_get32(&b, 0x70), 0);
        assert_int_equal(snap_open(&snap, path, NULL), 0);
        assert_int_equal(bus_load(b.bus, snap, NULL), 0);
        snap_close(snap);
        for (unsigned n = 0; n < 21; n++)
            assert_int_equal(bed_call(&b, 0, &p, 1), 64);
        bed_done(&b);
    }
    unlink(path);
}

/* --- block --- */

struct blk_bed {
    struct bed    b;
    struct loop  *loop;
    struct clock *clock;
    char          path[32];
};

static void plug_blk(struct blk_bed *t, bool read_only)
{
    struct disk   *disk;
    struct virtio *dev;
    strcpy(t->path, "/tmp/guise-disk-XXXXXX");
    int fd = mkstemp(t->path);
    assert_int_equal(ftruncate(fd, MiB(1)), 0);
    close(fd);
    assert_int_equal(loop_create(&t->loop, NULL), 0);
    assert_int_equal(clock_host_create(&t->clock, t->loop, 0, NULL), 0);
    struct disk_config config = {
        .path = t->path, .format = "raw", .read_only = read_only, .clock = t->clock};
    assert_int_equal(disk_open(&disk, &config, NULL), 0);
    bed_init(&t->b);
    assert_int_equal(virtio_blk_create(&dev, t->b.ram, disk, "serial-1", NULL), 0);
    bed_plug(&t->b, dev);
}

static void stop(void *loop)
{
    loop_stop(loop, 0);
}

static void unplug_blk(struct blk_bed *t)
{
    bed_done(&t->b);
    loop_post(t->loop, stop, t->loop); /* and what was posted before */
    loop_run(t->loop);
    clock_destroy(t->clock);
    loop_destroy(t->loop);
    unlink(t->path);
}

/* Returns the status byte, or -1. */
static int blk_call(struct bed *b, u32 type, u64 sector, gpa data, u32 len, bool write)
{
    struct {
        u32 type, reserved;
        u64 sector;
    } header                = {type, 0, sector};
    gpa              heap   = b->heap;
    gpa              status = bed_put(b, "\xee", 1);
    struct bed_piece p[4]   = {{bed_put(b, &header, 16), 16, false},
                               {data, len / 2, write},
                               {data + len / 2, len - len / 2, write},
                               {status, 1, true}};
    i64              got    = bed_call(b, 0, p, 4);
    u8               s      = *(u8 *)bed_at(b, status, 1);
    b->heap                 = heap;
    if (got < 1)
        return -1;
    if (s == 0 && write && got != (i64)len + 1)
        return -2;
    return s;
}

static void test_blk_in_all_shapes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
        struct blk_bed t;
        struct bed    *b = &t.b;
        plug_blk(&t, false);
        assert_true(bed_start(b, shapes[i].unwanted, shapes[i].packed, shapes[i].indirect));
        assert_int_equal(bed_get32(b, 0x100), MiB(1) / 512);
        gpa buf  = bed_alloc(b, 8192);
        u8 *host = bed_at(b, buf, 8192);
        for (unsigned n = 0; n < 50; n++) {
            memset(host, (int)n + 1, 4096);
            assert_int_equal(blk_call(b, 1, n * 8, buf, 4096, false), 0);
        }
        for (unsigned n = 0; n < 50; n++) {
            assert_int_equal(blk_call(b, 0, n * 8, buf + 4096, 4096, true), 0);
            assert_int_equal(host[4096], n + 1);
            assert_memory_equal(host + 4096, host + 4097, 4095);
        }
        assert_int_equal(blk_call(b, 4, 0, buf, 0, false), 0);
        assert_int_equal(blk_call(b, 8, 0, buf, 20, true), 0);
        assert_string_equal((char *)host, "serial-1");
        assert_int_equal(blk_call(b, 0, MiB(1) / 512 - 7, buf, 4096, true), 1); /* past the end */
        assert_int_equal(blk_call(b, 0, ~0ull, buf, 4096, true), 1);
        assert_int_equal(blk_call(b, 0, 0, buf, 511, true), 1);
        assert_int_equal(blk_call(b, 77, 0, buf, 512, true), 2);
        memcpy(host, "\x08\0\0\0\0\0\0\0\x08\0\0\0\x01\0\0\0", 16);
        assert_int_equal(blk_call(b, 13, 0, buf, 16, false), 0); /* zero sectors 8..15 */
        assert_int_equal(blk_call(b, 0, 8, buf, 4096, true), 0);
        assert_int_equal(host[0], 0);
        assert_int_equal(blk_call(b, 0, 16, buf, 4096, true), 0);
        assert_int_equal(host[0], 3);
        unplug_blk(&t);
    }
}

static void test_blk_read_only_and_locked(void **state)
{
    struct blk_bed t;
    struct disk   *second;
    (void)state;
    plug_blk(&t, true);
    assert_true(bed_start(&t.b, 0, false, false));
    gpa buf = bed_alloc(&t.b, 512);
    assert_int_equal(blk_call(&t.b, 1, 0, buf, 512, false), 1);
    assert_int_equal(blk_call(&t.b, 0, 0, buf, 512, true), 0);
    struct disk_config config = {.path = t.path, .format = "raw", .clock = t.clock};
    assert_int_equal(disk_open(&second, &config, NULL), -EBUSY);
    unplug_blk(&t);
}

/* A reset while requests are on their way: none of them may come back into the new rings. */
static void test_blk_reset_in_flight(void **state)
{
    struct blk_bed t;
    struct bed    *b = &t.b;
    u32            id, len;
    (void)state;
    plug_blk(&t, false);
    for (unsigned n = 0; n < 50; n++) {
        assert_true(bed_start(b, 0, n & 1, false));
        u64              header[2] = {0, 0};
        gpa              h = bed_put(b, header, 16), data = bed_alloc(b, 4096), s = bed_alloc(b, 1);
        struct bed_piece p[3] = {{h, 16, false}, {data, 4096, true}, {s, 1, true}};
        for (unsigned i = 0; i < 4; i++)
            bed_add(b, 0, p, 3);
        bed_kick(b, 0);
        assert_true(bed_start(b, 0, n & 1, false));
        bed_wait(b);
        assert_false(bed_used(b, 0, &id, &len));
    }
    unplug_blk(&t);
}

/* A paused machine hears no answer; a snapshot has them all. */
static void test_blk_snapshot_in_flight(void **state)
{
    struct blk_bed t;
    struct bed    *b = &t.b;
    struct snap   *snap;
    u32            id, len;
    char           path[] = "/tmp/guise-flight-XXXXXX";
    (void)state;
    plug_blk(&t, false); /* the clock stands still from the start */
    assert_true(bed_start(b, 0, false, false));
    u64              header[2] = {0, 0};
    gpa              data = bed_alloc(b, 4096), s = bed_alloc(b, 1);
    struct bed_piece p[3] = {{bed_put(b, header, 16), 16, false}, {data, 4096, true}, {s, 1, true}};
    memset(bed_at(b, data, 4096), 0xaa, 4096);
    for (unsigned i = 0; i < 4; i++)
        bed_add(b, 0, p, 3);
    bed_kick(b, 0);
    for (unsigned i = 0; i < 20; i++) {
        usleep(1000);
        loop_post(t.loop, stop, t.loop);
        loop_run(t.loop);
    }
    assert_false(bed_used(b, 0, &id, &len));
    close(mkstemp(path));
    assert_int_equal(snap_create(&snap, path, NULL), 0);
    assert_int_equal(bus_save(b->bus, snap, NULL), 0);
    assert_int_equal(snap_commit(snap, NULL), 0);
    snap_close(snap);
    unlink(path);
    for (unsigned i = 0; i < 4; i++)
        assert_true(bed_used(b, 0, &id, &len) && len == 4097);
    assert_false(bed_used(b, 0, &id, &len));
    assert_int_equal(*(u8 *)bed_at(b, data + 4095, 1), 0);
    unplug_blk(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rng_in_all_shapes),   cmocka_unit_test(test_legacy_driver_is_refused),
        cmocka_unit_test(test_hostile_rings),       cmocka_unit_test(test_snapshot_in_the_middle),
        cmocka_unit_test(test_blk_in_all_shapes),   cmocka_unit_test(test_blk_read_only_and_locked),
        cmocka_unit_test(test_blk_reset_in_flight), cmocka_unit_test(test_blk_snapshot_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

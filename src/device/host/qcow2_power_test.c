/* device/host/qcow2_power_test.c - the host loses power while it writes to a qcow2 image. What was
 * synced is there; of what was written since, any sectors are and any are not. Whatever is left
 * must be an image without errors that holds all that the guest had flushed.
 *
 * The host's calls are caught here (this file's pwritev and so on are linked instead of libc's)
 * and written down; then the file is put together again as a disk may have kept it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "device/host/qcow2_bench.h"

enum { SECTOR = 512, BLOCK = 4096, BLOCKS = 512, OPS = 120, FILE_MAX = 16 << 20 };

enum what { WRITE, SYNC, FLUSHED };

struct event {
    enum what what;
    u64       off, len;
    u8       *data; /* WRITE; NULL: zeroes */
    u32       op;   /* how many requests had been made */
};

static struct event events[200000];
static unsigned     n_events;
static bool         recording;
static u32          op_now;

static void record(struct event e)
{
    if (!recording)
        return;
    assert_true(n_events < ARRAY_SIZE(events));
    e.op               = op_now;
    events[n_events++] = e;
}

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
    struct event e = {.what = WRITE, .off = (u64)off};
    for (int i = 0; i < n; i++)
        e.len += iov[i].iov_len;
    if (recording) {
        e.data = xalloc(e.len);
        iov_to(e.data, iov, (unsigned)n, e.len);
    }
    record(e);
    return syscall(SYS_pwritev, fd, iov, n, off, 0);
}

int fdatasync(int fd)
{
    (void)fd; /* nothing needs to be durable here */
    record((struct event){.what = SYNC});
    return 0;
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
    record((struct event){.what = WRITE, .off = (u64)off, .len = (u64)len});
    return (int)syscall(SYS_fallocate, fd, mode, off, len);
}

/* --- the guest --- */

static u64 seed = 88172645463325252ull;

static u64 rnd(u64 n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

/* What a block may hold: VALUES[b][0..n]: everything since it was flushed. Each value is the
 * number of the request that put it there; 0 is zeroes. */
struct history {
    u32 values[OPS + 2];
    u32 ops[OPS + 2]; /* after which request it was so */
    u32 n;
};

static struct history blocks[BLOCKS];

static void holds(u64 block, u32 value)
{
    struct history *h = &blocks[block];
    h->values[h->n]   = value;
    h->ops[h->n++]    = op_now;
}

static void request(struct image *image)
{
    static u8 buf[16 * BLOCK];
    u64       at = rnd(4) ? rnd(BLOCKS / 4) : rnd(BLOCKS), n = 1 + rnd(16);
    n = MIN(n, BLOCKS - at);
    op_now++;
    switch (rnd(8)) {
    case 0:
        assert_int_equal(image_discard(image, at * BLOCK, n * BLOCK), 0);
        for (u64 i = 0; i < n; i++) { /* it may have done nothing: see what is there */
            u32 now;
            assert_int_equal(image_read(image, (at + i) * BLOCK, &(struct iovec){buf, BLOCK}, 1),
                             0);
            memcpy(&now, buf, 4);
            holds(at + i, now);
        }
        break;
    case 1:
        assert_int_equal(image_zero(image, at * BLOCK, n * BLOCK, rnd(2)), 0);
        for (u64 i = 0; i < n; i++)
            holds(at + i, 0);
        break;
    case 2: {
        assert_int_equal(image_flush(image), 0);
        record((struct event){.what = FLUSHED});
        break;
    }
    default:
        for (u64 i = 0; i < n * BLOCK; i += 4)
            memcpy(buf + i, &op_now, 4);
        assert_int_equal(image_write(image, at * BLOCK, &(struct iovec){buf, n * BLOCK}, 1), 0);
        for (u64 i = 0; i < n; i++)
            holds(at + i, op_now);
    }
}

/* --- the disk --- */

static void put_sectors(u8 *f, u64 *len, const struct event *e, u64 keep_of_64)
{
    for (u64 at = 0; at < e->len;) {
        u64 n = MIN(e->len - at, SECTOR - (e->off + at) % SECTOR);
        if (keep_of_64 == 64 || rnd(64) < keep_of_64) {
            assert_true(e->off + at + n <= FILE_MAX);
            if (e->data)
                memcpy(f + e->off + at, e->data + at, n);
            else
                memset(f + e->off + at, 0, n);
            *len = MAX(*len, e->off + at + n);
        }
        at += n;
    }
}

/* Is VALUE what block B may hold, when all up to request FLUSHED was flushed and no request after
 * NOW was made? A write that was not flushed may be there in parts. */
static bool may_hold(u64 b, u32 value, u32 flushed, u32 now)
{
    const struct history *h    = &blocks[b];
    u32                   last = 0;
    for (u32 i = 0; i < h->n && h->ops[i] <= flushed; i++)
        last = i + 1;
    if ((last ? h->values[last - 1] : 0) == value)
        return true;
    for (u32 i = last; i < h->n && h->ops[i] <= now; i++)
        if (h->values[i] == value)
            return true;
    return false;
}

static void judge(const u8 *f, u64 len, const char *path, u32 flushed, u32 now)
{
    struct qcow_checked c;
    struct image       *image;
    struct image_how    how = {"qcow2", true, 0};
    struct err          err = {0};
    u32                 buf[BLOCK / 4];
    int                 fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(file_pwrite(fd, f, len, 0), 0);
    close(fd);
    if (f[79] & 1) { /* in the middle of its repair: once more, then */
        how.read_only = false;
        if (image_open(&image, path, &how, &err) != 0)
            fail_msg("%s", err.text);
        image_close(image);
        how.read_only = true;
        qcow2_check_file(&c, path);
    } else {
        qcow2_check(&c, f, ALIGN_UP(len, 1ull << be_get(f + 20, 4)));
    }
    if (c.wrong)
        fail_msg("after request %u: %s (%llx)", now, c.wrong, (unsigned long long)c.where);
    if (image_open(&image, path, &how, &err) != 0)
        fail_msg("%s", err.text);
    for (u64 b = 0; b < BLOCKS; b++) {
        assert_int_equal(image_read(image, b * BLOCK, &(struct iovec){buf, BLOCK}, 1), 0);
        for (u64 i = 0; i < BLOCK / 4; i++)
            if (!may_hold(b, buf[i], flushed, now))
                fail_msg("block %u holds %u: flushed up to %u, lost after %u", (unsigned)b, buf[i],
                         flushed, now);
    }
    image_close(image);
}

/* Loses power at many places: before each sync, and at random ones. */
static void replay(const u8 *start, u64 start_len, const char *path, u32 flushed)
{
    cleanup_free u8 *synced = xalloc(FILE_MAX), *f = xalloc(FILE_MAX);
    u64              synced_len = start_len, top = start_len;
    unsigned         from = 0; /* the first event that is not durable */
    memcpy(synced, start, start_len);
    for (unsigned i = 0; i < n_events; i++)
        top = MAX(top, events[i].off + events[i].len);
    for (unsigned i = 0; i <= n_events; i++) {
        bool     at_sync = i == n_events || events[i].what == SYNC;
        unsigned tries   = at_sync ? 4 : rnd(40) == 0;
        u32      now     = i < n_events ? events[i].op : op_now;
        for (unsigned t = 0; t < tries && i > from; t++) {
            static const u64 keep[] = {0, 64, 32, 60};
            u64              len = synced_len, odd = from + rnd(i - from);
            memcpy(f, synced, top);
            for (unsigned k = from; k < i; k++) /* all, none, some; all or none but one */
                if (events[k].what == WRITE)
                    put_sectors(f, &len, &events[k], k == odd ? 64 - keep[t % 2] : keep[rnd(4)]);
            judge(f, len, path, flushed, now);
            if (t % 2 == 0) {
                len = synced_len;
                memcpy(f, synced, top);
                for (unsigned k = from; k < i; k++)
                    if (events[k].what == WRITE)
                        put_sectors(f, &len, &events[k], (k == odd) != (t == 0) ? 0 : 64);
                judge(f, len, path, flushed, now);
            }
        }
        if (i < n_events && events[i].what == SYNC)
            for (; from <= i; from++)
                if (events[from].what == WRITE)
                    put_sectors(synced, &synced_len, &events[from], 64);
        if (i < n_events && events[i].what == FLUSHED)
            flushed = events[i].op;
    }
}

/* Its first block of counts is nonsense, and it says so. */
static void make_dirty(const char *path)
{
    u64              len;
    cleanup_free u8 *f     = qcow2_slurp(path, &len);
    u64              block = be_get(f + be_get(f + 48, 8), 8);
    cleanup_fd int   fd    = open(path, O_RDWR);
    for (u64 i = 0; i < 1ull << be_get(f + 20, 4); i++)
        assert_int_equal(file_pwrite(fd, &(u8){rnd(3) ? 0 : 0x55}, 1, block + i), 0);
    assert_int_equal(file_pwrite(fd, "\1", 1, 79), 0);
}

static void run(const struct qcow_shape *shape, bool dirty)
{
    char             path[] = "/tmp/guise-power-XXXXXX", lost[] = "/tmp/guise-lost-XXXXXX";
    struct image    *image;
    struct image_how how = {"qcow2", false, 0};
    u64              len;
    close(mkstemp(path));
    close(mkstemp(lost));
    qcow2_make(path, shape);
    memset(blocks, 0, sizeof(blocks));
    op_now = 0;
    if (dirty) {
        assert_int_equal(image_open(&image, path, &how, NULL), 0);
        for (unsigned i = 0; i < 20; i++)
            request(image);
        image_close(image);
        make_dirty(path);
    }
    cleanup_free u8 *at_start = qcow2_slurp(path, &len);
    recording                 = dirty;
    assert_int_equal(image_open(&image, path, &how, NULL), 0);
    recording = true;
    for (unsigned i = dirty ? OPS - 10 : 0; i < OPS; i++)
        request(image);
    recording = false;
    replay(at_start, MIN(len, (u64)FILE_MAX), lost, dirty ? 20 : 0);
    image_close(image);
    struct qcow_checked c;
    qcow2_check_file(&c, path);
    assert_true(!c.wrong);
    assert_int_equal(c.leaks, 0);
    while (n_events)
        free(events[--n_events].data);
    unlink(path);
    unlink(lost);
}

static void test_power(void **state)
{
    (void)state;
    static const struct qcow_shape shapes[] = {
        {BLOCKS * BLOCK, 16, 4, NULL}, {BLOCKS * BLOCK, 12, 4, NULL}, {BLOCKS * BLOCK, 9, 4, NULL},
        {BLOCKS * BLOCK, 9, 6, NULL},  {BLOCKS * BLOCK, 12, 0, NULL},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++)
        run(&shapes[i], false);
}

static void test_power_while_repairing(void **state)
{
    (void)state;
    static const struct qcow_shape shapes[] = {{BLOCKS * BLOCK, 12, 4, NULL},
                                               {BLOCKS * BLOCK, 9, 4, NULL}};
    for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++)
        run(&shapes[i], true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_power),
                                       cmocka_unit_test(test_power_while_repairing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

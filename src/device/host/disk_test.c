/* device/host/disk_test.c - a disk's answers come by the machine's clock: as soon as it runs, or
 * when a timing model says. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/host/disk.h"

enum { REQUESTS = 6 };
#define MS 1000000ull

struct bench {
    struct loop        *loop;
    struct clock       *clock;
    struct disk        *disk;
    char                path[32];
    struct disk_request requests[REQUESTS];
    struct iovec        iov[REQUESTS];
    u8                  data[REQUESTS][512];
    unsigned            answered, order[REQUESTS];
    u64                 answered_ns[REQUESTS];

    /* the model: a disk with one head, STEP_NS for each request */
    u64      step_ns, busy_until;
    unsigned asked;
    u64      bytes;
};

static u64 one_head(void *ctx, const struct disk_request *r, u64 since, u64 len)
{
    struct bench *b = ctx;
    (void)r;
    b->asked++;
    b->bytes += len;
    b->busy_until = MAX(b->busy_until, since) + b->step_ns;
    return b->busy_until;
}

static void answered(struct disk_request *r, int result)
{
    struct bench *b = r->ctx;
    unsigned      n = (unsigned)(r - b->requests);
    assert_int_equal(result, 0);
    b->order[b->answered++] = n;
    b->answered_ns[n]       = clock_now(b->clock);
    if (b->answered == REQUESTS)
        loop_stop(b->loop, 0);
}

static void set_up(struct bench *b, const struct disk_timing *timing)
{
    *b     = (struct bench){.path = "/tmp/guise-disk-XXXXXX", .step_ns = 5 * MS};
    int fd = mkstemp(b->path);
    assert_int_equal(ftruncate(fd, MiB(1)), 0);
    close(fd);
    assert_int_equal(loop_create(&b->loop, NULL), 0);
    assert_int_equal(clock_host_create(&b->clock, b->loop, 0, NULL), 0);
    struct disk_config config = {.path = b->path, .clock = b->clock, .timing = timing};
    assert_int_equal(disk_open(&b->disk, &config, NULL), 0);
}

static void tear_down(struct bench *b)
{
    disk_close(b->disk);
    clock_destroy(b->clock);
    loop_destroy(b->loop);
    unlink(b->path);
}

static void submit_all(struct bench *b)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        b->iov[i]      = (struct iovec){b->data[i], 512};
        b->requests[i] = (struct disk_request){.op    = i % 2 ? DISK_READ : DISK_WRITE,
                                               .off   = 512 * i,
                                               .iov   = &b->iov[i],
                                               .n_iov = 1,
                                               .done  = answered,
                                               .ctx   = b};
        disk_submit(b->disk, &b->requests[i]);
    }
}

static void stop(void *ctx)
{
    loop_stop(ctx, 1);
}

/* Runs what is due on the loop, for so long. */
static void run_for(struct bench *b, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        usleep(1000);
        loop_post(b->loop, stop, b->loop);
        loop_run(b->loop);
    }
}

static void in_order(const struct bench *b)
{
    assert_int_equal(b->answered, REQUESTS);
    for (unsigned i = 0; i < REQUESTS; i++)
        assert_int_equal(b->order[i], i);
}

static void test_by_the_clock(void **state)
{
    struct bench b;
    struct stats stats = {0};
    (void)state;
    set_up(&b, NULL);
    submit_all(&b);
    disk_quiesce(b.disk);
    run_for(&b, 20);
    assert_int_equal(b.answered, 0); /* paused: nobody hears */
    clock_resume(b.clock);
    assert_int_equal(loop_run(b.loop), 0);
    in_order(&b);
    disk_stats(b.disk, "disk0", &stats);
    assert_string_equal(stats.rows[0].name, "disk0.read.requests");
    assert_int_equal(stats.rows[0].value, 3);
    assert_int_equal(stats.rows[1].value, 3 * 512);
    stats_done(&stats);
    tear_down(&b);
}

static void test_timing_model(void **state)
{
    struct bench       b;
    struct disk_timing timing = {.until = one_head, .ctx = &b};
    (void)state;
    set_up(&b, &timing);
    clock_resume(b.clock);
    submit_all(&b);
    assert_int_equal(loop_run(b.loop), 0);
    in_order(&b);
    assert_int_equal(b.asked, REQUESTS);
    assert_int_equal(b.bytes, 512 * REQUESTS);
    for (unsigned i = 0; i < REQUESTS; i++) /* never early: one after the other */
        assert_true(b.answered_ns[i] >= (i + 1) * b.step_ns);
    tear_down(&b);
}

static void test_paused_under_a_model(void **state)
{
    struct bench       b;
    struct disk_timing timing = {.until = one_head, .ctx = &b};
    (void)state;
    set_up(&b, &timing);
    clock_resume(b.clock);
    b.step_ns = 1000 * MS;
    submit_all(&b);
    disk_quiesce(b.disk);
    run_for(&b, 5);
    assert_int_equal(b.asked, REQUESTS);
    assert_int_equal(b.answered, 0);
    clock_pause(b.clock);
    disk_drain(b.disk); /* as for a snapshot: all, in their order, and each once */
    in_order(&b);
    clock_resume(b.clock);
    run_for(&b, 5);
    assert_int_equal(b.answered, REQUESTS);
    submit_all(&b); /* closed with answers on their way: they are forgotten */
    disk_quiesce(b.disk);
    run_for(&b, 2);
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_the_clock),
                                       cmocka_unit_test(test_timing_model),
                                       cmocka_unit_test(test_paused_under_a_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

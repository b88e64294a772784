/* vm/console_test.c - output reaches everybody in order, late readers too; input waits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/loop.h"
#include "vm/console.h"

static char            folder[64];
static struct loop    *loop;
static struct console *con;

static void nothing(void *ctx)
{
    (void)ctx;
}

static void stop_loop(void *ctx)
{
    (void)ctx;
    loop_stop(loop, 0);
}

static void settle(void)
{
    loop_post(loop, stop_loop, NULL);
    loop_run(loop);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/guise-console.XXXXXX");
    return !mkdtemp(folder) || loop_create(&loop, NULL) || console_create(&con, loop, folder, NULL);
}

static int teardown(void **state)
{
    (void)state;
    console_destroy(con);
    loop_destroy(loop);
    cleanup_free char *command = xasprintf("rm -rf '%s'", folder);
    return system(command);
}

/* The stream's byte at AT: no period that could hide a slip of a buffer's size. */
static u8 byte_at(u64 at)
{
    return (u8)(at * 2654435761u >> 13);
}

static void print(u64 from, size_t len)
{
    cleanup_free u8 *data = xalloc(len);
    for (size_t i = 0; i < len; i++)
        data[i] = byte_at(from + i);
    console_write(con, data, len);
}

/* Reads all there is for R; checks that it is the stream from FROM on. Returns how much. */
static u64 drain(struct console_reader *r, u64 from)
{
    static u8 buf[50000];
    u64       have = 0;
    size_t    n;
    while ((n = console_read(con, r, buf, sizeof(buf))) > 0) {
        for (size_t i = 0; i < n; i++)
            if (buf[i] != byte_at(from + have + i))
                fail_msg("byte %llu is wrong", (unsigned long long)(from + have + i));
        have += n;
    }
    return have;
}

static void a_late_reader_is_caught_up(void **state)
{
    struct console_reader early = {.notify = nothing}, late = {.notify = nothing};
    struct console_reader now = {.notify = nothing};
    (void)state;
    console_join(con, &early, true);
    print(0, 1000);
    settle();
    assert_int_equal(drain(&early, 0), 1000);
    print(1000, 300000); /* more than the ring */
    console_join(con, &late, true);
    console_join(con, &now, false);
    assert_int_equal(drain(&late, 0), 301000);
    assert_int_equal(drain(&early, 1000), 300000);
    assert_int_equal(drain(&now, 0), 0);
    assert_true(late.dropped == 0 && early.dropped == 0);
    console_leave(con, &now);
    console_leave(con, &now); /* twice does no harm */
    console_leave(con, &late);
    console_leave(con, &early);
    settle();
    cleanup_free char *path = xasprintf("%s/console.log", folder);
    struct stat        st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 301000);
}

static void the_log_is_bounded(void **state)
{
    struct console_reader r     = {.notify = nothing};
    const u64             total = MiB(35), piece = 65000;
    (void)state;
    console_join(con, &r, true);
    for (u64 at = 0; at < total; at += piece)
        print(at, piece);
    settle();
    struct stat        st, old;
    cleanup_free char *path = xasprintf("%s/console.log", folder);
    cleanup_free char *past = xasprintf("%s/console.log.1", folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(stat(past, &old), 0);
    assert_true((u64)st.st_size < MiB(17) && (u64)old.st_size < MiB(17));
    u8 first;
    assert_int_equal(console_read(con, &r, &first, 1), 1);
    assert_true(r.dropped > 0 && first == byte_at(r.dropped));
    u64 rest = drain(&r, r.dropped + 1);
    assert_true(r.dropped + 1 + rest == ALIGN_UP(total, piece) || rest > MiB(18));
    assert_true((r.dropped + 1 + rest) % piece == 0);
    console_leave(con, &r);
}

static void a_full_disk_loses_but_goes_on(void **state)
{
    struct console_reader r = {.notify = nothing};
    (void)state;
    console_join(con, &r, true);
    print(0, 1000);
    settle();
    struct rlimit was, small = {5000, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &was);
    small.rlim_max = was.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    print(1000, 200000);
    settle();
    setrlimit(RLIMIT_FSIZE, &was);
    print(201000, 1000);
    settle();
    u8 first;
    assert_int_equal(console_read(con, &r, &first, 1), 1);
    assert_true(r.dropped > 0 && first == byte_at(r.dropped));
    u64 rest = drain(&r, r.dropped + 1);
    assert_int_equal(r.dropped + 1 + rest, 202000); /* nothing wrong, nothing twice */
    console_leave(con, &r);
}

static size_t room;
static char   got[20000];
static size_t got_len;

static size_t take(void *ctx, const u8 *data, size_t len)
{
    (void)ctx;
    size_t n = MIN(len, room);
    memcpy(got + got_len, data, n);
    got_len += n;
    room -= n;
    return n;
}

static unsigned columns_seen;
static void     resized(void *ctx, unsigned columns, unsigned rows)
{
    (void)ctx;
    (void)rows;
    columns_seen = columns;
}

static int  notified;
static void count_notify(void *ctx)
{
    (void)ctx;
    notified++;
}

static void input_waits(void **state)
{
    struct console_reader r = {.notify = count_notify};
    char                  many[6000];
    (void)state;
    memset(many, 'x', sizeof(many));
    notified = 0;
    got_len  = 0;
    console_join(con, &r, false);
    console_resize(con, 132, 50);
    assert_int_equal(console_input(con, "ab", 2), 2); /* nobody listens yet: it waits */
    room                           = 5;
    const struct console_port port = {take, resized, NULL};
    console_connect(con, &port);
    settle();
    assert_int_equal(columns_seen, 132);
    assert_int_equal(got_len, 2);
    size_t taken = console_input(con, many, sizeof(many));
    assert_int_equal(taken, 3 + 4096);
    assert_int_equal(got_len, 5);
    settle();
    assert_int_equal(notified, 0);
    room = 10000;
    console_ready(con);
    settle();
    assert_int_equal(notified, 1); /* room again */
    assert_int_equal(console_input(con, many + taken, sizeof(many) - taken), sizeof(many) - taken);
    assert_int_equal(got_len, 2 + sizeof(many));
    console_leave(con, &r);
}

static void *printer(void *arg)
{
    (void)arg;
    for (u64 at = 0; at < 500000; at += 100)
        print(at, 100);
    return NULL;
}

static void printing_from_another_thread(void **state)
{
    struct console_reader r = {.notify = nothing};
    pthread_t             thread;
    u64                   have = 0;
    (void)state;
    console_join(con, &r, true);
    pthread_create(&thread, NULL, printer, NULL);
    while (have < 500000) {
        settle();
        have += drain(&r, have);
    }
    pthread_join(thread, NULL);
    assert_int_equal(have, 500000);
    assert_int_equal(r.dropped, 0);
    console_leave(con, &r);
    settle();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_late_reader_is_caught_up, setup, teardown),
        cmocka_unit_test_setup_teardown(the_log_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_loses_but_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(input_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(printing_from_another_thread, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* control/control_test.c - monitors for real: made, talked to, attached to, killed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "control/choose.h"
#include "control/client.h"
#include "control/echo.h"
#include "control/frame.h"
#include "control/monitor.h"

static const struct kind *const kinds[] = {&echo_kind, NULL};
static char                     root[64];
static char                    *workload;

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/guise-control.XXXXXX");
    if (!mkdtemp(root))
        return 1;
    workload = xasprintf("%s/hello.echo", root);
    FILE *f  = fopen(workload, "w");
    fputs("#!echo\nprint hello\n", f);
    return fclose(f);
}

static int teardown(void **state)
{
    (void)state;
    cleanup_free char *command = xasprintf("rm -rf '%s'", root);
    free(workload);
    return system(command);
}

static struct spec *make_spec(const char *name)
{
    struct spec *s = spec_create();
    s->workload    = xstrdup(workload);
    s->kind        = xstrdup("echo");
    s->name        = name ? xstrdup(name) : NULL;
    return s;
}

static struct home make(const char *name)
{
    struct err   err = {0};
    struct home  h;
    struct spec *s = make_spec(name);
    if (home_create(&h, root, s, &err) || monitor_spawn(kinds, &h, NULL, &err))
        fail_msg("%s", err.text);
    spec_destroy(s);
    assert_int_equal(home_refresh(&h, &err), 0);
    return h;
}

static int ask(const struct home *h, const char *verb)
{
    struct err err = {0};
    return client_ask(h->dir, verb, NULL, 5000, NULL, &err);
}

static int ask_kill(const struct home *h, int sig)
{
    cleanup_json cJSON *args = cJSON_CreateObject();
    json_put_u64(args, "signal", (u64)sig);
    return client_ask(h->dir, "kill", args, 5000, NULL, NULL);
}

/* Waits for the end as `guise wait` does; returns the status. */
static int wait_for(const struct home *h)
{
    cleanup_json cJSON *answer = NULL;
    struct err          err;
    if (client_ask(h->dir, "wait", NULL, 10000, &answer, &err) == 0)
        return (int)json_u64(answer, "status", 999);
    struct home now;
    if (home_find(&now, root, h->record.id, &err))
        return 998;
    int status = now.record.exit_status;
    home_done(&now);
    return status;
}

static void life(void **state)
{
    struct home h = make("first");
    (void)state;
    assert_int_equal(h.record.life, LIFE_CREATED);
    assert_true(record_alive(&h.record));
    assert_int_equal(ask(&h, "pause"), -EBUSY);
    assert_int_equal(ask(&h, "start"), 0);
    assert_int_equal(ask(&h, "start"), -EBUSY);
    assert_int_equal(ask(&h, "pause"), 0);
    assert_int_equal(home_refresh(&h, NULL), 0);
    assert_int_equal(h.record.life, LIFE_PAUSED);
    assert_int_equal(ask(&h, "resume"), 0);
    assert_int_equal(ask(&h, "nonsense"), -ENOSYS);
    assert_int_equal(ask(&h, "stop"), 0);
    assert_int_equal(wait_for(&h), 0);
    assert_int_equal(home_refresh(&h, NULL), 0);
    assert_int_equal(h.record.life, LIFE_STOPPED);
    assert_string_equal(h.record.exit_why, "asked to stop");
    assert_true(h.record.finished_ns >= h.record.started_ns && h.record.started_ns > 0);
    home_done(&h);
}

static void names(void **state)
{
    struct home  h = make("alpha-one"), other = make("alpha-two"), found;
    struct err   err;
    struct spec *s = make_spec("alpha-one");
    (void)state;
    assert_int_equal(home_create(&found, root, s, &err), -EEXIST);
    spec_destroy(s);
    assert_int_equal(home_find(&found, root, "alpha", &err), -ENOTUNIQ);
    assert_non_null(strstr(err.text, "alpha-two"));
    assert_int_equal(home_find(&found, root, "alpha-o", &err), 0);
    assert_string_equal(found.record.id, h.record.id);
    home_done(&found);
    char prefix[12];
    snprintf(prefix, sizeof(prefix), "%.11s", other.record.id);
    assert_int_equal(home_find(&found, root, prefix, &err), 0);
    assert_string_equal(found.record.name, "alpha-two");
    home_done(&found);
    assert_int_equal(home_find(&found, root, "", &err), -ENOENT);
    ask_kill(&h, SIGKILL);
    ask_kill(&other, SIGTERM);
    assert_int_equal(wait_for(&h), 128 + SIGKILL);
    assert_int_equal(wait_for(&other), 128 + SIGTERM);
    home_done(&h);
    home_done(&other);
}

static void killed_monitor(void **state)
{
    struct home  h = make("victim");
    struct homes all;
    struct err   err;
    (void)state;
    assert_int_equal(ask(&h, "start"), 0);
    kill(h.record.pid, SIGKILL);
    while (record_alive(&h.record))
        usleep(1000);
    assert_int_equal(home_list(&all, root, &err), 0);
    bool seen = false;
    for (unsigned i = 0; i < all.count; i++) {
        if (strcmp(all.list[i].record.name, "victim") != 0)
            continue;
        seen = true;
        assert_int_equal(all.list[i].record.life, LIFE_STOPPED);
        assert_int_equal(all.list[i].record.exit_status, 137);
        assert_string_equal(all.list[i].record.exit_why, "monitor killed");
    }
    assert_true(seen);
    homes_done(&all);
    assert_int_equal(ask(&h, "state"), -ECONNREFUSED);
    int lock = home_lock(&h, &err);
    assert_true(lock >= 0);
    assert_int_equal(home_remove(&h, &err), 0);
    close(lock);
    assert_int_equal(home_lock(&h, &err), -ENOENT);
    home_done(&h);
}

/* A pid that somebody else has got since is not our monitor. */
static void recycled_pid(void **state)
{
    struct record r = {.pid = getpid(), .pid_start = process_start(getpid())};
    (void)state;
    assert_true(record_alive(&r));
    r.pid_start++;
    assert_false(record_alive(&r));
}

static void cannot_begin(void **state)
{
    struct home  h;
    struct err   err = {0};
    struct spec *s   = make_spec(NULL);
    (void)state;
    free(s->workload);
    s->workload = xstrdup("/nonexistent/x");
    assert_int_equal(home_create(&h, root, s, &err), 0);
    assert_int_equal(monitor_spawn(kinds, &h, NULL, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nonexistent/x"));
    home_remove(&h, NULL);
    home_done(&h);
    spec_destroy(s);
}

/* ---- attached ---- */

struct frame {
    u8    type;
    u32   len;
    char *data;
};

static void receive_all(int fd, void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = recv(fd, (char *)data + done, len - done, 0);
        assert_true(n > 0);
        done += (size_t)n;
    }
}

static struct frame next_frame(int fd)
{
    u8 head[FRAME_HEAD];
    receive_all(fd, head, sizeof(head));
    struct frame f = {head[0], frame_len(head), xalloc(frame_len(head) + 1)};
    receive_all(fd, f.data, f.len);
    return f;
}

static void send_frame(int fd, enum frame_type type, const void *data, size_t len)
{
    u8 head[FRAME_HEAD];
    frame_head(head, type, (u32)len);
    assert_int_equal(send(fd, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
    if (len)
        assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

static int attach(const struct home *h)
{
    cleanup_json cJSON *args = cJSON_CreateObject();
    struct err          err;
    json_put_bool(args, "replay", true);
    int fd = client_open(h->dir, &err);
    assert_true(fd >= 0);
    assert_int_equal(client_request(fd, "attach", args, 5000, NULL, &err), 0);
    return fd;
}

static void attached(void **state)
{
    struct home h  = make(NULL);
    int         fd = attach(&h);
    (void)state;
    assert_int_equal(ask(&h, "start"), 0);
    struct frame f = next_frame(fd);
    assert_int_equal(f.type, FRAME_OUTPUT);
    assert_string_equal(f.data, "hello\n");
    free(f.data);
    send_frame(fd, FRAME_RESIZE, "\x84\0\x30\0", 4);
    f = next_frame(fd);
    assert_string_equal(f.data, "size 132 48\n");
    free(f.data);
    send_frame(fd, FRAME_INPUT, "how are you\nexit 7\n", 19);
    f = next_frame(fd);
    assert_string_equal(f.data, "how are you\n");
    free(f.data);
    f = next_frame(fd);
    assert_int_equal(f.type, FRAME_EXIT);
    assert_non_null(strstr(f.data, "\"status\":7"));
    free(f.data);
    assert_int_equal(recv(fd, &f, 1, 0), 0); /* and closed */
    close(fd);
    home_done(&h);
}

/* Somebody who does not read misses nothing later, and holds up nobody now. */
static void slow_client(void **state)
{
    struct home h    = make(NULL);
    int         slow = attach(&h), quick = attach(&h);
    u64         have = 0;
    (void)state;
    assert_int_equal(ask(&h, "start"), 0);
    send_frame(quick, FRAME_INPUT, "flood 3000000\n", 14);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(&h, "state"), 0); /* answers while nobody reads */
    send_frame(quick, FRAME_INPUT, "exit 0\n", 7);
    for (struct frame f = {0}; f.type != FRAME_EXIT; have += f.type == FRAME_OUTPUT ? f.len : 0) {
        f = next_frame(slow);
        free(f.data);
        assert_int_not_equal(f.type, FRAME_LOST);
    }
    assert_int_equal(have, 6 + ALIGN_UP(3000000, 64));
    close(slow);
    close(quick);
    home_done(&h);
}

static void input_while_paused(void **state)
{
    struct home h  = make(NULL);
    int         fd = attach(&h);
    char        many[12000];
    (void)state;
    assert_int_equal(ask(&h, "start"), 0);
    struct frame f = next_frame(fd); /* hello */
    free(f.data);
    assert_int_equal(ask(&h, "pause"), 0);
    memset(many, '\n', sizeof(many));
    send_frame(fd, FRAME_INPUT, many, sizeof(many)); /* more than the console's room */
    send_frame(fd, FRAME_INPUT, "count\nexit 1\n", 13);
    assert_int_equal(ask(&h, "resume"), 0);
    char text[64] = "", last[64] = "";
    for (f.type = 0; f.type != FRAME_EXIT;) {
        f = next_frame(fd);
        if (f.type == FRAME_OUTPUT) {
            const char *tail = f.len > 10 ? f.data + f.len - 10 : f.data;
            snprintf(last, sizeof(last), "%s%s", text, tail);
            snprintf(text, sizeof(text), "%.10s", tail);
        }
        free(f.data);
    }
    assert_non_null(strstr(last, "12002")); /* print, the empty lines, count */
    close(fd);
    home_done(&h);
}

static void rude_clients(void **state)
{
    static const char *const rude[] = {"hello\n",        "{}\n{", "[]\n",
                                       "{\"verb\":5}\n", "\n",    "\0\0\n"};
    struct home              h      = make(NULL);
    char                     big[70000], answer[200];
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rude); i++) {
        int fd = client_open(h.dir, NULL);
        send(fd, rude[i], strlen(rude[i]) + (i == 5 ? 3 : 0), MSG_NOSIGNAL);
        assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
        assert_memory_equal(answer, "{\"ok\":false", 11);
        close(fd);
    }
    int fd = client_open(h.dir, NULL);
    memset(big, 'x', sizeof(big));
    send(fd, big, sizeof(big), MSG_NOSIGNAL);
    assert_true(recv(fd, answer, sizeof(answer) - 1, 0) > 0);
    close(fd);
    fd = attach(&h);
    send(fd, "\2\0\0\0\xff\xff\xff\xff", 8, MSG_NOSIGNAL);
    assert_true(recv(fd, answer, 1, 0) <= 0); /* closed */
    close(fd);
    assert_int_equal(ask(&h, "state"), 0); /* still there */
    assert_int_equal(ask(&h, "stop"), 0);
    home_done(&h);
}

static void saved_and_restored(void **state)
{
    struct home         h    = make("origin");
    int                 fd   = attach(&h);
    cleanup_free char  *path = xasprintf("%s/snap", root);
    cleanup_json cJSON *args = cJSON_CreateObject();
    struct err          err  = {0};
    (void)state;
    assert_int_equal(ask(&h, "start"), 0);
    send_frame(fd, FRAME_INPUT, "one\ntwo\nthr", 11);
    while (true) {
        struct frame f    = next_frame(fd);
        bool         done = strstr(f.data, "two") != NULL;
        free(f.data);
        if (done)
            break;
    }
    json_put_str(args, "path", path);
    assert_int_equal(client_ask(h.dir, "save", args, 5000, NULL, &err), 0);
    home_refresh(&h, NULL);
    assert_int_equal(h.record.life, LIFE_RUNNING);
    ask(&h, "stop");
    close(fd);

    struct snap *snap;
    struct spec *spec;
    u64          clock_ns;
    assert_int_equal(snap_open(&snap, path, &err), 0);
    assert_int_equal(snapshot_header(snap, &spec, &clock_ns, &err), 0);
    snap_close(snap);
    assert_true(clock_ns > 0);
    free(spec->name);
    free(spec->id);
    spec->name = spec->id = NULL;
    struct home again;
    assert_int_equal(home_create(&again, root, spec, &err), 0);
    if (monitor_spawn(kinds, &again, path, &err))
        fail_msg("%s", err.text);
    spec_destroy(spec);
    fd = attach(&again);
    assert_int_equal(ask(&again, "resume"), 0);
    send_frame(fd, FRAME_INPUT, "ee\ncount\nexit 5\n", 16);
    char text[64] = "";
    for (struct frame f = {0}; f.type != FRAME_EXIT;) {
        f = next_frame(fd);
        if (f.type == FRAME_OUTPUT)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", f.data);
        free(f.data);
    }
    assert_string_equal(text, "three\n5\n");
    close(fd);
    home_done(&again);
    home_done(&h);
}

static void choosing(void **state)
{
    struct choice c;
    struct err    err = {0};
    struct spec  *s   = make_spec(NULL);
    (void)state;
    assert_int_equal(choose(kinds, s, &c, &err), 0);
    assert_ptr_equal(c.kind, &echo_kind);
    s->engine = xstrdup("kvm");
    assert_int_equal(choose(kinds, s, &c, &err), -EINVAL);
    assert_non_null(strstr(err.text, "talk"));
    free(s->kind);
    s->kind = xstrdup("boat");
    assert_int_equal(choose(kinds, s, &c, &err), -EINVAL);
    free(s->kind);
    s->kind = NULL;
    free(s->workload);
    s->workload = xstrdup("/nonexistent");
    assert_int_equal(choose(kinds, s, &c, &err), -ENOENT);
    free(s->workload);
    s->workload = xstrdup("/etc/passwd");
    assert_int_equal(choose(kinds, s, &c, &err), -ENOEXEC);
    spec_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life),           cmocka_unit_test(names),
        cmocka_unit_test(killed_monitor), cmocka_unit_test(recycled_pid),
        cmocka_unit_test(cannot_begin),   cmocka_unit_test(attached),
        cmocka_unit_test(slow_client),    cmocka_unit_test(input_while_paused),
        cmocka_unit_test(rude_clients),   cmocka_unit_test(saved_and_restored),
        cmocka_unit_test(choosing),
    };
    alarm(60); /* nothing here waits for ever */
    return cmocka_run_group_tests(tests, setup, teardown);
}

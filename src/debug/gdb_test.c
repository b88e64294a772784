/* debug/gdb_test.c - the stub over a fake machine of two cpus, by packets and through a socket. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "debug/gdb_session.h"

struct fake {
    u64              regs[2][4162];
    u8               memory[256]; /* at 0x1000 */
    bool             running, killed;
    int              going; /* which cpu runs; -1: all */
    unsigned         steps[2], halts;
    struct gdb_point points[GDB_POINTS_MAX];
    unsigned         n_points;
    char             said[2 * GDB_PACKET];
    size_t           n_said;
    struct loop     *loop;
};

static void fake_halt(void *ctx)
{
    struct fake *f = ctx;
    f->running     = false;
    f->halts++;
}

static void fake_go(void *ctx, int cpu)
{
    struct fake *f = ctx;
    f->running     = true;
    f->going       = cpu;
}

static void fake_step(void *ctx, unsigned cpu, UNUSED struct gdb_stop *out)
{
    struct fake *f = ctx;
    assert_false(f->running);
    f->steps[cpu]++;
    f->regs[cpu][32] += 4;
}

static int fake_get(void *ctx, unsigned cpu, unsigned reg, u64 *val)
{
    if (reg > 4161)
        return -ENOENT;
    *val = ((struct fake *)ctx)->regs[cpu][reg];
    return 0;
}

static int fake_set(void *ctx, unsigned cpu, unsigned reg, u64 val)
{
    if (reg > 4161)
        return -ENOENT;
    ((struct fake *)ctx)->regs[cpu][reg] = val;
    return 0;
}

static u8 *fake_at(struct fake *f, gva addr, u64 len)
{
    u64 off = addr - 0x1000;
    return off < 256 && len <= 256 - off ? f->memory + off : NULL;
}

static int fake_read(void *ctx, UNUSED unsigned cpu, gva addr, void *dst, u64 len)
{
    u8 *at = fake_at(ctx, addr, len);
    if (!at)
        return -EFAULT;
    memcpy(dst, at, len);
    return 0;
}

static int fake_write(void *ctx, UNUSED unsigned cpu, gva addr, const void *src, u64 len)
{
    u8 *at = fake_at(ctx, addr, len);
    if (!at)
        return -EFAULT;
    memcpy(at, src, len);
    return 0;
}

static void fake_points(void *ctx, const struct gdb_point *p, unsigned n)
{
    struct fake *f = ctx;
    memcpy(f->points, p, n * sizeof(*p));
    f->n_points = n;
}

static void fake_monitor(UNUSED void *ctx, const char *command, char *out, size_t room)
{
    if (strcmp(command, "quiet") != 0)
        snprintf(out, room, "you said %s\n", command);
}

static void fake_kill(void *ctx)
{
    ((struct fake *)ctx)->killed = true;
}

static const struct gdb_target target = {2,           fake_halt,    fake_go,   fake_step,
                                         fake_get,    fake_set,     fake_read, fake_write,
                                         fake_points, fake_monitor, fake_kill};

static void hear(void *ctx, const void *data, size_t len)
{
    struct fake *f = ctx;
    assert_true(len < sizeof(f->said) - f->n_said);
    memcpy(f->said + f->n_said, data, len);
    f->n_said += len;
    f->said[f->n_said] = 0;
}

static struct fake        fake;
static struct gdb_session session;

static int begin(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof(fake));
    session_begin(&session, &target, &fake, hear, &fake);
    return 0;
}

static void frame(const char *packet, char *out, size_t room)
{
    u8 sum = 0;
    for (const char *p = packet; *p; p++)
        sum = (u8)(sum + (u8)*p);
    snprintf(out, room, "$%s#%02x", packet, sum);
}

/* Sends PACKET; the answer must be WANT, framed and acknowledged. */
static void ask(const char *packet, const char *want)
{
    char framed[GDB_PACKET + 8], answer[GDB_PACKET + 8] = "+";
    frame(packet, framed, sizeof(framed));
    if (want)
        frame(want, answer + 1, sizeof(answer) - 1);
    fake.n_said = 0;
    *fake.said  = 0;
    session_input(&session, framed, strlen(framed));
    assert_string_equal(fake.said, answer);
}

static void test_registers(void **state)
{
    (void)state;
    fake.regs[0][5]  = 0x1122334455667788;
    fake.regs[1][33] = 7;
    ask("p5", "8877665544332211");
    ask("P5=0100000000000000", "OK");
    assert_int_equal(fake.regs[0][5], 1);
    ask("Hg2", "OK");
    ask("p21", "0700000000000000");
    ask("p44", "00000000"); /* fcsr has 32 bits */
    ask("p1042", "E16");
    ask("pffffffffffffffff", "E16");
    ask("p", "E16");
    ask("P5=01", "E16");
    ask("Hg3", "E16");
    ask("Hg-1", "OK");
    fake.n_said = 0;
    session_input(&session, "$g#67", 5);
    assert_int_equal(fake.n_said, 1 + 1 + 33 * 16 + 3);
}

static void test_memory(void **state)
{
    (void)state;
    memcpy(fake.memory, "\x01\x02\xff", 3);
    ask("m1000,3", "0102ff");
    ask("m10ff,1", "00");
    ask("m0,4", "E0e");
    ask("m1000", "E16");
    ask("M1001,2:abcd", "OK");
    ask("m1000,4", "01abcd00");
    ask("M1001,2:ab", "E16");
    ask("M1001,ffffffffffffffff:ab", "E16");
    ask("X1000,0:", "OK");
    ask("X1000,3:}\x03xy", "OK"); /* an escaped #, x, y */
    assert_memory_equal(fake.memory, "#xy", 3);
    ask("X1000,4:xy", "E16");
}

static void test_run(void **state)
{
    (void)state;
    ask("?", "T05thread:1;");
    ask("vCont?", "vCont;c;C;s;S");
    ask("vCont;s:2;c", "T05thread:2;");
    assert_int_equal(fake.steps[1], 1);
    ask("s1000", "T05thread:2;");
    assert_int_equal(fake.regs[1][32], 0x1004);
    ask("vCont;c", NULL);
    assert_true(fake.running);
    fake.n_said = 0;
    session_input(&session, "\x03", 1);
    assert_string_equal(fake.said, "$T02thread:2;#d5");
    assert_false(fake.running);
    ask("vCont;x", "E16");
    ask("vCont;s:9", "E16");
    /* Two cpus stop at once: one is told now, the other when it goes on. */
    ask("c", NULL);
    fake.n_said = 0;
    session_stopped(&session, &(struct gdb_stop){.cpu = 0, .signal = 5});
    session_stopped(
        &session,
        &(struct gdb_stop){.cpu = 1, .signal = 5, .is_watch = true, .kind = 2, .addr = 0x20});
    assert_string_equal(fake.said, "$T05thread:1;#d7");
    ask("c", "T05watch:20;thread:2;");
    assert_false(fake.running);
    ask("c", NULL);
    assert_true(fake.running);
}

static void test_run_one(void **state)
{
    (void)state;
    ask("vCont;c:2", NULL);
    assert_int_equal(fake.going, 1);
    fake.n_said = 0;
    session_input(&session, "\x03", 1);
    assert_string_equal(fake.said, "$T02thread:2;#d5");
    ask("vCont;c:1;c:2", NULL);
    assert_int_equal(fake.going, -1);
    session_stopped(&session, &(struct gdb_stop){.cpu = 0, .signal = 5});

    /* The other one met a breakpoint too. While it may not go on nothing is told of it, and
     * nothing at all when the breakpoint is not there any more. */
    ask("Z0,1000,4", "OK");
    fake.regs[1][32] = 0x1000;
    session_stopped(&session, &(struct gdb_stop){.cpu = 1, .signal = 5});
    ask("vCont;c:1", NULL);
    assert_int_equal(fake.going, 0);
    session_stopped(&session, &(struct gdb_stop){.cpu = 0, .signal = 5});
    ask("vCont;c", "T05thread:2;");
    session_stopped(&session, &(struct gdb_stop){.cpu = 1, .signal = 5});
    ask("z0,1000,4", "OK");
    ask("vCont;c", NULL);
    assert_int_equal(fake.going, -1);
}

static void test_points(void **state)
{
    (void)state;
    ask("Z0,1000,4", "OK");
    ask("Z1,1000,2", "OK"); /* the same */
    ask("Z2,2000,8", "OK");
    assert_int_equal(fake.n_points, 2);
    assert_int_equal(fake.points[1].kind, GDB_WATCH_WRITE);
    ask("z0,1000,4", "OK");
    assert_int_equal(fake.n_points, 1);
    assert_int_equal(fake.points[0].addr, 0x2000);
    ask("z0,1000,4", "OK");
    ask("Z5,0,1", "E16");
    ask("Z2,2000,0", "E16");
    ask("Z2,ffffffffffffffff,2", "E16");
    for (unsigned i = 0; i < GDB_POINTS_MAX - 1; i++) {
        char packet[32];
        snprintf(packet, sizeof(packet), "Z0,%x,4", 0x3000 + 4 * i);
        ask(packet, "OK");
    }
    ask("Z0,9000,4", "E1c");
    session_end(&session);
    assert_int_equal(fake.n_points, 0);
    assert_true(fake.running);
}

static void test_threads(void **state)
{
    (void)state;
    ask("qfThreadInfo", "m1,2");
    ask("qsThreadInfo", "l");
    ask("qThreadExtraInfo,2", "686172742031");
    ask("T2", "OK");
    ask("T3", "E03");
    ask("qC", "QC1");
    ask("qCRC:0,1", "");
    ask("vMustReplyEmpty", "");
    ask("qRcmd,6869", "796f7520736169642068690a");
    ask("qRcmd,7175696574", "OK");
    ask("qRcmd,7", "796f752073616964200a"); /* half a byte: an empty command */
}

static void test_description(void **state)
{
    (void)state;
    char   whole[32768];
    size_t len  = 0;
    bool   more = true;
    while (more)
        len += gdb_xml_read("target.xml", len, whole + len, 1000, &more);
    whole[len] = 0;
    assert_non_null(strstr(whole, "name=\"pc\" bitsize=\"64\" type=\"code_ptr\" regnum=\"32\""));
    assert_non_null(strstr(whole, "name=\"satp\""));
    assert_string_equal(whole + len - 9, "</target>");
    assert_int_equal(gdb_xml_read("target.xml", len + 10, whole, 10, &more), 0);
    assert_false(more);
    ask("qXfer:features:read:other.xml:0,100", "E16");
    ask("qXfer:features:read:target.xml:0", "E16");
    ask("qXfer:features:read:target.xml:2,4", "mxml ");
    ask("qXfer:features:read:target.xml:fffffffffffffff0,ffffffffffffffff", "l");
}

static void test_framing(void **state)
{
    (void)state;
    session_input(&session, "+++junk$?#00", 12);
    assert_string_equal(fake.said, "-");
    fake.n_said = 0;
    session_input(&session, "$?#zz", 5);
    assert_string_equal(fake.said, "-");
    fake.n_said = 0;
    session_input(&session, "$", 1);
    for (unsigned i = 0; i < 2 * GDB_PACKET; i++)
        session_input(&session, "m", 1);
    session_input(&session, "#00", 3);
    assert_string_equal(fake.said, "-");
    ask("QStartNoAckMode", "OK");
    fake.n_said = 0;
    session_input(&session, "$?#3f", 5);
    assert_string_equal(fake.said, "$T05thread:1;#d7");
}

static void test_end(void **state)
{
    (void)state;
    ask("D", "OK");
    assert_true(session.gone);
    begin(NULL);
    ask("k", NULL);
    assert_true(fake.killed);
    session_end(&session);
    assert_false(fake.running);
}

/* --- through a socket --- */

static void leave(void *ctx)
{
    struct fake *f = ctx;
    loop_stop(f->loop, 0);
}

static void leaving_halt(void *ctx)
{
    fake_halt(ctx);
    loop_post(((struct fake *)ctx)->loop, leave, ctx);
}

static void leaving_go(void *ctx, int cpu)
{
    fake_go(ctx, cpu);
    loop_post(((struct fake *)ctx)->loop, leave, ctx);
}

static void test_socket(void **state)
{
    (void)state;
    struct gdb_target  t    = target;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct gdb        *gdb, *second;
    struct err         err;
    char               where[80], answer[64] = "";
    t.halt = leaving_halt;
    t.go   = leaving_go;
    snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/gdb_test.%d", getpid());
    snprintf(where, sizeof(where), "unix:%s", addr.sun_path);
    assert_int_equal(loop_create(&fake.loop, NULL), 0);
    assert_int_equal(gdb_create(&gdb, fake.loop, where, &t, &fake, &err), 0);
    assert_int_equal(gdb_create(&second, fake.loop, where, &t, &fake, &err), -EADDRINUSE);
    assert_int_equal(gdb_create(&second, fake.loop, "70000", &t, &fake, &err), -EINVAL);
    assert_int_equal(gdb_create(&second, fake.loop, "0", &t, &fake, &err), 0);
    assert_true(gdb_port(second) > 0);
    gdb_stopped(second, &(struct gdb_stop){.cpu = 1}); /* posted, then it is gone */
    gdb_destroy(second);

    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(loop_run(fake.loop), 0);
    assert_int_equal(fake.halts, 1);
    assert_int_equal(write(fd, "$?#3f$c#63", 10), 10);
    assert_int_equal(loop_run(fake.loop), 0); /* until it runs */
    gdb_stopped(gdb, &(struct gdb_stop){.cpu = 1, .signal = 5});
    assert_int_equal(loop_run(fake.loop), 0); /* until it is halted, to tell */
    ssize_t n = recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    assert_string_equal(answer, "+$T05thread:1;#d7+$T05thread:2;#d8");
    close(fd);
    gdb_destroy(gdb);
    assert_int_not_equal(access(addr.sun_path, F_OK), 0);
    loop_destroy(fake.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_registers, begin),
        cmocka_unit_test_setup(test_memory, begin),
        cmocka_unit_test_setup(test_run, begin),
        cmocka_unit_test_setup(test_run_one, begin),
        cmocka_unit_test_setup(test_points, begin),
        cmocka_unit_test_setup(test_threads, begin),
        cmocka_unit_test_setup(test_description, begin),
        cmocka_unit_test_setup(test_framing, begin),
        cmocka_unit_test_setup(test_end, begin),
        cmocka_unit_test_setup(test_socket, begin),
    };
    return cmocka_run_group_tests_name("debug/gdb", tests, NULL, NULL);
}

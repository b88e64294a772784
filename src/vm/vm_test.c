/* vm/vm_test.c - the life cycle's table, an instance's hooks, specs there and back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "vm/stats.h"
#include "vm/clock.h"
#include "vm/kind.h"

static void life_table(void **state)
{
    static const struct {
        enum life      from;
        enum life_verb verb;
        int            rc;
        enum life      to;
    } cases[] = {
        {LIFE_NONE, LIFE_CREATE, 0, LIFE_CREATED},  {LIFE_CREATED, LIFE_START, 0, LIFE_RUNNING},
        {LIFE_RUNNING, LIFE_PAUSE, 0, LIFE_PAUSED}, {LIFE_PAUSED, LIFE_RESUME, 0, LIFE_RUNNING},
        {LIFE_PAUSED, LIFE_SAVE, 0, LIFE_PAUSED},   {LIFE_RUNNING, LIFE_EXIT, 0, LIFE_STOPPED},
        {LIFE_RUNNING, LIFE_SAVE, -EBUSY, 0},       {LIFE_STOPPED, LIFE_PAUSE, -EBUSY, 0},
        {LIFE_STOPPED, LIFE_DESTROY, 0, LIFE_NONE}, {LIFE_RUNNING, LIFE_START, -EBUSY, 0},
        {LIFE_RUNNING, LIFE_DESTROY, -EBUSY, 0},    {LIFE_STOPPED, LIFE_EXIT, -EBUSY, 0},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        enum life  to  = LIFE_NONE;
        struct err err = {0};
        assert_int_equal(life_next(cases[i].from, cases[i].verb, &to, &err), cases[i].rc);
        if (cases[i].rc == 0)
            assert_int_equal(to, cases[i].to);
        else
            assert_true(strlen(err.text) > 0);
    }
    struct err err;
    life_next(LIFE_STOPPED, LIFE_EXIT, &(enum life){0}, &err);
    assert_string_equal(err.text, "cannot end: it is stopped, not created or running or paused");
    enum life life;
    assert_true(life_by_name("paused", &life) && life == LIFE_PAUSED);
    assert_false(life_by_name("asleep", &life) || life_by_name(NULL, &life));
}

/* ---- an instance of a kind that only counts its calls ---- */

struct counter {
    struct instance inst;
    int             created, started, paused, resumed;
};

static int  fail_next;
static int  destroyed;
static void counter_destroy(struct instance *i)
{
    (void)i;
    destroyed++;
}
#define HOOK(name)                                                                                 \
    static int counter_##name(struct instance *i, struct err *err)                                 \
    {                                                                                              \
        if (fail_next-- > 0)                                                                       \
            return err_set(err, EIO, "told to fail");                                              \
        container_of(i, struct counter, inst)->name##d++;                                          \
        return 0;                                                                                  \
    }
HOOK(create)
HOOK(pause)
HOOK(resume)
static int counter_start(struct instance *i, struct err *err)
{
    (void)err;
    container_of(i, struct counter, inst)->started++;
    return 0;
}

static const struct kind counter_kind = {
    .name    = "counter",
    .size    = sizeof(struct counter),
    .create  = counter_create,
    .start   = counter_start,
    .pause   = counter_pause,
    .resume  = counter_resume,
    .destroy = counter_destroy,
};

static int  exits;
static void on_exit_(struct instance *i)
{
    exits++;
    loop_stop(i->loop, i->exit_status);
}

static void instance_hooks(void **state)
{
    struct err      err;
    struct loop    *loop;
    struct counter *c;
    (void)state;
    assert_int_equal(loop_create(&loop, &err), 0);
    struct spec     *spec = spec_create();
    struct instance *inst = instance_new(&counter_kind, spec);
    c                     = container_of(inst, struct counter, inst);
    inst->loop            = loop;
    inst->on_exit         = on_exit_;
    assert_int_equal(clock_host_create(&inst->clock, loop, 0, &err), 0);

    assert_int_equal(instance_start(inst, &err), -EBUSY);
    assert_int_equal(instance_create(inst, &err), 0);
    assert_int_equal(instance_pause(inst, &err), -EBUSY);
    assert_int_equal(instance_start(inst, &err), 0);
    assert_int_equal(inst->life, LIFE_RUNNING);
    fail_next = 1;
    assert_int_equal(instance_pause(inst, &err), -EIO);
    assert_int_equal(inst->life, LIFE_RUNNING);
    assert_int_equal(instance_pause(inst, &err), 0);
    u64 stands = clock_now(inst->clock);
    usleep(2000);
    assert_true(clock_now(inst->clock) == stands); /* time stands still while paused */
    assert_int_equal(instance_save(inst, NULL, &err), -ENOTSUP);
    assert_non_null(strstr(err.text, "counter"));
    assert_int_equal(instance_resume(inst, &err), 0);
    assert_int_equal(c->paused, 1);
    assert_int_equal(c->resumed, 1);

    instance_exited(inst, 0x105, "first");
    instance_exited(inst, 9, "second");
    assert_int_equal(loop_run(loop), 5);
    assert_int_equal(exits, 1);
    assert_int_equal(inst->life, LIFE_STOPPED);
    assert_string_equal(inst->exit_why, "first");
    assert_int_equal(instance_resume(inst, &err), -EBUSY);
    clock_destroy(inst->clock);
    instance_destroy(inst);
    assert_int_equal(destroyed, 1);
    instance_destroy(NULL);
    spec_destroy(spec);
    loop_destroy(loop);
}

/* ---- specs ---- */

static struct spec *sample(void)
{
    struct spec *s  = spec_create();
    s->id           = xstrdup("0123456789ab");
    s->name         = xstrdup("calm-otter");
    s->workload     = xstrdup("/boot/Image with \"quotes\"");
    s->append       = xstrdup("console=ttyS0");
    s->firmware     = xstrdup("none");
    s->cpus         = 4;
    s->memory_bytes = GiB(40) + 1;
    s->tty = s->gdb_wait = true;
    strings_add(&s->args, "one");
    strings_add(&s->args, "");
    strings_add(&s->env, "A=b=c");
    s->n_disks  = 2;
    s->disks    = xalloc(2 * sizeof(struct spec_disk));
    s->disks[0] = (struct spec_disk){.path = xstrdup("/a.img")};
    s->disks[1] = (struct spec_disk){xstrdup("/b"), xstrdup("qcow2"), true, xstrdup("serial=1")};
    s->n_ports  = 1;
    s->ports    = xalloc(sizeof(struct spec_port));
    *s->ports   = (struct spec_port){.host = 8080, .guest = 65535, .udp = true};
    s->n_shares = 1;
    s->shares   = xalloc(sizeof(struct spec_share));
    *s->shares  = (struct spec_share){xstrdup("/srv"), xstrdup("data"), true};
    s->n_nets   = 1;
    s->nets     = xalloc(sizeof(struct spec_net));
    *s->nets    = (struct spec_net){.mode = xstrdup("user")};
    return s;
}

static void spec_round_trip(void **state)
{
    struct err   err;
    struct spec *s = sample(), *t = NULL;
    (void)state;
    cleanup_free char *text = spec_text(s);
    assert_int_equal(spec_parse(&t, text, strlen(text), &err), 0);
    cleanup_free char *again = spec_text(t);
    assert_string_equal(text, again);
    assert_string_equal(t->workload, s->workload);
    assert_int_equal(t->cpus, 4);
    assert_true(t->memory_bytes == GiB(40) + 1 && t->tty && !t->stats && t->gdb_wait);
    assert_int_equal(strings_count(t->args), 2);
    assert_string_equal(t->args[1], "");
    assert_true(t->n_disks == 2 && t->disks[1].read_only && !t->disks[0].format);
    assert_string_equal(t->disks[1].options, "serial=1");
    assert_true(t->ports[0].guest == 65535 && t->ports[0].udp && !t->ports[0].host_ip);
    assert_null(t->initrd);
    spec_destroy(s);
    spec_destroy(t);
}

static void spec_refusals(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"guise\":{\"workload\":\"\"}}",
        "{\"guise\":{\"workload\":\"/a\",\"cpus\":0}}",
        "{\"guise\":{\"workload\":\"/a\",\"cpus\":-1}}",
        "{\"guise\":{\"workload\":\"/a\",\"cpus\":\"two\"}}",
        "{\"guise\":{\"workload\":\"/a\",\"name\":\"../up\"}}",
        "{\"guise\":{\"workload\":\"/a\",\"args\":[1]}}",
        "{\"guise\":{\"workload\":\"/a\",\"disks\":[{}]}}",
        "{\"guise\":{\"workload\":\"/a\",\"disks\":[7]}}",
        "{\"guise\":{\"workload\":\"/a\",\"ports\":[{\"host\":65536}]}}",
        "{\"guise\":{\"workload\":\"/a\"}} trailing",
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct spec *s = NULL;
        struct err   err;
        assert_int_equal(spec_parse(&s, bad[i], strlen(bad[i]), &err), -EINVAL);
        assert_null(s);
    }
    assert_true(spec_name_ok("a1") && spec_name_ok("A_b.c-d"));
    assert_false(spec_name_ok("a") || spec_name_ok("-ab") || spec_name_ok("a/b"));
}

static void spreads(void **state)
{
    struct spread s = {0};
    (void)state;
    assert_int_equal(spread_percentile(&s, 50), 0);
    for (u64 v = 1; v <= 1000; v++)
        spread_add(&s, v);
    assert_in_range(spread_percentile(&s, 50), 500, 500 * 9 / 8);
    assert_in_range(spread_percentile(&s, 99), 990, 1000);
    assert_int_equal(s.max, 1000);
    spread_add(&s, ~0ull);
    assert_true(spread_percentile(&s, 100) == ~0ull);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life_table),      cmocka_unit_test(instance_hooks),
        cmocka_unit_test(spec_round_trip), cmocka_unit_test(spec_refusals),
        cmocka_unit_test(spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

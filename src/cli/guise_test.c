/* cli/guise_test.c - options and tables; and, called with words, the whole command over the
 * kind echo (control/echo.h), for tests/cli: kinds.c is not linked, this file's list is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cli/help.h"
#include "cli/verbs.h"
#include "control/echo.h"

const struct kind *const kinds[] = {&echo_kind, NULL};

static void sizes(void **state)
{
    static const struct {
        const char *text;
        int         rc;
        u64         size;
    } cases[] = {
        {"0", 0, 0},
        {"1", 0, 1},
        {"17b", 0, 17},
        {"1k", 0, 1024},
        {"512M", 0, MiB(512)},
        {"2g", 0, GiB(2)},
        {"2GiB", 0, GiB(2)},
        {"3mb", 0, MiB(3)},
        {"1T", 0, 1ull << 40},
        {"", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"x", -EINVAL, 0},
        {"1x", -EINVAL, 0},
        {"1kk", -EINVAL, 0},
        {"1bb", -EINVAL, 0},
        {"1 k", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {"99999999999999999999", -ERANGE, 0},
        {"17179869184g", -ERANGE, 0},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        u64 got = 0;
        int rc  = size_parse(cases[i].text, &got);
        if (rc != cases[i].rc || (rc == 0 && got != cases[i].size))
            fail_msg("'%s': %d, %llu", cases[i].text, rc, (unsigned long long)got);
    }
}

/* Parses a NULL-terminated list of words as options of run. */
static int parse(struct run_own *own, struct spec *spec, int *first, struct err *err, ...)
{
    char   *argv[32] = {(char *)"run"};
    int     argc     = 1;
    va_list args;
    bool    help;
    va_start(args, err);
    while ((argv[argc] = va_arg(args, char *)))
        argc++;
    va_end(args);
    return options_parse(run_options, true, argc, argv, own, spec, first, &help, err);
}

static void run_line(void **state)
{
    struct run_own own = run_defaults;
    struct spec   *s   = spec_create();
    struct err     err = {0};
    int            first;
    (void)state;
    assert_int_equal(parse(&own, s, &first, &err, "-itd", "--name=box", "-m", "1g", "--cpus", "4",
                           "-p", "127.0.0.1:8080:80/tcp", "-p", "[::1]:53:53/udp", "-v",
                           "/tmp:/mnt:ro", "--disk", "/a,format=qcow2,ro,serial=x,cache=none",
                           "--net=user,dns=no", "-eA=b", "--rm", "work", "-m", "3g", NULL),
                     0);
    assert_int_equal(first, 18);
    assert_true(own.detach && s->tty && s->interactive && s->auto_remove && s->cpus == 4);
    assert_string_equal(s->name, "box");
    assert_true(s->memory_bytes == GiB(1)); /* behind the workload it is the workload's */
    assert_true(s->n_ports == 2 && s->ports[0].host == 8080 && s->ports[0].guest == 80);
    assert_string_equal(s->ports[0].host_ip, "127.0.0.1");
    assert_string_equal(s->ports[1].host_ip, "::1");
    assert_true(s->ports[1].udp && !s->ports[0].udp);
    assert_true(s->n_shares == 1 && s->shares[0].read_only);
    assert_true(s->n_disks == 1 && s->disks[0].read_only);
    assert_string_equal(s->disks[0].format, "qcow2");
    assert_string_equal(s->disks[0].options, "serial=x,cache=none");
    assert_string_equal(s->nets[0].mode, "user");
    assert_string_equal(s->nets[0].options, "dns=no");
    assert_string_equal(s->env[0], "A=b");
    spec_destroy(s);
}

static void refused(void **state)
{
    static const char *const bad[][3] = {
        {"--nam", "x", "name"},
        {"--memroy", "1g", "--memory"},
        {"--memory", "lots", "512M"},
        {"--cpus", "one", "number of CPUs"},
        {"-Z", "", "-Z"},
        {"-p", "80", "HOST:GUEST"},
        {"-p", "80:99999", "HOST:GUEST"},
        {"-p", "80:80/sctp", "HOST:GUEST"},
        {"-v", "/tmp", "HOST:GUEST"},
        {"-v", "/nonexistent/q:/x", "nonexistent"},
        {"--net", "bridge", "none"},
        {"--disk", "/a,format=vmdk", "vmdk"},
        {"--gdb", "0", "port"},
        {"--detach-keys", "ctrl-", "keys"},
        {"--rm=yes", "", "--rm"},
        {"-e", "=x", "NAME"},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct run_own own = run_defaults;
        struct spec   *s   = spec_create();
        struct err     err = {0};
        int            first;
        int            rc = parse(&own, s, &first, &err, bad[i][0], bad[i][1], NULL);
        if (i > 0 && (rc >= 0 || !strstr(err.text, bad[i][2])))
            fail_msg("%s %s: %d '%s'", bad[i][0], bad[i][1], rc, err.text);
        spec_destroy(s);
    }
    struct run_own own = run_defaults;
    struct spec   *s   = spec_create();
    struct err     err = {0};
    int            first;
    assert_true(parse(&own, s, &first, &err, "--memory", NULL) < 0);
    assert_non_null(strstr(err.text, "needs a value"));
    spec_destroy(s);
}

static void keys(void **state)
{
    struct keys k;
    struct err  err;
    (void)state;
    assert_int_equal(set_detach_keys(&k, "ctrl-a,d", &err), 0);
    assert_true(k.count == 2 && k.bytes[0] == 1 && k.bytes[1] == 'd');
    assert_int_equal(set_detach_keys(&k, "ctrl-[", &err), 0);
    assert_true(k.count == 1 && k.bytes[0] == 27);
    assert_true(set_detach_keys(&k, "ab", &err) < 0);
    assert_true(set_detach_keys(&k, "a,b,c,d,e,f,g,h,i", &err) < 0);
}

static void guesses(void **state)
{
    (void)state;
    assert_string_equal(verb_guess("rnu"), "run");
    assert_string_equal(verb_guess("atach"), "attach");
    assert_string_equal(verb_guess("snapshto"), "snapshot");
    assert_null(verb_guess("frobnicate"));
}

/* Names are unique, every verb and option has its help, letters do not repeat in a verb. */
static void tables_make_sense(void **state)
{
    (void)state;
    for (const struct verb *v = verbs; v->name; v++) {
        assert_ptr_equal(verb_find(v->name), v);
        assert_true(strlen(v->summary) > 0 && v->summary[0] >= 'a' && v->summary[0] <= 'z');
        bool seen[256] = {0};
        seen['h']      = true; /* help */
        for (const struct option_row *r = v->options; r && r->name; r++) {
            assert_non_null(r->set);
            if (r->letter && seen[(u8)r->letter])
                fail_msg("%s: -%c is there twice", v->name, r->letter);
            seen[(u8)r->letter] = true;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return command_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes), cmocka_unit_test(run_line), cmocka_unit_test(refused),
        cmocka_unit_test(keys),  cmocka_unit_test(guesses),  cmocka_unit_test(tables_make_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

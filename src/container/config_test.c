/* container/config_test.c - JSON, tables of members, checks of a bundle. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "container/check.h"
#include "container/text.h"
#include "isolation/caps.h"
#include "isolation/mount.h"

#define BEGIN                                                                                      \
    "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"process\":{\"cwd\":\"/"                 \
    "\",\"args\":[\"a\"]"

static int parse(const char *text, struct config **out, struct err *err)
{
    *out = NULL;
    return config_parse(out, text, strlen(text), err);
}

static void json(void **state)
{
    static const struct {
        const char *text;
        bool        good;
    } cases[] = {
        {"{}", true},          {"[1,2,{\"a\":null}]", true},
        {" \"x\" ", true},     {"-1.5e3", true},
        {"", false},           {"{", false},
        {"[1,]", false},       {"{\"a\" 1}", false},
        {"{\"a\":1,}", false}, {"\"a", false},
        {"\"\\x\"", false},    {"1 2", false},
        {"tru", false},        {"\"\\u0000\"", false},
        {"+1", false},         {"{1:2}", false},
        {"\"\n\"", false},     {"nan", false},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct arena a    = {0};
        struct err   err  = {0};
        struct tree *tree = NULL;
        char        *text = xstrdup(cases[i].text);
        int          rc   = tree_parse(&tree, text, strlen(text), &a, &err);
        if ((rc == 0) != cases[i].good)
            fail_msg("'%s': %s", cases[i].text, err.text);
        assert_true(rc == 0 || err.text[0]);
        arena_done(&a);
        free(text);
    }
}

static void json_strings(void **state)
{
    struct arena a = {0};
    char text[] = "{\"k\":\"a\\u00e9\\ud83d\\ude00\\ud800\\n\\\"\\/\",\"k2\":\"x\",\"k\":\"last\"}";
    struct tree *tree;
    (void)state;
    assert_int_equal(tree_parse(&tree, text, strlen(text), &a, NULL), 0);
    assert_string_equal(tree->child->text, "a\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd\n\"/");
    assert_string_equal(tree_str(tree, "k"), "last");
    assert_null(tree_str(tree, "nothing"));
    arena_done(&a);
}

static void json_numbers(void **state)
{
    static const struct {
        const char *text;
        bool        whole, clamped;
        i64         v;
        u64         u;
    } cases[] = {
        {"0", true, false, 0, 0},
        {"-7", true, false, -7, 0},
        {"1e3", true, false, 1000, 1000},
        {"2.5", false, false, 0, 0},
        {"18446744073709551615", true, false, INT64_MAX, UINT64_MAX},
        {"9223372036854775807", true, false, INT64_MAX, INT64_MAX},
        {"99999999999999999999", true, true, INT64_MAX, UINT64_MAX},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct tree t = {.type = TREE_NUMBER, .text = (char *)cases[i].text};
        i64         v = 0;
        u64         u = 0;
        bool        clamped;
        assert_int_equal(tree_integer(&t, &v, &u, &clamped), cases[i].whole);
        assert_int_equal(clamped, cases[i].clamped);
        if (cases[i].whole && !clamped) {
            assert_true(v == cases[i].v);
            assert_true(u == cases[i].u);
        }
    }
}

/* A wrong type is told with the whole path of the member. */
static void errors_name_the_member(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{}", "ociVersion: is missing"},
        {"{\"ociVersion\":1}", "ociVersion: must be a string"},
        {"[]", "must be an object"},
        {BEGIN ",\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"soft\":-1,\"hard\":1}]}}",
         "process.rlimits[0].soft: is out of range"},
        {BEGIN "},\"linux\":{\"resources\":{\"memory\":{\"limit\":\"1\"}}}}",
         "linux.resources.memory.limit: must be a whole number"},
        {BEGIN "},\"linux\":{\"sysctl\":{\"a\":1}}}", "linux.sysctl.a: must be a string"},
        {BEGIN "},\"linux\":{\"namespaces\":[{}]}}", "linux.namespaces[0].type: is missing"},
        {BEGIN ",\"env\":[\"a\",2]}}", "process.env[1]: must be a string"},
        {BEGIN "},\"mounts\":{}}", "mounts: must be a list"},
        {BEGIN ",\"terminal\":1}}", "process.terminal: must be true or false"},
        {BEGIN
         "},\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":4294967296,\"size\":1}]}}",
         "linux.uidMappings[0].hostID: is out of range"},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct config *c;
        struct err     err = {0};
        assert_int_equal(parse(cases[i].text, &c, &err), -EINVAL);
        if (!strstr(err.text, cases[i].message))
            fail_msg("'%s' says '%s'", cases[i].text, err.text);
    }
}

static void members(void **state)
{
    struct config *c;
    struct err     err = {0};
    (void)state;
    int rc = parse(BEGIN ",\"user\":{\"uid\":5,\"additionalGids\":[7,9]},\"unknown\":{\"x\":[1]}},"
                         "\"annotations\":{\"a\":\"b\"},\"linux\":{\"namespaces\":[{\"type\":"
                         "\"time\"}],\"timeOffsets\":{\"boottime\":"
                         "{\"secs\":-3}},\"resources\":{\"unified\":{\"memory.high\":\"5\"},"
                         "\"pids\":{\"limit\":0},\"memory\":{\"disableOOMKiller\":true}},"
                         "\"seccomp\":null}}",
                   &c, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(rc, 0);
    assert_int_equal(c->process->user.uid, 5);
    assert_int_equal(c->process->user.n_groups, 2);
    assert_int_equal(c->process->user.groups[1], 9);
    assert_string_equal(config_annotation(c, "a"), "b");
    assert_string_equal(c->os.offsets[0].name, "boottime");
    assert_int_equal(c->os.offsets[0].secs, -3);
    assert_string_equal(c->os.resources->unified[0].value, "5");
    assert_true(c->os.resources->pids.limit.set);
    assert_int_equal(c->os.resources->memory.disable_oom_killer.v, 1);
    assert_false(c->os.resources->memory.limit.set);
    assert_null(c->os.seccomp);
    assert_int_equal(config_check(c, &err), 0);
    config_destroy(c);
}

static void checks(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"ociVersion\":\"2.0\",\"root\":{\"path\":\"r\"},\"process\":{\"cwd\":\"/"
         "\",\"args\":[\"a\"]}}",
         "only 1.x"},
        {"{\"ociVersion\":\"1.0\",\"root\":{\"path\":\"r\"},\"process\":{\"cwd\":\"/\"}}",
         "args must not be empty"},
        {"{\"ociVersion\":\"1.0\",\"root\":{\"path\":\"r\"},\"process\":{\"cwd\":\"x\",\"args\":["
         "\"a\"]}}",
         "absolute path"},
        {BEGIN "},\"hostname\":\"h\"}", "hostname"},
        {BEGIN "},\"linux\":{\"namespaces\":[{\"type\":\"disk\"}]}}", "no namespace 'disk'"},
        {BEGIN "},\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]}}",
         "duplicated"},
        {BEGIN "},\"linux\":{\"sysctl\":{\"vm.swappiness\":\"1\"}}}", "kernel namespace"},
        {BEGIN "},\"linux\":{\"sysctl\":{\"net/../vm/x\":\"1\"}}}", "not allowed"},
        {BEGIN "},\"linux\":{\"namespaces\":[{\"type\":\"user\"}]}}", "uidMappings"},
        {BEGIN "},\"mounts\":[{\"destination\":\"/x\"}]}", "no type"},
        {BEGIN "},\"hooks\":{\"poststop\":[{\"path\":\"x\"}]}}", "hooks.poststop[0]"},
        {BEGIN ",\"rlimits\":[{\"type\":\"RLIMIT_X\",\"soft\":1,\"hard\":1}]}}", "RLIMIT_X"},
        {BEGIN ",\"scheduler\":{\"policy\":\"SCHED_X\"}}}", "SCHED_X"},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct config *c;
        struct err     err = {0};
        assert_int_equal(parse(cases[i].text, &c, &err), 0);
        assert_int_equal(config_check(c, &err), -EINVAL);
        if (!strstr(err.text, cases[i].message))
            fail_msg("'%s' says '%s'", cases[i].text, err.text);
        config_destroy(c);
    }
}

static void written_text_is_read_again(void **state)
{
    struct arena a = {0};
    struct text  t = {.pretty = true};
    struct tree *tree;
    (void)state;
    text_open(&t, NULL, '{');
    text_str(&t, "s", "quote \" back \\ line \n tab \t");
    text_str(&t, "none", NULL);
    text_open(&t, "list", '[');
    text_i64(&t, NULL, -1);
    text_bool(&t, NULL, true);
    text_close(&t, ']');
    text_open(&t, "empty", '{');
    text_close(&t, '}');
    text_close(&t, '}');
    assert_int_equal(tree_parse(&tree, t.s, t.len, &a, NULL), 0);
    assert_string_equal(tree_str(tree, "s"), "quote \" back \\ line \n tab \t");
    assert_int_equal(tree_at(tree, "list")->count, 2);
    assert_null(tree_at(tree, "none"));
    arena_done(&a);
    free(t.s);
}

static void mount_words(void **state)
{
    char *const words[] = {"rro", "nosuid", "noexec", "exec", "rslave", "rbind", "size=4k", NULL};
    struct mount_options o;
    (void)state;
    assert_int_equal(mount_parse(words, &o, NULL), 0);
    assert_true(o.bind && o.recursive && o.propagation_all);
    assert_int_equal(o.set_all, 1); /* MOUNT_ATTR_RDONLY */
    assert_int_equal(o.set, 2);     /* MOUNT_ATTR_NOSUID: noexec was taken back */
    assert_int_equal(o.n_data, 1);
    assert_string_equal(o.data[0], "size=4k");
}

static void capabilities(void **state)
{
    char *const names[] = {"CAP_CHOWN", "cap_kill", "CAP_NEW", NULL};
    const char *unknown = NULL;
    (void)state;
    assert_int_equal(caps_set(names, &unknown), 1 | 1 << 5);
    assert_string_equal(unknown, "CAP_NEW");
    for (unsigned i = 0; cap_name(i); i++)
        assert_int_equal(cap_number(cap_name(i)), (int)i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(json_numbers),
        cmocka_unit_test(errors_name_the_member),
        cmocka_unit_test(members),
        cmocka_unit_test(checks),
        cmocka_unit_test(written_text_is_read_again),
        cmocka_unit_test(mount_words),
        cmocka_unit_test(capabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

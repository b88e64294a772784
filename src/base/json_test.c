/* base/json_test.c - paths, exact numbers, whole files. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"

static void paths(void **state)
{
    cleanup_json cJSON *j = cJSON_CreateObject();
    (void)state;
    json_put_str(j, "a.b.c", "deep");
    json_put_u64(j, "a.n", 18446744073709551615ull);
    json_put_bool(j, "a.b.flag", true);
    json_put_str(j, "a.none", NULL);
    json_put_str(j, "a.b.c", "deeper"); /* replaces */
    cleanup_free char *text = json_line(j);
    assert_string_equal(
        text, "{\"a\":{\"b\":{\"flag\":true,\"c\":\"deeper\"},\"n\":18446744073709551615}}");
    assert_string_equal(json_str(j, "a.b.c"), "deeper");
    assert_null(json_str(j, "a.b"));
    assert_null(json_str(j, "a.b.c.d"));
    assert_null(json_at(j, "x.y"));
    assert_true(json_bool(j, "a.b.flag", false) && json_bool(j, "a.b.other", true));
}

static u64 number(const char *text)
{
    cleanup_json cJSON *j   = NULL;
    cleanup_free char  *all = xasprintf("{\"n\":%s}", text);
    return json_parse(&j, all, strlen(all), NULL) ? 7 : json_u64(j, "n", 8);
}

static void numbers(void **state)
{
    (void)state;
    assert_true(number("0") == 0 && number("4503599627370497") == 4503599627370497);
    assert_true(number("-1") == 8 && number("1e99") == 8 && number("\"1\"") == 8);
    assert_true(number("18446744073709551616") == 8 && number("nan") == 7);
}

static void whole_text_only(void **state)
{
    static const char *const bad[] = {"", "{", "[]", "1", "null", "{} {}", "{}x", "{\"a\":}"};
    cJSON                   *j     = NULL;
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(json_parse(&j, bad[i], strlen(bad[i]), NULL), -EINVAL);
        assert_null(j);
    }
    assert_int_equal(json_parse(&j, " {} \r\n", 6, NULL), 0);
    cJSON_Delete(j);
    assert_int_equal(json_parse(&j, "{}garbage", 2, NULL), 0); /* LEN counts, no NUL is needed */
    cJSON_Delete(j);
}

static void files(void **state)
{
    char       folder[] = "/tmp/guise-json.XXXXXX";
    cJSON     *j        = NULL;
    struct err err;
    (void)state;
    assert_non_null(mkdtemp(folder));
    cleanup_free char *path = xasprintf("%s/file", folder);
    assert_int_equal(json_load(&j, path, &err), -ENOENT);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(file_replace(path, "{\"a\":1}\n", &err), 0);
    assert_int_equal(file_replace(path, "{\"a\":2}\n", &err), 0);
    assert_int_equal(json_load(&j, path, &err), 0);
    assert_int_equal(json_u64(j, "a", 0), 2);
    cJSON_Delete(j);
    j = NULL;
    assert_int_equal(truncate(path, 5 << 20), 0);
    assert_int_equal(json_load(&j, path, &err), -EFBIG);
    unlink(path);
    assert_int_equal(rmdir(folder), 0); /* no temporary is left */
    assert_int_equal(file_replace(path, "x", &err), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(numbers),
        cmocka_unit_test(whole_text_only),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

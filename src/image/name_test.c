/* image/name_test.c - names of images as people type them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "image/name.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void names(void **state)
{
    static const struct {
        const char *text, *full; /* full: NULL when it is none */
    } cases[] = {
        {"busybox", "docker.io/library/busybox:latest"},
        {"busybox:1.36", "docker.io/library/busybox:1.36"},
        {"me/app", "docker.io/me/app:latest"},
        {"localhost/app", "localhost/app:latest"},
        {"localhost:5000/app:x", "localhost:5000/app:x"},
        {"quay.io/a/b/c:v1.2-3_4", "quay.io/a/b/c:v1.2-3_4"},
        {"a@sha256:" HEX, "docker.io/library/a@sha256:" HEX},
        {"a:1@sha256:" HEX, "docker.io/library/a@sha256:" HEX},
        {"", NULL},
        {"Upper", NULL},
        {"a:", NULL},
        {"a:-x", NULL},
        {"a/../b", NULL},
        {"../b", NULL},
        {"a//b", NULL},
        {"a/", NULL},
        {"a@sha256:123", NULL},
        {"a@md5:" HEX, NULL},
        {"a b", NULL},
        {"a:b:c", NULL},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct image_name n;
        struct err        err = {0};
        int               rc  = image_name_parse(cases[i].text, &n, &err);
        if ((rc == 0) != (cases[i].full != NULL))
            fail_msg("'%s': %d %s", cases[i].text, rc, err.text);
        if (rc)
            continue;
        cleanup_free char *full = image_name_text(&n);
        assert_string_equal(full, cases[i].full);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

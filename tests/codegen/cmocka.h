/* tests/codegen/cmocka.h - as much of cmocka as codegen_test.c needs, for hosts whose library is
 * not at hand. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEGEN_TESTS_CMOCKA_H
#define CODEGEN_TESTS_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **);
};
#define cmocka_unit_test(f) {#f, f}
#define fail_msg(...)       (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), exit(1))
#define assert_int_equal(a, b)                                                                     \
    do {                                                                                           \
        unsigned long long a_ = (unsigned long long)(a), b_ = (unsigned long long)(b);             \
        if (a_ != b_)                                                                              \
            fail_msg("%s:%d: %s is %llx, not %llx", __FILE__, __LINE__, #a, a_, b_);               \
    } while (0)

static inline int run_group(const struct CMUnitTest *tests, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        tests[i].run(NULL);
        printf("%s passed\n", tests[i].name);
    }
    return 0;
}
#define cmocka_run_group_tests(tests, setup, teardown) run_group(tests, sizeof(tests) / sizeof(*(tests)))

#endif

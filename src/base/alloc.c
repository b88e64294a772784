/* base/alloc.c - see alloc.h. GUISE_FAIL_ALLOC=N makes the Nth try_alloc fail, for tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static void *or_die(void *p)
{
    if (!p) {
        static const char words[] = "guise: out of memory\n";
        if (write(2, words, sizeof(words) - 1) < 0) {
            /* Nothing is left to say it to. */
        }
        abort();
    }
    return p;
}

void *xalloc(size_t size)
{
    return or_die(calloc(1, size ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
    return or_die(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
    return s ? or_die(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
    return or_die(strndup(s, n));
}

char *xasprintf(const char *fmt, ...)
{
    char   *s = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&s, fmt, ap);
    va_end(ap);
    return or_die(n < 0 ? NULL : s);
}

/* True when this is the allocation that a fault test asked to fail. */
static bool told_to_fail(void)
{
    static atomic_long left = -1;
    if (atomic_load(&left) < 0) {
        const char *n = getenv("GUISE_FAIL_ALLOC");
        atomic_store(&left, n ? strtol(n, NULL, 10) : 0);
    }
    return atomic_load(&left) > 0 && atomic_fetch_sub(&left, 1) == 1;
}

void *try_alloc(u64 count, u64 size)
{
    u64 bytes;
    if (told_to_fail() || __builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return calloc(1, bytes ? bytes : 1);
}

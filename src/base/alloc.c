/* base/alloc.c - see alloc.h. For tests, GUISE_FAIL_ALLOC=N makes the Nth try_alloc of the process
 * fail, GUISE_FAIL_SMALL_ALLOC=N the Nth of the others. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* One allocation of a sort, to fail; the count goes on in a forked process. */
struct doom {
    const char *variable;
    atomic_long left; /* -1: not read yet; 0: none, or it is over */
};

static struct doom doom = {"GUISE_FAIL_ALLOC", -1}, small_doom = {"GUISE_FAIL_SMALL_ALLOC", -1};

/* True when this is the allocation that a fault test asked to fail. */
static bool told_to_fail(struct doom *d)
{
    if (atomic_load(&d->left) < 0) {
        const char *n = getenv(d->variable);
        atomic_store(&d->left, n ? strtol(n, NULL, 10) : 0);
    }
    return atomic_load(&d->left) > 0 && atomic_fetch_sub(&d->left, 1) == 1;
}

enum { FAILED_OF_OURS = 125 }; /* guise itself failed, as the exit status says it */

static void *or_die(void *p)
{
    if (!p || told_to_fail(&small_doom)) {
        static const char words[] = "guise: out of memory\n";
        if (write(2, words, sizeof(words) - 1) < 0) {
            /* Nothing is left to say it to. */
        }
        _exit(FAILED_OF_OURS);
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

void *try_alloc(u64 count, u64 size)
{
    u64 bytes;
    if (told_to_fail(&doom) || __builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return calloc(1, bytes ? bytes : 1);
}

void *try_alloc_large(u64 size)
{
    if (told_to_fail(&doom))
        return NULL;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    madvise(p, size, MADV_HUGEPAGE);
    return p;
}

void free_large(void *p, u64 size)
{
    if (p)
        munmap(p, size);
}

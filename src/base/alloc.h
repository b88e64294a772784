/* base/alloc.h - memory that is there or the process ends, and locals that clean up.
 *
 * The x functions are for small sizes of our own choosing: when memory is gone they end the
 * process, with status 125.
 * A size that a user or a guest chose goes through try_alloc, which may return NULL. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdlib.h>
#include <unistd.h>

#include "base/types.h"

void *xalloc(size_t size); /* zeroed */
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);
void *try_alloc(u64 count, u64 size); /* zeroed; NULL when too big or not there */

/* Much memory, much used: zeroed, on large pages of the host where it gives them. NULL: not there.
 */
void *try_alloc_large(u64 size);
void  free_large(void *p, u64 size); /* NULL is fine */

#define xnew(T) ((T *)xalloc(sizeof(T)))

static inline void cleanup_free_(void *p)
{
    free(*(void **)p);
}

static inline void cleanup_fd_(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define cleanup_free __attribute__((cleanup(cleanup_free_)))
#define cleanup_fd   __attribute__((cleanup(cleanup_fd_)))

/* Hands on what a cleanup local holds. */
static inline int steal_fd(int *fd)
{
    int was = *fd;
    *fd     = -1;
    return was;
}

#define steal_ptr(p)                                                                               \
    ({                                                                                             \
        __typeof__(p) was_ = (p);                                                                  \
        (p)                = NULL;                                                                 \
        was_;                                                                                      \
    })

#endif

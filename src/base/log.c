/* base/log.c - see log.h. Any thread; one write a line. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int level = LOG_INFO; /* the one mutable global that the style allows */

void log_level_set(enum log_level l)
{
    atomic_store(&level, (int)l);
}

void log_write(enum log_level l, const char *fmt, ...)
{
    static const char *const names[] = {
        [LOG_ERROR] = "error", [LOG_WARN] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};
    if ((int)l > atomic_load(&level))
        return;

    char            line[512];
    struct timespec now;
    struct tm       tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t  n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
    va_list ap;
    va_start(ap, fmt);
    n += (size_t)snprintf(line + n, sizeof(line) - n, ".%03ldZ %s: ", now.tv_nsec / 1000000,
                          names[l]);
    int m = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
    va_end(ap);
    n         = MIN(n + (size_t)MAX(m, 0), sizeof(line) - 2);
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, n) < 0) {
        /* The log is gone; the machine goes on. */
    }
}

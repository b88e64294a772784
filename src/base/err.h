/* base/err.h - why something failed, in words for the person who asked.
 *
 * A number and 240 bytes on the caller's stack: nothing to free. Set-up paths take
 * `struct err *err` last, return 0 or -errno, and leave their outputs alone on failure.
 * A NULL err is allowed: the caller wants only the number. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/types.h"

struct err {
    int  code;      /* a positive errno value; 0: no error */
    char text[240]; /* one line, no newline */
};

/* Says what went wrong. CODE is a positive errno value. Returns -CODE. */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);

/* The same, with ": " and strerror(CODE) behind it: for system calls that failed. */
int err_errno(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);

/* Puts "context: " in front of what is there. Returns -err->code (or -EIO if err is NULL). */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3);

#endif

/* isolation/seccomp.h - a filter of system calls, as an OCI bundle describes it.
 *
 * Compiled before the process gives up its rights; installing it is one system call. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ISOLATION_SECCOMP_H
#define ISOLATION_SECCOMP_H

#include <linux/filter.h>

#include "base/err.h"
#include "isolation/limits.h"

struct seccomp_arg {
    u64   index, value, value_two;
    char *op;
};

struct seccomp_rule {
    char              **names;
    char               *action;
    struct number       errno_ret;
    struct seccomp_arg *args;
    unsigned            n_args;
};

struct seccomp_profile {
    char                *default_action;
    struct number        default_errno;
    char               **architectures, **flags;
    char                *listener_path, *listener_metadata;
    struct seccomp_rule *rules;
    unsigned             n_rules;
};

struct seccomp_filter {
    struct sock_fprog program; /* NULL filter: there is none */
    unsigned          flags;   /* SECCOMP_FILTER_FLAG_* */
};

/* Compiles; unknown names of system calls are skipped (as every runtime does), unknown actions,
 * operators and architectures are errors. */
int  seccomp_compile(const struct seccomp_profile *, struct seccomp_filter *out, struct err *err);
void seccomp_done(struct seccomp_filter *);

/* From here on the process is filtered. *listener: a descriptor, or -1. */
int seccomp_install(const struct seccomp_filter *, int *listener, struct err *err);

/* The words that are known, one by one; NULL: past the last. */
enum seccomp_list { SECCOMP_ACTIONS, SECCOMP_OPERATORS, SECCOMP_ARCHS, SECCOMP_FLAGS };
const char *seccomp_word(enum seccomp_list, unsigned index);

#endif

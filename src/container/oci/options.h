/* container/oci/options.h - the command lines of guise-oci: what runc and crun take. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_OCI_OPTIONS_H
#define CONTAINER_OCI_OPTIONS_H

#include "base/err.h"

#define WORDS_MAX 32

enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_TEXTS,  /* struct words */
    OPTION_NUMBER, /* unsigned */
    OPTION_IGNORE, /* a flag that makes no difference here */
    OPTION_IGNORE_TEXT,
};

struct words { /* NULL-terminated */
    char    *list[WORDS_MAX + 1];
    unsigned n;
};

struct oci_option {
    const char      *name; /* NULL ends a table */
    char             letter;
    enum option_kind kind;
    size_t           off;
    const char      *help;
};

/* Parses argv[*at...] up to the first word that is no option; *at is that word then. *help: it
 * was asked for. */
int  oci_options(const struct oci_option *, int argc, char **argv, int *at, void *out, bool *help,
                 struct err *err);
void oci_options_print(const struct oci_option *);

#endif

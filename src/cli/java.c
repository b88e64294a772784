/* cli/java.c - java's own command line, with our virtual machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"
#include "java/kind/kind.h"

int verb_java(struct command *c)
{
    struct err err = {0};
    java_become(c->words, &err);
    return complain(c, err.code == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT, &err);
}

/* java/kind/kind.h - the kind `java`: a program of class files, run by libjvm.so under the JDK's
 * own launcher, in a child of the monitor. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_KIND_KIND_H
#define JAVA_KIND_KIND_H

#include "vm/kind.h"

extern const struct kind java_kind;

/* The JDK's launcher with our VM: argv for execv, WORDS behind it. The strings are the list's. */
int java_command(char *const *words, char ***argv, struct err *);

/* `guise java WORDS`: becomes java. Returns only with an error. */
int java_become(char *const *words, struct err *);

#endif

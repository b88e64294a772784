/* java/kind/workload.h - what a file is to java: a jar or a class. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_KIND_WORKLOAD_H
#define JAVA_KIND_WORKLOAD_H

#include "base/err.h"

enum workload { WORKLOAD_NONE, WORKLOAD_JAR, WORKLOAD_CLASS };

/* By its bytes. For a class, NAME is what it calls itself ("a.b.Main"); free it. */
enum workload workload_look(const char *path, char **name);

/* The folder that java finds the class NAME of file PATH in; NULL: it is elsewhere. Free it. */
char *workload_root(const char *path, const char *name);

#endif

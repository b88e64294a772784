/* java/jimage.h - the file lib/modules: all classes of a JDK, by module and path. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_JIMAGE_H
#define JAVA_JIMAGE_H

#include "base/err.h"
#include "base/types.h"

struct jimage;

int  jimage_open(const char *path, struct jimage **, struct err *);
void jimage_close(struct jimage *);

/* The bytes of "/module/path"; they stay until the close. NULL: not there, or compressed. */
const u8 *jimage_find(const struct jimage *, const char *path, u64 *size);

/* The module that has a package's classes ("java.lang"), or NULL. */
const char *jimage_module(const struct jimage *, const char *package);

#endif

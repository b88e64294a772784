/* base/json.h - the little that guise adds to cJSON: dotted paths, exact numbers, files.
 *
 * Readers take any JSON and answer with what is there or a default; they never fail on a wrong
 * type. Everything handed out by a getter belongs to the tree. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <cjson/cJSON.h>

#include "base/err.h"

static inline void cleanup_json_(cJSON **p)
{
    cJSON_Delete(*p);
}
#define cleanup_json __attribute__((cleanup(cleanup_json_)))

/* The whole of TEXT must be one object. */
int json_parse(cJSON **out, const char *text, size_t len, struct err *err);
int json_load(cJSON **out, const char *path, struct err *err); /* a file, at most 4 MiB */

/* PATH is "a.b.c". NULL or the default when it is not there or of another type. */
cJSON      *json_at(const cJSON *, const char *path);
const char *json_str(const cJSON *, const char *path); /* NULL */
u64         json_u64(const cJSON *, const char *path, u64 otherwise);
bool        json_bool(const cJSON *, const char *path, bool otherwise);

/* Makes the objects on the way. A NULL string is not written. */
void json_put(cJSON *, const char *path, cJSON *value);
void json_put_str(cJSON *, const char *path, const char *value);
void json_put_u64(cJSON *, const char *path, u64 value); /* all 64 bits, no exponent */
void json_put_bool(cJSON *, const char *path, bool value);

char *json_line(const cJSON *);  /* on one line, no newline; the caller frees */
char *json_pages(const cJSON *); /* indented, newline at the end; the caller frees */

/* All of a file of at most MAX bytes, and a 0 behind it; the caller frees *TEXT. */
int file_read(const char *path, u64 max, char **text, size_t *len, struct err *err);

/* Replaces PATH as a whole: temporary file, then rename. */
int file_replace(const char *path, const char *text, struct err *err);

#endif

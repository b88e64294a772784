/* container/tree.h - JSON text as a tree of nodes, read in one pass and in place.
 *
 * Why not cJSON: Debian has it as a shared library only, and guise-oci is static. The text is
 * changed (strings are unescaped where they stand) and must outlive the tree; nodes come from
 * an arena and are freed with it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_TREE_H
#define CONTAINER_TREE_H

#include "base/err.h"

struct arena_piece;
struct arena {
    struct arena_piece *pieces;
};

void *arena_alloc(struct arena *, size_t size); /* zeroed */
char *arena_text(struct arena *, const char *); /* a copy */
void  arena_done(struct arena *);

enum tree_type {
    TREE_NULL,
    TREE_FALSE,
    TREE_TRUE,
    TREE_NUMBER,
    TREE_STRING,
    TREE_LIST,
    TREE_OBJECT
};

struct tree {
    enum tree_type type;
    unsigned       count; /* children of a list or object */
    char          *key;   /* inside an object */
    char          *text;  /* of a string; of a number as written */
    struct tree   *child; /* the first */
    struct tree   *next;  /* sibling */
};

/* TEXT[LEN] must be 0. The whole text must be one value. */
int tree_parse(struct tree **out, char *text, size_t len, struct arena *, struct err *);

const struct tree *tree_at(const struct tree *, const char *key);  /* NULL: not there */
const char        *tree_str(const struct tree *, const char *key); /* NULL: no string there */

/* A number that is whole (1e3 and 5.0 are); false: it is not. What does not fit is clamped, which
 * *clamped tells. */
bool tree_integer(const struct tree *, i64 *out, u64 *unsigned_out, bool *clamped);

#endif

/* image/store.h - images by name: blobs, layers unpacked from them, names for them.
 *
 *   ROOT/blobs/sha256/HEX      what was pulled or loaded: manifests, configs; checked when added
 *   ROOT/layers/HEX/           a layer's files, HEX being its compressed blob's digest
 *   ROOT/names/NAME            a name's manifest digest ('/' is written as '%')
 *
 * Everything is made under another name first and renamed when it is whole: a crash leaves a
 * temporary file, never half an image. Reading needs no library but cJSON; src/image/main.c, the
 * program guise-image, has the rest. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_STORE_H
#define IMAGE_STORE_H

#include "base/json.h"

#define DIGEST_TEXT 72 /* "sha256:" and 64 hex digits, and room */

struct store {
    char *root;
};

struct image {
    char  *name, *manifest; /* manifest: its digest */
    char **layers;          /* folders, the lowest first; NULL-terminated */
    cJSON *config;          /* as the registry has it */
};

/* $GUISE_IMAGES, /var/lib/guise/images, or ~/.local/share/guise/images; made when missing. */
int  store_open(struct store *out, struct err *err);
void store_close(struct store *);

bool  digest_ok(const char *digest); /* sha256:HEX */
char *store_blob_path(const struct store *, const char *digest);
char *store_layer_path(const struct store *, const char *digest);
bool  store_has_blob(const struct store *, const char *digest);
bool  store_has_layer(const struct store *, const char *digest);
int   store_temporary(const struct store *, char **path, struct err *err); /* a descriptor */
int   store_put_blob(const struct store *, const char *temporary, const char *digest,
                     struct err *err);

int    store_tag(const struct store *, const char *name, const char *digest, struct err *err);
int    store_untag(const struct store *, const char *name, struct err *err);
char **store_names(const struct store *); /* sorted, NULL-terminated */

/* NAME as a user types it: "busybox", "localhost:5000/a/b:tag". -ENOENT: it is not there. */
int  store_find(const struct store *, const char *name, struct image *out, struct err *err);
void image_done(struct image *);

/* Removes blobs and layers that no name leads to. */
int store_collect(const struct store *, u64 *bytes, struct err *err);

#endif

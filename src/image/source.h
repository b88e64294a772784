/* image/source.h - where images come from: registries, folders, archives. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGE_SOURCE_H
#define IMAGE_SOURCE_H

#include "image/name.h"
#include "image/store.h"

struct platform {
    const char *os, *arch, *variant; /* variant: NULL is any */
};
struct platform platform_host(void);
int             platform_parse(const char *text, struct platform *out, struct err *err);

/* From the registry that NAME has; unpacked. *digest: the manifest's. QUIET: says nothing. */
int registry_pull(const struct store *, const struct image_name *, const struct platform *,
                  bool quiet, char digest[DIGEST_TEXT], struct err *err);

/* A folder in OCI layout, or an archive of one or as `docker save` makes it. Each name that it
 * brings is tagged and put into NAMES; AS, when it is not NULL, is the name of a single image. */
int layout_load(const struct store *, const char *path, const char *as, const struct platform *,
                char ***names, struct err *err);

/* The manifest of an index (or the digest itself, when it is none) that fits. */
int index_choose(const struct store *, const char *digest, const struct platform *,
                 char out[DIGEST_TEXT], struct err *err);

/* Digests of a manifest's layers, and of its config in front; NULL-terminated. */
int manifest_blobs(const struct store *, const char *manifest, char ***out, struct err *err);

/* The layers of a manifest whose blobs are all there. */
int manifest_unpack(const struct store *, const char *manifest, struct err *err);

#endif

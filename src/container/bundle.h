/* container/bundle.h - the OCI bundle of an instance, written from what the user asked for. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_BUNDLE_H
#define CONTAINER_BUNDLE_H

#include "container/config.h"
#include "vm/spec.h"

/* What a folder is to us. */
enum bundle_kind { BUNDLE_NONE, BUNDLE_ROOT, BUNDLE_OCI, BUNDLE_IMAGE };
enum bundle_kind bundle_look(const char *path);

/* Writes DIR/config.json for the workload of SPEC; ROOT is where its root is. A bundle keeps its
 * own config but for the terminal and the arguments; a root gets one that is like docker's. */
int bundle_write(const struct spec *, const char *root, const char *dir, struct err *err);

#endif

/* image/collect.c - what no name leads to goes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/remove.h"
#include "image/source.h"
#include "image/store.h"
#include "vm/spec.h"

static bool in_use(char *const *used, const char *hex)
{
    for (; used && *used; used++)
        if (strcmp(*used + 7, hex) == 0)
            return true;
    return false;
}

static void sweep(const char *root, const char *folder, char *const *used, u64 *bytes)
{
    cleanup_free char *dir = xasprintf("%s/%s", root, folder);
    DIR               *d   = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] != '.' && !in_use(used, e->d_name))
            remove_tree(dirfd(d), e->d_name, bytes);
    }
    if (d)
        closedir(d);
}

int store_collect(const struct store *s, u64 *bytes, struct err *err)
{
    char **names = store_names(s), **used = NULL;
    int    rc = 0;
    for (char **name = names; *name && !rc; name++) {
        struct image image;
        char       **blobs = NULL;
        rc                 = store_find(s, *name, &image, err);
        if (rc)
            break;
        rc = manifest_blobs(s, image.manifest, &blobs, err);
        strings_add(&used, image.manifest);
        for (char **b = blobs; b && *b; b++)
            strings_add(&used, *b);
        strings_free(blobs);
        image_done(&image);
    }
    *bytes = 0;
    if (!rc) {
        sweep(s->root, "blobs/sha256", used, bytes);
        sweep(s->root, "layers", used, bytes);
    }
    strings_free(names);
    strings_free(used);
    return rc;
}

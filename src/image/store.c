/* image/store.c - see store.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "image/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "image/name.h"

static int make_folders(const char *path, struct err *err)
{
    cleanup_free char *copy = xstrdup(path);
    for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = 0;
        if (mkdir(copy, 0711) < 0 && errno != EEXIST)
            return err_errno(err, errno, "make '%s'", copy);
        if (!slash)
            return 0;
        *slash = '/';
    }
}

int store_open(struct store *out, struct err *err)
{
    static const char *const folders[] = {"blobs/sha256", "layers", "names", "temporary"};
    const char              *given = getenv("GUISE_IMAGES"), *home = getenv("HOME");
    struct store             s  = {0};
    int                      rc = 0;
    if (given && given[0])
        s.root = xstrdup(given);
    else if (geteuid() == 0 || !home)
        s.root = xstrdup("/var/lib/guise/images");
    else
        s.root = xasprintf("%s/.local/share/guise/images", home);
    for (unsigned i = 0; i < ARRAY_SIZE(folders) && !rc; i++) {
        cleanup_free char *path = xasprintf("%s/%s", s.root, folders[i]);
        rc                      = access(path, F_OK) == 0 ? 0 : make_folders(path, err);
    }
    if (rc)
        store_close(&s);
    else
        *out = s;
    return rc;
}

void store_close(struct store *s)
{
    free(s->root);
    s->root = NULL;
}

bool digest_ok(const char *d)
{
    return d && strncmp(d, "sha256:", 7) == 0 && strlen(d) == 71 &&
           strspn(d + 7, "0123456789abcdef") == 64;
}

char *store_blob_path(const struct store *s, const char *digest)
{
    return xasprintf("%s/blobs/sha256/%s", s->root, digest + 7);
}

char *store_layer_path(const struct store *s, const char *digest)
{
    return xasprintf("%s/layers/%s", s->root, digest + 7);
}

bool store_has_blob(const struct store *s, const char *digest)
{
    cleanup_free char *path = store_blob_path(s, digest);
    return access(path, F_OK) == 0;
}

bool store_has_layer(const struct store *s, const char *digest)
{
    cleanup_free char *path = store_layer_path(s, digest);
    return access(path, F_OK) == 0;
}

int store_temporary(const struct store *s, char **path, struct err *err)
{
    cleanup_free char *name = xasprintf("%s/temporary/XXXXXX", s->root);
    int                fd   = mkostemp(name, O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "make '%s'", name);
    *path = steal_ptr(name);
    return fd;
}

int store_put_blob(const struct store *s, const char *temporary, const char *digest,
                   struct err *err)
{
    cleanup_free char *path = store_blob_path(s, digest);
    if (rename(temporary, path) < 0)
        return err_errno(err, errno, "keep '%s'", path);
    return 0;
}

/* ---- names ---- */

static char *name_path(const struct store *s, const char *name)
{
    char *path = xasprintf("%s/names/%s", s->root, name);
    for (char *p = path + strlen(s->root) + 7; *p; p++)
        *p = *p == '/' ? '%' : *p;
    return path;
}

int store_tag(const struct store *s, const char *name, const char *digest, struct err *err)
{
    struct image_name n;
    int               rc = image_name_parse(name, &n, err);
    if (rc)
        return rc;
    cleanup_free char *full = image_name_text(&n);
    cleanup_free char *path = name_path(s, full);
    cleanup_free char *text = xasprintf("%s\n", digest);
    return file_replace(path, text, err);
}

int store_untag(const struct store *s, const char *name, struct err *err)
{
    cleanup_free char *path = name_path(s, name);
    return unlink(path) < 0 ? err_errno(err, errno, "%s", name) : 0;
}

static int not_hidden(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

char **store_names(const struct store *s)
{
    struct dirent    **found;
    cleanup_free char *dir  = xasprintf("%s/names", s->root);
    int                n    = scandir(dir, &found, not_hidden, alphasort);
    char             **list = xalloc(((size_t)MAX(n, 0) + 1) * sizeof(*list));
    for (int i = 0; i < n; i++) {
        list[i] = xstrdup(found[i]->d_name);
        for (char *p = list[i]; *p; p++)
            *p = *p == '%' ? '/' : *p;
        free(found[i]);
    }
    if (n >= 0)
        free(found);
    return list;
}

/* The digest that a full name stands for. */
static bool read_name(const struct store *s, const char *full, char digest[DIGEST_TEXT])
{
    cleanup_free char *path = name_path(s, full);
    cleanup_fd int     fd   = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t            n    = fd < 0 ? -1 : read(fd, digest, DIGEST_TEXT - 1);
    if (n < 0)
        return false;
    digest[n]                     = 0;
    digest[strcspn(digest, "\n")] = 0;
    return digest_ok(digest);
}

/* ---- images ---- */

void image_done(struct image *i)
{
    for (char **l = i->layers; l && *l; l++)
        free(*l);
    free(i->layers);
    free(i->name);
    free(i->manifest);
    cJSON_Delete(i->config);
    memset(i, 0, sizeof(*i));
}

static int load_image(const struct store *s, struct image *out, struct err *err)
{
    cleanup_free char  *path     = store_blob_path(s, out->manifest);
    cleanup_json cJSON *manifest = NULL;
    int                 rc       = json_load(&manifest, path, err);
    if (rc)
        return rc;
    const char  *config = json_str(manifest, "config.digest");
    const cJSON *list   = json_at(manifest, "layers"), *layer;
    if (!digest_ok(config) || !cJSON_IsArray(list))
        return err_set(err, EINVAL, "%s is not an image's manifest", out->manifest);
    out->layers = xalloc(((size_t)cJSON_GetArraySize(list) + 1) * sizeof(char *));
    unsigned n  = 0;
    cJSON_ArrayForEach(layer, list)
    {
        const char *digest = json_str(layer, "digest");
        if (!digest_ok(digest))
            return err_set(err, EINVAL, "%s is not an image's manifest", out->manifest);
        out->layers[n++] = store_layer_path(s, digest);
    }
    cleanup_free char *config_path = store_blob_path(s, config);
    return json_load(&out->config, config_path, err);
}

/* As typed, or as something that was loaded from a file and has no registry. */
int store_find(const struct store *s, const char *name, struct image *out, struct err *err)
{
    struct image       image = {0};
    char               digest[DIGEST_TEXT];
    cleanup_free char *local   = xasprintf("localhost/%s", name);
    const char *const  tries[] = {name, local};
    for (unsigned i = 0; i < ARRAY_SIZE(tries) && !image.manifest; i++) {
        struct image_name n;
        if (image_name_parse(tries[i], &n, NULL))
            continue;
        cleanup_free char *full = image_name_text(&n);
        if (!read_name(s, full, digest))
            continue;
        image.name     = steal_ptr(full);
        image.manifest = xstrdup(digest);
    }
    if (!image.manifest)
        return err_set(err, ENOENT, "there is no image '%s' here; 'guise pull' gets it", name);
    int rc = load_image(s, &image, err);
    if (rc)
        image_done(&image);
    else
        *out = image;
    return rc;
}

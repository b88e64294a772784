/* image/layout.c - images from folders and archives: OCI layouts, and what `docker save` makes.
 *
 * Every file is copied, and its digest is what was copied: what an index claims is checked. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/remove.h"
#include "image/digest.h"
#include "image/layer.h"
#include "image/source.h"
#include "isolation/inroot.h"
#include "vm/spec.h"

struct load {
    const struct store    *store;
    const struct platform *platform;
    const char            *as, *title; /* title: a name for what has none */
    int                    dir;
    char                 **names;
};

/* WANTED: the digest that it must have, or NULL. */
static int add_file(struct load *l, const char *path, const char *wanted, char digest[DIGEST_TEXT],
                    struct err *err)
{
    if (wanted && store_has_blob(l->store, wanted)) {
        memcpy(digest, wanted, strlen(wanted) + 1);
        return 0;
    }
    cleanup_free char *temporary = NULL;
    cleanup_free char *buffer    = xalloc(KiB(128));
    cleanup_fd int     in        = inroot_open(l->dir, path, O_RDONLY | O_NONBLOCK, 0);
    cleanup_fd int     out       = in < 0 ? -1 : store_temporary(l->store, &temporary, err);
    ssize_t            n         = 0;
    if (in < 0 || out < 0)
        return in < 0 ? err_errno(err, -in, "%s", path) : out;
    struct digest_state *sum = digest_begin();
    while ((n = read(in, buffer, KiB(128))) > 0 && write(out, buffer, (size_t)n) == n)
        digest_add(sum, buffer, (size_t)n);
    int code = errno;
    digest_end(sum, digest);
    int rc = n ? err_errno(err, code, "copy '%s'", path) : 0;
    if (!rc && wanted && strcmp(wanted, digest) != 0)
        rc = err_set(err, EBADMSG, "%s is not what its digest says", path);
    if (!rc)
        rc = store_put_blob(l->store, temporary, digest, err);
    if (rc)
        unlink(temporary);
    return rc;
}

static int add_digest(struct load *l, const char *digest, struct err *err)
{
    char               got[DIGEST_TEXT];
    cleanup_free char *path = NULL;
    if (!digest_ok(digest))
        return err_set(err, EINVAL, "the index has an entry without a sha256 digest");
    path = xasprintf("blobs/sha256/%s", digest + 7);
    return add_file(l, path, digest, got, err);
}

static int finish(struct load *l, const char *name, const char *manifest, struct err *err)
{
    int rc = manifest_unpack(l->store, manifest, err);
    if (!rc)
        rc = store_tag(l->store, name, manifest, err);
    if (!rc)
        strings_add(&l->names, name);
    return rc;
}

static int read_json(struct load *l, const char *name, cJSON **out, struct err *err)
{
    char path[64];
    int  fd = inroot_open(l->dir, name, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, -fd, "%s", name);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int rc = json_load(out, path, err);
    close(fd);
    return rc;
}

/* ---- OCI layout ---- */

/* "a/b:tag" is a name, "tag" alone only a tag of one. */
static char *oci_name(const struct load *l, const cJSON *entry)
{
    const cJSON *notes = json_at(entry, "annotations");
    const char  *ref   = cJSON_GetStringValue(
           cJSON_GetObjectItemCaseSensitive(notes, "org.opencontainers.image.ref.name"));
    if (l->as)
        return xstrdup(l->as);
    if (ref && (strchr(ref, '/') || strchr(ref, ':')))
        return xstrdup(ref);
    return xasprintf("localhost/%s:%s", l->title, ref ? ref : "latest");
}

static int load_entry(struct load *l, const cJSON *entry, struct err *err)
{
    const char        *digest = json_str(entry, "digest");
    char               manifest[DIGEST_TEXT];
    char             **blobs = NULL;
    cleanup_free char *name  = oci_name(l, entry);
    int                rc    = add_digest(l, digest, err);
    if (!rc)
        rc = index_choose(l->store, digest, l->platform, manifest, err);
    if (!rc)
        rc = add_digest(l, manifest, err);
    if (!rc)
        rc = manifest_blobs(l->store, manifest, &blobs, err);
    for (char **b = blobs; b && *b && !rc; b++)
        rc = add_digest(l, *b, err);
    strings_free(blobs);
    return rc ? rc : finish(l, name, manifest, err);
}

static int load_oci(struct load *l, struct err *err)
{
    cleanup_json cJSON *index = NULL;
    const cJSON        *entry;
    int                 rc = read_json(l, "index.json", &index, err), n = 0;
    cJSON_ArrayForEach(entry, json_at(index, "manifests"))
    {
        if (rc)
            break;
        rc = load_entry(l, entry, err);
        n++;
    }
    return rc || n ? rc : err_set(err, EINVAL, "there is no image in it");
}

/* ---- docker's archive ---- */

static cJSON *descriptor(const char *type, const char *digest)
{
    cJSON *d = cJSON_CreateObject();
    json_put_str(d, "mediaType", type);
    json_put_str(d, "digest", digest);
    return d;
}

static int put_manifest(struct load *l, cJSON *manifest, char digest[DIGEST_TEXT], struct err *err)
{
    cleanup_free char *text      = json_line(manifest);
    cleanup_free char *temporary = NULL;
    cleanup_fd int     fd        = store_temporary(l->store, &temporary, err);
    if (fd < 0)
        return fd;
    struct digest_state *sum = digest_begin();
    digest_add(sum, text, strlen(text));
    digest_end(sum, digest);
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return err_errno(err, errno, "write '%s'", temporary);
    return store_put_blob(l->store, temporary, digest, err);
}

static int load_docker_image(struct load *l, const cJSON *entry, struct err *err)
{
    char                digest[DIGEST_TEXT];
    cleanup_json cJSON *manifest = cJSON_CreateObject();
    cJSON              *layers   = cJSON_CreateArray();
    const cJSON        *item;
    const char         *config = json_str(entry, "Config");
    json_put_u64(manifest, "schemaVersion", 2);
    int rc = config ? add_file(l, config, NULL, digest, err)
                    : err_set(err, EINVAL, "manifest.json: Config is missing");
    if (!rc)
        json_put(manifest, "config",
                 descriptor("application/vnd.oci.image.config.v1+json", digest));
    json_put(manifest, "layers", layers);
    cJSON_ArrayForEach(item, json_at(entry, "Layers"))
    {
        if (rc)
            break;
        rc = cJSON_IsString(item) ? add_file(l, item->valuestring, NULL, digest, err)
                                  : err_set(err, EINVAL, "manifest.json: Layers");
        if (!rc)
            cJSON_AddItemToArray(layers,
                                 descriptor("application/vnd.oci.image.layer.v1.tar", digest));
    }
    if (!rc)
        rc = put_manifest(l, manifest, digest, err);
    int named = 0;
    cJSON_ArrayForEach(item, json_at(entry, "RepoTags"))
    {
        if (rc || l->as || !cJSON_IsString(item))
            break;
        rc = finish(l, item->valuestring, digest, err);
        named++;
    }
    cleanup_free char *other = l->as ? xstrdup(l->as) : xasprintf("localhost/%s:latest", l->title);
    return rc || named ? rc : finish(l, other, digest, err);
}

static int load_docker(struct load *l, struct err *err)
{
    cleanup_json cJSON *wrapped = cJSON_CreateObject();
    cleanup_fd int      fd      = inroot_open(l->dir, "manifest.json", O_RDONLY | O_NONBLOCK, 0);
    struct stat         st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > (off_t)MiB(4))
        return err_set(err, EINVAL, "neither an OCI layout nor an archive of docker's");
    cleanup_free char *whole = xalloc((size_t)st.st_size + 1);
    ssize_t            n     = read(fd, whole, (size_t)st.st_size);
    cJSON             *list  = n < 0 ? NULL : cJSON_ParseWithLength(whole, (size_t)n);
    json_put(wrapped, "list", list ? list : cJSON_CreateNull());
    const cJSON *entry;
    int          rc = 0, count = 0;
    cJSON_ArrayForEach(entry, list)
    {
        if (!rc)
            rc = load_docker_image(l, entry, err);
        count++;
    }
    return rc || count ? rc : err_set(err, EINVAL, "manifest.json names no image");
}

/* ---- either ---- */

static int load_folder(struct load *l, struct err *err)
{
    struct stat st;
    return fstatat(l->dir, "oci-layout", &st, 0) == 0 ? load_oci(l, err) : load_docker(l, err);
}

static int load_archive(struct load *l, int fd, struct err *err)
{
    cleanup_free char *dir = xasprintf("%s/temporary/load.XXXXXX", l->store->root);
    if (!mkdtemp(dir))
        return err_errno(err, errno, "make '%s'", dir);
    l->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int rc = l->dir < 0 ? err_errno(err, errno, "open '%s'", dir) : archive_unpack(fd, l->dir, err);
    if (!rc)
        rc = load_folder(l, err);
    remove_tree(AT_FDCWD, dir, NULL);
    return rc;
}

/* What a name may be made of: "My Image.tar" becomes "my-image". */
static char *title_of(const char *path)
{
    cleanup_free char *copy  = xstrdup(path);
    char              *title = xstrdup(basename(copy)), *dot = strchr(title, '.');
    if (dot && dot != title)
        *dot = 0;
    for (char *p = title; *p; p++)
        *p = *p >= 'A' && *p <= 'Z'                                 ? (char)(*p + 32)
             : (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') ? *p
                                                                    : '-';
    return title;
}

int layout_load(const struct store *s, const char *path, const char *as, const struct platform *p,
                char ***names, struct err *err)
{
    cleanup_free char *title = title_of(path);
    struct load        l     = {s, p, as, title, -1, NULL};
    struct stat        st;
    cleanup_fd int     fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, errno, "%s", path);
    int rc;
    if (S_ISDIR(st.st_mode)) {
        l.dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        rc    = load_folder(&l, err);
    } else {
        rc = load_archive(&l, fd, err);
    }
    if (l.dir >= 0)
        close(l.dir);
    if (rc)
        strings_free(l.names);
    else
        *names = l.names;
    return rc ? err_wrap(err, "load '%s'", path) : 0;
}

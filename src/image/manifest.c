/* image/manifest.c - indexes and manifests: which image of several, and what it is made of. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "image/layer.h"
#include "image/source.h"
#include "vm/spec.h"

/* The kernel's word for an architecture, and Go's, which images have. */
static const struct {
    const char *kernel, *go, *variant;
} archs[] = {
    {"x86_64", "amd64", NULL},    {"aarch64", "arm64", NULL}, {"riscv64", "riscv64", NULL},
    {"armv7l", "arm", "v7"},      {"armv6l", "arm", "v6"},    {"i686", "386", NULL},
    {"ppc64le", "ppc64le", NULL}, {"s390x", "s390x", NULL},   {"loongarch64", "loong64", NULL},
};

struct platform platform_host(void)
{
    struct utsname u;
    uname(&u);
    for (unsigned i = 0; i < ARRAY_SIZE(archs); i++)
        if (strcmp(archs[i].kernel, u.machine) == 0)
            return (struct platform){"linux", archs[i].go, archs[i].variant};
    return (struct platform){"linux", "amd64", NULL};
}

int platform_parse(const char *text, struct platform *out, struct err *err)
{
    char *copy    = xstrdup(text); /* lives as long as the platform: to the end */
    char *arch    = strchr(copy, '/');
    char *variant = arch ? strchr(arch + 1, '/') : NULL;
    if (!arch || !arch[1])
        return err_set(err, EINVAL, "'%s' is not a platform; they look like linux/arm64", text);
    *arch++ = 0;
    if (variant)
        *variant++ = 0;
    *out = (struct platform){copy, arch, variant};
    return 0;
}

static bool fits(const cJSON *entry, const struct platform *p)
{
    const char *os      = json_str(entry, "platform.os"),
               *arch    = json_str(entry, "platform.architecture"),
               *variant = json_str(entry, "platform.variant");
    if (!os || !arch)
        return true; /* an index of one does not always say */
    return strcmp(os, p->os) == 0 && strcmp(arch, p->arch) == 0 &&
           (!p->variant || !variant || strcmp(variant, p->variant) == 0);
}

static int load(const struct store *s, const char *digest, cJSON **out, struct err *err)
{
    cleanup_free char *path = store_blob_path(s, digest);
    return json_load(out, path, err);
}

int index_choose(const struct store *s, const char *digest, const struct platform *p,
                 char out[DIGEST_TEXT], struct err *err)
{
    cleanup_json cJSON *j  = NULL;
    int                 rc = load(s, digest, &j, err);
    if (rc)
        return rc;
    const cJSON *list = json_at(j, "manifests"), *entry;
    if (!list) {
        memcpy(out, digest, strlen(digest) + 1);
        return 0;
    }
    cJSON_ArrayForEach(entry, list)
    {
        const char *found = json_str(entry, "digest");
        if (!fits(entry, p) || !digest_ok(found))
            continue;
        memcpy(out, found, strlen(found) + 1);
        return 0;
    }
    return err_set(err, ENOENT, "it is not there for %s/%s", p->os, p->arch);
}

int manifest_blobs(const struct store *s, const char *manifest, char ***out, struct err *err)
{
    cleanup_json cJSON *j    = NULL;
    char              **list = NULL;
    const cJSON        *layer;
    int                 rc = load(s, manifest, &j, err);
    if (rc)
        return rc;
    const char *config = json_str(j, "config.digest");
    if (!digest_ok(config))
        return err_set(err, EINVAL, "the manifest has no config (schema 1 is not supported)");
    strings_add(&list, config);
    cJSON_ArrayForEach(layer, json_at(j, "layers"))
    {
        const char *digest = json_str(layer, "digest");
        if (!digest_ok(digest)) {
            strings_free(list);
            return err_set(err, EINVAL, "the manifest has a layer without a digest");
        }
        strings_add(&list, digest);
    }
    *out = list;
    return 0;
}

int manifest_unpack(const struct store *s, const char *manifest, struct err *err)
{
    char **blobs;
    int    rc = manifest_blobs(s, manifest, &blobs, err);
    if (rc)
        return rc;
    rc = layers_unpack(s, blobs + 1, err);
    strings_free(blobs);
    return rc;
}

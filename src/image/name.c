/* image/name.c - see name.h; OCI distribution specification, "Pulling manifests". */
/* SPDX-License-Identifier: Apache-2.0 */
#include "image/name.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"

static bool repository_ok(const char *text)
{
    if (!text[0] || strspn(text, LOWER "._-/") != strlen(text) || strstr(text, "..") ||
        strstr(text, "//") || text[0] == '/' || text[strlen(text) - 1] == '/')
        return false;
    return strchr(LOWER, text[0]);
}

static bool registry_ok(const char *text)
{
    static const char rest[] = LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:[]";
    return text[0] && text[0] != '.' && text[0] != '-' && strspn(text, rest) == strlen(text);
}

static bool tag_ok(const char *text)
{
    static const char rest[] = LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ_.-";
    size_t            len    = strlen(text);
    return len >= 1 && len <= 128 && strspn(text, rest) == len && text[0] != '.' && text[0] != '-';
}

static bool digest_text_ok(const char *text)
{
    return strncmp(text, "sha256:", 7) == 0 && strspn(text + 7, "0123456789abcdef") == 64 &&
           strlen(text) == 71;
}

static int take(struct image_name *n, const char *registry, const char *prefix,
                const char *repository, const char *reference)
{
    int a = snprintf(n->registry, sizeof(n->registry), "%s", registry);
    int b = snprintf(n->repository, sizeof(n->repository), "%s%s", prefix, repository);
    int c = snprintf(n->reference, sizeof(n->reference), "%s", reference);
    return (size_t)a < sizeof(n->registry) && (size_t)b < sizeof(n->repository) &&
                   (size_t)c < sizeof(n->reference)
               ? 0
               : -ENAMETOOLONG;
}

int image_name_parse(const char *text, struct image_name *out, struct err *err)
{
    struct image_name  n          = {0};
    cleanup_free char *copy       = xstrdup(text);
    char              *repository = copy, *reference = "latest", *slash;
    char              *at = strchr(copy, '@');
    if (at) {
        *at         = 0;
        reference   = at + 1;
        n.by_digest = true;
    }
    slash       = strrchr(copy, '/');
    char *colon = strrchr(slash ? slash : copy, ':');
    if (colon) {
        *colon = 0;
        if (!at)
            reference = colon + 1;
    }
    /* The first word is a registry when it looks like a host. */
    slash          = strchr(copy, '/');
    char *registry = "docker.io", *prefix = "";
    if (slash &&
        (memchr(copy, '.', (size_t)(slash - copy)) || memchr(copy, ':', (size_t)(slash - copy)) ||
         strncmp(copy, "localhost/", 10) == 0)) {
        *slash     = 0;
        registry   = copy;
        repository = slash + 1;
    } else if (!slash) {
        prefix = "library/";
    }
    if (!registry_ok(registry) || !repository_ok(repository) ||
        !(n.by_digest ? digest_text_ok(reference) : tag_ok(reference)) ||
        take(&n, registry, prefix, repository, reference))
        return err_set(err, EINVAL, "'%s' is not the name of an image", text);
    *out = n;
    return 0;
}

char *image_name_text(const struct image_name *n)
{
    return xasprintf("%s/%s%c%s", n->registry, n->repository, n->by_digest ? '@' : ':',
                     n->reference);
}

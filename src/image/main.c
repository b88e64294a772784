/* image/main.c - guise-image: what guise does with images that needs libraries for networks and
 * archives. guise calls it; its words are guise's own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "image/source.h"
#include "vm/spec.h"

/* VERB QUIET PLATFORM WORD... : "-" stands for what was not given. */
struct call {
    struct store    store;
    struct platform platform;
    bool            quiet;
    char          **words;
};

static int do_pull(struct call *c, struct err *err)
{
    struct image_name n;
    char              digest[DIGEST_TEXT];
    int               rc = image_name_parse(c->words[0], &n, err);
    if (!rc)
        rc = registry_pull(&c->store, &n, &c->platform, c->quiet, digest, err);
    if (rc)
        return rc;
    cleanup_free char *full = image_name_text(&n);
    rc                      = store_tag(&c->store, full, digest, err);
    if (!rc)
        puts(full);
    return rc;
}

static int do_load(struct call *c, struct err *err)
{
    char **names = NULL;
    int    rc    = layout_load(&c->store, c->words[0], c->words[1], &c->platform, &names, err);
    for (char **n = names; n && *n && !c->quiet; n++)
        puts(*n);
    strings_free(names);
    return rc;
}

static int do_collect(struct call *c, struct err *err)
{
    u64 bytes;
    return store_collect(&c->store, &bytes, err);
}

static const struct {
    const char *verb;
    int (*fn)(struct call *, struct err *);
} verbs[] = {{"pull", do_pull}, {"load", do_load}, {"collect", do_collect}};

static int call(char **argv, struct err *err)
{
    struct call c = {
        .platform = platform_host(), .quiet = strcmp(argv[2], "-") != 0, .words = argv + 4};
    int rc = strcmp(argv[3], "-") != 0 ? platform_parse(argv[3], &c.platform, err) : 0;
    if (!rc)
        rc = store_open(&c.store, err);
    for (unsigned i = 0; i < ARRAY_SIZE(verbs) && !rc; i++) {
        if (strcmp(verbs[i].verb, argv[1]) != 0)
            continue;
        rc = verbs[i].fn(&c, err);
        store_close(&c.store);
        return rc;
    }
    return rc ? rc : err_set(err, EINVAL, "there is no '%s'", argv[1]);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc < 4) {
        fprintf(stderr, "guise-image is called by guise: see 'guise help pull'\n");
        return 125;
    }
    if (call(argv, &err) == 0)
        return 0;
    fprintf(stderr, "guise: %s: %s\n", argv[1], err.text);
    return err.code == ENOENT ? 127 : 125;
}

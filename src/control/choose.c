/* control/choose.c - see choose.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "control/choose.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void join(char *text, size_t room, const char *word)
{
    size_t at = strlen(text);
    snprintf(text + at, room - at, "%s%s", at ? ", " : "", word);
}

const struct kind *kind_find(const struct kind *const *kinds, const char *name)
{
    for (; *kinds; kinds++)
        if (strcmp((*kinds)->name, name) == 0)
            return *kinds;
    return NULL;
}

unsigned choose_all(const struct kind *const *kinds, const struct spec *spec, struct choice *out)
{
    unsigned n = 0;
    for (; kinds[n] && n < CHOICES_MAX; n++) {
        struct choice c = {.kind = kinds[n]};
        c.kind->probe(spec, &c.probe);
        unsigned at = n;
        for (; at > 0 && out[at - 1].probe.score < c.probe.score; at--)
            out[at] = out[at - 1];
        out[at] = c;
    }
    return n;
}

static int check_kind(const struct kind *const *kinds, const char *name, struct err *err)
{
    char known[160] = "";
    if (!name || kind_find(kinds, name))
        return 0;
    for (; *kinds; kinds++)
        join(known, sizeof(known), (*kinds)->name);
    return err_set(err, EINVAL, "there is no kind '%s'; there is: %s", name, known);
}

int check_engine(const struct kind *kind, const char *name, struct err *err)
{
    char known[160] = "";
    if (!name)
        return 0;
    for (const char *const *e = kind->engines; e && *e; e++) {
        if (strcmp(*e, name) == 0)
            return 0;
        join(known, sizeof(known), *e);
    }
    return err_set(err, EINVAL, "kind '%s' has no engine '%s'; it has: %s", kind->name, name,
                   known[0] ? known : "none");
}

static int nobody(const struct spec *spec, const struct choice *best, struct err *err)
{
    if (access(spec->workload, F_OK) < 0)
        return err_errno(err, ENOENT, "%s", spec->workload);
    return err_set(err, ENOEXEC, "%s: nothing here can run it%s%s", spec->workload,
                   best && best->probe.why[0] ? ": " : "", best ? best->probe.why : "");
}

int choose(const struct kind *const *kinds, const struct spec *spec, struct choice *out,
           struct err *err)
{
    struct choice        all[CHOICES_MAX];
    const struct choice *best = NULL;
    int                  rc   = check_kind(kinds, spec->kind, err);
    if (rc)
        return rc;
    unsigned n = choose_all(kinds, spec, all);
    for (unsigned i = 0; i < n && !best; i++)
        if (!spec->kind || strcmp(all[i].kind->name, spec->kind) == 0)
            best = &all[i];
    if (!best || best->probe.score <= 0)
        return nobody(spec, best, err);
    rc = check_engine(best->kind, spec->engine, err);
    if (!rc)
        *out = *best;
    return rc;
}

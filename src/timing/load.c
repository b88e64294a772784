/* timing/load.c - see load.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "timing/load.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"

enum { SECTOR = 512 };

static const struct pattern {
    const char *name;
    bool        random;
    unsigned    writes; /* of 100 */
} patterns[] = {
    {"read", false, 0},       {"write", false, 100}, {"randread", true, 0},
    {"randwrite", true, 100}, {"randrw", true, 30},
};

static int check(const struct load *l, const struct storage *s, const struct pattern **out,
                 struct err *err)
{
    for (unsigned i = 0; i < ARRAY_SIZE(patterns); i++)
        if (!strcmp(patterns[i].name, l->pattern))
            *out = &patterns[i];
    if (!*out)
        return err_set(err, EINVAL, "pattern '%s': read, write, randread, randwrite or randrw",
                       l->pattern);
    if (!l->size || l->size % SECTOR || l->size > storage_bytes(s))
        return err_set(err, EINVAL, "a request of %llu bytes: a multiple of %u that the drive has",
                       (unsigned long long)l->size, SECTOR);
    if (!l->count || !l->depth || l->depth > LOAD_DEPTH_MAX)
        return err_set(err, EINVAL, "at least one request, and 1 to %u at a time", LOAD_DEPTH_MAX);
    return 0;
}

/* The place whose request is done first. */
static unsigned first_done(const u64 *done, unsigned depth)
{
    unsigned best = 0;
    for (unsigned i = 1; i < depth; i++)
        if (done[i] < done[best])
            best = i;
    return best;
}

int load_run(struct storage *s, const struct load *l, struct load_result *out, struct err *err)
{
    const struct pattern *p  = NULL;
    int                   rc = check(l, s, &p, err);
    if (rc)
        return rc;
    cleanup_free u64 *done   = xalloc(l->depth * sizeof(u64));
    u64               places = storage_bytes(s) / l->size, seed = l->seed, sum = 0, end = 0;
    *out = (struct load_result){.requests = l->count, .bytes = l->count * l->size};
    storage_forget(s);
    for (u64 i = 0; i < l->count; i++) {
        u64      *at    = &done[first_done(done, l->depth)];
        u64       place = p->random ? random_next(&seed) % places : i % places;
        bool      write = p->writes && (p->writes == 100 || random_next(&seed) % 100 < p->writes);
        const u64 since = *at;
        *at =
            storage_until(s, write ? STORAGE_WRITE : STORAGE_READ, place * l->size, l->size, since);
        sum += *at - since;
        end = MAX(end, *at);
    }
    out->seconds       = (double)end / 1e9;
    out->service       = *storage_service(s);
    out->mean_ms       = (double)sum / (double)l->count / 1e6;
    out->amplification = storage_amplification(s);
    return 0;
}

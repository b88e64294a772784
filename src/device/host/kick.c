/* device/host/kick.c - see kick.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/host/kick.h"

#include <stdatomic.h>

#include "base/alloc.h"

struct kick {
    struct loop *loop;
    post_fn     *fn;
    void        *ctx;
    atomic_bool  posted;
    bool         dead; /* loop thread: freed by the call that is on its way */
};

struct kick *kick_create(struct loop *loop, post_fn *fn, void *ctx)
{
    struct kick *k = xnew(struct kick);
    k->loop        = loop;
    k->fn          = fn;
    k->ctx         = ctx;
    return k;
}

static void arrived(void *ctx)
{
    struct kick *k = ctx;
    atomic_store(&k->posted, false);
    if (k->dead)
        free(k);
    else
        k->fn(k->ctx);
}

void kick(struct kick *k)
{
    if (!atomic_exchange(&k->posted, true))
        loop_post(k->loop, arrived, k);
}

void kick_destroy(struct kick *k)
{
    if (!k)
        return;
    k->dead = true;
    if (!atomic_load(&k->posted))
        free(k);
}

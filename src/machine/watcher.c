/* machine/watcher.c - reads along what the guest prints, for a kernel's last words.
 *
 * A kernel that panics stops or resets; either way nothing tells the board why. What it prints
 * does: the line is kept as the reason, and when the machine has not ended a while later, it is
 * ended. Output comes from any thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "machine/state.h"
#include "vm/clock.h"

enum { PATIENCE_S = 2, LINE = 160 };

struct watcher {
    struct machine *m;
    pthread_mutex_t lock; /* guards the following */
    char            line[LINE];
    size_t          len;
    char            words[LINE]; /* "": no panic yet */
    struct timer    timer;
};

static void give_up(void *ctx)
{
    struct watcher *w = ctx;
    instance_exited(&w->m->instance, 1, w->words);
}

struct watcher *watcher_create(struct machine *m)
{
    struct watcher *w = xnew(struct watcher);
    w->m              = m;
    w->timer          = (struct timer){.fire = give_up, .ctx = w};
    pthread_mutex_init(&w->lock, NULL);
    return w;
}

void watcher_destroy(struct watcher *w)
{
    if (!w)
        return;
    clock_disarm(w->m->instance.clock, &w->timer);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void line_ended(struct watcher *w)
{
    static const char sign[] = "Kernel panic - not syncing";
    w->line[w->len]          = 0;
    w->len                   = 0;
    stopper_saw(w->m, w->line);
    const char *at = strstr(w->line, sign);
    if (!at || w->words[0])
        return;
    snprintf(w->words, sizeof(w->words), "kernel panic%s", at + sizeof(sign) - 1);
    struct clock *clock = w->m->instance.clock;
    clock_arm(clock, &w->timer, clock_now(clock) + PATIENCE_S * 1000000000ull);
}

void watcher_saw(void *ctx, const void *data, size_t len)
{
    struct watcher *w = ctx;
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < len; i++) {
        char c = ((const char *)data)[i];
        if (c == '\n')
            line_ended(w);
        else if (w->len < LINE - 1 && c != '\r')
            w->line[w->len++] = c;
    }
    pthread_mutex_unlock(&w->lock);
}

bool watcher_panicked(struct watcher *w, char words[LINE])
{
    pthread_mutex_lock(&w->lock);
    snprintf(words, LINE, "%s", w->words);
    pthread_mutex_unlock(&w->lock);
    return words[0] != 0;
}

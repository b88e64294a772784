/* machine/stopper.c - asks a running kernel to end in good order.
 *
 * The board has no power button that Debian's kernel would know without modules. What it does
 * know is the SysRq key (Linux, admin-guide/sysrq.rst): a break on the serial console, or Ctrl-O
 * on a virtio console, and then a letter. Its letters write out, close and power off; each
 * works beside the kernel's other work, so the next one waits until the kernel has said that it
 * is done, or for a while when it says nothing. Who does not listen cannot be asked. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "device/uart.h"
#include "machine/state.h"
#include "vm/clock.h"

#define MS 1000000ull
enum { SILENCE_MS = 2000, AGAIN_MS = 20, CTRL_O = 0x0f };

static const struct step {
    u8          letter;
    const char *done; /* what the kernel prints at last */
} steps[] = {
    {'s', "Emergency Sync complete"},
    {'u', "Emergency Remount complete"},
    {'o', NULL},
};

struct stopper {
    struct machine *m;
    struct timer    timer;
    pthread_mutex_t lock;  /* guards the following */
    unsigned        next;  /* the step to be done; 0: not asked */
    bool            waits; /* for the words of the step before */
};

/* Both ways are tried: the kernel's console may be on either. */
static int press(struct machine *m, u8 letter)
{
    u8  keys[] = {CTRL_O, letter};
    int rc     = uart_break(m->uart, letter);
    if (rc == -EAGAIN || !has_virtio_console(m))
        return rc;
    return console_input(m->instance.console, keys, 2) == 2 || !rc ? 0 : -EAGAIN;
}

/* The next step; on the loop thread. */
static int go_on(struct stopper *s)
{
    struct clock *clock = s->m->instance.clock;
    u64           ms    = AGAIN_MS;
    pthread_mutex_lock(&s->lock);
    unsigned step = s->next;
    s->waits      = false;
    pthread_mutex_unlock(&s->lock);
    if (step == ARRAY_SIZE(steps))
        return 0;
    int rc = press(s->m, steps[step].letter);
    if (rc && rc != -EAGAIN)
        return rc;
    if (!rc) {
        pthread_mutex_lock(&s->lock);
        s->next++;
        s->waits = true;
        pthread_mutex_unlock(&s->lock);
        ms = SILENCE_MS;
    }
    clock_arm(clock, &s->timer, clock_now(clock) + ms * MS);
    return 0;
}

static void on_timer(void *ctx)
{
    go_on(ctx);
}

struct stopper *stopper_create(struct machine *m)
{
    struct stopper *s = xnew(struct stopper);
    s->m              = m;
    s->timer          = (struct timer){.fire = on_timer, .ctx = s};
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void stopper_destroy(struct stopper *s)
{
    if (!s)
        return;
    clock_disarm(s->m->instance.clock, &s->timer);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int stopper_ask(struct stopper *s, struct err *err)
{
    pthread_mutex_lock(&s->lock);
    s->next = 0;
    pthread_mutex_unlock(&s->lock);
    int rc = go_on(s);
    return rc == -ENOTCONN ? err_set(err, ENOTSUP, "the guest does not listen to its console") : rc;
}

void stopper_saw(struct machine *m, const char *line)
{
    struct stopper *s = m->stopper;
    pthread_mutex_lock(&s->lock);
    const char *sign = s->waits ? steps[s->next - 1].done : NULL;
    bool        done = sign && strstr(line, sign);
    s->waits         = s->waits && !done;
    pthread_mutex_unlock(&s->lock);
    if (done)
        clock_arm(m->instance.clock, &s->timer, clock_now(m->instance.clock));
}

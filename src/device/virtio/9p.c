/* device/virtio/9p.c - a shared folder (9P over virtio: device 9, whose one queue carries a
 * request and its answer; virtio 1.2 reserves it, Linux's trans_virtio.c is the other side).
 *
 * A thread of its own answers, one message after the other, so no vCPU waits for the host's
 * files. It touches rings and guest memory only with the lock held, and not after a reset. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "device/host/share.h"
#include "device/virtio/devices.h"

#define P9_F_MOUNT_TAG (1ull << 0)

enum { TAG_MAX = 255 };

struct p9_config {
    u16  tag_len;
    char tag[TAG_MAX];
} __attribute__((packed));

struct p9 {
    struct virtio      dev;
    struct share      *share; /* the thread's; others only while it is idle */
    struct p9_config   config;
    struct virtq_chain chain;
    u8                *request, *reply; /* SHARE_MSIZE_MAX bytes each */

    pthread_t      thread; /* the following under the device's lock */
    pthread_cond_t work, idle;
    bool           woken, busy, quit, forget;
};

static struct p9 *to_p9(struct virtio *dev)
{
    return container_of(dev, struct p9, dev);
}

/* Lock held on entry and exit, but not while the share works. */
static void answer_one(struct p9 *p)
{
    u32 len  = (u32)virtq_read(&p->chain, 0, p->request, SHARE_MSIZE_MAX);
    u32 room = (u32)MIN(p->chain.in_len, (u64)SHARE_MSIZE_MAX);
    virtio_unlock(&p->dev);
    u32 got = share_answer(p->share, p->request, len, p->reply, room);
    virtio_lock(&p->dev);
    if (p->chain.life != p->dev.life)
        return;
    if (got == 0) {
        virtio_broken(&p->dev);
        return;
    }
    virtq_write(&p->chain, 0, p->reply, got);
    virtq_push(&p->dev.queues[0], &p->chain, got);
    virtq_tell(&p->dev.queues[0]);
}

static void *p9_main(void *ctx)
{
    struct p9 *p = ctx;
    virtio_lock(&p->dev);
    while (!p->quit) {
        if (p->forget)
            share_reset(p->share);
        p->forget = false;
        p->woken  = false;
        while (!p->quit && !p->forget && virtq_pop(&p->dev.queues[0], &p->chain))
            answer_one(p);
        if (p->woken || p->quit || p->forget)
            continue;
        p->busy = false;
        pthread_cond_broadcast(&p->idle);
        pthread_cond_wait(&p->work, &p->dev.lock);
    }
    p->busy = false;
    pthread_cond_broadcast(&p->idle);
    virtio_unlock(&p->dev);
    return NULL;
}

static void wake(struct p9 *p)
{
    p->woken = p->busy = true;
    pthread_cond_signal(&p->work);
}

static void p9_notify(struct virtio *dev, unsigned queue)
{
    (void)queue;
    wake(to_p9(dev));
}

static void p9_reset(struct virtio *dev)
{
    to_p9(dev)->forget = true;
    wake(to_p9(dev));
}

static void p9_drain(struct virtio *dev)
{
    struct p9 *p = to_p9(dev);
    virtio_lock(dev);
    while (p->busy)
        pthread_cond_wait(&p->idle, &dev->lock);
    virtio_unlock(dev);
}

static void p9_save(struct virtio *dev, struct snap *snap)
{
    share_save(to_p9(dev)->share, snap);
}

static int p9_load(struct virtio *dev, struct snap *snap, struct err *err)
{
    struct p9 *p = to_p9(dev);
    while (p->busy) /* lock held, which waiting gives up */
        pthread_cond_wait(&p->idle, &dev->lock);
    return share_load(p->share, snap, err);
}

static void p9_free(struct p9 *p)
{
    share_close(p->share);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->idle);
    virtio_done(&p->dev);
    free(p->request);
    free(p->reply);
    free(p);
}

static void p9_destroy(struct virtio *dev)
{
    struct p9 *p = to_p9(dev);
    virtio_lock(dev);
    p->quit = true;
    pthread_cond_signal(&p->work);
    virtio_unlock(dev);
    pthread_join(p->thread, NULL);
    p9_free(p);
}

static const struct virtio_ops ops = {
    .name       = "virtio-9p",
    .id         = VIRTIO_ID_9P,
    .n_queues   = 1,
    .queue_size = 128,
    .pci_class  = 0x000200,
    .notify     = p9_notify,
    .reset      = p9_reset,
    .drain      = p9_drain,
    .destroy    = p9_destroy,
    .save       = p9_save,
    .load       = p9_load,
};

static int start_thread(struct p9 *p)
{
    sigset_t all, old; /* signals are the loop thread's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&p->thread, NULL, p9_main, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

int virtio_9p_create(struct virtio **out, struct ram *ram, const char *tag, const char *dir,
                     bool read_only, struct err *err)
{
    size_t        len = strlen(tag);
    struct share *share;
    if (len == 0 || len > TAG_MAX)
        return err_set(err, EINVAL, "the mount tag '%.40s' is too long or empty", tag);
    int rc = share_open(&share, dir, read_only, err);
    if (rc)
        return rc;
    struct p9 *p      = xnew(struct p9);
    p->share          = share;
    p->config.tag_len = (u16)len;
    p->request        = xalloc(SHARE_MSIZE_MAX);
    p->reply          = xalloc(SHARE_MSIZE_MAX);
    memcpy(p->config.tag, tag, len);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->idle, NULL);
    virtio_init(&p->dev, &ops, ram, P9_F_MOUNT_TAG, &p->config, (u32)(2 + len));
    p->busy = true; /* until the thread has looked */
    rc      = start_thread(p);
    if (rc) {
        p9_free(p);
        return err_errno(err, rc, "share '%s': start a thread", dir);
    }
    *out = &p->dev;
    return 0;
}

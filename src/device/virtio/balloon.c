/* device/virtio/balloon.c - memory balloon (virtio 1.2, 5.5): the guest hands back pages, and
 * tells of its memory.
 *
 * The host's bytes of pages in the balloon are given up at once (ram_discard); taking them back
 * needs nothing. Free pages that are reported are given up likewise: the guest may use them
 * again without a word. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "device/virtio/devices.h"

#define BALLOON_F_STATS_VQ       (1ull << 1)
#define BALLOON_F_DEFLATE_ON_OOM (1ull << 2)
#define BALLOON_F_REPORTING      (1ull << 5)

enum { PAGE = 4096, PFNS_MAX = 1024, STATS_MAX = 16 };

/* The queues' numbers depend on what was negotiated: those of features not taken are left out. */
enum { INFLATE, DEFLATE, STATS };

struct balloon_config { /* 5.5.4 */
    u32 num_pages, actual;
};

struct stat_entry { /* 5.5.6.3 */
    u16 tag;
    u64 val;
} __attribute__((packed));

struct balloon {
    struct virtio         dev;
    struct balloon_config config;
    struct balloon_stats  stats;
    struct virtq_chain    chain;
};

static struct balloon *to_balloon(struct virtio *dev)
{
    return container_of(dev, struct balloon, dev);
}

static void inflate(struct balloon *b)
{
    struct virtqueue *q = &b->dev.queues[INFLATE];
    u32               pfn[PFNS_MAX];
    while (virtq_pop(q, &b->chain)) {
        size_t n = virtq_read(&b->chain, 0, pfn, sizeof(pfn)) / sizeof(*pfn);
        for (size_t i = 0, run; i < n; i += run) { /* neighbours in one call */
            for (run = 1; i + run < n && pfn[i + run] == pfn[i] + run;)
                run++;
            ram_discard(b->dev.ram, (u64)pfn[i] * PAGE, run * PAGE);
        }
        virtq_push(q, &b->chain, 0);
    }
    virtq_tell(q);
}

static void deflate(struct balloon *b)
{
    struct virtqueue *q = &b->dev.queues[DEFLATE];
    while (virtq_pop(q, &b->chain))
        virtq_push(q, &b->chain, 0);
    virtq_tell(q);
}

static void note(struct balloon_stats *s, const struct stat_entry *e)
{
    u64 *const rows[] = {NULL,     NULL,      &s->major_faults, &s->minor_faults,
                         &s->free, &s->total, &s->available};
    if (e->tag < ARRAY_SIZE(rows) && rows[e->tag])
        *rows[e->tag] = e->val;
}

/* The buffer is read, and stays with us until we want to know again (5.5.6.3). */
static void read_stats(struct balloon *b)
{
    struct virtqueue *q    = &b->dev.queues[STATS];
    struct virtq_mark mark = virtq_here(q);
    struct stat_entry entries[STATS_MAX];
    if (!virtq_pop(q, &b->chain))
        return;
    size_t n = virtq_read(&b->chain, 0, entries, sizeof(entries)) / sizeof(*entries);
    for (size_t i = 0; i < n; i++)
        note(&b->stats, &entries[i]);
    virtq_back(q, mark);
}

static void report(struct balloon *b, unsigned queue)
{
    struct virtqueue *q = &b->dev.queues[queue];
    while (virtq_pop(q, &b->chain)) {
        for (unsigned i = b->chain.n_out; i < (unsigned)b->chain.n_out + b->chain.n_in; i++)
            ram_discard(b->dev.ram, b->chain.addr[i], b->chain.iov[i].iov_len);
        virtq_push(q, &b->chain, 0);
    }
    virtq_tell(q);
}

static void balloon_notify(struct virtio *dev, unsigned queue)
{
    struct balloon *b     = to_balloon(dev);
    bool            stats = virtio_has(dev, BALLOON_F_STATS_VQ);
    if (queue == INFLATE)
        inflate(b);
    else if (queue == DEFLATE)
        deflate(b);
    else if (queue == STATS && stats)
        read_stats(b);
    else
        report(b, queue);
}

static void balloon_config_write(struct virtio *dev, u32 off, const void *src, u32 len)
{
    struct balloon *b = to_balloon(dev);
    if (off == offsetof(struct balloon_config, actual) && len == sizeof(b->config.actual))
        memcpy(&b->config.actual, src, len);
}

static void balloon_reset(struct virtio *dev)
{
    to_balloon(dev)->config.actual = 0;
    memset(&to_balloon(dev)->stats, 0xff, sizeof(struct balloon_stats));
}

static void balloon_destroy(struct virtio *dev)
{
    virtio_done(dev);
    free(to_balloon(dev));
}

/* What the driver told last, to be told again. Lock held. */
static void tell(struct balloon *b, struct balloon_stats *out)
{
    struct virtqueue *q = &b->dev.queues[STATS];
    *out                = b->stats;
    out->actual         = (u64)b->config.actual * PAGE;
    if (virtio_has(&b->dev, BALLOON_F_STATS_VQ) && virtq_pop(q, &b->chain)) {
        virtq_push(q, &b->chain, 0);
        virtq_tell(q);
    }
}

/* The first figures that a driver tells are those of its start: ask twice for newer ones. */
static void balloon_stats(struct virtio *dev, const char *name, struct stats *stats)
{
    struct balloon_stats s;
    tell(to_balloon(dev), &s);
    const struct {
        const char *name, *unit;
        u64         value;
    } rows[] = {{"inflated", "bytes", s.actual},
                {"guest_free", "bytes", s.free},
                {"guest_total", "bytes", s.total},
                {"guest_available", "bytes", s.available},
                {"guest_major_faults", "", s.major_faults},
                {"guest_minor_faults", "", s.minor_faults}};
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].value != ~0ull)
            stats_add(stats, rows[i].value, rows[i].unit, "%s.%s", name, rows[i].name);
}

static const struct field fields[] = {FIELD(struct balloon, config), FIELD(struct balloon, stats),
                                      FIELDS_END};

static const struct virtio_ops ops = {
    .name         = "virtio-balloon",
    .id           = VIRTIO_ID_BALLOON,
    .n_queues     = 4,
    .queue_size   = 128,
    .pci_class    = 0x00ff00,
    .notify       = balloon_notify,
    .config_write = balloon_config_write,
    .reset        = balloon_reset,
    .destroy      = balloon_destroy,
    .stats        = balloon_stats,
    .fields       = fields,
};

int virtio_balloon_create(struct virtio **out, struct ram *ram, struct err *err)
{
    struct balloon *b = xnew(struct balloon);
    (void)err;
    memset(&b->stats, 0xff, sizeof(b->stats));
    virtio_init(&b->dev, &ops, ram,
                BALLOON_F_STATS_VQ | BALLOON_F_DEFLATE_ON_OOM | BALLOON_F_REPORTING, &b->config,
                sizeof(b->config));
    *out = &b->dev;
    return 0;
}

void virtio_balloon_set(struct virtio *dev, u64 bytes)
{
    virtio_lock(dev);
    to_balloon(dev)->config.num_pages = (u32)MIN(bytes / PAGE, (u64)UINT32_MAX);
    virtio_config_changed(dev);
    virtio_unlock(dev);
}

void virtio_balloon_stats(struct virtio *dev, struct balloon_stats *out)
{
    virtio_lock(dev);
    tell(to_balloon(dev), out);
    virtio_unlock(dev);
}

/* device/virtio/blk.c - block device (virtio 1.2, 5.2) over device/host/disk.h.
 *
 * notify (a vCPU's thread) checks requests and submits them; answers come on the loop thread.
 * After a reset nothing of an earlier life touches guest memory: reset waits for the disk's
 * thread, and answers to forgotten requests only free them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "device/host/disk.h"
#include "device/virtio/devices.h"

#define BLK_F_SEG_MAX      (1ull << 2)
#define BLK_F_RO           (1ull << 5)
#define BLK_F_BLK_SIZE     (1ull << 6)
#define BLK_F_FLUSH        (1ull << 9)
#define BLK_F_DISCARD      (1ull << 13)
#define BLK_F_WRITE_ZEROES (1ull << 14)

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };
enum { SECTOR = 512, ID_BYTES = 20, HEADER_BYTES = 16, QUEUE_SIZE = 256, UNMAP = 1 };
enum { RANGE_SECTORS_MAX = 1 << 22 };

struct blk_config { /* 5.2.4 */
    u64 capacity;
    u32 size_max, seg_max;
    u16 cylinders;
    u8  heads, sectors;
    u32 blk_size;
    u8  physical_block_exp, alignment_offset;
    u16 min_io_size;
    u32 opt_io_size;
    u8  writeback, unused0;
    u16 num_queues;
    u32 max_discard_sectors, max_discard_seg, discard_sector_alignment;
    u32 max_write_zeroes_sectors, max_write_zeroes_seg;
    u8  write_zeroes_may_unmap, unused1[3];
} __attribute__((packed));

struct blk_range { /* 5.2.6: of discard and write zeroes */
    u64 sector;
    u32 sectors, flags;
};

struct blk {
    struct virtio     dev;
    struct disk      *disk;
    struct blk_config config;
    u8                serial[ID_BYTES];
    struct request   *spare; /* under the device's lock */
};

struct request {
    struct blk         *blk;
    struct request     *next;
    struct disk_request io;
    struct virtq_chain  chain;
    struct iovec        data[VIRTQ_SIZE_MAX];
};

static struct request *take(struct blk *b)
{
    struct request *r = b->spare;
    if (r)
        b->spare = r->next;
    else
        r = xnew(struct request);
    r->blk = b;
    return r;
}

static void give_back(struct blk *b, struct request *r)
{
    r->next  = b->spare;
    b->spare = r;
}

/* Lock held. The status is the chain's last byte. */
static void answer(struct blk *b, struct request *r, u8 status, u64 data_bytes)
{
    virtq_write(&r->chain, r->chain.in_len - 1, &status, 1);
    virtq_push(&b->dev.queues[0], &r->chain, (u32)data_bytes + 1);
    give_back(b, r);
}

static void io_done(struct disk_request *io, int result)
{
    struct request *r = container_of(io, struct request, io);
    struct blk     *b = r->blk;
    virtio_lock(&b->dev);
    if (r->chain.life != b->dev.life) {
        give_back(b, r);
    } else {
        u64 bytes = io->op == DISK_READ && !result ? r->chain.in_len - 1 : 0;
        answer(b, r, result ? S_IOERR : S_OK, bytes);
        virtq_tell(&b->dev.queues[0]);
    }
    virtio_unlock(&b->dev);
}

static bool in_disk(const struct blk *b, u64 sector, u64 bytes)
{
    u64 sectors = b->config.capacity;
    return bytes % SECTOR == 0 && sector <= sectors && bytes / SECTOR <= sectors - sector;
}

static int submit(struct blk *b, struct request *r, enum disk_op op, u64 sector)
{
    r->io.op   = op;
    r->io.off  = sector * SECTOR;
    r->io.iov  = r->data;
    r->io.done = io_done;
    disk_submit(b->disk, &r->io);
    return -1; /* the answer comes later */
}

/* Each returns a status, or -1 when the answer comes later. */
static int do_read(struct blk *b, struct request *r, u64 sector)
{
    u64 bytes = r->chain.in_len - 1;
    if (!in_disk(b, sector, bytes))
        return S_IOERR;
    r->io.n_iov = iov_slice(r->data, virtq_in(&r->chain), r->chain.n_in, 0, bytes);
    return submit(b, r, DISK_READ, sector);
}

static int do_write(struct blk *b, struct request *r, u64 sector)
{
    u64 bytes = r->chain.out_len - HEADER_BYTES;
    if (!in_disk(b, sector, bytes) || disk_read_only(b->disk))
        return S_IOERR;
    r->io.n_iov = iov_slice(r->data, virtq_out(&r->chain), r->chain.n_out, HEADER_BYTES, bytes);
    return submit(b, r, DISK_WRITE, sector);
}

static int do_flush(struct blk *b, struct request *r, u64 sector)
{
    (void)sector;
    r->io.n_iov = 0;
    return submit(b, r, DISK_FLUSH, 0);
}

static int do_get_id(struct blk *b, struct request *r, u64 sector)
{
    (void)sector;
    virtq_write(&r->chain, 0, b->serial, MIN(r->chain.in_len - 1, (u64)ID_BYTES));
    return S_OK;
}

static int do_range(struct blk *b, struct request *r, enum disk_op op)
{
    struct blk_range range;
    if (r->chain.out_len - HEADER_BYTES != sizeof(range)) /* max_*_seg is 1 */
        return S_UNSUPP;
    virtq_read(&r->chain, HEADER_BYTES, &range, sizeof(range));
    if (range.flags & ~(u32)(op == DISK_ZERO ? UNMAP : 0))
        return S_UNSUPP; /* 5.2.6.2 */
    if (!in_disk(b, range.sector, (u64)range.sectors * SECTOR) || disk_read_only(b->disk) ||
        range.sectors > RANGE_SECTORS_MAX)
        return S_IOERR;
    r->io.n_iov     = 0;
    r->io.len       = (u64)range.sectors * SECTOR;
    r->io.may_unmap = range.flags & UNMAP;
    return submit(b, r, op, range.sector);
}

static int do_discard(struct blk *b, struct request *r, u64 sector)
{
    (void)sector;
    return do_range(b, r, DISK_DISCARD);
}

static int do_write_zeroes(struct blk *b, struct request *r, u64 sector)
{
    (void)sector;
    return do_range(b, r, DISK_ZERO);
}

static int (*const doers[])(struct blk *, struct request *, u64 sector) = {
    [T_IN] = do_read,       [T_OUT] = do_write,       [T_FLUSH] = do_flush,
    [T_GET_ID] = do_get_id, [T_DISCARD] = do_discard, [T_WRITE_ZEROES] = do_write_zeroes,
};

/* False: it has no room for a header and a status. */
static bool begin(struct blk *b, struct request *r)
{
    struct {
        u32 type, reserved;
        u64 sector;
    } header;
    _Static_assert(sizeof(header) == HEADER_BYTES, "5.2.6");
    if (r->chain.in_len < 1 || virtq_read(&r->chain, 0, &header, sizeof(header)) < sizeof(header))
        return false;
    int status = S_UNSUPP;
    if (header.type < ARRAY_SIZE(doers) && doers[header.type])
        status = doers[header.type](b, r, header.sector);
    if (status >= 0)
        answer(b, r, (u8)status, header.type == T_GET_ID ? r->chain.in_len - 1 : 0);
    return true;
}

static void blk_notify(struct virtio *dev, unsigned queue)
{
    struct blk       *b = container_of(dev, struct blk, dev);
    struct virtqueue *q = &dev->queues[queue];
    for (;;) {
        struct request *r = take(b);
        if (!virtq_pop(q, &r->chain)) {
            give_back(b, r);
            break;
        }
        if (!begin(b, r)) {
            give_back(b, r);
            virtio_broken(dev);
        }
    }
    virtq_tell(q);
}

static void blk_reset(struct virtio *dev)
{
    disk_quiesce(container_of(dev, struct blk, dev)->disk);
}

static void blk_drain(struct virtio *dev)
{
    disk_drain(container_of(dev, struct blk, dev)->disk);
}

static void blk_destroy(struct virtio *dev)
{
    struct blk *b = container_of(dev, struct blk, dev);
    disk_drain(b->disk); /* so that every request is back */
    disk_close(b->disk);
    for (struct request *r; (r = b->spare);) {
        b->spare = r->next;
        free(r);
    }
    virtio_done(dev);
    free(b);
}

static void blk_stats(struct virtio *dev, const char *name, struct stats *stats)
{
    disk_stats(container_of(dev, struct blk, dev)->disk, name, stats);
}

static const struct virtio_ops ops = {
    .name       = "virtio-blk",
    .id         = VIRTIO_ID_BLOCK,
    .n_queues   = 1,
    .queue_size = QUEUE_SIZE,
    .pci_class  = 0x010000,
    .notify     = blk_notify,
    .reset      = blk_reset,
    .drain      = blk_drain,
    .destroy    = blk_destroy,
    .stats      = blk_stats,
};

int virtio_blk_create(struct virtio **out, struct ram *ram, struct disk *disk, const char *serial,
                      struct err *err)
{
    struct blk *b = xnew(struct blk);
    (void)err;
    u32 cluster = MAX(disk_cluster_bytes(disk), (u32)SECTOR);
    b->disk     = disk;
    b->config   = (struct blk_config){
          .capacity                 = disk_bytes(disk) / SECTOR,
          .seg_max                  = QUEUE_SIZE - 2,
          .blk_size                 = SECTOR,
          .num_queues               = 1,
          .max_discard_sectors      = RANGE_SECTORS_MAX,
          .max_discard_seg          = 1,
          .discard_sector_alignment = cluster / SECTOR,
          .max_write_zeroes_sectors = RANGE_SECTORS_MAX,
          .max_write_zeroes_seg     = 1,
          .write_zeroes_may_unmap   = 1,
    };
    if (serial)
        memcpy(b->serial, serial, strnlen(serial, ID_BYTES));
    u64 features = BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH;
    features |= disk_read_only(disk) ? BLK_F_RO : BLK_F_DISCARD | BLK_F_WRITE_ZEROES;
    virtio_init(&b->dev, &ops, ram, features, &b->config, sizeof(b->config));
    *out = &b->dev;
    return 0;
}

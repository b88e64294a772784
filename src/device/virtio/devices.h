/* device/virtio/devices.h - the virtio devices, each made by one call and given to a transport.
 *
 * What a device works over (a disk, a network, a folder) belongs to it from its creation on,
 * unless said otherwise; on failure it stays the caller's. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_VIRTIO_DEVICES_H
#define DEVICE_VIRTIO_DEVICES_H

#include "base/loop.h"
#include "device/virtio/virtio.h"

struct disk;    /* device/host/disk.h */
struct netdev;  /* device/host/net.h */
struct console; /* vm/console.h */

int virtio_rng_create(struct virtio **out, struct ram *, struct err *err);

/* SERIAL: up to 20 bytes that the guest can ask for; NULL: none. */
int virtio_blk_create(struct virtio **out, struct ram *, struct disk *, const char *serial,
                      struct err *err);

/* LISTEN: takes over the console's input. The console stays the caller's. */
int virtio_console_create(struct virtio **out, struct ram *, struct console *, bool listen,
                          struct err *err);

/* MAC: six bytes. */
int virtio_net_create(struct virtio **out, struct ram *, struct netdev *, struct loop *,
                      const u8 *mac, struct err *err);

int  virtio_balloon_create(struct virtio **out, struct ram *, struct err *err);
void virtio_balloon_set(struct virtio *, u64 bytes); /* wants the guest to hand back so much */
struct balloon_stats {                               /* ~0: not told */
    u64 actual, free, total, available, major_faults, minor_faults;
};
/* What the driver told last; asks it to tell again. Any thread. */
void virtio_balloon_stats(struct virtio *, struct balloon_stats *out);

/* Shares the folder DIR of the host under the mount tag TAG. */
int virtio_9p_create(struct virtio **out, struct ram *, const char *tag, const char *dir,
                     bool read_only, struct err *err);

/* The guest's address is CID (3 or more). Host programs connect to DIR/vsock.sock and say
 * "CONNECT PORT\n"; the guest's connections to port N of the host go to DIR/vsock_N.sock. */
int virtio_vsock_create(struct virtio **out, struct ram *, struct loop *, u64 cid, const char *dir,
                        struct err *err);

#endif

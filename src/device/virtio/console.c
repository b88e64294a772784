/* device/virtio/console.c - a console with one port (virtio 1.2, 5.3) over vm/console.h.
 *
 * Output is written while the driver notifies. Input is taken on the loop thread, only as much
 * as the driver has room for; a notification of the receive queue asks for the rest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "device/virtio/devices.h"
#include "vm/console.h"

#define CONSOLE_F_SIZE        (1ull << 0)
#define CONSOLE_F_EMERG_WRITE (1ull << 2)

enum { RECEIVE, TRANSMIT };

struct console_config { /* 5.3.4 */
    u16 columns, rows;
    u32 max_ports, emergency;
};

struct vcon {
    struct virtio         dev;
    struct console       *console;
    struct console_config config;
    bool                  listens;
    struct virtq_chain    in, out;
};

static void transmit(struct vcon *v)
{
    struct virtqueue *q = &v->dev.queues[TRANSMIT];
    while (virtq_pop(q, &v->out)) {
        for (unsigned i = 0; i < v->out.n_out; i++)
            console_write(v->console, v->out.iov[i].iov_base, v->out.iov[i].iov_len);
        virtq_push(q, &v->out, 0);
    }
    virtq_tell(q);
}

static void vcon_notify(struct virtio *dev, unsigned queue)
{
    struct vcon *v = container_of(dev, struct vcon, dev);
    if (queue == TRANSMIT)
        transmit(v);
    else if (v->listens)
        console_ready(v->console);
}

static void vcon_start(struct virtio *dev)
{
    struct vcon *v = container_of(dev, struct vcon, dev);
    if (v->listens)
        console_ready(v->console);
}

static size_t input(void *ctx, const u8 *data, size_t len)
{
    struct vcon      *v    = ctx;
    struct virtqueue *q    = &v->dev.queues[RECEIVE];
    size_t            done = 0;
    virtio_lock(&v->dev);
    while (done < len && virtq_pop(q, &v->in)) {
        size_t n = virtq_write(&v->in, 0, data + done, len - done);
        if (n == 0)
            virtio_broken(&v->dev); /* a buffer for nothing: we would go round for ever */
        virtq_push(q, &v->in, (u32)n);
        done += n;
    }
    if (done)
        virtq_tell(q);
    virtio_unlock(&v->dev);
    return done;
}

static void resize(void *ctx, unsigned columns, unsigned rows)
{
    struct vcon *v = ctx;
    virtio_lock(&v->dev);
    v->config.columns = (u16)MIN(columns, 0xffffu);
    v->config.rows    = (u16)MIN(rows, 0xffffu);
    virtio_config_changed(&v->dev);
    virtio_unlock(&v->dev);
}

/* Only emergency output can be written (5.3.6.1): one character. */
static void vcon_config_write(struct virtio *dev, u32 off, const void *src, u32 len)
{
    struct vcon *v = container_of(dev, struct vcon, dev);
    if (off == offsetof(struct console_config, emergency) && len >= 1)
        console_write(v->console, src, 1);
}

static size_t nobody(void *ctx, const u8 *data, size_t len)
{
    (void)ctx;
    (void)data;
    (void)len;
    return 0;
}

static void vcon_destroy(struct virtio *dev)
{
    struct vcon *v = container_of(dev, struct vcon, dev);
    if (v->listens)
        console_connect(v->console, &(struct console_port){.input = nobody});
    virtio_done(dev);
    free(v);
}

static const struct field fields[] = {FIELD(struct vcon, config), FIELDS_END};

static const struct virtio_ops ops = {
    .name         = "virtio-console",
    .id           = VIRTIO_ID_CONSOLE,
    .n_queues     = 2,
    .queue_size   = 64,
    .pci_class    = 0x078000,
    .notify       = vcon_notify,
    .config_write = vcon_config_write,
    .start        = vcon_start,
    .destroy      = vcon_destroy,
    .fields       = fields,
};

int virtio_console_create(struct virtio **out, struct ram *ram, struct console *console,
                          bool listen, struct err *err)
{
    struct vcon *v = xnew(struct vcon);
    (void)err;
    v->console = console;
    v->listens = listen;
    v->config  = (struct console_config){.columns = 80, .rows = 25, .max_ports = 1};
    virtio_init(&v->dev, &ops, ram, CONSOLE_F_SIZE | CONSOLE_F_EMERG_WRITE, &v->config,
                sizeof(v->config));
    if (listen)
        console_connect(console, &(struct console_port){input, resize, v});
    *out = &v->dev;
    return 0;
}

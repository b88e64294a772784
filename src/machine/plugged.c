/* machine/plugged.c - what the user plugs into the board: disks, network cards, shared folders.
 *
 * All are virtio devices. They go where the board would have them (its sockets), unless their
 * options say bus=pci or bus=mmio: behind its PCI bridge, or into one of its virtio-mmio slots. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "device/host/disk.h"
#include "timing/link.h"
#include "timing/storage.h"
#include "device/host/net.h"
#include "device/pci.h"
#include "device/virtio/devices.h"
#include "machine/state.h"

enum { SLOTS_MAX = 16 };

/* What is being plugged in, and how far it got. */
struct socket {
    struct machine  *m;
    struct pci_host *pci;
    struct virtio   *slots[SLOTS_MAX]; /* made, not yet attached */
    unsigned         used;
};

/* --- options: "key=value,key=value" --- */

/* The value of KEY in OPTIONS, for the caller to free; NULL: not given. */
static char *option(const char *options, const char *key)
{
    size_t len = strlen(key);
    for (const char *p = options; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (!strncmp(p, key, len) && p[len] == '=')
            return xstrndup(p + len + 1, strcspn(p + len + 1, ","));
    return NULL;
}

/* Is every key of OPTIONS in the NULL-terminated list KEYS? */
static int check_options(const char *what, const char *options, const char *const *keys,
                         struct err *err)
{
    for (const char *p = options; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        size_t len = strcspn(p, "=,");
        bool   ok  = false;
        for (const char *const *k = keys; *k; k++)
            ok |= strlen(*k) == len && !strncmp(p, *k, len);
        if (!ok)
            return err_set(err, EINVAL, "%s has no option '%.*s'", what, (int)len, p);
    }
    return 0;
}

/* Puts DEV where OPTIONS say. It is the board's from then on, on success. */
static int plug(struct socket *s, struct virtio *dev, const char *options, struct err *err)
{
    const struct sockets *sockets = &s->m->board->sockets;
    cleanup_free char    *asked   = option(options, "bus");
    const char           *bus     = asked ? asked : sockets->bus;
    if (!strcmp(bus, "pci") && s->pci)
        return virtio_pci_create(s->pci, ~0u, dev, err);
    if (strcmp(bus, "mmio"))
        return err_set(err, EINVAL, "no bus '%s' on this board; there %s", bus,
                       s->pci ? "are: pci, mmio" : "is: mmio");
    if (s->used == sockets->slots)
        return err_set(err, ENOSPC, "more than %u devices on virtio-mmio", sockets->slots);
    s->slots[s->used++] = dev;
    return 0;
}

/* For the user it is NAME and how many of these there were before. */
static void note(struct machine *m, const char *name, struct virtio *dev)
{
    unsigned before = 0;
    assert(m->n_plugged < PLUGGED_MAX); /* there are fewer places */
    for (unsigned i = 0; i < m->n_plugged; i++)
        before += m->plugged[i].dev->ops->id == dev->ops->id;
    struct plugged *p = &m->plugged[m->n_plugged++];
    p->dev            = dev;
    snprintf(p->name, sizeof(p->name), "%s%u", name, before);
}

static int plug_or_destroy(struct socket *s, const char *name, struct virtio *dev,
                           const char *options, struct err *err)
{
    int rc = plug(s, dev, options, err);
    if (rc)
        virtio_destroy(dev);
    else
        note(s->m, name, dev);
    return rc;
}

void plugged_stats(struct machine *m, struct stats *stats)
{
    for (unsigned i = 0; i < m->n_plugged; i++)
        virtio_stats(m->plugged[i].dev, m->plugged[i].name, stats);
}

/* --- the devices --- */

static u64 model_until(void *ctx, const struct disk_request *r, u64 since, u64 len)
{
    static const enum storage_op ops[DISK_OPS] = {
        [DISK_READ] = STORAGE_READ,    [DISK_WRITE] = STORAGE_WRITE, [DISK_FLUSH] = STORAGE_FLUSH,
        [DISK_DISCARD] = STORAGE_TRIM, [DISK_ZERO] = STORAGE_WRITE,
    };
    return storage_until(ctx, ops[r->op], r->off, len, since);
}

static void model_stats(void *ctx, const char *name, struct stats *stats)
{
    storage_stats(ctx, name, stats);
}

static void model_destroy(void *ctx)
{
    storage_destroy(ctx);
}

/* "model=hdd:NAME|ssd:NAME|...[,trace=FILE][,worn=TIMES]": what the disk costs. */
static int time_disk(struct disk *disk, const char *options, struct err *err)
{
    cleanup_free char    *model = option(options, "model"), *trace = option(options, "trace");
    cleanup_free char    *worn = option(options, "worn");
    struct storage_config c    = {.model = model, .bytes = disk_bytes(disk), .trace = trace};
    struct storage       *storage;
    if (!model)
        return trace || worn ? err_set(err, EINVAL, "--disk: trace= and worn= need model=") : 0;
    char *end = NULL;
    c.worn    = worn ? strtod(worn, &end) : 0;
    if (worn && (end == worn || *end || !(c.worn >= 0 && c.worn <= 100)))
        return err_set(err, EINVAL, "--disk: worn=%s: a number from 0 to 100 is expected", worn);
    int rc = storage_create(&storage, &c, err);
    if (!rc)
        disk_time(disk, &(struct disk_timing){model_until, model_stats, model_destroy, storage});
    return rc;
}

static int plug_disk(struct socket *s, const struct spec_disk *d, struct err *err)
{
    static const char *const keys[] = {"bus", "serial", "model", "trace", "worn", NULL};
    struct instance         *i      = &s->m->instance;
    struct disk_config       config = {d->path, d->format, d->read_only, i->clock, NULL};
    struct disk             *disk   = NULL;
    struct virtio           *dev;
    cleanup_free char       *serial = option(d->options, "serial");
    int                      rc     = check_options("--disk", d->options, keys, err);
    if (!rc)
        rc = disk_open(&disk, &config, err);
    if (!rc)
        rc = time_disk(disk, d->options, err);
    if (rc) {
        disk_close(disk);
        return rc;
    }
    rc = virtio_blk_create(&dev, s->m->ram, disk, serial, err);
    if (rc) {
        disk_close(disk);
        return rc;
    }
    return plug_or_destroy(s, "disk", dev, d->options, err);
}

/* Six bytes from "52:54:00:12:34:56"; without it a random local address. */
static int parse_mac(const char *text, u8 mac[6], struct err *err)
{
    unsigned b[6];
    char     end;
    if (!text) {
        if (getrandom(mac, 6, 0) != 6)
            return err_errno(err, errno, "get randomness");
        mac[0] = 0x52; /* local, unicast */
        return 0;
    }
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) !=
            6 ||
        b[0] & 1)
        return err_set(err, EINVAL, "'%s' is not the address of a network card", text);
    for (unsigned i = 0; i < 6; i++)
        mac[i] = (u8)b[i];
    return 0;
}

static int open_network(struct socket *s, const struct spec_net *n, struct netdev **out,
                        struct err *err)
{
    const struct spec *spec   = s->m->instance.spec;
    cleanup_free char *ifname = option(n->options, "ifname");
    if (!strcmp(n->mode, "user"))
        return net_user_open(out, s->m->instance.loop, s->m->instance.clock, spec->ports,
                             spec->n_ports, err);
    if (!strcmp(n->mode, "tap"))
        return net_tap_open(out, s->m->instance.loop, ifname, err);
    return err_set(err, EINVAL, "no network '%s'; there are: none, user, tap", n->mode);
}

struct links {
    struct link out, in;
};

static u64 links_until(void *ctx, bool towards_guest, u64 now, u64 bytes)
{
    struct links *l = ctx;
    return link_until(towards_guest ? &l->in : &l->out, now, bytes);
}

static const char *const link_keys[] = {"delay", "jitter", "rate", "loss", "reorder", "seed", NULL};

/* "delay=20ms,loss=1%": both directions of the cable are like that. */
static int time_net(struct netdev **net, const char *options, struct clock *clock, struct err *err)
{
    struct link l   = {0};
    bool        any = false;
    for (unsigned i = 0; link_keys[i]; i++) {
        cleanup_free char *value = option(options, link_keys[i]);
        int                rc    = value ? link_option(&l, link_keys[i], value, err) : 0;
        if (rc)
            return rc;
        any |= value != NULL;
    }
    if (!any)
        return 0;
    struct links *both = xnew(struct links);
    *both              = (struct links){l, l};
    both->in.random    = ~l.random;
    *net               = net_delayed(*net, clock, &(struct net_timing){links_until, free, both});
    return 0;
}

static int plug_net(struct socket *s, const struct spec_net *n, struct err *err)
{
    static const char *const keys[] = {"bus",  "mac",  "ifname",  "delay", "jitter",
                                       "rate", "loss", "reorder", "seed",  NULL};
    cleanup_free char       *text   = option(n->options, "mac");
    struct netdev           *net;
    struct virtio           *dev;
    u8                       mac[6];
    if (!strcmp(n->mode, "none"))
        return 0;
    int rc = check_options("--net", n->options, keys, err);
    if (!rc)
        rc = parse_mac(text, mac, err);
    if (!rc)
        rc = open_network(s, n, &net, err);
    if (rc)
        return rc;
    rc = time_net(&net, n->options, s->m->instance.clock, err);
    if (rc) {
        netdev_close(net);
        return rc;
    }
    rc = virtio_net_create(&dev, s->m->ram, net, s->m->instance.loop, mac, err);
    if (rc) {
        netdev_close(net);
        return rc;
    }
    return plug_or_destroy(s, "net", dev, n->options, err);
}

/* A folder's mount tag is its place in the guest, without the first slash and with - for others:
 * mount -t 9p -o trans=virtio,version=9p2000.L TAG PLACE. */
static int plug_share(struct socket *s, const struct spec_share *share, struct err *err)
{
    struct virtio     *dev;
    const char        *guest = share->guest + strspn(share->guest, "/");
    cleanup_free char *tag   = xstrdup(*guest ? guest : "root");
    for (char *p = tag; *p; p++)
        if (*p == '/')
            *p = '-';
    int rc = virtio_9p_create(&dev, s->m->ram, tag, share->host, share->read_only, err);
    return rc ? rc : plug_or_destroy(s, "share", dev, NULL, err);
}

static int plug_console(struct socket *s, struct err *err)
{
    struct virtio *dev;
    int            rc = virtio_console_create(&dev, s->m->ram, s->m->instance.console, true, err);
    return rc ? rc : plug_or_destroy(s, "console", dev, NULL, err);
}

/* Every machine has these: entropy, memory that can be asked back, sockets to the host. */
static int plug_standard(struct socket *s, struct err *err)
{
    enum { GUEST_CID = 3 };
    const struct instance *i = &s->m->instance;
    struct virtio         *dev;
    int                    rc = virtio_rng_create(&dev, s->m->ram, err);
    if (!rc)
        rc = plug_or_destroy(s, "rng", dev, NULL, err);
    if (!rc && has_virtio_console(s->m))
        rc = plug_console(s, err);
    if (!rc)
        rc = virtio_balloon_create(&dev, s->m->ram, err);
    if (!rc)
        rc = plug_or_destroy(s, "balloon", dev, NULL, err);
    if (!rc)
        rc = virtio_vsock_create(&dev, s->m->ram, i->loop, GUEST_CID, i->dir, err);
    if (!rc)
        rc = plug_or_destroy(s, "vsock", dev, NULL, err);
    return rc;
}

static int plug_all(struct socket *s, struct err *err)
{
    const struct spec *spec = s->m->instance.spec;
    struct spec_disk   own  = {.path = spec->workload};
    struct spec_net    user = {.mode = (char[]){"user"}};
    int                rc   = plug_standard(s, err);
    if (!rc && s->m->workload_is_disk)
        rc = plug_disk(s, &own, err);
    for (unsigned i = 0; !rc && i < spec->n_disks; i++)
        rc = plug_disk(s, &spec->disks[i], err);
    for (unsigned i = 0; !rc && i < spec->n_shares; i++)
        rc = plug_share(s, &spec->shares[i], err);
    for (unsigned i = 0; !rc && i < spec->n_nets; i++)
        rc = plug_net(s, &spec->nets[i], err);
    if (!rc && spec->n_nets == 0)
        rc = plug_net(s, &user, err);
    return rc;
}

/* --- the board's ends --- */

static int make_pci(struct socket *s, struct err *err)
{
    const struct sockets *sockets = &s->m->board->sockets;
    struct pci_layout     layout;
    if (!sockets->pci)
        return 0;
    int rc = sockets->pci(s->m, &layout, err);
    return rc ? rc : pci_host_create(&s->pci, s->m->bus, &layout, err);
}

static int make_slot(struct socket *s, unsigned i, struct err *err)
{
    const struct sockets *sockets = &s->m->board->sockets;
    struct virtio        *virtio  = s->slots[i];
    struct irq            irq;
    struct device        *dev;
    int                   rc = sockets->wire(s->m, i, &irq, err);
    if (!rc)
        rc = virtio_mmio_create(&dev, virtio, &irq, err);
    if (rc)
        return rc;
    s->slots[i] = NULL;
    rc          = bus_attach(s->m->bus, sockets->base + 0x1000 * i, VIRTIO_MMIO_LENGTH, dev, err);
    if (rc) {
        dev->ops->destroy(dev);
        return rc;
    }
    return virtio && sockets->filled ? sockets->filled(s->m, i, virtio, err) : 0;
}

static int make_slots(struct socket *s, struct err *err)
{
    const struct sockets *sockets = &s->m->board->sockets;
    int                   rc      = 0;
    assert(sockets->slots <= SLOTS_MAX);
    s->m->n_slots = sockets->empty ? sockets->slots : s->used;
    for (unsigned i = 0; !rc && i < s->m->n_slots; i++)
        rc = make_slot(s, i, err);
    return rc;
}

int plugged_build(struct machine *m, struct err *err)
{
    struct socket s  = {.m = m};
    int           rc = make_pci(&s, err);
    if (!rc)
        rc = plug_all(&s, err);
    if (!rc)
        rc = make_slots(&s, err);
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        virtio_destroy(s.slots[i]);
    return rc;
}

/* device/virtio/pci_fuzz.c - hostile guests before the PCI bridge: the fuzzer's bytes are accesses
 * to configuration space and to the windows, of a board with and without a target for messages. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/pci.h"
#include "device/virtio/bed.h"
#include "device/virtio/devices.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

enum { ECAM = 0x30000000, WINDOW = 0x40000000, WINDOW_BYTES = 0x100000, SLOT_SHIFT = 15 };

struct input {
    const u8 *at, *end;
};

static u64 take(struct input *in, unsigned n)
{
    u64 val = 0;
    for (; n && in->at < in->end; n--)
        val = val << 8 | *in->at++;
    return val;
}

static void take_message(void *chip, u64 addr, u32 data)
{
    (void)addr;
    (void)data;
    ++*(unsigned *)chip;
}

static void make(struct bed *b, bool msi, unsigned *messages)
{
    struct pci_layout layout = {.ecam   = {ECAM, MiB(1)},
                                .mmio32 = {WINDOW, WINDOW_BYTES},
                                .mmio64 = {GiB(16), WINDOW_BYTES}};
    struct pci_host  *host;
    struct virtio    *dev;
    for (unsigned i = 0; i < 4; i++)
        layout.irq[i] = (struct irq){bed_irq, b, i};
    if (msi)
        layout.msi = (struct msi){take_message, messages};
    bed_init(b);
    int rc = pci_host_create(&host, b->bus, &layout, NULL);
    rc |= virtio_rng_create(&dev, b->ram, NULL);
    rc |= virtio_pci_create(host, ~0u, dev, NULL);
    rc |= virtio_balloon_create(&dev, b->ram, NULL);
    rc |= virtio_pci_create(host, ~0u, dev, NULL);
    if (rc)
        abort();
    for (u64 slot = 1; slot < 3; slot++) { /* BARs where the fuzzer finds them soon */
        u64 config = ECAM + (slot << SLOT_SHIFT);
        bus_write(b->bus, config + 0x20, 4, WINDOW + slot * 0x10000);
        bus_write(b->bus, config + 0x14, 4, WINDOW + slot * 0x10000 + 0x8000);
        bus_write(b->bus, config + 4, 2, 6);
    }
}

static void reach(struct bed *b, struct input *in)
{
    unsigned how = (unsigned)take(in, 1), width = 1u << (how & 3);
    u64      at, slot = how >> 2 & 3, val = 0;
    if (how & 0x10)
        at = ECAM + (slot << SLOT_SHIFT) + take(in, how & 0x20 ? 1 : 2);
    else if (how & 0x20)
        at = WINDOW + slot * 0x10000 + take(in, 1);
    else
        at = (slot == 3 ? GiB(16) : WINDOW + slot * 0x10000) + take(in, 2);
    at = ALIGN_DOWN(at, (u64)width);
    if (how & 0x40)
        bus_read(b->bus, at, width, &val);
    else
        bus_write(b->bus, at, width, take(in, how & 0x80 ? width : 1));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    struct input in       = {data, data + len};
    unsigned     messages = 0;
    struct bed   b;
    make(&b, take(&in, 1) & 1, &messages);
    for (unsigned i = 0; i < 200 && in.at < in.end; i++)
        reach(&b, &in);
    bus_reset(b.bus);
    bed_done(&b);
    return 0;
}

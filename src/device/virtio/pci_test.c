/* device/virtio/pci_test.c - a virtio device behind the PCI bridge: the pin, and messages. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/pci.h"
#include "device/virtio/bed.h"
#include "device/virtio/devices.h"

enum { ECAM = 0x30000000, WINDOW = 0x40000000, SLOT = ECAM + (1 << 15) };

static u32 rd(struct bed *b, u64 addr, unsigned width)
{
    u64 val = 0;
    assert_int_equal(bus_read(b->bus, addr, width, &val), 0);
    return (u32)val;
}

static void wr(struct bed *b, u64 addr, unsigned width, u64 val)
{
    assert_int_equal(bus_write(b->bus, addr, width, val), 0);
}

/* Offset in BAR 4 of the register block of a type, as its capability says. */
static u32 block(struct bed *b, u32 type)
{
    for (u32 at = rd(b, SLOT + 0x34, 1), n = 0; at && n < 10; at = rd(b, SLOT + at + 1, 1), n++)
        if (rd(b, SLOT + at, 1) == 9 && rd(b, SLOT + at + 3, 1) == type) {
            assert_int_equal(rd(b, SLOT + at + 4, 1), 4);
            return rd(b, SLOT + at + 8, 4);
        }
    fail();
    return 0;
}

static void test_pci(void **state)
{
    struct bed       b;
    struct pci_host *host;
    struct virtio   *dev;
    (void)state;
    bed_init(&b);
    struct pci_layout layout = {.ecam = {ECAM, MiB(1)}, .mmio32 = {WINDOW, MiB(1)}};
    layout.irq[1]            = (struct irq){bed_irq, &b, 33};
    assert_int_equal(pci_host_create(&host, b.bus, &layout, NULL), 0);
    assert_int_equal(virtio_rng_create(&dev, b.ram, NULL), 0);
    assert_int_equal(virtio_pci_create(host, ~0u, dev, NULL), 0);
    assert_int_equal(rd(&b, ECAM, 4), 0xffffffff); /* slot 0 is empty */
    assert_int_equal(rd(&b, SLOT, 4), 0x10441af4);
    wr(&b, SLOT + 0x20, 4, ~0u); /* how large is BAR 4? */
    wr(&b, SLOT + 0x24, 4, ~0u);
    assert_int_equal(rd(&b, SLOT + 0x20, 4), 0xffffc004);
    wr(&b, SLOT + 0x20, 4, WINDOW + 0x4000);
    wr(&b, SLOT + 0x24, 4, 0);
    assert_int_equal(rd(&b, WINDOW + 0x4000 + 0x12, 2), 0xffff); /* not decoded yet */
    wr(&b, SLOT + 4, 2, 6);

    u64 bar = WINDOW + 0x4000, common = bar + block(&b, 1), notify = bar + block(&b, 2);
    u64 isr = bar + block(&b, 3);
    assert_int_equal(rd(&b, common + 0x12, 2), 1);
    wr(&b, common + 0x14, 1, 3);
    wr(&b, common + 8, 4, 1);
    wr(&b, common + 0xc, 4, 1); /* VERSION_1, and nothing else */
    wr(&b, common + 0x14, 1, 11);
    assert_int_equal(rd(&b, common + 0x14, 1), 11);
    wr(&b, common + 0x16, 2, 0);
    wr(&b, common + 0x18, 2, BED_QUEUE);
    wr(&b, common + 0x20, 8, bed_desc(0));
    wr(&b, common + 0x28, 8, bed_driver(0));
    wr(&b, common + 0x30, 4, bed_device(0));
    wr(&b, common + 0x34, 4, 0);
    wr(&b, common + 0x1c, 2, 1);
    wr(&b, common + 0x14, 1, 15);
    struct bed_piece p = {BED_HEAP, 32, true};
    u32              id, len;
    bed_add(&b, 0, &p, 1);
    assert_false(b.level);
    wr(&b, notify, 2, 0);
    assert_true(bed_used(&b, 0, &id, &len));
    assert_int_equal(len, 32);
    assert_true(b.level);
    wr(&b, SLOT + 4, 2, 6 | 1 << 10); /* INTx off */
    assert_false(b.level);
    wr(&b, SLOT + 4, 2, 6);
    assert_true(b.level);
    assert_int_equal(rd(&b, isr, 1), 1);
    assert_false(b.level);
    bus_reset(b.bus);
    assert_int_equal(rd(&b, SLOT + 0x20, 4), 4);
    bed_done(&b);
}

/* --- MSI-X --- */

struct sink {
    unsigned count;
    u64      addr;
    u32      data;
};

static void take_message(void *chip, u64 addr, u32 data)
{
    struct sink *s = chip;
    *s             = (struct sink){s->count + 1, addr, data};
}

enum {
    MSIX_BAR1   = WINDOW + 0x8000,
    COMMON      = WINDOW + 0x4000,
    MSIX_MASK   = 0x40,
    MSIX_ENABLE = 0x80
};

static void set_vector(struct bed *b, unsigned n, u64 addr, u32 data, u32 control)
{
    wr(b, MSIX_BAR1 + 16 * n, 8, addr);
    wr(b, MSIX_BAR1 + 16 * n + 8, 8, data | (u64)control << 32);
}

static u32 msix_capability_at(struct bed *b)
{
    u32 at = rd(b, SLOT + 0x34, 1);
    for (unsigned n = 0; at && rd(b, SLOT + at, 1) != 0x11; n++) {
        assert_true(n < 10);
        at = rd(b, SLOT + at + 1, 1);
    }
    return at;
}

static struct pci_host *bed_pci(struct bed *b, struct sink *sink)
{
    struct pci_host  *host;
    struct virtio    *dev;
    struct pci_layout layout = {.ecam = {ECAM, MiB(1)}, .mmio32 = {WINDOW, MiB(1)}};
    layout.irq[1]            = (struct irq){bed_irq, b, 33};
    if (sink)
        layout.msi = (struct msi){take_message, sink};
    bed_init(b);
    assert_int_equal(pci_host_create(&host, b->bus, &layout, NULL), 0);
    assert_int_equal(virtio_rng_create(&dev, b->ram, NULL), 0);
    assert_int_equal(virtio_pci_create(host, ~0u, dev, NULL), 0);
    b->dev = dev;
    wr(b, SLOT + 0x20, 4, COMMON);
    wr(b, SLOT + 0x14, 4, MSIX_BAR1);
    wr(b, SLOT + 4, 2, 6);
    return host;
}

/* The driver's way to a live queue 0, with vector 1 for it and 0 for the configuration. */
static void start_with_vectors(struct bed *b)
{
    wr(b, COMMON + 0x14, 1, 3);
    wr(b, COMMON + 8, 4, 1);
    wr(b, COMMON + 0xc, 4, 1);
    wr(b, COMMON + 0x14, 1, 11);
    wr(b, COMMON + 0x10, 2, 0);
    wr(b, COMMON + 0x1a, 2, 1);
    wr(b, COMMON + 0x18, 2, BED_QUEUE);
    wr(b, COMMON + 0x20, 8, bed_desc(0));
    wr(b, COMMON + 0x28, 8, bed_driver(0));
    wr(b, COMMON + 0x30, 8, bed_device(0));
    wr(b, COMMON + 0x1c, 2, 1);
    wr(b, COMMON + 0x14, 1, 15);
}

static void ask_once(struct bed *b)
{
    struct bed_piece p = {BED_HEAP, 32, true};
    bed_add(b, 0, &p, 1);
    wr(b, COMMON + 0x3000, 2, 0);
}

static void move_snapshot(struct bed *from, struct bed *to)
{
    char         path[] = "/tmp/guise-msix-XXXXXX";
    struct snap *snap;
    int          fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(snap_create(&snap, path, NULL), 0);
    assert_int_equal(bus_save(from->bus, snap, NULL), 0);
    assert_int_equal(snap_commit(snap, NULL), 0);
    snap_close(snap);
    assert_int_equal(snap_open(&snap, path, NULL), 0);
    assert_int_equal(bus_load(to->bus, snap, NULL), 0);
    snap_close(snap);
    unlink(path);
}

static void test_msix(void **state)
{
    struct bed  b, b2;
    struct sink sink = {0}, sink2 = {0};
    (void)state;
    bed_pci(&b, &sink);
    u32 cap = msix_capability_at(&b);
    assert_int_equal(rd(&b, SLOT + cap + 2, 2), 1); /* two vectors */
    assert_int_equal(rd(&b, SLOT + cap + 4, 4), 1); /* in BAR 1, at 0 */
    assert_int_equal(rd(&b, SLOT + cap + 8, 4), 0x801);
    assert_int_equal(rd(&b, MSIX_BAR1 + 12, 4), 1); /* each masked after reset (7.7.2.6) */

    assert_int_equal(rd(&b, COMMON + 0x10, 2), 0xffff);
    start_with_vectors(&b);
    assert_int_equal(rd(&b, COMMON + 0x1a, 2), 1);
    ask_once(&b); /* MSI-X is off: the wire */
    assert_int_equal(sink.count, 0);
    assert_true(b.level);
    wr(&b, SLOT + cap + 3, 1, MSIX_ENABLE); /* on: the wire falls (6.1.4.3) */
    assert_false(b.level);
    assert_int_equal(rd(&b, COMMON + 0x1000, 1), 1); /* reading it clears it */

    set_vector(&b, 1, 0x1122334455667788ull & ~3ull, 0xabcd, 0);
    ask_once(&b);
    assert_int_equal(sink.count, 1);
    assert_true(sink.addr == 0x1122334455667788ull && sink.data == 0xabcd);
    assert_int_equal(rd(&b, COMMON + 0x1000, 1), 0); /* a message needs no ISR */
    assert_false(b.level);

    wr(&b, MSIX_BAR1 + 16 + 12, 4, 1); /* the vector masked: it waits, once */
    ask_once(&b);
    ask_once(&b);
    assert_int_equal(sink.count, 1);
    assert_int_equal(rd(&b, MSIX_BAR1 + 0x800, 4), 2);
    wr(&b, SLOT + cap + 3, 1, MSIX_ENABLE | MSIX_MASK);
    wr(&b, MSIX_BAR1 + 16 + 12, 4, 0);
    assert_int_equal(sink.count, 1); /* all are masked now */

    bed_pci(&b2, &sink2); /* pending over a snapshot */
    move_snapshot(&b, &b2);
    wr(&b2, SLOT + cap + 3, 1, MSIX_ENABLE);
    assert_true(sink2.count == 1 && sink2.data == 0xabcd);
    assert_int_equal(rd(&b2, COMMON + 0x1a, 2), 1);

    wr(&b, SLOT + cap + 3, 1, MSIX_ENABLE);
    assert_int_equal(sink.count, 2);
    assert_int_equal(rd(&b, MSIX_BAR1 + 0x800, 4), 0);
    set_vector(&b, 0, 0x1000, 77, 0);
    virtio_lock(b.dev);
    virtio_config_changed(b.dev);
    virtio_unlock(b.dev);
    assert_true(sink.count == 3 && sink.data == 77);
    assert_int_equal(rd(&b, COMMON + 0x1000, 1), 2); /* but a change of configuration does */

    wr(&b, COMMON + 0x1a, 2, 2); /* it has no vector 2 */
    assert_int_equal(rd(&b, COMMON + 0x1a, 2), 0xffff);
    ask_once(&b);
    assert_int_equal(sink.count, 3);
    wr(&b, COMMON + 0x14, 1, 0);
    assert_int_equal(rd(&b, COMMON + 0x10, 2), 0xffff);
    bed_done(&b);
    bed_done(&b2);

    bed_pci(&b, NULL); /* a board without a target for messages */
    assert_int_equal(msix_capability_at(&b), 0);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pci), cmocka_unit_test(test_msix)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

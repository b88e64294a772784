/* device/pci.h - a PCI Express host bridge with ECAM (PCIe 5.0, 7.2.2), as the board `virt` has.
 *
 * The bridge is four devices on the bus: configuration space, and three windows in which the
 * guest places the functions' BARs. Functions are added before the machine runs, one a slot,
 * and belong to the bridge. Configuration space and BARs are under the bridge's lock; a
 * function's own hooks are called without it. INTx goes to one of four wires:
 * (slot + pin - 1) mod 4. Where the board has a target for messages, functions may have MSI-X. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_PCI_H
#define DEVICE_PCI_H

#include "device/msix.h"
#include "memory/bus.h"

enum { PCI_SLOTS = 32, PCI_BARS = 6, PCI_CONFIG_BYTES = 256 };

struct pci_function;

struct pci_ops {
    const char *name;
    u64 (*read)(struct pci_function *, unsigned bar, u64 off, unsigned width);
    void (*write)(struct pci_function *, unsigned bar, u64 off, unsigned width, u64 val);
    /* A read of configuration space is about to happen, a write has happened; may be NULL. */
    void (*config_read)(struct pci_function *, unsigned off, unsigned width);
    void (*config_write)(struct pci_function *, unsigned off, unsigned width);
    void (*reset)(struct pci_function *);
    void (*drain)(struct pci_function *);
    void (*save)(struct pci_function *, struct snap *);
    int (*load)(struct pci_function *, struct snap *, struct err *);
    void (*destroy)(struct pci_function *);
};

struct pci_bar {
    u64  bytes; /* a power of two, at least 16; 0: none */
    bool is_64;
};

struct pci_host;

struct pci_function {
    const struct pci_ops *ops;
    struct pci_host      *host;
    unsigned              slot;
    struct pci_bar        bars[PCI_BARS];
    u8                    config[PCI_CONFIG_BYTES];   /* little endian */
    u8                    writable[PCI_CONFIG_BYTES]; /* mask of bits that the guest may change */
    unsigned              config_end;                 /* of its capabilities; 0: none yet */
    bool                  level;                      /* of its pin INTA */
    struct msix           msix;
};

struct pci_window {
    u64 base, bytes;
};

struct pci_layout {
    struct pci_window ecam, pio, mmio32, mmio64; /* in the guest's address space */
    struct irq        irq[4];
    struct msi        msi; /* of a board that has a target for messages */
};

/* Makes the bridge and attaches it to BUS, which owns it. */
int pci_host_create(struct pci_host **out, struct bus *, const struct pci_layout *,
                    struct err       *err);

/* For whoever makes a function: ids and class as in the header, BARs and capabilities after. */
void     pci_function_init(struct pci_function *, const struct pci_ops *, u16 vendor, u16 device,
                           u32 class_code, u16 subsystem);
void     pci_add_bar(struct pci_function *, unsigned bar, u64 bytes, bool is_64);
unsigned pci_add_capability(struct pci_function *, u8 id, const void *body, unsigned len);
/* SLOT ~0u: the first that is free. */
int  pci_host_add(struct pci_host *, unsigned slot, struct pci_function *, struct err *err);
void pci_set_irq(struct pci_function *, bool level); /* any thread */

/* Gives the function MSI-X in BAR, if the bridge has a target for its messages; else nothing.
 * Before pci_host_add. */
void pci_add_msix(struct pci_host *, struct pci_function *, unsigned bar, unsigned vectors);
/* False: MSI-X is absent or off, and it is to be the pin. A VECTOR that is none is lost. */
bool pci_send_message(struct pci_function *, unsigned vector); /* any thread */

#endif

/* device/msix.h - the MSI-X of a PCI function (PCIe 5.0, 6.1.4 and 7.7.2): its table of messages
 * and its pending bits, in a BAR of their own. Only pci.c comes here, under the bridge's lock. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_MSIX_H
#define DEVICE_MSIX_H

#include "base/types.h"

enum { MSIX_VECTORS_MAX = 32, MSIX_BAR_BYTES = 0x1000 };

/* Where messages go: what a board with a controller for them gives the bridge. Any thread. */
struct msi {
    void (*send)(void *chip, u64 addr, u32 data); /* NULL: there is none */
    void *chip;
};

struct msix {
    const u8 *control; /* the upper byte of its Message Control, in the configuration space */
    unsigned  n;       /* vectors; 0: the function has no MSI-X */
    u8        bar;
    u32       table[MSIX_VECTORS_MAX][4]; /* address, its upper half, data, control */
    u32       pending;                    /* one bit a vector */
};

void msix_init(struct msix *, const u8 *control, u8 bar, unsigned vectors);
void msix_reset(struct msix *);
void msix_capability(const struct msix *, u8 body[10]); /* without the two bytes that link it */

bool msix_enabled(const struct msix *);
void msix_raise(struct msix *, unsigned vector, const struct msi *);
void msix_deliver(struct msix *, const struct msi *); /* what is pending and no longer masked */

u64  msix_read(const struct msix *, u64 off, unsigned width);
void msix_write(struct msix *, u64 off, unsigned width, u64 val, const struct msi *);

#endif

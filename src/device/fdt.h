/* device/fdt.h - the device tree that a board hands to its guest, over libfdt.
 *
 * Written in order, node inside node. A tree that grows past its room remembers that it
 * failed; fdt_complete tells. Devices describe themselves into it (device_ops.describe), and
 * learn from it what only the board knows: phandles and interrupt parents. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_FDT_H
#define DEVICE_FDT_H

#include "base/err.h"

enum { FDT_ROOM = 64 * 1024 };

struct fdt {
    u8 *blob; /* FDT_ROOM bytes */
    int error;
    u32 next_phandle;
    u32 intc; /* phandle of the interrupt controller of devices (the PLIC) */
    u32 syscon;
};

int  fdt_init(struct fdt *, struct err *err);
int  fdt_complete(struct fdt *, u32 *out_size, struct err *err);
void fdt_done(struct fdt *);
u32  fdt_new_phandle(struct fdt *);

void fdt_begin(struct fdt *, const char *fmt, ...) PRINTF(2, 3); /* "uart@%lx" */
void fdt_end(struct fdt *);
void fdt_str(struct fdt *, const char *name, const char *value);
void fdt_strs(struct fdt *, const char *name, const char *values, size_t len); /* "a\0b" */
void fdt_u32(struct fdt *, const char *name, u32 value);
void fdt_u64(struct fdt *, const char *name, u64 value);
void fdt_cells(struct fdt *, const char *name, const u32 *cells, unsigned n);
void fdt_flag(struct fdt *, const char *name);
void fdt_reg(struct fdt *, u64 base, u64 len); /* reg = <base len>, two cells each */
void fdt_irq(struct fdt *, u32 line);          /* interrupt-parent = intc, interrupts = <line> */

#endif

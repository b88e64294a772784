/* device/acpi.h - tables by which a PC describes itself, and the byte code in them (ACPI 6.4).
 *
 * A buffer that grows; packages and scopes nest, and get their lengths when they end. One that
 * outgrows its room remembers that it failed. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_ACPI_H
#define DEVICE_ACPI_H

#include "base/err.h"

enum { ACPI_ROOM = 32 << 10, ACPI_DEPTH = 8, ACPI_HEADER = 36 };

struct acpi {
    u8       bytes[ACPI_ROOM];
    u32      len;
    u32      open[ACPI_DEPTH]; /* where the package lengths go */
    unsigned depth;
    bool     failed;
};

void acpi_put(struct acpi *, const void *data, size_t len);
void acpi_u8(struct acpi *, u8);
void acpi_u16(struct acpi *, u16);
void acpi_u32(struct acpi *, u32);
void acpi_u64(struct acpi *, u64);

/* A table: its header at the buffer's end, and, when all is there, length and checksum. Returns
 * where it begins. */
u32  acpi_table(struct acpi *, const char signature[4], u8 revision);
void acpi_table_end(struct acpi *, u32 table);
void acpi_checksum(struct acpi *, u32 start, u32 len, u32 at);

/* A generic address: SPACE 0 memory, 1 ports; BITS wide. */
void acpi_address(struct acpi *, u8 space, u8 bits, u64 addr);

/* AML (20.2). Names have four characters; a leading backslash is the root. */
void aml_scope(struct acpi *, const char *name);
void aml_device(struct acpi *, const char *name);
void aml_end(struct acpi *); /* of the scope, device or resource list begun last */
void aml_name_str(struct acpi *, const char *name, const char *value);
void aml_name_eisa(struct acpi *, const char *name, const char *id); /* "PNP0501" */
void aml_name_int(struct acpi *, const char *name, u64 value);
void aml_name_package(struct acpi *, const char *name, const u8 *values, unsigned n);

/* _CRS, and what may stand in it (6.4). */
void aml_resources(struct acpi *);
void aml_ports(struct acpi *, u16 base, u8 len);
void aml_memory(struct acpi *, u32 base, u32 len);
void aml_interrupt(struct acpi *, u32 gsi); /* edge-triggered, active high, not shared */
void aml_resources_end(struct acpi *);

#endif

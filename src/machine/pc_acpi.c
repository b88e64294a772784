/* machine/pc_acpi.c - the board `pc` as its guest reads it: RSDP, XSDT, FADT, MADT, DSDT.
 *
 * Each table stands behind what it points at, so that one pass writes all. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/alloc.h"
#include "device/acpi.h"
#include "device/ports.h"
#include "machine/pc.h"

static u64 address(u32 offset)
{
    return PC_ACPI + offset;
}

static void describe_serial(struct acpi *a)
{
    aml_device(a, "COM1");
    aml_name_eisa(a, "_HID", "PNP0501");
    aml_name_int(a, "_UID", 0);
    aml_resources(a);
    aml_ports(a, PC_COM1, 8);
    aml_interrupt(a, PC_COM1_GSI);
    aml_resources_end(a);
    aml_end(a);
}

/* Only slots that have a device: an empty one would cost the guest a driver's look. */
static void describe_slots(struct acpi *a, const struct machine *m)
{
    for (unsigned i = 0; i < m->n_slots; i++) {
        char name[5];
        snprintf(name, sizeof(name), "VI%02X", i & 0xff);
        aml_device(a, name);
        aml_name_str(a, "_HID", "LNRO0005");
        aml_name_int(a, "_UID", i);
        aml_name_int(a, "_CCA", 1);
        aml_resources(a);
        aml_memory(a, (u32)(PC_SLOT_BASE + 0x1000 * i), 0x1000);
        aml_interrupt(a, PC_SLOT_GSI + i);
        aml_resources_end(a);
        aml_end(a);
    }
}

static u32 write_dsdt(struct acpi *a, const struct machine *m)
{
    static const u8 off[] = {POWER_OFF_TYPE, 0, 0, 0};
    u32             table = acpi_table(a, "DSDT", 2);
    aml_name_package(a, "_S5_", off, ARRAY_SIZE(off));
    aml_scope(a, "\\_SB_");
    describe_serial(a);
    describe_slots(a, m);
    aml_end(a);
    acpi_table_end(a, table);
    return table;
}

/* 5.2.9 */
enum {
    WBINVD       = 1 << 0,
    NO_PWRBUTTON = 1 << 4,
    NO_SLPBUTTON = 1 << 5,
    HAS_RESET    = 1 << 10,
    REDUCED      = 1 << 20
};
enum { NO_VGA = 1 << 2, NO_CMOS = 1 << 5 };

static void zeroes(struct acpi *a, unsigned n)
{
    while (n--)
        acpi_u8(a, 0);
}

static u32 write_fadt(struct acpi *a, u32 dsdt)
{
    u32 table = acpi_table(a, "FACP", 6);
    acpi_u32(a, 0); /* FACS: none */
    acpi_u32(a, (u32)address(dsdt));
    zeroes(a, 109 - 44);
    acpi_u16(a, NO_VGA | NO_CMOS);
    acpi_u8(a, 0);
    acpi_u32(a, WBINVD | NO_PWRBUTTON | NO_SLPBUTTON | HAS_RESET | REDUCED);
    acpi_address(a, 1, 8, PC_POWER + POWER_RESET);
    acpi_u8(a, POWER_RESET_VALUE);
    acpi_u16(a, 0);
    acpi_u8(a, 4); /* with the above: ACPI 6.4 */
    acpi_u64(a, 0);
    acpi_u64(a, address(dsdt));
    zeroes(a, 244 - 148);
    acpi_address(a, 1, 8, PC_POWER + POWER_SLEEP_CONTROL);
    acpi_address(a, 1, 8, PC_POWER + POWER_SLEEP_STATUS);
    acpi_put(a, "guise\0\0", 8);
    acpi_table_end(a, table);
    return table;
}

/* 5.2.12 */
static u32 write_madt(struct acpi *a, const struct machine *m)
{
    enum { PCAT_COMPAT = 1, LOCAL_APIC = 0, IO_APIC = 1 };
    u32 table = acpi_table(a, "APIC", 5);
    acpi_u32(a, (u32)PC_LAPIC);
    acpi_u32(a, PCAT_COMPAT);
    for (unsigned i = 0; i < m->n_harts; i++) {
        acpi_put(a, (u8[]){LOCAL_APIC, 8, (u8)i, (u8)i}, 4);
        acpi_u32(a, 1); /* enabled */
    }
    acpi_put(a, (u8[]){IO_APIC, 12, 0, 0}, 4);
    acpi_u32(a, (u32)PC_IOAPIC);
    acpi_u32(a, 0); /* its first interrupt */
    acpi_table_end(a, table);
    return table;
}

/* 5.2.5.3: at the place where guests look that were not told. */
static void write_rsdp(struct acpi *a, u32 xsdt)
{
    enum { V1_BYTES = 20, BYTES = 36 };
    u32 was = a->len;
    a->len  = 0;
    acpi_put(a, "RSD PTR ", 8);
    acpi_u8(a, 0);
    acpi_put(a, "GUISE ", 6);
    acpi_u8(a, 2);
    acpi_u32(a, 0);
    acpi_u32(a, BYTES);
    acpi_u64(a, address(xsdt));
    acpi_u32(a, 0);
    acpi_checksum(a, 0, V1_BYTES, 8);
    acpi_checksum(a, 0, BYTES, 32);
    a->len = was;
}

int pc_acpi_write(struct machine *m, struct err *err)
{
    enum { RSDP_ROOM = 64 };
    cleanup_free struct acpi *a = xnew(struct acpi);
    zeroes(a, RSDP_ROOM);
    u32 dsdt = write_dsdt(a, m);
    u32 fadt = write_fadt(a, dsdt);
    u32 madt = write_madt(a, m);
    u32 xsdt = acpi_table(a, "XSDT", 1);
    acpi_u64(a, address(fadt));
    acpi_u64(a, address(madt));
    acpi_table_end(a, xsdt);
    write_rsdp(a, xsdt);
    if (a->failed || ram_write(m->ram, PC_ACPI, a->bytes, a->len))
        return err_set(err, ENOSPC, "the machine's description does not fit");
    return 0;
}

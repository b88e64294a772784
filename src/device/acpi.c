/* device/acpi.c - see acpi.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/acpi.h"

#include <string.h>

void acpi_put(struct acpi *a, const void *data, size_t len)
{
    if (len > ACPI_ROOM - a->len) {
        a->failed = true;
        return;
    }
    memcpy(a->bytes + a->len, data, len);
    a->len += (u32)len;
}

void acpi_u8(struct acpi *a, u8 v)
{
    acpi_put(a, &v, 1);
}

void acpi_u16(struct acpi *a, u16 v)
{
    acpi_put(a, (u8[]){(u8)v, (u8)(v >> 8)}, 2);
}

void acpi_u32(struct acpi *a, u32 v)
{
    acpi_u16(a, (u16)v);
    acpi_u16(a, (u16)(v >> 16));
}

void acpi_u64(struct acpi *a, u64 v)
{
    acpi_u32(a, (u32)v);
    acpi_u32(a, (u32)(v >> 32));
}

/* --- tables (5.2.6) --- */

enum { AT_LENGTH = 4, AT_CHECKSUM = 9 };

void acpi_checksum(struct acpi *a, u32 start, u32 len, u32 at)
{
    u8 sum = 0;
    if (a->failed)
        return;
    a->bytes[at] = 0;
    for (u32 i = 0; i < len; i++)
        sum = (u8)(sum + a->bytes[start + i]);
    a->bytes[at] = (u8)-sum;
}

u32 acpi_table(struct acpi *a, const char signature[4], u8 revision)
{
    while (a->len % 8)
        acpi_u8(a, 0);
    u32 start = a->len;
    acpi_put(a, signature, 4);
    acpi_u32(a, 0);
    acpi_u8(a, revision);
    acpi_u8(a, 0);
    acpi_put(a, "GUISE GUISEPC ", 14);
    acpi_u32(a, 1);
    acpi_put(a, "GUIS", 4);
    acpi_u32(a, 1);
    return start;
}

void acpi_table_end(struct acpi *a, u32 start)
{
    u32 len = a->len - start;
    if (a->failed)
        return;
    for (unsigned i = 0; i < 4; i++)
        a->bytes[start + AT_LENGTH + i] = (u8)(len >> (8 * i));
    acpi_checksum(a, start, len, start + AT_CHECKSUM);
}

void acpi_address(struct acpi *a, u8 space, u8 bits, u64 addr)
{
    acpi_u8(a, space);
    acpi_u8(a, bits);
    acpi_u8(a, 0);
    acpi_u8(a, 1); /* byte accesses */
    acpi_u64(a, addr);
}

/* --- AML --- */

enum {
    NAME_OP     = 0x08,
    BYTE_PREFIX = 0x0a,
    WORD_PREFIX,
    DWORD_PREFIX,
    STRING_PREFIX,
    QWORD_PREFIX,
    SCOPE_OP   = 0x10,
    BUFFER_OP  = 0x11,
    PACKAGE_OP = 0x12,
    EXT_OP     = 0x5b,
    DEVICE_OP  = 0x82
};

/* A package length of two bytes is kept free: enough for 4 KiB; three would be for more. */
enum { LENGTH_BYTES = 3 };

static void begin(struct acpi *a)
{
    assert(a->depth < ACPI_DEPTH);
    a->open[a->depth++] = a->len;
    acpi_put(a, (u8[LENGTH_BYTES]){0}, LENGTH_BYTES);
}

/* 20.2.4: the length counts its own bytes. */
void aml_end(struct acpi *a)
{
    assert(a->depth > 0);
    u32 at = a->open[--a->depth], len = a->len - at;
    if (a->failed)
        return;
    a->bytes[at]     = (u8)((LENGTH_BYTES - 1) << 6 | (len & 0xf));
    a->bytes[at + 1] = (u8)(len >> 4);
    a->bytes[at + 2] = (u8)(len >> 12);
}

static void put_name(struct acpi *a, const char *name)
{
    acpi_put(a, name, strlen(name));
}

static void put_int(struct acpi *a, u64 v)
{
    if (v <= 1) {
        acpi_u8(a, (u8)v);
    } else if (v <= 0xff) {
        acpi_u8(a, BYTE_PREFIX);
        acpi_u8(a, (u8)v);
    } else if (v <= 0xffffffff) {
        acpi_u8(a, DWORD_PREFIX);
        acpi_u32(a, (u32)v);
    } else {
        acpi_u8(a, QWORD_PREFIX);
        acpi_u64(a, v);
    }
}

void aml_scope(struct acpi *a, const char *name)
{
    acpi_u8(a, SCOPE_OP);
    begin(a);
    put_name(a, name);
}

void aml_device(struct acpi *a, const char *name)
{
    acpi_u8(a, EXT_OP);
    acpi_u8(a, DEVICE_OP);
    begin(a);
    put_name(a, name);
}

static void name_op(struct acpi *a, const char *name)
{
    acpi_u8(a, NAME_OP);
    put_name(a, name);
}

void aml_name_str(struct acpi *a, const char *name, const char *value)
{
    name_op(a, name);
    acpi_u8(a, STRING_PREFIX);
    acpi_put(a, value, strlen(value) + 1);
}

static unsigned hex(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* 19.3.4: three letters of five bits, four hexadecimal digits; big endian. */
void aml_name_eisa(struct acpi *a, const char *name, const char *id)
{
    u32 letters = (u32)(id[0] - '@') << 10 | (u32)(id[1] - '@') << 5 | (u32)(id[2] - '@');
    u32 number  = hex(id[3]) << 12 | hex(id[4]) << 8 | hex(id[5]) << 4 | hex(id[6]);
    name_op(a, name);
    acpi_u8(a, DWORD_PREFIX);
    acpi_u32(a, __builtin_bswap32(letters << 16 | number));
}

void aml_name_int(struct acpi *a, const char *name, u64 value)
{
    name_op(a, name);
    put_int(a, value);
}

void aml_name_package(struct acpi *a, const char *name, const u8 *values, unsigned n)
{
    name_op(a, name);
    acpi_u8(a, PACKAGE_OP);
    begin(a);
    acpi_u8(a, (u8)n);
    for (unsigned i = 0; i < n; i++)
        put_int(a, values[i]);
    aml_end(a);
}

/* --- resources (6.4) --- */

/* A buffer whose size is told before its bytes: two bytes are kept for it. */
void aml_resources(struct acpi *a)
{
    name_op(a, "_CRS");
    acpi_u8(a, BUFFER_OP);
    begin(a);
    acpi_u8(a, WORD_PREFIX);
    acpi_u16(a, 0);
}

void aml_resources_end(struct acpi *a)
{
    enum { PREFIX = LENGTH_BYTES + 1, SIZE = 2 };
    acpi_put(a, (u8[]){0x79, 0}, 2); /* the end tag; 0: the sum is not checked */
    u32 at = a->open[a->depth - 1], len = a->len - at - PREFIX - SIZE;
    if (!a->failed) {
        a->bytes[at + PREFIX]     = (u8)len;
        a->bytes[at + PREFIX + 1] = (u8)(len >> 8);
    }
    aml_end(a);
}

void aml_ports(struct acpi *a, u16 base, u8 len)
{
    acpi_put(a, (u8[]){0x47, 1 /* 16 bits are decoded */}, 2);
    acpi_u16(a, base);
    acpi_u16(a, base);
    acpi_u8(a, 1);
    acpi_u8(a, len);
}

void aml_memory(struct acpi *a, u32 base, u32 len)
{
    acpi_put(a, (u8[]){0x86, 9, 0, 1 /* writable */}, 4);
    acpi_u32(a, base);
    acpi_u32(a, len);
}

void aml_interrupt(struct acpi *a, u32 gsi)
{
    acpi_put(a, (u8[]){0x89, 6, 0, 3 /* consumer, edge */, 1}, 5);
    acpi_u32(a, gsi);
}

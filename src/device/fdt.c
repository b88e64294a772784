/* device/fdt.c - see fdt.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/fdt.h"

#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static void note(struct fdt *fdt, int rc)
{
    if (rc < 0 && !fdt->error)
        fdt->error = rc;
}

int fdt_init(struct fdt *fdt, struct err *err)
{
    *fdt = (struct fdt){.blob = xalloc(FDT_ROOM), .next_phandle = 1};
    note(fdt, fdt_create(fdt->blob, FDT_ROOM));
    note(fdt, fdt_finish_reservemap(fdt->blob));
    return fdt->error ? err_set(err, ENOMEM, "device tree: %s", fdt_strerror(fdt->error)) : 0;
}

int fdt_complete(struct fdt *fdt, u32 *out_size, struct err *err)
{
    note(fdt, fdt_finish(fdt->blob));
    if (fdt->error)
        return err_set(err, ENOMEM, "device tree: %s", fdt_strerror(fdt->error));
    *out_size = fdt_totalsize(fdt->blob);
    return 0;
}

void fdt_done(struct fdt *fdt)
{
    free(fdt->blob);
    fdt->blob = NULL;
}

u32 fdt_new_phandle(struct fdt *fdt)
{
    return fdt->next_phandle++;
}

void fdt_begin(struct fdt *fdt, const char *fmt, ...)
{
    char    name[64];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof(name), fmt, ap);
    va_end(ap);
    note(fdt, fdt_begin_node(fdt->blob, name));
}

void fdt_end(struct fdt *fdt)
{
    note(fdt, fdt_end_node(fdt->blob));
}

void fdt_str(struct fdt *fdt, const char *name, const char *value)
{
    note(fdt, fdt_property(fdt->blob, name, value, (int)strlen(value) + 1));
}

void fdt_strs(struct fdt *fdt, const char *name, const char *values, size_t len)
{
    note(fdt, fdt_property(fdt->blob, name, values, (int)len));
}

void fdt_u32(struct fdt *fdt, const char *name, u32 value)
{
    note(fdt, fdt_property_u32(fdt->blob, name, value));
}

void fdt_u64(struct fdt *fdt, const char *name, u64 value)
{
    note(fdt, fdt_property_u64(fdt->blob, name, value));
}

void fdt_cells(struct fdt *fdt, const char *name, const u32 *cells, unsigned n)
{
    void *room = NULL;
    note(fdt, fdt_property_placeholder(fdt->blob, name, (int)(n * 4), &room));
    for (unsigned i = 0; room && i < n; i++)
        fdt32_st((u8 *)room + 4 * i, cells[i]);
}

void fdt_flag(struct fdt *fdt, const char *name)
{
    note(fdt, fdt_property(fdt->blob, name, NULL, 0));
}

void fdt_reg(struct fdt *fdt, u64 base, u64 len)
{
    u32 cells[] = {(u32)(base >> 32), (u32)base, (u32)(len >> 32), (u32)len};
    fdt_cells(fdt, "reg", cells, ARRAY_SIZE(cells));
}

void fdt_irq(struct fdt *fdt, u32 line)
{
    fdt_u32(fdt, "interrupt-parent", fdt->intc);
    fdt_u32(fdt, "interrupts", line);
}

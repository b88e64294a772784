/* device/finisher.c - a write of 0x5555 ends the machine well, 0x3333 with the status in its
 * upper half, 0x7777 resets it. As on SiFive's boards and QEMU's virt. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/finisher.h"

#include "base/alloc.h"
#include "device/fdt.h"

enum { FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555, FINISHER_RESET = 0x7777 };

struct finisher {
    struct device       dev;
    struct finisher_ops ops;
};

static u64 finisher_read(struct device *dev, u64 off, unsigned width)
{
    (void)dev;
    (void)off;
    (void)width;
    return 0;
}

static void finisher_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    struct finisher *f = container_of(dev, struct finisher, dev);
    (void)width;
    if (off != 0)
        return;
    switch (val & 0xffff) {
    case FINISHER_PASS:
        f->ops.off(f->ops.ctx, 0);
        break;
    case FINISHER_FAIL:
        f->ops.off(f->ops.ctx, (int)(val >> 16 & 0xffff));
        break;
    case FINISHER_RESET:
        f->ops.reset(f->ops.ctx);
        break;
    }
    /* Any other word is the guest's mistake, not ours: ignored, as hardware does. */
}

static void finisher_destroy(struct device *dev)
{
    device_done(dev);
    free(container_of(dev, struct finisher, dev));
}

static void command(struct fdt *fdt, const char *name, const char *compatible, u32 regmap, u32 val)
{
    fdt_begin(fdt, "%s", name);
    fdt_str(fdt, "compatible", compatible);
    fdt_u32(fdt, "regmap", regmap);
    fdt_u32(fdt, "offset", 0);
    fdt_u32(fdt, "value", val);
    fdt_end(fdt);
}

static int finisher_describe(const struct device *dev, struct fdt *fdt)
{
    static const char compatible[] = "sifive,test1\0sifive,test0\0syscon";
    u32               phandle      = fdt_new_phandle(fdt);
    fdt_begin(fdt, "test@%llx", (unsigned long long)dev->base);
    fdt_strs(fdt, "compatible", compatible, sizeof(compatible));
    fdt_reg(fdt, dev->base, dev->len);
    fdt_u32(fdt, "phandle", phandle);
    fdt_end(fdt);
    command(fdt, "poweroff", "syscon-poweroff", phandle, FINISHER_PASS);
    command(fdt, "reboot", "syscon-reboot", phandle, FINISHER_RESET);
    return 0;
}

static const struct device_ops ops = {
    .name      = "finisher",
    .width_min = 2,
    .width_max = 4,
    .read      = finisher_read,
    .write     = finisher_write,
    .destroy   = finisher_destroy,
    .describe  = finisher_describe,
};

int finisher_create(struct device **out, const struct finisher_ops *how, struct err *err)
{
    struct finisher *f = xnew(struct finisher);
    (void)err;
    device_init(&f->dev, &ops);
    f->ops = *how;
    *out   = &f->dev;
    return 0;
}

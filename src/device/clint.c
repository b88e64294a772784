/* device/clint.c - see clint.h. RISC-V ACLINT specification, 1.0-rc4, 2 and 3.
 *
 * mtime is the machine's clock; writes move it by an offset, for all harts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/clint.h"

#include "base/alloc.h"
#include "device/fdt.h"
#include "vm/clock.h"
#include "vm/vcpu.h"

enum { HARTS = 8, AT_MSIP = 0, AT_MTIMECMP = 0x4000, AT_MTIME = 0xbff8 };

struct clint {
    struct device       dev;
    struct clint_config config;
    struct vcpu        *harts[HARTS];
    u32                 parents[HARTS];
    struct timer        timers[HARTS];
    u32                 msip[HARTS];
    u64                 mtimecmp[HARTS];
    u64                 offset; /* mtime - the clock's ticks */
};

static struct clint *to_clint(struct device *dev)
{
    return container_of(dev, struct clint, dev);
}

static u64 mtime(const struct clint *c)
{
    return clock_now(c->config.clock) / (1000000000u / c->config.hz) + c->offset;
}

static void update_timer(struct clint *c, unsigned hart)
{
    u64          now = mtime(c), per_tick = 1000000000u / c->config.hz;
    struct vcpu *v   = c->harts[hart];
    bool         due = now >= c->mtimecmp[hart];
    v->ops->irq(v, c->config.timer_line, due);
    u64 ticks = c->mtimecmp[hart] - c->offset; /* on the clock's own scale */
    if (!due && ticks < UINT64_MAX / per_tick)
        clock_arm(c->config.clock, &c->timers[hart], ticks * per_tick);
    else
        clock_disarm(c->config.clock, &c->timers[hart]);
}

static void update_all(struct clint *c)
{
    for (unsigned i = 0; i < c->config.n_harts; i++)
        update_timer(c, i);
}

static void timer_fired(void *ctx)
{
    struct clint *c = ctx;
    device_lock(&c->dev);
    update_all(c);
    device_unlock(&c->dev);
}

/* The 64-bit register that OFF lies in: mtime, a mtimecmp, or NULL. */
static u64 *wide_register(struct clint *c, u64 off, u64 *time)
{
    if (off >= AT_MTIME) {
        *time = mtime(c);
        return time;
    }
    u64 hart = (off - AT_MTIMECMP) / 8;
    return off >= AT_MTIMECMP && hart < c->config.n_harts ? &c->mtimecmp[hart] : NULL;
}

static u64 clint_read(struct device *dev, u64 off, unsigned width)
{
    struct clint *c = to_clint(dev);
    u64           time;
    if (off / 4 < c->config.n_harts)
        return c->msip[off / 4];
    u64 *reg = wide_register(c, off, &time);
    if (!reg)
        return 0;
    return width == 8 ? *reg : (u32)(*reg >> 8 * (off & 4));
}

static void clint_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    struct clint *c = to_clint(dev);
    u64           time;
    if (off / 4 < c->config.n_harts) {
        struct vcpu *v   = c->harts[off / 4];
        c->msip[off / 4] = val & 1;
        v->ops->irq(v, c->config.soft_line, val & 1);
        return;
    }
    u64 *reg = wide_register(c, off, &time);
    if (!reg)
        return;
    unsigned shift = width == 8 ? 0 : 8 * (off & 4);
    u64      mask  = width == 8 ? ~0ull : 0xffffffffull << shift;
    u64      now   = (*reg & ~mask) | (val << shift & mask);
    if (reg == &time) {
        c->offset += now - time;
        update_all(c);
    } else {
        *reg = now;
        update_timer(c, (unsigned)((off - AT_MTIMECMP) / 8));
    }
}

static void clint_reset(struct device *dev)
{
    struct clint *c = to_clint(dev);
    c->offset       = 0;
    for (unsigned i = 0; i < c->config.n_harts; i++) {
        struct vcpu *v = c->harts[i];
        c->msip[i]     = 0;
        c->mtimecmp[i] = ~0ull;
        v->ops->irq(v, c->config.soft_line, false);
    }
    update_all(c);
}

static void clint_destroy(struct device *dev)
{
    struct clint *c = to_clint(dev);
    for (unsigned i = 0; i < c->config.n_harts; i++)
        clock_disarm(c->config.clock, &c->timers[i]);
    device_done(dev);
    free(c);
}

void clint_set_parents(struct device *dev, const u32 *phandles)
{
    struct clint *c = to_clint(dev);
    for (unsigned i = 0; i < c->config.n_harts; i++)
        c->parents[i] = phandles[i];
}

static int clint_describe(const struct device *dev, struct fdt *fdt)
{
    static const char   compatible[] = "sifive,clint0\0riscv,clint0";
    const struct clint *c            = container_of(dev, struct clint, dev);
    u32                 cells[4 * HARTS];
    for (unsigned i = 0; i < c->config.n_harts; i++) {
        cells[4 * i] = cells[4 * i + 2] = c->parents[i];
        cells[4 * i + 1]                = c->config.soft_line;
        cells[4 * i + 3]                = c->config.timer_line;
    }
    fdt_begin(fdt, "clint@%llx", (unsigned long long)dev->base);
    fdt_strs(fdt, "compatible", compatible, sizeof(compatible));
    fdt_reg(fdt, dev->base, dev->len);
    fdt_cells(fdt, "interrupts-extended", cells, 4 * c->config.n_harts);
    fdt_end(fdt);
    return 0;
}

static int clint_load(struct device *dev, struct snap *snap, struct err *err)
{
    (void)snap;
    (void)err;
    update_all(to_clint(dev));
    return 0;
}

static const struct field fields[] = {FIELD(struct clint, msip), FIELD(struct clint, mtimecmp),
                                      FIELD(struct clint, offset), FIELDS_END};

static const struct device_ops ops = {
    .name      = "clint",
    .width_min = 4,
    .width_max = 8,
    .read      = clint_read,
    .write     = clint_write,
    .reset     = clint_reset,
    .destroy   = clint_destroy,
    .describe  = clint_describe,
    .fields    = fields,
    .load      = clint_load,
};

int clint_create(struct device **out, const struct clint_config *config, struct err *err)
{
    if (config->n_harts > HARTS)
        return err_set(err, EINVAL, "a CLINT for more than %d harts", HARTS);
    struct clint *c = xnew(struct clint);
    device_init(&c->dev, &ops);
    c->config = *config;
    for (unsigned i = 0; i < config->n_harts; i++) {
        c->harts[i]    = config->harts[i];
        c->timers[i]   = (struct timer){.fire = timer_fired, .ctx = c};
        c->mtimecmp[i] = ~0ull;
    }
    *out = &c->dev;
    return 0;
}

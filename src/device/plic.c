/* device/plic.c - RISC-V Platform-Level Interrupt Controller Specification, 1.0.0.
 *
 * Sources are levels: a source is pending while its wire is high and nobody has claimed it.
 * set comes from any thread and takes the device's lock, as the bus does. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/plic.h"

#include "base/alloc.h"
#include "device/fdt.h"
#include "vm/vcpu.h"

enum { WORDS = PLIC_SOURCES / 32, HARTS = 8, CONTEXTS = 2 * HARTS };
enum { AT_PENDING = 0x1000, AT_ENABLE = 0x2000, AT_CONTEXT = 0x200000 };

struct plic {
    struct device dev;
    struct vcpu  *harts[HARTS];
    unsigned      n_contexts;
    unsigned      lines[2];
    u32           parents[HARTS];

    u32 priority[PLIC_SOURCES];
    u32 level[WORDS], pending[WORDS], claimed[WORDS];
    u32 enable[CONTEXTS][WORDS];
    u32 threshold[CONTEXTS];
};

static struct plic *to_plic(struct device *dev)
{
    return container_of(dev, struct plic, dev);
}

/* The source that CONTEXT would claim now; 0: none. */
static unsigned best(const struct plic *p, unsigned context)
{
    unsigned which = 0;
    u32      most  = p->threshold[context];
    for (unsigned w = 0; w < WORDS; w++)
        for (u32 due = p->pending[w] & p->enable[context][w]; due; due &= due - 1) {
            unsigned source = 32 * w + (unsigned)__builtin_ctz(due);
            if (p->priority[source] > most) {
                most  = p->priority[source];
                which = source;
            }
        }
    return which;
}

static void update(struct plic *p)
{
    for (unsigned c = 0; c < p->n_contexts; c++) {
        struct vcpu *v = p->harts[c / 2];
        v->ops->irq(v, p->lines[c % 2], best(p, c) != 0);
    }
}

static void set_line(void *chip, unsigned source, bool high)
{
    struct plic *p   = chip;
    u32          bit = 1u << source % 32;
    assert(source > 0 && source < PLIC_SOURCES);
    device_lock(&p->dev);
    u32 was               = p->level[source / 32];
    p->level[source / 32] = high ? was | bit : was & ~bit;
    if (was != p->level[source / 32]) {
        if (high && !(p->claimed[source / 32] & bit))
            p->pending[source / 32] |= bit;
        if (!high)
            p->pending[source / 32] &= ~bit;
        update(p);
    }
    device_unlock(&p->dev);
}

struct irq plic_irq(struct device *dev, unsigned source)
{
    assert(source > 0 && source < PLIC_SOURCES);
    return (struct irq){set_line, to_plic(dev), source};
}

static u32 claim(struct plic *p, unsigned context)
{
    unsigned source = best(p, context);
    if (source) {
        p->pending[source / 32] &= ~(1u << source % 32);
        p->claimed[source / 32] |= 1u << source % 32;
        update(p);
    }
    return source;
}

static void complete(struct plic *p, unsigned context, u32 source)
{
    u32 bit = 1u << source % 32;
    if (source == 0 || source >= PLIC_SOURCES || !(p->enable[context][source / 32] & bit))
        return; /* 9: silently ignored */
    p->claimed[source / 32] &= ~bit;
    if (p->level[source / 32] & bit)
        p->pending[source / 32] |= bit;
    update(p);
}

/* The enable word at OFF; NULL: none is there. */
static u32 *enable_word(struct plic *p, u64 off)
{
    u64 context = (off - AT_ENABLE) / 0x80, word = (off - AT_ENABLE) % 0x80 / 4;
    return context < p->n_contexts && word < WORDS ? &p->enable[context][word] : NULL;
}

static u64 plic_read(struct device *dev, u64 off, unsigned width)
{
    struct plic *p = to_plic(dev);
    (void)width;
    if (off < AT_PENDING)
        return off / 4 < PLIC_SOURCES ? p->priority[off / 4] : 0;
    if (off < AT_ENABLE)
        return (off - AT_PENDING) / 4 < WORDS ? p->pending[(off - AT_PENDING) / 4] : 0;
    if (off < AT_CONTEXT) {
        u32 *word = enable_word(p, off);
        return word ? *word : 0;
    }
    u64 context = (off - AT_CONTEXT) / 0x1000;
    if (context >= p->n_contexts)
        return 0;
    switch (off % 0x1000) {
    case 0:
        return p->threshold[context];
    case 4:
        return claim(p, (unsigned)context);
    default:
        return 0;
    }
}

static void plic_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    struct plic *p = to_plic(dev);
    (void)width;
    if (off < AT_PENDING) {
        if (off / 4 > 0 && off / 4 < PLIC_SOURCES)
            p->priority[off / 4] = val & 7;
    } else if (off >= AT_ENABLE && off < AT_CONTEXT) {
        u32 *word = enable_word(p, off);
        if (word)
            *word = off % 0x80 < 4 ? (u32)val & ~1u : (u32)val; /* source 0 is no source */
    } else if (off >= AT_CONTEXT && (off - AT_CONTEXT) / 0x1000 < p->n_contexts) {
        unsigned context = (unsigned)((off - AT_CONTEXT) / 0x1000);
        if (off % 0x1000 == 0)
            p->threshold[context] = val & 7;
        if (off % 0x1000 == 4)
            complete(p, context, (u32)val);
    }
    update(p);
}

static void plic_reset(struct device *dev)
{
    struct plic *p = to_plic(dev);
    for (unsigned i = 0; i < PLIC_SOURCES; i++)
        p->priority[i] = 0;
    for (unsigned c = 0; c < CONTEXTS; c++) {
        p->threshold[c] = 0;
        for (unsigned w = 0; w < WORDS; w++)
            p->enable[c][w] = 0;
    }
    for (unsigned w = 0; w < WORDS; w++) {
        p->claimed[w] = 0;
        p->pending[w] = p->level[w];
    }
    update(p);
}

static void plic_destroy(struct device *dev)
{
    device_done(dev);
    free(to_plic(dev));
}

void plic_set_parents(struct device *dev, const u32 *phandles)
{
    struct plic *p = to_plic(dev);
    for (unsigned i = 0; i < p->n_contexts / 2; i++)
        p->parents[i] = phandles[i];
}

static int plic_describe(const struct device *dev, struct fdt *fdt)
{
    static const char  compatible[] = "sifive,plic-1.0.0\0riscv,plic0";
    const struct plic *p            = container_of(dev, struct plic, dev);
    u32                cells[2 * CONTEXTS];
    for (unsigned c = 0; c < p->n_contexts; c++) {
        cells[2 * c]     = p->parents[c / 2];
        cells[2 * c + 1] = p->lines[c % 2];
    }
    fdt->intc = fdt_new_phandle(fdt);
    fdt_begin(fdt, "plic@%llx", (unsigned long long)dev->base);
    fdt_strs(fdt, "compatible", compatible, sizeof(compatible));
    fdt_reg(fdt, dev->base, dev->len);
    fdt_flag(fdt, "interrupt-controller");
    fdt_u32(fdt, "#interrupt-cells", 1);
    fdt_u32(fdt, "#address-cells", 0);
    fdt_cells(fdt, "interrupts-extended", cells, 2 * p->n_contexts);
    fdt_u32(fdt, "riscv,ndev", PLIC_SOURCES - 1);
    fdt_u32(fdt, "phandle", fdt->intc);
    fdt_end(fdt);
    return 0;
}

#define F(m) FIELD(struct plic, m)
static const struct field fields[] = {F(priority), F(level),     F(pending), F(claimed),
                                      F(enable),   F(threshold), FIELDS_END};
#undef F

static int plic_load(struct device *dev, struct snap *snap, struct err *err)
{
    (void)snap;
    (void)err;
    update(to_plic(dev));
    return 0;
}

static const struct device_ops ops = {
    .name      = "plic",
    .width_min = 4,
    .width_max = 4,
    .read      = plic_read,
    .write     = plic_write,
    .reset     = plic_reset,
    .destroy   = plic_destroy,
    .describe  = plic_describe,
    .fields    = fields,
    .load      = plic_load,
};

int plic_create(struct device **out, struct vcpu **harts, unsigned n_harts, unsigned m_line,
                unsigned s_line, struct err *err)
{
    if (n_harts > HARTS)
        return err_set(err, EINVAL, "an interrupt controller for more than %d harts", HARTS);
    struct plic *p = xnew(struct plic);
    device_init(&p->dev, &ops);
    for (unsigned i = 0; i < n_harts; i++)
        p->harts[i] = harts[i];
    p->n_contexts = 2 * n_harts;
    p->lines[0]   = m_line;
    p->lines[1]   = s_line;
    *out          = &p->dev;
    return 0;
}

/* machine/virt.c - the board `virt` of riscv64: a table of where its devices are, and its device
 * tree.
 *
 * Compatible with the board of the same name that distributions boot on: the same addresses
 * and interrupt numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "device/clint.h"
#include "device/finisher.h"
#include "device/pci.h"
#include "device/plic.h"
#include "device/rtc.h"
#include "device/uart.h"
#include "machine/boot.h"
#include "machine/state.h"
#include "rv64/rv64.h"

static int make_plic(struct device **out, struct machine *m, const struct irq *irq, struct err *err)
{
    struct vcpu *vcpus[HARTS_MAX];
    (void)irq;
    for (unsigned i = 0; i < m->n_harts; i++)
        vcpus[i] = m->harts[i].vcpu;
    int rc  = plic_create(out, vcpus, m->n_harts, RV64_MEIP, RV64_SEIP, err);
    m->plic = rc ? NULL : *out;
    return rc;
}

static int make_clint(struct device **out, struct machine *m, const struct irq *irq,
                      struct err *err)
{
    struct vcpu *vcpus[HARTS_MAX];
    (void)irq;
    for (unsigned i = 0; i < m->n_harts; i++)
        vcpus[i] = m->harts[i].vcpu;
    struct clint_config config = {vcpus,     m->n_harts,        RV64_MSIP,
                                  RV64_MTIP, m->instance.clock, RV64_TIMEBASE_HZ};
    int                 rc     = clint_create(out, &config, err);
    m->clint                   = rc ? NULL : *out;
    return rc;
}

static int make_finisher(struct device **out, struct machine *m, const struct irq *irq,
                         struct err *err)
{
    (void)irq;
    return finisher_create(out, &(struct finisher_ops){machine_off, machine_restart, m}, err);
}

static int make_rtc(struct device **out, struct machine *m, const struct irq *irq, struct err *err)
{
    return rtc_create(out, m->instance.clock, irq, err);
}

static int make_uart(struct device **out, struct machine *m, const struct irq *irq, struct err *err)
{
    int rc  = uart_create(out, m->instance.console, irq, !has_virtio_console(m), err);
    m->uart = rc ? NULL : *out;
    return rc;
}

/* The map. The PLIC comes first: it hands out the wires. */
static const struct row {
    u64      base, len;
    unsigned irq; /* 0: none */
    int (*make)(struct device **, struct machine *, const struct irq *, struct err *);
} devices[] = {
    {0x0c000000, PLIC_LENGTH, 0, make_plic}, {0x02000000, CLINT_LENGTH, 0, make_clint},
    {0x00100000, 0x1000, 0, make_finisher},  {0x00101000, 0x1000, 11, make_rtc},
    {0x10000000, 0x100, 10, make_uart},
};

static int add_device(struct machine *m, const struct row *row, struct err *err)
{
    struct irq     irq = row->irq ? plic_irq(m->plic, row->irq) : (struct irq){0};
    struct device *dev;
    int            rc = row->make(&dev, m, &irq, err);
    if (rc)
        return rc;
    rc = bus_attach(m->bus, row->base, row->len, dev, err);
    if (rc)
        dev->ops->destroy(dev);
    return rc;
}

static void tell_tohost(void *ctx, u64 val)
{
    struct machine *m = ctx;
    if (val & 1) /* HTIF: an odd word ends the program, its upper bits are the status */
        machine_ended(m, (int)(val >> 1 & 255), val >> 1 ? "tohost" : "power off");
}

static int add_harts(struct machine *m, struct err *err)
{
    for (unsigned i = 0; i < m->n_harts; i++) {
        struct rv64_config config = {
            .hart_id = i,
            .sbi     = m->firmware == FIRMWARE_BUILTIN,
            .jit     = m->jit,
            .hard    = m->instance.spec->jit,
            .alone   = m->n_harts == 1,
            .vlen    = m->instance.spec->vlen,
            .tohost  = m->tohost,
            .told    = tell_tohost,
            .ctx     = m,
        };
        m->harts[i].m = m;
        int rc = rv64_create(&m->harts[i].vcpu, &config, m->ram, m->bus, m->instance.clock, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int virt_build(struct machine *m, struct err *err)
{
    u64 bytes = ALIGN_DOWN(m->instance.spec->memory_bytes, (u64)4096);
    int rc    = ram_create(&m->ram, err);
    if (!rc)
        rc = bus_create(&m->bus, err);
    if (!rc)
        rc = ram_add(m->ram, DRAM_BASE, bytes, 0, err);
    if (!rc)
        rc = add_harts(m, err);
    for (unsigned i = 0; !rc && i < ARRAY_SIZE(devices); i++)
        rc = add_device(m, &devices[i], err);
    if (!rc)
        rc = plugged_build(m, err);
    return rc;
}

/* --- the device tree --- */

static void describe_hart(struct machine *m, unsigned i, u32 *phandle)
{
    struct fdt *fdt  = &m->fdt;
    unsigned    vlen = m->instance.spec->vlen;
    const char *e;
    char        names[512] = "", isa[RV64_ISA_ROOM];
    size_t      n          = 0;
    for (unsigned k = 0; (e = rv64_extension(vlen, k)); k++)
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s", e) + 1;
    rv64_isa(vlen, isa);

    *phandle = fdt_new_phandle(fdt);
    fdt_begin(fdt, "cpu@%x", i);
    fdt_str(fdt, "device_type", "cpu");
    fdt_u32(fdt, "reg", i);
    fdt_str(fdt, "status", "okay");
    fdt_str(fdt, "compatible", "riscv");
    fdt_str(fdt, "riscv,isa", isa);
    fdt_str(fdt, "riscv,isa-base", "rv64i");
    fdt_strs(fdt, "riscv,isa-extensions", names, n);
    fdt_u32(fdt, "riscv,cbom-block-size", RV64_CBO_BYTES);
    fdt_u32(fdt, "riscv,cboz-block-size", RV64_CBO_BYTES);
    fdt_u32(fdt, "riscv,cbop-block-size", RV64_CBO_BYTES);
    fdt_str(fdt, "mmu-type", "riscv,sv57");
    fdt_begin(fdt, "interrupt-controller");
    fdt_u32(fdt, "#interrupt-cells", 1);
    fdt_flag(fdt, "interrupt-controller");
    fdt_str(fdt, "compatible", "riscv,cpu-intc");
    fdt_u32(fdt, "phandle", *phandle);
    fdt_end(fdt);
    fdt_end(fdt);
}

static void describe_cpus(struct machine *m, u32 *phandles)
{
    fdt_begin(&m->fdt, "cpus");
    fdt_u32(&m->fdt, "#address-cells", 1);
    fdt_u32(&m->fdt, "#size-cells", 0);
    fdt_u32(&m->fdt, "timebase-frequency", RV64_TIMEBASE_HZ);
    for (unsigned i = 0; i < m->n_harts; i++)
        describe_hart(m, i, &phandles[i]);
    fdt_end(&m->fdt);
}

static void describe_memory(struct machine *m)
{
    for (unsigned i = 0; i < ram_count(m->ram); i++) {
        const struct ram_range *r = ram_range(m->ram, i);
        fdt_begin(&m->fdt, "memory@%llx", (unsigned long long)r->base);
        fdt_str(&m->fdt, "device_type", "memory");
        fdt_reg(&m->fdt, r->base, r->len);
        fdt_end(&m->fdt);
    }
}

static void describe_devices(struct machine *m, const u32 *phandles)
{
    plic_set_parents(m->plic, phandles);
    clint_set_parents(m->clint, phandles);
    fdt_begin(&m->fdt, "soc");
    fdt_u32(&m->fdt, "#address-cells", 2);
    fdt_u32(&m->fdt, "#size-cells", 2);
    fdt_str(&m->fdt, "compatible", "simple-bus");
    fdt_flag(&m->fdt, "ranges");
    m->plic->ops->describe(m->plic, &m->fdt);
    struct device *dev;
    for (unsigned i = 0; (dev = bus_device(m->bus, i)); i++)
        if (dev != m->plic && dev->ops->describe &&
            !(dev == m->clint && m->firmware == FIRMWARE_BUILTIN)) /* M mode's: not for S */
            dev->ops->describe(dev, &m->fdt);
    fdt_end(&m->fdt);
}

int virt_describe(struct machine *m, const struct board_chosen *chosen, u32 *size, struct err *err)
{
    u32 phandles[HARTS_MAX];
    fdt_done(&m->fdt);
    int rc = fdt_init(&m->fdt, err);
    if (rc)
        return rc;
    fdt_begin(&m->fdt, "%s", "");
    fdt_str(&m->fdt, "compatible", "riscv-virtio");
    fdt_str(&m->fdt, "model", "riscv-virtio,guise");
    fdt_u32(&m->fdt, "#address-cells", 2);
    fdt_u32(&m->fdt, "#size-cells", 2);
    fdt_begin(&m->fdt, "chosen");
    fdt_str(&m->fdt, "stdout-path", "/soc/serial@10000000");
    if (chosen->bootargs && *chosen->bootargs)
        fdt_str(&m->fdt, "bootargs", chosen->bootargs);
    if (chosen->initrd_end) {
        fdt_u64(&m->fdt, "linux,initrd-start", chosen->initrd_start);
        fdt_u64(&m->fdt, "linux,initrd-end", chosen->initrd_end);
    }
    fdt_cells(&m->fdt, "rng-seed", chosen->seed, ARRAY_SIZE(chosen->seed));
    fdt_end(&m->fdt);
    describe_memory(m);
    describe_cpus(m, phandles);
    describe_devices(m, phandles);
    fdt_end(&m->fdt);
    return fdt_complete(&m->fdt, size, err);
}

/* --- what must be known of the workload before there is a board --- */

static enum firmware firmware_of(const struct spec *spec)
{
    if (!spec->firmware || !strcmp(spec->firmware, "builtin"))
        return FIRMWARE_BUILTIN;
    return !strcmp(spec->firmware, "none") ? FIRMWARE_NONE : FIRMWARE_FILE;
}

static int virt_look(struct machine *m, struct err *err)
{
    const char *engine = m->instance.spec->engine;
    struct file f;
    m->firmware = firmware_of(m->instance.spec);
    m->jit      = !engine || strcmp(engine, "interp");
    int rc      = file_open(&f, m->instance.spec->workload, err);
    if (rc && m->instance.restoring)
        return 0; /* its bytes are in the snapshot */
    if (rc)
        return rc;
    m->workload_is_disk = file_type(&f) == FILE_DISK;
    if (m->firmware == FIRMWARE_NONE && file_type(&f) == FILE_ELF)
        m->tohost = elf_symbol(&f, "tohost");
    if (m->workload_is_disk && !m->instance.spec->kernel && m->firmware != FIRMWARE_FILE)
        rc = err_set(err, EINVAL,
                     "'%s' is a disk: say what boots it, with --kernel FILE or "
                     "--firmware FILE",
                     m->instance.spec->workload);
    file_close(&f);
    return rc;
}

/* --- the harts --- */

/* Takes over a start that another hart asked for. */
static void virt_begin(struct hart *hart)
{
    const struct vcpu_ops *ops = hart->vcpu->ops;
    rv64_reset(hart->vcpu);
    ops->set(hart->vcpu, RV64_REG_X0 + 10, hart->vcpu->id);
    ops->set(hart->vcpu, RV64_REG_X0 + 11, hart->start_arg);
    ops->set(hart->vcpu, RV64_REG_PC, hart->start_pc);
    hart->state = HART_STARTED;
}

static void virt_left(struct hart *hart, const struct vcpu_exit *exit)
{
    if (exit->why == VCPU_IDLE)
        rv64_wait(hart->vcpu);
    else if (exit->why == VCPU_SYSCALL)
        sbi_call(hart);
}

static void virt_reset(struct hart *hart)
{
    const struct machine  *m   = hart->m;
    const struct vcpu_ops *ops = hart->vcpu->ops;
    rv64_reset(hart->vcpu);
    ops->set(hart->vcpu, RV64_REG_PC, m->entry.pc);
    ops->set(hart->vcpu, RV64_REG_X0 + 10, hart->vcpu->id);
    ops->set(hart->vcpu, RV64_REG_X0 + 11, m->entry.fdt);
    ops->set(hart->vcpu, RV64_REG_X0 + 12, m->entry.dynamic);
    bool waits  = m->firmware == FIRMWARE_BUILTIN && hart->vcpu->id > 0;
    hart->state = waits ? HART_STOPPED : HART_STARTED;
}

static void virt_stats(struct hart *hart, struct stats *stats)
{
    unsigned           i = hart->vcpu->id;
    struct rv64_counts c;
    rv64_counts(hart->vcpu, &c);
    stats_add(stats, c.instructions, "", "cpu%u.instructions", i);
    stats_add(stats, c.traps, "", "cpu%u.exceptions", i);
    stats_add(stats, c.interrupts, "", "cpu%u.interrupts", i);
    stats_add(stats, c.tlb_misses, "", "cpu%u.tlb_misses", i);
    stats_add(stats, c.page_walks, "", "cpu%u.page_walks", i);
    stats_add(stats, c.mmio, "", "cpu%u.mmio", i);
    stats_add(stats, c.blocks, "", "cpu%u.blocks_decoded", i);
}

static int virt_engine(struct machine *m, const char *name, struct err *err)
{
    bool jit = !strcmp(name, "jit");
    int  rc  = 0;
    for (unsigned i = 0; !rc && i < m->n_harts; i++)
        rc = rv64_use_jit(m->harts[i].vcpu, jit, err);
    if (!rc)
        m->jit = jit;
    for (unsigned i = 0; rc && i < m->n_harts; i++)
        rv64_use_jit(m->harts[i].vcpu, m->jit, NULL); /* as it was: that is there already */
    return rc;
}

static int virt_save(struct machine *m, struct snap *snap, struct err *err)
{
    (void)err;
    for (unsigned i = 0; i < m->n_harts; i++)
        rv64_save(m->harts[i].vcpu, snap);
    return 0;
}

static int virt_restore(struct machine *m, struct snap *snap, struct err *err)
{
    int rc = 0;
    for (unsigned i = 0; !rc && i < m->n_harts; i++) {
        rc = rv64_load(m->harts[i].vcpu, snap, err);
        rv64_set_tohost(m->harts[i].vcpu, m->tohost);
    }
    return rc;
}

/* --- where things are plugged in --- */

enum { SLOTS = 8, SLOT_IRQ = 1, PCI_IRQ = 32 };

static int slot_wire(struct machine *m, unsigned slot, struct irq *out, struct err *err)
{
    (void)err;
    *out = plic_irq(m->plic, SLOT_IRQ + slot);
    return 0;
}

static int pci_windows(struct machine *m, struct pci_layout *out, struct err *err)
{
    /* The wide window lies behind all memory. */
    const struct ram_range *top  = ram_range(m->ram, ram_count(m->ram) - 1);
    u64                     wide = MAX(ALIGN_UP(top->base + top->len, GiB(16)), GiB(16));
    (void)err;
    *out = (struct pci_layout){.ecam   = {0x30000000, 0x10000000},
                               .pio    = {0x03000000, 0x10000},
                               .mmio32 = {0x40000000, 0x40000000},
                               .mmio64 = {wide, GiB(16)}};
    for (unsigned i = 0; i < 4; i++)
        out->irq[i] = plic_irq(m->plic, PCI_IRQ + i);
    return 0;
}

static void virt_destroy(struct machine *m)
{
    fdt_done(&m->fdt);
}

static const char *const engines[] = {"jit", "interp", NULL};

const struct board board_virt = {
    .name       = "virt",
    .engines    = engines,
    .memory_min = MiB(4),
    .sockets    = {.base  = 0x10001000,
                   .slots = SLOTS,
                   .empty = true,
                   .bus   = "pci",
                   .wire  = slot_wire,
                   .pci   = pci_windows},
    .look       = virt_look,
    .build      = virt_build,
    .load       = boot_load,
    .destroy    = virt_destroy,
    .reset      = virt_reset,
    .begin      = virt_begin,
    .left       = virt_left,
    .stats      = virt_stats,
    .engine     = virt_engine,
    .save       = virt_save,
    .restore    = virt_restore,
    .debugs     = true,
    .traces     = true,
};

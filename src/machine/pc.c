/* machine/pc.c - the board `pc`: an x86-64 computer that the host's hardware runs (pc.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "machine/pc.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "device/ports.h"
#include "device/uart.h"
#include "device/virtio/virtio.h"

/* --- the map of its ports --- */

static const struct finisher_ops *ends_of(struct machine *m)
{
    m->pc->ends = (struct finisher_ops){machine_off, machine_restart, m};
    return &m->pc->ends;
}

static int make_cmos(struct device **out, struct machine *m, const struct irq *irq, struct err *err)
{
    (void)irq;
    return cmos_create(out, m->instance.clock, err);
}

static int make_i8042(struct device **out, struct machine *m, const struct irq *irq,
                      struct err *err)
{
    (void)irq;
    return i8042_create(out, ends_of(m), err);
}

static int make_power(struct device **out, struct machine *m, const struct irq *irq,
                      struct err *err)
{
    (void)irq;
    return power_create(out, ends_of(m), err);
}

static int make_exit(struct device **out, struct machine *m, const struct irq *irq, struct err *err)
{
    (void)irq;
    return exit_port_create(out, ends_of(m), err);
}

static int make_uart(struct device **out, struct machine *m, const struct irq *irq, struct err *err)
{
    int rc  = uart_create(out, m->instance.console, irq, !has_virtio_console(m), err);
    m->uart = rc ? NULL : *out;
    return rc;
}

static const struct row {
    u16      base, len;
    unsigned gsi; /* 0: none */
    int (*make)(struct device **, struct machine *, const struct irq *, struct err *);
} ports[] = {
    {PC_I8042, I8042_PORTS, 0, make_i8042}, {PC_CMOS, CMOS_PORTS, 0, make_cmos},
    {PC_EXIT, EXIT_PORTS, 0, make_exit},    {PC_COM1, 8, PC_COM1_GSI, make_uart},
    {PC_POWER, POWER_PORTS, 0, make_power},
};

static int add_port(struct machine *m, const struct row *row, struct err *err)
{
    struct irq     irq = {0};
    struct device *dev;
    int            rc = row->gsi ? kvm_wire(m->pc->vm, row->gsi, &irq, err) : 0;
    if (!rc)
        rc = row->make(&dev, m, &irq, err);
    if (rc)
        return rc;
    rc = bus_attach(m->pc->ports, row->base, row->len, dev, err);
    if (rc)
        dev->ops->destroy(dev);
    return rc;
}

/* --- building --- */

static int check(const struct spec *spec, struct err *err)
{
    if (spec->cpu && !kvm_cpu_model_ok(spec->cpu))
        return err_set(err, EINVAL, "no CPU '%s'; there are: %s", spec->cpu, kvm_cpu_models());
    if (spec->firmware && strcmp(spec->firmware, "none"))
        return err_set(err, ENOTSUP, "--firmware: the board 'pc' boots without");
    return 0;
}

static int pc_look(struct machine *m, struct err *err)
{
    const struct spec *spec = m->instance.spec;
    struct pc_bare     bare;
    int                rc = check(spec, err);
    m->workload_is_disk   = spec->kernel != NULL;
    return rc ? rc : pc_bare_parse(&bare, spec->bare, err);
}

static int add_memory(struct machine *m, struct err *err)
{
    u64 bytes = ALIGN_DOWN(m->instance.spec->memory_bytes, (u64)4096);
    u64 low   = MIN(bytes, PC_GAP);
    int rc    = ram_create(&m->ram, err);
    if (!rc)
        rc = ram_add(m->ram, 0, low, 0, err);
    if (!rc && bytes > low)
        rc = ram_add(m->ram, PC_GAP_END, bytes - low, 0, err);
    return rc;
}

static int add_harts(struct machine *m, struct err *err)
{
    struct kvm_config config = {.model = m->instance.spec->cpu,
                                .cpus  = m->n_harts,
                                .ram   = m->ram,
                                .bus   = m->bus,
                                .ports = m->pc->ports,
                                .clock = m->instance.clock};
    int               rc     = kvm_create(&m->pc->vm, &config, err);
    for (unsigned i = 0; !rc && i < m->n_harts; i++) {
        m->harts[i].m = m;
        rc            = kvm_vcpu_create(&m->harts[i].vcpu, m->pc->vm, i, err);
    }
    return rc;
}

static int pc_build(struct machine *m, struct err *err)
{
    m->pc  = xnew(struct pc);
    int rc = add_memory(m, err);
    if (!rc)
        rc = bus_create(&m->bus, err);
    if (!rc)
        rc = bus_create(&m->pc->ports, err);
    if (!rc)
        rc = add_harts(m, err);
    for (unsigned i = 0; !rc && i < ARRAY_SIZE(ports); i++)
        rc = add_port(m, &ports[i], err);
    m->pc->bells = bells_create(m);
    return rc ? rc : plugged_build(m, err);
}

/* After the harts' devices and before the RAM. */
static void pc_destroy(struct machine *m)
{
    if (!m->pc)
        return;
    bus_destroy(m->pc->ports);
    kvm_destroy(m->pc->vm);
    free(m->pc);
    m->pc = NULL;
}

/* Doorbells ring devices: they go first. */
static void pc_unplug(struct machine *m)
{
    if (m->pc)
        bells_destroy(m->pc->bells);
}

/* --- virtio slots --- */

static int slot_wire(struct machine *m, unsigned slot, struct irq *out, struct err *err)
{
    return kvm_wire(m->pc->vm, PC_SLOT_GSI + slot, out, err);
}

static int slot_filled(struct machine *m, unsigned slot, struct virtio *dev, struct err *err)
{
    return bells_add(m->pc->bells, dev, PC_SLOT_BASE + 0x1000 * slot, err);
}

/* --- booting --- */

/* A kernel would seem to hang for hours on a host that emulates its every instruction. */
static int check_speed(struct machine *m, struct err *err)
{
    u64 speed;
    if (!m->pc->linux_kernel)
        return 0;
    int rc = kvm_measure(m->harts[0].vcpu, &speed, err);
    if (!rc && speed < KVM_SLOW)
        rc = err_set(err, ENOTSUP,
                     "this host's /dev/kvm emulates guest kernel code (about %llu million "
                     "instructions a second): Linux does not boot on it",
                     (unsigned long long)speed);
    return rc;
}

static int pc_load(struct machine *m, struct err *err)
{
    int rc = pc_boot(m, err);
    if (!rc && !m->pc->measured)
        rc = check_speed(m, err);
    m->pc->measured = true;
    return rc ? rc : kvm_reset(m->pc->vm, err);
}

static void pc_reset(struct hart *hart)
{
    const struct pc *pc    = hart->m->pc;
    struct kvm_start start = {.mode = pc->mode,
                              .pc   = pc->pc,
                              .sp   = PC_STACK,
                              .cr3  = PC_TABLES,
                              .rbx  = pc->rbx,
                              .rsi  = pc->rsi};
    struct err       err;
    if (pc->mode == KVM_REAL)
        start.sp = 0;
    int rc =
        hart->vcpu->id ? kvm_vcpu_wait(hart->vcpu, &err) : kvm_vcpu_start(hart->vcpu, &start, &err);
    if (rc)
        instance_exited(&hart->m->instance, 125, err.text);
    hart->state = HART_STARTED;
}

/* Nobody asks for it on this board: INIT and SIPI are the kernel's. */
static void pc_begin(struct hart *hart)
{
    hart->state = HART_STARTED;
}

static void pc_left(struct hart *hart, const struct vcpu_exit *exit)
{
    struct machine *m = hart->m;
    char            why[160];
    if (exit->why != VCPU_OFF)
        return;
    pthread_mutex_lock(&m->lock);
    hart->state = HART_STOPPED;
    pthread_mutex_unlock(&m->lock);
    if (exit->arg == KVM_OFF_RESET && m->pc->linux_kernel) {
        machine_reset_soon(m);
        return;
    }
    snprintf(why, sizeof(why), "cpu%u: %s", hart->vcpu->id, kvm_last_words(hart->vcpu));
    machine_ended(m, 125, why);
}

/* --- numbers --- */

static void pc_stats(struct hart *hart, struct stats *stats)
{
    unsigned i = hart->vcpu->id;
    stats_add(stats, kvm_runs(hart->vcpu), "", "cpu%u.runs", i);
    for (unsigned kind = 0; kind < kvm_exit_kinds(); kind++) {
        u64 n = kvm_exit_count(hart->vcpu, kind);
        if (n && kvm_exit_name(kind))
            stats_add(stats, n, "", "cpu%u.exits.%s", i, kvm_exit_name(kind));
    }
}

static void pc_watch(struct machine *m, board_spy *spy, void *ctx)
{
    kvm_watch(m->pc->vm, spy, ctx);
}

static struct bus *pc_ports(struct machine *m)
{
    return m->pc->ports;
}

/* --- snapshots --- */

static int pc_save(struct machine *m, struct snap *snap, struct err *err)
{
    bells_hear(m->pc->bells);
    int rc = kvm_save(m->pc->vm, snap, err);
    for (unsigned i = 0; !rc && i < m->n_harts; i++)
        rc = kvm_vcpu_save(m->harts[i].vcpu, snap, err);
    return rc ? rc : bus_save(m->pc->ports, snap, err);
}

static int pc_restore(struct machine *m, struct snap *snap, struct err *err)
{
    int rc = kvm_load(m->pc->vm, snap, err);
    for (unsigned i = 0; !rc && i < m->n_harts; i++)
        rc = kvm_vcpu_load(m->harts[i].vcpu, snap, err);
    return rc ? rc : bus_load(m->pc->ports, snap, err);
}

static const char *const engines[] = {"kvm", NULL};

const struct board board_pc = {
    .name       = "pc",
    .engines    = engines,
    .memory_min = MiB(2),
    .sockets    = {.base   = PC_SLOT_BASE,
                   .slots  = PC_SLOTS,
                   .bus    = "mmio",
                   .wire   = slot_wire,
                   .filled = slot_filled},
    .look       = pc_look,
    .build      = pc_build,
    .load       = pc_load,
    .unplug     = pc_unplug,
    .destroy    = pc_destroy,
    .reset      = pc_reset,
    .begin      = pc_begin,
    .left       = pc_left,
    .stats      = pc_stats,
    .ports      = pc_ports,
    .watch      = pc_watch,
    .save       = pc_save,
    .restore    = pc_restore,
};

/* kvm/exits.c - what a vCPU comes back with: a row each. On its thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kvm/vm.h"

static void tell(struct kvm_vcpu *k, const char *kind, u64 addr, unsigned width, bool write)
{
    if (unlikely(k->vm->spy != NULL))
        k->vm->spy(k->vm->spy_ctx, &k->vcpu, kind, addr, width, write);
}

/* A device that takes bytes only gets a wider access one byte after the other, as an ISA bus
 * does it. What nobody answers reads as all ones. */
static void read_bus(struct bus *bus, u64 addr, unsigned width, void *to)
{
    u64 val = ~0ull;
    int rc  = bus_read(bus, addr, width, &val);
    for (unsigned i = 0; rc == -EINVAL && i < width; i++) {
        u64 byte = 0xff;
        bus_read(bus, addr + i, 1, &byte);
        val = (val & ~(0xffull << (8 * i))) | (byte & 0xff) << (8 * i);
    }
    memcpy(to, &val, width);
}

static void write_bus(struct bus *bus, u64 addr, unsigned width, const void *from)
{
    u64 val = 0;
    memcpy(&val, from, width);
    int rc = bus_write(bus, addr, width, val);
    for (unsigned i = 0; rc == -EINVAL && i < width; i++)
        bus_write(bus, addr + i, 1, val >> (8 * i) & 0xff);
}

static bool on_io(struct kvm_vcpu *k, struct vcpu_exit *exit)
{
    const struct kvm_run *run   = k->run;
    unsigned              width = run->io.size;
    bool                  write = run->io.direction == KVM_EXIT_IO_OUT;
    u64                   bytes = k->vm->run_bytes, offset = run->io.data_offset;
    u16                   port  = run->io.port;
    u32                   count = run->io.count; /* the data may lie over it */
    (void)exit;
    tell(k, "io", port, width, write);
    if (width < 1 || width > 4 || offset > bytes || (u64)count * width > bytes - offset)
        return true; /* no kernel says that */
    u8 *data = (u8 *)k->run + offset;
    for (u32 i = 0; i < count; i++, data += width)
        if (write)
            write_bus(k->vm->ports, port, width, data);
        else
            read_bus(k->vm->ports, port, width, data);
    return true;
}

static bool on_mmio(struct kvm_vcpu *k, struct vcpu_exit *exit)
{
    struct kvm_run *run   = k->run;
    unsigned        width = run->mmio.len;
    (void)exit;
    tell(k, "mmio", run->mmio.phys_addr, width, run->mmio.is_write);
    if (width < 1 || width > sizeof(run->mmio.data))
        return true;
    if (run->mmio.is_write)
        write_bus(k->vm->bus, run->mmio.phys_addr, width, run->mmio.data);
    else
        read_bus(k->vm->bus, run->mmio.phys_addr, width, run->mmio.data);
    return true;
}

static bool stop(struct kvm_vcpu *k, struct vcpu_exit *exit, u64 how, const char *fmt, ...)
    PRINTF(4, 5);
static bool stop(struct kvm_vcpu *k, struct vcpu_exit *exit, u64 how, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(k->words, sizeof(k->words), fmt, ap);
    va_end(ap);
    k->off = true;
    *exit  = (struct vcpu_exit){.why = VCPU_OFF, .arg = how};
    tell(k, k->words, 0, 0, false);
    return false;
}

static bool on_shutdown(struct kvm_vcpu *k, struct vcpu_exit *exit)
{
    return stop(k, exit, KVM_OFF_RESET, "a triple fault");
}

static bool on_event(struct kvm_vcpu *k, struct vcpu_exit *exit)
{
    u32 type = k->run->system_event.type;
    return stop(k, exit, type == KVM_SYSTEM_EVENT_RESET ? KVM_OFF_RESET : KVM_OFF_BROKEN,
                "system event %u", type);
}

static bool on_fail(struct kvm_vcpu *k, struct vcpu_exit *exit)
{
    return stop(k, exit, KVM_OFF_BROKEN, "the CPU refused to enter the guest (reason %#llx)",
                (unsigned long long)k->run->fail_entry.hardware_entry_failure_reason);
}

static bool on_internal(struct kvm_vcpu *k, struct vcpu_exit *exit)
{
    u64 pc = 0;
    kvm_reg_get(&k->vcpu, KVM_REG_RIP, &pc);
    return stop(k, exit, KVM_OFF_BROKEN, "KVM cannot run the instruction at %#llx (error %u)",
                (unsigned long long)pc, k->run->internal.suberror);
}

static bool on_debug(struct kvm_vcpu *k, struct vcpu_exit *exit)
{
    *exit = (struct vcpu_exit){
        .why = VCPU_BREAK, .pc = k->run->debug.arch.pc, .arg = k->run->debug.arch.pc};
    return false;
}

static bool nothing(struct kvm_vcpu *k, struct vcpu_exit *exit)
{
    (void)k;
    (void)exit;
    return true;
}

static const struct {
    const char *name;
    bool (*handle)(struct kvm_vcpu *, struct vcpu_exit *);
} rows[] = {
    [KVM_EXIT_IO]              = {"io", on_io},
    [KVM_EXIT_MMIO]            = {"mmio", on_mmio},
    [KVM_EXIT_DEBUG]           = {"debug", on_debug},
    [KVM_EXIT_HLT]             = {"hlt", nothing},
    [KVM_EXIT_IRQ_WINDOW_OPEN] = {"irq_window", nothing},
    [KVM_EXIT_INTR]            = {"interrupted", nothing},
    [KVM_EXIT_SHUTDOWN]        = {"shutdown", on_shutdown},
    [KVM_EXIT_FAIL_ENTRY]      = {"fail_entry", on_fail},
    [KVM_EXIT_INTERNAL_ERROR]  = {"internal_error", on_internal},
    [KVM_EXIT_SYSTEM_EVENT]    = {"system_event", on_event},
};

bool kvm_handle(struct kvm_vcpu *k, struct vcpu_exit *exit)
{
    u32 reason = k->run->exit_reason;
    if (reason < KVM_EXITS)
        count_add(&k->exits[reason], 1);
    if (reason < ARRAY_SIZE(rows) && rows[reason].handle)
        return rows[reason].handle(k, exit);
    return stop(k, exit, KVM_OFF_BROKEN, "KVM came back with reason %u", reason);
}

unsigned kvm_exit_kinds(void)
{
    return ARRAY_SIZE(rows);
}

const char *kvm_exit_name(unsigned kind)
{
    return kind < ARRAY_SIZE(rows) ? rows[kind].name : NULL;
}

u64 kvm_exit_count(const struct vcpu *v, unsigned kind)
{
    return kind < KVM_EXITS ? count_read(&to_kvm(v)->exits[kind]) : 0;
}

/* kvm/vm.c - a virtual machine: made, given memory, wired. The loop thread, but for the wires. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kvm/vm.h"

#include <string.h>
#include <sys/eventfd.h>

#include "base/alloc.h"

/* Pages that KVM wants for itself on older Intel CPUs: below the firmware's place, above all
 * that a board has there. */
#define TSS_AT      0xfffbd000ull
#define IDENTITY_AT 0xfffbc000ull

static const struct {
    int         cap;
    const char *name;
} needed[] = {
    {KVM_CAP_IRQCHIP, "interrupt controllers"},
    {KVM_CAP_USER_MEMORY, "memory slots"},
    {KVM_CAP_IRQFD, "irqfd"},
    {KVM_CAP_IOEVENTFD, "ioeventfd"},
    {KVM_CAP_EXT_CPUID, "CPUID"},
    {KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
    {KVM_CAP_PIT2, "an 8254 timer"},
    {KVM_CAP_SET_TSS_ADDR, "a place for its TSS"},
};

static int open_system(struct kvm_vm *vm, struct err *err)
{
    vm->sys = vm->host.open(vm->host.ctx);
    if (vm->sys < 0)
        return err_errno(err, -vm->sys, "open /dev/kvm");
    int version = kvm_call(vm, vm->sys, KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION)
        return err_set(err, ENOTSUP, "/dev/kvm speaks version %d, not %d", version,
                       KVM_API_VERSION);
    for (unsigned i = 0; i < ARRAY_SIZE(needed); i++)
        if (kvm_call(vm, vm->sys, KVM_CHECK_EXTENSION, (u64)needed[i].cap) <= 0)
            return err_set(err, ENOTSUP, "this host's KVM has no %s", needed[i].name);
    return 0;
}

int kvm_usable(const struct kvm_host *host, struct err *err)
{
    struct kvm_vm vm = {.host = host ? *host : kvm_host_linux};
    int           rc = open_system(&vm, err);
    if (vm.sys >= 0)
        vm.host.close(vm.host.ctx, vm.sys);
    return rc;
}

/* --- memory --- */

static void mapped(void *ctx, const struct ram_range *r, bool present)
{
    struct kvm_vm                     *vm   = ctx;
    struct kvm_userspace_memory_region slot = {
        .slot            = vm->slots,
        .flags           = r->flags & RAM_RO ? KVM_MEM_READONLY : 0,
        .guest_phys_addr = r->base,
        .memory_size     = present ? r->len : 0,
        .userspace_addr  = (u64)(uintptr_t)r->host,
    };
    if (vm->map_error)
        return;
    vm->map_error = MIN(kvm_call(vm, vm->fd, KVM_SET_USER_MEMORY_REGION, (u64)(uintptr_t)&slot), 0);
    vm->slots++;
}

static int give_memory(struct kvm_vm *vm, struct err *err)
{
    ram_subscribe(vm->ram, &(struct ram_watch){.mapped = mapped, .ctx = vm});
    return vm->map_error ? err_errno(err, -vm->map_error, "KVM: give it its memory") : 0;
}

/* --- making --- */

static int make_chips(struct kvm_vm *vm, struct err *err)
{
    struct kvm_pit_config pit      = {.flags = KVM_PIT_SPEAKER_DUMMY};
    u64                   identity = IDENTITY_AT;
    int                   rc =
        kvm_must(vm, vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity, "place its page table", err);
    if (!rc)
        rc = kvm_must(vm, vm->fd, KVM_SET_TSS_ADDR, (void *)TSS_AT, "place its TSS", err);
    if (!rc)
        rc = kvm_must(vm, vm->fd, KVM_CREATE_IRQCHIP, NULL, "make interrupt controllers", err);
    if (!rc)
        rc = kvm_must(vm, vm->fd, KVM_CREATE_PIT2, &pit, "make a timer", err);
    return rc;
}

static int make(struct kvm_vm *vm, struct err *err)
{
    int rc = open_system(vm, err);
    if (rc)
        return rc;
    vm->fd = kvm_call(vm, vm->sys, KVM_CREATE_VM, 0);
    if (vm->fd < 0)
        return err_errno(err, -vm->fd, "KVM: make a virtual machine");
    int most = kvm_call(vm, vm->sys, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
    if (most > 0 && vm->cpus > (unsigned)most)
        return err_set(err, EINVAL, "%u CPUs: this host's KVM takes %d", vm->cpus, most);
    int bytes = kvm_call(vm, vm->sys, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (bytes < (int)sizeof(struct kvm_run))
        return err_set(err, ENOTSUP, "this host's KVM shares too little of a CPU's state");
    vm->run_bytes = (u64)bytes;
    rc            = make_chips(vm, err);
    if (!rc)
        rc = kvm_chips_keep(vm, err);
    if (!rc)
        rc = give_memory(vm, err);
    return rc ? rc : kvm_cpuid_read(vm, err);
}

int kvm_create(struct kvm_vm **out, const struct kvm_config *c, struct err *err)
{
    struct kvm_vm *vm = xnew(struct kvm_vm);
    vm->host          = c->host ? *c->host : kvm_host_linux;
    vm->ram           = c->ram;
    vm->bus           = c->bus;
    vm->ports         = c->ports;
    vm->clock         = c->clock;
    vm->cpus          = c->cpus;
    vm->model         = c->model ? c->model : "host";
    vm->sys = vm->fd = -1;
    for (unsigned i = 0; i < KVM_GSIS; i++)
        vm->pins[i] = (struct kvm_pin){.fd = -1, .vm = vm};
    int rc = make(vm, err);
    if (rc) {
        kvm_destroy(vm);
        return rc;
    }
    *out = vm;
    return 0;
}

void kvm_destroy(struct kvm_vm *vm)
{
    if (!vm)
        return;
    for (unsigned i = 0; i < KVM_GSIS; i++)
        if (vm->pins[i].fd >= 0)
            close(vm->pins[i].fd);
    if (vm->fd >= 0)
        vm->host.close(vm->host.ctx, vm->fd);
    if (vm->sys >= 0)
        vm->host.close(vm->host.ctx, vm->sys);
    free(vm->pristine);
    free(vm);
}

/* --- wires --- */

/* KVM raises and lowers the pin at each write, which is what an edge-triggered one wants. */
static void set_pin(void *chip, unsigned line, bool level)
{
    struct kvm_pin *pin = chip;
    u64             one = 1;
    (void)line;
    if (atomic_exchange(&pin->level, level) || !level)
        return;
    ssize_t n = write(pin->fd, &one, sizeof(one));
    assert(n == sizeof(one)); /* the counter cannot be full: the kernel empties it at once */
}

int kvm_wire(struct kvm_vm *vm, unsigned gsi, struct irq *out, struct err *err)
{
    assert(gsi < KVM_GSIS);
    struct kvm_pin *pin = &vm->pins[gsi];
    if (pin->fd < 0) {
        cleanup_fd int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
            return err_errno(err, errno, "make the wire of interrupt %u", gsi);
        struct kvm_irqfd irqfd = {.fd = (u32)fd, .gsi = gsi};
        int              rc    = kvm_must(vm, vm->fd, KVM_IRQFD, &irqfd, "wire an interrupt", err);
        if (rc)
            return rc;
        pin->fd = steal_fd(&fd);
    }
    *out = (struct irq){set_pin, pin, gsi};
    return 0;
}

void kvm_send_message(void *ctx, u64 addr, u32 data)
{
    struct kvm_vm *vm  = ctx;
    struct kvm_msi msi = {.address_lo = (u32)addr, .address_hi = (u32)(addr >> 32), .data = data};
    kvm_call(vm, vm->fd, KVM_SIGNAL_MSI, (u64)(uintptr_t)&msi);
}

int kvm_bell(struct kvm_vm *vm, gpa addr, unsigned width, u64 val, int fd, struct err *err)
{
    struct kvm_ioeventfd bell = {.datamatch = val,
                                 .addr      = addr,
                                 .len       = width,
                                 .fd        = fd,
                                 .flags     = KVM_IOEVENTFD_FLAG_DATAMATCH};
    return kvm_must(vm, vm->fd, KVM_IOEVENTFD, &bell, "watch a doorbell", err);
}

void kvm_watch(struct kvm_vm *vm, kvm_spy *spy, void *ctx)
{
    vm->spy     = spy;
    vm->spy_ctx = ctx;
}

/* kvm/exits_fuzz.c - what a guest, or a kernel gone wrong, can make KVM_RUN come back with. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "kvm/fake.h"
#include "kvm/vm.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct input {
    const u8    *data;
    size_t       size;
    struct vcpu *vcpu;
};

/* Each run takes a handful of bytes over the shared page. */
static int next(struct fake *f, struct kvm_run *run)
{
    enum { HEAD = 8, UNION = 32 };
    struct input *in = f->ctx;
    if (in->size < HEAD + UNION) {
        in->vcpu->ops->kick(in->vcpu);
        return -EINTR;
    }
    run->exit_reason =
        in->data[0] & 0x80 ? *(const u32 *)(const void *)(in->data + 4) : in->data[0] % 40;
    memcpy(&run->hw, in->data + HEAD, UNION);
    if (in->data[1] & 1)
        run->io.data_offset = 4096;
    in->data += HEAD + UNION;
    in->size -= HEAD + UNION;
    return 0;
}

static u64 some_read(struct device *dev, u64 off, unsigned width)
{
    (void)dev;
    return off * 7 + width;
}

static void some_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    assert(off < dev->len && width <= 8 && (width == 8 || val >> (8 * width) == 0));
}

static void some_destroy(struct device *dev)
{
    device_done(dev);
    free(dev);
}

static const struct device_ops some = {.name      = "some",
                                       .width_min = 1,
                                       .width_max = 4,
                                       .read      = some_read,
                                       .write     = some_write,
                                       .destroy   = some_destroy};

static struct bus *make_bus(u64 base, u64 len)
{
    struct bus    *bus;
    struct device *dev = xnew(struct device);
    device_init(dev, &some);
    if (bus_create(&bus, NULL) || bus_attach(bus, base, len, dev, NULL))
        abort();
    return bus;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct input      in     = {data, size, NULL};
    struct fake       fake   = {.run = next, .ctx = &in};
    struct kvm_host   host   = fake_host(&fake);
    struct kvm_config config = {.host = &host, .cpus = 1};
    struct kvm_vm    *vm;
    struct vcpu_exit  exit = {.why = VCPU_KICKED};
    config.bus             = make_bus(0xd0000000, 0x1000);
    config.ports           = make_bus(0, 0x400);
    if (ram_create(&config.ram, NULL) || ram_add(config.ram, 0, 4096, 0, NULL) ||
        kvm_create(&vm, &config, NULL) || kvm_vcpu_create(&in.vcpu, vm, 0, NULL))
        abort();
    for (int i = 0; i < 100 && exit.why != VCPU_OFF && in.size; i++)
        in.vcpu->ops->run(in.vcpu, 0, &exit);
    in.vcpu->ops->destroy(in.vcpu);
    kvm_destroy(vm);
    bus_destroy(config.bus);
    bus_destroy(config.ports);
    ram_destroy(config.ram);
    return 0;
}

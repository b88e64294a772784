/* kvm/kvm_test.c - the layer over KVM, against a KVM of our own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "kvm/fake.h"
#include "kvm/vm.h"

/* --- a bed: RAM, two buses with a device each, a machine of one vCPU --- */

struct probe {
    struct device dev;
    u64           last_off, last_val;
    unsigned      last_width, reads, writes;
};

static u64 probe_read(struct device *dev, u64 off, unsigned width)
{
    struct probe *p = container_of(dev, struct probe, dev);
    p->last_off     = off;
    p->last_width   = width;
    return 0x1122334455667780 + p->reads++;
}

static void probe_write(struct device *dev, u64 off, unsigned width, u64 val)
{
    struct probe *p = container_of(dev, struct probe, dev);
    p->last_off     = off;
    p->last_width   = width;
    p->last_val     = val;
    p->writes++;
}

static void probe_destroy(struct device *dev)
{
    device_done(dev);
}

static const struct device_ops wide_ops = {.name      = "wide",
                                           .width_min = 1,
                                           .width_max = 8,
                                           .read      = probe_read,
                                           .write     = probe_write,
                                           .destroy   = probe_destroy};
static const struct device_ops byte_ops = {.name      = "byte",
                                           .width_min = 1,
                                           .width_max = 1,
                                           .read      = probe_read,
                                           .write     = probe_write,
                                           .destroy   = probe_destroy};

struct bed {
    struct fake     fake;
    struct kvm_host host;
    struct ram     *ram;
    struct bus     *bus, *ports;
    struct probe    mmio, port;
    struct kvm_vm  *vm;
    struct vcpu    *vcpu;
};

static void bed_init(struct bed *b)
{
    memset(b, 0, sizeof(*b));
    b->host = fake_host(&b->fake);
    assert_int_equal(ram_create(&b->ram, NULL), 0);
    assert_int_equal(ram_add(b->ram, 0, MiB(1), 0, NULL), 0);
    assert_int_equal(ram_add(b->ram, GiB(4), MiB(1), RAM_RO, NULL), 0);
    assert_int_equal(bus_create(&b->bus, NULL), 0);
    assert_int_equal(bus_create(&b->ports, NULL), 0);
    device_init(&b->mmio.dev, &wide_ops);
    device_init(&b->port.dev, &byte_ops);
    assert_int_equal(bus_attach(b->bus, 0xd0000000, 0x1000, &b->mmio.dev, NULL), 0);
    assert_int_equal(bus_attach(b->ports, 0x3f8, 8, &b->port.dev, NULL), 0);
}

static int bed_make(struct bed *b, const char *model, unsigned cpus, struct err *err)
{
    struct kvm_config config = {.host  = &b->host,
                                .model = model,
                                .cpus  = cpus,
                                .ram   = b->ram,
                                .bus   = b->bus,
                                .ports = b->ports};
    int               rc     = kvm_create(&b->vm, &config, err);
    return rc ? rc : kvm_vcpu_create(&b->vcpu, b->vm, 0, err);
}

static void bed_done(struct bed *b)
{
    if (b->vcpu)
        b->vcpu->ops->destroy(b->vcpu);
    kvm_destroy(b->vm);
    bus_destroy(b->bus);
    bus_destroy(b->ports);
    ram_destroy(b->ram);
    assert_int_equal(b->fake.open, 0); /* every descriptor that was opened is closed */
}

/* --- tests --- */

static void memory_and_wires(void **state)
{
    struct bed b;
    struct irq irq;
    u64        n = 0;
    (void)state;
    bed_init(&b);
    assert_int_equal(bed_make(&b, NULL, 1, NULL), 0);
    assert_int_equal(b.fake.n_slots, 2);
    assert_int_equal(b.fake.slots[0].memory_size, MiB(1));
    assert_int_equal(b.fake.slots[1].guest_phys_addr, GiB(4));
    assert_int_equal(b.fake.slots[1].flags, KVM_MEM_READONLY);
    assert_int_not_equal(b.fake.slots[0].slot, b.fake.slots[1].slot);

    assert_int_equal(kvm_wire(b.vm, 5, &irq, NULL), 0);
    assert_int_equal(b.fake.irqfds[0].gsi, 5);
    irq_set(&irq, true);
    irq_set(&irq, true); /* an edge is told once */
    assert_int_equal(read((int)b.fake.irqfds[0].fd, &n, 8), 8);
    assert_int_equal(n, 1);
    irq_set(&irq, false);
    assert_int_equal(read((int)b.fake.irqfds[0].fd, &n, 8), -1);
    irq_set(&irq, true);
    assert_int_equal(read((int)b.fake.irqfds[0].fd, &n, 8), 8);

    kvm_send_message(b.vm, 0xfee01000, 0x41);
    assert_int_equal(b.fake.msi.address_lo, 0xfee01000);
    assert_int_equal(b.fake.msi.data, 0x41);
    assert_int_equal(kvm_bell(b.vm, 0xd0000050, 4, 3, 7, NULL), 0);
    assert_int_equal(b.fake.bells[0].datamatch, 3);
    assert_int_equal(b.fake.bells[0].flags, KVM_IOEVENTFD_FLAG_DATAMATCH);
    bed_done(&b);
}

static void refusals(void **state)
{
    static const struct {
        int         version;
        long        lacks;
        u64         fails;
        const char *says;
    } rows[] = {
        {13, 0, 0, "version 13"},
        {0, KVM_CAP_IRQFD, 0, "has no irqfd"},
        {0, KVM_CAP_IMMEDIATE_EXIT, 0, "has no immediate exit"},
        {0, 0, KVM_CREATE_VM, "make a virtual machine"},
        {0, 0, KVM_CREATE_IRQCHIP, "interrupt controllers"},
        {0, 0, KVM_SET_USER_MEMORY_REGION, "its memory"},
        {0, 0, KVM_GET_SUPPORTED_CPUID, "read CPUID"},
        {0, 0, KVM_CREATE_VCPU, "make CPU 0"},
        {0, 0, KVM_SET_CPUID2, "set CPUID"},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct bed b;
        struct err err = {0};
        bed_init(&b);
        b.fake.version = rows[i].version;
        b.fake.lacks   = rows[i].lacks;
        b.fake.fails   = rows[i].fails;
        assert_true(bed_make(&b, NULL, 1, &err) < 0);
        assert_non_null(strstr(err.text, rows[i].says));
        bed_done(&b);
    }
    struct bed b;
    struct err err = {0};
    bed_init(&b);
    assert_int_equal(bed_make(&b, "pentium", 1, &err), -EINVAL);
    assert_string_equal(err.text, "no CPU 'pentium'; there are: host, baseline");
    bed_done(&b);
    bed_init(&b);
    assert_int_equal(bed_make(&b, NULL, 9, &err), -EINVAL);
    bed_done(&b);
}

static const struct kvm_cpuid_entry2 *leaf(const struct bed *b, u32 function, u32 index)
{
    for (u32 i = 0; i < b->fake.n_cpuid; i++)
        if (b->fake.cpuid[i].function == function && b->fake.cpuid[i].index == index)
            return &b->fake.cpuid[i];
    fail();
    return NULL;
}

static void cpuid(void **state)
{
    struct bed b;
    (void)state;
    bed_init(&b);
    assert_int_equal(bed_make(&b, "host", 3, NULL), 0);
    assert_true(leaf(&b, 1, 0)->ecx >> 24 & 1);     /* TSC deadline: the kernel's APIC has it */
    assert_int_equal(leaf(&b, 1, 0)->ebx >> 16, 3); /* three CPUs, this one is 0 */
    assert_int_equal(leaf(&b, 4, 0)->eax >> 26, 3); /* room for four */
    assert_int_equal(leaf(&b, 0xb, 1)->ebx, 3);
    assert_int_equal(leaf(&b, 7, 0)->ebx, 0xffffffff);
    struct vcpu *second;
    assert_int_equal(kvm_vcpu_create(&second, b.vm, 1, NULL), 0);
    assert_int_equal(leaf(&b, 1, 0)->ebx >> 24, 1);
    assert_int_equal(leaf(&b, 0xb, 0)->edx, 1);
    second->ops->destroy(second);
    b.fake.shared = NULL;
    bed_done(&b);

    bed_init(&b);
    assert_int_equal(bed_make(&b, "baseline", 1, NULL), 0);
    assert_false(leaf(&b, 1, 0)->ecx >> 28 & 1); /* AVX */
    assert_true(leaf(&b, 1, 0)->ecx >> 23 & 1);  /* POPCNT */
    assert_false(leaf(&b, 7, 0)->ebx >> 5 & 1);  /* AVX2 */
    assert_false(leaf(&b, 1, 0)->edx >> 28 & 1); /* HTT: one CPU */
    bed_done(&b);
}

/* What a guest does, one exit after the other; then it is kicked. */
struct step {
    u32 reason;
    u64 addr;
    u8  width;
    u8  write;
    u16 count;
    u64 data;
};

static const struct step *script;
static unsigned           at_step;
static struct vcpu       *script_vcpu;

static int play(struct fake *f, struct kvm_run *run)
{
    const struct step *s = &script[at_step++];
    (void)f;
    if (!s->reason) {
        script_vcpu->ops->kick(script_vcpu);
        return -EINTR;
    }
    run->exit_reason = s->reason;
    if (s->reason == KVM_EXIT_IO) {
        run->io.direction   = s->write;
        run->io.port        = (u16)s->addr;
        run->io.size        = s->width;
        run->io.count       = s->count;
        run->io.data_offset = 4096;
        memcpy((u8 *)run + 4096, &s->data, 8);
    } else {
        run->mmio.phys_addr = s->addr;
        run->mmio.len       = s->width;
        run->mmio.is_write  = s->write;
        memcpy(run->mmio.data, &s->data, 8);
    }
    return 0;
}

static void run_script(struct bed *b, const struct step *steps, struct vcpu_exit *exit)
{
    script      = steps;
    at_step     = 0;
    script_vcpu = b->vcpu;
    b->fake.run = play;
    assert_int_equal(b->vcpu->ops->run(b->vcpu, 0, exit), 0);
}

static void accesses(void **state)
{
    struct bed       b;
    struct vcpu_exit exit;
    u64              got;
    (void)state;
    bed_init(&b);
    assert_int_equal(bed_make(&b, NULL, 1, NULL), 0);

    run_script(&b, (struct step[]){{KVM_EXIT_MMIO, 0xd0000010, 4, 1, 0, 0xcafe}, {0}}, &exit);
    assert_int_equal(exit.why, VCPU_KICKED);
    assert_int_equal(b.mmio.last_off, 0x10);
    assert_int_equal(b.mmio.last_val, 0xcafe);
    run_script(&b, (struct step[]){{KVM_EXIT_MMIO, 0xd0000020, 2, 0, 0, 0}, {0}}, &exit);
    memcpy(&got, ((struct kvm_run *)b.fake.shared)->mmio.data, 8);
    assert_int_equal(got & 0xffff, 0x7780);

    /* Nobody there: all ones; a write is lost. */
    run_script(&b,
               (struct step[]){{KVM_EXIT_MMIO, 0xe0000000, 8, 0, 0, 0},
                               {KVM_EXIT_MMIO, 0xe0000000, 8, 1, 0, 1},
                               {0}},
               &exit);
    run_script(&b, (struct step[]){{KVM_EXIT_IO, 0x80, 4, 0, 1, 0}, {0}}, &exit);
    memcpy(&got, b.fake.shared + 4096, 8);
    assert_int_equal(got, 0xffffffff);

    /* A device of bytes gets a word as two bytes, a string as its elements. */
    b.port.writes = 0;
    run_script(&b, (struct step[]){{KVM_EXIT_IO, 0x3f8, 2, 1, 1, 0x4241}, {0}}, &exit);
    assert_int_equal(b.port.writes, 2);
    assert_int_equal(b.port.last_off, 1);
    assert_int_equal(b.port.last_val, 0x42);
    run_script(&b, (struct step[]){{KVM_EXIT_IO, 0x3f8, 1, 1, 5, 0x4544434241}, {0}}, &exit);
    assert_int_equal(b.port.writes, 7);
    assert_int_equal(b.port.last_val, 0x45);
    b.port.reads = 0;
    run_script(&b, (struct step[]){{KVM_EXIT_IO, 0x3f8, 1, 0, 3, 0}, {0}}, &exit);
    memcpy(&got, b.fake.shared + 4096, 8);
    assert_int_equal(got, 0x828180);

    assert_int_equal(kvm_exit_count(b.vcpu, KVM_EXIT_IO), 4);
    assert_int_equal(kvm_exit_count(b.vcpu, KVM_EXIT_MMIO), 4);
    bed_done(&b);
}

static void ends(void **state)
{
    static const struct {
        u32         reason;
        u64         how;
        const char *says;
    } rows[] = {
        {KVM_EXIT_SHUTDOWN, KVM_OFF_RESET, "triple fault"},
        {KVM_EXIT_FAIL_ENTRY, KVM_OFF_BROKEN, "refused to enter"},
        {KVM_EXIT_INTERNAL_ERROR, KVM_OFF_BROKEN, "cannot run the instruction"},
        {KVM_EXIT_XEN, KVM_OFF_BROKEN, "reason 34"},
        {12345, KVM_OFF_BROKEN, "reason 12345"},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct bed       b;
        struct vcpu_exit exit;
        bed_init(&b);
        assert_int_equal(bed_make(&b, NULL, 1, NULL), 0);
        run_script(&b, (struct step[]){{.reason = rows[i].reason}, {0}}, &exit);
        assert_int_equal(exit.why, VCPU_OFF);
        assert_int_equal(exit.arg, rows[i].how);
        assert_non_null(strstr(kvm_last_words(b.vcpu), rows[i].says));
        unsigned runs = b.fake.runs;
        b.vcpu->ops->run(b.vcpu, 0, &exit); /* it stays off */
        assert_int_equal(exit.why, VCPU_OFF);
        assert_int_equal(b.fake.runs, runs);
        struct kvm_start start = {.mode = KVM_REAL};
        assert_int_equal(kvm_vcpu_start(b.vcpu, &start, NULL), 0);
        run_script(&b, (struct step[]){{0}}, &exit); /* until it is started again */
        assert_int_equal(exit.why, VCPU_KICKED);
        bed_done(&b);
    }
}

/* A kick that comes while an access is under way: it is completed before run() comes back. */
static int kicked_in_access(struct fake *f, struct kvm_run *run)
{
    if (run->immediate_exit)
        return -EINTR;
    script_vcpu->ops->kick(script_vcpu);
    run->exit_reason    = KVM_EXIT_MMIO;
    run->mmio.phys_addr = 0xd0000000;
    run->mmio.len       = 4;
    run->mmio.is_write  = 1;
    (void)f;
    return 0;
}

static void kicks(void **state)
{
    struct bed       b;
    struct vcpu_exit exit;
    (void)state;
    bed_init(&b);
    assert_int_equal(bed_make(&b, NULL, 1, NULL), 0);
    script_vcpu = b.vcpu;
    b.fake.run  = kicked_in_access;
    b.vcpu->ops->run(b.vcpu, 0, &exit);
    assert_int_equal(exit.why, VCPU_KICKED);
    assert_int_equal(b.mmio.writes, 1);
    assert_int_equal(b.fake.runs, 2);
    b.vcpu->ops->kick(b.vcpu); /* before run(): it comes back at once */
    b.vcpu->ops->run(b.vcpu, 0, &exit);
    assert_int_equal(exit.why, VCPU_KICKED);
    assert_int_equal(b.mmio.writes, 1);
    bed_done(&b);
}

static void beginnings(void **state)
{
    struct bed       b;
    struct kvm_start start = {.mode = KVM_LONG, .pc = 0x1000000, .cr3 = 0x9000, .rsi = 0x7000};
    u64              val;
    (void)state;
    bed_init(&b);
    assert_int_equal(bed_make(&b, NULL, 1, NULL), 0);
    assert_int_equal(kvm_vcpu_start(b.vcpu, &start, NULL), 0);
    assert_int_equal(b.fake.sregs.efer, 0x500);
    assert_int_equal(b.fake.sregs.cs.l, 1);
    assert_int_equal(b.fake.sregs.cs.db, 0);
    assert_int_equal(b.fake.sregs.cr3, 0x9000);
    assert_int_equal(b.fake.mp.mp_state, KVM_MP_STATE_RUNNABLE);
    assert_int_equal(b.vcpu->ops->get(b.vcpu, KVM_REG_RSI, &val), 0);
    assert_int_equal(val, 0x7000);
    assert_int_equal(b.vcpu->ops->set(b.vcpu, KVM_REG_R8 + 7, 15), 0);
    assert_int_equal(b.fake.regs.r15, 15);
    assert_int_equal(b.vcpu->ops->get(b.vcpu, 1000, &val), -ENOENT);
    assert_int_equal(kvm_vcpu_wait(b.vcpu, NULL), 0);
    assert_int_equal(b.fake.mp.mp_state, KVM_MP_STATE_UNINITIALIZED);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_and_wires), cmocka_unit_test(refusals), cmocka_unit_test(cpuid),
        cmocka_unit_test(accesses),         cmocka_unit_test(ends),     cmocka_unit_test(kicks),
        cmocka_unit_test(beginnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* kvm/kvm.h - CPUs that the host's hardware runs, through /dev/kvm (Documentation/virt/kvm/api).
 *
 * A virtual machine takes its memory from struct ram, its memory-mapped devices from one bus and
 * its ports from another. The interrupt controllers (two 8259, IOAPIC, local APICs) and the
 * 8254 timer are the kernel's: an interrupt, its acknowledgement and an idle CPU never come to
 * us. run() comes back only when it is kicked, when the guest asks to stop or cannot go on, and
 * at breakpoints. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_KVM_H
#define KVM_KVM_H

#include "base/snapshot.h"
#include "memory/bus.h"
#include "memory/ram.h"
#include "vm/vcpu.h"

struct kvm_host;
struct kvm_vm;

/* Which CPU the guest sees. A row in x86/cpuid.c each. */
bool        kvm_cpu_model_ok(const char *name);
const char *kvm_cpu_models(void); /* "host, baseline" */

struct kvm_config {
    const struct kvm_host *host;  /* NULL: /dev/kvm */
    const char            *model; /* NULL: host */
    unsigned               cpus;
    struct ram            *ram;
    struct bus            *bus, *ports;
    struct clock          *clock;
};

int  kvm_create(struct kvm_vm **out, const struct kvm_config *, struct err *err);
void kvm_destroy(struct kvm_vm *); /* after its vCPUs; NULL is fine */

/* Can this host do it? 0, or -errno and why not, in words that end "...: %s". */
int kvm_usable(const struct kvm_host *, struct err *err);

/* The wire to pin GSI (0 to 23) of the IOAPIC and, below 16, of the 8259s. An edge: raising it
 * tells the guest once. */
int kvm_wire(struct kvm_vm *, unsigned gsi, struct irq *out, struct err *err);

/* Sends a message-signalled interrupt. Any thread. */
void kvm_send_message(void *vm, u64 addr, u32 data);

/* Writes of VAL, WIDTH bytes wide, to ADDR signal FD instead of coming to us. */
int kvm_bell(struct kvm_vm *, gpa addr, unsigned width, u64 val, int fd, struct err *err);

int kvm_vcpu_create(struct vcpu **out, struct kvm_vm *, unsigned id, struct err *err);

/* Registers of vcpu_ops.get and set, numbered as gdb does. */
enum {
    KVM_REG_RAX,
    KVM_REG_RBX,
    KVM_REG_RCX,
    KVM_REG_RDX,
    KVM_REG_RSI,
    KVM_REG_RDI,
    KVM_REG_RBP,
    KVM_REG_RSP,
    KVM_REG_R8,
    KVM_REG_RIP = 16,
    KVM_REG_RFLAGS
};

/* How a vCPU begins, outside run(). Whoever starts one in another mode than REAL has put this
 * GDT there: flat segments, as Linux's boot protocol wants them. */
enum { KVM_CS = 0x10, KVM_DS = 0x18, KVM_GDT = 0x500, KVM_GDT_BYTES = 32 };
enum kvm_mode { KVM_REAL, KVM_PROTECTED, KVM_LONG };
struct kvm_start {
    enum kvm_mode mode;
    u64           pc, sp;
    u64           cr3;      /* LONG: its page tables are in memory already */
    u64           rbx, rsi; /* what the boot protocols hand over */
};
int kvm_vcpu_start(struct vcpu *, const struct kvm_start *, struct err *err);
int kvm_vcpu_wait(struct vcpu *, struct err *err); /* it waits for INIT and SIPI */

/* Why run() came back to user space, how often. */
unsigned    kvm_exit_kinds(void);
const char *kvm_exit_name(unsigned kind);
u64         kvm_exit_count(const struct vcpu *, unsigned kind);
u64         kvm_runs(const struct vcpu *); /* KVM_RUN came back, in all */

/* Sees each exit, on the vCPU's thread. NULL: nobody. Outside run(). */
typedef void kvm_spy(void *ctx, const struct vcpu *, const char *kind, u64 addr, unsigned width,
                     bool write);
void         kvm_watch(struct kvm_vm *, kvm_spy *, void *ctx);

/* VCPU_OFF: arg tells what of, kvm_last_words how. */
enum { KVM_OFF_RESET, KVM_OFF_BROKEN };
const char *kvm_last_words(const struct vcpu *);

/* Millions of instructions of guest kernel code a second, by running a few thousand of them in
 * the vCPU, before it begins: below KVM_SLOW the host's KVM emulates them one by one. */
enum { KVM_SLOW = 4 };
int kvm_measure(struct vcpu *, u64 *out, struct err *err);

/* Snapshots: of a vCPU that is outside run(), and of the kernel's interrupt controllers, timer
 * and clock. */
int kvm_vcpu_save(struct vcpu *, struct snap *, struct err *err);
int kvm_vcpu_load(struct vcpu *, struct snap *, struct err *err);
int kvm_save(struct kvm_vm *, struct snap *, struct err *err);
int kvm_load(struct kvm_vm *, struct snap *, struct err *err);

int kvm_reset(struct kvm_vm *, struct err *err); /* the kernel's chips, as at the beginning */

#endif

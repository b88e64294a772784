/* kvm/vcpu.c - a vCPU: made, run, kicked.
 *
 * A kick sets immediate_exit, which makes the next KVM_RUN come back at once, and sends a signal
 * that makes one under way come back. KVM_RUN is always called once more after an exit, also
 * when kicked: only then is the access complete and the state fit to be looked at. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "kvm/vm.h"
#include "vm/clock.h"

static int kick_signal(void)
{
    return SIGRTMIN + 3;
}

static void on_kick(int signal)
{
    (void)signal; /* that it came is all */
}

static void let_kicks_in(void)
{
    sigset_t kick;
    sigemptyset(&kick);
    sigaddset(&kick, kick_signal());
    pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
}

/* The kernel reads it at any time. */
static void set_immediate(struct kvm_vcpu *k, bool on)
{
    __atomic_store_n(&k->run->immediate_exit, on, __ATOMIC_SEQ_CST);
}

static void vcpu_kick(struct vcpu *v)
{
    struct kvm_vcpu *k = to_kvm(v);
    atomic_store(&k->kicked, true);
    set_immediate(k, true);
    if (atomic_load(&k->inside))
        pthread_kill(k->thread, kick_signal());
}

/* Runs up to a decision. */
static void go(struct kvm_vcpu *k, struct vcpu_exit *exit)
{
    for (;;) {
        int rc = kvm_call(k->vm, k->fd, KVM_RUN, 0);
        count_add(&k->runs, 1);
        if (rc >= 0) {
            if (!kvm_handle(k, exit))
                return;
            continue;
        }
        set_immediate(k, false);
        if (rc != -EINTR && rc != -EAGAIN) {
            k->run->exit_reason                              = KVM_EXIT_FAIL_ENTRY;
            k->run->fail_entry.hardware_entry_failure_reason = (u64)-rc;
            kvm_handle(k, exit);
            return;
        }
        if (atomic_exchange(&k->kicked, false)) {
            exit->why = VCPU_KICKED;
            return;
        }
    }
}

static int vcpu_run(struct vcpu *v, u64 budget, struct vcpu_exit *exit)
{
    struct kvm_vcpu *k = to_kvm(v);
    (void)budget; /* instructions are not counted */
    *exit = (struct vcpu_exit){.why = VCPU_OFF};
    if (k->off)
        return 0;
    let_kicks_in();
    k->thread = pthread_self();
    atomic_store(&k->inside, true);
    go(k, exit);
    atomic_store(&k->inside, false);
    return 0;
}

static void vcpu_irq(struct vcpu *v, unsigned line, bool level)
{
    (void)v;
    (void)line;
    (void)level;
    assert(false && "a vCPU's interrupts come from the kernel's controllers");
}

/* The hardware sees to it. */
static void vcpu_forget(struct vcpu *v, gpa start, u64 len)
{
    (void)v;
    (void)start;
    (void)len;
}

static void vcpu_destroy(struct vcpu *v)
{
    if (!v)
        return;
    struct kvm_vcpu *k = to_kvm(v);
    if (k->run)
        k->vm->host.unmap(k->vm->host.ctx, k->run, k->vm->run_bytes);
    if (k->fd >= 0)
        k->vm->host.close(k->vm->host.ctx, k->fd);
    free(k->pristine);
    free(k);
}

static const struct vcpu_ops ops = {
    .name    = "kvm",
    .run     = vcpu_run,
    .kick    = vcpu_kick,
    .irq     = vcpu_irq,
    .get     = kvm_reg_get,
    .set     = kvm_reg_set,
    .forget  = vcpu_forget,
    .destroy = vcpu_destroy,
};

static int open_vcpu(struct kvm_vcpu *k, struct err *err)
{
    struct kvm_vm *vm = k->vm;
    k->fd             = kvm_call(vm, vm->fd, KVM_CREATE_VCPU, k->vcpu.id);
    if (k->fd < 0)
        return err_errno(err, -k->fd, "KVM: make CPU %u", k->vcpu.id);
    k->run = vm->host.map(vm->host.ctx, k->fd, vm->run_bytes);
    if (!k->run)
        return err_errno(err, errno, "map the state of CPU %u", k->vcpu.id);
    int rc = kvm_cpuid_apply(k, err);
    return rc ? rc : kvm_state_keep(k, err);
}

int kvm_vcpu_create(struct vcpu **out, struct kvm_vm *vm, unsigned id, struct err *err)
{
    struct kvm_vcpu *k = xnew(struct kvm_vcpu);
    struct sigaction a = {.sa_handler = on_kick};
    sigaction(kick_signal(), &a, NULL);
    k->vm   = vm;
    k->fd   = -1;
    k->vcpu = (struct vcpu){&ops, vm->ram, vm->bus, vm->clock, id};
    int rc  = open_vcpu(k, err);
    if (rc) {
        vcpu_destroy(&k->vcpu);
        return rc;
    }
    *out = &k->vcpu;
    return 0;
}

const char *kvm_last_words(const struct vcpu *v)
{
    return to_kvm(v)->words;
}

u64 kvm_runs(const struct vcpu *v)
{
    return count_read(&to_kvm(v)->runs);
}

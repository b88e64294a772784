/* kvm/measure.c - how fast does this host's KVM run guest kernel code?
 *
 * Some hosts offer a /dev/kvm that has no hardware behind it and emulates kernel code one
 * instruction at a time. Nothing but the time it takes tells. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kvm/vm.h"
#include "vm/clock.h"

enum { AT = 0x1000, PORT = 0xe0, ROUNDS = 5000 };

/* out %al,$PORT; mov $ROUNDS,%ecx; 1: dec %ecx; jnz 1b; out %al,$PORT; jmp . */
static const u8 code[] = {0xe6,           PORT, 0xb9, ROUNDS & 0xff, ROUNDS >> 8, 0,    0,
                          0x49 /* dec */, 0x75, 0xfd, 0xe6,          PORT,        0xeb, 0xfe};

/* Runs up to the next write to the port. */
static int run_to_port(struct kvm_vcpu *k, struct err *err)
{
    enum { TRIES = 100 };
    for (int i = 0; i < TRIES; i++) {
        int rc = kvm_call(k->vm, k->fd, KVM_RUN, 0);
        if (rc == -EINTR || rc == -EAGAIN)
            continue;
        if (rc < 0)
            return err_errno(err, -rc, "KVM: run a CPU");
        if (k->run->exit_reason == KVM_EXIT_IO && k->run->io.port == PORT)
            return 0;
        return err_set(err, EIO, "KVM: a CPU does not run as it should (exit %u)",
                       k->run->exit_reason);
    }
    return err_set(err, EINTR, "KVM: a CPU does not get to run");
}

static int measure(struct kvm_vcpu *k, u64 *ns, struct err *err)
{
    struct clock *clock;
    int           rc = run_to_port(k, err);
    if (!rc)
        rc = clock_host_create(&clock, NULL, 0, err);
    if (rc)
        return rc;
    clock_resume(clock);
    u64 start = clock_now(clock);
    rc        = run_to_port(k, err);
    *ns       = clock_now(clock) - start;
    clock_destroy(clock);
    return rc;
}

int kvm_measure(struct vcpu *v, u64 *out, struct err *err)
{
    struct kvm_vcpu *k                  = to_kvm(v);
    struct kvm_start start              = {.mode = KVM_PROTECTED, .pc = AT, .sp = AT};
    u64              ns                 = 0;
    u8               zero[sizeof(code)] = {0};
    if (ram_write(k->vm->ram, AT, code, sizeof(code)))
        return err_set(err, EINVAL, "there is no memory at %#x", AT);
    int rc = kvm_vcpu_start(v, &start, err);
    if (!rc)
        rc = measure(k, &ns, err);
    ram_write(k->vm->ram, AT, zero, sizeof(zero));
    if (!rc)
        *out = 2ull * ROUNDS * 1000 / MAX(ns, 1ull);
    return rc;
}

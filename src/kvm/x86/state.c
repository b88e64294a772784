/* kvm/x86/state.c - reads and sets all of a vCPU and of the kernel's chips: for resets, which KVM
 * has no call for, and for snapshots.
 *
 * Order matters when setting: what a register may hold depends on CPUID, which was set when the
 * vCPU was made; the local APIC depends on sregs; events come behind all that could clear them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kvm/x86/state.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "kvm/vm.h"
#include "vm/clock.h"

/* --- a vCPU --- */

#define PART(GET, SET, m, what)                                                                    \
    {                                                                                              \
        GET, SET, offsetof(struct kvm_state, m), what                                              \
    }
static const struct {
    u64         get, set;
    size_t      off;
    const char *what;
} parts[] = {
    PART(KVM_GET_MP_STATE, KVM_SET_MP_STATE, mp, "its state"),
    PART(KVM_GET_REGS, KVM_SET_REGS, regs, "registers"),
    PART(KVM_GET_SREGS, KVM_SET_SREGS, sregs, "system registers"),
    PART(KVM_GET_XCRS, KVM_SET_XCRS, xcrs, "extended control registers"),
    PART(KVM_GET_XSAVE, KVM_SET_XSAVE, xsave, "floating point"),
    PART(KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, debugregs, "debug registers"),
    PART(KVM_GET_LAPIC, KVM_SET_LAPIC, lapic, "the local APIC"),
    PART(KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, events, "events"),
};
#undef PART

/* KVM lists registers that this vCPU may not have: reading stops at each, and goes on behind. */
static int read_msrs(struct kvm_vcpu *k, struct kvm_msrs_room *out, struct err *err)
{
    const struct kvm_vm     *vm   = k->vm;
    struct kvm_msr_list_room list = {.n = KVM_MSRS_MAX};
    struct kvm_msrs_room     now;
    out->nmsrs = 0;
    int rc     = kvm_must(vm, vm->sys, KVM_GET_MSR_INDEX_LIST, &list, "list model registers", err);
    for (u32 i = 0; !rc && i < MIN(list.n, (u32)KVM_MSRS_MAX);) {
        now = (struct kvm_msrs_room){.nmsrs = list.n - i};
        for (u32 n = 0; n < now.nmsrs; n++)
            now.entries[n].index = list.indices[i + n];
        int done = kvm_call(vm, k->fd, KVM_GET_MSRS, (u64)(uintptr_t)&now);
        if (done < 0)
            return err_errno(err, -done, "KVM: read model registers");
        done = MIN(done, (int)now.nmsrs);
        memcpy(&out->entries[out->nmsrs], now.entries, (size_t)done * sizeof(now.entries[0]));
        out->nmsrs += (u32)done;
        i += (u32)done + 1;
    }
    return rc;
}

/* What cannot be set as it was read is left out: constants of the host. */
static int write_msrs(struct kvm_vcpu *k, const struct kvm_msrs_room *in, struct err *err)
{
    struct kvm_msrs_room now;
    u32                  n = MIN(in->nmsrs, (u32)KVM_MSRS_MAX);
    for (u32 i = 0; i < n;) {
        now = (struct kvm_msrs_room){.nmsrs = n - i};
        memcpy(now.entries, &in->entries[i], (n - i) * sizeof(now.entries[0]));
        int done = kvm_call(k->vm, k->fd, KVM_SET_MSRS, (u64)(uintptr_t)&now);
        if (done < 0)
            return err_errno(err, -done, "KVM: set model registers");
        i += (u32)done + 1;
    }
    return 0;
}

static int read_state(struct kvm_vcpu *k, struct kvm_state *s, struct err *err)
{
    int rc = 0;
    for (unsigned i = 0; !rc && i < ARRAY_SIZE(parts); i++) {
        rc = kvm_must(k->vm, k->fd, parts[i].get, (u8 *)s + parts[i].off, parts[i].what, err);
        if (rc)
            err_wrap(err, "read CPU %u", k->vcpu.id);
    }
    return rc ? rc : read_msrs(k, &s->msrs, err);
}

static int write_state(struct kvm_vcpu *k, struct kvm_state *s, struct err *err)
{
    int rc = 0;
    for (unsigned i = 0; !rc && i < ARRAY_SIZE(parts); i++) {
        rc = kvm_must(k->vm, k->fd, parts[i].set, (u8 *)s + parts[i].off, parts[i].what, err);
        if (rc)
            err_wrap(err, "set CPU %u", k->vcpu.id);
    }
    return rc ? rc : write_msrs(k, &s->msrs, err);
}

int kvm_state_keep(struct kvm_vcpu *k, struct err *err)
{
    k->pristine = xnew(struct kvm_state);
    return read_state(k, k->pristine, err);
}

int kvm_state_again(struct kvm_vcpu *k, struct err *err)
{
    if (!k->touched) {
        k->touched = true;
        return 0;
    }
    return write_state(k, k->pristine, err);
}

#define F(m) FIELD(struct kvm_state, m)
static const struct field fields[] = {F(mp),        F(regs),  F(sregs),  F(xsave), F(xcrs),
                                      F(debugregs), F(lapic), F(events), F(msrs),  FIELDS_END};
#undef F

static void section(const struct vcpu *v, char out[24])
{
    snprintf(out, 24, "kvm-cpu%u", v->id);
}

int kvm_vcpu_save(struct vcpu *v, struct snap *snap, struct err *err)
{
    char                           name[24];
    cleanup_free struct kvm_state *s  = xnew(struct kvm_state);
    int                            rc = read_state(to_kvm(v), s, err);
    if (rc)
        return rc;
    section(v, name);
    snap_begin(snap, name);
    snap_put_fields(snap, fields, s);
    snap_end(snap);
    return 0;
}

int kvm_vcpu_load(struct vcpu *v, struct snap *snap, struct err *err)
{
    char                           name[24];
    struct kvm_vcpu               *k = to_kvm(v);
    cleanup_free struct kvm_state *s = xnew(struct kvm_state);
    section(v, name);
    if (!snap_find(snap, name))
        return err_set(err, EINVAL, "the snapshot has no CPU %u that KVM could run", v->id);
    snap_get_fields(snap, fields, s);
    if (snap_failed(snap))
        return err_set(err, EINVAL, "the snapshot's CPU %u is not of this shape", v->id);
    k->touched = true;
    return write_state(k, s, err);
}

/* --- the kernel's chips --- */

static int chips(struct kvm_vm *vm, struct kvm_chips *c, bool set, struct err *err)
{
    const char *what = "interrupt controllers and timer";
    int         rc   = 0;
    for (u32 i = 0; !rc && i < ARRAY_SIZE(c->chips); i++) {
        c->chips[i].chip_id = i;
        rc = kvm_must(vm, vm->fd, set ? KVM_SET_IRQCHIP : KVM_GET_IRQCHIP, &c->chips[i], what, err);
    }
    return rc ? rc : kvm_must(vm, vm->fd, set ? KVM_SET_PIT2 : KVM_GET_PIT2, &c->pit, what, err);
}

int kvm_chips_keep(struct kvm_vm *vm, struct err *err)
{
    vm->pristine = xnew(struct kvm_chips);
    return chips(vm, vm->pristine, false, err);
}

int kvm_reset(struct kvm_vm *vm, struct err *err)
{
    return chips(vm, vm->pristine, true, err);
}

#define F(m) FIELD(struct kvm_chips, m)
static const struct field chip_fields[] = {F(chips), F(pit), FIELDS_END};
#undef F

int kvm_save(struct kvm_vm *vm, struct snap *snap, struct err *err)
{
    struct kvm_chips      c     = {0};
    struct kvm_clock_data clock = {0};
    int                   rc    = chips(vm, &c, false, err);
    if (!rc)
        rc = kvm_must(vm, vm->fd, KVM_GET_CLOCK, &clock, "read its clock", err);
    if (rc)
        return rc;
    snap_begin(snap, "kvm");
    snap_put_fields(snap, chip_fields, &c);
    snap_put_u64(snap, clock.clock);
    snap_end(snap);
    return 0;
}

int kvm_load(struct kvm_vm *vm, struct snap *snap, struct err *err)
{
    struct kvm_chips      c     = {0};
    struct kvm_clock_data clock = {0};
    if (!snap_find(snap, "kvm"))
        return err_set(err, EINVAL, "the snapshot is not of a machine that KVM runs");
    snap_get_fields(snap, chip_fields, &c);
    clock.clock = snap_get_u64(snap);
    if (snap_failed(snap))
        return err_set(err, EINVAL, "the snapshot's interrupt controllers are not of this shape");
    int rc = chips(vm, &c, true, err);
    return rc ? rc : kvm_must(vm, vm->fd, KVM_SET_CLOCK, &clock, "set its clock", err);
}

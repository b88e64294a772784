/* kvm/x86/state.h - all there is of a vCPU, and of the kernel's chips, as plain data. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_X86_STATE_H
#define KVM_X86_STATE_H

#include <linux/kvm.h>

#include "base/types.h"

enum { KVM_MSRS_MAX = 256 };

struct kvm_msr_list_room {
    u32 n;
    u32 indices[KVM_MSRS_MAX];
};

struct kvm_msrs_room {
    u32                  nmsrs, pad;
    struct kvm_msr_entry entries[KVM_MSRS_MAX];
};
_Static_assert(offsetof(struct kvm_msrs_room, entries) == sizeof(struct kvm_msrs), "as KVM has it");

struct kvm_state {
    struct kvm_mp_state    mp;
    struct kvm_regs        regs;
    struct kvm_sregs       sregs;
    struct kvm_xcrs        xcrs;
    struct kvm_debugregs   debugregs;
    struct kvm_lapic_state lapic;
    struct kvm_vcpu_events events;
    struct kvm_msrs_room   msrs;
    struct kvm_xsave       xsave; /* last, since it may be larger one day */
};

struct kvm_chips {
    struct kvm_irqchip    chips[3]; /* two 8259, the IOAPIC */
    struct kvm_pit_state2 pit;
};

#endif

/* kvm/host.h - the host's KVM as this folder calls it: a handful of functions.
 *
 * kvm_host_linux is /dev/kvm. Tests and the fuzzer put a machine of their own behind it
 * (fake.h), so that nothing above needs the device. All return what the system call returns, or
 * -errno. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_HOST_H
#define KVM_HOST_H

#include "base/types.h"

struct kvm_host {
    int (*open)(void *ctx);                               /* the system's descriptor */
    int (*call)(void *ctx, int fd, u64 request, u64 arg); /* ioctl; arg: a number or a pointer */
    void *(*map)(void *ctx, int fd, u64 len); /* a vCPU's struct kvm_run; NULL: failed */
    void (*unmap)(void *ctx, void *at, u64 len);
    void (*close)(void *ctx, int fd);
    void *ctx;
};

extern const struct kvm_host kvm_host_linux;

#endif

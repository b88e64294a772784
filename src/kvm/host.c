/* kvm/host.c - see host.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kvm/host.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int host_open(void *ctx)
{
    (void)ctx;
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int host_call(void *ctx, int fd, u64 request, u64 arg)
{
    (void)ctx;
    int rc = ioctl(fd, request, arg);
    return rc < 0 ? -errno : rc;
}

static void *host_map(void *ctx, int fd, u64 len)
{
    (void)ctx;
    void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

static void host_unmap(void *ctx, void *at, u64 len)
{
    (void)ctx;
    munmap(at, len);
}

static void host_close(void *ctx, int fd)
{
    (void)ctx;
    close(fd);
}

const struct kvm_host kvm_host_linux = {.open  = host_open,
                                        .call  = host_call,
                                        .map   = host_map,
                                        .unmap = host_unmap,
                                        .close = host_close};

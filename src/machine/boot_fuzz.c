/* machine/boot_fuzz.c - files of strangers: kernels, ELF programs, disks, whatever they are. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "machine/boot.h"
#include "machine/state.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    cleanup_fd int fd = memfd_create("file", MFD_CLOEXEC);
    char           path[32];
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

    struct spec  spec = {.workload = path};
    struct probe probe;
    machine_probe(&spec, &probe);

    struct file   f;
    struct loaded loaded;
    struct ram   *ram;
    struct err    err;
    if (!file_open(&f, path, &err)) {
        if (file_type(&f) == FILE_ELF)
            elf_symbol(&f, "tohost");
        file_close(&f);
    }
    if (ram_create(&ram, &err))
        return 0;
    if (!ram_add(ram, DRAM_BASE, MiB(8), 0, &err))
        file_load(ram, path, DRAM_BASE, &loaded, &err);
    ram_destroy(ram);
    return 0;
}

/* timing/gates/gates_fuzz.c - any bytes as a netlist: run for a while, or refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "timing/gates/gates.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    char                     path[64];
    struct gates            *g;
    const struct gates_port *p;
    cleanup_fd int           fd = memfd_create("gates", MFD_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len || gates_read(&g, path, NULL))
        return 0;
    for (u32 step = 0; step < 40; step++) {
        for (u32 i = 0; (p = gates_port(g, i)); i++)
            for (u32 b = 0; !p->output && b < p->bits; b++)
                gates_set(g, step * 3, p->nets[b], (enum logic)((step * 7 + i + b) % 4));
        gates_run(g, step * 3);
    }
    gates_destroy(g);
    return 0;
}

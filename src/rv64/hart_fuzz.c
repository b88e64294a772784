/* rv64/hart_fuzz.c - random code on a hart: whatever it does, the hart answers as the manual says.
 *
 * The first byte chooses how the hart starts; the rest is the code, run for a few thousand
 * instructions. Page tables, PMP, traps and counters are reached by what the fuzzer writes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"
#include "memory/bus.h"
#include "memory/ram.h"
#include "rv64/rv64.h"
#include "vm/clock.h"

#include <stdlib.h>
#include <string.h>

enum { RAM_BYTES = 128 << 10, CODE = 8 << 10, INSNS = 4000 };
#define BASE 0x80000000ull

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

struct bench {
    struct loop  *loop;
    struct clock *clock;
    struct ram   *ram;
    struct bus   *bus;
    struct vcpu  *harts[2]; /* with and without firmware above */
};

static struct bench *make_bench(void)
{
    static struct bench b;
    if (b.ram)
        return &b;
    struct err err;
    if (loop_create(&b.loop, &err) || clock_host_create(&b.clock, b.loop, 0, &err) ||
        ram_create(&b.ram, &err) || ram_add(b.ram, BASE, RAM_BYTES, 0, &err) ||
        bus_create(&b.bus, &err))
        abort();
    for (unsigned i = 0; i < 2; i++) {
        struct rv64_config config = {.hart_id = i, .sbi = i, .vlen = 128 << i, .reset = BASE};
        if (rv64_create(&b.harts[i], &config, b.ram, b.bus, b.clock, &err))
            abort();
    }
    return &b;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct bench    *b = make_bench();
    struct vcpu_exit exit;
    u64              pc;
    if (size < 4)
        return 0;
    struct vcpu *v = b->harts[data[0] & 1];
    memset(ram_borrow(b->ram, BASE, RAM_BYTES, true), 0, RAM_BYTES);
    ram_write(b->ram, BASE, data + 1, size - 1 < CODE ? size - 1 : CODE);
    rv64_reset(v);
    for (unsigned i = 1; i < 32; i++) /* registers that often point at memory */
        v->ops->set(v, i, BASE + 4096 * (i % 16) + (i > 24 ? i : 0));
    v->ops->set(v, RV64_REG_CSR0 + 0x300, 3ull << 13); /* floating point on */
    for (unsigned i = 0; i < INSNS / 1000; i++) {
        v->ops->run(v, 1000, &exit);
        v->ops->get(v, RV64_REG_PC, &pc);
        if (exit.why == VCPU_SYSCALL)
            v->ops->set(v, RV64_REG_PC, pc + 4);
    }
    char text[64];
    for (size_t i = 0; i + 4 <= size; i += 2) {
        u32 word;
        memcpy(&word, data + i, 4);
        rv64_disassemble(word, BASE + i, text, sizeof(text));
    }
    return 0;
}

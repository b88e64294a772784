/* tests/diff/our_probe.c - executes cases by our own hart: what is tested.
 *
 * The two pages that a case can see lie at the same addresses as under Linux, untranslated; a
 * trap goes to M mode, where a breakpoint waits. Each case runs twice, as blocks and instruction
 * by instruction, and must end alike. Arguments: VLEN, 128 or 256; jit, if the blocks shall be
 * translated (single instructions are always the interpreter's); how hard (rv64_config.hard). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/loop.h"
#include "memory/bus.h"
#include "memory/ram.h"
#include "protocol.h"
#include "rv64/rv64.h"
#include "vm/clock.h"

#define TRAPS 0x70000000ull

enum {
    FFLAGS_TO_FCSR = 3,
    MSTATUS        = 0x300,
    MTVEC          = 0x305,
    MENVCFG        = 0x30a,
    MEPC           = 0x341,
    MCAUSE         = 0x342,
    MTVAL          = 0x343,
    MINSTRET       = 0xb02,
    PMPCFG0        = 0x3a0,
    PMPADDR0       = 0x3b0,
    SENVCFG        = 0x10a
};

static struct ram  *ram;
static struct vcpu *hart;

static void set(unsigned reg, u64 val)
{
    if (hart->ops->set(hart, reg, val)) {
        fprintf(stderr, "our_probe: no register %u\n", reg);
        exit(1);
    }
}

static void set_csr(unsigned csr, u64 val)
{
    set(RV64_REG_CSR0 + csr, val);
}

static u64 get(unsigned reg)
{
    u64 val = 0;
    hart->ops->get(hart, reg, &val);
    return val;
}

static void put_code(const struct diff_case *c)
{
    u16      half[2 * DIFF_WORDS + 1];
    unsigned i = 0;
    for (unsigned n = 0; n < ARRAY_SIZE(half); n++)
        half[n] = DIFF_EBREAK;
    for (unsigned n = 0; n < DIFF_WORDS && (!n || c->word[n]); n++) {
        half[i++] = (u16)c->word[n];
        if ((c->word[n] & 3) == 3)
            half[i++] = (u16)(c->word[n] >> 16);
    }
    ram_write(ram, DIFF_CODE + DIFF_ENTRY, half, sizeof(half));
    hart->ops->forget(hart, DIFF_CODE, DIFF_PAGE);
}

/* Linux's signal for a cause (Volume II, table 14). */
static u32 signal_of(u64 cause)
{
    static const u32 table[] = {
        [0] = SIGBUS, [1] = SIGSEGV, [2] = SIGILL, [3] = SIGTRAP,  [4] = SIGBUS,   [5] = SIGSEGV,
        [6] = SIGBUS, [7] = SIGSEGV, [8] = SIGSYS, [12] = SIGSEGV, [13] = SIGSEGV, [15] = SIGSEGV};
    return cause < ARRAY_SIZE(table) ? table[cause] : 0;
}

static void put_vectors(const struct diff_vectors *c)
{
    static const u8 edge[DIFF_EDGE];
    ram_write(ram, DIFF_DATA + DIFF_PAGE - DIFF_EDGE, edge, sizeof(edge));
    struct rv64_vectors v = {c->vstart, c->vl, c->vtype, c->vcsr, c->vlenb, {0}};
    memcpy(v.v, c->v, 32 * c->vlenb);
    rv64_set_vectors(hart, &v);
}

static void take_vectors(struct diff_vectors *r)
{
    struct rv64_vectors v;
    rv64_get_vectors(hart, &v);
    *r = (struct diff_vectors){v.vstart, v.vl, v.vtype, v.vcsr, v.vlenb, {0}};
    memcpy(r->v, v.v, 32 * v.vlenb);
}

enum { BY_STEPS = 100, BY_BLOCKS = 1000000 }; /* near its budget's end a hart goes by steps */

/* Returns how many instructions retired. */
static u64 run(const struct diff_case *c, u64 budget, struct diff_reply *r)
{
    struct vcpu_exit end;
    put_code(c);
    ram_write(ram, DIFF_DATA, c->data, DIFF_BYTES);
    set_csr(MSTATUS, 3 << 13 | 3 << 9);
    set_csr(FFLAGS_TO_FCSR, c->fcsr);
    for (unsigned i = 0; i < 32; i++) {
        set(RV64_REG_X0 + i, c->x[i]);
        set(RV64_REG_F0 + i, c->f[i]);
    }
    if (c->vectors)
        put_vectors(&c->vec);
    set(RV64_REG_MODE, RV64_U);
    set(RV64_REG_PC, DIFF_CODE + DIFF_ENTRY);
    u64 before = get(RV64_REG_CSR0 + MINSTRET);
    hart->ops->run(hart, budget, &end);

    u64 cause = get(RV64_REG_CSR0 + MCAUSE);
    *r        = (struct diff_reply){.status = end.why == VCPU_BREAK ? signal_of(cause) : 0};
    r->fcsr   = (u32)get(RV64_REG_CSR0 + FFLAGS_TO_FCSR);
    r->pc     = get(RV64_REG_CSR0 + MEPC);
    if (r->status == SIGBUS || r->status == SIGSEGV)
        r->address = get(RV64_REG_CSR0 + MTVAL);
    for (unsigned i = 0; i < 32; i++) {
        r->x[i] = get(RV64_REG_X0 + i);
        r->f[i] = get(RV64_REG_F0 + i);
    }
    ram_read(ram, DIFF_DATA, r->data, DIFF_BYTES);
    if (c->vectors)
        take_vectors(&r->vec);
    return get(RV64_REG_CSR0 + MINSTRET) - before;
}

static bool run_both(const struct diff_case *c, struct diff_reply *r)
{
    struct diff_reply stepped;
    u8                page[DIFF_PAGE]; /* a case may store behind the bytes that it sets */
    ram_read(ram, DIFF_DATA, page, sizeof(page));
    u64 steps = run(c, BY_STEPS, &stepped);
    ram_write(ram, DIFF_DATA, page, sizeof(page));
    u64 count = run(c, BY_BLOCKS, r);
    if (steps == count && !memcmp(r, &stepped, sizeof(stepped)))
        return true;
    fprintf(stderr, "our_probe: by steps %llu instructions to pc %llx, by blocks %llu to %llx\n",
            (unsigned long long)steps, (unsigned long long)stepped.pc, (unsigned long long)count,
            (unsigned long long)r->pc);
    return false;
}

static bool all(bool out, void *p, size_t len)
{
    for (char *at = p; len;) {
        ssize_t n = out ? write(1, at, len) : read(0, at, len);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static void set_up(unsigned vlen, bool jit, const char *hard)
{
    struct rv64_config config = {.jit = jit, .hard = hard, .reset = TRAPS, .vlen = vlen};
    struct err         err    = {0};
    struct loop       *loop;
    struct bus        *bus;
    struct clock      *clock;
    gva                traps = TRAPS;
    if (loop_create(&loop, &err) || bus_create(&bus, &err) || ram_create(&ram, &err) ||
        clock_host_create(&clock, loop, 0, &err) || ram_add(ram, DIFF_CODE, DIFF_PAGE, 0, &err) ||
        ram_add(ram, DIFF_DATA, DIFF_PAGE, 0, &err) || ram_add(ram, TRAPS, DIFF_PAGE, 0, &err) ||
        rv64_create(&hart, &config, ram, bus, clock, &err)) {
        fprintf(stderr, "our_probe: %s\n", err.text);
        exit(1);
    }
    u16 *code = ram_borrow(ram, DIFF_CODE, DIFF_PAGE, true);
    for (unsigned i = 0; i < DIFF_PAGE / 2; i++)
        code[i] = DIFF_EBREAK;
    set_csr(MTVEC, TRAPS);
    set_csr(PMPADDR0, ~0ull >> 10);
    set_csr(PMPCFG0, 0x1f);
    set_csr(MENVCFG, 0xf0);
    set_csr(SENVCFG, 0x80); /* only cbo.zero is for U mode, as Linux has it */
    rv64_breakpoints(hart, &traps, 1);
}

int main(int argc, char **argv)
{
    struct diff_case  c;
    struct diff_reply r;
    set_up(argc > 1 && !strcmp(argv[1], "256") ? 256 : 128, argc > 2 && !strcmp(argv[2], "jit"),
           argc > 3 ? argv[3] : NULL);
    while (all(false, &c, sizeof(c))) {
        if (!run_both(&c, &r) || !all(true, &r, sizeof(r)))
            return 1;
    }
    return 0;
}

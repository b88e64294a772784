/* rv64/rv64.h - a RISC-V hart: RV64GC and more, with M, S and U modes.
 *
 * Follows the RISC-V Instruction Set Manual, Volume I (unprivileged, 20240411) and Volume II
 * (privileged, 20240411). A hart runs on one thread at a time; others reach it only through
 * kick, irq and rv64_request. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RV64_RV64_H
#define RV64_RV64_H

#include "vm/vcpu.h"

#define RV64_TIMEBASE_HZ 10000000u /* of the time CSR */
#define RV64_CBO_BYTES   64u       /* of a cache block (Zicbom, Zicboz) */
#define RV64_VLEN        128u      /* bits of a vector register, if nobody says otherwise */
#define RV64_VLEN_MAX    256u

enum rv64_mode { RV64_U, RV64_S, RV64_M = 3 };

/* Interrupt lines of vcpu_ops.irq: bits of mip (Volume II, 3.1.9). */
enum { RV64_SSIP = 1, RV64_MSIP = 3, RV64_STIP = 5, RV64_MTIP = 7, RV64_SEIP = 9, RV64_MEIP = 11 };

/* Registers of vcpu_ops.get and set, numbered as gdb does. */
enum {
    RV64_REG_X0   = 0,
    RV64_REG_PC   = 32,
    RV64_REG_F0   = 33,
    RV64_REG_CSR0 = 65,
    RV64_REG_MODE = 4161
};

/* A single program instead of a machine: the hart stays in U mode and memory is flat. Its
 * exceptions end run() with VCPU_FAULT (arg as mcause, addr as mtval), its environment calls
 * with VCPU_SYSCALL, pc at the instruction. Translated, its instructions are counted only
 * roughly, if `exact` does not ask for more. */
struct rv64_user {
    u8 *base;  /* host address of guest address 0; 4 GiB on both sides of [0, limit) are nobody's */
    u64 limit; /* guest addresses are below */
    bool (*may)(void *ctx, gva addr, unsigned access); /* is the page there for 0 load, 1 store, 2
                                                        * fetch? Any thread */
    void *ctx;
};

struct rv64_config {
    unsigned    hart_id;
    bool        jit;  /* translated code, else the interpreter */
    const char *hard; /* jit under hard conditions, for tests: words of "flush" (all code
                         goes after each region), "small" (a cache of a few pages),
                         "plain" (no optimiser), "wrong" (xori is off by one, for who compares the
                         engines), with commas; NULL: none */
    bool                    alone; /* no other hart writes to this memory */
    unsigned                vlen;  /* bits of a vector register, 128 or 256; 0: no vectors */
    const struct rv64_user *user;  /* NULL: a machine; else ram and bus are NULL */
    bool exact;  /* a program's translated instructions are counted, as a machine's
                    are; its budget may be overrun by a few of them */
    bool sbi;    /* environment calls from S mode end run() with VCPU_SYSCALL */
    gva  reset;  /* pc after reset */
    gpa  tohost; /* HTIF: told() hears of what is written to this word; 0: none */
    void (*told)(void *ctx, u64 val); /* on the hart's thread */
    void *ctx;
};

int rv64_create(struct vcpu **out, const struct rv64_config *, struct ram *, struct bus *,
                struct clock *, struct err *err);

/* By which engine it goes on; outside run(). -ENOMEM, -ENOTSUP: as before. */
int rv64_use_jit(struct vcpu *, bool jit, struct err *err);

/* For programs, outside run(). */
u64 *rv64_x(struct vcpu *); /* x0 to x31 */
u64 *rv64_f(struct vcpu *);
gva *rv64_pc(struct vcpu *);
u32  rv64_fcsr(const struct vcpu *);
void rv64_set_fcsr(struct vcpu *, u32);

/* Vector registers, as Linux's struct __riscv_v_ext_state and what follows it; vlenb bytes for
 * each register. Setting makes of it what the hart can have. */
struct rv64_vectors {
    u64 vstart, vl, vtype, vcsr, vlenb;
    u8  v[32 * RV64_VLEN_MAX / 8];
};
bool rv64_vectors_used(const struct vcpu *);     /* since reset */
void rv64_allow_vectors(struct vcpu *, bool on); /* off: instructions of vectors are illegal */
void rv64_get_vectors(const struct vcpu *, struct rv64_vectors *);
void rv64_set_vectors(struct vcpu *, const struct rv64_vectors *);

void rv64_forget_memory(struct vcpu *);               /* any thread: what was mapped has changed */
int  rv64_after_fork(struct vcpu *, struct err *err); /* in the child, by the thread that forked */

/* From the handler of SIGSEGV and SIGBUS, on the hart's thread: if the program did it, run() ends
 * with VCPU_FAULT and this returns true (or does not return: install it with SA_NODEFER). */
bool rv64_user_fault(struct vcpu *, void *ucontext, const void *addr);

/* The extensions of a hart with vectors of VLEN bits, as the device tree tells them: the N-th of
 * riscv,isa-extensions, NULL behind the last; and riscv,isa. */
const char *rv64_extension(unsigned vlen, unsigned n);
enum { RV64_ISA_ROOM = 512 };
void rv64_isa(unsigned vlen, char out[RV64_ISA_ROOM]);

/* What one hart may ask of another (SBI RFENCE). Any thread. Done when rv64_requests_done. */
enum { RV64_REQ_FENCE_I = 1, RV64_REQ_SFENCE = 2 };
void rv64_request(struct vcpu *, unsigned requests);
bool rv64_requests_done(const struct vcpu *);
void rv64_serve(struct vcpu *); /* on its own thread, outside run(): does what was asked */

/* Sleeps until there is something to do: after VCPU_IDLE, on the hart's own thread. */
void rv64_wait(struct vcpu *);

void rv64_reset(struct vcpu *);                /* outside run() */
void rv64_set_tohost(struct vcpu *, gpa addr); /* as config.tohost; outside run() */

/* Guest virtual memory as the hart sees it now, for debuggers and firmware: no side effects
 * beyond those of a load or store to RAM. 0 or -EFAULT. Outside run(). */
int rv64_peek(struct vcpu *, gva addr, void *dst, u64 len);
int rv64_poke(struct vcpu *, gva addr, const void *src, u64 len);

/* The debugger's marks. All of a kind are replaced at once. Outside run(). */
struct rv64_watch {
    gva  addr;
    u64  len;
    bool read, write;
};
void rv64_breakpoints(struct vcpu *, const gva *addrs, unsigned n);
void rv64_watchpoints(struct vcpu *, const struct rv64_watch *, unsigned n);

/* While it is on no interrupt is taken: for who steps. Outside run(). */
void rv64_mask_interrupts(struct vcpu *, bool on);

/* Sees each instruction before it is run, and each trap: for traces. NULL: nobody, no cost. */
struct rv64_tracer {
    void (*insn)(void *ctx, struct vcpu *, gva pc, u32 word);
    void (*trap)(void *ctx, struct vcpu *, u64 cause, gva pc, u64 tval);
    void *ctx;
};
void rv64_trace(struct vcpu *, const struct rv64_tracer *);

struct rv64_counts {
    u64 instructions, traps, interrupts, tlb_misses, page_walks, mmio, blocks, block_misses;
};
void rv64_counts(const struct vcpu *, struct rv64_counts *out);

void rv64_save(const struct vcpu *, struct snap *);
int  rv64_load(struct vcpu *, struct snap *, struct err *err);

/* One instruction as text: "addi a0,a0,1". Returns its length in bytes, 2 or 4. */
unsigned rv64_disassemble(u32 word, gva pc, char *out, size_t room);

#endif

/* rv64/hart.h - the hart's own state, shared by the files of this folder only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RV64_HART_H
#define RV64_HART_H

#include <setjmp.h>
#include <stdatomic.h>

#include "base/types.h"
#include "codegen/codegen.h"
#include "rv64/rv64.h"
#include "vm/clock.h"

enum { PAGE_BITS = 12, PAGE_SIZE = 1 << PAGE_BITS };
#define PAGE_MASK (~(u64)(PAGE_SIZE - 1))

/* Exceptions: mcause without the interrupt bit (Volume II, table 14). */
enum cause {
    CAUSE_FETCH_MISALIGNED,
    CAUSE_FETCH_ACCESS,
    CAUSE_ILLEGAL,
    CAUSE_BREAKPOINT,
    CAUSE_LOAD_MISALIGNED,
    CAUSE_LOAD_ACCESS,
    CAUSE_STORE_MISALIGNED,
    CAUSE_STORE_ACCESS,
    CAUSE_ECALL_U,
    CAUSE_ECALL_S,
    CAUSE_ECALL_M = 11,
    CAUSE_FETCH_PAGE,
    CAUSE_LOAD_PAGE,
    CAUSE_STORE_PAGE = 15
};
#define CAUSE_INTERRUPT (1ull << 63)

/* mstatus (Volume II, 3.1.6) */
#define MSTATUS_SIE  (1ull << 1)
#define MSTATUS_MIE  (1ull << 3)
#define MSTATUS_SPIE (1ull << 5)
#define MSTATUS_MPIE (1ull << 7)
#define MSTATUS_SPP  (1ull << 8)
#define MSTATUS_VS   (3ull << 9)
#define MSTATUS_MPP  (3ull << 11)
#define MSTATUS_FS   (3ull << 13)
#define MSTATUS_MPRV (1ull << 17)
#define MSTATUS_SUM  (1ull << 18)
#define MSTATUS_MXR  (1ull << 19)
#define MSTATUS_TVM  (1ull << 20)
#define MSTATUS_TW   (1ull << 21)
#define MSTATUS_TSR  (1ull << 22)
/* sstatus's part of mstatus without FS and what is fixed */
#define SSTATUS_WORD (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_SUM | MSTATUS_MXR)
#define MSTATUS_UXL  (2ull << 32) /* 64 bits, fixed */
#define MSTATUS_SXL  (2ull << 34)
#define MSTATUS_SD   (1ull << 63)

/* menvcfg, senvcfg (Volume II, 3.1.18) */
#define ENVCFG_FIOM  (1ull << 0)
#define ENVCFG_CBIE  (3ull << 4)
#define ENVCFG_CBCFE (1ull << 6)
#define ENVCFG_CBZE  (1ull << 7)
#define ENVCFG_ADUE  (1ull << 61)
#define ENVCFG_PBMTE (1ull << 62)
#define ENVCFG_STCE  (1ull << 63)

enum { RV64_RESERVED_WORD = 1 };
enum { VLENB_MAX = RV64_VLEN_MAX / 8 };

enum access { ACCESS_LOAD, ACCESS_STORE, ACCESS_FETCH };

/* A page that may be touched directly. tag: the page's address, or all ones; add: what turns
 * a guest virtual address into a host one. */
struct tlb_entry {
    u64 tag;
    u64 add;
};
enum { TLB_SIZE = 4096, ITLB_SIZE = 256, JUMPS = 1024, HASH = 16384, ARENA_BYTES = 16 << 20 };

struct tlb {
    struct tlb_entry load[TLB_SIZE], store[TLB_SIZE];
};
enum tlb_view { VIEW_U, VIEW_S, VIEW_S_SUM, VIEW_M, VIEWS }; /* as whom data is reached */

struct itlb_entry {
    gva tag; /* page, or all ones */
    gpa page;
    u8 *host;
};

/* What is remembered of the page tables under one ASID (Volume II, 10.1.11). */
enum { SPACES = 8, BIG_PAGES = 8 };
struct space {
    u64               satp;  /* whole; all ones: nothing is here */
    u64               stamp; /* when it was last entered */
    bool              tlb_used[VIEW_M];
    bool              stores_stale;   /* code was found on pages that they may name */
    u32               big[BIG_PAGES]; /* gigabytes with a larger page; see rv64_flush_page */
    unsigned          n_big;
    struct tlb        tlbs[VIEW_M];
    struct itlb_entry itlb[2][ITLB_SIZE]; /* of U and S mode */
};

struct block;

/* One decoded instruction. A branch or jump is followed by a link in the next slot. */
struct op {
    const void *go; /* where the interpreter does it */
    i32         imm;
    u8          rd, rs1, rs2; /* rd 32: thrown away */
    u8          off;          /* from the block's start, in half words */
};
struct link {
    struct block *to;    /* NULL: not known, or on another page */
    u32           count; /* instructions from the block's start to here */
    u32           same_page;
};
_Static_assert(sizeof(struct op) == 16 && sizeof(struct link) == 16, "they share slots");

/* Straight code that begins at one physical address, up to a jump or the end of its page; it
 * may go on past branches that are not taken. */
struct block {
    gpa           pa;
    u64           epoch; /* the hart's, when its bytes were last known to be right */
    struct block *next;  /* in its hash chain */
    const u8     *raw;   /* a copy of the bytes it was made of */
    u32           bytes, insns;
    struct op     ops[];
};

struct jump {
    gva           pc; /* all ones: none */
    struct block *block;
};

struct pmp {
    u64      addr[16]; /* pmpaddr */
    u8       cfg[16];
    u64      lo[16], hi[16]; /* of active regions: first and last byte */
    unsigned active;         /* entries below this may match */
};

enum { BREAKS_MAX = 256, WATCHES_MAX = 64 };

struct rv64_jit;

struct rv64_hart {
    struct vcpu vcpu;

    /* What the interpreter touches all the time. */
    u64           x[33]; /* x[32]: where writes to x0 go */
    u64           f[32];
    gva           pc;
    u64           icount; /* instructions retired since creation */
    atomic_ullong limit;  /* run stops at a block border when icount >= limit; 0: at once */
    u64           epoch;  /* moved on by fence.i */
    struct tlb   *tlb;    /* the current view */
    struct jump  *jumps;  /* of the current mode */
    u32           fs;     /* mstatus.FS, 0..3 */
    u32           frm;
    u32           fflags; /* outside run(); inside, the host's MXCSR has them */
    u8            mode;

    /* The translator's (jit.c) */
    struct rv64_jit    *jit;                    /* NULL: it was never asked for */
    bool                translates;             /* it is the engine */
    bool                told;                   /* of every store to RAM; see jit_pages.c */
    i64                 jit_count, jit_stretch; /* instructions left, of so many */
    struct code_jump   *jit_jumps;
    struct code_context jit_context;
    u64                 user_limit; /* of a program's addresses */
    sigjmp_buf          landing;    /* where a program's fault in our own code goes on */

    /* The vector extension's (vector.c) */
    u32  vs;    /* mstatus.VS, 0..3 */
    u32  vlenb; /* bytes of a register; 0: there are none, and vs stays 0 */
    u64  vtype, vl, vstart;
    u32  vxrm, vxsat;
    u8   vsew; /* these three are what vtype says */
    i8   vlmul;
    bool vill;
    _Alignas(32) u8 v[32 * VLENB_MAX]; /* v0 to v31, vlenb bytes each */

    /* CSRs */
    u64           mstatus; /* without FS, VS, SD, UXL, SXL */
    u64           medeleg, mideleg, mie, mtvec, mcounteren, mscratch, mepc, mcause, mtval, menvcfg;
    u64           stvec, scounteren, sscratch, sepc, scause, stval, satp, senvcfg, stimecmp;
    u64           mcountinhibit, cycle_off, instret_off; /* mcycle = icount + cycle_off */
    u64           cycle_held, instret_held;              /* the counters while inhibited */
    struct pmp    pmp;
    atomic_ullong mip;       /* bits set by anyone */
    bool          seip_soft; /* SEIP as software wrote it; mip has the wire's */
    atomic_bool   seip_wire;

    /* LR/SC: what was loaded and from where (RV64_RESERVED_WORD is added for 4 bytes); the store
     * conditional compares. Any trap and any change of mappings ends it. */
    gva reserved; /* ~0: none */
    u64 reserved_value;

    /* The outside */
    struct rv64_config config;
    gpa                tohost_page; /* all ones: none */
    struct timer       stimer;      /* fires at stimecmp */
    atomic_uint        requests, kicked, wakeups;
    atomic_bool        timer_due, waiting;
    atomic_bool        inside; /* in run() */
    u64                budget_end;
    struct vcpu_exit  *exit; /* where run() wants its answer */

    /* Caches */
    struct space       spaces[SPACES];
    struct space      *space; /* satp's */
    u64                spaces_entered;
    struct tlb         tlb_m; /* M mode's, which knows no paging */
    struct itlb_entry  itlb_m[ITLB_SIZE];
    struct jump        jump_tables[4][JUMPS];
    struct block      *hash[HASH];
    bool               tlb_m_used, jumps_used[4]; /* since they were emptied */
    u8                *arena;
    u64                arena_used;
    const void *const *labels;      /* the interpreter's, by row */
    u16               *bucket_rows; /* rows of insn.def, sorted by bits 6..2 */
    u16                bucket_start[33];
    struct block      *scratch; /* room for one instruction that is not kept */

    /* Debugging */
    gva                       breaks[BREAKS_MAX];
    struct rv64_watch         watches[WATCHES_MAX];
    unsigned                  n_breaks, n_watches;
    gva                       skip_break; /* the one that we stopped at: run past it once */
    bool                      masked;     /* no interrupt is taken */
    bool                      watch_hit;  /* by the instruction that just ran */
    gva                       watch_addr;
    const struct rv64_tracer *tracer;
    struct rv64_tracer        tracer_copy;

    u64 n_traps, n_interrupts, n_tlb_misses, n_walks, n_mmio, n_blocks, n_block_misses, n_flushes;
};

static inline struct rv64_hart *to_hart(const struct vcpu *v)
{
    return container_of(v, struct rv64_hart, vcpu);
}

/* Is each instruction of translated code counted? */
static inline bool rv64_counts_all(const struct rv64_hart *h)
{
    return !h->config.user || h->config.exact;
}

/* trap.c */
void rv64_trap(struct rv64_hart *, u64 cause, u64 tval); /* from h->pc; sets pc and mode */
bool rv64_take_interrupt(struct rv64_hart *); /* if one is due: true, and the trap was taken */
bool rv64_wants_wakeup(struct rv64_hart *);   /* what WFI waits for */
void rv64_set_mode(struct rv64_hart *, unsigned mode);
void rv64_views_changed(struct rv64_hart *); /* after a change of mode, MPRV, MPP or SUM */
void rv64_update_stimer(struct rv64_hart *);

/* Instructions that are functions. They return true to go on behind the instruction, false
 * when pc was set (a trap, a return) or the run shall end (exit->why is set). h->pc is the
 * instruction's address. */
bool rv64_illegal(struct rv64_hart *, u32 word);
bool rv64_ecall(struct rv64_hart *);
bool rv64_ebreak(struct rv64_hart *);
bool rv64_mret(struct rv64_hart *, u32 word);
bool rv64_sret(struct rv64_hart *, u32 word);
bool rv64_wfi(struct rv64_hart *, u32 word);
bool rv64_sfence_vma(struct rv64_hart *, u32 word, gva addr, u64 asid);
bool rv64_sinval(struct rv64_hart *, u32 word, bool fence);
bool rv64_cbo(struct rv64_hart *, u32 word, gva addr);
bool rv64_cbo_zero(struct rv64_hart *, u32 word, gva addr);
bool rv64_fp_on(struct rv64_hart *); /* false: off. Otherwise marks FS dirty. */

/* csr.c */
bool rv64_csr(struct rv64_hart *, u32 word, u64 operand);         /* all six; rd is written */
int  rv64_csr_get(struct rv64_hart *, unsigned number, u64 *val); /* -ENOENT; no checks of mode */
int  rv64_csr_set(struct rv64_hart *, unsigned number, u64 val);
u64  rv64_mstatus(const struct rv64_hart *);         /* whole, with FS and SD */
i32  rv64_csr_plain(unsigned number, u64 *writable); /* where in the hart it is; -1: not so plain */
u64  rv64_mip(const struct rv64_hart *);
u64  rv64_time(const struct rv64_hart *); /* in ticks of the timebase */

/* user.c */
void rv64_user_reset(struct rv64_hart *);
void rv64_user_enter(struct rv64_hart *); /* on the thread that runs it */

/* mmu.c */
enum { ALL_ASIDS = 0x10000 };
void  rv64_flush_tlb(struct rv64_hart *, u32 asid); /* what S and U mode's page tables gave */
void  rv64_flush_page(struct rv64_hart *, gva addr, u32 asid);
void  rv64_spaces_init(struct rv64_hart *);
void  rv64_enter_space(struct rv64_hart *); /* after a change of satp */
void  rv64_unlearn_stores(struct rv64_hart *, const u8 *host_page);
void  rv64_flush_all(struct rv64_hart *); /* M mode's too: after a change of PMP */
int   rv64_load_slow(struct rv64_hart *, gva addr, unsigned width, u64 *val); /* -1: trapped */
int   rv64_store_slow(struct rv64_hart *, gva addr, unsigned width, u64 val);
bool  rv64_may_load(struct rv64_hart *, gva addr, u64 len); /* is it RAM, and would not trap? */
void *rv64_atomic_ptr(struct rv64_hart *, gva addr, unsigned width, enum access, gpa *pa);
/* *host is good to the page's end. -1: trapped; 1: only these two bytes were allowed. */
int  rv64_fetch(struct rv64_hart *, gva pc, gpa *pa, const u8 **host);
bool rv64_pmp_allows(const struct rv64_hart *, gpa addr, u64 len, enum access, unsigned mode);
void rv64_pmp_changed(struct rv64_hart *);
int  rv64_data_ptr(struct rv64_hart *, gva addr, enum access, gpa *pa); /* translate; -1: trapped */
int  rv64_probe(struct rv64_hart *, gva addr, enum access, gpa *pa);    /* no trap; 0 or a cause */

/* atomic.c */
bool rv64_lr(struct rv64_hart *, gva addr, unsigned width, unsigned rd);
bool rv64_sc(struct rv64_hart *, gva addr, unsigned width, u64 val, unsigned rd);
bool rv64_amo(struct rv64_hart *, gva addr, unsigned width, unsigned funct5, u64 val, unsigned rd);
bool rv64_amocas(struct rv64_hart *, gva addr, unsigned width, unsigned rd, unsigned rs2);

/* decode.c */
int           rv64_decoder_init(struct rv64_hart *);
void          rv64_decoder_done(struct rv64_hart *);
struct block *rv64_block_at(struct rv64_hart *, gva pc); /* NULL: trapped, pc is the handler's */
struct block *rv64_block_one(struct rv64_hart *, gva pc, u32 *word); /* just one, not kept */
void          rv64_flush_blocks(struct rv64_hart *);

/* interp.c */
void               rv64_interp(struct rv64_hart *, bool one);
const void *const *rv64_interp_labels(void);

#endif

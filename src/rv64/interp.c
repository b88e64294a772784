/* rv64/interp.c - runs decoded blocks: the reference for every other executor.
 *
 * insn.def's words are defined here as C, so each row becomes one piece of one long function
 * that jumps from piece to piece (computed goto). Straight code touches nothing but registers
 * and the TLB; at each block's border one comparison, icount against limit, tells whether
 * anybody wants something (an interrupt, a kick, the end of the budget). The instruction
 * counter is brought up to date only when a block is left.
 *
 * Guest loads and stores are relaxed atomics of the host, which on x86-64 are plain moves and
 * keep more order than RVWMO asks for; only store-load order needs a fence. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "rv64/bodies.h" /* made of insn.def */
#include "rv64/fp.h"
#include "rv64/hart.h"
#include "rv64/vector.h"
#include "rv64/words.h"

/* How many instructions of B stand before half word OFF. */
static u32 insns_before(const struct block *b, unsigned off)
{
    u32 n = 0;
    for (unsigned at = 0; at < 2 * off; n++)
        at += (b->raw[at] & 3) == 3 ? 4 : 2;
    return n;
}

static u32 word_at(const struct block *b, unsigned off)
{
    const u8 *p = b->raw + 2 * off;
    u32       w = p[0] | (u32)p[1] << 8;
    return (w & 3) == 3 ? w | (u32)p[2] << 16 | (u32)p[3] << 24 : w;
}

/* The words of insn.def. */
#define RS1        (x[op->rs1])
#define RS2        (x[op->rs2])
#define IMM        ((u64)(i64)op->imm)
#define ZIMM       ((u64)op->rs1)
#define WORD       ((u32)op->imm)
#define RD(v)      (x[op->rd] = (u64)(v))
#define FRS1       (h->f[op->rs1])
#define FRS2       (h->f[op->rs2])
#define FRS3       (h->f[op->imm >> 8 & 31])
#define FRD(v)     (h->f[op->rd & 31] = (v))
#define PC         (pc + 2u * op->off)
#define NEXT_PC    (PC + op->rs2) /* in J and JR formats, the decoder puts the length there */
#define TARGET     (PC + IMM)
#define LINK       ((struct link *)(op + 1))
#define JUMP_ENTRY (h->jumps[(pc >> 1) % JUMPS])

#define ILLEGAL()                                                                                  \
    do {                                                                                           \
        h->pc = PC;                                                                                \
        rv64_illegal(h, word_at(b, op->off));                                                      \
        goto trapped;                                                                              \
    } while (0)

#define FP(...)                                                                                    \
    do {                                                                                           \
        if (unlikely(h->fs != 3) && !rv64_fp_on(h))                                                \
            ILLEGAL();                                                                             \
        __VA_ARGS__;                                                                               \
    } while (0)

#define FPM FP

#define RM                                                                                         \
    ({                                                                                             \
        unsigned rm_ = op->imm & 7;                                                                \
        if (rm_ == 7)                                                                              \
            rm_ = h->frm;                                                                          \
        if (unlikely(rm_ > 4))                                                                     \
            ILLEGAL();                                                                             \
        rm_;                                                                                       \
    })

#define LOAD(T, address)                                                                           \
    ({                                                                                             \
        gva                     a_ = (address);                                                    \
        const struct tlb_entry *e_ = &h->tlb->load[(a_ >> PAGE_BITS) % TLB_SIZE];                  \
        u64                     v_;                                                                \
        if (likely(e_->tag == (a_ & (PAGE_MASK | (sizeof(T) - 1))))) {                             \
            v_ = (u64)(i64)__atomic_load_n((T *)(a_ + e_->add), __ATOMIC_RELAXED);                 \
        } else {                                                                                   \
            h->pc = PC;                                                                            \
            if (unlikely(rv64_load_slow(h, a_, sizeof(T), &v_)))                                   \
                goto trapped;                                                                      \
            v_ = (u64)(i64)(T)v_;                                                                  \
        }                                                                                          \
        v_;                                                                                        \
    })

#define STORE(T, address, val)                                                                     \
    do {                                                                                           \
        gva                     a_ = (address);                                                    \
        u64                     v_ = (val);                                                        \
        const struct tlb_entry *e_ = &h->tlb->store[(a_ >> PAGE_BITS) % TLB_SIZE];                 \
        if (likely(e_->tag == (a_ & (PAGE_MASK | (sizeof(T) - 1))))) {                             \
            __atomic_store_n((T *)(a_ + e_->add), (T)v_, __ATOMIC_RELAXED);                        \
        } else {                                                                                   \
            h->pc = PC;                                                                            \
            if (unlikely(rv64_store_slow(h, a_, sizeof(T), v_)))                                   \
                goto trapped;                                                                      \
        }                                                                                          \
    } while (0)

/* A conditional branch: on to the next instruction of the block, or away by its link. */
#define BRANCH(cond)                                                                               \
    do {                                                                                           \
        if (cond)                                                                                  \
            JUMP(TARGET);                                                                          \
        op++;                                                                                      \
    } while (0)

/* To an address that is known when decoding: by the link, when that is on the same page. */
#define JUMP(target)                                                                               \
    do {                                                                                           \
        struct link *l_ = LINK;                                                                    \
        count_add(&h->icount, l_->count);                                                          \
        pc = (target);                                                                             \
        b  = l_->to;                                                                               \
        if (likely(b && b->epoch == h->epoch)) {                                                   \
            if (unlikely(h->icount >= atomic_load_explicit(&h->limit, memory_order_relaxed)))      \
                goto enter;                                                                        \
            op = b->ops;                                                                           \
            goto * op->go;                                                                         \
        }                                                                                          \
        if (!l_->same_page)                                                                        \
            goto jump;                                                                             \
        link = l_;                                                                                 \
        goto find;                                                                                 \
    } while (0)

/* To one that is not. */
#define JUMP_TO(target)                                                                            \
    do {                                                                                           \
        count_add(&h->icount, LINK->count);                                                        \
        pc = (target);                                                                             \
        goto jump;                                                                                 \
    } while (0)

#define CALL(f)                                                                                    \
    do {                                                                                           \
        h->pc = PC;                                                                                \
        if (unlikely(!(f)))                                                                        \
            goto trapped;                                                                          \
    } while (0)

#define AMO(width) CALL(rv64_amo(h, RS1, width / 8, WORD >> 27, RS2, op->rd))
#define LR(width)  CALL(rv64_lr(h, RS1, width / 8, op->rd))
#define SC(width)  CALL(rv64_sc(h, RS1, width / 8, RS2, op->rd))
#define CBO_ZERO() CALL(rv64_cbo_zero(h, WORD, RS1))

/* A system instruction sees the counter before it, and is the last of its block. */
#define SYS(f)                                                                                     \
    do {                                                                                           \
        h->pc = PC;                                                                                \
        count_add(&h->icount, LINK->count - 1);                                                    \
        if (!(f))                                                                                  \
            goto left;                                                                             \
        count_add(&h->icount, 1);                                                                  \
        pc = h->pc + SYS_LENGTH;                                                                   \
        goto jump;                                                                                 \
    } while (0)
#define SYS_LENGTH ((word_at(b, op->off) & 3) == 3 ? 4 : 2)

/* Volume I, 2.7. Only a store before a load needs the host's help. */
#define FENCE()                                                                                    \
    do {                                                                                           \
        if ((op->imm >> 24 & 1) && (op->imm >> 21 & 1))                                            \
            atomic_thread_fence(memory_order_seq_cst);                                             \
        else                                                                                       \
            atomic_thread_fence(memory_order_acq_rel);                                             \
    } while (0)
#define FENCE_I() (h->epoch++, true)

/* Runs until somebody wants something; with ONE, one instruction. H may be NULL: then only the
 * labels are asked for. */
static const void *const *run_blocks(struct rv64_hart *h, bool one)
{
    static const void *const labels[] = {
#define INSN(name, ...) &&do_##name,
#include "rv64/insn.def"
#undef INSN
        &&do_illegal,
        &&do_next,
        &&do_stop,
        &&do_break,
#define FUSE(a, b) &&do_##a##_##b,
#include "rv64/fused.def"
#undef FUSE
    };
    if (!h)
        return labels;

    u64 *const       x  = h->x;
    gva              pc = h->pc;
    struct block    *b;
    const struct op *op;
    struct link     *link = NULL;
    u64              flushes;

    if (one) {
        u32 word;
        b = rv64_block_one(h, pc, &word);
        if (!b)
            return labels;
        op = b->ops;
        goto * op->go;
    }

jump:
    if (likely(JUMP_ENTRY.pc == pc && JUMP_ENTRY.block->epoch == h->epoch)) {
        b = JUMP_ENTRY.block;
        goto enter;
    }
find:
    if (unlikely(h->icount >= atomic_load_explicit(&h->limit, memory_order_relaxed)) || one) {
        h->pc = pc;
        return labels;
    }
    h->pc   = pc;
    flushes = h->n_flushes;
    b       = rv64_block_at(h, pc);
    if (b && link && flushes == h->n_flushes)
        link->to = b; /* the link is still where it was */
    link = NULL;
    if (!b)
        goto left;
enter:
    if (unlikely(h->icount >= atomic_load_explicit(&h->limit, memory_order_relaxed)) || one) {
        h->pc = pc;
        return labels;
    }
    op = b->ops;
    goto * op->go;

#define INSN(name, format, mask, match, ...)                                                       \
    do_##name:                                                                                     \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    op++;                                                                                          \
    goto * op->go;
#include "rv64/insn.def"
#undef INSN

/* Two rows, the second without a jump before it. Each has its own op. */
#define FUSE(a, b)                                                                                 \
    do_##a##_##b:                                                                                  \
    {                                                                                              \
        BODY_##a;                                                                                  \
    }                                                                                              \
    op++;                                                                                          \
    {                                                                                              \
        BODY_##b;                                                                                  \
    }                                                                                              \
    op++;                                                                                          \
    goto * op->go;
#include "rv64/fused.def"
#undef FUSE

do_illegal:
    ILLEGAL();
do_next: /* the block ends, the code goes on behind it */
    JUMP(pc + (u32)op->imm);
do_stop: /* behind the only instruction of a block of one */
    count_add(&h->icount, LINK->count);
    h->pc = pc + (u32)op->imm;
    return labels;
do_break:
    count_add(&h->icount, insns_before(b, op->off));
    h->pc    = PC;
    *h->exit = (struct vcpu_exit){VCPU_BREAK, h->pc, h->pc};
    return labels;

trapped: /* by an instruction in the middle: those before it have retired */
    count_add(&h->icount, insns_before(b, op->off));
left: /* pc is set, or run shall end */
    pc = h->pc;
    if (one || h->exit->why != VCPU_KICKED)
        return labels;
    goto jump;
}

void rv64_interp(struct rv64_hart *h, bool one)
{
    run_blocks(h, one);
}

const void *const *rv64_interp_labels(void)
{
    return run_blocks(NULL, false);
}

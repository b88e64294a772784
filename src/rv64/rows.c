/* rv64/rows.c - every instruction as a function of its own: for what translated code calls. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/fp.h"
#include "rv64/hart.h"
#include "rv64/isa.h"
#include "rv64/jit.h"
#include "rv64/vector.h"
#include "rv64/words.h"

/* The words of insn.def. Those that may trap return from the function. h->pc is the
 * instruction's address; branches and jumps never come here. */
#define RS1         (h->x[op->rs1])
#define RS2         (h->x[op->rs2])
#define IMM         ((u64)(i64)op->imm)
#define ZIMM        ((u64)op->rs1)
#define WORD        ((u32)op->imm)
#define RD(v)       (h->x[op->rd] = (u64)(v))
#define FRS1        (h->f[op->rs1])
#define FRS2        (h->f[op->rs2])
#define FRS3        (h->f[op->imm >> 8 & 31])
#define FRD(v)      (h->f[op->rd & 31] = (v))
#define TARGET      0
#define NEXT_PC     0
#define BRANCH(c)   (void)(c)
#define JUMP(to)    (void)(to)
#define JUMP_TO(to) (void)(to)
#define SYS(f)      return (f)
#define FENCE_I()   (h->epoch++, true)
#define FENCE()

#define FP(...)                                                                                    \
    do {                                                                                           \
        if (unlikely(h->fs != 3) && !rv64_fp_on(h))                                                \
            return rv64_illegal(h, raw);                                                           \
        __VA_ARGS__;                                                                               \
    } while (0)
#define FPM FP

#define RM                                                                                         \
    ({                                                                                             \
        unsigned rm_ = op->imm & 7;                                                                \
        if (rm_ == 7)                                                                              \
            rm_ = h->frm;                                                                          \
        if (unlikely(rm_ > 4))                                                                     \
            return rv64_illegal(h, raw);                                                           \
        rm_;                                                                                       \
    })

#define LOAD(T, address)                                                                           \
    ({                                                                                             \
        u64 v_;                                                                                    \
        if (rv64_load_slow(h, (address), sizeof(T), &v_))                                          \
            return false;                                                                          \
        (u64)(i64)(T)v_;                                                                           \
    })
#define STORE(T, address, val)                                                                     \
    do {                                                                                           \
        if (rv64_store_slow(h, (address), sizeof(T), (val)))                                       \
            return false;                                                                          \
    } while (0)

#define CALL(f)                                                                                    \
    do {                                                                                           \
        if (!(f))                                                                                  \
            return false;                                                                          \
    } while (0)
#define AMO(width) CALL(rv64_amo(h, RS1, width / 8, WORD >> 27, RS2, op->rd))
#define LR(width)  CALL(rv64_lr(h, RS1, width / 8, op->rd))
#define SC(width)  CALL(rv64_sc(h, RS1, width / 8, RS2, op->rd))
#define CBO_ZERO() CALL(rv64_cbo_zero(h, WORD, RS1))

#define INSN(name, format, mask, match, ...)                                                       \
    static bool do_##name(struct rv64_hart *h, const struct op *op, u32 raw)                       \
    {                                                                                              \
        (void)op;                                                                                  \
        (void)raw;                                                                                 \
        (void)h;                                                                                   \
        __VA_ARGS__;                                                                               \
        return true;                                                                               \
    }
#include "rv64/insn.def"
#undef INSN

const rv64_row_fn rv64_row_fns[RV64_ROWS] = {
#define INSN(name, ...) [INSN_##name] = do_##name,
#include "rv64/insn.def"
#undef INSN
};

/* codegen/x64.h - what the files of the back end for x86-64 share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEGEN_X64_H
#define CODEGEN_X64_H

#include "codegen/x64_asm.h"

static inline i32 x64_ctx_off(const struct code_cache *k, size_t member)
{
    return k->frame.context + (i32)member;
}
#define CTX(k, m) at(RBP, x64_ctx_off(k, offsetof(struct code_context, m)))

/* x64.c */
struct loc x64_operand(struct gen *, u32 v); /* register, memory, or a short constant */
void       x64_call_out(struct gen *, u32 site);
u32        x64_add_link(struct gen *, u64 cookie, u32 kind, u32 where);

void x64_help_stub(struct gen *, const struct ir *, u32 where); /* of one that CALLS */
void x64_stubs_back(struct gen *, u32 from, u8 dst);            /* stubs since FROM go on here */

/* x64_atomic.c */
void x64_atomic(struct gen *, u32 index, const struct ir *);

/* x64_mem.c */
void       x64_add_stub(struct gen *, struct stub);
struct loc x64_ctx_loc(const struct gen *, size_t member);
void       x64_load(struct gen *, u32 index, const struct ir *);
void       x64_store(struct gen *, const struct ir *);
/* Looks [base + off] up in TABLE: PAGE becomes what makes host addresses. T is lost. */
void x64_entry(struct gen *, u8 base, i32 off, u8 align, u32 table, u8 t, u8 page, u32 *miss);
void x64_poke(struct gen *, const struct ir *);
void x64_peek(struct gen *, u32 index, const struct ir *);
void x64_stub_access(struct gen *, const struct stub *);

/* x64_fp.c */
void x64_fp_flags_back(struct gen *); /* as the last FGETFLAGS found them */
void x64_fp_op(struct gen *, u32 index);
void x64_fp_move(struct gen *, u8 dst, struct loc src);
void x64_fp_store(struct emit *, u8 reg, i32 off);
void x64_fp_load(struct emit *, u8 reg, i32 off);
void x64_fp_read(struct gen *, enum ir_type, u32 gs, u8 dst, struct mem, u8 ones);
void x64_fp_write(struct gen *, enum ir_type, u32 gs, u8 src, struct mem);
void x64_fp_nan(struct gen *, const struct stub *);

#endif

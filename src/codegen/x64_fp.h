/* codegen/x64_fp.h - what x64.c asks of x64_fp.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEGEN_X64_FP_H
#define CODEGEN_X64_FP_H

#include "codegen/host.h"

#include "codegen/x64_asm.h"

void x64_fp_op(struct gen *, u32 index);
void x64_fp_move(struct gen *, u8 dst, struct loc src);
void x64_fp_store(struct emit *, u8 reg, i32 off);
void x64_fp_load(struct emit *, u8 reg, i32 off);
void x64_fp_read(struct gen *, enum ir_type, u32 gs, u8 dst, struct mem, u8 ones);
void x64_fp_write(struct gen *, enum ir_type, u32 gs, u8 src, struct mem);
void x64_fp_nan(struct gen *, const struct stub *);

#endif

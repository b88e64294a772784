/* rv64/isa.h - insn.def and format.def as data: for the decoder, the disassembler, the tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RV64_ISA_H
#define RV64_ISA_H

#include "base/types.h"

enum rv64_imm { IMM_none, IMM_i, IMM_s, IMM_b, IMM_u, IMM_j, IMM_shamt, IMM_rm, IMM_fma, IMM_word };
enum rv64_flow { FLOW_PLAIN, FLOW_LINK, FLOW_END };

enum rv64_format {
#define FORMAT(name, imm, kind, text) FORMAT_##name,
#include "rv64/format.def"
#undef FORMAT
};

enum rv64_insn {
#define INSN(name, ...) INSN_##name,
#include "rv64/insn.def"
#undef INSN
    RV64_ROWS
};

struct rv64_row {
    const char      *name; /* with _ for . */
    enum rv64_format format;
    u32              mask, match;
};

struct rv64_format_info {
    enum rv64_imm  imm;
    enum rv64_flow flow;
    const char    *text; /* see format.def */
};

extern const struct rv64_row         rv64_rows[RV64_ROWS];
extern const struct rv64_format_info rv64_formats[];

/* A row of vector.def, by its format. */
static inline bool rv64_is_vector(enum rv64_format f)
{
    return f >= FORMAT_VSL;
}

int rv64_find(u32 word);                     /* its row; -1: illegal */
i64 rv64_immediate(enum rv64_imm, u32 word); /* Volume I, 2.3 */
u32 rv64_expand(u16 half);                   /* a compressed instruction's long form; 0: illegal */

#endif

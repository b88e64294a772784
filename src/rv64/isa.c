/* rv64/isa.c - see isa.h; and the disassembler. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "rv64/isa.h"

#include <stdio.h>
#include <string.h>

#include "rv64/rv64.h"

const struct rv64_row rv64_rows[RV64_ROWS] = {
#define INSN(name, format, mask, match, ...) {#name, FORMAT_##format, mask, match},
#include "rv64/insn.def"
#undef INSN
};

const struct rv64_format_info rv64_formats[] = {
#define FORMAT(name, imm, kind, text) [FORMAT_##name] = {IMM_##imm, FLOW_##kind, text},
#include "rv64/format.def"
#undef FORMAT
};

/* Single letters first; and from how many bits of a vector register on they are there. */
static const struct {
    const char *name;
    unsigned    vlen;
} extensions[] = {
    {"i", 0},         {"m", 0},        {"a", 0},         {"f", 0},        {"d", 0},
    {"c", 0},         {"v", 128},      {"zicbom", 0},    {"zicbop", 0},   {"zicboz", 0},
    {"zicntr", 0},    {"zicond", 0},   {"zicsr", 0},     {"zifencei", 0}, {"zihintpause", 0},
    {"zihpm", 0},     {"zacas", 0},    {"zfa", 0},       {"zfh", 0},      {"zfhmin", 0},
    {"zba", 0},       {"zbb", 0},      {"zbc", 0},       {"zbkb", 0},     {"zbs", 0},
    {"zvbb", 128},    {"zve32f", 128}, {"zve32x", 128},  {"zve64d", 128}, {"zve64f", 128},
    {"zve64x", 128},  {"zvfh", 128},   {"zvfhmin", 128}, {"zvkb", 128},   {"zvl128b", 128},
    {"zvl256b", 256}, {"sstc", 0},     {"svadu", 0},     {"svinval", 0},  {"svnapot", 0},
    {"svpbmt", 0},
};

const char *rv64_extension(unsigned vlen, unsigned n)
{
    for (unsigned i = 0; i < ARRAY_SIZE(extensions); i++)
        if (extensions[i].vlen <= vlen && n-- == 0)
            return extensions[i].name;
    return NULL;
}

void rv64_isa(unsigned vlen, char out[RV64_ISA_ROOM])
{
    const char *e;
    int         at = snprintf(out, RV64_ISA_ROOM, "rv64");
    for (unsigned n = 0; (e = rv64_extension(vlen, n)); n++)
        at += snprintf(out + at, RV64_ISA_ROOM - (size_t)at, "%s%s", e[1] ? "_" : "", e);
}

int rv64_find(u32 word)
{
    for (int i = 0; i < RV64_ROWS; i++)
        if ((word & rv64_rows[i].mask) == rv64_rows[i].match)
            return i;
    return -1;
}

i64 rv64_immediate(enum rv64_imm kind, u32 w)
{
    switch (kind) {
    case IMM_none:
        return 0;
    case IMM_i:
        return (i32)w >> 20;
    case IMM_s:
        return (i64)(u64)((i64)((i32)w >> 25) * 32) | (i64)bits(w, 11, 7);
    case IMM_b:
        return sext(bits(w, 31, 31) << 12 | bits(w, 7, 7) << 11 | bits(w, 30, 25) << 5 |
                        bits(w, 11, 8) << 1,
                    13);
    case IMM_u:
        return (i32)(w & 0xfffff000);
    case IMM_j:
        return sext(bits(w, 31, 31) << 20 | bits(w, 19, 12) << 12 | bits(w, 20, 20) << 11 |
                        bits(w, 30, 21) << 1,
                    21);
    case IMM_shamt:
        return (i64)bits(w, 25, 20);
    case IMM_rm:
        return (i64)bits(w, 14, 12);
    case IMM_fma:
        return (i64)(bits(w, 14, 12) | bits(w, 31, 27) << 8);
    case IMM_word:
        return (i32)w;
    }
    return 0;
}

static const char *const x_names[32] = {"zero", "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                        "s0",   "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                        "a6",   "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                        "s8",   "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
static const char *const f_names[32] = {"ft0", "ft1", "ft2",  "ft3",  "ft4", "ft5", "ft6",  "ft7",
                                        "fs0", "fs1", "fa0",  "fa1",  "fa2", "fa3", "fa4",  "fa5",
                                        "fa6", "fa7", "fs2",  "fs3",  "fs4", "fs5", "fs6",  "fs7",
                                        "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};
static const char *const rm_names[8] = {",rne", ",rtz", ",rdn", ",rup", ",rmm", ",?5", ",?6", ""};

static int vtype_operand(u32 w, char *out, size_t room)
{
    static const char *const lmul[8] = {"m1", "m2", "m4", "m8", NULL, "mf8", "mf4", "mf2"};
    u32                      t       = (u32)bits(w, w >> 31 ? 29 : 30, 20);
    if (t >> 8 || (t >> 3 & 7) > 3 || !lmul[t & 7])
        return snprintf(out, room, "%u", t);
    return snprintf(out, room, "e%u,%s,t%c,m%c", 8u << (t >> 3 & 3), lmul[t & 7],
                    t & 64 ? 'a' : 'u', t & 128 ? 'a' : 'u');
}

static int vector_operand(char letter, u32 w, char *out, size_t room)
{
    switch (letter) {
    case 'V':
        return snprintf(out, room, "v%u", (unsigned)bits(w, 11, 7));
    case 'U':
        return snprintf(out, room, "v%u", (unsigned)bits(w, 19, 15));
    case 'W':
        return snprintf(out, room, "v%u", (unsigned)bits(w, 24, 20));
    case 'E':
        return snprintf(out, room, "%s", f_names[bits(w, 11, 7)]);
    case 'F':
        return snprintf(out, room, "%s", f_names[bits(w, 19, 15)]);
    case '5':
        return snprintf(out, room, "%d", (int)sext(bits(w, 19, 15), 5));
    case '6':
        return snprintf(out, room, "%u", (unsigned)(bits(w, 26, 26) << 5 | bits(w, 19, 15)));
    case 'Y':
        return vtype_operand(w, out, room);
    case 'M':
        return snprintf(out, room, "%s", bits(w, 25, 25) ? "" : ",v0.t");
    default:
        return snprintf(out, room, "%c", letter);
    }
}

/* One letter of a format's text. Returns how many characters it wrote. */
static int operand(char letter, u32 w, i64 imm, gva pc, char *out, size_t room)
{
    switch (letter) {
    case 'd':
        return snprintf(out, room, "%s", x_names[bits(w, 11, 7)]);
    case 's':
        return snprintf(out, room, "%s", x_names[bits(w, 19, 15)]);
    case 't':
        return snprintf(out, room, "%s", x_names[bits(w, 24, 20)]);
    case 'D':
        return snprintf(out, room, "%s", f_names[bits(w, 11, 7)]);
    case 'S':
        return snprintf(out, room, "%s", f_names[bits(w, 19, 15)]);
    case 'T':
        return snprintf(out, room, "%s", f_names[bits(w, 24, 20)]);
    case 'R':
        return snprintf(out, room, "%s", f_names[bits(w, 31, 27)]);
    case 'i':
    case 'j':
        return snprintf(out, room, "%lld", (long long)imm);
    case 'u':
        return snprintf(out, room, "0x%x", w >> 12);
    case 'b':
        return snprintf(out, room, "0x%llx", (unsigned long long)(pc + (u64)imm));
    case 'm':
        return snprintf(out, room, "%s", rm_names[bits(w, 14, 12)]);
    case 'c':
        return snprintf(out, room, "0x%x", w >> 20);
    case 'z':
        return snprintf(out, room, "%u", (unsigned)bits(w, 19, 15));
    default:
        return vector_operand(letter, w, out, room);
    }
}

/* Vector accesses of segments are called so before the width: vlseg3e32.v. */
static size_t mnemonic(int row, u32 w, char *out, size_t room)
{
    enum rv64_format f = rv64_rows[row].format;
    unsigned         fields =
        f == FORMAT_VM1 || f == FORMAT_VMS || f == FORMAT_VMX ? 1 + (unsigned)bits(w, 31, 29) : 1;
    size_t n = 0;
    for (const char *s = rv64_rows[row].name; *s && n + 1 < room; s++) {
        if (fields > 1 && *s == 'e') {
            n += (size_t)snprintf(out + n, room - n, "seg%u", fields);
            fields = 1;
        }
        if (n + 1 < room)
            out[n++] = *s == '_' ? '.' : *s;
    }
    return MIN(n, room - 1);
}

unsigned rv64_disassemble(u32 word, gva pc, char *out, size_t room)
{
    unsigned length = (word & 3) == 3 ? 4 : 2;
    u32      w      = length == 4 ? word : rv64_expand((u16)word);
    int      row    = w ? rv64_find(w) : -1;
    if (row < 0) {
        snprintf(out, room, "illegal 0x%x", length == 4 ? word : word & 0xffff);
        return length;
    }
    const struct rv64_format_info *f = &rv64_formats[rv64_rows[row].format];

    size_t n = mnemonic(row, w, out, room);
    if (*f->text && n + 1 < room)
        out[n++] = ' ';
    out[n < room ? n : room - 1] = 0;
    for (const char *s = f->text; *s && n < room; s++)
        n += (size_t)operand(*s, w, rv64_immediate(f->imm, w), pc, out + n, room - n);
    return length;
}

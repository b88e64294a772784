/* debug/gdb_xml.c - which registers there are, told to the debugger as XML.
 *
 * The features' names and the registers in them are gdb's for RISC-V; numbers as in gdb.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "debug/gdb_session.h"

enum { REG_PC = 32, REG_F0 = 33, REG_CSR0 = 65, REG_MODE = 4161 };

/* Volume II, 2.2. */
static const struct {
    u16         number;
    const char *name;
} csrs[] = {
    {0xc00, "cycle"},    {0xc01, "time"},       {0xc02, "instret"},    {0x100, "sstatus"},
    {0x104, "sie"},      {0x105, "stvec"},      {0x106, "scounteren"}, {0x10a, "senvcfg"},
    {0x140, "sscratch"}, {0x141, "sepc"},       {0x142, "scause"},     {0x143, "stval"},
    {0x144, "sip"},      {0x14d, "stimecmp"},   {0x180, "satp"},       {0xf11, "mvendorid"},
    {0xf12, "marchid"},  {0xf13, "mimpid"},     {0xf14, "mhartid"},    {0x300, "mstatus"},
    {0x301, "misa"},     {0x302, "medeleg"},    {0x303, "mideleg"},    {0x304, "mie"},
    {0x305, "mtvec"},    {0x306, "mcounteren"}, {0x30a, "menvcfg"},    {0x320, "mcountinhibit"},
    {0x340, "mscratch"}, {0x341, "mepc"},       {0x342, "mcause"},     {0x343, "mtval"},
    {0x344, "mip"},      {0x3a0, "pmpcfg0"},    {0x3a2, "pmpcfg2"},    {0x3b0, "pmpaddr0"},
    {0x3b1, "pmpaddr1"}, {0x3b2, "pmpaddr2"},   {0x3b3, "pmpaddr3"},   {0x3b4, "pmpaddr4"},
    {0x3b5, "pmpaddr5"}, {0x3b6, "pmpaddr6"},   {0x3b7, "pmpaddr7"},   {0xb00, "mcycle"},
    {0xb02, "minstret"},
};

static const char *const x_names[] = {
    "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "fp", "s1", "a0",
    "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
    "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
};
static const char *const f_names[] = {
    "ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1",  "fa0",
    "fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4",  "fs5",
    "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
};

/* Text in a window: only what lies at or behind SKIP is kept, as long as there is room. */
struct text {
    size_t skip, at, room, len;
    char  *out;
};

static void add(struct text *t, const char *fmt, ...) PRINTF(2, 3);

static void add(struct text *t, const char *fmt, ...)
{
    char    line[256];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < sizeof(line));
    for (const char *p = line; *p; p++, t->at++)
        if (t->at >= t->skip && t->len < t->room)
            t->out[t->len++] = *p;
}

static void add_register(struct text *t, const char *name, unsigned bits, const char *type,
                         unsigned number)
{
    add(t, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"/>", name, bits, type, number);
}

static void add_features(struct text *t)
{
    add(t, "<feature name=\"org.gnu.gdb.riscv.cpu\">");
    for (unsigned i = 0; i < 32; i++)
        add_register(t, x_names[i], 64, i == 1 ? "code_ptr" : i == 2 ? "data_ptr" : "int", i);
    add_register(t, "pc", 64, "code_ptr", REG_PC);
    add(t, "</feature><feature name=\"org.gnu.gdb.riscv.fpu\">");
    for (unsigned i = 0; i < 32; i++)
        add_register(t, f_names[i], 64, "ieee_double", REG_F0 + i);
    add_register(t, "fflags", 32, "int", REG_CSR0 + 1);
    add_register(t, "frm", 32, "int", REG_CSR0 + 2);
    add_register(t, "fcsr", 32, "int", REG_CSR0 + 3);
    add(t, "</feature><feature name=\"org.gnu.gdb.riscv.virtual\">");
    add_register(t, "priv", 64, "int", REG_MODE);
    add(t, "</feature><feature name=\"org.gnu.gdb.riscv.csr\">");
    for (unsigned i = 0; i < ARRAY_SIZE(csrs); i++)
        add_register(t, csrs[i].name, 64, "int", (unsigned)REG_CSR0 + csrs[i].number);
    add(t, "</feature>");
}

bool gdb_xml_known(const char *annex)
{
    return !strcmp(annex, "target.xml");
}

size_t gdb_xml_read(const char *annex, size_t offset, char *out, size_t room, bool *more)
{
    struct text t = {.skip = offset, .room = room, .out = out};
    (void)annex; /* there is one only */
    add(&t, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>");
    add(&t, "<architecture>riscv:rv64</architecture>");
    add_features(&t);
    add(&t, "</target>");
    *more = offset <= t.at && t.len < t.at - offset;
    return t.len;
}

unsigned gdb_register_size(unsigned reg)
{
    if (reg > REG_CSR0 && reg <= REG_CSR0 + 3)
        return 4;
    return reg <= REG_MODE ? 8 : 0;
}

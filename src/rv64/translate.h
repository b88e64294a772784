/* rv64/translate.h - a region while it is translated: shared by translate.c and discover.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RV64_TRANSLATE_H
#define RV64_TRANSLATE_H

#include "rv64/jit.h"

enum { HALVES = PAGE_SIZE / 2, THUNKS = 2 * REGION_INSNS };

struct insn {
    u32       word, raw;
    u16       row;
    u8        length;
    bool      legal, fp; /* names a floating-point register */
    struct op op;
};

struct translation {
    struct rv64_hart  *h;
    struct code       *c;
    struct region     *r;
    const u8          *page;
    gva                base; /* the page's address */
    struct insn        insns[REGION_INSNS];
    u32                n;
    u32                lo, hi;     /* all of them lie in these halves of the page */
    u16                at[HALVES]; /* 1 + the instruction that begins there */
    u8                 leads[HALVES / 8], head[HALVES / 8], labelled[HALVES / 8];
    ir_label           labels[HALVES];
    const struct insn *i; /* the one at hand */
    u32                off;
    bool               fallback, ended;
    struct {
        ir_label l;
        gva      pc;
    } thunks[THUNKS]; /* ways out of the region */
    u32 n_thunks;
    u32 singles;  /* floating-point registers that only ever hold singles here, */
    u32 expected; /* and those that must do so already at the entry */
};

static inline bool has(const u8 *set, u32 half)
{
    return set[half / 8] >> (half % 8) & 1;
}

static inline void put(u8 *set, u32 half)
{
    set[half / 8] |= (u8)(1u << (half % 8));
}

static inline bool rv64_on_page(const struct translation *t, gva pc)
{
    return (pc & PAGE_MASK) == t->base;
}

/* The floating-point flags' CSR (Volume I, 20.2). Compilers save and restore it around each
 * comparison that shall be quiet. */
static inline bool rv64_is_fflags(const struct insn *i)
{
    return i->legal && rv64_is_csr(i->row) && bits(i->word, 31, 20) == 1;
}

/* Left to the interpreter. */
static inline bool rv64_is_step(const struct translation *t, const struct insn *i)
{
    return !i->legal || (!t->r->fp && i->fp);
}

/* Does no instruction behind it follow on? */
static inline bool rv64_ends(const struct insn *i)
{
    return !i->legal ||
           (rv64_formats[rv64_rows[i->row].format].flow == FLOW_END && !rv64_is_csr(i->row));
}

/* translate_csr.c: an access to a CSR, in code, at t->i; HELP is its function's number. False: it
 * is left to that. */
bool rv64_translate_csr(struct translation *t, u32 help);

/* discover.c: what belongs to the region that begins at t->r->pc. */
void rv64_discover(struct translation *t);

#endif

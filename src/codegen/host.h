/* codegen/host.h - what a host's back end does, and the allocator it does it with. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEGEN_HOST_H
#define CODEGEN_HOST_H

#include "codegen/cache.h"
#include "codegen/ir.h"

#define NO_REG 0xff

/* Where code is written. Offsets are from the cache's begin; full: nothing more was written. */
struct emit {
    u8  *base;
    u32  at, end;
    bool full;
};

enum loc_kind { LOC_REG, LOC_IMM, LOC_MEM };
struct loc {
    enum loc_kind kind;
    u8            reg;
    i32           off; /* MEM: from the state pointer */
    i64           imm;
};

/* What is put behind the region, out of the straight path. */
struct stub {
    enum { STUB_ACCESS, STUB_POLL, STUB_LINK, STUB_HELP, STUB_NAN, STUB_QUIET, STUB_EXPECT } kind;
    u32        at, also; /* the jumps to it; 0: none */
    u32        back;     /* ACCESS: where to go on */
    u32        number;
    u32        units;
    u8         addr, dst, type; /* ACCESS */
    i32        off;
    bool       store;
    u8         page; /* ACCESS: a register that gets the context's page, or NO_REG */
    u8         own;  /* ACCESS: one that is zero: look for a page of its own; or NO_REG */
    u8         ones; /* ACCESS: a temporary of an F32's */
    struct loc data;
};

/* A jump to a label, whose displacement comes later. */
struct fixup {
    u32 at, label;
};

struct value {
    u32  left;    /* uses to come */
    u32  in;      /* a variable that it is in, or IR_NONE */
    u8   reg;     /* a temporary, or NO_REG */
    i8   slot;    /* where it was spilled, or -1 */
    bool checked; /* FLAT: it is below the limit, or near enough for the guard areas */
};

/* Accesses of one block by the same base value that lie so close together that one look at the
 * page's entry may do for all: the first makes PAGE what turns their addresses into the host's, or
 * zero, and the others only ask that. */
struct near {
    const struct ir *first;
    u32              base, n;
    i32              lo, hi; /* all lie within [base + lo, base + hi) */
    u8               align;  /* width - 1 of the widest */
    bool             store, begun;
};

enum { GEN_SPILLS = 64, GEN_NEAR = 16, NEAR_SPAN = 1024 };

struct gen {
    struct code       *c;
    struct code_cache *k;
    struct emit        e;
    struct value      *v;
    u32                fn;
    u8                 place[CODE_VARS];    /* a register, or NO_REG: at home */
    u32                holds[CODE_VARS];    /* the value that a variable is, or IR_NONE */
    u64                changed;             /* variables that the region sets */
    u32                owner[32];           /* of a temporary: a value, or IR_NONE */
    u32                locked;              /* registers of the operation at hand */
    u64                spills, spills_over; /* slots in use; those that end with this operation */
    bool               failed;
    bool               fp;             /* floating-point registers are in use */
    struct near        near[GEN_NEAR]; /* of the block; page of each: value n + its number */
    u32                n_near;
    TABLE(struct stub) stubs;
    TABLE(struct fixup) fixups;
    u32 *labels; /* offsets */
};

/* --- gen.c, for back ends --- */
struct loc   gen_loc(struct gen *, u32 v);
u8           gen_reg(struct gen *, u32 v); /* brings it into a register, locked */
u8           gen_fp_temp(struct gen *);
bool         gen_is_fp(const struct gen *, u32 v);
u8           gen_temp(struct gen *);                     /* a free temporary, locked */
void         gen_take(struct gen *, u8 reg);             /* this temporary, emptied and locked */
void         gen_used(struct gen *, u32 v);              /* one use is over */
u8           gen_target(struct gen *, u32 v, u8 prefer); /* where V shall come to be */
void         gen_is_in(struct gen *, u32 v, u8 temp);    /* V came to be in this temporary */
struct near *gen_near(struct gen *, const struct ir *);  /* NULL: it stands alone */
u32          gen_site(struct gen *, const struct ir *, bool help);
void         gen_leave_places(struct gen *);          /* to seats and homes */
u32          gen_next(const struct gen *, u32 index); /* the operation behind it */
bool         gen_is_free(const struct gen *, u8 temp);
bool         gen_is_temp(u8 reg);
void         gen_preserve(struct gen *, unsigned var); /* it changes: who needs it gets a copy */

/* --- the back end --- */
/* Registers are numbered as the host does; floating-point ones from HOST_FP on. */
#ifdef __aarch64__
enum { HOST_TEMPS = 6 };
#else
enum { HOST_TEMPS = 4 };
#endif
enum { HOST_SEATS = CODE_SEATS, HOST_FP = 16, HOST_FP_PLACES = 12, HOST_WINDOW = 15 };
extern const u8 host_temps[HOST_TEMPS], host_seats[HOST_SEATS];
extern const u8 host_fp_temps[HOST_TEMPS], host_fp_places[HOST_FP_PLACES];

int  host_supported(const struct code_frame *, struct err *err);
void host_trampolines(struct code_cache *);
void host_patch_jump(struct code_cache *, u32 at, u32 to);
void host_made(struct code_cache *, u32 from, u32 to); /* this code is about to be run */
void host_move(struct gen *, u8 dst, struct loc src);
void host_store_home(struct gen *, i32 off, struct loc src); /* may need no temporary */
void host_op(struct gen *, u32 index);                       /* any op but those of gen.c */
void host_branch(struct gen *, const struct ir *, u32 next_label);
void host_jump(struct gen *, u32 label);
void host_exit(struct gen *, const struct ir *);
void host_exit_to(struct gen *, const struct ir *);
void host_poll(struct gen *, const struct ir *);
void host_stubs(struct gen *);
void host_fix(struct gen *, u32 at, u32 to);

#endif

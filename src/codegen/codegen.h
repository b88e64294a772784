/* codegen/codegen.h - builds host code from a small typed program.
 *
 * Serves the RV64 translator and, later, a Java compiler, and knows neither. What an operation
 * means is one row in codegen/ops.def; how this host does it, codegen/x64.c.
 *
 * A piece of code (a region) works on a state: a struct of the client's that the host's frame
 * register points at. Variables have a home in it. A variable with a seat is in that host
 * register whenever one region hands over to another; the others are at home then. Inside a
 * region each variable has one place, a register or its home, from begin to end, so what a
 * fault needs to know is one small table a region.
 *
 * Regions are made by one thread at a time (the client's lock); any number of threads run them.
 * A cache's memory is mapped twice, writable here and executable there, never both at one
 * address. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEGEN_CODEGEN_H
#define CODEGEN_CODEGEN_H

#include "base/err.h"

enum ir_op {
#define OP(name, ...) IR_##name,
#include "codegen/ops.def"
#undef OP
    IR_OPS
};

enum ir_type { IR_I8, IR_U8, IR_I16, IR_U16, IR_I32, IR_U32, IR_I64, IR_F32, IR_F64, IR_TYPES };

typedef struct {
    u32 id;
} ir_val; /* a value, known within its block only */
typedef struct {
    u32 id;
} ir_label;

enum { CODE_VARS = 64, CODE_SEATS = 8 };
#define CODE_NO_VAR (~0u)

struct code_var {
    i32  home; /* its u64, from the state pointer */
    i8   seat; /* 0..CODE_SEATS-1, or -1: none */
    bool fp;   /* holds floating-point values; has no seat */
};

/* What translated code leaves behind when it calls out. The client keeps one in its state. */
struct code_context {
    u64  gpr[16], fpr[16];
    u64  addr, data; /* of an access that calls out; data is also what a load gives back */
    u64  page;       /* for accesses that lie near the one that called out; 0: each calls out */
    u32  site;
    u32  link; /* the exit that was taken; CODE_NO_LINK: one without */
    u64  host_sp;
    u64  spill[64];
    bool light; /* in a function of LIGHT */
};
#define CODE_NO_LINK (~0u)
#define CODE_POLLED  (~1u) /* the kind of a link that POLL left by */

/* How addresses of LOAD and STORE become pointers. */
enum code_window {
    WINDOW_PAGED, /* by a table of struct code_page, at a pointer in the state */
    WINDOW_FLAT   /* from the GS base on, when less than a limit in the state, else by access() */
};
struct code_page {
    u64 tag; /* the page's address, or all ones; compared with the address and its alignment */
    u64 add; /* what makes a host address of it */
};

/* Where EXIT_TO looks for code: at a pointer in the state, indexed by bits of key >> 1. */
struct code_jump {
    u64         key;
    const void *code;
};

struct code_site {
    u32  fn;   /* the region's number */
    u32  tag;  /* the client's, from code_mark */
    u32  what; /* HELP: which; else type */
    bool store;
};

/* What a client tells of its state, once. Offsets are from the state pointer. */
struct code_frame {
    unsigned         n_vars;
    struct code_var  vars[CODE_VARS];
    i32              context; /* struct code_context */
    i32              count;   /* i64: units left; POLL leaves below zero */
    i32              key;     /* u64: EXIT_TO's, when it finds nothing */
    i32              jumps;   /* struct code_jump * */
    unsigned         jump_bits;
    enum code_window window;
    i32              window_base;             /* PAGED: pointer; FLAT: the limit */
    u32              load_table, store_table; /* PAGED: struct code_page[1 << page_index_bits] */
    unsigned         page_bits, page_index_bits;
    /* A LOAD or STORE that is not that easy: ctx->addr, ctx->data. False: leave. */
    bool (*access)(void *state, const struct code_site *);
    /* HELP may change where the window is, from the next block on. HELP and what calls it:
     * variables are at home, and are taken from there again. False: leave.
     */
    bool (*help)(void *state, const struct code_site *);
    /* LIGHT. It may read and write the homes of variables that the client itself has POKEd before
     * or will PEEK at behind it; the others' are not up to date. False: leave. */
    bool (*light)(void *state, const struct code_site *);
};

struct code_cache;

/* BYTES of host code, at most 1 GiB. FRAME is copied. */
int  code_cache_create(struct code_cache **out, const struct code_frame *frame, u64 bytes,
                       struct err *err);
void code_cache_destroy(struct code_cache *); /* NULL is fine */
void code_cache_flush(struct code_cache *);   /* no thread is inside */
u64  code_cache_used(const struct code_cache *);

/* Runs ENTRY on STATE until it leaves. Returns the link that it left by. */
u32 code_run(struct code_cache *, void *state, const void *entry);

/* --- building a region --- */
struct code; /* one per builder, used again and again */

struct code *code_create(struct code_cache *);
void         code_destroy(struct code *);
void         code_begin(struct code *);             /* with one block open, not yet a label */
void         code_optimise(struct code *, bool on); /* on from the start */

ir_val code_const(struct code *, u64);
ir_val code_op(struct code *, enum ir_op, ir_val a, ir_val b);
ir_val code_op1(struct code *, enum ir_op, ir_val a);
ir_val code_select(struct code *, ir_val cond, ir_val yes, ir_val no);
ir_val code_get(struct code *, unsigned var);
void   code_set(struct code *, unsigned var, ir_val);
ir_val code_load(struct code *, enum ir_type, ir_val base, i32 off);
void   code_store(struct code *, enum ir_type, ir_val base, i32 off, ir_val);
/* Operations that may call help(which) instead, which puts the result into var: a SET of var to it
 * must follow, unless var is CODE_NO_VAR. */
ir_val code_calling(struct code *, enum ir_op, enum ir_type, ir_val a, ir_val b, ir_val c,
                    u32 which, u32 var);
ir_val code_get_flags(struct code *); /* of floating point: FGETFLAGS */
void   code_set_flags(struct code *, ir_val);
ir_val code_quiet(struct code *, enum ir_op, enum ir_type, ir_val a, ir_val b, u32 kind, u64 cookie,
                  u32 units); /* FQUIETLT, FQUIETLE */
/* VAR holds boxed singles from begin to end; in EXPECT the region sees to it at its begin, and
 * leaves by the exit if not. */
void     code_assume_boxed(struct code *, unsigned var);
void     code_expect_boxed(struct code *, unsigned var, u32 kind, u64 cookie);
bool     code_has_fp(void);                          /* this host does code_fp's operations */
bool     code_is_boxed(const struct code *, ir_val); /* surely */
ir_val   code_peek(struct code *, enum ir_type, i32 off);
void     code_poke(struct code *, i32 off, ir_val); /* a u64 */
void     code_help(struct code *, u32 which);
void     code_light(struct code *, u32 which);
void     code_fence(struct code *);
void     code_mark(struct code *, u32 tag); /* of the sites that follow */
void     code_poll(struct code *, u32 units, u64 cookie);
void     code_count(struct code *, u32 units);
ir_label code_label(struct code *);
void     code_place(struct code *,
                    ir_label); /* ends the block before it, which must not fall through */
void     code_branch(struct code *, ir_val cond, ir_label yes, ir_label no);
void     code_jump(struct code *, ir_label);
void     code_exit(struct code *, u32 kind, u64 cookie); /* kind 0: may be linked to a region */
void     code_exit_to(struct code *, ir_val key);

/* Back to what was there: for a builder that changes its mind within a block. */
u32  code_point(const struct code *);
void code_undo(struct code *, u32 point);
bool code_is_const(const struct code *, ir_val, u64 *out);

struct code_fn {
    const void *entry;
    u32         number;
    u32         bytes;
};

/* -ENOSPC: flush the cache, or make the region smaller. */
int code_finish(struct code *, struct code_fn *out);

void code_dump(const struct code *); /* to stderr, for who debugs this folder */

/* --- links --- */
struct code_link {
    u64 cookie;
    u32 kind;
    u32 from; /* region */
    u32 at;   /* where its jump is */
    u32 stub; /* where it jumps when it is not linked */
};
const struct code_link *code_link(const struct code_cache *, u32 number);
void code_link_set(struct code_cache *, u32 number, const void *entry); /* NULL: unlink */

/* --- after leaving in the middle --- */

/* Within access() or help(): the count, to be looked at and changed. */
i64 *code_counter(struct code_context *);

/* Copies what the region of SITE kept in registers home. */
void code_sync_home(const struct code_cache *, void *state, u32 fn);
/* The function that is called from code will not return: as code_sync_home. */
void code_abandon(const struct code_cache *, void *state);
/* For a handler of SIGSEGV: if a LOAD or STORE of this cache, running on STATE, did it, lets it
 * leave when the handler returns, with variables at home. NULL: none did. */
const struct code_site *code_fault(struct code_cache *, void *ucontext, void *state);

const struct code_site *code_site_at(const struct code_cache *, const void *host_pc);

/* --- the oracle --- */
struct code_eval {
    u64 *vars;
    i64  count;
    u64 (*load)(void *ctx, enum ir_type, u64 addr);
    void (*store)(void *ctx, enum ir_type, u64 addr, u64 value);
    void *ctx;
    u64   cookie; /* of the exit, or the key of EXIT_TO */
    u32   kind;   /* the exit's, CODE_TO: EXIT_TO, CODE_POLLED, CODE_LOST */
};
#define CODE_TO   (~0u)
#define CODE_LOST (~2u) /* STEPS were not enough */
void code_evaluate(const struct code *, struct code_eval *, u64 steps);

#endif

/* rv64/jit.h - the translator's own state, shared by jit.c, translate.c and rows.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RV64_JIT_H
#define RV64_JIT_H

#include <pthread.h>

#include "codegen/codegen.h"
#include "rv64/hart.h"
#include "rv64/isa.h"

/* Variables of the code generator: x1 to x31 by number (0 is never used), then f0 to f31. */
enum { VAR_F0 = 32, VARS = 64 };

/* Exits of translated code that are not just the way to other code. */
enum {
    EXIT_CHAIN,
    EXIT_STEP,   /* the instruction there is the interpreter's */
    EXIT_UNBOXED /* an FP_BOXED region found something else: the FP_ANY one does it */
};

enum {
    JIT_JUMP_BITS = 13,
    JIT_HASH      = 65536,
    PAGE_FILTER   = 8192,
    REGIONS       = 1 << 18,
    REGION_INSNS  = 128
};

/* What a region takes for granted of floating point. */
enum region_fp {
    FP_OFF,   /* nothing */
    FP_BOXED, /* that it is on, dirty, rounding to nearest; registers with singles are looked at
                 once */
    FP_ANY    /* the same, but each single is looked at */
};

/* Translated guest code: some instructions of one page, entered at its first. */
struct region {
    gpa            pa; /* of where it is entered */
    gva            pc;
    u8             fp;        /* enum region_fp */
    u8             mode;      /* the hart's */
    bool           straddles; /* its first instruction ends on the next page, */
    u16            beyond;    /* which begins so */
    u16            lo;        /* the bytes it was made of: where on the page */
    u16            bytes;     /* and how many */
    u8            *raw;       /* a copy of them; NULL: stores to them are told of (code_pages) */
    u64            checked;   /* jit.checks, when they were last known to be right */
    const void    *entry;
    gpa            beyond_page;
    struct region *next, *on_page, *straddler; /* in the hash chain, and in lists of code_pages */
};

/* An instruction that translated code has done by its function. */
struct helped {
    struct op op;
    u32       raw;
    u16       row;
};

/* Where jumps go, under one ASID. */
struct jump_space {
    struct code_jump tables[4][1 << JIT_JUMP_BITS]; /* U and S mode, without and with fp */
    bool             used[4], made[4];              /* not used: empty; not made: nothing yet */
    struct jump_page { /* hashed: how many entries name it, and where on it they are */
        u64 chunks;
        int n;
    } pages[2048];
};

/* jit_pages.c */
struct code_pages {
    atomic_bool *has_code; /* of each page of RAM from the first on: no store there goes unseen */
    gpa          first;
    u64          n;       /* 0: nobody tells of stores */
    pthread_mutex_t lock; /* of stale */
    gpa            *stale;
    u32             n_stale, room_stale;
    struct region  *regions[1024]; /* by page, hashed */
    struct region  *straddlers;
};

struct translation;

struct rv64_jit {
    struct translation *translation; /* room for translate.c */
    u64                 bytes;       /* of the cache */
    bool                flushes;     /* rv64_config.hard */
    bool                plain;
    bool                wrong;
    struct code_cache  *cache;
    struct code        *code;
    struct region      *hash[JIT_HASH];
    struct region      *regions; /* REGIONS, by the code's number */
    u32                 n_regions;
    struct helped      *helped;
    u32                 n_helped, room_helped;
    u32                *linked; /* links that were set */
    u32                 n_linked, room_linked;
    u64                 epoch;  /* the hart's, when fence.i was last obeyed */
    u64                 checks; /* how often everything had to be looked at again */
    struct code_pages   pages;
    atomic_bool         dirty;             /* everything may have changed */
    struct jump_space   jumps[SPACES + 1]; /* the last: M mode's */
    u64                 n_flushes, n_forgets;
};

/* A row that may change anything: the mode, what addresses mean, who may interrupt. */
static inline bool rv64_is_system(unsigned row)
{
    enum rv64_format f = rv64_rows[row].format;
    return rv64_formats[f].flow == FLOW_END && f != FORMAT_J && f != FORMAT_JR;
}
static inline bool rv64_is_csr(unsigned row)
{
    return rv64_rows[row].format == FORMAT_C || rv64_rows[row].format == FORMAT_CI;
}

typedef bool (*rv64_row_fn)(struct rv64_hart *, const struct op *, u32 raw);
extern const rv64_row_fn rv64_row_fns[RV64_ROWS];

/* Is it the last half word of a page? */
static inline bool rv64_jit_is_last(gva pc)
{
    return pc % PAGE_SIZE == PAGE_SIZE - 2;
}

/* translate.c: builds the region at R->pc from its PAGE (all of it, at the host). Fills in lo,
 * bytes and entry. -ENOSPC: flush first. */
int                 rv64_translate(struct rv64_hart *, struct region *r, const u8 *page);
struct translation *rv64_translation_create(void);

/* A site's tag: where on its page the instruction is, and how many of its block's count it and
 * those behind it are. */
#define TAG(page_offset, remaining) ((u32)(page_offset) | (u32)(remaining) << 12)

/* jit.c */

/* The state pointer stands where most of x is within reach of a byte. */
static inline i32 rv64_jit_state_off(u64 offset)
{
    return (i32)offset - (i32)offsetof(struct rv64_hart, x[16]);
}

/* Stores to PA must be told of: it has no place in the TLB. */
static inline bool rv64_jit_has_code(const struct rv64_hart *h, gpa pa)
{
    const struct code_pages *p = h->jit ? &h->jit->pages : NULL;
    u64                      n = p ? (pa >> PAGE_BITS) - p->first : ~0ull;
    return p && n < p->n && atomic_load_explicit(&p->has_code[n], memory_order_relaxed);
}
void rv64_jit_wrote(struct rv64_hart *, gpa pa); /* any thread */
void rv64_jit_dirtied(struct rv64_hart *);       /* code may have changed anywhere */
int  rv64_jit_create(struct rv64_hart *, struct err *err);
int  rv64_jit_renew(struct rv64_hart *, struct err *err); /* after fork: memory of its own */
void rv64_jit_destroy(struct rv64_hart *);
void rv64_jit_flush(struct rv64_hart *);                  /* all regions */
void rv64_jit_forget(struct rv64_hart *, unsigned space); /* where jumps go; SPACES: in M mode */
void rv64_jit_forget_page(struct rv64_hart *, unsigned space, gva page);
bool rv64_jit_fault(struct rv64_hart *, void *ucontext, gva addr); /* false: not its code */
void rv64_jit_drop(struct rv64_hart *, struct region *);
void rv64_jit_run(struct rv64_hart *); /* as rv64_interp(h, false) */

/* jit_pages.c */
void rv64_pages_subscribe(struct rv64_hart *); /* when the hart is made */
void rv64_pages_watch(struct rv64_hart *);
void rv64_pages_done(struct rv64_hart *);
void rv64_pages_flush(struct rv64_hart *);
void rv64_pages_mark(struct rv64_hart *, gpa pa, const u8 *host); /* this page has code */
void rv64_pages_add(struct rv64_hart *, struct region *);
bool rv64_pages_obey(struct rv64_hart *); /* fence.i. False: look at everything again */

#endif

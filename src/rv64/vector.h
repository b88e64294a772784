/* rv64/vector.h - the vector extension: what its rows call, shared by the vector_*.c.
 *
 * The registers lie one behind the other in hart.v, so a group of them is an array. An
 * instruction checks first, touches elements from vstart up to vl, and ends with vstart zero.
 * Elements behind vl and those that the mask leaves out are never changed: that is allowed for
 * both policies (agnostic and undisturbed), and what QEMU does. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RV64_VECTOR_H
#define RV64_VECTOR_H

#include "rv64/hart.h"

/* One instruction's operands, for a kernel. A and B are vs2 and vs1; B is NULL when x, the scalar
 * or immediate, stands for all of its elements. */
struct vector_op {
    u8               *d;
    const u8         *a, *b;
    u64               x;
    const u8         *mask;  /* NULL: every element */
    const u8         *carry; /* v0 as an operand, or NULL */
    u64               start, vl;
    struct rv64_hart *h;
    unsigned          rm; /* vxrm, or frm for floating point */
};

typedef void                 vector_kernel(const struct vector_op *);
typedef vector_kernel *const vector_kernels[4]; /* by SEW; NULL: illegal */

/* A vector instruction's fields. */
static inline unsigned vector_vd(u32 w)
{
    return (unsigned)bits(w, 11, 7);
}
static inline unsigned vector_vs1(u32 w)
{
    return (unsigned)bits(w, 19, 15);
}
static inline unsigned vector_vs2(u32 w)
{
    return (unsigned)bits(w, 24, 20);
}
static inline bool vector_vm(u32 w) /* unmasked */
{
    return bits(w, 25, 25);
}

static inline u8 *vector_reg(struct rv64_hart *h, unsigned reg)
{
    return h->v + (u64)reg * h->vlenb;
}

static inline bool vector_active(const u8 *mask, u64 i)
{
    return !mask || (mask[i / 8] >> (i % 8) & 1);
}

/* How many registers a group of 2^LMUL is. */
static inline unsigned vector_span(int lmul)
{
    return lmul <= 0 ? 1 : 1u << lmul;
}

static inline bool vector_aligned(unsigned reg, int lmul)
{
    return (reg & (vector_span(lmul) - 1)) == 0;
}

static inline bool vector_overlap(unsigned a, unsigned n, unsigned b, unsigned m)
{
    return a < b + m && b < a + n;
}

/* May vs2, a group of 2^A_LMUL registers of elements 2^A wide, and, if it is a group, vs1 be read
 * together, and with the mask? One register cannot be two widths at once (5.2). */
bool vector_sources_ok(u32 word, bool has_b, unsigned a, int a_lmul, unsigned b, int b_lmul);

/* Vector unit on, vtype legal. */
static inline bool vector_ready(struct rv64_hart *h)
{
    return h->vs && !h->vill;
}

static inline bool vector_done(struct rv64_hart *h)
{
    h->vs     = 3;
    h->vstart = 0;
    return true;
}

/* May a group D, of elements wider or narrower than those of group S, be written while that is
 * read? (5.2) */
bool vector_apart(unsigned d, int d_lmul, unsigned s, int s_lmul);
void vector_set_vtype(struct rv64_hart *, u64 vtype); /* and what is derived of it */
u64  vector_max(const struct rv64_hart *);            /* VLMAX */

/* What D, A and B are, when the row's checks have been made. */
void vector_operands(struct rv64_hart *, u32 word, struct vector_op *);

bool vector_set(struct rv64_hart *, u32 word); /* vset{i}vl{i} */

/* Shapes (vector.c): true, or a trap was taken. With f in front: for floating point. */
typedef bool vector_shape(struct rv64_hart *, u32 word, vector_kernels);
vector_shape vector_same, vector_same_u, vector_one, vector_carry, vector_merge, vector_carry_out,
    vector_compare, vector_narrow, vector_widen, vector_widen_w, vector_widen_mac, vector_extend,
    vector_reduce, vector_widen_reduce;
vector_shape vector_fsame, vector_fmerge, vector_fcompare, vector_fwiden, vector_fwiden_w,
    vector_fwiden_mac, vector_fone, vector_fwiden_one, vector_fnarrow_one, vector_freduce,
    vector_fwiden_reduce;

/* vector_mem.c */
bool vector_unit(struct rv64_hart *, u32 word);
bool vector_strided(struct rv64_hart *, u32 word);
bool vector_indexed(struct rv64_hart *, u32 word);
bool vector_first(struct rv64_hart *, u32 word); /* fault-only-first */
bool vector_whole(struct rv64_hart *, u32 word);
bool vector_mask_access(struct rv64_hart *, u32 word);

/* vector_perm.c: masks and permutations */
bool vector_logic(struct rv64_hart *, u32 word);
bool vector_cpop(struct rv64_hart *, u32 word);
bool vector_first_set(struct rv64_hart *, u32 word);
bool vector_set_first(struct rv64_hart *, u32 word); /* vmsbf, vmsof, vmsif */
bool vector_iota(struct rv64_hart *, u32 word);
bool vector_id(struct rv64_hart *, u32 word);
bool vector_to_x(struct rv64_hart *, u32 word);
bool vector_from_x(struct rv64_hart *, u32 word);
bool vector_to_f(struct rv64_hart *, u32 word);
bool vector_from_f(struct rv64_hart *, u32 word);
bool vector_copy(struct rv64_hart *, u32 word);
bool vector_slideup(struct rv64_hart *, u32 word);
bool vector_slidedown(struct rv64_hart *, u32 word);
bool vector_slide1up(struct rv64_hart *, u32 word, bool fp);
bool vector_slide1down(struct rv64_hart *, u32 word, bool fp);
bool vector_gather(struct rv64_hart *, u32 word);
bool vector_compress(struct rv64_hart *, u32 word);

/* Floating point: on, and frm legal? Are there numbers of this width? */
bool               vector_fp_on(struct rv64_hart *);
static inline bool vector_has_fp(unsigned sew)
{
    return sew != 0;
}

/* The kernels, by the names in vector.def: vector_int.c, vector_fixed.c, vector_float.c. */
#define VEC(shape, kernel) extern vector_kernels vector_k_##kernel;
#define CALL(f)
#define INSN(name, f, m, match, t) t
#include "rv64/vector.def"
#undef INSN
#undef CALL
#undef VEC

#endif

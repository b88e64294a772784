/* rv64/vector.c - vtype and vl, and what the integer instructions' shapes ask and prepare.
 *
 * Section numbers are those of the chapter "V" of Volume I. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "rv64/fp_format.h"
#include "rv64/vector.h"

/* --- configuration: 6 --- */

#define VTYPE_VILL (1ull << 63)

void vector_set_vtype(struct rv64_hart *h, u64 vtype)
{
    unsigned sew = (unsigned)bits(vtype, 5, 3);
    int      mul = (int)sext(vtype, 3);
    bool     bad = vtype >> 8 || sew > 3 || mul == -4;
    /* The fraction must be one that ELEN, 64, allows: 3.4.2. */
    if (!bad && mul < 0 && 64u >> -mul < 8u << sew)
        bad = true;
    h->vtype = bad ? VTYPE_VILL : vtype;
    h->vill  = bad;
    h->vsew  = bad ? 0 : (u8)sew;
    h->vlmul = bad ? 0 : (i8)mul;
}

u64 vector_max(const struct rv64_hart *h)
{
    u64 n = h->vlenb >> h->vsew;
    return h->vlmul < 0 ? n >> -h->vlmul : n << h->vlmul;
}

/* 6.2: what is asked for, of at most VLMAX. */
static void set_vl(struct rv64_hart *h, u32 w, u64 asked)
{
    unsigned rd = (unsigned)bits(w, 11, 7), rs1 = (unsigned)bits(w, 19, 15);
    u64      max = h->vill ? 0 : vector_max(h);
    bool     imm = bits(w, 31, 30) == 3;
    if (!imm && rs1 == 0)
        asked = rd ? ~0ull : h->vl;
    h->vl = MIN(asked, max);
    if (rd)
        h->x[rd] = h->vl;
}

bool vector_set(struct rv64_hart *h, u32 w)
{
    unsigned rs1 = (unsigned)bits(w, 19, 15);
    if (!h->vs)
        return rv64_illegal(h, w);
    u64 asked = h->x[rs1], vtype;
    if (!(w >> 31)) {
        vtype = bits(w, 30, 20);
    } else if (bits(w, 30, 30)) {
        vtype = bits(w, 29, 20);
        asked = rs1;
    } else {
        vtype = h->x[bits(w, 24, 20)];
    }
    vector_set_vtype(h, vtype);
    set_vl(h, w, asked);
    return vector_done(h);
}

bool rv64_vectors_used(const struct vcpu *v)
{
    return to_hart(v)->vs == 3;
}

void rv64_allow_vectors(struct vcpu *v, bool on)
{
    struct rv64_hart *h = to_hart(v);
    if (!on || !h->vlenb)
        h->vs = 0;
    else if (!h->vs)
        h->vs = 1;
}

void rv64_get_vectors(const struct vcpu *v, struct rv64_vectors *out)
{
    const struct rv64_hart *h = to_hart(v);
    *out                      = (struct rv64_vectors){.vstart = h->vstart,
                                                      .vl     = h->vl,
                                                      .vtype  = h->vtype,
                                                      .vcsr   = h->vxrm << 1 | h->vxsat,
                                                      .vlenb  = h->vlenb};
    memcpy(out->v, h->v, 32 * (u64)h->vlenb);
}

void rv64_set_vectors(struct vcpu *v, const struct rv64_vectors *in)
{
    struct rv64_hart *h = to_hart(v);
    vector_set_vtype(h, in->vtype);
    h->vl     = MIN(in->vl, h->vill ? 0 : vector_max(h));
    h->vstart = h->vlenb ? in->vstart & (8 * h->vlenb - 1) : 0;
    h->vxrm   = in->vcsr >> 1 & 3;
    h->vxsat  = in->vcsr & 1;
    memcpy(h->v, in->v, 32 * (u64)h->vlenb);
}

/* --- checks: 5.2, 5.3 --- */

bool vector_apart(unsigned d, int d_lmul, unsigned s, int s_lmul)
{
    unsigned n = vector_span(d_lmul), m = vector_span(s_lmul);
    if (!vector_overlap(d, n, s, m))
        return true;
    /* Wider elements may take the place of the source in the highest part of their group. */
    return n > m && d < s && s_lmul >= 0 && !vector_overlap(d, n, s + m, m);
}

bool vector_sources_ok(u32 w, bool has_b, unsigned a, int a_lmul, unsigned b, int b_lmul)
{
    unsigned vs1 = vector_vs1(w), vs2 = vector_vs2(w);
    if (!vector_vm(w) && (vs2 == 0 || (has_b && vs1 == 0)))
        return false;
    return !has_b || a == b || !vector_overlap(vs2, vector_span(a_lmul), vs1, vector_span(b_lmul));
}

/* Is bits 14..12 one of the forms whose second operand is a vector? */
static bool is_vv(u32 w)
{
    return bits(w, 14, 12) < 3;
}

static bool spares_mask(u32 w)
{
    return vector_vm(w) || vector_vd(w) != 0;
}

void vector_operands(struct rv64_hart *h, u32 w, struct vector_op *o)
{
    static const bool is_x[8] = {[4] = true, [6] = true};
    unsigned          f3      = (unsigned)bits(w, 14, 12);
    *o                        = (struct vector_op){.d     = vector_reg(h, vector_vd(w)),
                                                   .a     = vector_reg(h, vector_vs2(w)),
                                                   .mask  = vector_vm(w) ? NULL : h->v,
                                                   .start = h->vstart,
                                                   .vl    = h->vl,
                                                   .h     = h,
                                                   .rm    = h->vxrm};
    if (is_vv(w))
        o->b = vector_reg(h, vector_vs1(w));
    else if (is_x[f3])
        o->x = h->x[vector_vs1(w)];
    else if (f3 == 5 && vector_has_fp(h->vsew))
        o->x = fp_unbox((enum fp_format)(h->vsew - 1), h->f[vector_vs1(w)]);
    else
        o->x = (u64)sext(vector_vs1(w), 5);
    if (f3 == 1 || f3 == 5)
        o->rm = h->frm;
}

static bool run(struct rv64_hart *h, u32 w, vector_kernels k, unsigned sew,
                const struct vector_op *o)
{
    if (!k[sew])
        return rv64_illegal(h, w);
    if (o->start < o->vl)
        k[sew](o);
    return vector_done(h);
}

/* --- shapes --- */

/* All of one width. */
static bool aligned_ok(struct rv64_hart *h, u32 w, bool has_b)
{
    int lmul = h->vlmul;
    return vector_ready(h) && spares_mask(w) && vector_aligned(vector_vd(w), lmul) &&
           vector_aligned(vector_vs2(w), lmul) && (!has_b || vector_aligned(vector_vs1(w), lmul));
}

static bool same_ok(struct rv64_hart *h, u32 w, bool has_b)
{
    return aligned_ok(h, w, has_b) && vector_sources_ok(w, has_b, 0, h->vlmul, 0, h->vlmul);
}

bool vector_same(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    if (!same_ok(h, w, is_vv(w)))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    return run(h, w, k, h->vsew, &o);
}

/* An immediate is not extended; that of vror has a bit more. */
bool vector_same_u(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    if (!same_ok(h, w, is_vv(w)))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    o.x = vector_vs1(w) | (bits(w, 31, 27) == 0xa ? bits(w, 26, 26) << 5 : 0);
    return run(h, w, k, h->vsew, &o);
}

/* One operand; vs1 is more of the operation's number. */
bool vector_one(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    if (!same_ok(h, w, false))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    return run(h, w, k, h->vsew, &o);
}

/* The mask is an operand: 11.4, 11.15. */
static bool with_mask(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    vector_operands(h, w, &o);
    o.mask  = NULL;
    o.carry = h->v;
    return run(h, w, k, h->vsew, &o);
}

bool vector_carry(struct rv64_hart *h, u32 w, vector_kernels k)
{
    return aligned_ok(h, w, is_vv(w)) ? with_mask(h, w, k) : rv64_illegal(h, w);
}

bool vector_merge(struct rv64_hart *h, u32 w, vector_kernels k)
{
    return same_ok(h, w, is_vv(w)) ? with_mask(h, w, k) : rv64_illegal(h, w);
}

/* A mask is the result: its one register may be the lowest of a source. */
static bool to_mask_ok(struct rv64_hart *h, u32 w)
{
    int      lmul = h->vlmul;
    unsigned d = vector_vd(w), a = vector_vs2(w), b = vector_vs1(w);
    if (!vector_ready(h) || !vector_aligned(a, lmul) || (d != a && !vector_apart(d, 0, a, lmul)))
        return false;
    return !is_vv(w) || (vector_aligned(b, lmul) && (d == b || vector_apart(d, 0, b, lmul)));
}

bool vector_carry_out(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    if (!to_mask_ok(h, w))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    o.carry = o.mask;
    o.mask  = NULL;
    return run(h, w, k, h->vsew, &o);
}

bool vector_compare(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    if (!to_mask_ok(h, w))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    return run(h, w, k, h->vsew, &o);
}

/* Twice as wide a result: 5.2, 11.2. */
static bool widen_ok(struct rv64_hart *h, u32 w, bool wide_a, bool has_b)
{
    int      lmul = h->vlmul;
    unsigned d = vector_vd(w), a = vector_vs2(w), b = vector_vs1(w);
    if (!vector_ready(h) || lmul > 2 || h->vsew == 3 || !spares_mask(w) ||
        !vector_aligned(d, lmul + 1) || !vector_aligned(a, lmul + wide_a))
        return false;
    if (!vector_sources_ok(w, has_b, wide_a, lmul + wide_a, 0, lmul))
        return false;
    if (!wide_a && !vector_apart(d, lmul + 1, a, lmul))
        return false;
    return !has_b || (vector_aligned(b, lmul) && vector_apart(d, lmul + 1, b, lmul));
}

bool vector_widen(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    if (!widen_ok(h, w, false, is_vv(w)))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    if (bits(w, 14, 12) == 3) /* vwsll's is the only immediate */
        o.x = vector_vs1(w);
    return run(h, w, k, h->vsew, &o);
}

bool vector_widen_w(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    if (!widen_ok(h, w, true, is_vv(w)))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    return run(h, w, k, h->vsew, &o);
}

/* The result is a source too, so no other may share a register with it. */
bool vector_widen_mac(struct rv64_hart *h, u32 w, vector_kernels k)
{
    unsigned d = vector_vd(w), n = vector_span(h->vlmul + 1), m = vector_span(h->vlmul);
    if (vector_overlap(d, n, vector_vs2(w), m) ||
        (is_vv(w) && vector_overlap(d, n, vector_vs1(w), m)))
        return rv64_illegal(h, w);
    return vector_widen(h, w, k);
}

/* Half as wide a result: 11.7, 12.5. */
static bool narrow_ok(struct rv64_hart *h, u32 w, bool has_b)
{
    int      lmul = h->vlmul;
    unsigned d = vector_vd(w), a = vector_vs2(w);
    return vector_ready(h) && lmul <= 2 && h->vsew < 3 && spares_mask(w) &&
           vector_aligned(a, lmul + 1) && vector_aligned(d, lmul) &&
           (d == a || vector_apart(d, lmul, a, lmul + 1)) &&
           vector_sources_ok(w, has_b, 1, lmul + 1, 0, lmul) &&
           (!has_b || vector_aligned(vector_vs1(w), lmul));
}

bool vector_narrow(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    if (!narrow_ok(h, w, is_vv(w)))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    if (bits(w, 14, 12) == 3)
        o.x = vector_vs1(w);
    return run(h, w, k, h->vsew, &o);
}

/* 11.3: from an eighth, a quarter, a half. */
bool vector_extend(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    int              lmul = h->vlmul, by = 4 - (int)(vector_vs1(w) >> 1);
    unsigned         d = vector_vd(w), a = vector_vs2(w);
    if (!vector_ready(h) || h->vsew < by || !spares_mask(w) || d == a || !vector_aligned(d, lmul) ||
        !vector_aligned(a, lmul - by) || !vector_sources_ok(w, false, 0, lmul - by, 0, 0) ||
        !vector_apart(d, lmul, a, lmul - by))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    return run(h, w, k, h->vsew, &o);
}

/* 14: a scalar in element 0 of vs1 and of vd. */
bool vector_reduce(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    if (!vector_ready(h) || h->vstart || !vector_aligned(vector_vs2(w), h->vlmul))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    return run(h, w, k, h->vsew, &o);
}

bool vector_widen_reduce(struct rv64_hart *h, u32 w, vector_kernels k)
{
    return h->vsew == 3 ? rv64_illegal(h, w) : vector_reduce(h, w, k);
}

/* --- floating point: 13; 14.3, 14.4 --- */

bool vector_fp_on(struct rv64_hart *h)
{
    return h->frm <= FP_RMM && rv64_fp_on(h);
}

#define FP_SHAPE(name)                                                                             \
    bool vector_f##name(struct rv64_hart *h, u32 w, vector_kernels k)                              \
    {                                                                                              \
        return vector_fp_on(h) ? vector_##name(h, w, k) : rv64_illegal(h, w);                      \
    }
FP_SHAPE(same)
FP_SHAPE(compare)
FP_SHAPE(widen)
FP_SHAPE(widen_w)
FP_SHAPE(widen_mac)
FP_SHAPE(one)
FP_SHAPE(reduce)
FP_SHAPE(widen_reduce)

/* Moves bits; the kernels are those of integers. */
bool vector_fmerge(struct rv64_hart *h, u32 w, vector_kernels k)
{
    return vector_fp_on(h) && vector_has_fp(h->vsew) ? vector_merge(h, w, k) : rv64_illegal(h, w);
}

bool vector_fwiden_one(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    if (!vector_fp_on(h) || !widen_ok(h, w, false, false))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    return run(h, w, k, h->vsew, &o);
}

bool vector_fnarrow_one(struct rv64_hart *h, u32 w, vector_kernels k)
{
    struct vector_op o;
    if (!vector_fp_on(h) || !narrow_ok(h, w, false))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    return run(h, w, k, h->vsew, &o);
}

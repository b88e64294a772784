/* rv64/vector_perm.c - mask instructions and permutations: chapter "V" of Volume I, 15 and 16. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "rv64/fp_format.h"
#include "rv64/vector.h"

static u64 get(const u8 *reg, u64 i, unsigned sew)
{
    u64 v = 0;
    memcpy(&v, reg + (i << sew), 1u << sew);
    return v;
}

static void put(u8 *reg, u64 i, unsigned sew, u64 v)
{
    memcpy(reg + (i << sew), &v, 1u << sew);
}

static void put_bit(u8 *reg, u64 i, bool on)
{
    u8 bit     = (u8)(1u << (i % 8));
    reg[i / 8] = (u8)(on ? reg[i / 8] | bit : reg[i / 8] & ~bit);
}

static bool spares_mask(u32 w)
{
    return vector_vm(w) || vector_vd(w) != 0;
}

/* --- masks: 15 --- */

/* Bits 31 to 26 say which: vmandn is 0x18. */
bool vector_logic(struct rv64_hart *h, u32 w)
{
    if (!vector_ready(h))
        return rv64_illegal(h, w);
    u8       *d = vector_reg(h, vector_vd(w));
    const u8 *a = vector_reg(h, vector_vs2(w)), *b = vector_reg(h, vector_vs1(w));
    for (u64 i = h->vstart; i < h->vl; i++) {
        unsigned x = vector_active(a, i), y = vector_active(b, i);
        unsigned results[8] = {x & !y, x & y, x | y, x ^ y, x | !y, !(x & y), !(x | y), !(x ^ y)};
        put_bit(d, i, results[bits(w, 28, 26)]);
    }
    return vector_done(h);
}

/* The bits of A that are set and active, from element I (a multiple of 64) on. */
static u64 set_bits(const struct vector_op *o, u64 i)
{
    u64 a, m = ~0ull, left = o->vl - i;
    memcpy(&a, o->a + i / 8, 8);
    if (o->mask)
        memcpy(&m, o->mask + i / 8, 8);
    return a & m & (left < 64 ? (1ull << left) - 1 : ~0ull);
}

/* The first active element whose bit in A is set, or vl. */
static u64 first_set(const struct vector_op *o)
{
    for (u64 i = 0; i < o->vl; i += 64)
        if (set_bits(o, i))
            return i + (u64)__builtin_ctzll(set_bits(o, i));
    return o->vl;
}

bool vector_cpop(struct rv64_hart *h, u32 w)
{
    struct vector_op o;
    u64              n = 0;
    if (!vector_ready(h) || h->vstart)
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    for (u64 i = 0; i < o.vl; i += 64)
        n += (u64)__builtin_popcountll(set_bits(&o, i));
    if (vector_vd(w))
        h->x[vector_vd(w)] = n;
    return vector_done(h);
}

bool vector_first_set(struct rv64_hart *h, u32 w)
{
    struct vector_op o;
    if (!vector_ready(h) || h->vstart)
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    u64 first = first_set(&o);
    if (vector_vd(w))
        h->x[vector_vd(w)] = first < o.vl ? first : ~0ull;
    return vector_done(h);
}

bool vector_set_first(struct rv64_hart *h, u32 w)
{
    enum { BEFORE = 1, ONLY, INCLUDING };
    unsigned         which = vector_vs1(w);
    struct vector_op o;
    if (!vector_ready(h) || h->vstart || !spares_mask(w) || vector_vd(w) == vector_vs2(w))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    u64 first = first_set(&o);
    for (u64 i = 0; i < o.vl; i++)
        if (vector_active(o.mask, i))
            put_bit(o.d, i,
                    which == BEFORE      ? i < first
                    : which == INCLUDING ? i <= first
                                         : i == first);
    return vector_done(h);
}

bool vector_iota(struct rv64_hart *h, u32 w)
{
    struct vector_op o;
    unsigned         d = vector_vd(w);
    u64              n = 0;
    if (!vector_ready(h) || h->vstart || !spares_mask(w) || !vector_aligned(d, h->vlmul) ||
        vector_overlap(d, vector_span(h->vlmul), vector_vs2(w), 1))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    for (u64 i = 0; i < o.vl; i++)
        if (vector_active(o.mask, i)) {
            put(o.d, i, h->vsew, n);
            n += vector_active(o.a, i);
        }
    return vector_done(h);
}

bool vector_id(struct rv64_hart *h, u32 w)
{
    struct vector_op o;
    if (!vector_ready(h) || !spares_mask(w) || !vector_aligned(vector_vd(w), h->vlmul))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    for (u64 i = o.start; i < o.vl; i++)
        if (vector_active(o.mask, i))
            put(o.d, i, h->vsew, i);
    return vector_done(h);
}

static bool fp_ok(struct rv64_hart *h)
{
    return vector_fp_on(h) && vector_has_fp(h->vsew);
}

/* --- moves: 16.1, 16.2, 16.6 --- */

bool vector_to_x(struct rv64_hart *h, u32 w)
{
    if (!vector_ready(h))
        return rv64_illegal(h, w);
    u64 v = get(vector_reg(h, vector_vs2(w)), 0, h->vsew);
    if (vector_vd(w))
        h->x[vector_vd(w)] = (u64)sext(v, 8u << h->vsew);
    return vector_done(h);
}

bool vector_from_x(struct rv64_hart *h, u32 w)
{
    if (!vector_ready(h))
        return rv64_illegal(h, w);
    if (h->vstart < h->vl)
        put(vector_reg(h, vector_vd(w)), 0, h->vsew, h->x[vector_vs1(w)]);
    return vector_done(h);
}

bool vector_to_f(struct rv64_hart *h, u32 w)
{
    if (!vector_ready(h) || !fp_ok(h))
        return rv64_illegal(h, w);
    u64 v              = get(vector_reg(h, vector_vs2(w)), 0, h->vsew);
    h->f[vector_vd(w)] = fp_box((enum fp_format)(h->vsew - 1), v);
    return vector_done(h);
}

bool vector_from_f(struct rv64_hart *h, u32 w)
{
    if (!vector_ready(h) || !fp_ok(h))
        return rv64_illegal(h, w);
    u64 v = fp_unbox((enum fp_format)(h->vsew - 1), h->f[vector_vs1(w)]);
    if (h->vstart < h->vl)
        put(vector_reg(h, vector_vd(w)), 0, h->vsew, v);
    return vector_done(h);
}

bool vector_copy(struct rv64_hart *h, u32 w)
{
    unsigned n = vector_vs1(w) + 1, d = vector_vd(w), a = vector_vs2(w);
    if (!vector_ready(h) || (d | a) & (n - 1))
        return rv64_illegal(h, w);
    u64 from = h->vstart << h->vsew, all = (u64)n * h->vlenb;
    if (from < all)
        memmove(vector_reg(h, d) + from, vector_reg(h, a) + from, all - from);
    return vector_done(h);
}

/* --- slides: 16.3 --- */

static bool slide_ok(struct rv64_hart *h, u32 w, bool up)
{
    return vector_ready(h) && spares_mask(w) && vector_aligned(vector_vd(w), h->vlmul) &&
           vector_aligned(vector_vs2(w), h->vlmul) && (!up || vector_vd(w) != vector_vs2(w)) &&
           vector_sources_ok(w, false, 0, h->vlmul, 0, 0);
}

/* By a register or an immediate without sign. */
static u64 distance(const struct vector_op *o, u32 w)
{
    return bits(w, 14, 12) == 3 ? vector_vs1(w) : o->x;
}

bool vector_slideup(struct rv64_hart *h, u32 w)
{
    struct vector_op o;
    if (!slide_ok(h, w, true))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    u64 by = distance(&o, w);
    for (u64 i = by < o.start ? o.start : by; i < o.vl; i++)
        if (vector_active(o.mask, i))
            put(o.d, i, h->vsew, get(o.a, i - by, h->vsew));
    return vector_done(h);
}

bool vector_slidedown(struct rv64_hart *h, u32 w)
{
    struct vector_op o;
    if (!slide_ok(h, w, false))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    u64 by = distance(&o, w), max = vector_max(h);
    for (u64 i = o.start; i < o.vl; i++)
        if (vector_active(o.mask, i))
            put(o.d, i, h->vsew, by < max && i + by < max ? get(o.a, i + by, h->vsew) : 0);
    return vector_done(h);
}

bool vector_slide1up(struct rv64_hart *h, u32 w, bool fp)
{
    struct vector_op o;
    vector_operands(h, w, &o);
    if (!slide_ok(h, w, true) || (fp && !fp_ok(h)))
        return rv64_illegal(h, w);
    for (u64 i = o.start; i < o.vl; i++)
        if (vector_active(o.mask, i))
            put(o.d, i, h->vsew, i ? get(o.a, i - 1, h->vsew) : o.x);
    return vector_done(h);
}

bool vector_slide1down(struct rv64_hart *h, u32 w, bool fp)
{
    struct vector_op o;
    vector_operands(h, w, &o);
    if (!slide_ok(h, w, false) || (fp && !fp_ok(h)))
        return rv64_illegal(h, w);
    for (u64 i = o.start; i < o.vl; i++)
        if (vector_active(o.mask, i))
            put(o.d, i, h->vsew, i + 1 < o.vl ? get(o.a, i + 1, h->vsew) : o.x);
    return vector_done(h);
}

/* --- gathering and compressing: 16.4, 16.5 --- */

/* vrgatherei16.vv has indices of its own width; the others that of SEW. */
static bool gather_ok(struct rv64_hart *h, u32 w, unsigned wide)
{
    unsigned d = vector_vd(w), n = vector_span(h->vlmul), x = vector_vs1(w);
    int      lmul = (int)wide - h->vsew + h->vlmul;
    if (!slide_ok(h, w, true))
        return false;
    return bits(w, 14, 12) != 0 || (lmul >= -3 && lmul <= 3 && vector_aligned(x, lmul) &&
                                    !vector_overlap(d, n, x, vector_span(lmul)) &&
                                    vector_sources_ok(w, true, h->vsew, h->vlmul, wide, lmul));
}

bool vector_gather(struct rv64_hart *h, u32 w)
{
    struct vector_op o;
    bool             half = bits(w, 31, 26) == 0x0e;
    unsigned         wide = half ? 1 : h->vsew;
    if (!gather_ok(h, w, wide))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    u64 max = vector_max(h), fixed = distance(&o, w);
    for (u64 i = o.start; i < o.vl; i++)
        if (vector_active(o.mask, i)) {
            u64 from = o.b ? get(o.b, i, wide) : fixed;
            put(o.d, i, h->vsew, from < max ? get(o.a, from, h->vsew) : 0);
        }
    return vector_done(h);
}

bool vector_compress(struct rv64_hart *h, u32 w)
{
    struct vector_op o;
    unsigned         d = vector_vd(w), n = vector_span(h->vlmul);
    u64              to = 0;
    if (!slide_ok(h, w, true) || h->vstart || vector_overlap(d, n, vector_vs1(w), 1))
        return rv64_illegal(h, w);
    vector_operands(h, w, &o);
    for (u64 i = 0; i < o.vl; i++)
        if (vector_active(o.b, i))
            put(o.d, to++, h->vsew, get(o.a, i, h->vsew));
    return vector_done(h);
}

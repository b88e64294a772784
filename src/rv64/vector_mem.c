/* rv64/vector_mem.c - vector loads and stores: chapter "V" of Volume I, 7.
 *
 * An element that cannot be reached leaves its index in vstart and traps; all before it are done.
 * What lies on one page that the TLB knows is copied at once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "rv64/vector.h"

/* One instruction's accesses. */
struct access_set {
    struct rv64_hart *h;
    bool              store;
    unsigned          width;  /* of an element in memory, and in its register */
    unsigned          fields; /* of a segment */
    u64               group;  /* bytes from field to field, in registers */
    u8               *data;   /* of element 0, field 0 */
    const u8         *mask;
    gva               base;
    u64               vl;
};

static unsigned element_width(u32 w)
{
    static const u8 widths[8] = {[0] = 0, [5] = 1, [6] = 2, [7] = 3};
    return widths[bits(w, 14, 12)];
}

static bool is_store(u32 w)
{
    return bits(w, 5, 5);
}

/* The host's address of LEN bytes at ADDR, when they may be touched directly. */
static u8 *direct(struct rv64_hart *h, gva addr, u64 len, bool store)
{
    const struct tlb_entry *table = store ? h->tlb->store : h->tlb->load;
    const struct tlb_entry *e     = &table[(addr >> PAGE_BITS) % TLB_SIZE];
    if (e->tag != (addr & PAGE_MASK) || len > PAGE_SIZE - addr % PAGE_SIZE)
        return NULL;
    return (u8 *)(addr + e->add);
}

/* One field of one element. False: trapped. */
static bool touch(struct rv64_hart *h, gva addr, u8 *data, unsigned width, bool store)
{
    u64 v     = 0;
    u8 *there = direct(h, addr, width, store);
    if (likely(there != NULL)) {
        memcpy(store ? there : data, store ? data : there, width);
        return true;
    }
    if (store) {
        memcpy(&v, data, width);
        return !rv64_store_slow(h, addr, width, v);
    }
    if (rv64_load_slow(h, addr, width, &v))
        return false;
    memcpy(data, &v, width);
    return true;
}

/* vstart is right before memory is touched: a program's may be gone, and then nobody returns here
 * (user.c). */
static bool segment(const struct access_set *s, u64 i, gva addr)
{
    u8 *data     = s->data + i * s->width;
    s->h->vs     = 3;
    s->h->vstart = i;
    for (unsigned f = 0; f < s->fields; f++, addr += s->width, data += s->group)
        if (!touch(s->h, addr, data, s->width, s->store))
            return false;
    return true;
}

/* As many unmasked elements from I on as lie on one page. */
static u64 copy_run(const struct access_set *s, u64 i)
{
    gva addr  = s->base + i * s->width;
    u64 n     = MIN(s->vl - i, (PAGE_SIZE - addr % PAGE_SIZE) / s->width);
    u8 *there = n ? direct(s->h, addr, n * s->width, s->store) : NULL;
    u8 *data  = s->data + i * s->width;
    if (!there)
        return 0;
    s->h->vstart = i;
    memcpy(s->store ? there : data, s->store ? data : there, n * s->width);
    return n;
}

static bool contiguous(const struct access_set *s)
{
    bool plain = s->fields == 1 && !s->mask;
    for (u64 i = s->h->vstart; i < s->vl; i++) {
        u64 n = plain ? copy_run(s, i) : 0;
        if (n)
            i += n - 1;
        else if (vector_active(s->mask, i) && !segment(s, i, s->base + i * s->fields * s->width))
            return false;
    }
    return vector_done(s->h);
}

/* The registers of N fields of 2^LMUL each: whole, and not beyond v31 (7.8). */
static bool registers_ok(unsigned reg, unsigned fields, int lmul)
{
    unsigned n = fields * vector_span(lmul);
    return lmul >= -3 && lmul <= 3 && vector_aligned(reg, lmul) && n <= 8 && reg + n <= 32;
}

static unsigned fields_of(u32 w)
{
    return (unsigned)bits(w, 31, 29) + 1;
}

static bool spares_mask(u32 w)
{
    return is_store(w) || vector_vm(w) || vector_vd(w) != 0;
}

/* An access of elements 2^EEW bytes wide, groups of 2^LMUL. */
static struct access_set prepare(struct rv64_hart *h, u32 w, unsigned eew, int lmul)
{
    return (struct access_set){.h      = h,
                               .store  = is_store(w),
                               .width  = 1u << eew,
                               .fields = fields_of(w),
                               .group  = (u64)vector_span(lmul) * h->vlenb,
                               .data   = vector_reg(h, vector_vd(w)),
                               .mask   = vector_vm(w) ? NULL : h->v,
                               .base   = h->x[vector_vs1(w)],
                               .vl     = h->vl};
}

/* EMUL: 7.3. */
static int group_of(const struct rv64_hart *h, u32 w)
{
    return (int)element_width(w) - h->vsew + h->vlmul;
}

static bool plain_ok(struct rv64_hart *h, u32 w)
{
    return vector_ready(h) && spares_mask(w) &&
           registers_ok(vector_vd(w), fields_of(w), group_of(h, w));
}

bool vector_unit(struct rv64_hart *h, u32 w)
{
    if (!plain_ok(h, w))
        return rv64_illegal(h, w);
    struct access_set s = prepare(h, w, element_width(w), group_of(h, w));
    return contiguous(&s);
}

bool vector_strided(struct rv64_hart *h, u32 w)
{
    if (!plain_ok(h, w))
        return rv64_illegal(h, w);
    struct access_set s      = prepare(h, w, element_width(w), group_of(h, w));
    u64               stride = h->x[vector_vs2(w)];
    for (u64 i = h->vstart; i < s.vl; i++)
        if (vector_active(s.mask, i) && !segment(&s, i, s.base + i * stride))
            return false;
    return vector_done(h);
}

static u64 index_at(const u8 *p, u64 i, unsigned eew)
{
    u64 v = 0;
    memcpy(&v, p + (i << eew), 1u << eew);
    return v;
}

/* A load may overwrite its indices by the rules of 5.2, but a segment's not at all (7.8.3). */
static bool may_overwrite(struct rv64_hart *h, u32 w, unsigned eew, int index_lmul)
{
    unsigned d = vector_vd(w), x = vector_vs2(w), n = vector_span(h->vlmul);
    for (unsigned f = 0; f < fields_of(w); f++, d += n) {
        if (fields_of(w) > 1 && vector_overlap(d, n, x, vector_span(index_lmul)))
            return false;
        if (eew != h->vsew && !(eew > h->vsew && d == x) &&
            !vector_apart(d, h->vlmul, x, index_lmul))
            return false;
    }
    return true;
}

/* What a store reads is not to be indices and data at once, unless they are as wide, nor mask. */
static bool may_read(struct rv64_hart *h, u32 w, unsigned eew, int index_lmul)
{
    unsigned d = vector_vd(w), n = vector_span(h->vlmul);
    return (vector_vm(w) || d != 0) &&
           (eew == h->vsew || !vector_overlap(d, n, vector_vs2(w), vector_span(index_lmul)));
}

static bool indices_ok(struct rv64_hart *h, u32 w, unsigned eew, int index_lmul)
{
    unsigned x = vector_vs2(w);
    if ((!vector_vm(w) && x == 0) || index_lmul < -3 || index_lmul > 3 ||
        !vector_aligned(x, index_lmul))
        return false;
    return is_store(w) ? may_read(h, w, eew, index_lmul) : may_overwrite(h, w, eew, index_lmul);
}

bool vector_indexed(struct rv64_hart *h, u32 w)
{
    unsigned eew = element_width(w);
    if (!vector_ready(h) || !spares_mask(w) ||
        !registers_ok(vector_vd(w), fields_of(w), h->vlmul) ||
        !indices_ok(h, w, eew, group_of(h, w)))
        return rv64_illegal(h, w);
    struct access_set s     = prepare(h, w, h->vsew, h->vlmul);
    const u8         *index = vector_reg(h, vector_vs2(w));
    for (u64 i = h->vstart; i < s.vl; i++)
        if (vector_active(s.mask, i) && !segment(&s, i, s.base + index_at(index, i, eew)))
            return false;
    return vector_done(h);
}

/* The first one: all of its fields or none. */
static bool whole_segment(const struct access_set *s, u64 i, gva addr)
{
    u64 v[8];
    s->h->vs     = 3;
    s->h->vstart = i;
    for (unsigned f = 0; f < s->fields; f++)
        if (!touch(s->h, addr + f * s->width, (u8 *)&v[f], s->width, false))
            return false;
    for (unsigned f = 0; f < s->fields; f++)
        memcpy(s->data + f * s->group + i * s->width, &v[f], s->width);
    return true;
}

/* 7.7: what cannot be reached shortens vl instead, but for element 0. */
bool vector_first(struct rv64_hart *h, u32 w)
{
    if (!plain_ok(h, w))
        return rv64_illegal(h, w);
    struct access_set s     = prepare(h, w, element_width(w), group_of(h, w));
    u64               step  = (u64)s.fields * s.width;
    bool              plain = s.fields == 1 && !s.mask;
    for (u64 i = h->vstart; i < s.vl; i++) {
        u64 n = plain ? copy_run(&s, i) : 0;
        if (n)
            i += n - 1;
        if (n || !vector_active(s.mask, i))
            continue;
        if (i && !rv64_may_load(h, s.base + i * step, step)) {
            h->vl = i;
            break;
        }
        if (!whole_segment(&s, i, s.base + i * step))
            return false;
    }
    return vector_done(h);
}

/* 7.9: whatever vtype says. */
bool vector_whole(struct rv64_hart *h, u32 w)
{
    unsigned n = fields_of(w), eew = element_width(w);
    if (!h->vs || vector_vd(w) & (n - 1))
        return rv64_illegal(h, w);
    struct access_set s = prepare(h, w, eew, 0);
    s.fields            = 1;
    s.vl                = (u64)n * h->vlenb >> eew;
    return contiguous(&s);
}

/* 7.4: the bytes that hold vl bits. */
bool vector_mask_access(struct rv64_hart *h, u32 w)
{
    if (!vector_ready(h))
        return rv64_illegal(h, w);
    struct access_set s = prepare(h, w, 0, 0);
    s.vl                = (h->vl + 7) / 8;
    return contiguous(&s);
}

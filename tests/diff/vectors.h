/* tests/diff/vectors.h - cases of the vector extension: their state, registers and addresses. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DIFF_VECTORS_H
#define DIFF_VECTORS_H

#include <string.h>

#include "protocol.h"
#include "random.h"
#include "rv64/isa.h"

static unsigned vlenb = 16; /* of both executors */

static u64 random_below(u64 n)
{
    return n ? (rnd() >> 16) % n : 0;
}

/* log2 of vtype's SEW in bytes, and of LMUL. */
static unsigned sew_of(const struct diff_case *c)
{
    return (unsigned)(c->vec.vtype >> 3 & 7);
}

static int lmul_of(const struct diff_case *c)
{
    return (int)(c->vec.vtype & 7) - (c->vec.vtype & 4 ? 8 : 0);
}

/* VLMAX. */
static u64 most_elements(unsigned sew, int lmul)
{
    u64 n = vlenb >> sew;
    return lmul < 0 ? n >> -lmul : n << lmul;
}

static void random_vtype(struct diff_case *c)
{
    struct diff_vectors *v = &c->vec;
    if (one_in(100)) {
        v->vtype = 1ull << 63;
        v->vl    = 0;
        return;
    }
    unsigned sew;
    int      lmul;
    do {
        sew  = (unsigned)random_below(4);
        lmul = (int)random_below(7) - 3;
    } while (lmul < 0 && 64 >> -lmul < 8 << sew);
    v->vtype = (u64)(lmul & 7) | sew << 3 | (rnd() & 0xc0);
    u64 most = most_elements(sew, lmul);
    v->vl    = one_in(3) ? most : random_below(most + 1);
    if (one_in(10))
        v->vstart = random_below(v->vl); /* QEMU does not always clear what is not below vl */
}

static u64 random_element(unsigned width, bool floats)
{
    if (!floats || one_in(20))
        return integer();
    return width == 2 ? floating(5, 10) : width == 4 ? floating(8, 23) : floating(11, 52);
}

/* FLOATS: the elements are numbers of SEW's width, some of twice it. */
static void fill_vectors(struct diff_case *c, bool floats)
{
    c->vectors = 1;
    c->vec     = (struct diff_vectors){.vcsr = rnd() & 7, .vlenb = vlenb};
    random_vtype(c);
    for (unsigned r = 0; r < 32; r++) {
        unsigned width = 1u << MIN(sew_of(c) + one_in(3), 3u);
        for (unsigned i = 0; i < vlenb; i += width) {
            u64 e = random_element(width, floats && width > 1);
            memcpy(c->vec.v + r * vlenb + i, &e, width);
        }
    }
    for (unsigned i = 0; i < 32 && floats && sew_of(c) < 3; i++)
        c->f[i] = f_register(1u << sew_of(c));
}

/* Most often, makes the three register numbers multiples of what a group has to be one of. */
static u32 align_groups(const struct diff_case *c, u32 word)
{
    u32 was  = word;
    int lmul = lmul_of(c) + (int)random_below(2);
    if (one_in(10) || lmul <= 0 || lmul > 3 || c->vec.vtype >> 63)
        return word;
    u32 low    = (1u << lmul) - 1;
    u32 opcode = word & 0x7f;
    int row    = rv64_find(word);
    if (row < 0 || rv64_formats[rv64_rows[row].format].text[0] != 'd')
        word &= ~(low << 7);
    if (opcode != 0x57 || (word >> 12 & 7) < 3)
        word &= ~(low << 15);
    bool wide_index = opcode != 0x57 && word >> 26 & 1;
    if (opcode == 0x57 || wide_index)
        word &= ~(low << 20);
    return rv64_find(word) == row ? word : was; /* some were no register's */
}

/* vsetvli and vsetivli: without the reserved bits of vtype, most of which would end all that
 * follows. */
static u32 legal_vtype(u32 word)
{
    if ((word & 0x707f) == 0x7057 && !(word >> 31))
        return word & ~(0x720u << 20);
    if ((word & 0x707f) == 0x7057 && word >> 30 == 3)
        return word & ~(0x320u << 20);
    return word;
}

/* Offsets for an indexed access: into the data, most of them. */
static void fill_indices(struct diff_case *c, u32 word)
{
    static const unsigned widths[8] = {1, 0, 0, 0, 0, 2, 4, 8};
    unsigned              width = widths[word >> 12 & 7], vs2 = word >> 20 & 31;
    for (unsigned i = vs2 * vlenb; i + width <= 32 * vlenb; i += width) {
        u64 to = random_below(120) & ~(one_in(3) ? 0ull : 7ull);
        if (one_in(300))
            to = rnd() >> 40;
        memcpy(c->vec.v + i, &to, width);
    }
}

/* The address of a vector load or store, and what it is added to. */
static void aim_vectors(struct diff_case *c, u32 word)
{
    static const u64 strides[] = {0, 1, 2, 4, 8, 16, -1ull, -4ull, -8ull, 24, 3, 12};
    unsigned         rs1 = word >> 15 & 31, mop = word >> 26 & 3;
    bool             access = (word & 0x5f) == 0x07;
    u64              spot   = DIFF_DATA + random_below(64);
    if (!access)
        return;
    if (!one_in(3))
        spot &= ~7ull;
    bool whole = mop == 0 && (word >> 20 & 31) == 8;
    if (whole) /* QEMU 10 dies of one that crosses a page, and of a vstart behind its end */
        c->vec.vstart = one_in(4) ? random_below(vlenb >> 3) : 0;
    if (one_in(12) && !whole) /* behind the page, or before it, nothing is */
        spot = DIFF_DATA + DIFF_PAGE - random_below(130);
    else if (one_in(40) && !whole)
        spot = DIFF_DATA - random_below(130);
    if (mop == 1 || mop == 3)
        fill_indices(c, word);
    if (mop == 2) {
        c->x[word >> 20 & 31] = strides[random_below(ARRAY_SIZE(strides))];
        spot += DIFF_BYTES / 2 * (spot < DIFF_DATA + 64);
    }
    if ((word >> 20 & 31) != rs1 || mop != 2)
        c->x[rs1] = spot;
}

#endif

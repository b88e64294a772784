/* device/msix.c - see msix.h. The table is at 0 of its BAR, the pending bits in its second half. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/msix.h"

#include <assert.h>
#include <string.h>

enum { ID = 0x11, ENTRY = 16, PENDING = MSIX_BAR_BYTES / 2 };
enum { ENABLE = 1 << 7, MASK_ALL = 1 << 6 }; /* in the upper byte of Message Control */
enum { ADDR, ADDR_UPPER, DATA, CONTROL, MASKED = 1 };

void msix_init(struct msix *m, const u8 *control, u8 bar, unsigned vectors)
{
    assert(vectors >= 1 && vectors <= MSIX_VECTORS_MAX);
    *m = (struct msix){.control = control, .n = vectors, .bar = bar};
    msix_reset(m);
}

void msix_reset(struct msix *m)
{
    memset(m->table, 0, sizeof(m->table));
    for (unsigned i = 0; i < m->n; i++)
        m->table[i][CONTROL] = MASKED;
    m->pending = 0;
}

void msix_capability(const struct msix *m, u8 body[10])
{
    u32 table = m->bar, pending = PENDING | m->bar;
    memset(body, 0, 10);
    body[0] = (u8)(m->n - 1);
    memcpy(body + 2, &table, 4);
    memcpy(body + 6, &pending, 4);
}

bool msix_enabled(const struct msix *m)
{
    return m->n && *m->control & ENABLE;
}

static bool is_masked(const struct msix *m, unsigned vector)
{
    return *m->control & MASK_ALL || m->table[vector][CONTROL] & MASKED;
}

void msix_raise(struct msix *m, unsigned vector, const struct msi *msi)
{
    if (vector >= m->n || !msix_enabled(m))
        return;
    const u32 *entry = m->table[vector];
    if (is_masked(m, vector))
        m->pending |= 1u << vector;
    else
        msi->send(msi->chip, entry[ADDR] | (u64)entry[ADDR_UPPER] << 32, entry[DATA]);
}

void msix_deliver(struct msix *m, const struct msi *msi)
{
    for (unsigned i = 0; i < m->n && msix_enabled(m); i++)
        if (m->pending & 1u << i && !is_masked(m, i)) {
            m->pending &= ~(1u << i);
            msix_raise(m, i, msi);
        }
}

/* Word N of the BAR; NULL when there is none that the guest may write. */
static u32 *table_word(struct msix *m, u64 off)
{
    return off / ENTRY < m->n ? &m->table[off / ENTRY][off % ENTRY / 4] : NULL;
}

static u32 read_word(const struct msix *m, u64 off)
{
    const u32 *word = table_word((struct msix *)m, off);
    return word ? *word : off == PENDING ? m->pending : 0;
}

/* Aligned accesses of 4 or 8 bytes are defined (6.1.4.2), others read 0 and write nothing. */
u64 msix_read(const struct msix *m, u64 off, unsigned width)
{
    if (width < 4 || off % width)
        return 0;
    u64 val = read_word(m, off);
    return width == 8 ? val | (u64)read_word(m, off + 4) << 32 : val;
}

void msix_write(struct msix *m, u64 off, unsigned width, u64 val, const struct msi *msi)
{
    if (width < 4 || off % width)
        return;
    for (unsigned i = 0; i < width; i += 4) {
        u32 *word = table_word(m, off + i);
        if (word)
            *word = (u32)(val >> (8 * i)) & (off % ENTRY + i == 4 * CONTROL ? MASKED : ~0u);
    }
    msix_deliver(m, msi);
}

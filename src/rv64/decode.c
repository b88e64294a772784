/* rv64/decode.c - from guest bytes to blocks of decoded instructions, and keeping those.
 *
 * Blocks are found by the physical address of their first byte. A block remembers the bytes it
 * was made of: after fence.i it is used again only when they are still the same, so a fence
 * costs a comparison where code is used again, and nothing where it is not. When the arena is
 * full everything is thrown away at once. One hart, one thread, no locks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "rv64/hart.h"
#include "rv64/isa.h"

enum {
    BLOCK_INSNS = 64, /* at most: their half-word offsets must fit a byte */
    BLOCK_SLOTS = 2 * BLOCK_INSNS + 2,
    BLOCK_ROOM  = sizeof(struct block) + BLOCK_SLOTS * sizeof(struct op) + 4 * BLOCK_INSNS + 16
};
enum { LABEL_ILLEGAL = RV64_ROWS, LABEL_NEXT, LABEL_STOP, LABEL_BREAK, LABEL_FUSED };

/* The pairs that the interpreter does in one piece, in the order of their rows. */
#define PAIR(first, second) ((u32)(first) << 16 | (u32)(second))
static const u32 fused[] = {
#define FUSE(a, b) PAIR(INSN_##a, INSN_##b),
#include "rv64/fused.def"
#undef FUSE
};

/* Sorts the rows by bits 6..2, which every row pins, so that finding one is a short walk. */
static void make_buckets(struct rv64_hart *h)
{
    u32 n = 0;
    for (u32 major = 0; major < 32; major++) {
        h->bucket_start[major] = (u16)n;
        for (u16 i = 0; i < RV64_ROWS; i++)
            if ((rv64_rows[i].match >> 2 & 31) == major)
                h->bucket_rows[n++] = i;
    }
    h->bucket_start[32] = (u16)n;
}

static bool fused_in_order(void)
{
    for (unsigned i = 1; i < ARRAY_SIZE(fused); i++)
        if (fused[i - 1] >= fused[i])
            return false;
    return true;
}

int rv64_decoder_init(struct rv64_hart *h)
{
    h->labels      = rv64_interp_labels();
    h->bucket_rows = xalloc(RV64_ROWS * sizeof(u16));
    h->scratch     = xalloc(BLOCK_ROOM);
    h->arena       = try_alloc(1, ARENA_BYTES);
    make_buckets(h);
    assert(fused_in_order());
    return h->arena ? 0 : -ENOMEM;
}

void rv64_decoder_done(struct rv64_hart *h)
{
    free(h->bucket_rows);
    free(h->scratch);
    free(h->arena);
}

static int find_row(const struct rv64_hart *h, u32 word)
{
    u32 major = word >> 2 & 31;
    for (u32 i = h->bucket_start[major]; i < h->bucket_start[major + 1]; i++) {
        const struct rv64_row *row = &rv64_rows[h->bucket_rows[i]];
        if ((word & row->mask) == row->match)
            return h->bucket_rows[i];
    }
    return -1;
}

void rv64_flush_blocks(struct rv64_hart *h)
{
    memset(h->hash, 0, sizeof(h->hash));
    h->arena_used = 0;
    h->n_flushes++;
    memset(h->jump_tables, 0xff, sizeof(h->jump_tables));
}

/* Other harts may be writing there: by half words, each of which is old or new. */
static u16 half_from(const u8 *p)
{
    return __atomic_load_n((const u16 *)p, __ATOMIC_RELAXED);
}

static u32 word_from(const u8 *p, u64 room)
{
    u32 w = half_from(p);
    if ((w & 3) == 3 && room >= 4)
        w |= (u32)half_from(p + 2) << 16;
    return w;
}

/* What a decoder is in the middle of. */
struct maker {
    struct rv64_hart *h;
    struct block     *b;
    gva               pc; /* of the block's start */
    u32               slots;
    int               row; /* of the last op, if it may begin a pair; or -1 */
};

static void add_link(struct maker *m, gva target, u32 length)
{
    struct link *l    = (struct link *)&m->b->ops[m->slots++];
    gva          here = m->pc + m->b->bytes;
    *l                = (struct link){.count     = m->b->insns + 1,
                                      .same_page = length && ((here ^ target) & PAGE_MASK) == 0 &&
                                                   ((m->pc ^ target) & PAGE_MASK) == 0};
}

/* Lets the op before this one do both, where there is a piece for the two. The second op stays
 * what it is: its operands are read from there. */
static void fuse(struct maker *m, struct op *op, int row)
{
    int first = m->row;
    m->row    = row;
    if (first < 0)
        return;
    u32 pair = PAIR(first, row), low = 0, high = ARRAY_SIZE(fused);
    while (low < high) {
        u32 middle = (low + high) / 2;
        if (fused[middle] < pair)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < ARRAY_SIZE(fused) && fused[low] == pair) {
        op[-1].go = m->h->labels[LABEL_FUSED + low];
        m->row    = -1;
    }
}

/* Decodes WORD, LENGTH bytes long, at the end of the block. Returns whether the block ends. */
static bool add_insn(struct maker *m, u32 word, u32 length)
{
    struct block  *b    = m->b;
    u32            w    = length == 4 ? word : rv64_expand((u16)word);
    int            row  = w ? find_row(m->h, w) : -1;
    struct op     *op   = &b->ops[m->slots++];
    enum rv64_flow flow = FLOW_END;

    *op = (struct op){.go  = m->h->labels[LABEL_ILLEGAL],
                      .rd  = (u8)bits(w, 11, 7),
                      .rs1 = (u8)bits(w, 19, 15),
                      .rs2 = (u8)bits(w, 24, 20),
                      .off = (u8)(b->bytes / 2)};
    if (row >= 0) {
        const struct rv64_format_info *f = &rv64_formats[rv64_rows[row].format];
        op->go                           = m->h->labels[row];
        op->imm                          = (i32)rv64_immediate(f->imm, w);
        flow                             = f->flow;
        if (op->rd == 0 && f->text[0] == 'd' && f->imm != IMM_word)
            op->rd = 32;
        if (rv64_rows[row].format == FORMAT_J || rv64_rows[row].format == FORMAT_JR)
            op->rs2 = (u8)length;
        fuse(m, op, row);
        if (flow != FLOW_PLAIN) {
            m->row = -1;
            add_link(m, m->pc + b->bytes + (u64)op->imm,
                     rv64_rows[row].format == FORMAT_B || rv64_rows[row].format == FORMAT_J);
        }
    }
    b->bytes += length;
    b->insns++;
    return flow == FLOW_END;
}

static bool is_break(const struct rv64_hart *h, gva pc)
{
    for (unsigned i = 0; i < h->n_breaks; i++)
        if (h->breaks[i] == pc)
            return true;
    return false;
}

/* Ends a block that just goes on behind itself. */
static void add_next(struct maker *m, unsigned label)
{
    struct op *op = &m->b->ops[m->slots++];
    *op           = (struct op){
                  .go = m->h->labels[label], .imm = (i32)m->b->bytes, .off = (u8)(m->b->bytes / 2)};
    struct link *l = (struct link *)&m->b->ops[m->slots++];
    *l             = (struct link){.count     = m->b->insns,
                                   .same_page = ((m->pc ^ (m->pc + m->b->bytes)) & PAGE_MASK) == 0};
}

/* Decodes CODE, of which ROOM bytes are left on the page. False: the first instruction lies
 * across the page's end. */
static bool fill(struct maker *m, const u16 *code, u64 room)
{
    bool ended = false;
    while (!ended && m->b->insns < BLOCK_INSNS && room - m->b->bytes >= 2) {
        u64 left   = room - m->b->bytes;
        u32 word   = word_from((const u8 *)code + m->b->bytes, left);
        u32 length = (word & 3) == 3 ? 4 : 2;
        if (length > left)
            break;
        if (unlikely(m->h->n_breaks) && is_break(m->h, m->pc + m->b->bytes)) {
            add_next(m, LABEL_BREAK);
            return true;
        }
        ended = add_insn(m, word, length);
    }
    if (m->b->insns == 0)
        return false;
    if (!ended)
        add_next(m, LABEL_NEXT);
    return true;
}

static struct block *make(struct rv64_hart *h, gva pc, gpa pa, const u8 *host)
{
    if (h->arena_used + BLOCK_ROOM > ARENA_BYTES)
        rv64_flush_blocks(h);
    struct block *b = (struct block *)(h->arena + h->arena_used);
    struct maker  m = {.h = h, .b = b, .pc = pc, .row = -1};
    *b              = (struct block){.pa = pa, .epoch = h->epoch};
    u16 code[2 * BLOCK_INSNS]; /* read once: it may change under our hands */
    u64 room = PAGE_SIZE - pa % PAGE_SIZE;
    for (u64 i = 0; i < ARRAY_SIZE(code) && 2 * i < room; i++)
        code[i] = half_from(host + 2 * i);
    if (!fill(&m, code, room))
        return NULL;
    u8 *raw = (u8 *)&b->ops[m.slots];
    memcpy(raw, code, b->bytes);
    b->raw = raw;
    h->arena_used += ALIGN_UP((u64)(raw - (u8 *)b) + b->bytes + 4, 16);
    count_add(&h->n_blocks, 1);

    struct block **chain = &h->hash[(pa >> 1) % HASH];
    b->next              = *chain;
    *chain               = b;
    return b;
}

static bool still_says(const struct block *b, const u8 *host)
{
    for (u32 i = 0; i < b->bytes; i += 2)
        if (half_from(b->raw + i) != half_from(host + i))
            return false;
    return true;
}

/* The block of PA, if there is one that still says what memory says. */
static struct block *recall(struct rv64_hart *h, gpa pa, const u8 *host)
{
    for (struct block **at = &h->hash[(pa >> 1) % HASH]; *at; at = &(*at)->next) {
        struct block *b = *at;
        if (b->pa != pa)
            continue;
        if (b->epoch != h->epoch) {
            if (!still_says(b, host)) {
                *at = b->next;
                return NULL;
            }
            b->epoch = h->epoch;
        }
        return b;
    }
    return NULL;
}

struct block *rv64_block_at(struct rv64_hart *h, gva pc)
{
    gpa       pa;
    const u8 *host;
    int       rc = rv64_fetch(h, pc, &pa, &host);
    if (rc)
        return rc < 0 ? NULL : rv64_block_one(h, pc, NULL);
    struct block *b = recall(h, pa, host);
    if (!b) {
        count_add(&h->n_block_misses, 1);
        b = make(h, pc, pa, host);
    }
    if (!b)
        return rv64_block_one(h, pc, NULL);
    h->jumps[(pc >> 1) % JUMPS] = (struct jump){.pc = pc, .block = b};
    h->jumps_used[h->mode]      = true;
    return b;
}

/* Fetches the one instruction at PC, which may lie on two pages. -1: trapped. */
static int fetch_word(struct rv64_hart *h, gva pc, gpa *pa, u32 *word)
{
    const u8 *host;
    gpa       pa2;
    int       rc = rv64_fetch(h, pc, pa, &host);
    if (rc < 0)
        return -1;
    u64 room = PAGE_SIZE - pc % PAGE_SIZE;
    *word    = word_from(host, rc ? 2 : room);
    if ((*word & 3) != 3 || (room >= 4 && !rc))
        return 0;
    if (rv64_fetch(h, pc + 2, &pa2, &host) < 0)
        return -1;
    *word |= (u32)host[0] << 16 | (u32)host[1] << 24;
    return 0;
}

struct block *rv64_block_one(struct rv64_hart *h, gva pc, u32 *word)
{
    gpa pa;
    u32 w;
    if (fetch_word(h, pc, &pa, &w))
        return NULL;
    if (word)
        *word = w;
    struct block *b = h->scratch;
    struct maker  m = {.h = h, .b = b, .pc = pc, .row = -1};
    *b              = (struct block){.pa = pa, .epoch = h->epoch - 1};
    if (is_break(h, pc) && h->skip_break != pc)
        add_next(&m, LABEL_BREAK);
    else if (!add_insn(&m, w, (w & 3) == 3 ? 4 : 2))
        add_next(&m, LABEL_STOP);
    u8 *raw = (u8 *)&b->ops[m.slots];
    memcpy(raw, &w, 4);
    b->raw = raw;
    return b;
}

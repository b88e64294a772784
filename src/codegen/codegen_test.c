/* codegen/codegen_test.c - random regions on the host and in the evaluator: same state after. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "codegen/ir.h"

enum { N_VARS = 20, PAGES = 8, MEM = PAGES * 4096, JUMP_BITS = 4 };

struct state {
    u64                 vars[N_VARS];
    struct code_context ctx;
    i64                 count;
    u64                 key;
    struct code_jump   *jumps;
    struct code_page   *pages; /* 256 for loads, 256 for stores */
    u64                 helped;
    u8                 *mem;
    bool                leave; /* access() and help() say: leave */
};

static u64 seed = 88172645463325252u;
static u64 rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}
static u32 below(u32 n)
{
    return (u32)(rnd() >> 20) % n;
}

static u64 corner(void)
{
    static const u64 corners[] = {0,          1,          ~0ull,      0x7fffffff,  0x80000000,
                                  0xffffffff, 1ull << 63, ~0ull >> 1, 0x12345678u, 63,
                                  64,         255,        0x8000,     -0x80000000l};
    return below(3) ? rnd() >> below(64) : corners[below(ARRAY_SIZE(corners))];
}

static unsigned width_of(u32 type)
{
    static const u8 w[IR_TYPES] = {1, 1, 2, 2, 4, 4, 8};
    return w[type];
}

static u64 extend(u32 t, u64 v)
{
    unsigned n = 8 * width_of(t);
    return t == IR_I8 || t == IR_I16 || t == IR_I32 ? (u64)sext(v, n) : bits(v, n - 1, 0);
}

static bool test_access(void *p, const struct code_site *s)
{
    struct state *st = p;
    u64           at = st->ctx.addr % (MEM - 8);
    if (st->leave)
        return false;
    if (s->store) {
        memcpy(st->mem + at, &st->ctx.data, width_of(s->what));
    } else {
        u64 v = 0;
        memcpy(&v, st->mem + at, width_of(s->what));
        st->ctx.data = extend(s->what, v);
    }
    return true;
}

/* An atomic access whose operands are variables: what says which. */
#define ATOMIC(op, type, rd) ((u32)(op) | (u32)(type) << 8 | (u32)(rd) << 16)
enum { ADDRESS, OPERAND, NEW, MAY_BE_RD }; /* variables: its operands; results go into others */

static bool test_help(void *p, const struct code_site *s)
{
    struct state *st = p;
    u32           op = s->what & 0xff, type = s->what >> 8 & 0xff;
    u64           at = st->vars[ADDRESS] % (MEM - 8), was = 0, b = extend(type, st->vars[OPERAND]);
    memcpy(&was, st->mem + at, width_of(type));
    was     = extend(type, was);
    u64 now = ir_meaning(op, was, b, st->vars[NEW]);
    memcpy(st->mem + at, &now, width_of(type));
    st->vars[s->what >> 16] = op == IR_ACAS ? was != b : was;
    st->helped++;
    return !st->leave;
}

static u64 eval_load(void *ctx, enum ir_type t, u64 addr)
{
    u64 v = 0;
    memcpy(&v, (u8 *)ctx + addr % (MEM - 8), width_of(t));
    return v;
}

static void eval_store(void *ctx, enum ir_type t, u64 addr, u64 v)
{
    memcpy((u8 *)ctx + addr % (MEM - 8), &v, width_of(t));
}

#define OFF(m) ((i32)offsetof(struct state, m))
static struct code_cache *make_cache(u64 bytes)
{
    struct code_frame f = {.n_vars          = N_VARS,
                           .context         = OFF(ctx),
                           .count           = OFF(count),
                           .key             = OFF(key),
                           .jumps           = OFF(jumps),
                           .jump_bits       = JUMP_BITS,
                           .window          = WINDOW_PAGED,
                           .window_base     = OFF(pages),
                           .load_table      = 0,
                           .store_table     = 256 * sizeof(struct code_page),
                           .page_bits       = 12,
                           .page_index_bits = 8,
                           .access          = test_access,
                           .help            = test_help};
    for (unsigned i = 0; i < N_VARS; i++)
        f.vars[i] =
            (struct code_var){(i32)(8 * i), i >= 3 && i < 3 + CODE_SEATS ? (i8)(i - 3) : -1, false};
    struct code_cache *k;
    assert_int_equal(code_cache_create(&k, &f, bytes, NULL), 0);
    return k;
}

static void map_pages(struct state *s)
{
    memset(s->pages, 0xff, 512 * sizeof(*s->pages));
    for (u64 p = 0; p < PAGES - 1; p++)
        for (unsigned w = 0; w < 2; w++)
            if (p % 3 != w) /* some are reached the slow way */
                s->pages[256 * w + p] = (struct code_page){p << 12, (u64)(uintptr_t)s->mem};
}

static u32 blocks_made;

/* An address within memory, as a value; often one that was used before. */
static ir_val address(struct code *c, ir_val v)
{
    static ir_val       last;
    static struct code *of;
    static u32          block;
    if (of == c && block == blocks_made && below(4))
        return last;
    of          = c;
    block       = blocks_made;
    return last = code_op(c, IR_AND, v, code_const(c, MEM / 2 - 1));
}

/* Mostly near each other. */
static i32 offset(void)
{
    return (i32)(below(4) ? 8 * below(64) : below(4096));
}

static ir_val pick(struct code *c, const ir_val *vals, u32 n)
{
    return below(4) ? vals[below(n)] : code_const(c, corner());
}

/* Its operands are in variables too, for help. */
static ir_val random_atomic(struct code *c, const ir_val *v, u32 n)
{
    enum ir_op   op   = IR_ALOAD + below(IR_ACAS - IR_ALOAD + 1);
    enum ir_type type = below(2) ? IR_I32 : IR_I64;
    u32          rd   = MAY_BE_RD + below(N_VARS - MAY_BE_RD);
    ir_val       addr = code_op(c, IR_AND, pick(c, v, n), code_const(c, MEM / 2 - 8));
    ir_val       b    = below(4) ? pick(c, v, n) : addr;
    ir_val new        = pick(c, v, n);
    code_set(c, ADDRESS, addr);
    code_set(c, OPERAND, b);
    code_set(c, NEW, new);
    ir_val got = code_calling(c, op, type, addr, b, new, ATOMIC(op, type, rd), rd);
    code_set(c, rd, got);
    return got;
}

static void random_block(struct code *c)
{
    blocks_made++;
    ir_val v[64];
    u32    n = 0, ops = 1 + below(24);
    v[n++] = code_get(c, below(N_VARS));
    for (u32 i = 0; i < ops && n < 60; i++) {
        enum ir_op op = IR_ADD + below(IR_SELECT - IR_ADD + 1);
        u32        r = below(16), had = n++;
        if (r < 4)
            v[had] = code_get(c, below(N_VARS));
        else if (r < 8)
            n = had, code_set(c, below(N_VARS), pick(c, v, had));
        else if (r == 8 || r == 10 || r == 12)
            v[had] = code_load(c, below(IR_F32), address(c, pick(c, v, had)), offset());
        else if (r == 9 || r == 11)
            n = had,
            code_store(c, below(IR_F32), address(c, pick(c, v, had)), offset(), pick(c, v, had));
        else if (r == 13 && below(2))
            v[had] = random_atomic(c, v, had);
        else if (op == IR_SELECT)
            v[had] = code_select(c, pick(c, v, had), pick(c, v, had), pick(c, v, had));
        else if (op == IR_NOT || op == IR_NEG || (op >= IR_SX8 && op <= IR_BSWAP))
            v[had] = code_op1(c, op, pick(c, v, had));
        else
            v[had] = code_op(c, op, pick(c, v, had), pick(c, v, had));
        if (below(3) == 0)
            code_set(c, below(N_VARS), v[n - 1]);
    }
}

static void random_region(struct code *c)
{
    ir_label labels[6];
    u32      blocks = 1 + below(6);
    code_begin(c);
    for (u32 i = 0; i < blocks; i++)
        labels[i] = code_label(c);
    code_poll(c, 1 + below(5), 77);
    code_jump(c, labels[0]);
    for (u32 i = 0; i < blocks; i++) {
        code_place(c, labels[i]);
        code_poll(c, 1 + below(5), 100 + i);
        random_block(c);
        ir_val v = code_get(c, below(N_VARS));
        switch (below(5)) {
        case 0:
            code_exit(c, below(3), rnd());
            break;
        case 1:
            code_exit_to(c, code_op(c, IR_AND, v, code_const(c, ~1ull)));
            break;
        case 2:
            code_jump(c, labels[below(blocks)]);
            break;
        default:
            code_branch(c, code_op(c, IR_EQ + below(6), v, pick(c, &v, 1)), labels[below(blocks)],
                        labels[below(blocks)]);
        }
    }
}

static void compare(struct code_cache *k, struct code *c, u32 round)
{
    static _Alignas(4096) u8 mem[2][MEM];
    static struct code_jump  jumps[1 << JUMP_BITS];
    static struct code_page  pages[512];
    u64                      vars[N_VARS];
    struct state             s = {.jumps = jumps, .pages = pages, .mem = mem[0], .count = 40};
    struct code_eval         e = {
                .vars = vars, .count = 40, .load = eval_load, .store = eval_store, .ctx = mem[1]};
    struct code_fn fn;
    memset(jumps, 0xff, sizeof(jumps));
    map_pages(&s);
    for (unsigned i = 0; i < N_VARS; i++)
        s.vars[i] = vars[i] = corner();
    for (u64 i = 0; i < MEM; i += 8) {
        u64 v = rnd();
        memcpy(mem[0] + i, &v, 8);
        memcpy(mem[1] + i, &v, 8);
    }
    u64 region = seed = rnd() | 1;
    code_optimise(c, false);
    random_region(c);
    code_evaluate(c, &e, 100000);
    seed = region;
    code_optimise(c, round % 4);
    random_region(c);
    if (code_finish(c, &fn) == -ENOSPC) {
        code_cache_flush(k);
        assert_int_equal(code_finish(c, &fn), 0);
    }
    const char *dump = getenv("DUMP");
    if (dump && round == strtoul(dump, NULL, 0)) {
        FILE *f = fopen("/tmp/dump.bin", "w");
        fwrite(fn.entry, 1, fn.bytes, f);
        fclose(f);
        code_dump(c);
    }
    u32 link = code_run(k, &s, fn.entry);
    for (unsigned i = 0; i < N_VARS; i++)
        if (s.vars[i] != vars[i])
            fail_msg("round %u: variable %u is %lx, not %lx", round, i, s.vars[i], vars[i]);
    if (memcmp(mem[0], mem[1], MEM))
        fail_msg("round %u: memory differs", round);
    if (s.count != e.count)
        fail_msg("round %u: count %ld not %ld", round, s.count, e.count);
    if (link == CODE_NO_LINK) {
        assert_int_equal(e.kind, CODE_TO);
        assert_int_equal(s.key, e.cookie);
    } else {
        assert_int_equal(code_link(k, link)->kind, e.kind);
        assert_int_equal(code_link(k, link)->cookie, e.cookie);
    }
}

static void test_random(void **unused)
{
    (void)unused;
    const char        *more = getenv("GUISE_TEST_ROUNDS");
    u32                n    = more ? (u32)strtoul(more, NULL, 0) : 20000;
    struct code_cache *k    = make_cache(1 << 20);
    struct code       *c    = code_create(k);
    for (u32 i = 0; i < n; i++)
        compare(k, c, i);
    code_destroy(c);
    code_cache_destroy(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

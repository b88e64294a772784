/* rv64/vector_test.c - what of the vector extension user mode does not show: its status, its
 * state in snapshots, other widths of registers. What instructions compute is tests/diff's. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"
#include "base/snapshot.h"
#include "memory/bus.h"
#include "memory/ram.h"
#include "rv64/rv64.h"
#include "vm/clock.h"

#define BASE 0x80000000ull
enum {
    TRAPS   = 0x100,
    DATA    = 0x800,
    VSTART  = 0x008,
    VCSR    = 0x00f,
    VL      = 0xc20,
    VTYPE   = 0xc21,
    VLENB   = 0xc22,
    MSTATUS = 0x300,
    MISA    = 0x301,
    MTVEC   = 0x305,
    MCAUSE  = 0x342
};
enum {
    VSETVLI_E64_M8 = 0x01b07557, /* vsetvli a0, zero, e64, m8, tu, mu */
    VSETVLI_E8_M1  = 0x00007557, /* vsetvli a0, zero, e8, m1, tu, mu */
    VID_V8         = 0x5208a457, /* vid.v v8 */
    VSE64_V8       = 0x0205f427, /* vse64.v v8, (a1) */
    CSRR_VLENB     = 0xc2202573  /* csrr a0, vlenb */
};

struct bed {
    struct loop  *loop;
    struct clock *clock;
    struct ram   *ram;
    struct bus   *bus;
    struct vcpu  *v;
};

static void build(struct bed *b, unsigned vlen)
{
    struct rv64_config config = {.vlen = vlen, .reset = BASE};
    assert_int_equal(loop_create(&b->loop, NULL), 0);
    assert_int_equal(clock_host_create(&b->clock, b->loop, 0, NULL), 0);
    assert_int_equal(ram_create(&b->ram, NULL), 0);
    assert_int_equal(ram_add(b->ram, BASE, 0x1000, 0, NULL), 0);
    assert_int_equal(bus_create(&b->bus, NULL), 0);
    assert_int_equal(rv64_create(&b->v, &config, b->ram, b->bus, b->clock, NULL), 0);
}

static void tear_down(struct bed *b)
{
    b->v->ops->destroy(b->v);
    bus_destroy(b->bus);
    ram_destroy(b->ram);
    clock_destroy(b->clock);
    loop_destroy(b->loop);
}

static u64 get(struct bed *b, unsigned reg)
{
    u64 v = 0;
    assert_int_equal(b->v->ops->get(b->v, reg, &v), 0);
    return v;
}

static u64 csr(struct bed *b, unsigned number)
{
    return get(b, RV64_REG_CSR0 + number);
}

static void set_csr(struct bed *b, unsigned number, u64 v)
{
    assert_int_equal(b->v->ops->set(b->v, RV64_REG_CSR0 + number, v), 0);
}

/* Runs one instruction. Returns whether it was none. */
static bool is_illegal(struct bed *b, u32 word)
{
    struct vcpu_exit e;
    ram_write(b->ram, BASE, &word, 4);
    b->v->ops->forget(b->v, BASE, 4);
    set_csr(b, MTVEC, BASE + TRAPS);
    set_csr(b, MCAUSE, 0);
    *rv64_pc(b->v) = BASE;
    b->v->ops->run(b->v, 1, &e);
    if (*rv64_pc(b->v) == BASE + 4)
        return false;
    assert_int_equal(csr(b, MCAUSE), 2);
    return true;
}

static u64 vs(struct bed *b)
{
    return csr(b, MSTATUS) >> 9 & 3;
}

static void test_status(void **unused)
{
    static const u32 words[] = {VSETVLI_E8_M1, VID_V8, VSE64_V8, CSRR_VLENB};
    struct bed       b;
    (void)unused;
    build(&b, 128);
    assert_true(csr(&b, MISA) >> ('V' - 'A') & 1);
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        assert_true(is_illegal(&b, words[i]));
    set_csr(&b, MSTATUS, 1 << 9);
    assert_true(is_illegal(&b, VID_V8)); /* vtype is illegal until it is set */
    assert_int_equal(vs(&b), 1);
    assert_false(is_illegal(&b, CSRR_VLENB));
    assert_int_equal(get(&b, 10), 16);
    assert_int_equal(vs(&b), 1);
    assert_false(is_illegal(&b, VSETVLI_E8_M1));
    assert_int_equal(vs(&b), 3);
    assert_true(csr(&b, MSTATUS) >> 63);
    set_csr(&b, MSTATUS, 2 << 9);
    assert_false(csr(&b, MSTATUS) >> 63);
    assert_false(is_illegal(&b, VID_V8));
    assert_int_equal(vs(&b), 3);
    tear_down(&b);
}

static void test_none(void **unused)
{
    struct bed b;
    (void)unused;
    build(&b, 0);
    assert_false(csr(&b, MISA) >> ('V' - 'A') & 1);
    set_csr(&b, MSTATUS, 3 << 9);
    assert_int_equal(vs(&b), 0);
    assert_true(is_illegal(&b, VSETVLI_E8_M1));
    assert_true(is_illegal(&b, CSRR_VLENB));
    tear_down(&b);
}

/* Eight registers of VLEN bits. */
static void check_width(unsigned vlen)
{
    struct bed b;
    u64        n = vlen / 8, out;
    build(&b, vlen);
    set_csr(&b, MSTATUS, 1 << 9);
    assert_false(is_illegal(&b, VSETVLI_E64_M8));
    assert_int_equal(get(&b, 10), n);
    assert_int_equal(csr(&b, VL), n);
    assert_int_equal(csr(&b, VTYPE), 0x1b);
    assert_int_equal(csr(&b, VLENB), vlen / 8);
    assert_false(is_illegal(&b, VID_V8));
    rv64_x(b.v)[11] = BASE + DATA;
    assert_false(is_illegal(&b, VSE64_V8));
    for (u64 i = 0; i < n; i++) {
        ram_read(b.ram, BASE + DATA + 8 * i, &out, 8);
        assert_int_equal(out, i);
    }
    ram_read(b.ram, BASE + DATA + 8 * n, &out, 8);
    assert_int_equal(out, 0);
    tear_down(&b);
}

static void test_widths(void **unused)
{
    (void)unused;
    check_width(128);
    check_width(256);
}

/* A store that cannot go on says where it stopped, and goes on there. */
static void test_vstart(void **unused)
{
    struct bed b;
    u64        out;
    (void)unused;
    build(&b, 128);
    set_csr(&b, MSTATUS, 1 << 9);
    is_illegal(&b, VSETVLI_E64_M8);
    is_illegal(&b, VID_V8);
    rv64_x(b.v)[11] = BASE + 0x1000 - 40;
    set_csr(&b, MTVEC, BASE + TRAPS);
    struct vcpu_exit e;
    u32              word = VSE64_V8;
    ram_write(b.ram, BASE, &word, 4);
    b.v->ops->forget(b.v, BASE, 4);
    *rv64_pc(b.v) = BASE;
    b.v->ops->run(b.v, 1, &e);
    assert_int_equal(csr(&b, MCAUSE), 7);
    assert_int_equal(csr(&b, VSTART), 5);
    ram_read(b.ram, BASE + 0x1000 - 8, &out, 8);
    assert_int_equal(out, 4);
    rv64_x(b.v)[11] = BASE + DATA;
    assert_false(is_illegal(&b, VSE64_V8));
    assert_int_equal(csr(&b, VSTART), 0);
    ram_read(b.ram, BASE + DATA + 32, &out, 8);
    assert_int_equal(out, 0);
    ram_read(b.ram, BASE + DATA + 40, &out, 8);
    assert_int_equal(out, 5);
    tear_down(&b);
}

static int restore(unsigned vlen, const char *path, struct rv64_vectors *out)
{
    struct bed   b;
    struct snap *snap;
    struct err   err;
    build(&b, vlen);
    assert_int_equal(snap_open(&snap, path, NULL), 0);
    int rc = rv64_load(b.v, snap, &err);
    rv64_get_vectors(b.v, out);
    snap_close(snap);
    tear_down(&b);
    return rc;
}

static void test_snapshot(void **unused)
{
    struct bed          b;
    struct snap        *snap;
    struct rv64_vectors was, now;
    char                path[64];
    (void)unused;
    snprintf(path, sizeof(path), "/tmp/vector_test.%d", (int)getpid());
    build(&b, 128);
    set_csr(&b, MSTATUS, 1 << 9);
    is_illegal(&b, VSETVLI_E64_M8);
    is_illegal(&b, VID_V8);
    set_csr(&b, VCSR, 5);
    set_csr(&b, VSTART, 3);
    rv64_get_vectors(b.v, &was);
    assert_int_equal(was.vl, 16);
    assert_int_equal(was.vcsr, 5);
    assert_int_equal(snap_create(&snap, path, NULL), 0);
    rv64_save(b.v, snap);
    assert_int_equal(snap_commit(snap, NULL), 0);
    snap_close(snap);
    tear_down(&b);
    assert_int_equal(restore(128, path, &now), 0);
    assert_memory_equal(&was, &now, sizeof(was));
    assert_true(restore(256, path, &now) < 0);
    assert_true(restore(0, path, &now) < 0);
    unlink(path);
}

static void test_text(void **unused)
{
    static const struct {
        u32         word;
        const char *text;
    } cases[] = {
        {VSETVLI_E64_M8, "vsetvli a0,zero,e64,m8,tu,mu"},
        {VID_V8, "vid.v v8"},
        {VSE64_V8, "vse64.v v8,(a1)"},
        {0x44056407, "vluxseg3ei32.v v8,(a0),v0,v0.t"},
        {0x6a055407, "vlsseg4e16.v v8,(a0),zero"},
        {0x22855407, "vl2re16.v v8,(a0)"},
        {0x5c85b457, "vmerge.vim v8,v8,11,v0"},
        {0xb2855457, "vfmacc.vf v8,fa0,v8"},
        {0x56f0b457, "vror.vi v8,v15,33"},
        {0x0287b457, "vadd.vi v8,v8,15"},
        {0x028fb457, "vadd.vi v8,v8,-1"},
    };
    char text[64], tight[8];
    (void)unused;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(rv64_disassemble(cases[i].word, BASE, text, sizeof(text)), 4);
        assert_string_equal(text, cases[i].text);
        rv64_disassemble(cases[i].word, BASE, tight, sizeof(tight));
        assert_true(strlen(tight) < sizeof(tight));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),   cmocka_unit_test(test_none),
        cmocka_unit_test(test_widths),   cmocka_unit_test(test_vstart),
        cmocka_unit_test(test_snapshot), cmocka_unit_test(test_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

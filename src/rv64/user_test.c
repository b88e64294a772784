/* rv64/user_test.c - a hart that runs a single program, by both engines: calls, faults. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/loop.h"
#include "rv64/rv64.h"
#include "vm/clock.h"

enum { LIMIT = 1 << 20, CODE = 0x1000, DATA = 0x2000, HOLE = 0x3000, RAW = 0x4000 };
#define GUARD GiB(4)

static struct vcpu *running;

/* HOLE is not mapped and may() says so; RAW is not either, but may() says it is: as when it
 * went away while the program ran. */
static bool may(void *ctx, gva addr, unsigned access)
{
    (void)ctx;
    gva page = addr & ~0xfffull;
    return page == CODE || (page == DATA && access != 2) || page == RAW;
}

static void on_segv(int sig, siginfo_t *info, void *uc)
{
    (void)sig;
    if (!rv64_user_fault(running, uc, info->si_addr))
        _exit(99);
}

struct bed {
    struct rv64_user user;
    struct loop     *loop;
    struct clock    *clock;
    struct vcpu     *v;
};

static void build(struct bed *b, bool jit, const u32 *code, unsigned n)
{
    struct sigaction sa = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO | SA_NODEFER};
    u8 *area = mmap(NULL, LIMIT + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    assert_ptr_not_equal(area, MAP_FAILED);
    sigaction(SIGSEGV, &sa, NULL);
    b->user = (struct rv64_user){area + GUARD, LIMIT, may, NULL};
    mprotect(b->user.base + CODE, 0x2000, PROT_READ | PROT_WRITE);
    memcpy(b->user.base + CODE, code, n * 4);
    assert_int_equal(loop_create(&b->loop, NULL), 0);
    assert_int_equal(clock_host_create(&b->clock, b->loop, 0, NULL), 0);
    struct rv64_config config = {.jit = jit, .user = &b->user, .vlen = 128, .reset = CODE};
    assert_int_equal(rv64_create(&b->v, &config, NULL, NULL, b->clock, NULL), 0);
    running = b->v;
}

static void tear_down(struct bed *b)
{
    b->v->ops->destroy(b->v);
    clock_destroy(b->clock);
    loop_destroy(b->loop);
    munmap(b->user.base - GUARD, LIMIT + 2 * GUARD);
}

static void test_program(bool jit)
{
    static const u32 code[] = {
        0x00500513, /* 1000 li a0, 5 */
        0x00000073, /* 1004 ecall */
        0x00150513, /* 1008 addi a0, a0, 1 */
        0x00063583, /* 100c ld a1, 0(a2) */
        0x00b6b023, /* 1010 sd a1, 0(a3) */
        0x00100073, /* 1014 ebreak */
        0x0000000b, /* 1018 nothing */
    };
    static const u64 bad[] = {HOLE, RAW, LIMIT, LIMIT - 4, ~0ull, 1ull << 40};
    struct bed       b;
    struct vcpu_exit e;
    build(&b, jit, code, ARRAY_SIZE(code));
    u64 *x = rv64_x(b.v);
    b.v->ops->run(b.v, 0, &e);
    assert_int_equal(e.why, VCPU_SYSCALL);
    assert_int_equal(e.pc, CODE + 4);
    assert_int_equal(x[10], 5);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        *rv64_pc(b.v) = CODE + 8;
        x[12]         = bad[i];
        b.v->ops->run(b.v, 0, &e);
        assert_int_equal(e.why, VCPU_FAULT);
        assert_int_equal(e.pc, CODE + 12);
        assert_int_equal(e.arg, 13);
        assert_int_equal(e.addr, bad[i]);
        assert_int_equal(x[10], 6 + i);
    }
    *rv64_pc(b.v) = CODE + 12;
    x[12]         = CODE;
    x[13]         = RAW;
    b.v->ops->run(b.v, 0, &e);
    assert_int_equal(e.why, VCPU_FAULT);
    assert_int_equal(e.pc, CODE + 16);
    assert_int_equal(e.arg, 15);
    assert_int_equal(e.addr, RAW);
    assert_int_equal(x[11], (u64)code[1] << 32 | code[0]);
    x[13] = DATA;
    b.v->ops->run(b.v, 0, &e);
    assert_int_equal(e.why, VCPU_FAULT);
    assert_int_equal(e.arg, 3);
    *rv64_pc(b.v) = CODE + 0x18;
    b.v->ops->run(b.v, 0, &e);
    assert_int_equal(e.arg, 2);
    *rv64_pc(b.v) = HOLE;
    b.v->ops->run(b.v, 0, &e);
    assert_int_equal(e.arg, 12);
    assert_int_equal(e.addr, HOLE);
    tear_down(&b);
}

static void test_interp(void **unused)
{
    (void)unused;
    test_program(false);
}

static void test_jit(void **unused)
{
    (void)unused;
    test_program(true);
}

/* Singles that are not boxed are NaNs, whatever a region took for granted. */
static void test_boxes(void **unused)
{
    static const u32 code[] = {
        0x0020f0d3, /* 1000 fadd.s f1, f1, f2 */
        0xfff50513, /* 1004 addi a0, a0, -1 */
        0xfe051ce3, /* 1008 bnez a0, 1000 */
        0x00000073, /* 100c ecall */
    };
    static const struct {
        u64 f1, f2, result;
    } cases[] = {
        {0xffffffff3f800000u, 0xffffffff40000000u, 0xffffffff40e00000u}, /* 1 + 3 * 2 */
        {0xffffffff3f800000u, 0x4000000040000000u, 0xffffffff7fc00000u},
        {0x3f8000003f800000u, 0xffffffff40000000u, 0xffffffff7fc00000u},
        {0xffffffff40000000u, 0xffffffff3f800000u, 0xffffffff40a00000u},
        {0x7ffffffe3f800000u, 0x0u, 0xffffffff7fc00000u},
    };
    (void)unused;
    for (unsigned jit = 0; jit < 2; jit++) {
        struct bed       b;
        struct vcpu_exit e;
        build(&b, jit, code, ARRAY_SIZE(code));
        for (unsigned i = 0; i < 3 * ARRAY_SIZE(cases); i++) {
            unsigned k      = i % ARRAY_SIZE(cases);
            rv64_f(b.v)[1]  = cases[k].f1;
            rv64_f(b.v)[2]  = cases[k].f2;
            rv64_x(b.v)[10] = 3;
            *rv64_pc(b.v)   = CODE;
            b.v->ops->run(b.v, 0, &e);
            assert_int_equal(e.why, VCPU_SYSCALL);
            assert_int_equal(rv64_f(b.v)[1], cases[k].result);
        }
        tear_down(&b);
    }
}

/* A vector access that cannot be made leaves everything as it was before it. */
static void test_vectors(void **unused)
{
    static const u32 code[] = {
        0xc0027057, /* 1000 vsetivli zero, 4, e8, m1, tu, mu */
        0x00150513, /* 1004 addi a0, a0, 1 */
        0x02060407, /* 1008 vle8.v v8, (a2) */
        0x02068427, /* 100c vse8.v v8, (a3) */
        0x00000073, /* 1010 ecall */
    };
    (void)unused;
    for (unsigned jit = 0; jit < 2; jit++) {
        struct bed          b;
        struct vcpu_exit    e;
        struct rv64_vectors v;
        build(&b, jit, code, ARRAY_SIZE(code));
        u64 *x = rv64_x(b.v);
        for (unsigned i = 0; i < 2; i++) {
            x[12]         = i ? RAW : HOLE;
            x[10]         = 5;
            *rv64_pc(b.v) = CODE;
            b.v->ops->run(b.v, 0, &e);
            assert_int_equal(e.why, VCPU_FAULT);
            assert_int_equal(e.pc, CODE + 8);
            assert_int_equal(e.addr, x[12]);
            assert_int_equal(x[10], 6);
        }
        x[12]         = CODE;
        x[13]         = HOLE - 2;
        *rv64_pc(b.v) = CODE + 4;
        b.v->ops->run(b.v, 0, &e);
        assert_int_equal(e.arg, 15);
        assert_int_equal(e.addr, HOLE);
        assert_int_equal(x[10], 7);
        rv64_get_vectors(b.v, &v);
        assert_int_equal(v.vstart, 2);
        x[13] = DATA;
        b.v->ops->run(b.v, 0, &e);
        assert_int_equal(e.why, VCPU_SYSCALL);
        assert_memory_equal(b.user.base + DATA + 2, (u8 *)code + 2, 2);
        tear_down(&b);
    }
}

/* What a vector instruction puts into a register that held singles. */
static void test_vector_boxes(void **unused)
{
    static const u32 code[] = {
        0x0020f0d3, /* 1000 fadd.s f1, f1, f2 */
        0x42101157, /* 1004 vfmv.f.s f2, v1 */
        0xfff50513, /* 1008 addi a0, a0, -1 */
        0xfe051ae3, /* 100c bnez a0, 1000 */
        0x00000073, /* 1010 ecall */
    };
    struct rv64_vectors v   = {.vl = 1, .vtype = 3 << 3};
    u64                 two = 0x4000000040000000u;
    (void)unused;
    memcpy(v.v + 16, &two, 8);
    for (unsigned jit = 0; jit < 2; jit++) {
        struct bed       b;
        struct vcpu_exit e;
        build(&b, jit, code, ARRAY_SIZE(code));
        rv64_set_vectors(b.v, &v);
        rv64_f(b.v)[1]  = 0xffffffff3f800000u;
        rv64_f(b.v)[2]  = 0xffffffff40000000u;
        rv64_x(b.v)[10] = 3;
        b.v->ops->run(b.v, 0, &e);
        assert_int_equal(e.why, VCPU_SYSCALL);
        assert_int_equal(rv64_f(b.v)[2], two);
        assert_int_equal(rv64_f(b.v)[1], 0xffffffff7fc00000u);
        tear_down(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_interp), cmocka_unit_test(test_jit),
                                       cmocka_unit_test(test_boxes), cmocka_unit_test(test_vectors),
                                       cmocka_unit_test(test_vector_boxes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

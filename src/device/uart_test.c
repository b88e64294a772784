/* device/uart_test.c - the serial port's receiver: order, errors, who listens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/loop.h"
#include "device/uart.h"

enum { RBR, IER, IIR_FCR, LSR = 5 };
enum { DATA = 1, BREAK = 0x10, EMPTY = 0x60, FIFO_ERROR = 0x80 };

static char            folder[64];
static struct loop    *loop;
static struct console *con;
static struct device  *uart;
static bool            wire;

static void set_wire(void *ctx, unsigned line, bool level)
{
    (void)line;
    *(bool *)ctx = level;
}

static u8 get(u64 reg)
{
    return (u8)uart->ops->read(uart, reg, 1);
}

static void put(u64 reg, u8 val)
{
    uart->ops->write(uart, reg, 1, val);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/guise-uart.XXXXXX");
    return !mkdtemp(folder) || loop_create(&loop, NULL) ||
           console_create(&con, loop, folder, NULL) ||
           uart_create(&uart, con, &(struct irq){set_wire, &wire, 1}, true, NULL);
}

static int teardown(void **state)
{
    (void)state;
    uart->ops->destroy(uart);
    console_destroy(con);
    loop_destroy(loop);
    cleanup_free char *command = xasprintf("rm -rf '%s'", folder);
    return system(command);
}

static void test_break(void **state)
{
    (void)state;
    put(IIR_FCR, 1);
    assert_int_equal(uart_break(uart, 's'), -ENOTCONN);
    assert_int_equal(get(LSR), EMPTY);
    put(IER, 5);
    assert_int_equal(console_input(con, "a", 1), 1);
    assert_int_equal(uart_break(uart, 's'), 0);
    assert_true(wire);
    assert_int_equal(get(LSR), EMPTY | DATA | FIFO_ERROR); /* "a" itself is sound */
    assert_int_equal(get(IIR_FCR) & 15, 4);
    assert_int_equal(get(RBR), 'a');
    assert_int_equal(get(IIR_FCR) & 15, 6);
    assert_int_equal(get(LSR), EMPTY | DATA | BREAK | FIFO_ERROR);
    assert_int_equal(get(LSR), EMPTY | DATA); /* told once */
    assert_int_equal(get(RBR), 0);
    assert_int_equal(get(LSR), EMPTY | DATA);
    assert_int_equal(get(RBR), 's');
    assert_int_equal(get(LSR), EMPTY);
    assert_false(wire);
}

/* Not while Linux prints, not into a full FIFO; never out of its place. */
static void test_break_waits(void **state)
{
    (void)state;
    put(IIR_FCR, 1);
    put(IER, 5);
    put(IER, 0);
    assert_int_equal(uart_break(uart, 'u'), -EAGAIN);
    put(IER, 5);
    assert_int_equal(console_input(con, "0123456789abcde", 15), 15);
    assert_int_equal(uart_break(uart, 'u'), -EAGAIN);
    assert_int_equal(get(RBR), '0');
    assert_int_equal(uart_break(uart, 'u'), 0);
    for (const char *c = "123456789abcde"; *c; c++) {
        assert_int_equal(get(LSR) & BREAK, 0);
        assert_int_equal(get(RBR), *c);
    }
    assert_int_equal(get(LSR) & BREAK, BREAK);
    assert_int_equal(get(RBR), 0);
    assert_int_equal(get(RBR), 'u');
}

static void test_reset_and_clear(void **state)
{
    (void)state;
    put(IIR_FCR, 1);
    put(IER, 5);
    assert_int_equal(uart_break(uart, 'o'), 0);
    put(IIR_FCR, 3);
    assert_int_equal(get(LSR), EMPTY);
    assert_int_equal(console_input(con, "xy", 2), 2);
    assert_int_equal(get(LSR), EMPTY | DATA);
    uart->ops->reset(uart);
    assert_int_equal(get(LSR), EMPTY);
    assert_int_equal(uart_break(uart, 'o'), -ENOTCONN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_break, setup, teardown),
        cmocka_unit_test_setup_teardown(test_break_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reset_and_clear, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

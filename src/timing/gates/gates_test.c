/* timing/gates/gates_test.c - set-up and hold, latches, buses, delays of each kind, bad netlists.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "timing/gates/gates.h"

#define NETLIST "/tmp/guise-gates-test.json"
#define DELAYS  "/tmp/guise-gates-test.delays"
/* Inputs a, b, c, d are nets 2 to 5, the output y is 9. */
#define PORT(name, way, net) "\"" name "\":{\"direction\":\"" way "\",\"bits\":[" net "]}"
#define PORTS                                                                                      \
    "\"ports\":{" PORT("a", "input", "2") "," PORT("b", "input", "3") "," PORT(                    \
        "c", "input", "4") "," PORT("d", "input", "5") "," PORT("y", "output", "9") "}"
#define NO_NAMES               "\"netnames\":{}"
#define MODULE(c)              "{\"modules\":{\"m\":{" PORTS ",\"cells\":{" c "}," NO_NAMES "}}}"
#define CELL(name, type, pins) "\"" name "\":{\"type\":\"" type "\",\"connections\":{" pins "}}"
#define PIN(name, net)         "\"" name "\":[" net "]"

enum { NET_A = 0, NET_B, NET_C, NET_D };

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static struct gates *make(const char *netlist, const char *delays)
{
    struct err    err = {0};
    struct gates *g   = NULL;
    put(NETLIST, netlist);
    put(DELAYS, delays);
    if (gates_read(&g, NETLIST, &err) || gates_delays(g, DELAYS, &err))
        fail_msg("%s", err.text);
    return g;
}

static void set(struct gates *g, u64 time, unsigned input, enum logic value)
{
    gates_set(g, time, gates_port(g, input)->nets[0], value);
    gates_run(g, time);
}

static enum logic y(struct gates *g, u64 time)
{
    gates_run(g, time);
    return gates_value(g, gates_find(g, "y")->nets[0]);
}

static void inertia(void **state)
{
    struct gates *g =
        make(MODULE(CELL("x", "$_AND_", PIN("A", "2") "," PIN("B", "3") "," PIN("Y", "9"))),
             "# a comment\n* 100 100\n$_AND_ 20 30\n");
    (void)state;
    set(g, 0, NET_A, LOGIC_0);
    assert_int_equal(y(g, 29), LOGIC_X);
    assert_int_equal(y(g, 30), LOGIC_0); /* 0 and unknown is 0 */
    set(g, 100, NET_B, LOGIC_1);
    set(g, 200, NET_A, LOGIC_1);
    set(g, 219, NET_A, LOGIC_0); /* shorter than the delay */
    assert_int_equal(y(g, 300), LOGIC_0);
    set(g, 300, NET_A, LOGIC_1);
    set(g, 320, NET_A, LOGIC_0);
    assert_int_equal(y(g, 320), LOGIC_1);
    assert_int_equal(y(g, 350), LOGIC_0);
    set(g, 100000, NET_A, LOGIC_Z);
    assert_int_equal(y(g, 100020), LOGIC_X);
    gates_destroy(g);
}

#define FLIP_FLOP(type, more)                                                                      \
    MODULE(CELL("f", type, PIN("C", "2") "," PIN("D", "3") "," PIN("Q", "9") more))

static void set_up_and_hold(void **state)
{
    struct gates       *g = make(FLIP_FLOP("$_DFF_P_", ""), "$_DFF_P_ 10 10 50 40\n");
    struct gates_counts c;
    (void)state;
    set(g, 0, NET_A, LOGIC_0);
    set(g, 0, NET_B, LOGIC_1);
    set(g, 1000, NET_A, LOGIC_1);
    assert_int_equal(y(g, 1010), LOGIC_1);
    set(g, 1500, NET_A, LOGIC_0);
    set(g, 1951, NET_B, LOGIC_0); /* 49 before the edge */
    set(g, 2000, NET_A, LOGIC_1);
    assert_int_equal(y(g, 2500), LOGIC_X);
    set(g, 2600, NET_A, LOGIC_0);
    set(g, 3000, NET_A, LOGIC_1);
    assert_int_equal(y(g, 3030), LOGIC_0);
    set(g, 3039, NET_B, LOGIC_1); /* 39 after it */
    assert_int_equal(y(g, 3500), LOGIC_X);
    set(g, 3600, NET_A, LOGIC_0);
    set(g, 4000, NET_A, LOGIC_1);
    set(g, 4040, NET_B, LOGIC_0);
    assert_int_equal(y(g, 4500), LOGIC_1);
    gates_counts(g, &c);
    assert_int_equal(c.violations, 2);
    gates_destroy(g);
}

static void latches_and_resets(void **state)
{
    struct gates *g = make(
        MODULE(CELL("l", "$_DLATCH_P_", PIN("E", "2") "," PIN("D", "3") "," PIN("Q", "9"))), "");
    (void)state;
    set(g, 0, NET_A, LOGIC_1);
    set(g, 0, NET_B, LOGIC_1);
    assert_int_equal(y(g, 1), LOGIC_1);
    set(g, 10, NET_A, LOGIC_0);
    set(g, 20, NET_B, LOGIC_0);
    assert_int_equal(y(g, 100), LOGIC_1); /* kept */
    set(g, 200, NET_A, LOGIC_X);
    assert_int_equal(y(g, 300), LOGIC_X);
    gates_destroy(g);
    g = make(FLIP_FLOP("$_DFF_PN1_", "," PIN("R", "4")), "");
    set(g, 0, NET_C, LOGIC_0);
    assert_int_equal(y(g, 1), LOGIC_1); /* reset without a clock */
    set(g, 5, NET_B, LOGIC_0);
    set(g, 10, NET_A, LOGIC_0);
    set(g, 20, NET_A, LOGIC_1);
    assert_int_equal(y(g, 30), LOGIC_1); /* it stands above the clock */
    set(g, 40, NET_C, LOGIC_1);
    set(g, 50, NET_A, LOGIC_0);
    set(g, 60, NET_A, LOGIC_1);
    assert_int_equal(y(g, 70), LOGIC_0);
    gates_destroy(g);
}

static void buses(void **state)
{
    struct gates *g = make(
        MODULE(CELL("s", "$_TBUF_", PIN("A", "2") "," PIN("E", "3") "," PIN("Y", "9")) "," CELL(
            "t", "$_TBUF_", PIN("A", "4") "," PIN("E", "5") "," PIN("Y", "9"))),
        "");
    (void)state;
    set(g, 0, NET_A, LOGIC_1);
    set(g, 0, NET_C, LOGIC_0);
    set(g, 0, NET_B, LOGIC_0);
    set(g, 0, NET_D, LOGIC_0);
    assert_int_equal(y(g, 5), LOGIC_Z);
    set(g, 10, NET_B, LOGIC_1);
    assert_int_equal(y(g, 15), LOGIC_1);
    set(g, 20, NET_D, LOGIC_1);
    assert_int_equal(y(g, 25), LOGIC_X); /* they fight */
    set(g, 30, NET_B, LOGIC_0);
    assert_int_equal(y(g, 35), LOGIC_0);
    gates_destroy(g);
}

/* A ring of gates without delay never ends, but the run does. */
static void rings(void **state)
{
    struct gates *g =
        make(MODULE(CELL("r", "$_NAND_", PIN("A", "2") "," PIN("B", "9") "," PIN("Y", "9"))),
             "$_NAND_ 7 7\n");
    struct gates_counts c;
    (void)state;
    set(g, 0, NET_A, LOGIC_0);
    assert_int_equal(y(g, 10), LOGIC_1);
    set(g, 10, NET_A, LOGIC_1);
    gates_run(g, 10 + 700);
    gates_counts(g, &c);
    assert_in_range(c.events, 95, 105);
    gates_destroy(g);
    g = make(MODULE(CELL("r", "$_NAND_", PIN("A", "2") "," PIN("B", "9") "," PIN("Y", "9"))),
             "* 0 0\n");
    set(g, 0, NET_A, LOGIC_0);
    set(g, 10, NET_A, LOGIC_1);
    gates_run(g, 20);
    gates_destroy(g);
}

static void refuse(const char *netlist, const char *says)
{
    struct err    err = {0};
    struct gates *g;
    put(NETLIST, netlist);
    assert_true(gates_read(&g, NETLIST, &err) < 0);
    if (!strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
}

static void refusals(void **state)
{
    struct err    err = {0};
    struct gates *g;
    (void)state;
    assert_true(gates_read(&g, "/nonexistent/x", &err) == -ENOENT);
    refuse("{", NETLIST);
    refuse("{}", "no module");
    refuse("{\"modules\":{\"a\":{},\"b\":{}}}", "no module is the top");
    refuse(MODULE(CELL("x", "$_FOO_", PIN("A", "2"))), "'$_FOO_'");
    refuse(MODULE(CELL("x", "$_AND_", PIN("A", "2") "," PIN("W", "3"))), "no pin 'W'");
    refuse(MODULE(CELL("x", "$_AND_", PIN("A", "2"))), "drives nothing");
    refuse(MODULE(CELL("x", "$_AND_", PIN("A", "-1") "," PIN("Y", "9"))), "number");
    refuse(MODULE(CELL("x", "$_AND_", PIN("A", "\"q\"") "," PIN("Y", "9"))), "0, 1, x, z");
    g = make(MODULE(CELL("x", "$_NOT_", PIN("A", "2") "," PIN("Y", "9"))), "");
    put(DELAYS, "$_NOT_ fast\n");
    assert_int_equal(gates_delays(g, DELAYS, &err), -EINVAL);
    assert_non_null(strstr(err.text, ":1:"));
    gates_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inertia),
        cmocka_unit_test(set_up_and_hold),
        cmocka_unit_test(latches_and_resets),
        cmocka_unit_test(buses),
        cmocka_unit_test(rings),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

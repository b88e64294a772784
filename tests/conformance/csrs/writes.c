/* tests/conformance/csrs/writes.c - writes random values to the CSRs of M and S mode, in all three
 * ways, and prints what they read afterwards: "NAME WAY VALUE READ" a line. test_csrs.py compares
 * what two machines say. The machine itself stays usable: what would lock it, or start an
 * interrupt, is left out of the values. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

enum { ROUNDS = 24 };

static u64 seed = 0x9e3779b97f4a7c15;

static u64 rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1d;
}

/* One that is often near the corners. */
static u64 value(void)
{
    switch (rnd() >> 61) {
    case 0:
        return ~0ul;
    case 1:
        return 1ul << (rnd() >> 58);
    case 2:
        return ~(1ul << (rnd() >> 58));
    case 3:
        return rnd() & rnd() & rnd();
    case 4:
        return rnd() >> 48;
    default:
        return rnd();
    }
}

static void say(const char *name, const char *way, u64 v, u64 got)
{
    print(name);
    print(way);
    print_hex(v);
    print(" ");
    print_hex(got);
    print("\n");
}

/* ALLOWED: bits of values that may be written. Then the CSR gets back what it had. */
#define TRY_CSR(name, number, allowed)                                                             \
    do {                                                                                           \
        u64 was_ = csr_read(number);                                                               \
        say(name, " reset ", 0, was_);                                                             \
        for (int i_ = 0; i_ < ROUNDS; i_++) {                                                      \
            u64 v_ = value() & (allowed);                                                          \
            csr_write(number, v_);                                                                 \
            say(name, " write ", v_, csr_read(number));                                            \
            v_ = value() & (allowed);                                                              \
            csr_set(number, v_);                                                                   \
            say(name, " set ", v_, csr_read(number));                                              \
            v_ = value() & (allowed);                                                              \
            csr_clear(number, v_);                                                                 \
            say(name, " clear ", v_, csr_read(number));                                            \
        }                                                                                          \
        csr_write(number, was_);                                                                   \
    } while (0);

void test_main(void)
{
    u64 vector = csr_read(mtvec);
    csr_write(mie, 0);
    MTIMECMP(0) = ~0ul; /* no timer pending */
#define CSR(name, number, allowed) TRY_CSR(#name, number, allowed)
#include "list.def"
#undef CSR
    csr_write(mtvec, vector);
    finish();
}

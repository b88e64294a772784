/* tests/conformance/rv64/bare.h - a small world without an operating system: what the tests of
 * privileged behaviour are written with. Board: virt, of guise and of QEMU alike. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BARE_H
#define BARE_H

typedef unsigned long u64;
typedef unsigned int  u32;

enum { U = 0, S = 1, M = 3 };

struct trap {
    u64 cause, pc, value, count;
    u64 scratch;
    u64 mstatus; /* as the trap left it; M mode only */
};
extern volatile struct trap m_trap, s_trap; /* the last one, and how many there were */

void call_in(u64 mode, void (*function)(void));
void s_entry(void);
void test_main(void);
void second_main(u64 hart); /* of the harts but the first */

void print(const char *);
void print_hex(u64);
void check_that(int good, const char *what, u64 got);
void finish(void) __attribute__((noreturn)); /* PASS or FAIL, and the machine ends */

/* On an interrupt in M mode: this is called. */
extern void (*volatile on_interrupt)(u64 cause);

#define CHECK(x) check_that(!!(x), #x, 0)
#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        u64 got_ = (u64)(a);                                                                       \
        check_that(got_ == (u64)(b), #a " == " #b, got_);                                          \
    } while (0)

#define csr_read(name)                                                                             \
    ({                                                                                             \
        u64 v_;                                                                                    \
        __asm__ volatile("csrr %0, " #name : "=r"(v_)::"memory");                                  \
        v_;                                                                                        \
    })
#define csr_write(name, v) __asm__ volatile("csrw " #name ", %0" ::"r"((u64)(v)) : "memory")
#define csr_set(name, v)   __asm__ volatile("csrs " #name ", %0" ::"r"((u64)(v)) : "memory")
#define csr_clear(name, v) __asm__ volatile("csrc " #name ", %0" ::"r"((u64)(v)) : "memory")

/* One instruction of four bytes, which may trap and is then passed by. */
#define TRY(text)                                                                                  \
    __asm__ volatile(".option push\n.option norvc\n" text "\n.option pop" ::: "memory")

static inline u64 load(u64 addr)
{
    u64 v = ~0ul;
    __asm__ volatile(".option push\n.option norvc\nld %0, 0(%1)\n.option pop"
                     : "+r"(v)
                     : "r"(addr)
                     : "memory");
    return v;
}

static inline void store(u64 addr, u64 v)
{
    __asm__ volatile(".option push\n.option norvc\nsd %0, 0(%1)\n.option pop" ::"r"(v), "r"(addr)
                     : "memory");
}

/* How many traps TEXT gives, and the cause of the last in m_trap. */
#define M_TRAPS(statement)                                                                         \
    ({                                                                                             \
        u64 before_ = m_trap.count;                                                                \
        statement;                                                                                 \
        m_trap.count - before_;                                                                    \
    })

#define UART        0x10000000ul
#define FINISHER    0x100000ul
#define CLINT       0x2000000ul
#define MSIP(h)     (*(volatile u32 *)(CLINT + 4 * (h)))
#define MTIMECMP(h) (*(volatile u64 *)(CLINT + 0x4000 + 8 * (h)))
#define MTIME       (*(volatile u64 *)(CLINT + 0xbff8))

static inline void pmp_open(void) /* S and U may do all */
{
    csr_write(pmpaddr0, ~0ul >> 10);
    csr_write(pmpcfg0, 0x1f);
}

#endif

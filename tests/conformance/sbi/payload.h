/* tests/conformance/sbi/payload.h - what the S-mode tests of the firmware are written with. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

typedef unsigned long u64;
typedef long          i64;
typedef unsigned int  u32;

/* SBI 2.0, 3.1 */
enum { NOT_SUPPORTED = -2, INVALID_PARAM = -3, INVALID_ADDRESS = -5, ALREADY_AVAILABLE = -6 };
enum {
    BASE   = 0x10,
    TIME   = 0x54494d45,
    IPI    = 0x735049,
    RFENCE = 0x52464e43,
    HSM    = 0x48534d,
    SRST   = 0x53525354,
    DBCN   = 0x4442434e
};
enum { STARTED = 0, STOPPED = 1, START_PENDING = 2, SUSPENDED = 4 };

struct sbi {
    i64 error, value;
};

/* Also looks whether all registers but a0 and a1 came back as they were. */
struct sbi sbi(u64 extension, u64 function, u64 a0, u64 a1, u64 a2, u64 a3);

void print(const char *);
void check_that(int good, const char *what, u64 got);

#define CHECK(x) check_that(!!(x), #x, 0)
#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        u64 got_ = (u64)(a);                                                                       \
        check_that(got_ == (u64)(b), #a " == " #b, got_);                                          \
    } while (0)
#define ERROR(...) (sbi(__VA_ARGS__).error)
#define VALUE(...) (sbi(__VA_ARGS__).value)

#define csr_read(name)                                                                             \
    ({                                                                                             \
        u64 v_;                                                                                    \
        __asm__ volatile("csrr %0, " #name : "=r"(v_)::"memory");                                  \
        v_;                                                                                        \
    })
#define csr_write(name, v) __asm__ volatile("csrw " #name ", %0" ::"r"((u64)(v)) : "memory")
#define csr_set(name, v)   __asm__ volatile("csrs " #name ", %0" ::"r"((u64)(v)) : "memory")
#define csr_clear(name, v) __asm__ volatile("csrc " #name ", %0" ::"r"((u64)(v)) : "memory")

/* Until X, or for 20 s: a busy host may give us little time. Whether X. */
#define WAIT(x)                                                                                    \
    ({                                                                                             \
        u64 until_ = csr_read(time) + 200000000;                                                   \
        while (!(x) && csr_read(time) < until_) {                                                  \
        }                                                                                          \
        !!(x);                                                                                     \
    })

#endif

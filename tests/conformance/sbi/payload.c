/* tests/conformance/sbi/payload.c - each extension of SBI 2.0 from S mode, with two harts: what it
 * does, and what it answers to nonsense. Runs on the built-in firmware and on OpenSBI. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "payload.h"

#define UART ((volatile unsigned char *)0x10000000ul)

enum { SSI = 1, STI = 5 };
enum { OPAQUE = 0x5a5a1234, AGAIN = 0x77770001 };

extern char  second_start[], second_resume[];
extern u32   spin_code[];
void         first_main(u64 hart);
void         second_main(u64 hart, u64 opaque, u64 satp, u64 sstatus);
void         second_again(u64 hart, u64 opaque, u64 satp, u64 sstatus);
u64          on_trap(u64 cause, u64 pc, u64 value);
static int   failed, ours; /* ours: the built-in firmware, which is held to the letter */
static u64   me, other;
static char *memory_end; /* for addresses that are none */

/* --- shared by the harts --- */

static volatile u64 interrupts[2][16];
static volatile u64 second_runs, second_seen_code, second_seen_value, second_woke;
static volatile struct {
    u64 hart, opaque, satp, sstatus;
} began, resumed;
static volatile enum { SLEEP, LOOK, STOP, SUSPEND, SUSPEND_DEEP, LEGACY_SLEEP } order;

static u64 tables[3][512] __attribute__((aligned(4096)));
static u64 pages[2][512] __attribute__((aligned(4096)));
#define WINDOW 0x40000000ul

void print(const char *text)
{
    while (*text)
        *UART = (unsigned char)*text++;
}

void check_that(int good, const char *what, u64 got)
{
    char digits[] = ", got 0x0000000000000000\n";
    if (good)
        return;
    failed = 1;
    for (int i = 0; i < 16; i++)
        digits[8 + i] = "0123456789abcdef"[got >> (60 - 4 * i) & 15];
    print("wrong: ");
    print(what);
    print(digits);
}

static struct sbi raw(u64 extension, u64 function, u64 p0, u64 p1, u64 p2, u64 p3, u64 kept[6])
{
    register u64 a0 __asm__("a0") = p0, a1 __asm__("a1") = p1, a2 __asm__("a2") = p2;
    register u64 a3 __asm__("a3") = p3, a4 __asm__("a4") = 0x444, a5 __asm__("a5") = 0x555;
    register u64 a6 __asm__("a6") = function, a7 __asm__("a7") = extension;
    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5), "+r"(a6),
                       "+r"(a7)
                     :
                     : "memory");
    kept[0] = a2, kept[1] = a3, kept[2] = a4, kept[3] = a5, kept[4] = a6, kept[5] = a7;
    return (struct sbi){(i64)a0, (i64)a1};
}

struct sbi sbi(u64 extension, u64 function, u64 p0, u64 p1, u64 p2, u64 p3)
{
    u64        kept[6];
    struct sbi r = raw(extension, function, p0, p1, p2, p3, kept);
    if (kept[0] != p2 || kept[1] != p3 || kept[2] != 0x444 || kept[3] != 0x555 ||
        kept[4] != function || kept[5] != extension)
        check_that(0, "registers are kept by extension", extension);
    return r;
}

u64 on_trap(u64 cause, u64 pc, u64 value)
{
    u64 number = cause & 15, hart = second_runs && csr_read(sscratch) == 2;
    if (!(cause >> 63)) {
        print("unexpected trap\n");
        check_that(0, "scause", cause);
        check_that(0, "sepc", pc);
        check_that(0, "stval", value);
        sbi(SRST, 0, 0, 1, 0, 0);
    }
    interrupts[hart][number]++;
    if (number == SSI)
        csr_clear(sip, 1 << SSI);
    if (number == STI)
        sbi(TIME, 0, ~0ul, 0, 0, 0);
    return pc;
}

/* --- the second hart --- */

static u64 satp_of(void)
{
    return 8ul << 60 | (u64)tables[0] >> 12;
}

/* Runs code and reads memory that the first hart changes, without a fence of its own. */
static void look(void)
{
    u64 (*code)(void) = (u64(*)(void))spin_code;
    csr_write(satp, satp_of());
    __asm__ volatile("sfence.vma" ::: "memory");
    while (order == LOOK) {
        second_seen_value = *(volatile u64 *)WINDOW;
        second_seen_code  = code();
    }
    csr_write(satp, 0);
    __asm__ volatile("sfence.vma" ::: "memory");
}

static void obey(void)
{
    for (;;)
        switch (order) {
        case SLEEP:
        case LEGACY_SLEEP:
            csr_set(sstatus, 2);
            break;
        case LOOK:
            look();
            break;
        case STOP:
            sbi(HSM, 1, 0, 0, 0, 0);
            check_that(0, "a stopped hart goes on", 0);
            break;
        case SUSPEND:
            csr_clear(sstatus, 2);
            CHECK_EQ(ERROR(HSM, 3, 0, 0, 0, 0), 0);
            csr_clear(sip, 1 << SSI);
            second_woke++;
            order = SLEEP;
            break;
        case SUSPEND_DEEP:
            csr_clear(sstatus, 2);
            sbi(HSM, 3, 0x80000000, (u64)second_resume, AGAIN, 0);
            check_that(0, "a non-retentive suspension returns", 0);
            order = SLEEP;
            break;
        }
}

void second_main(u64 hart, u64 opaque, u64 satp, u64 sstatus)
{
    began.hart    = hart;
    began.opaque  = opaque;
    began.satp    = satp;
    began.sstatus = sstatus;
    csr_write(sscratch, 2);
    csr_write(sie, 1 << SSI);
    __asm__ volatile("fence" ::: "memory");
    second_runs++;
    obey();
}

void second_again(u64 hart, u64 opaque, u64 satp, u64 sstatus)
{
    resumed.hart    = hart;
    resumed.opaque  = opaque;
    resumed.satp    = satp;
    resumed.sstatus = sstatus;
    csr_write(sscratch, 2);
    csr_write(sie, 1 << SSI);
    csr_clear(sip, 1 << SSI);
    order = SLEEP;
    __asm__ volatile("fence" ::: "memory");
    second_woke++;
    obey();
}

/* --- the tests --- */

static void base(void)
{
    static const u64 there[] = {BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN};
    ours                     = VALUE(BASE, 1, 0, 0, 0, 0) == 0x67756973;
    CHECK_EQ(ERROR(BASE, 0, 0, 0, 0, 0), 0);
    CHECK(VALUE(BASE, 0, 0, 0, 0, 0) >> 24 >= 1);
    if (ours)
        CHECK_EQ(VALUE(BASE, 0, 0, 0, 0, 0), 2 << 24);
    for (u64 i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
        CHECK_EQ(ERROR(BASE, 3, there[i], 0, 0, 0), 0);
        check_that(VALUE(BASE, 3, there[i], 0, 0, 0) != 0, "probe", there[i]);
    }
    CHECK_EQ(VALUE(BASE, 3, 0x123456, 0, 0, 0), 0);
    CHECK_EQ(ERROR(BASE, 3, 0x123456, 0, 0, 0), 0);
    for (u64 f = 4; f <= 6; f++)
        CHECK_EQ(ERROR(BASE, f, 0, 0, 0, 0), 0);
    for (u64 i = 0; i < sizeof(there) / sizeof(there[0]); i++)
        check_that(ERROR(there[i], 99, 0, 0, 0, 0) == NOT_SUPPORTED, "no function 99", there[i]);
    CHECK_EQ(ERROR(0x123456, 0, 0, 0, 0, 0), NOT_SUPPORTED);
}

static void time(void)
{
    csr_write(sie, 1 << STI);
    csr_clear(sstatus, 2);
    CHECK_EQ(ERROR(TIME, 0, 0, 0, 0, 0), 0); /* long past */
    CHECK(WAIT(csr_read(sip) >> STI & 1));
    CHECK_EQ(ERROR(TIME, 0, ~0ul, 0, 0, 0), 0); /* never: what was pending is not any more */
    CHECK(WAIT(!(csr_read(sip) >> STI & 1)));
    CHECK_EQ(interrupts[0][STI], 0);
    u64 before = csr_read(time);
    CHECK_EQ(ERROR(TIME, 0, before + 50000, 0, 0, 0), 0); /* 5 ms */
    csr_set(sstatus, 2);
    CHECK(WAIT(interrupts[0][STI]));
    CHECK(csr_read(time) - before >= 50000);
    csr_clear(sstatus, 2);
}

static void hart_state(void)
{
    CHECK_EQ(VALUE(HSM, 2, me, 0, 0, 0), STARTED);
    CHECK_EQ(VALUE(HSM, 2, other, 0, 0, 0), STOPPED);
    CHECK_EQ(ERROR(HSM, 2, 1000, 0, 0, 0), INVALID_PARAM);
    CHECK_EQ(ERROR(HSM, 0, 1000, (u64)second_start, 0, 0), INVALID_PARAM);
    CHECK_EQ(ERROR(HSM, 0, me, (u64)second_start, 0, 0), ALREADY_AVAILABLE);
    if (ours) {
        CHECK_EQ(ERROR(HSM, 0, other, (u64)memory_end, 0, 0), INVALID_ADDRESS);
        CHECK_EQ(ERROR(HSM, 3, 0x80000000, (u64)memory_end, 0, 0), INVALID_ADDRESS);
        CHECK_EQ(ERROR(HSM, 3, 0x80000001, (u64)second_resume, 0, 0), INVALID_PARAM);
        CHECK_EQ(ERROR(HSM, 3, 0x10000000, 0, 0, 0), INVALID_PARAM);
    }
    CHECK_EQ(ERROR(HSM, 3, 1, 0, 0, 0), INVALID_PARAM); /* reserved */
    CHECK_EQ(ERROR(HSM, 0, other, (u64)second_start, OPAQUE, 0), 0);
    CHECK(WAIT(second_runs));
    CHECK_EQ(began.hart, other);
    CHECK_EQ(began.opaque, OPAQUE);
    CHECK_EQ(began.satp, 0);
    CHECK_EQ(began.sstatus & 2, 0);
    CHECK_EQ(VALUE(HSM, 2, other, 0, 0, 0), STARTED);
    CHECK_EQ(ERROR(HSM, 0, other, (u64)second_start, 0, 0), ALREADY_AVAILABLE);
}

static void ipi(void)
{
    csr_write(sie, 1 << SSI);
    csr_clear(sstatus, 2);
    CHECK_EQ(ERROR(IPI, 0, 1, me, 0, 0), 0);
    CHECK(WAIT(csr_read(sip) >> SSI & 1));
    csr_set(sstatus, 2);
    CHECK(WAIT(interrupts[0][SSI] == 1));
    CHECK_EQ(ERROR(IPI, 0, 1, other, 0, 0), 0);
    CHECK(WAIT(interrupts[1][SSI] == 1));
    CHECK_EQ(ERROR(IPI, 0, 3, 0, 0, 0), 0); /* both by the mask */
    CHECK(WAIT(interrupts[0][SSI] == 2 && interrupts[1][SSI] == 2));
    CHECK_EQ(ERROR(IPI, 0, 0, ~0ul, 0, 0), 0); /* base -1: all there are */
    CHECK(WAIT(interrupts[0][SSI] == 3 && interrupts[1][SSI] == 3));
    if (ours) {
        CHECK_EQ(ERROR(IPI, 0, 1, 1000, 0, 0), INVALID_PARAM);
        CHECK_EQ(ERROR(IPI, 0, 4, 0, 0, 0), INVALID_PARAM);
        CHECK_EQ(ERROR(IPI, 0, 2, 1, 0, 0), INVALID_PARAM);
    }
    CHECK_EQ(ERROR(IPI, 0, 0, 0, 0, 0), 0); /* to nobody */
    csr_clear(sstatus, 2);
    CHECK_EQ(interrupts[0][SSI], 3);
}

static void map(u64 *page)
{
    tables[0][0] = 0 | 0xc7;                        /* devices, 1 GiB */
    tables[0][2] = 0x80000000ul >> 12 << 10 | 0xcf; /* 1 GiB, as it is */
    tables[0][1] = (u64)tables[1] >> 12 << 10 | 1;
    tables[1][0] = (u64)tables[2] >> 12 << 10 | 1;
    tables[2][0] = (u64)page >> 12 << 10 | 0xc7;
}

static void rfence(void)
{
    pages[0][0] = 111;
    pages[1][0] = 222;
    map(pages[0]);
    order = LOOK;
    CHECK(WAIT(second_seen_value == 111 && second_seen_code == 1));
    map(pages[1]);
    CHECK_EQ(ERROR(RFENCE, 1, 1, other, WINDOW, 4096), 0);
    CHECK(WAIT(second_seen_value == 222));
    map(pages[0]);
    CHECK_EQ(ERROR(RFENCE, 1, 0, ~0ul, 0, ~0ul), 0); /* everybody, everything */
    CHECK(WAIT(second_seen_value == 111));
    map(pages[1]);
    CHECK_EQ(ERROR(RFENCE, 2, 1, other, WINDOW, 4096), 0); /* of address space 0 */
    CHECK(WAIT(second_seen_value == 222));
    /* QEMU throws its translation away before it stores: another may be made in between. */
    for (int tries = ours ? 1 : 100; tries && second_seen_code != 2; tries--) {
        ((volatile u32 *)spin_code)[0] = 0x00200513; /* li a0, 2 */
        CHECK_EQ(ERROR(RFENCE, 0, 1, other, 0, 0), 0);
        for (u64 until = csr_read(time) + 100000;
             second_seen_code != 2 && csr_read(time) < until;) {
        }
    }
    CHECK(WAIT(second_seen_code == 2));
    if (ours)
        CHECK_EQ(ERROR(RFENCE, 0, 1, 1000, 0, 0), INVALID_PARAM);
    order = SLEEP;
}

/* The other hart stops or suspends; WAKE brings it back. */
static void stop_and_suspend(void)
{
    order = STOP;
    CHECK(WAIT(VALUE(HSM, 2, other, 0, 0, 0) == STOPPED));
    order = SLEEP;
    CHECK_EQ(ERROR(HSM, 0, other, (u64)second_start, OPAQUE + 1, 0), 0);
    CHECK(WAIT(second_runs == 2));
    CHECK_EQ(began.opaque, OPAQUE + 1);
    CHECK_EQ(began.satp, 0);

    order = SUSPEND;
    CHECK(WAIT(VALUE(HSM, 2, other, 0, 0, 0) == SUSPENDED));
    CHECK_EQ(second_woke, 0);
    sbi(IPI, 0, 1, other, 0, 0);
    CHECK(WAIT(second_woke == 1));
    CHECK(WAIT(VALUE(HSM, 2, other, 0, 0, 0) == STARTED));

    order = SUSPEND_DEEP;
    CHECK(WAIT(VALUE(HSM, 2, other, 0, 0, 0) == SUSPENDED));
    sbi(IPI, 0, 1, other, 0, 0);
    CHECK(WAIT(second_woke == 2));
    CHECK_EQ(resumed.hart, other);
    CHECK_EQ(resumed.opaque, AGAIN);
    CHECK_EQ(resumed.satp, 0);
    CHECK_EQ(resumed.sstatus & 2, 0);
}

static void debug_console(void)
{
    static const char text[] = "written by the firmware\n";
    char              in[4]  = "abc";
    u64               done   = 0;
    while (done < sizeof(text) - 1) {
        struct sbi r = sbi(DBCN, 0, sizeof(text) - 1 - done, (u64)text + done, 0, 0);
        CHECK_EQ(r.error, 0);
        if (r.error || r.value <= 0)
            break;
        done += (u64)r.value;
    }
    CHECK_EQ(done, sizeof(text) - 1);
    CHECK_EQ(ERROR(DBCN, 2, 'x', 0, 0, 0), 0);
    CHECK_EQ(ERROR(DBCN, 2, '\n', 0, 0, 0), 0);
    CHECK_EQ(ERROR(DBCN, 1, 3, (u64)in, 0, 0), 0); /* nobody types */
    CHECK_EQ(VALUE(DBCN, 1, 3, (u64)in, 0, 0), 0);
    CHECK_EQ(in[0], 'a');
    if (ours) {
        CHECK_EQ(ERROR(DBCN, 0, 4, (u64)memory_end, 0, 0), INVALID_PARAM);
        CHECK_EQ(ERROR(DBCN, 0, 4, (u64)text, 1, 0), INVALID_PARAM);
    }
}

static i64 legacy_call(u64 id, u64 a0)
{
    u64        kept[6];
    struct sbi r = raw(id, 77, a0, 0x1111, 0x2222, 0x3333, kept);
    CHECK_EQ(r.value, 0x1111); /* 5: only a0 changes */
    CHECK_EQ(kept[0], 0x2222);
    return r.error;
}

static void legacy(void)
{
    static u64 mask;
    mask = 1ul << me | 1ul << other;
    for (u64 id = 0; id <= 8; id++)
        check_that(VALUE(BASE, 3, id, 0, 0, 0) != 0, "probe of a legacy call", id);
    CHECK_EQ(legacy_call(1, 'y'), 0);
    CHECK_EQ(legacy_call(1, '\n'), 0);
    CHECK_EQ(legacy_call(2, 0), -1); /* nobody types */
    csr_clear(sstatus, 2);
    csr_write(sie, 1 << SSI);
    u64 before = interrupts[1][SSI];
    order      = LEGACY_SLEEP;
    CHECK_EQ(legacy_call(4, (u64)&mask), 0);
    CHECK(WAIT(csr_read(sip) >> SSI & 1));
    CHECK(WAIT(interrupts[1][SSI] == before + 1));
    CHECK_EQ(legacy_call(3, 0), 0);
    if (ours) /* others may leave the bit to S mode, which may write it itself */
        CHECK_EQ(csr_read(sip) >> SSI & 1, 0);
    csr_clear(sip, 1 << SSI);
    CHECK_EQ(legacy_call(5, (u64)&mask), 0);
    CHECK_EQ(legacy_call(6, (u64)&mask), 0);
    CHECK_EQ(legacy_call(7, (u64)&mask), 0);
    CHECK_EQ(legacy_call(0, 0), 0);
    CHECK(WAIT(csr_read(sip) >> STI & 1));
    CHECK_EQ(legacy_call(0, ~0ul), 0);
    CHECK(WAIT(!(csr_read(sip) >> STI & 1)));
}

static void reset(void)
{
    CHECK_EQ(ERROR(SRST, 0, 3, 0, 0, 0), INVALID_PARAM); /* reserved */
    CHECK_EQ(ERROR(SRST, 0, 0, 2, 0, 0), INVALID_PARAM);
    print(failed ? "FAIL\n" : "PASS\n");
    sbi(SRST, 0, 0, failed, 0, 0);
    for (;;) {
    }
}

void first_main(u64 hart)
{
    me         = hart;
    other      = 1 - hart;
    memory_end = (char *)0x100000000000;
    csr_write(sscratch, 1);
    base();
    time();
    hart_state();
    ipi();
    rfence();
    stop_and_suspend();
    debug_console();
    legacy();
    reset();
}

/* tests/kvm/micro.c - a guest without an operating system: what its command line names, it tries,
 * and ends with a status at port 0xf4. The same file runs on guise's board `pc` and on QEMU's
 * microvm. SPDX-License-Identifier: Apache-2.0 */
typedef unsigned char  u8;
typedef unsigned short u16;
typedef unsigned int   u32;
typedef unsigned long  u64;

struct start_info {
    u32 magic, version, flags, n_modules;
    u64 modules, cmdline, rsdp, memory_map;
    u32 n_areas, reserved;
};
struct module {
    u64 at, len, cmdline, reserved;
};
struct area {
    u64 base, len;
    u32 type, reserved;
};

static const struct start_info *info;

static void out8(u16 port, u8 v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static u8   in8(u16 port)
{
    u8 v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static u32  get(u64 at) { return *(volatile u32 *)at; }
static void set(u64 at, u32 v) { *(volatile u32 *)at = v; }
static void finish(u8 status)
{
    out8(0xf4, status);
    for (;;)
        __asm__ volatile("hlt");
}

static void say(const char *s)
{
    while (*s)
        out8(0x3f8, (u8)*s++);
}
static void say_number(u64 n)
{
    char text[21], *p = text + 20;
    *p = 0;
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    say(p);
}
static void say_line(const char *what, u64 n)
{
    say(what);
    say(" ");
    say_number(n);
    say("\n");
}
static void must(int ok, const char *what)
{
    if (!ok) {
        say("wrong: ");
        say(what);
        say("\n");
        finish(99);
    }
}

/* --- interrupts --- */

struct gate {
    u16 low, selector;
    u8  ist, type;
    u16 mid;
    u32 high, reserved;
} __attribute__((packed));
static struct gate idt[256];
static volatile u32 ticks, typed, completions;

#define LAPIC  0xfee00000ul
#define IOAPIC 0xfec00000ul

static void set_vector(unsigned n, void (*handler)(void))
{
    u64 at = (u64)handler;
    idt[n] = (struct gate){(u16)at, 8, 0, 0x8e, (u16)(at >> 16), (u32)(at >> 32), 0};
}
static void interrupts_on(void)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) idtr = {sizeof(idt) - 1, (u64)idt};
    out8(0x21, 0xff); /* the 8259s are not used */
    out8(0xa1, 0xff);
    __asm__ volatile("lidt %0" : : "m"(idtr));
    set(LAPIC + 0xf0, 0x1ff);
    __asm__ volatile("sti");
}
static void route(unsigned gsi, unsigned vector)
{
    set(IOAPIC, 0x11 + 2 * gsi);
    set(IOAPIC + 0x10, 0);
    set(IOAPIC, 0x10 + 2 * gsi);
    set(IOAPIC + 0x10, vector); /* edge, active high, fixed, to CPU 0 */
}
static void eoi(void) { set(LAPIC + 0xb0, 0); }

void timer_vector(void), serial_vector(void), virtio_vector(void);
void on_timer(void)
{
    ticks++;
    eoi();
}
void on_serial(void)
{
    while (in8(0x3f8 + 5) & 1) {
        u8 c = in8(0x3f8);
        typed++;
        out8(0x3f8, c);
        if (c >= '0' && c <= '9')
            finish((u8)(c - '0'));
        if (c == 'c')
            say_number(typed);
        if (c == 't')
            say_number(ticks);
    }
    eoi();
}
void on_virtio(void)
{
    completions++;
    eoi();
}

/* --- what can be tried --- */

static void try_hello(void) { say((const char *)info->cmdline), say("\n"); }

static void try_memory(void)
{
    const struct area *a   = (const struct area *)info->memory_map;
    u64                all = 0;
    for (u32 i = 0; i < info->n_areas; i++)
        if (a[i].type == 1) {
            volatile u64 *last = (u64 *)(a[i].base + a[i].len - 8);
            all += a[i].len;
            if (a[i].base + a[i].len > 1ul << 32)
                continue; /* not mapped here */
            *last = 0x123456789abcdef0 + i;
            must(*last == 0x123456789abcdef0 + i, "memory");
        }
    say_line("KiB", all >> 10);
    must(get(0xc0001000) == 0xffffffff, "nobody there");
    must(in8(0x80) == 0xff, "no port there");
}

static void try_module(void)
{
    const struct module *m   = (const struct module *)info->modules;
    u32                  sum = 0;
    must(info->n_modules == 1, "a module");
    for (u64 i = 0; i < m->len; i++)
        sum = sum * 31 + ((const u8 *)m->at)[i];
    say_line("bytes", m->len);
    say_line("sum", sum);
}

static int sums_to_zero(u64 at, u32 len)
{
    u8 sum = 0;
    while (len--)
        sum = (u8)(sum + *(const u8 *)at++);
    return sum == 0;
}
static u64 table(u32 signature)
{
    u64 rsdp = info->rsdp;
    must(sums_to_zero(rsdp, 20) && sums_to_zero(rsdp, get(rsdp + 20)), "RSDP");
    u64 xsdt = *(const u64 *)(rsdp + 24);
    must(sums_to_zero(xsdt, get(xsdt + 4)), "XSDT");
    for (u64 at = xsdt + 36; at < xsdt + get(xsdt + 4); at += 8) {
        u64 t = *(const u64 __attribute__((aligned(4))) *)at;
        if (get(t) == signature) {
            must(sums_to_zero(t, get(t + 4)), "a table");
            return t;
        }
    }
    return 0;
}
#define NAME(a, b, c, d) ((u32)(a) | (u32)(b) << 8 | (u32)(c) << 16 | (u32)(d) << 24)

static void try_tables(void)
{
    u64 fadt = table(NAME('F', 'A', 'C', 'P')), madt = table(NAME('A', 'P', 'I', 'C'));
    u32 cpus = 0;
    must(fadt && madt, "tables");
    u64 dsdt = *(const u64 *)(fadt + 140);
    must(get(dsdt) == NAME('D', 'S', 'D', 'T') && sums_to_zero(dsdt, get(dsdt + 4)), "DSDT");
    must(get(fadt + 112) >> 20 & 1, "hardware-reduced");
    for (u64 at = madt + 44; at < madt + get(madt + 4); at += *(const u8 *)(at + 1))
        cpus += *(const u8 *)at == 0 && (get(at + 4) & 1);
    say_line("cpus", cpus);
}

static void try_off(void)
{
    u64 fadt = table(NAME('F', 'A', 'C', 'P')), at = *(const u64 *)(fadt + 248);
    if (*(const u8 *)(fadt + 244) == 1)
        out8((u16)at, 5 << 2 | 1 << 5);
    else
        *(volatile u8 *)at = 5 << 2 | 1 << 5;
    for (;;)
        __asm__ volatile("hlt");
}

static void try_timer(void)
{
    set_vector(0x40, timer_vector);
    interrupts_on();       /* an APIC that is off keeps its vectors masked */
    set(LAPIC + 0x3e0, 3); /* by 16 */
    set(LAPIC + 0x320, 0x40 | 1 << 17);
    set(LAPIC + 0x380, 100000);
    while (ticks < 3)
        __asm__ volatile("hlt");
    say_line("ticks", ticks >= 3);
}

static void try_serial(void)
{
    set_vector(0x41, serial_vector);
    route(4, 0x41);
    interrupts_on();
    out8(0x3f8 + 2, 1);
    out8(0x3f8 + 4, 0xb);
    out8(0x3f8 + 1, 1);
    say("ready\n");
    for (;;)
        __asm__ volatile("hlt");
}

static u8 cmos(u8 index)
{
    out8(0x70, index);
    return in8(0x71);
}
static void try_cmos(void)
{
    must(!(cmos(0xa) & 0x80), "an update that lasts");
    u8 month = cmos(8), day = cmos(7);
    must(cmos(0xd) & 0x80, "valid");
    must(cmos(0xb) & 2, "24 hours");
    must(month >= 1 && month <= 0x12 && day >= 1 && day <= 0x31, "a date");
    say_line("year", 2000 + (cmos(9) >> 4) * 10u + (cmos(9) & 15));
}

static void try_reboot(void)
{
    out8(0x70, 0x40);
    if (in8(0x71) == 0x42) {
        say("again\n");
        return;
    }
    out8(0x70, 0x40);
    out8(0x71, 0x42);
    say("first\n");
    out8(0x64, 0xfe);
    for (;;)
        __asm__ volatile("hlt");
}

static volatile u32 arrived;
void                ap_main(void)
{
    __asm__ volatile("lock incl %0" : "+m"(arrived));
    for (;;)
        __asm__ volatile("cli; hlt");
}
extern const u8 trampoline[], trampoline_end[];
static void     try_smp(void)
{
    u64 madt = table(NAME('A', 'P', 'I', 'C'));
    u32 n    = 0;
    for (const u8 *p = trampoline; p < trampoline_end; p++)
        ((volatile u8 *)0x8000)[p - trampoline] = *p;
    set(LAPIC + 0xf0, 0x1ff);
    for (u64 at = madt + 44; at < madt + get(madt + 4); at += *(const u8 *)(at + 1)) {
        u32 id = *(const u8 *)(at + 3);
        if (*(const u8 *)at || id == 0)
            continue;
        set(LAPIC + 0x310, id << 24);
        set(LAPIC + 0x300, 0x4500); /* INIT */
        set(LAPIC + 0x310, id << 24);
        set(LAPIC + 0x300, 0x4608); /* SIPI at 0x8000 */
        n++;
        while (arrived < n) /* one stack for all: one after the other */
            __asm__ volatile("pause");
    }
    say_line("started", arrived);
}

/* virtio-mmio by itself: the first entropy device, asked for 64 bytes. */
static struct {
    struct {
        u64 addr;
        u32 len;
        u16 flags, next;
    } desc[8] __attribute__((aligned(16)));
    struct {
        u16 flags, idx, ring[8];
    } avail;
    struct {
        u16 flags, idx;
        struct {
            u32 id, len;
        } ring[8];
    } used __attribute__((aligned(4)));
} queue;
static u8 random[64];

static void try_virtio(void)
{
    u64 slot = 0;
    for (u64 at = 0xd0000000; at < 0xd0010000 && !slot; at += 0x1000)
        if (get(at) == 0x74726976 && get(at + 8) == 4)
            slot = at;
    must(slot != 0, "an entropy device");
    set_vector(0x42, virtio_vector);
    route(8 + (unsigned)((slot - 0xd0000000) >> 12), 0x42);
    interrupts_on();
    set(slot + 0x70, 0);
    set(slot + 0x70, 3);
    set(slot + 0x24, 1);
    set(slot + 0x20, 1); /* VERSION_1 */
    set(slot + 0x70, 11);
    must(get(slot + 0x70) == 11, "features");
    set(slot + 0x30, 0);
    set(slot + 0x38, 8);
    set(slot + 0x80, (u32)(u64)queue.desc);
    set(slot + 0x90, (u32)(u64)&queue.avail);
    set(slot + 0xa0, (u32)(u64)&queue.used);
    set(slot + 0x44, 1);
    set(slot + 0x70, 15);
    queue.desc[0].addr  = (u64)random;
    queue.desc[0].len   = sizeof(random);
    queue.desc[0].flags = 2;
    for (u32 i = 0; i < 3; i++) {
        u32 before = completions;
        queue.avail.ring[queue.avail.idx % 8] = 0;
        __asm__ volatile("" ::: "memory");
        queue.avail.idx++;
        set(slot + 0x50, 0);
        while (completions == before)
            __asm__ volatile("pause");
        must(get(slot + 0x60) & 1, "the reason of an interrupt");
        set(slot + 0x64, 1);
        must(*(volatile u16 *)&queue.used.idx == i + 1, "the used ring");
    }
    say_line("interrupts", completions);
    say_line("random", random[0] || random[9] || random[63]);
}

static void try_triple(void)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) none = {0, 0};
    __asm__ volatile("lidt %0; ud2" : : "m"(none));
}

/* Spends time in the guest, and says so a few times. */
static void try_spin(void)
{
    for (u32 i = 0; i < 3; i++) {
        for (volatile u32 n = 0; n < 2000; n++) {
        }
        say(".");
    }
    say("\n");
}

static int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (*a == 0 || *a == ' ') && *b == 0;
}

static const struct {
    const char *name;
    void (*run)(void);
} tries[] = {
    {"hello", try_hello},   {"memory", try_memory}, {"module", try_module}, {"tables", try_tables},
    {"off", try_off},       {"timer", try_timer},   {"serial", try_serial}, {"cmos", try_cmos},
    {"reboot", try_reboot}, {"smp", try_smp},       {"virtio", try_virtio}, {"triple", try_triple},
    {"spin", try_spin},
};

void guest_main(const struct start_info *start)
{
    info = start;
    must(info->magic == 0x336ec578, "the start info's magic number");
    for (u32 i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
        if (same((const char *)info->cmdline, tries[i].name)) {
            tries[i].run();
            finish(0);
        }
    say("what?\n");
    finish(98);
}

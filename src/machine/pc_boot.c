/* machine/pc_boot.c - how an x86-64 workload gets into memory and how CPU 0 begins.
 *
 * Linux by its 64-bit boot protocol (Documentation/arch/x86/boot.rst and zero-page.rst); other
 * kernels that ask for it by PVH (Xen, docs/misc/pvh.pandoc); any other ELF program in long mode
 * at its entry; a flat binary as --bare says. Files are mapped, not copied: what the guest does
 * not touch costs nothing, and machines share it through the page cache. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "device/ports.h"
#include "kvm/kvm.h"
#include "machine/boot.h"
#include "machine/pc.h"
#include "machine/pc_elf.h"

static int put(struct machine *m, gpa at, const void *p, size_t len, struct err *err)
{
    return ram_write(m->ram, at, p, len)
               ? err_set(err, ENOMEM, "it does not fit into the machine's memory")
               : 0;
}

/* --- what every mode finds in low memory --- */

static int put_gdt(struct machine *m, struct err *err)
{
    u64 code                   = m->pc->mode == KVM_LONG ? 0x00af9b000000ffff : 0x00cf9b000000ffff;
    u64 gdt[KVM_GDT_BYTES / 8] = {[KVM_CS / 8] = code, [KVM_DS / 8] = 0x00cf93000000ffff};
    return put(m, KVM_GDT, gdt, sizeof(gdt), err);
}

/* Where a PC begins after a reset: Linux on a hardware-reduced platform without EFI jumps there to
 * begin again. mov $1,%al; mov $reset register,%dx; out %al,%dx; hlt; jmp to the hlt */
static int put_reset_vector(struct machine *m, struct err *err)
{
    static const u8 code[] = {0xb0,
                              POWER_RESET_VALUE,
                              0xba,
                              (PC_POWER + POWER_RESET) & 0xff,
                              (PC_POWER + POWER_RESET) >> 8,
                              0xee,
                              0xf4,
                              0xeb,
                              0xfd};
    return put(m, PC_RESET_VECTOR, code, sizeof(code), err);
}

/* The first 4 GiB where they are, in pages of 2 MiB. */
static int put_page_tables(struct machine *m, struct err *err)
{
    enum { PRESENT = 3, LARGE = 0x80, GIBS = 4 };
    u64 top[1] = {(PC_TABLES + 0x1000) | PRESENT}, middle[GIBS], low[512];
    int rc     = put(m, PC_TABLES, top, sizeof(top), err);
    for (unsigned g = 0; !rc && g < GIBS; g++) {
        u64 table = PC_TABLES + 0x2000 + 0x1000ull * g;
        middle[g] = table | PRESENT;
        for (unsigned i = 0; i < 512; i++)
            low[i] = ((u64)g * 512 + i) << 21 | LARGE | PRESENT;
        rc = put(m, table, low, sizeof(low), err);
    }
    return rc ? rc : put(m, PC_TABLES + 0x1000, middle, sizeof(middle), err);
}

/* --- memory as the guest is told of it --- */

struct area {
    u64 base, len;
    u32 type; /* 1 RAM, 2 reserved */
} __attribute__((packed));

enum { AREAS_MAX = 4 };

static unsigned memory_map(const struct machine *m, struct area out[AREAS_MAX])
{
    const struct ram_range *low = ram_range(m->ram, 0), *high = ram_range(m->ram, 1);
    unsigned                n = 0;
    out[n++]                  = (struct area){0, PC_LOW_END, 1};
    out[n++]                  = (struct area){PC_LOW_END, PC_HIGH - PC_LOW_END, 2};
    out[n++]                  = (struct area){PC_HIGH, low->len - PC_HIGH, 1};
    if (high)
        out[n++] = (struct area){high->base, high->len, 1};
    return n;
}

/* --- the initial RAM disk: at the top of what the kernel can reach --- */

struct blob {
    gpa at;
    u64 len;
};

static int load_initrd(struct machine *m, gpa above, u64 limit, struct blob *out, struct err *err)
{
    const char *path = m->instance.spec->initrd;
    *out             = (struct blob){0};
    if (!path)
        return 0;
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat    st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, errno, "open initrd '%s'", path);
    u64 pages = ALIGN_UP((u64)st.st_size, 4096ull);
    u64 top   = ALIGN_DOWN(MIN(ram_range(m->ram, 0)->len, limit), 4096ull);
    if (!S_ISREG(st.st_mode) || !pages)
        return err_set(err, EINVAL, "initrd '%s' is no file, or empty", path);
    if (top < above || pages > top - above)
        return err_set(err, ENOMEM,
                       "initrd '%s' of %llu MiB does not fit: give the machine more memory (-m)",
                       path, (unsigned long long)(pages >> 20));
    *out = (struct blob){top - pages, (u64)st.st_size};
    return ram_map(m->ram, out->at, pages, fd, 0, err);
}

/* --- Linux --- */

enum {
    ZP_RSDP         = 0x70,
    ZP_E820_ENTRIES = 0x1e8,
    ZP_HEADER       = 0x1f1,
    ZP_BOOT_FLAG    = 0x1fe,
    ZP_MAGIC        = 0x202,
    ZP_VERSION      = 0x206,
    ZP_LOADER       = 0x210,
    ZP_LOADFLAGS    = 0x211,
    ZP_INITRD       = 0x218,
    ZP_INITRD_SIZE  = 0x21c,
    ZP_CMDLINE      = 0x228,
    ZP_INITRD_MAX   = 0x22c,
    ZP_ALIGNMENT    = 0x230,
    ZP_CMDLINE_SIZE = 0x238,
    ZP_SETUP_DATA   = 0x250,
    ZP_E820         = 0x2d0,
    LOADER_UNKNOWN  = 0xff,
    LOADED_HIGH     = 1,
    SETUP_RNG_SEED  = 9
};

static void set32(u8 *page, unsigned at, u64 v)
{
    u32 word = (u32)v;
    memcpy(page + at, &word, 4);
}

/* A bzImage brings its header; for a vmlinux it is what every 64-bit kernel has. */
static void begin_zero_page(u8 page[4096], const struct pc_kernel *k)
{
    size_t len = k->setup[ZP_MAGIC - ZP_HEADER - 1] + ZP_MAGIC - ZP_HEADER; /* boot.rst */
    if (k->setup[ZP_MAGIC - ZP_HEADER] == 'H') {
        memcpy(page + ZP_HEADER, k->setup, MIN(len, sizeof(k->setup)));
        return;
    }
    memcpy(page + ZP_MAGIC, "HdrS\x0f\x02", 6);
    memcpy(page + ZP_BOOT_FLAG, "\x55\xaa", 2);
    set32(page, ZP_ALIGNMENT, 0x200000);
    set32(page, ZP_INITRD_MAX, 0x7fffffff);
    set32(page, ZP_CMDLINE_SIZE, 2047);
}

/* Entropy for the kernel's first moments (SETUP_RNG_SEED). */
static int put_seed(struct machine *m, struct err *err)
{
    struct {
        u64 next;
        u32 type, len;
        u8  seed[32];
    } data = {.type = SETUP_RNG_SEED, .len = sizeof(data.seed)};
    if (getrandom(data.seed, sizeof(data.seed), 0) != sizeof(data.seed))
        return err_errno(err, errno, "get randomness");
    return put(m, PC_SEED, &data, sizeof(data), err);
}

static int put_cmdline(struct machine *m, u64 room, struct err *err)
{
    cleanup_free char *line = command_line(m->instance.spec);
    if (strlen(line) > MIN(room, PC_CMDLINE_MAX - 1ull))
        return err_set(err, EINVAL, "a command line of %zu bytes: the kernel takes %llu",
                       strlen(line), (unsigned long long)room);
    return put(m, PC_CMDLINE, line, strlen(line) + 1, err);
}

static int put_zero_page(struct machine *m, const struct pc_kernel *k, gpa end, struct err *err)
{
    u8          page[4096] = {0};
    struct area areas[AREAS_MAX];
    struct blob initrd;
    u32         initrd_max, cmdline_max;
    begin_zero_page(page, k);
    memcpy(&initrd_max, page + ZP_INITRD_MAX, 4);
    memcpy(&cmdline_max, page + ZP_CMDLINE_SIZE, 4);
    int rc = load_initrd(m, end, 1ull + initrd_max, &initrd, err);
    if (!rc)
        rc = put_cmdline(m, cmdline_max, err);
    if (!rc)
        rc = put_seed(m, err);
    if (rc)
        return rc;
    page[ZP_LOADER] = LOADER_UNKNOWN;
    page[ZP_LOADFLAGS] |= LOADED_HIGH;
    set32(page, ZP_RSDP, PC_ACPI);
    set32(page, ZP_INITRD, initrd.at);
    set32(page, ZP_INITRD_SIZE, initrd.len);
    set32(page, ZP_CMDLINE, PC_CMDLINE);
    set32(page, ZP_SETUP_DATA, PC_SEED);
    page[ZP_E820_ENTRIES] = (u8)memory_map(m, areas);
    memcpy(page + ZP_E820, areas, page[ZP_E820_ENTRIES] * sizeof(areas[0]));
    return put(m, PC_ZERO_PAGE, page, sizeof(page), err);
}

/* --- PVH --- */

struct start_info {
    u32 magic, version, flags, n_modules;
    u64 modules, cmdline, rsdp, memory_map;
    u32 n_areas, reserved;
};

struct pvh_module {
    u64 at, len, cmdline, reserved;
};

struct pvh_area {
    u64 base, len;
    u32 type, reserved;
};

static int put_start_info(struct machine *m, gpa end, struct err *err)
{
    struct area areas[AREAS_MAX];
    struct blob initrd;
    struct {
        struct start_info info;
        struct pvh_module module;
        struct pvh_area   areas[AREAS_MAX];
    } all  = {0};
    int rc = load_initrd(m, end, 0x80000000, &initrd, err);
    if (!rc)
        rc = put_cmdline(m, PC_CMDLINE_MAX - 1, err);
    if (rc)
        return rc;
    unsigned n = memory_map(m, areas);
    for (unsigned i = 0; i < n; i++)
        all.areas[i] = (struct pvh_area){areas[i].base, areas[i].len, areas[i].type, 0};
    all.module = (struct pvh_module){.at = initrd.at, .len = initrd.len};
    all.info   = (struct start_info){
          .magic      = 0x336ec578,
          .version    = 1,
          .n_modules  = initrd.len != 0,
          .modules    = PC_START_INFO + sizeof(all.info),
          .cmdline    = PC_CMDLINE,
          .rsdp       = PC_ACPI,
          .memory_map = PC_START_INFO + sizeof(all.info) + sizeof(all.module),
          .n_areas    = n,
    };
    return put(m, PC_START_INFO, &all, sizeof(all), err);
}

/* --- the ways to begin --- */

static int boot_elf(struct machine *m, const char *path, struct err *err)
{
    struct pc       *pc = m->pc;
    struct pc_kernel k;
    struct pc_elf    elf;
    int              rc = pc_kernel_open(&k, path, err);
    if (!rc)
        rc = pc_elf_load(m->ram, k.fd, &elf, err) ? err_wrap(err, "load '%s'", path) : 0;
    if (!rc) {
        bool pvh         = elf.pvh && !elf.is_linux;
        pc->linux_kernel = elf.is_linux;
        pc->mode         = pvh ? KVM_PROTECTED : KVM_LONG;
        pc->pc           = pvh ? elf.pvh : elf.entry;
        pc->rsi          = PC_ZERO_PAGE;
        pc->rbx          = PC_START_INFO;
        rc = pvh ? put_start_info(m, elf.end, err) : put_zero_page(m, &k, elf.end, err);
    }
    pc_kernel_close(&k);
    return rc;
}

static int boot_flat(struct machine *m, const char *path, const struct pc_bare *bare,
                     struct err *err)
{
    struct file f;
    int         rc = file_map(&f, path, err);
    if (rc)
        return rc;
    m->pc->mode = bare->mode;
    m->pc->pc   = bare->entry;
    rc          = put(m, bare->at, f.data, f.len, err);
    file_close(&f);
    return rc ? err_wrap(err, "load '%s' at %#llx", path, (unsigned long long)bare->at) : 0;
}

int pc_boot(struct machine *m, struct err *err)
{
    const struct spec *spec = m->instance.spec;
    const char        *path = spec->kernel ? spec->kernel : spec->workload;
    struct pc_bare     bare;
    int                rc = pc_bare_parse(&bare, spec->bare, err);
    for (unsigned i = 0; m->pc->booted && i < ram_count(m->ram); i++)
        ram_discard(m->ram, ram_range(m->ram, i)->base, ram_range(m->ram, i)->len);
    m->pc->booted = true;
    m->pc->rsi = m->pc->rbx = 0;
    if (!rc)
        rc = spec->bare ? boot_flat(m, path, &bare, err) : boot_elf(m, path, err);
    if (!rc)
        rc = put_reset_vector(m, err);
    if (!rc && m->pc->mode != KVM_REAL)
        rc = put_gdt(m, err);
    if (!rc && m->pc->mode == KVM_LONG)
        rc = put_page_tables(m, err);
    return rc ? rc : pc_acpi_write(m, err);
}

/* --- --bare MODE[,at=ADDR][,entry=ADDR] --- */

static int parse_number(const char *text, u64 *out, struct err *err)
{
    char *end;
    errno = 0;
    *out  = strtoull(text, &end, 0);
    return errno || end == text || (*end && *end != ',')
               ? err_set(err, EINVAL, "--bare: '%s' is no address", text)
               : 0;
}

int pc_bare_parse(struct pc_bare *out, const char *text, struct err *err)
{
    static const struct {
        const char   *name;
        enum kvm_mode mode;
        gpa           at;
    } modes[]  = {{"real", KVM_REAL, 0x7c00},
                  {"protected", KVM_PROTECTED, PC_HIGH},
                  {"long", KVM_LONG, PC_HIGH}};
    bool entry = false;
    int  rc    = -1;
    *out       = (struct pc_bare){0};
    if (!text)
        return 0;
    size_t len = strcspn(text, ",");
    for (unsigned i = 0; i < ARRAY_SIZE(modes); i++)
        if (strlen(modes[i].name) == len && !strncmp(modes[i].name, text, len)) {
            *out = (struct pc_bare){modes[i].mode, modes[i].at, modes[i].at};
            rc   = 0;
        }
    if (rc)
        return err_set(err, EINVAL, "--bare: no mode '%.*s'; there are: real, protected, long",
                       (int)len, text);
    for (const char *p = text + len; !rc && *p; p += strcspn(p, ",")) {
        p++;
        if (!strncmp(p, "at=", 3))
            rc = parse_number(p + 3, &out->at, err);
        else if (!strncmp(p, "entry=", 6)) {
            rc    = parse_number(p + 6, &out->entry, err);
            entry = true;
        } else
            rc = err_set(err, EINVAL, "--bare: no option '%s'; there are: at, entry", p);
    }
    if (!entry && !rc)
        out->entry = out->at;
    return rc;
}

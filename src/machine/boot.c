/* machine/boot.c - what a workload is, by its bytes, and how it gets into memory.
 *
 * Linux's Image (Documentation/arch/riscv/boot-image-header), also gzip- and zstd-compressed;
 * ELF; firmware as ELF or a flat binary. Files are the user's, but may be anybody's work: every
 * number in them is checked against the file and against guest RAM. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "machine/boot.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "machine/state.h"

enum { IMAGE_MAX = 512 << 20, KERNEL_OFFSET = 2 << 20, FDT_ALIGN = 64 << 10 };

struct image_header {
    u32 code[2];
    u64 text_offset, image_size, flags;
    u32 version, reserved1;
    u64 reserved2;
    u64 magic;  /* "RISCV\0\0\0" */
    u32 magic2; /* "RSC\5" */
    u32 reserved3;
};
_Static_assert(sizeof(struct image_header) == 64, "as the kernel has it");

/* --- files --- */

void file_close(struct file *f)
{
    if (f->mapped)
        munmap(f->mapped, f->mapped_len);
    free(f->unpacked);
    *f = (struct file){0};
}

static int map_file(struct file *f, const char *path, struct err *err)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat    st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, errno, "open '%s'", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, EINVAL, "'%s' is not a file", path);
    if (st.st_size == 0)
        return err_set(err, EINVAL, "'%s' is empty", path);
    f->mapped = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (f->mapped == MAP_FAILED) {
        f->mapped = NULL;
        return err_errno(err, errno, "map '%s'", path);
    }
    f->mapped_len = (size_t)st.st_size;
    f->data       = f->mapped;
    f->len        = f->mapped_len;
    return 0;
}

/* Makes room for more unpacked bytes; false: too large. */
static bool more_room(struct file *f, size_t *room)
{
    if (*room >= IMAGE_MAX)
        return false;
    size_t bigger = *room ? 2 * *room : (size_t)32 << 20;
    u8    *p      = realloc(f->unpacked, bigger);
    if (!p)
        return false;
    f->unpacked = p;
    *room       = bigger;
    return true;
}

static bool unpack_gzip(struct file *f, size_t *len)
{
    z_stream z = {.next_in = f->mapped, .avail_in = (uInt)MIN(f->mapped_len, (size_t)UINT32_MAX)};
    size_t   room = 0;
    int      rc   = Z_OK;
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return false;
    while (rc == Z_OK) {
        if (z.total_out == room && !more_room(f, &room))
            break;
        z.next_out  = f->unpacked + z.total_out;
        z.avail_out = (uInt)(room - z.total_out);
        rc          = inflate(&z, Z_NO_FLUSH);
    }
    *len = z.total_out;
    inflateEnd(&z);
    return rc == Z_STREAM_END;
}

static bool unpack_zstd(struct file *f, size_t *len)
{
    ZSTD_DStream *z    = ZSTD_createDStream();
    ZSTD_inBuffer in   = {f->mapped, f->mapped_len, 0};
    size_t        room = 0, rc = 1;
    *len = 0;
    while (z && rc != 0 && !ZSTD_isError(rc)) {
        if (*len == room && !more_room(f, &room))
            break;
        ZSTD_outBuffer out = {f->unpacked, room, *len};
        size_t         was = in.pos;
        rc                 = ZSTD_decompressStream(z, &out, &in);
        if (out.pos == *len && in.pos == was && out.pos < room)
            break; /* cut short */
        *len = out.pos;
    }
    ZSTD_freeDStream(z);
    return rc == 0;
}

int file_open(struct file *f, const char *path, struct err *err)
{
    *f     = (struct file){0};
    int rc = map_file(f, path, err);
    if (rc)
        return rc;
    bool gzip = f->len > 2 && !memcmp(f->data, "\x1f\x8b", 2);
    bool zstd = f->len > 4 && !memcmp(f->data, "\x28\xb5\x2f\xfd", 4);
    if (!gzip && !zstd)
        return 0;
    size_t len = 0;
    if (!(gzip ? unpack_gzip(f, &len) : unpack_zstd(f, &len))) {
        file_close(f);
        return err_set(err, EINVAL, "'%s': its %s data are damaged or too large", path,
                       gzip ? "gzip" : "zstd");
    }
    f->packing = gzip ? "gzip" : "zstd";
    f->data    = f->unpacked;
    f->len     = len;
    return 0;
}

/* --- what it is --- */

static bool elf_is_riscv64(const struct file *f)
{
    const Elf64_Ehdr *e = (const void *)f->data;
    return f->len >= sizeof(*e) && !memcmp(e->e_ident, ELFMAG, SELFMAG) &&
           e->e_ident[EI_CLASS] == ELFCLASS64 && e->e_ident[EI_DATA] == ELFDATA2LSB &&
           e->e_machine == EM_RISCV;
}

static bool image_header(const struct file *f, struct image_header *out)
{
    if (f->len < sizeof(*out))
        return false;
    memcpy(out, f->data, sizeof(*out));
    return !memcmp(&out->magic2, "RSC\x05", 4);
}

static bool is_disk(const struct file *f)
{
    if (f->len >= 72 && !memcmp(f->data, "QFI\xfb", 4))
        return true;
    if (f->len % 512 || f->len < 1024)
        return false;
    bool mbr  = f->data[510] == 0x55 && f->data[511] == 0xaa;
    bool ext4 = f->len > 2048 && f->data[1024 + 56] == 0x53 && f->data[1024 + 57] == 0xef;
    return mbr || ext4;
}

enum file_type file_type(const struct file *f)
{
    struct image_header header;
    if (elf_is_riscv64(f))
        return FILE_ELF;
    if (image_header(f, &header))
        return FILE_IMAGE;
    if (!f->packing && is_disk(f))
        return FILE_DISK;
    return FILE_OTHER;
}

/* --- ELF --- */

/* Program header N, or NULL when there is none that lies in the file. */
static const Elf64_Phdr *program_header(const struct file *f, unsigned n, Elf64_Phdr *room)
{
    const Elf64_Ehdr *e = (const void *)f->data;
    if (n >= e->e_phnum || e->e_phentsize != sizeof(*room) || e->e_phoff > f->len ||
        (n + 1) * sizeof(*room) > f->len - e->e_phoff)
        return NULL;
    memcpy(room, f->data + e->e_phoff + n * sizeof(*room), sizeof(*room));
    return room;
}

static int load_segment(struct ram *ram, const struct file *f, const Elf64_Phdr *p, struct err *err)
{
    if (p->p_filesz > p->p_memsz || p->p_offset > f->len || p->p_filesz > f->len - p->p_offset)
        return err_set(err, EINVAL, "a segment lies outside of the file");
    u8 *to = ram_borrow(ram, p->p_paddr, p->p_memsz, true);
    if (!to)
        return err_set(err, EINVAL,
                       "a segment of %llu bytes at %#llx does not fit into the machine's memory",
                       (unsigned long long)p->p_memsz, (unsigned long long)p->p_paddr);
    memcpy(to, f->data + p->p_offset, p->p_filesz);
    memset(to + p->p_filesz, 0, p->p_memsz - p->p_filesz);
    return 0;
}

/* Loads by physical addresses. Entries are virtual: found in its segment. */
static int load_elf(struct ram *ram, const struct file *f, struct loaded *out, struct err *err)
{
    const Elf64_Ehdr *e = (const void *)f->data;
    Elf64_Phdr        room;
    const Elf64_Phdr *p;
    out->entry = e->e_entry;
    for (unsigned i = 0; (p = program_header(f, i, &room)); i++) {
        if (p->p_type != PT_LOAD || p->p_memsz == 0)
            continue;
        int rc = load_segment(ram, f, p, err);
        if (rc)
            return rc;
        if (e->e_entry - p->p_vaddr < p->p_memsz)
            out->entry = p->p_paddr + (e->e_entry - p->p_vaddr);
        out->end = MAX(out->end, p->p_paddr + p->p_memsz);
    }
    if (out->end == 0)
        return err_set(err, EINVAL, "it has nothing to load");
    return 0;
}

/* A section header by number, bounded by the file. */
static const Elf64_Shdr *section_header(const struct file *f, unsigned n, Elf64_Shdr *room)
{
    const Elf64_Ehdr *e = (const void *)f->data;
    if (n >= e->e_shnum || e->e_shentsize != sizeof(*room) || e->e_shoff > f->len ||
        (n + 1) * sizeof(*room) > f->len - e->e_shoff)
        return NULL;
    memcpy(room, f->data + e->e_shoff + n * sizeof(*room), sizeof(*room));
    if (room->sh_type != SHT_NOBITS &&
        (room->sh_offset > f->len || room->sh_size > f->len - room->sh_offset))
        return NULL;
    return room;
}

u64 elf_symbol(const struct file *f, const char *name)
{
    Elf64_Shdr        table, strings;
    const Elf64_Ehdr *e   = (const void *)f->data;
    size_t            len = strlen(name) + 1;
    for (unsigned i = 0; i < e->e_shnum; i++) {
        if (!section_header(f, i, &table) || table.sh_type != SHT_SYMTAB ||
            !section_header(f, table.sh_link, &strings) || strings.sh_type == SHT_NOBITS)
            continue;
        for (u64 at = 0; sizeof(Elf64_Sym) <= table.sh_size - at && at < table.sh_size;
             at += sizeof(Elf64_Sym)) {
            Elf64_Sym s;
            memcpy(&s, f->data + table.sh_offset + at, sizeof(s));
            if (s.st_name < strings.sh_size && len <= strings.sh_size - s.st_name &&
                !memcmp(f->data + strings.sh_offset + s.st_name, name, len))
                return s.st_value;
        }
    }
    return 0;
}

bool elf_fits_board(const struct file *f)
{
    Elf64_Phdr        room;
    const Elf64_Phdr *p;
    for (unsigned i = 0; (p = program_header(f, i, &room)); i++)
        if (p->p_type == PT_LOAD && p->p_memsz)
            return p->p_paddr >= DRAM_BASE;
    return false;
}

/* --- loading --- */

static int load_image(struct ram *ram, const struct file *f, struct loaded *out, struct err *err)
{
    struct image_header h;
    image_header(f, &h);
    u64 offset = h.text_offset ? h.text_offset : KERNEL_OFFSET;
    u64 size   = MAX(h.image_size, f->len);
    u8 *to     = offset < GiB(1024) ? ram_borrow(ram, DRAM_BASE + offset, size, true) : NULL;
    if (!to)
        return err_set(err, ENOMEM,
                       "a kernel of %llu MiB does not fit: give the machine more "
                       "memory (-m)",
                       (unsigned long long)(size >> 20));
    memcpy(to, f->data, f->len);
    memset(to + f->len, 0, size - f->len);
    out->entry = DRAM_BASE + offset;
    out->end   = out->entry + size;
    return 0;
}

/* A flat binary, at AT. */
static int load_flat(struct ram *ram, const struct file *f, gpa at, struct loaded *out,
                     struct err *err)
{
    if (ram_write(ram, at, f->data, f->len))
        return err_set(err, ENOMEM, "it does not fit into the machine's memory");
    out->entry = at;
    out->end   = at + f->len;
    return 0;
}

int file_load(struct ram *ram, const char *path, gpa flat_at, struct loaded *out, struct err *err)
{
    struct file f;
    int         rc = file_open(&f, path, err);
    if (rc)
        return rc;
    *out = (struct loaded){0};
    switch (file_type(&f)) {
    case FILE_ELF:
        rc = load_elf(ram, &f, out, err);
        break;
    case FILE_IMAGE:
        rc = load_image(ram, &f, out, err);
        break;
    default:
        rc = load_flat(ram, &f, flat_at, out, err);
        break;
    }
    file_close(&f);
    return rc ? err_wrap(err, "load '%s'", path) : 0;
}

/* High enough that the kernel can grow below it. */
static int load_initrd(struct machine *m, u64 above, struct board_chosen *chosen, struct err *err)
{
    const char *path = m->instance.spec->initrd;
    struct file f    = {0};
    if (!path)
        return 0;
    int rc = map_file(&f, path, err); /* as it is: the kernel unpacks it */
    if (rc)
        return rc;
    u64 ram = ram_range(m->ram, 0)->len;
    u64 at  = ALIGN_UP(MAX(above, DRAM_BASE + MIN(ram / 2, MiB(128))), (u64)4096);
    u64 top = DRAM_BASE + MIN(ram, GiB(2)) - FDT_ROOM - 2 * FDT_ALIGN;
    if (at > top || f.len > top - at || ram_write(m->ram, at, f.data, f.len))
        rc = err_set(err, ENOMEM,
                     "initrd '%s' of %zu MiB does not fit: give the machine more "
                     "memory (-m)",
                     path, f.len >> 20);
    chosen->initrd_start = at;
    chosen->initrd_end   = at + f.len;
    file_close(&f);
    return rc;
}

/* OpenSBI's fw_dynamic_info, version 2: where to go on. */
static int load_dynamic(struct machine *m, gpa at, gva next, struct err *err)
{
    u64 info[6] = {0x4942534f, 2, next, 1 /* S mode */, 0, 0};
    if (ram_write(m->ram, at, info, sizeof(info)))
        return err_set(err, ENOMEM, "no room for the firmware's description");
    m->entry.dynamic = at;
    return 0;
}

static char *command_line(const struct spec *spec)
{
    char *line = xstrdup(spec->append ? spec->append : "");
    for (char **arg = spec->args; arg && *arg; arg++) {
        char *longer = xasprintf("%s%s%s", line, *line ? " " : "", *arg);
        free(line);
        line = longer;
    }
    return line;
}

static int load_fdt(struct machine *m, struct board_chosen *chosen, gva next, struct err *err)
{
    u32 size;
    u64 ram = ram_range(m->ram, 0)->len;
    gpa at  = ALIGN_DOWN(DRAM_BASE + MIN(ram, GiB(2)) - FDT_ROOM, (u64)FDT_ALIGN);
    if (getrandom(chosen->seed, sizeof(chosen->seed), 0) < 0)
        return err_errno(err, errno, "get randomness");
    cleanup_free char *line = command_line(m->instance.spec);
    chosen->bootargs        = line;
    int rc                  = board_describe(m, chosen, &size, err);
    if (!rc && ram_write(m->ram, at, m->fdt.blob, size))
        rc = err_set(err, ENOMEM, "no room for the device tree: give the machine more memory (-m)");
    m->entry.fdt = at;
    return rc ? rc : load_dynamic(m, at - 4096, next, err);
}

int boot_load(struct machine *m, struct err *err)
{
    const struct spec  *spec     = m->instance.spec;
    const char         *kernel   = spec->kernel ? spec->kernel : spec->workload;
    struct board_chosen chosen   = {0};
    struct loaded       firmware = {0}, payload;
    int                 rc       = 0;
    if (m->firmware == FIRMWARE_FILE)
        rc = file_load(m->ram, spec->firmware, DRAM_BASE, &firmware, err);
    gpa flat_at = DRAM_BASE + (m->firmware == FIRMWARE_NONE ? 0 : KERNEL_OFFSET);
    if (!rc && !(m->workload_is_disk && !spec->kernel))
        rc = file_load(m->ram, kernel, flat_at, &payload, err);
    else
        payload = (struct loaded){.entry = flat_at, .end = flat_at};
    if (!rc && firmware.end && payload.entry < firmware.end && payload.end > firmware.entry)
        rc = err_set(err, EINVAL, "'%s' and its firmware want the same memory", kernel);
    if (!rc)
        rc = load_initrd(m, payload.end, &chosen, err);
    if (!rc)
        rc = load_fdt(m, &chosen, payload.entry, err);
    m->entry.pc = firmware.end ? firmware.entry : payload.entry;
    return rc;
}

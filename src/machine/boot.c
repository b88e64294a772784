/* machine/boot.c - how a riscv64 workload gets into memory.
 *
 * Linux's Image (Documentation/arch/riscv/boot-image-header), also gzip- and zstd-compressed;
 * ELF; firmware as ELF or a flat binary. Files are the user's, but may be anybody's work: every
 * number in them is checked against the file and against guest RAM. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "machine/boot.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "machine/state.h"

enum { KERNEL_OFFSET = 2 << 20, FDT_ALIGN = 64 << 10 };

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

bool elf_has_note(const struct file *f, const char *owner)
{
    Elf64_Phdr        room;
    const Elf64_Phdr *p;
    size_t            len = strlen(owner) + 1;
    for (unsigned i = 0; (p = program_header(f, i, &room)); i++)
        if (p->p_type == PT_NOTE && p->p_offset < f->len && p->p_filesz <= f->len - p->p_offset &&
            memmem(f->data + p->p_offset, p->p_filesz, owner, len))
            return true;
    return false;
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
    file_image_header(f, &h);
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
    int rc = file_map(&f, path, err); /* as it is: the kernel unpacks it */
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

char *command_line(const struct spec *spec)
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
    int rc                  = virt_describe(m, chosen, &size, err);
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

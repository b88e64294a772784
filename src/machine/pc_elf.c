/* machine/pc_elf.c - see pc_elf.h. The file is anybody's work: no number in it is believed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "machine/pc_elf.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "machine/pc.h"

enum { PAGE = 4096 };

/* Xen's notes (xen/include/public/elfnote.h). */
enum { NOTE_GUEST_OS = 6, NOTE_PHYS32_ENTRY = 18 };

struct view {
    const u8 *data;
    size_t    len;
    int       fd;
};

static const Elf64_Phdr *program_header(const struct view *v, unsigned n, Elf64_Phdr *room)
{
    Elf64_Ehdr e;
    memcpy(&e, v->data, sizeof(e));
    if (n >= e.e_phnum || e.e_phentsize != sizeof(*room) || e.e_phoff > v->len ||
        (n + 1) * sizeof(*room) > v->len - e.e_phoff)
        return NULL;
    memcpy(room, v->data + e.e_phoff + n * sizeof(*room), sizeof(*room));
    return room;
}

static int check_segment(const struct view *v, const Elf64_Phdr *p, struct err *err)
{
    if (p->p_filesz > p->p_memsz || p->p_offset > v->len || p->p_filesz > v->len - p->p_offset)
        return err_set(err, EINVAL, "a segment lies outside of the file");
    if (p->p_paddr < PC_HIGH || p->p_paddr + p->p_memsz < p->p_paddr)
        return err_set(err, EINVAL, "a segment at %#llx: below 1 MiB is the board's",
                       (unsigned long long)p->p_paddr);
    return 0;
}

/* Whole pages are the file's, the rest is copied. RAM is zero before. */
static int load_segment(struct ram *ram, const struct view *v, const Elf64_Phdr *p, struct err *err)
{
    u64 mapped = 0;
    int rc     = check_segment(v, p, err);
    if (rc)
        return rc;
    if (!ram_borrow(ram, p->p_paddr, p->p_memsz, true))
        return err_set(err, ENOMEM, "%llu KiB at %#llx: give the machine more memory (-m)",
                       (unsigned long long)(p->p_memsz >> 10), (unsigned long long)p->p_paddr);
    if (p->p_paddr % PAGE == 0 && p->p_offset % PAGE == 0)
        mapped = ALIGN_DOWN(p->p_filesz, (u64)PAGE);
    if (mapped)
        rc = ram_map(ram, p->p_paddr, mapped, v->fd, p->p_offset, err);
    if (!rc)
        rc = ram_write(ram, p->p_paddr + mapped, v->data + p->p_offset + mapped,
                       p->p_filesz - mapped);
    return rc;
}

/* Addresses of the entry are physical in Linux, virtual in most others. */
static void place_entry(struct pc_elf *out, u64 entry, const Elf64_Phdr *p, bool *physical)
{
    if (entry - p->p_paddr < p->p_memsz) {
        out->entry = entry;
        *physical  = true;
    } else if (!*physical && entry - p->p_vaddr < p->p_memsz) {
        out->entry = p->p_paddr + (entry - p->p_vaddr);
    }
}

static void read_note(struct pc_elf *out, u32 type, const u8 *desc, u32 len)
{
    u64 val = 0;
    if (type == NOTE_PHYS32_ENTRY && (len == 4 || len == 8)) {
        memcpy(&val, desc, len);
        out->pvh = val;
    } else if (type == NOTE_GUEST_OS) {
        out->is_linux = len >= 5 && !memcmp(desc, "linux", 5);
    }
}

static void read_notes(struct pc_elf *out, const struct view *v, const Elf64_Phdr *p)
{
    if (p->p_offset > v->len || p->p_filesz > v->len - p->p_offset)
        return;
    const u8 *at = v->data + p->p_offset, *end = at + p->p_filesz;
    while ((size_t)(end - at) >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr n;
        memcpy(&n, at, sizeof(n));
        at += sizeof(n);
        u64 name = ALIGN_UP((u64)n.n_namesz, 4ull), desc = ALIGN_UP((u64)n.n_descsz, 4ull);
        if (name > (u64)(end - at) || n.n_descsz > (u64)(end - at) - name)
            return;
        if (n.n_namesz == 4 && !memcmp(at, "Xen", 4))
            read_note(out, n.n_type, at + name, n.n_descsz);
        at += MIN(name + desc, (u64)(end - at));
    }
}

static int load(struct ram *ram, const struct view *v, struct pc_elf *out, struct err *err)
{
    Elf64_Ehdr        e;
    Elf64_Phdr        room;
    const Elf64_Phdr *p;
    bool              physical = false;
    if (v->len < sizeof(e))
        return err_set(err, EINVAL, "it is too short");
    memcpy(&e, v->data, sizeof(e));
    if (memcmp(e.e_ident, ELFMAG, SELFMAG) || e.e_ident[EI_CLASS] != ELFCLASS64 ||
        e.e_machine != EM_X86_64)
        return err_set(err, EINVAL, "it is no ELF file for x86-64");
    *out = (struct pc_elf){.entry = e.e_entry};
    for (unsigned i = 0; (p = program_header(v, i, &room)); i++) {
        if (p->p_type == PT_NOTE)
            read_notes(out, v, p);
        if (p->p_type != PT_LOAD || p->p_memsz == 0)
            continue;
        int rc = load_segment(ram, v, p, err);
        if (rc)
            return rc;
        place_entry(out, e.e_entry, p, &physical);
        out->end = MAX(out->end, p->p_paddr + p->p_memsz);
    }
    return out->end ? 0 : err_set(err, EINVAL, "it has nothing to load");
}

int pc_elf_load(struct ram *ram, int fd, struct pc_elf *out, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "read it");
    struct view v = {.len = (size_t)st.st_size, .fd = fd};
    v.data        = v.len ? mmap(NULL, v.len, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (v.data == MAP_FAILED)
        return err_errno(err, v.len ? errno : EINVAL, "map it");
    int rc = load(ram, &v, out, err);
    munmap((void *)v.data, v.len);
    return rc;
}

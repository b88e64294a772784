/* machine/files.c - the files of a machine: mapped, unpacked, and what they are by their bytes.
 *
 * Files are the user's, but may be anybody's work: no number in them is believed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "machine/boot.h"
#include "machine/unpack.h"

/* --- files --- */

void file_close(struct file *f)
{
    if (f->mapped)
        munmap(f->mapped, f->mapped_len);
    free(f->unpacked);
    *f = (struct file){0};
}

int file_map(struct file *f, const char *path, struct err *err)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat    st;
    *f = (struct file){0};
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

int file_open(struct file *f, const char *path, struct err *err)
{
    int rc = file_map(f, path, err);
    if (rc)
        return rc;
    const char *packing = packing_of(f->data, f->len);
    if (!packing || (strcmp(packing, "gzip") && strcmp(packing, "zstd")))
        return 0;
    struct unpacked u = {0};
    rc                = unpack(&u, f->data, f->len, err);
    if (rc) {
        unpack_done(&u);
        file_close(f);
        return err_wrap(err, "'%s'", path);
    }
    f->packing  = packing;
    f->unpacked = f->data = u.data;
    f->len                = u.len;
    return 0;
}

/* --- what it is --- */

static bool elf_is(const struct file *f, unsigned machine)
{
    const Elf64_Ehdr *e = (const void *)f->data;
    return f->len >= sizeof(*e) && !memcmp(e->e_ident, ELFMAG, SELFMAG) &&
           e->e_ident[EI_CLASS] == ELFCLASS64 && e->e_ident[EI_DATA] == ELFDATA2LSB &&
           e->e_machine == machine;
}

bool file_image_header(const struct file *f, struct image_header *out)
{
    if (f->len < sizeof(*out))
        return false;
    memcpy(out, f->data, sizeof(*out));
    return !memcmp(&out->magic2, "RSC\x05", 4);
}

bool file_is_bzimage(const struct file *f)
{
    enum { AT_MAGIC = 0x202, AT_VERSION = 0x206, HAS_PAYLOAD = 0x208, HEADER_END = 0x260 };
    return f->len > HEADER_END && !memcmp(f->data + AT_MAGIC, "HdrS", 4) &&
           (f->data[AT_VERSION] | f->data[AT_VERSION + 1] << 8) >= HAS_PAYLOAD;
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
    if (elf_is(f, EM_RISCV))
        return FILE_ELF;
    if (elf_is(f, EM_X86_64))
        return FILE_ELF_X86;
    if (file_is_bzimage(f))
        return FILE_BZIMAGE;
    if (file_image_header(f, &header))
        return FILE_IMAGE;
    if (!f->packing && is_disk(f))
        return FILE_DISK;
    return FILE_OTHER;
}

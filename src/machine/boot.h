/* machine/boot.h - the files a machine is made of. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MACHINE_BOOT_H
#define MACHINE_BOOT_H

#include "base/err.h"

/* A file's bytes, unpacked when they were packed. */
struct file {
    u8         *data;
    size_t      len;
    const char *packing; /* "gzip", "zstd"; NULL: it was not */
    void       *mapped;
    size_t      mapped_len;
    u8         *unpacked;
};

enum file_type {
    FILE_OTHER,
    FILE_ELF, /* of RISC-V, 64 bits */
    FILE_IMAGE,
    FILE_ELF_X86,
    FILE_BZIMAGE,
    FILE_DISK
};

/* Linux's Image for riscv64 (Documentation/arch/riscv/boot-image-header). */
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

int            file_open(struct file *, const char *path, struct err *err);
int            file_map(struct file *, const char *path, struct err *err); /* as it is */
void           file_close(struct file *);
enum file_type file_type(const struct file *);

bool file_image_header(const struct file *, struct image_header *out); /* false: it is none */
u64  elf_symbol(const struct file *, const char *name);                /* its value; 0: not there */
bool file_is_bzimage(const struct file *); /* Linux for x86, packed as boot.rst has it */
bool elf_has_note(const struct file *, const char *owner);
bool elf_fits_board(const struct file *); /* it wants to be where the board has memory */

struct ram;

struct loaded {
    gva entry;
    gpa end;
};

/* Puts a file where it belongs in RAM: a kernel, an ELF program, else a flat binary at FLAT_AT. */
int file_load(struct ram *, const char *path, gpa flat_at, struct loaded *out, struct err *err);

#endif

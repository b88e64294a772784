/* machine/pc_elf.h - an x86-64 ELF file, mapped into RAM by its physical addresses. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MACHINE_PC_ELF_H
#define MACHINE_PC_ELF_H

#include "base/err.h"

struct ram;

struct pc_elf {
    gpa  entry, end;
    gpa  pvh; /* 0: it does not know PVH */
    bool is_linux;
};

int pc_elf_load(struct ram *, int fd, struct pc_elf *out, struct err *err);

#endif

/* machine/probe.c - is this workload a machine's? Reads its bytes, runs nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "machine/boot.h"
#include "machine/state.h"

static void say(struct probe *out, int score, const char *why, const char *packing)
{
    out->score = score;
    if (packing)
        snprintf(out->why, sizeof(out->why), "%s, %s-compressed", why, packing);
    else
        snprintf(out->why, sizeof(out->why), "%s", why);
}

static void probe_file(const struct file *f, const struct spec *spec, struct probe *out)
{
    switch (file_type(f)) {
    case FILE_IMAGE:
        say(out, 95, "a Linux kernel for riscv64 (Image)", f->packing);
        break;
    case FILE_ELF:
        if (spec->firmware && !strcmp(spec->firmware, "none"))
            say(out, 95, "a RISC-V ELF program, started in M mode as --firmware none asks",
                f->packing);
        else if (elf_fits_board(f))
            say(out, 80, "a RISC-V ELF program linked for the board's memory", f->packing);
        else
            say(out, 0, "a RISC-V ELF program, but linked below the board's memory: a process's",
                f->packing);
        break;
    case FILE_DISK:
        if (spec->kernel || spec->firmware)
            say(out, 70, "a disk; --kernel or --firmware says how it boots", NULL);
        else
            say(out, 30,
                "a disk, but what boots it is not said: add --kernel FILE or --firmware "
                "FILE (such as U-Boot)",
                NULL);
        break;
    case FILE_OTHER:
        if (spec->firmware && strcmp(spec->firmware, "builtin"))
            say(out, 40, "a flat binary, loaded as --firmware asks", f->packing);
        else
            say(out, 0, "neither a RISC-V kernel, nor a RISC-V ELF file, nor a disk", NULL);
        break;
    }
}

void machine_probe(const struct spec *spec, struct probe *out)
{
    struct file f;
    struct err  err;
    *out = (struct probe){.engine = spec->engine ? spec->engine : "jit"};
    snprintf(out->engine_why, sizeof(out->engine_why), "%s",
             spec->engine ? "--engine asks for it" : "the default for riscv64");
    if (file_open(&f, spec->workload, &err)) {
        snprintf(out->why, sizeof(out->why), "%.150s", err.text);
        return;
    }
    probe_file(&f, spec, out);
    file_close(&f);
}

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
    if (spec->bare) {
        say(out, 90, "a flat x86-64 binary, as --bare asks", NULL);
        return;
    }
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
    case FILE_BZIMAGE:
        say(out, 95, "a Linux kernel for x86-64 (bzImage)", NULL);
        break;
    case FILE_ELF_X86:
        if (elf_has_note(f, "Xen"))
            say(out, 95, "a kernel for x86-64 (ELF, knows PVH)", NULL);
        else if (spec->engine && !strcmp(spec->engine, "kvm"))
            say(out, 60, "an x86-64 ELF file, started in long mode as --engine kvm asks", NULL);
        else
            say(out, 0, "an x86-64 ELF file, but no kernel that says it is one", NULL);
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

/* x86-64 is the host's own ISA: its hardware runs it. */
static bool wants_kvm(const struct spec *spec, const struct file *f)
{
    enum file_type type = file_type(f);
    return spec->bare || type == FILE_BZIMAGE || type == FILE_ELF_X86;
}

static void choose_engine(const struct spec *spec, const struct file *f, struct probe *out)
{
    struct file kernel = {0};
    bool        other  = spec->kernel && !file_open(&kernel, spec->kernel, NULL);
    bool        kvm    = wants_kvm(spec, other ? &kernel : f);
    file_close(&kernel);
    const char *why = kvm ? "the only one for x86-64" : "the default for riscv64";
    out->engine     = spec->engine ? spec->engine : kvm ? "kvm" : "jit";
    snprintf(out->engine_why, sizeof(out->engine_why), "%s",
             spec->engine ? "--engine asks for it" : why);
    if (kvm && strcmp(out->engine, "kvm"))
        say(out, 0, "x86-64 code: only the engine kvm runs it", NULL);
}

void machine_probe(const struct spec *spec, struct probe *out)
{
    struct file f;
    struct err  err;
    *out = (struct probe){.engine = spec->engine ? spec->engine : "jit"};
    if (file_open(&f, spec->workload, &err)) {
        snprintf(out->why, sizeof(out->why), "%.150s", err.text);
        return;
    }
    probe_file(&f, spec, out);
    choose_engine(spec, &f, out);
    file_close(&f);
}

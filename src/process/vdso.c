/* process/vdso.c - the small library that the kernel puts into each program (vdso(7)).
 *
 * A page in ELF's form, written here: its functions do the system calls of their names, so that
 * libraries and unwinders find what they look for; where time comes from is syscalls' business.
 * Symbols have no versions, which libraries take as good ones. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <string.h>
#include <sys/mman.h>

#include "process/process.h"

static const struct function {
    const char *name;
    u16         nr;
} functions[] = {
    {"__vdso_rt_sigreturn", 139},  {"__vdso_gettimeofday", 169}, {"__vdso_clock_gettime", 113},
    {"__vdso_clock_getres", 114},  {"__vdso_getcpu", 168},       {"__vdso_flush_icache", 259},
    {"__vdso_riscv_hwprobe", 258},
};
enum { N = ARRAY_SIZE(functions), SIGRETURN = 0 };

struct vdso {
    Elf64_Ehdr head;
    Elf64_Phdr ph[2];
    Elf64_Dyn  dyn[6];
    Elf64_Sym  sym[N + 1];
    u32        hash[2 + 1 + N + 1]; /* one bucket, in which all are */
    char       strings[32 * N + 1];
    u32        code[N][4];
};
_Static_assert(sizeof(struct vdso) <= USER_PAGE, "one page");
#define AT(m) offsetof(struct vdso, m)

static void fill_functions(struct vdso *v)
{
    u32 end    = 1;
    v->hash[0] = 1;
    v->hash[1] = N + 1;
    v->hash[2] = 1;
    for (u32 i = 0; i < N; i++) {
        const struct function *f = &functions[i];
        const u32 code[] = {0x00000893u | (u32)f->nr << 20, 0x00000073, 0x00008067}; /* ret */
        memcpy(v->code[i], code, sizeof(code)); /* li a7, nr; ecall; ret */
        v->sym[i + 1] = (Elf64_Sym){.st_name  = end,
                                    .st_info  = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                                    .st_shndx = 1,
                                    .st_value = AT(code) + i * sizeof(v->code[0]),
                                    .st_size  = sizeof(code)};
        memcpy(v->strings + end, f->name, strlen(f->name) + 1);
        end += (u32)strlen(f->name) + 1;
        v->hash[3 + 1 + i] = i + 1 < N ? i + 2 : 0;
    }
    v->dyn[0] = (Elf64_Dyn){DT_HASH, {AT(hash)}};
    v->dyn[1] = (Elf64_Dyn){DT_STRTAB, {AT(strings)}};
    v->dyn[2] = (Elf64_Dyn){DT_SYMTAB, {AT(sym)}};
    v->dyn[3] = (Elf64_Dyn){DT_STRSZ, {end}};
    v->dyn[4] = (Elf64_Dyn){DT_SYMENT, {sizeof(Elf64_Sym)}};
}

static void fill_heads(struct vdso *v)
{
    v->head = (Elf64_Ehdr){
        .e_ident     = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type      = ET_DYN,
        .e_machine   = EM_RISCV,
        .e_version   = EV_CURRENT,
        .e_phoff     = AT(ph),
        .e_flags     = 5, /* compressed, double floats in registers */
        .e_ehsize    = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum     = ARRAY_SIZE(v->ph)};
    v->ph[0] = (Elf64_Phdr){.p_type   = PT_LOAD,
                            .p_flags  = PF_R | PF_X,
                            .p_filesz = sizeof(*v),
                            .p_memsz  = sizeof(*v),
                            .p_align  = USER_PAGE};
    v->ph[1] = (Elf64_Phdr){.p_type   = PT_DYNAMIC,
                            .p_flags  = PF_R,
                            .p_offset = AT(dyn),
                            .p_vaddr  = AT(dyn),
                            .p_paddr  = AT(dyn),
                            .p_filesz = sizeof(v->dyn),
                            .p_memsz  = sizeof(v->dyn),
                            .p_align  = 8};
}

int vdso_map(struct program *p, struct err *err)
{
    enum { ANON = MAP_PRIVATE | MAP_ANONYMOUS };
    struct vdso v  = {0};
    gva         at = mm_map(p, 0, USER_PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
    fill_heads(&v);
    fill_functions(&v);
    if ((i64)at < 0 || user_write(self, at, &v, sizeof(v)) ||
        mm_protect(p, at, USER_PAGE, PROT_READ | PROT_EXEC))
        return err_set(err, ENOMEM, "map the code that ends signal handlers");
    p->mm.vdso      = at;
    p->mm.sigreturn = at + AT(code[SIGRETURN]);
    return 0;
}

/* process/elf.c - an ELF program and its interpreter into memory, and the stack it starts with.
 *
 * System V ABI, chapters 4 and 5; the RISC-V ELF psABI. Everything in the file is a lie until
 * checked: header counts are bounded, and mm_map refuses addresses outside the program's. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/process.h"

enum { PHDRS_MAX = 256, STACK_BYTES = 8 << 20, ARGS_MAX = 1 << 20 };
#define DYN_BASE    0x2aaaaaa000ull /* two thirds of the address space, as Linux */
#define INTERP_BASE 0x3f00000000ull
#define STACK_TOP   (USER_LIMIT - 2 * USER_PAGE)
#define HWCAP_V     (1u << 21)
#define HWCAP       (1u << 0 | 1u << 2 | 1u << 3 | 1u << 5 | 1u << 8 | 1u << 12) /* A C D F I M */

bool elf_is_ours(const u8 *head, u64 len)
{
    const Elf64_Ehdr *e = (const void *)head;
    return len >= sizeof(*e) && !memcmp(e->e_ident, ELFMAG, SELFMAG) &&
           e->e_ident[EI_CLASS] == ELFCLASS64 && e->e_ident[EI_DATA] == ELFDATA2LSB &&
           (e->e_ident[EI_OSABI] == ELFOSABI_SYSV || e->e_ident[EI_OSABI] == ELFOSABI_LINUX) &&
           e->e_machine == EM_RISCV && (e->e_type == ET_EXEC || e->e_type == ET_DYN);
}

struct elf {
    Elf64_Ehdr head;
    Elf64_Phdr ph[PHDRS_MAX];
    gva        low, high; /* of its segments, as linked */
    gva        bias;      /* added to what it was linked for */
};

static int read_headers(int fd, struct elf *e, struct err *err)
{
    ssize_t n = pread(fd, &e->head, sizeof(e->head), 0);
    if (n < 0)
        return err_errno(err, errno, "read the program");
    if (!elf_is_ours((const u8 *)&e->head, (u64)n))
        return err_set(err, ENOEXEC, "not an ELF program for 64-bit RISC-V Linux");
    if (e->head.e_phentsize != sizeof(Elf64_Phdr) || !e->head.e_phnum ||
        e->head.e_phnum > PHDRS_MAX)
        return err_set(err, ENOEXEC, "the program's headers are not of this size or number");
    u64 len = e->head.e_phnum * sizeof(Elf64_Phdr);
    if (pread(fd, e->ph, len, (off_t)e->head.e_phoff) != (ssize_t)len)
        return err_set(err, ENOEXEC, "the program's headers are cut off");
    e->low = ~0ull;
    for (unsigned i = 0; i < e->head.e_phnum; i++) {
        const Elf64_Phdr *p = &e->ph[i];
        if (p->p_type != PT_LOAD || !p->p_memsz)
            continue;
        if (p->p_filesz > p->p_memsz || !user_ok(p->p_vaddr, p->p_memsz) ||
            p->p_vaddr % USER_PAGE != p->p_offset % USER_PAGE)
            return err_set(err, ENOEXEC, "segment %u of the program makes no sense", i);
        e->low  = MIN(e->low, ALIGN_DOWN(p->p_vaddr, USER_PAGE));
        e->high = MAX(e->high, ALIGN_UP(p->p_vaddr + p->p_memsz, USER_PAGE));
    }
    return e->low < e->high ? 0 : err_set(err, ENOEXEC, "the program has no segments");
}

static int prot_of(const Elf64_Phdr *p)
{
    return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
           (p->p_flags & PF_X ? PROT_EXEC : 0);
}

/* What follows the file's bytes in memory is zero, also to the end of their last page. */
static i64 map_segment(struct program *prog, const Elf64_Phdr *p, int fd, gva bias)
{
    enum { FIXED = MAP_PRIVATE | MAP_FIXED };
    u64 skip = p->p_vaddr % USER_PAGE;
    gva at   = p->p_vaddr - skip + bias;
    u64 file = p->p_filesz ? ALIGN_UP(skip + p->p_filesz, USER_PAGE) : 0;
    u64 all  = ALIGN_UP(skip + p->p_memsz, USER_PAGE);
    i64 rc   = 0;
    if (file)
        rc = (i64)mm_map(prog, at, file, prot_of(p), FIXED, fd, p->p_offset - skip);
    if (rc >= 0 && all > file)
        rc = (i64)mm_map(prog, at + file, all - file, prot_of(p), FIXED | MAP_ANONYMOUS, -1, 0);
    u64 end = skip + p->p_filesz;
    if (rc >= 0 && p->p_flags & PF_W && end < file && p->p_memsz > p->p_filesz)
        rc = user_write(self, at + end, (const u8[USER_PAGE]){0}, file - end);
    return rc;
}

/* A place for what may stand anywhere; a program that may not keeps its addresses. */
static int choose_bias(struct program *prog, struct elf *e, gva wish, struct err *err)
{
    if (e->head.e_type == ET_EXEC)
        return 0;
    u64 align = USER_PAGE;
    for (unsigned i = 0; i < e->head.e_phnum; i++)
        if (e->ph[i].p_type == PT_LOAD && !(e->ph[i].p_align & (e->ph[i].p_align - 1)))
            align = MAX(align, MIN(e->ph[i].p_align, MiB(2)));
    u64 len = e->high - e->low;
    gva at  = mm_map(prog, wish, len + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if ((i64)at < 0)
        return err_set(err, ENOMEM, "no room for the program's %llu bytes",
                       (unsigned long long)len);
    mm_unmap(prog, at, len + align);
    e->bias = ALIGN_UP(at, align) - e->low;
    return 0;
}

static int load_one(struct program *prog, int fd, struct elf *e, gva wish, struct err *err)
{
    int rc = read_headers(fd, e, err);
    if (!rc)
        rc = choose_bias(prog, e, wish, err);
    for (unsigned i = 0; !rc && i < e->head.e_phnum; i++) {
        i64 got = e->ph[i].p_type == PT_LOAD && e->ph[i].p_memsz
                      ? map_segment(prog, &e->ph[i], fd, e->bias)
                      : 0;
        if (got < 0)
            rc = err_errno(err, (int)-got, "map segment %u of the program", i);
    }
    return rc;
}

/* Where the program headers are in memory. */
static gva phdr_of(const struct elf *e)
{
    for (unsigned i = 0; i < e->head.e_phnum; i++) {
        const Elf64_Phdr *p = &e->ph[i];
        if (p->p_type == PT_PHDR)
            return p->p_vaddr + e->bias;
        if (p->p_type == PT_LOAD && e->head.e_phoff >= p->p_offset &&
            e->head.e_phoff < p->p_offset + p->p_filesz)
            return p->p_vaddr + (e->head.e_phoff - p->p_offset) + e->bias;
    }
    return 0;
}

static int load_interpreter(struct program *prog, const char *name, struct image *out,
                            struct err *err)
{
    char path[4096];
    path_find(prog, name, 0, path);
    cleanup_fd int           fd = open(path, O_RDONLY | O_CLOEXEC);
    cleanup_free struct elf *e  = xnew(struct elf);
    if (fd < 0)
        return err_errno(err, errno, "open the program's interpreter '%s'", path);
    int rc = load_one(prog, fd, e, INTERP_BASE, err);
    if (rc)
        return rc;
    out->base  = e->bias;
    out->entry = e->head.e_entry + e->bias;
    return 0;
}

int elf_load(struct program *prog, int fd, struct image *out, struct err *err)
{
    cleanup_free struct elf *e  = xnew(struct elf);
    int                      rc = load_one(prog, fd, e, DYN_BASE, err);
    if (rc)
        return rc;
    *out       = (struct image){.start = e->head.e_entry + e->bias,
                                .phdr  = phdr_of(e),
                                .phnum = e->head.e_phnum,
                                .end   = e->high + e->bias};
    out->entry = out->start;
    for (unsigned i = 0; i < e->head.e_phnum; i++) {
        const Elf64_Phdr *p = &e->ph[i];
        char              name[4096];
        if (p->p_type != PT_INTERP)
            continue;
        if (p->p_filesz < 2 || p->p_filesz > sizeof(name) ||
            pread(fd, name, p->p_filesz, (off_t)p->p_offset) != (ssize_t)p->p_filesz ||
            name[p->p_filesz - 1])
            return err_set(err, ENOEXEC, "the name of the program's interpreter is damaged");
        return load_interpreter(prog, name, out, err);
    }
    return 0;
}

/* --- the stack --- */

struct stack {
    struct thread *t;
    gva            sp, low; /* grows down to low */
    int            rc;
};

static gva push(struct stack *s, const void *data, u64 len)
{
    if (s->rc || len > s->sp - s->low) {
        s->rc = s->rc ? s->rc : -E2BIG;
        return 0;
    }
    s->sp -= len;
    s->rc = user_write(s->t, s->sp, data, len);
    return s->sp;
}

static u64 count(char **list)
{
    u64 n = 0;
    while (list[n])
        n++;
    return n;
}

static void push_strings(struct stack *s, char **list, u64 n, u64 *out)
{
    for (u64 i = n; i-- > 0;)
        out[i] = push(s, list[i], strlen(list[i]) + 1);
}

static u64 fill_auxv(struct stack *s, const struct image *im, u64 *v)
{
    u8 random[16];
    if (getrandom(random, sizeof(random), 0) < 0)
        s->rc = -errno;
    gva       name  = push(s, s->t->program->exe_name, strlen(s->t->program->exe_name) + 1);
    gva       bytes = push(s, random, sizeof(random));
    const u64 all[] = {
        AT_PHDR,         im->phdr,
        AT_PHENT,        sizeof(Elf64_Phdr),
        AT_PHNUM,        im->phnum,
        AT_PAGESZ,       USER_PAGE,
        AT_BASE,         im->base,
        AT_FLAGS,        0,
        AT_ENTRY,        im->start,
        AT_UID,          getuid(),
        AT_EUID,         geteuid(),
        AT_GID,          getgid(),
        AT_EGID,         getegid(),
        AT_HWCAP,        vectors_allowed(s->t) ? HWCAP | HWCAP_V : HWCAP,
        AT_CLKTCK,       100,
        AT_RANDOM,       bytes,
        AT_EXECFN,       name,
        AT_SECURE,       getauxval(AT_SECURE),
        AT_SYSINFO_EHDR, s->t->program->mm.vdso,
        AT_NULL,         0,
    };
    _Static_assert(sizeof(all) <= AUXV_WORDS * 8, "room for it");
    memcpy(v, all, sizeof(all));
    memcpy(s->t->program->auxv, all, sizeof(all));
    return ARRAY_SIZE(all);
}

int elf_stack(struct thread *t, const struct image *im, char **argv, char **envp, gva *sp)
{
    gva low = mm_map(t->program, STACK_TOP - STACK_BYTES, STACK_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if ((i64)low < 0)
        return (int)(i64)low;
    u64 argc = count(argv), envc = count(envp), n = 0;
    if (argc + envc > ARGS_MAX)
        return -E2BIG;
    struct stack      s = {t, STACK_TOP, low + STACK_BYTES / 4, 0};
    cleanup_free u64 *v = try_alloc(argc + envc + 64, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v[n] = argc;
    push_strings(&s, argv, argc, v + n + 1);
    n += 1 + argc + 1;
    push_strings(&s, envp, envc, v + n);
    n += envc + 1;
    n += fill_auxv(&s, im, v + n);
    s.sp = ALIGN_DOWN(s.sp - n * 8, 16) + n * 8;
    *sp  = push(&s, v, n * 8);
    return s.rc;
}

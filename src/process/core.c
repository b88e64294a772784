/* process/core.c - the memory and registers of a program that a signal ended, as a file that
 * debuggers read: an ELF core of riscv64 (binfmt_elf's, include/linux/elfcore.h).
 *
 * The thread that dies writes it. The others stand still by then, or wait in a system call. Only
 * pages that were used are written, holes stand for the rest; RLIMIT_CORE ends it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/process.h"

enum { SEGMENTS_MAX = 60000, STOP_MS = 1000 };

struct status { /* elf_prstatus of riscv64 */
    i32 signo, code, error;
    u16 cursig, pad;
    u64 pending, held;
    i32 pid, ppid, pgrp, sid;
    u64 times[8];
    u64 regs[32]; /* pc, x1 to x31 */
    i32 fp_valid, pad2;
};
_Static_assert(sizeof(struct status) == 376, "as the kernel's");

struct info { /* elf_prpsinfo */
    char state, name, zombie, nice;
    u64  flags;
    u32  uid, gid;
    i32  pid, ppid, pgrp, sid;
    char file[16], args[80];
};
_Static_assert(sizeof(struct info) == 136, "as the kernel's");

struct fp_regs {
    u64 f[32];
    u32 fcsr, pad;
};

struct core {
    struct program *p;
    u8             *notes;
    u64             n_notes;
    Elf64_Phdr     *ph;
    u64             n_ph;
    int             fd;
    u64             limit; /* of the file's length */
};

static void add_note(struct core *c, u32 type, const void *data, u64 len)
{
    const Elf64_Nhdr head = {.n_namesz = 5, .n_descsz = (u32)len, .n_type = type};
    u64              all  = sizeof(head) + 8 + ALIGN_UP(len, 4);
    c->notes              = xrealloc(c->notes, c->n_notes + all);
    u8 *at                = c->notes + c->n_notes;
    memset(at, 0, all);
    memcpy(at, &head, sizeof(head));
    memcpy(at + sizeof(head), "CORE", 5);
    memcpy(at + sizeof(head) + 8, data, len);
    c->n_notes += all;
}

static void note_thread(struct core *c, const struct thread *t, int sig)
{
    struct status  s = {.signo  = sig,
                        .cursig = (u16)sig,
                        .held   = t->mask,
                        .pid    = t->tid,
                        .ppid   = getppid(),
                        .pgrp   = getpgrp(),
                        .sid    = getsid(0)};
    struct fp_regs f = {.fcsr = rv64_fcsr(t->v)};
    memcpy(s.regs, rv64_x(t->v), sizeof(s.regs));
    memcpy(f.f, rv64_f(t->v), sizeof(f.f));
    s.regs[0]  = *rv64_pc(t->v);
    s.fp_valid = 1;
    add_note(c, NT_PRSTATUS, &s, sizeof(s));
    add_note(c, NT_FPREGSET, &f, sizeof(f));
}

static void note_program(struct core *c)
{
    const char *slash = strrchr(c->p->exe, '/');
    struct info i     = {.name = 'R',
                         .uid  = getuid(),
                         .gid  = getgid(),
                         .pid  = getpid(),
                         .ppid = getppid(),
                         .pgrp = getpgrp(),
                         .sid  = getsid(0)};
    size_t      n     = 0;
    strncpy(i.file, slash ? slash + 1 : c->p->exe, sizeof(i.file) - 1);
    for (char **a = c->p->args; *a && n + 1 < sizeof(i.args); a++)
        n += (size_t)snprintf(i.args + n, sizeof(i.args) - n, "%s%s", n ? " " : "", *a);
    add_note(c, NT_PRPSINFO, &i, sizeof(i));
    add_note(c, NT_AUXV, c->p->auxv, sizeof(c->p->auxv));
}

/* The dying one is first, since debuggers show that. */
static void note_all(struct core *c, const struct thread *dying, int sig, const siginfo_t *info)
{
    note_thread(c, dying, sig);
    note_program(c);
    if (info)
        add_note(c, NT_SIGINFO, info, 128);
    for (const struct thread *t = c->p->threads; t; t = t->next)
        if (t != dying)
            note_thread(c, t, sig);
}

/* Pages that are alike and lie together are a segment. */
static void find_segments(struct core *c)
{
    const u8 *pages = c->p->mm.pages;
    c->ph           = xalloc(SEGMENTS_MAX * sizeof(*c->ph));
    c->n_ph         = 1; /* the first: the notes */
    for (u64 p = 0; p < USER_LIMIT / USER_PAGE && c->n_ph < SEGMENTS_MAX;) {
        if (p % 8 == 0 && *(const u64 *)(pages + p) == 0) {
            p += 8;
            continue;
        }
        u64 from = p;
        u8  what = pages[p];
        while (p < USER_LIMIT / USER_PAGE && pages[p] == what)
            p++;
        if (!what)
            continue;
        u64 len          = (p - from) * USER_PAGE;
        c->ph[c->n_ph++] = (Elf64_Phdr){.p_type  = PT_LOAD,
                                        .p_flags = (what & PROT_READ ? PF_R : 0u) |
                                                   (what & PROT_WRITE ? PF_W : 0u) |
                                                   (what & PROT_EXEC ? PF_X : 0u),
                                        .p_vaddr  = from * USER_PAGE,
                                        .p_filesz = what & 7 ? len : 0,
                                        .p_memsz  = len,
                                        .p_align  = USER_PAGE};
    }
}

static bool put(const struct core *c, u64 at, const void *data, u64 len)
{
    return at < c->limit && pwrite(c->fd, data, MIN(len, c->limit - at), (off_t)at) > 0;
}

/* Of a page that nobody has touched the host's page table has nothing. */
static void put_segment(const struct core *c, const Elf64_Phdr *ph, int map)
{
    u64 used[512];
    for (u64 done = 0; done < ph->p_filesz && ph->p_offset + done < c->limit;) {
        const u8 *host = c->p->mm.user.base + ph->p_vaddr + done;
        u64       n    = MIN((ph->p_filesz - done) / USER_PAGE, ARRAY_SIZE(used));
        if (pread(map, used, n * 8, (off_t)((u64)host / USER_PAGE * 8)) != (ssize_t)(n * 8))
            return;
        for (u64 i = 0; i < n; i++)
            if (used[i] >> 62) /* present, or swapped out */
                put(c, ph->p_offset + done + i * USER_PAGE, host + i * USER_PAGE, USER_PAGE);
        done += n * USER_PAGE;
    }
}

static void put_all(struct core *c)
{
    cleanup_fd int map  = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    u64            end  = sizeof(Elf64_Ehdr) + c->n_ph * sizeof(*c->ph);
    Elf64_Ehdr     head = {
            .e_ident   = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
            .e_type    = ET_CORE,
            .e_machine = EM_RISCV,
            .e_version = EV_CURRENT,
            .e_phoff   = sizeof(head),
            .e_flags   = 5, /* compressed, double floats in registers */
            .e_ehsize  = sizeof(head),
            .e_phentsize = sizeof(*c->ph),
            .e_phnum     = (u16)c->n_ph};
    c->ph[0] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = end, .p_filesz = c->n_notes};
    end      = ALIGN_UP(end + c->n_notes, USER_PAGE);
    for (u64 i = 1; i < c->n_ph; i++) {
        c->ph[i].p_offset = end;
        end += c->ph[i].p_filesz;
    }
    put(c, 0, &head, sizeof(head));
    put(c, sizeof(head), c->ph, c->n_ph * sizeof(*c->ph));
    put(c, c->ph[0].p_offset, c->notes, c->n_notes);
    for (u64 i = 1; map >= 0 && i < c->n_ph; i++)
        put_segment(c, &c->ph[i], map);
    if (ftruncate(c->fd, (off_t)MIN(end, c->limit)))
        return; /* shorter, then */
}

/* Until all other threads are outside of their code. They stay so: thread_run. */
static void stop_others(struct thread *dying)
{
    struct program *p = dying->program;
    atomic_store(&p->dying, true);
    for (int ms = 0; ms < STOP_MS; ms++) {
        bool inside = false;
        for (struct thread *t = p->threads; t; t = t->next)
            if (t != dying && atomic_load(&t->inside)) {
                inside = true;
                t->v->ops->kick(t->v);
            }
        if (!inside)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static bool names_have_pid(void)
{
    char           c  = '0';
    cleanup_fd int fd = open("/proc/sys/kernel/core_uses_pid", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &c, 1) == 1 && c != '0';
}

bool core_wanted(void)
{
    struct rlimit limit;
    return !getrlimit(RLIMIT_CORE, &limit) && limit.rlim_cur;
}

void core_dump(struct thread *t, int sig, const siginfo_t *info)
{
    struct core   c = {.p = t->program};
    struct rlimit limit;
    char          name[32] = "core";
    if (t->vforked || getrlimit(RLIMIT_CORE, &limit) || !limit.rlim_cur)
        return;
    pthread_mutex_lock(&c.p->lock); /* for good: no thread comes or goes */
    c.limit = limit.rlim_cur;
    if (names_have_pid())
        snprintf(name, sizeof(name), "core.%d", (int)getpid());
    c.fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (c.fd >= 0) {
        stop_others(t);
        note_all(&c, t, sig, info);
        find_segments(&c);
        put_all(&c);
        close(c.fd);
    }
    /* The host's kernel shall not write one of us instead. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, limit.rlim_max});
}

/* process/process.h - the kind `process`: a Linux program for riscv64, run in place.
 *
 * Guest address 0 stands at mm.user.base of a large reserved area: a guest address is a host
 * address less that base. Guest pages have the host's protection, never with PROT_EXEC, so the
 * host's kernel answers EFAULT for what the guest may not touch. Each guest thread is a host
 * thread with a hart. The host's signal mask of a thread is its guest's mask, and a signal that
 * the guest has no handler for is the host's to deal with. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESS_PROCESS_H
#define PROCESS_PROCESS_H

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/err.h"
#include "rv64/rv64.h"
#include "vm/clock.h"

#define USER_LIMIT (1ull << 38) /* Sv39's lower half, as riscv64 Linux gives it to a program */
#define USER_PAGE  4096u
#define SIGNALS    64

/* What a program's memory is: memory.c. */
enum { PAGE_HERE = 8, PAGE_SHARED = 16 }; /* beside PROT_READ, PROT_WRITE, PROT_EXEC */

struct mm {
    struct rv64_user user;
    u8              *pages; /* a byte for each guest page: PROT_x, PAGE_x; read without the lock */
    pthread_mutex_t  lock;  /* who changes mappings holds it */
    gva              brk_start, brk;
    gva              sigreturn; /* the code that a signal handler returns to */
    gva              vdso;      /* the page that it is in */
};

struct sig_action { /* as riscv64's kernel has it */
    u64 handler, flags, mask;
};

struct sig_stack {
    u64 sp;
    u32 flags, unused;
    u64 size;
};

struct options {
    const char *root;           /* looked into first for absolute paths; NULL: none */
    const char *argv0;          /* NULL: the path */
    bool        by_kernel;      /* binfmt_misc started us, and will start what we execute */
    int         exec_fd;        /* the program, already open; -1: open the path */
    bool        strace;         /* each system call to stderr */
    bool        stats;          /* at the end: what system calls were not there */
    bool        interp;         /* the interpreter instead of the translator */
    bool        lockstep;       /* both, compared */
    const char *hard;           /* conditions for the translator; see rv64_config */
    unsigned    vlen;           /* bits of a vector register; 0: there are none */
    u32         vector_control; /* as for prctl */
};

enum { AUXV_WORDS = 40, CALLS = 512 };

struct program {
    struct mm         mm;
    struct clock     *clock;
    struct options    options;
    int               root_fd;   /* of options.root, or -1 */
    char             *root_path; /* its name, without links, or NULL */
    char             *exe;       /* the program's absolute path on the host */
    const char       *exe_name;  /* the same as the program knows it: below the root */
    char            **args;
    pthread_mutex_t   lock; /* guards threads */
    struct thread    *threads;
    struct sig_action actions[SIGNALS + 1];
    atomic_uint       missing[CALLS];   /* how often a system call was not there */
    atomic_bool       dying;            /* its threads stand still */
    u64               auxv[AUXV_WORDS]; /* as the program got it */
};

struct thread {
    struct program    *program;
    struct vcpu       *v;
    struct thread     *next, **link;
    struct sig_action *actions; /* the program's, or a copy between vfork and exec */
    struct sig_stack   alt;
    u64                mask;         /* blocked guest signals, bit n-1 for signal n */
    u64                handler_mask; /* added while a handler of an interrupted wait runs */
    gva                clear_tid;
    gva                robust_list;
    u32                vector_control; /* of prctl(PR_RISCV_V_SET_CONTROL) */
    i32                tid;
    atomic_bool        inside;  /* its hart runs, so its registers may be anywhere */
    bool               vforked; /* shares its memory with a parent that waits */

    /* Written by the handler of host signals on this thread. All signals are blocked from then
     * on until it is looked at. */
    volatile sig_atomic_t pending; /* the signal's number, 0: none */
    siginfo_t             info;
    int                   fault_signal; /* of the last fault in memory: SIGSEGV or SIGBUS */
    sigjmp_buf           *copying;      /* where a fault in user_read or user_write goes */
};

extern __thread struct thread *self;

/* memory.c */
int  mm_create(struct mm *, struct err *err);
void mm_destroy(struct mm *);
gva  mm_map(struct program *, gva addr, u64 len, int prot, int flags, int fd, u64 offset);
int  mm_unmap(struct program *, gva addr, u64 len);
int  mm_protect(struct program *, gva addr, u64 len, int prot);
gva  mm_remap(struct program *, gva addr, u64 old_len, u64 len, int flags, gva to);
gva  mm_brk(struct program *, gva to);
gva  mm_attach(struct program *, int id, gva addr, int flags); /* shmat */
int  mm_detach(struct program *, gva addr);
bool mm_has(const struct mm *, gva addr, u64 len, int prot);

static inline bool user_ok(gva addr, u64 len)
{
    return addr < USER_LIMIT && len <= USER_LIMIT - addr;
}

/* Copies between the program's memory and ours. 0 or -EFAULT; user_string: length or an error. */
int  user_read(struct thread *, void *dst, gva src, u64 len);
int  user_write(struct thread *, gva dst, const void *src, u64 len);
long user_string(struct thread *, char *dst, gva src, u64 room);

static inline void *user_host(const struct thread *t, gva addr)
{
    return t->program->mm.user.base + addr;
}

/* elf.c */
struct image {
    gva entry;             /* where to begin: the interpreter's or its own */
    gva base, phdr, start; /* of the interpreter; program headers; its own entry */
    u64 phnum;
    gva end; /* the first page after it */
};
bool elf_is_ours(const u8 *head, u64 len); /* an ELF program of riscv64 for Linux */
int  elf_load(struct program *, int fd, struct image *out, struct err *err);
int  elf_stack(struct thread *, const struct image *, char **argv, char **envp, gva *sp);

/* vdso.c */
int vdso_map(struct program *, struct err *err);

/* path.c */
enum { PATH_NOFOLLOW = 1 };
int path_get(struct thread *, gva addr, unsigned flags, char out[4096]);
/* /proc/self/NAME, or by our own pid: NAME; otherwise NULL. */
const char *path_own_proc(const char *path);
int         path_find(const struct program *, const char *path, unsigned flags, char out[4096]);

/* The program's name for a path of the host's: below the root, that is left away. */
const char *path_inside(const struct program *, const char *path);

/* files.c */
int proc_open(struct thread *, const char *path, int flags); /* -ENOENT: not one of ours */

/* signal.c */
#define ENOTMADE 512 /* a system call that was not made, since a signal came first */
#define EREGSSET 513 /* the registers are set already */
int  signals_start(void);
bool signals_deliver(struct thread *); /* what is pending, before the program goes on */
void signal_force(struct thread *, int sig, int code, gva addr); /* the program's own fault */
bool signal_restarts(struct thread *);
_Noreturn void signal_die(int sig);
long           host_call(struct thread *, long nr, const u64 a[6]); /* -errno, or -ENOTMADE */
void           set_host_mask(u64 mask);

/* vectors.c */
enum { VECTORS_ON = 2 };
u64  vectors_frame(const struct thread *); /* bytes behind a signal frame */
int  vectors_save(struct thread *, gva at, u8 record[8]);
int  vectors_restore(struct thread *, gva at, const u8 record[8]);
u32  vectors_after_exec(u32 control);
bool vectors_allowed(const struct thread *);
void vectors_start(struct thread *, u32 control);
long vectors_get_control(const struct thread *);
long vectors_set_control(struct thread *, u64 control);

/* thread.c */
struct thread *thread_new(struct program *, struct err *err);
void           thread_free(struct thread *);
_Noreturn void thread_exit(struct thread *, int status);
_Noreturn void thread_run(struct thread *);
void           forget_code(struct program *);
long           thread_clone(struct thread *, u64 flags, gva stack, gva ptid, gva tls, gva ctid);

/* core.c */
bool core_wanted(void);
void core_dump(struct thread *, int sig, const siginfo_t *);

/* syscalls.c */
void syscall_do(struct thread *);
void stats_tell(struct program *);

/* run.c */
int program_run(const char *path, char **argv, char **envp, const struct options *,
                struct err *err);
/* Instead of execve, where PATH may be a program of riscv64. Returns -errno. */
int program_exec(struct thread *, const char *path, char **argv, char **envp);

#endif

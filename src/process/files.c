/* process/files.c - system calls of files whose structures or names are not the host's. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/calls.h"

/* --- stat: asm-generic's --- */

struct user_stat {
    u64 dev, ino;
    u32 mode, nlink, uid, gid;
    u64 rdev, pad1;
    i64 size;
    i32 blksize, pad2;
    i64 blocks;
    i64 atime;
    u64 atime_ns;
    i64 mtime;
    u64 mtime_ns;
    i64 ctime;
    u64 ctime_ns;
    u32 unused[2];
};
_Static_assert(sizeof(struct user_stat) == 128, "as asm-generic/stat.h");

static long put_stat(struct thread *t, gva to, const struct stat *s)
{
    struct user_stat u = {.dev      = s->st_dev,
                          .ino      = s->st_ino,
                          .mode     = s->st_mode,
                          .nlink    = (u32)s->st_nlink,
                          .uid      = s->st_uid,
                          .gid      = s->st_gid,
                          .rdev     = s->st_rdev,
                          .size     = s->st_size,
                          .blksize  = (i32)s->st_blksize,
                          .blocks   = s->st_blocks,
                          .atime    = s->st_atim.tv_sec,
                          .atime_ns = (u64)s->st_atim.tv_nsec,
                          .mtime    = s->st_mtim.tv_sec,
                          .mtime_ns = (u64)s->st_mtim.tv_nsec,
                          .ctime    = s->st_ctim.tv_sec,
                          .ctime_ns = (u64)s->st_ctim.tv_nsec};
    return user_write(t, to, &u, sizeof(u));
}

long sys_newfstatat(struct thread *t, const u64 *a)
{
    struct stat s;
    char        path[4096];
    int         rc = path_get(t, a[1], a[3] & AT_SYMLINK_NOFOLLOW ? PATH_NOFOLLOW : 0, path);
    if (rc)
        return rc;
    long n = host_call(t, SYS_newfstatat, (u64[6]){a[0], (u64)path, (u64)&s, a[3]});
    return n ? n : put_stat(t, a[2], &s);
}

long sys_fstat(struct thread *t, const u64 *a)
{
    struct stat s;
    long        rc = host_call(t, SYS_fstat, (u64[6]){a[0], (u64)&s});
    return rc ? rc : put_stat(t, a[1], &s);
}

/* --- names --- */

/* The host's mappings that are the program's, told at its addresses with its protections. */
static void tell_maps(struct thread *t, FILE *out)
{
    char             line[4400], rest[4300];
    const struct mm *mm   = &t->program->mm;
    u64              base = (u64)mm->user.base, from, to;
    FILE            *in   = fopen("/proc/self/maps", "re");
    if (!in)
        return;
    while (fgets(line, sizeof(line), in)) {
        unsigned long long f, e;
        if (sscanf(line, "%llx-%llx %*4s %4299[^\n]", &f, &e, rest) != 3)
            continue;
        from = f - base;
        to   = e - base;
        if (f < base || from >= USER_LIMIT || to > USER_LIMIT)
            continue;
        while (from < to) { /* as long as the pages are alike */
            u8  what = mm->pages[from / USER_PAGE];
            gva end  = from + USER_PAGE;
            while (end < to && mm->pages[end / USER_PAGE] == what)
                end += USER_PAGE;
            if (what)
                fprintf(out, "%08llx-%08llx %c%c%c%c %s%s\n", (unsigned long long)from,
                        (unsigned long long)end, what & PROT_READ ? 'r' : '-',
                        what & PROT_WRITE ? 'w' : '-', what & PROT_EXEC ? 'x' : '-',
                        what & PAGE_SHARED ? 's' : 'p', rest,
                        end == USER_LIMIT - 2 * USER_PAGE ? "[stack]" : "");
            from = end;
        }
    }
    fclose(in);
}

static void tell_cmdline(struct thread *t, FILE *out)
{
    for (char **a = t->program->args; *a; a++)
        fwrite(*a, strlen(*a) + 1, 1, out);
}

static void tell_cpuinfo(struct thread *t, FILE *out)
{
    char isa[RV64_ISA_ROOM];
    rv64_isa(t->program->options.vlen, isa);
    for (long i = 0, n = sysconf(_SC_NPROCESSORS_ONLN); i < n; i++)
        fprintf(out, "processor\t: %ld\nhart\t\t: %ld\nisa\t\t: %s\nmmu\t\t: sv39\n\n", i, i, isa);
}

static const struct {
    const char *name;
    bool        own; /* below /proc/self */
    void (*tell)(struct thread *, FILE *);
} told[] = {
    {"maps", true, tell_maps},
    {"cmdline", true, tell_cmdline},
    {"/proc/cpuinfo", false, tell_cpuinfo},
};

int proc_open(struct thread *t, const char *path, int flags)
{
    const char *own = path_own_proc(path);
    for (unsigned i = 0; i < ARRAY_SIZE(told); i++) {
        const char *name = told[i].own ? own : path;
        if (!name || strcmp(name, told[i].name))
            continue;
        int fd = memfd_create("proc", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
        if (fd < 0)
            return -errno;
        FILE *out = fdopen(dup(fd), "w");
        if (out) {
            told[i].tell(t, out);
            fclose(out);
        }
        lseek(fd, 0, SEEK_SET);
        return fd;
    }
    return -ENOENT;
}

long sys_openat(struct thread *t, const u64 *a)
{
    char path[4096];
    int  rc = path_get(t, a[1], a[2] & O_NOFOLLOW ? PATH_NOFOLLOW : 0, path);
    if (rc)
        return rc;
    int fd = proc_open(t, path, (int)a[2]);
    if (fd != -ENOENT)
        return fd;
    return host_call(t, SYS_openat, (u64[6]){a[0], (u64)path, a[2], a[3]});
}

/* A name as the program knows it, N bytes of room. */
static long put_name(struct thread *t, gva to, const char *name, u64 n)
{
    int rc = user_write(t, to, name, n);
    return rc ? rc : (long)n;
}

long sys_readlinkat(struct thread *t, const u64 *a)
{
    char        path[4096], link[4096];
    int         rc  = path_get(t, a[1], PATH_NOFOLLOW, path);
    const char *own = rc ? NULL : path_own_proc(path), *name = t->program->exe_name;
    if (rc)
        return rc;
    if (!own)
        return host_call(t, SYS_readlinkat, (u64[6]){a[0], (u64)path, host_pointer(t, a[2]), a[3]});
    if ((int)a[3] <= 0)
        return -EINVAL;
    if (strcmp(own, "exe")) {
        u64  h[6] = {a[0], (u64)path, (u64)link, sizeof(link) - 1};
        long n    = host_call(t, SYS_readlinkat, h);
        if (n < 0)
            return n;
        link[n] = 0;
        name    = path_inside(t->program, link);
    }
    return put_name(t, a[2], name, MIN(strlen(name), (u64)(int)a[3]));
}

long sys_getcwd(struct thread *t, const u64 *a)
{
    char path[4096];
    long n = host_call(t, SYS_getcwd, (u64[6]){(u64)path, sizeof(path)});
    if (n < 0)
        return n;
    const char *name = path_inside(t->program, path);
    n                = (long)strlen(name) + 1;
    return (u64)n > a[1] ? -ERANGE : put_name(t, a[0], name, (u64)n);
}

/* Our own descriptors are not there for the program. */
long sys_close(struct thread *t, const u64 *a)
{
    if ((int)a[0] >= 0 && (int)a[0] == t->program->root_fd)
        return -EBADF;
    return host_call(t, SYS_close, (u64[6]){a[0]});
}

long sys_close_range(struct thread *t, const u64 *a)
{
    u32  first = (u32)a[0], last = (u32)a[1], ours = (u32)t->program->root_fd;
    long rc = 0;
    if (t->program->root_fd < 0 || ours < first || ours > last)
        return host_call(t, SYS_close_range, a);
    if (first < ours)
        rc = host_call(t, SYS_close_range, (u64[6]){first, ours - 1, a[2]});
    if (!rc && ours < last)
        rc = host_call(t, SYS_close_range, (u64[6]){ours + 1, last, a[2]});
    return rc;
}

/* Ours makes room. */
long sys_dup3(struct thread *t, const u64 *a)
{
    struct program *p = t->program;
    if ((int)a[1] >= 0 && (int)a[1] == p->root_fd) {
        int fd = fcntl(p->root_fd, F_DUPFD_CLOEXEC, p->root_fd + 1);
        if (fd < 0)
            fd = fcntl(p->root_fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
            return -EBUSY;
        p->root_fd = fd;
    }
    return host_call(t, SYS_dup3, a);
}

long sys_fcntl(struct thread *t, const u64 *a)
{
    static const int pointers[] = {F_GETLK,     F_SETLK,      F_SETLKW,    F_OFD_GETLK,
                                   F_OFD_SETLK, F_OFD_SETLKW, F_SETOWN_EX, F_GETOWN_EX};
    bool             pointer    = false;
    for (unsigned i = 0; i < ARRAY_SIZE(pointers); i++)
        pointer |= (int)a[1] == pointers[i];
    pointer |= (int)a[1] >= F_GET_RW_HINT && (int)a[1] <= F_SET_FILE_RW_HINT;
    return host_call(t, SYS_fcntl, (u64[6]){a[0], a[1], pointer ? host_pointer(t, a[2]) : a[2]});
}

/* --- epoll: packed on x86-64 only --- */

struct user_event {
    u32 events, pad;
    u64 data;
};

long sys_epoll_ctl(struct thread *t, const u64 *a)
{
    struct user_event  u = {0};
    struct epoll_event e;
    if (a[1] != EPOLL_CTL_DEL && user_read(t, &u, a[3], sizeof(u)))
        return -EFAULT;
    e.events   = u.events;
    e.data.u64 = u.data;
    return host_call(t, SYS_epoll_ctl, (u64[6]){a[0], a[1], a[2], (u64)&e});
}

static long wait_events(struct thread *t, long nr, const u64 *a, u64 timeout)
{
    enum { MOST = 1024 };
    int                              n    = (int)a[2];
    cleanup_free struct epoll_event *list = xalloc(MOST * sizeof(*list));
    if (n <= 0)
        return -EINVAL;
    long got = host_call(
        t, nr, (u64[6]){a[0], (u64)list, (u64)MIN(n, MOST), timeout, host_pointer(t, a[4]), a[5]});
    for (long i = 0; i < got; i++) {
        struct user_event u = {list[i].events, 0, list[i].data.u64};
        if (user_write(t, a[1] + (u64)i * sizeof(u), &u, sizeof(u)))
            return -EFAULT;
    }
    return got;
}

long sys_epoll_pwait(struct thread *t, const u64 *a)
{
    return wait_events(t, SYS_epoll_pwait, a, a[3]);
}

long sys_epoll_pwait2(struct thread *t, const u64 *a)
{
    return wait_events(t, SYS_epoll_pwait2, a, host_pointer(t, a[3]));
}

long sys_pselect6(struct thread *t, const u64 *a)
{
    u64 mask[2] = {0};
    if (a[5]) {
        if (user_read(t, mask, a[5], sizeof(mask)))
            return -EFAULT;
        mask[0] = host_pointer(t, mask[0]);
    }
    return host_call(t, SYS_pselect6,
                     (u64[6]){a[0], host_pointer(t, a[1]), host_pointer(t, a[2]),
                              host_pointer(t, a[3]), host_pointer(t, a[4]), a[5] ? (u64)mask : 0});
}

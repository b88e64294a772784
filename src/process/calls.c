/* process/calls.c - system calls of memory, limits, names and features, and exec. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/calls.h"

long sys_brk(struct thread *t, const u64 *a)
{
    return (long)mm_brk(t->program, a[0]);
}

long sys_mmap(struct thread *t, const u64 *a)
{
    return (long)mm_map(t->program, a[0], a[1], (int)a[2], (int)a[3], (int)a[4], a[5]);
}

long sys_munmap(struct thread *t, const u64 *a)
{
    return mm_unmap(t->program, a[0], a[1]);
}

long sys_mprotect(struct thread *t, const u64 *a)
{
    return mm_protect(t->program, a[0], a[1], (int)a[2]);
}

long sys_mremap(struct thread *t, const u64 *a)
{
    return (long)mm_remap(t->program, a[0], a[1], a[2], (int)a[3], a[4]);
}

/* Calls about a range that the host's kernel knows as well as we do. */
static long about_range(struct thread *t, long nr, const u64 *a)
{
    u64 h[6] = {host_pointer(t, a[0]), a[1], a[2]};
    if (!user_ok(a[0], a[1]) || (a[1] && !mm_has(&t->program->mm, a[0], a[1], 0)))
        return -ENOMEM;
    return host_call(t, nr, h);
}

long sys_msync(struct thread *t, const u64 *a)
{
    return about_range(t, SYS_msync, a);
}

long sys_mlock(struct thread *t, const u64 *a)
{
    return about_range(t, SYS_mlock, a);
}

long sys_mlock2(struct thread *t, const u64 *a)
{
    return about_range(t, SYS_mlock2, a);
}

long sys_munlock(struct thread *t, const u64 *a)
{
    return about_range(t, SYS_munlock, a);
}

long sys_madvise(struct thread *t, const u64 *a)
{
    return about_range(t, SYS_madvise, a);
}

long sys_mincore(struct thread *t, const u64 *a)
{
    u64 b[6] = {a[0], a[1], host_pointer(t, a[2])};
    return about_range(t, SYS_mincore, b);
}

long sys_shmat(struct thread *t, const u64 *a)
{
    return (long)mm_attach(t->program, (int)a[0], a[1], (int)a[2]);
}

long sys_shmdt(struct thread *t, const u64 *a)
{
    return mm_detach(t->program, a[0]);
}

/* The argument is a number for these; the structures of the others differ between the two. */
long sys_semctl(struct thread *t, const u64 *a)
{
    int cmd = (int)a[2] & 0xff;
    if (cmd == IPC_STAT || cmd == IPC_SET || cmd == SEM_STAT)
        return -ENOSYS;
    bool pointer = cmd == GETALL || cmd == SETALL || cmd == IPC_INFO || cmd == SEM_INFO;
    return host_call(t, SYS_semctl,
                     (u64[6]){a[0], a[1], a[2], pointer ? host_pointer(t, a[3]) : a[3]});
}

/* The address space of the host process is larger than the program knows. */
long sys_prlimit64(struct thread *t, const u64 *a)
{
    bool ours = a[1] == RLIMIT_AS || a[1] == RLIMIT_DATA || a[1] == RLIMIT_STACK;
    return host_call(t, SYS_prlimit64,
                     (u64[6]){a[0], a[1], ours ? 0 : host_pointer(t, a[2]), host_pointer(t, a[3])});
}

/* The host's C library asks no kernel for these. */
long sys_clock_gettime(struct thread *t, const u64 *a)
{
    struct timespec now;
    if (clock_gettime((clockid_t)a[0], &now))
        return -errno;
    return user_write(t, a[1], &now, sizeof(now));
}

long sys_gettimeofday(struct thread *t, const u64 *a)
{
    struct timeval  now;
    struct timezone zone = {0};
    gettimeofday(&now, &zone);
    if (a[0] && user_write(t, a[0], &now, sizeof(now)))
        return -EFAULT;
    return a[1] ? user_write(t, a[1], &zone, sizeof(zone)) : 0;
}

long sys_setrlimit(struct thread *t, const u64 *a)
{
    return sys_prlimit64(t, (u64[4]){0, a[0], a[1]});
}

long sys_personality(struct thread *t, const u64 *a)
{
    return (u32)a[0] == 0xffffffff || (u32)a[0] == PER_LINUX
               ? 0
               : host_call(t, SYS_personality, (u64[6]){a[0]});
}

long sys_uname(struct thread *t, const u64 *a)
{
    struct utsname u;
    if (uname(&u))
        return -errno;
    memset(u.machine, 0, sizeof(u.machine));
    memcpy(u.machine, "riscv64", 8);
    return user_write(t, a[0], &u, sizeof(u));
}

enum { VECTORS_SET = 69, VECTORS_GET = 70 }; /* PR_RISCV_V_x_CONTROL */

/* Those whose argument we know to be a number or a pointer to something of a known size. */
long sys_prctl(struct thread *t, const u64 *a)
{
    static const struct {
        int  option;
        bool pointer;
    } known[] = {
        {PR_SET_PDEATHSIG, false},   {PR_GET_PDEATHSIG, true},
        {PR_GET_DUMPABLE, false},    {PR_SET_DUMPABLE, false},
        {PR_GET_KEEPCAPS, false},    {PR_SET_KEEPCAPS, false},
        {PR_SET_NAME, true},         {PR_GET_NAME, true},
        {PR_CAPBSET_READ, false},    {PR_CAPBSET_DROP, false},
        {PR_GET_SECUREBITS, false},  {PR_SET_TIMERSLACK, false},
        {PR_GET_TIMERSLACK, false},  {PR_SET_CHILD_SUBREAPER, false},
        {PR_SET_PTRACER, false},     {PR_GET_CHILD_SUBREAPER, true},
        {PR_CAP_AMBIENT, false},     {PR_SET_NO_NEW_PRIVS, false},
        {PR_GET_THP_DISABLE, false}, {PR_GET_NO_NEW_PRIVS, false},
    };
    if ((int)a[0] == VECTORS_SET)
        return vectors_set_control(t, a[1]);
    if ((int)a[0] == VECTORS_GET)
        return vectors_get_control(t);
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
        if (known[i].option == (int)a[0])
            return host_call(
                t, SYS_prctl,
                (u64[6]){a[0], known[i].pointer ? host_pointer(t, a[1]) : a[1], a[2], a[3], a[4]});
    return -EINVAL;
}

/* --- features: Documentation/arch/riscv/hwprobe.rst --- */

static bool has_extension(unsigned vlen, const char *name)
{
    const char *e;
    for (unsigned n = 0; (e = rv64_extension(vlen, n)); n++)
        if (!strcmp(e, name))
            return true;
    return false;
}

static u64 ima_extensions(unsigned vlen)
{
    static const struct {
        const char *name;
        unsigned    bit;
    } bits_of[] = {
        {"f", 0},       {"c", 1},       {"zba", 3},     {"zbb", 4},          {"zbs", 5},
        {"zicboz", 6},  {"zbc", 7},     {"zfh", 27},    {"zfhmin", 28},      {"zihintntl", 29},
        {"zfa", 32},    {"zacas", 34},  {"zicond", 35}, {"zihintpause", 36}, {"v", 2},
        {"zvbb", 17},   {"zvkb", 19},   {"zvfh", 30},   {"zvfhmin", 31},     {"zve32x", 37},
        {"zve32f", 38}, {"zve64x", 39}, {"zve64f", 40}, {"zve64d", 41}};
    u64 all = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(bits_of); i++)
        all |= (u64)has_extension(vlen, bits_of[i].name) << bits_of[i].bit;
    return all;
}

long sys_riscv_hwprobe(struct thread *t, const u64 *a)
{
    struct {
        i64 key;
        u64 val;
    } pair;
    if (a[4])
        return -EINVAL;
    for (u64 i = 0; i < MIN(a[1], 64); i++) {
        gva at = a[0] + i * sizeof(pair);
        if (user_read(t, &pair, at, sizeof(pair)))
            return -EFAULT;
        switch (pair.key) {
        case 0: /* vendor, architecture, implementation: unknown */
        case 1:
        case 2:
            pair.val = 0;
            break;
        case 3: /* base behaviour: IMA */
            pair.val = 1;
            break;
        case 4:
            pair.val = ima_extensions(t->program->options.vlen);
            break;
        case 5: /* misaligned accesses are fast */
            pair.val = 3;
            break;
        case 6:
            pair.val = RV64_CBO_BYTES;
            break;
        case 7:
            pair.val = USER_LIMIT - 1;
            break;
        case 10: /* vector accesses that are misaligned: as fast, or there are none */
            pair.val = t->program->options.vlen ? 3 : 4;
            break;
        default:
            pair.key = -1;
            pair.val = 0;
        }
        if (user_write(t, at, &pair, sizeof(pair)))
            return -EFAULT;
    }
    return 0;
}

long sys_riscv_flush_icache(struct thread *t, const u64 *a)
{
    if (a[2] & ~1ull)
        return -EINVAL;
    forget_code(t->program);
    return 0;
}

/* --- exec --- */

enum { STRINGS_MAX = 1 << 16, BYTES_MAX = 8 << 20 };

/* A list of strings of the program's; -errno. */
static int read_strings(struct thread *t, gva list, char ***out)
{
    cleanup_free char *buf   = xalloc(128 << 10);
    u64                bytes = 0;
    for (u64 i = 0; list && i < STRINGS_MAX; i++) {
        gva at;
        if (user_read(t, &at, list + i * 8, 8))
            return -EFAULT;
        if (!at)
            return 0;
        long n = user_string(t, buf, at, 128 << 10);
        if (n < 0)
            return n == -ENAMETOOLONG ? -E2BIG : (int)n;
        if ((bytes += (u64)n) > BYTES_MAX)
            return -E2BIG;
        *out          = xrealloc(*out, (i + 2) * sizeof(char *));
        (*out)[i]     = xstrndup(buf, (size_t)n);
        (*out)[i + 1] = NULL;
    }
    return list ? -E2BIG : 0;
}

static void free_strings(char **list)
{
    for (u64 i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

long sys_execve(struct thread *t, const u64 *a)
{
    char   path[4096], *none[] = {NULL};
    char **argv = NULL, **envp = NULL;
    int    rc = path_get(t, a[0], 0, path);
    if (!rc)
        rc = read_strings(t, a[1], &argv);
    if (!rc)
        rc = read_strings(t, a[2], &envp);
    if (!rc)
        rc = program_exec(t, path, argv ? argv : none, envp ? envp : none);
    free_strings(argv);
    free_strings(envp);
    return rc;
}

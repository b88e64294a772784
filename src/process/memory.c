/* process/memory.c - a program's address space: what is mapped where, and copies in and out.
 *
 * The whole of it is reserved with PROT_NONE, and 4 GiB more on both sides; what the program
 * maps replaces a part of that, what it unmaps goes back to PROT_NONE: nothing of ours is ever
 * placed in between. mm.pages says what the program was promised. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "process/process.h"

#define GUARD    GiB(4)
#define PAGES    (USER_LIMIT / USER_PAGE)
#define LOWEST   0x10000ull            /* nothing is placed below */
#define HIGHEST  (USER_LIMIT - GiB(1)) /* what the program leaves to us goes below */
#define RESERVED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define PROTS    (PROT_READ | PROT_WRITE | PROT_EXEC)

static bool may(void *ctx, gva addr, unsigned access)
{
    static const u8  need[] = {PROT_READ, PROT_WRITE, PROT_EXEC};
    const struct mm *mm     = ctx;
    return addr < USER_LIMIT &&
           __atomic_load_n(&mm->pages[addr / USER_PAGE], __ATOMIC_RELAXED) & need[access];
}

int mm_create(struct mm *mm, struct err *err)
{
    u8 *area  = mmap(NULL, USER_LIMIT + 2 * GUARD, PROT_NONE, RESERVED, -1, 0);
    u8 *pages = mmap(NULL, PAGES, PROT_READ | PROT_WRITE, RESERVED, -1, 0);
    if (area == MAP_FAILED || pages == MAP_FAILED)
        return err_errno(err, errno, "reserve the program's address space");
    *mm = (struct mm){.user = {area + GUARD, USER_LIMIT, may, mm}, .pages = pages};
    pthread_mutex_init(&mm->lock, NULL);
    return 0;
}

void mm_destroy(struct mm *mm)
{
    munmap(mm->user.base - GUARD, USER_LIMIT + 2 * GUARD);
    munmap(mm->pages, PAGES);
    pthread_mutex_destroy(&mm->lock);
}

bool mm_has(const struct mm *mm, gva addr, u64 len, int prot)
{
    if (!user_ok(addr, len))
        return false;
    for (u64 p = addr / USER_PAGE; p * USER_PAGE < addr + len; p++)
        if (!(mm->pages[p] & PAGE_HERE) || (mm->pages[p] & prot) != prot)
            return false;
    return true;
}

/* Is anything mapped there? OF: or only pages with this bit. */
static bool any(const struct mm *mm, gva addr, u64 len, u8 of)
{
    u64 p = addr / USER_PAGE, end = p + len / USER_PAGE;
    while (p < end) {
        if (p % 8 == 0 && end - p >= 8 && *(const u64 *)(mm->pages + p) == 0) {
            p += 8;
            continue;
        }
        if (mm->pages[p++] & of)
            return true;
    }
    return false;
}

static void mark(struct mm *mm, gva addr, u64 len, u8 what)
{
    memset(mm->pages + addr / USER_PAGE, what, len / USER_PAGE);
}

/* The highest gap of LEN bytes below TOP, or 0. */
static gva find_gap(const struct mm *mm, u64 len, gva top)
{
    u64 want = len / USER_PAGE, have = 0;
    for (u64 p = top / USER_PAGE; p > LOWEST / USER_PAGE;) {
        if (p % 8 == 0 && have + 8 < want && *(const u64 *)(mm->pages + p - 8) == 0) {
            p -= 8;
            have += 8;
            continue;
        }
        p--;
        have = mm->pages[p] ? 0 : have + 1;
        if (have == want)
            return p * USER_PAGE;
    }
    return 0;
}

static int host_prot(int prot)
{
    return (prot & PROT_WRITE ? PROT_WRITE | PROT_READ : 0) |
           (prot & (PROT_READ | PROT_EXEC) ? PROT_READ : 0);
}

static u8 page_of(int prot, int flags)
{
    return (u8)(PAGE_HERE | (prot & PROTS) | (prot & PROT_WRITE ? PROT_READ : 0) |
                (flags & MAP_SHARED ? PAGE_SHARED : 0));
}

/* Where it goes; a negative error. */
static i64 place(const struct mm *mm, gva addr, u64 len, int flags)
{
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (addr % USER_PAGE)
            return -EINVAL;
        if (!user_ok(addr, len))
            return -ENOMEM;
        if (addr < LOWEST && !any(mm, addr, len, PAGE_HERE))
            return -EPERM;
        if (flags & MAP_FIXED_NOREPLACE && any(mm, addr, len, PAGE_HERE))
            return -EEXIST;
        return (i64)addr;
    }
    addr = ALIGN_UP(addr, USER_PAGE);
    if (addr >= LOWEST && user_ok(addr, len) && !any(mm, addr, len, PAGE_HERE))
        return (i64)addr;
    addr = find_gap(mm, len, HIGHEST);
    return addr ? (i64)addr : -ENOMEM;
}

static i64 map_locked(struct program *p, gva addr, u64 len, int prot, int flags, int fd, u64 offset)
{
    struct mm *mm = &p->mm;
    i64        at = place(mm, addr, len, flags);
    if (at < 0)
        return at;
    int   kind = (flags & ~(MAP_FIXED_NOREPLACE | MAP_GROWSDOWN | MAP_32BIT)) | MAP_FIXED;
    bool  code = any(mm, (gva)at, len, PROT_EXEC);
    void *got  = mmap(mm->user.base + at, len, host_prot(prot), kind, fd, (off_t)offset);
    if (got == MAP_FAILED)
        return -errno;
    mark(mm, (gva)at, len, page_of(prot, flags));
    if (code)
        forget_code(p);
    return at;
}

gva mm_map(struct program *p, gva addr, u64 len, int prot, int flags, int fd, u64 offset)
{
    if (!len || offset % USER_PAGE)
        return (gva)-EINVAL;
    if (len > USER_LIMIT)
        return (gva)-ENOMEM;
    pthread_mutex_lock(&p->mm.lock);
    i64 at = map_locked(p, addr, ALIGN_UP(len, USER_PAGE), prot, flags, fd, offset);
    pthread_mutex_unlock(&p->mm.lock);
    return (gva)at;
}

static int unmap_locked(struct program *p, gva addr, u64 len)
{
    bool code = any(&p->mm, addr, len, PROT_EXEC);
    mark(&p->mm, addr, len, 0);
    if (mmap(p->mm.user.base + addr, len, PROT_NONE, RESERVED | MAP_FIXED, -1, 0) == MAP_FAILED)
        return -errno;
    if (code)
        forget_code(p);
    return 0;
}

int mm_unmap(struct program *p, gva addr, u64 len)
{
    if (!len || addr % USER_PAGE || !user_ok(addr, len))
        return -EINVAL;
    pthread_mutex_lock(&p->mm.lock);
    int rc = unmap_locked(p, addr, ALIGN_UP(len, USER_PAGE));
    pthread_mutex_unlock(&p->mm.lock);
    return rc;
}

static int protect_locked(struct program *p, gva addr, u64 len, int prot)
{
    struct mm *mm = &p->mm;
    if (!mm_has(mm, addr, len, 0))
        return -ENOMEM;
    if (mprotect(mm->user.base + addr, len, host_prot(prot)))
        return -errno;
    bool code = any(mm, addr, len, PROT_EXEC);
    for (u64 i = addr / USER_PAGE; i < (addr + len) / USER_PAGE; i++)
        mm->pages[i] = (u8)((mm->pages[i] & PAGE_SHARED) | page_of(prot, 0));
    if (code)
        forget_code(p);
    return 0;
}

int mm_protect(struct program *p, gva addr, u64 len, int prot)
{
    if (addr % USER_PAGE || prot & ~(PROTS | PROT_GROWSDOWN | PROT_GROWSUP))
        return -EINVAL;
    if (len > USER_LIMIT || !user_ok(addr, ALIGN_UP(len, USER_PAGE)))
        return -ENOMEM;
    if (!len)
        return 0;
    pthread_mutex_lock(&p->mm.lock);
    int rc = protect_locked(p, addr, ALIGN_UP(len, USER_PAGE), prot);
    pthread_mutex_unlock(&p->mm.lock);
    return rc;
}

/* Moves or resizes; both lengths are whole pages. */
static i64 remap_locked(struct program *p, gva addr, u64 old_len, u64 len, int flags, gva to)
{
    struct mm *mm = &p->mm;
    if (!mm_has(mm, addr, MAX(old_len, USER_PAGE), 0))
        return -EFAULT;
    u8 what = mm->pages[addr / USER_PAGE];
    if (len <= old_len && !(flags & MREMAP_FIXED)) {
        int rc = len < old_len ? unmap_locked(p, addr + len, old_len - len) : 0;
        return rc ? rc : (i64)addr;
    }
    bool grows = !(flags & MREMAP_FIXED) && user_ok(addr, len) &&
                 !any(mm, addr + old_len, len - old_len, PAGE_HERE);
    if (grows) {
        to = addr;
    } else if (!(flags & MREMAP_MAYMOVE)) {
        return -ENOMEM;
    } else if (flags & MREMAP_FIXED) {
        if (to % USER_PAGE || !user_ok(to, len) || (to < addr + old_len && addr < to + len))
            return -EINVAL;
    } else if (!(to = find_gap(mm, len, HIGHEST))) {
        return -ENOMEM;
    }
    /* In place the reservation behind it is in the way: go by a place of the host's choice. */
    u8   *base = mm->user.base;
    void *tmp  = base + addr;
    if (grows) {
        tmp = mremap(base + addr, old_len, len, MREMAP_MAYMOVE);
        if (tmp == MAP_FAILED)
            return -errno;
        old_len = len;
    }
    if (mremap(tmp, old_len, len, MREMAP_MAYMOVE | MREMAP_FIXED, base + to) == MAP_FAILED)
        return -errno;
    if (!grows && old_len)
        unmap_locked(p, addr, old_len);
    mark(mm, to, len, what);
    forget_code(p);
    return (i64)to;
}

gva mm_remap(struct program *p, gva addr, u64 old_len, u64 len, int flags, gva to)
{
    enum { KNOWN = MREMAP_MAYMOVE | MREMAP_FIXED };
    if (addr % USER_PAGE || !len || flags & ~KNOWN ||
        (flags & MREMAP_FIXED && !(flags & MREMAP_MAYMOVE)))
        return (gva)-EINVAL;
    if (len > USER_LIMIT || old_len > USER_LIMIT || !old_len)
        return (gva)-EINVAL;
    pthread_mutex_lock(&p->mm.lock);
    i64 at =
        remap_locked(p, addr, ALIGN_UP(old_len, USER_PAGE), ALIGN_UP(len, USER_PAGE), flags, to);
    pthread_mutex_unlock(&p->mm.lock);
    return (gva)at;
}

gva mm_brk(struct program *p, gva to)
{
    struct mm *mm = &p->mm;
    pthread_mutex_lock(&mm->lock);
    gva old = ALIGN_UP(mm->brk, USER_PAGE), end = ALIGN_UP(to, USER_PAGE);
    if (to >= mm->brk_start && to < HIGHEST) {
        i64 rc = 0;
        if (end > old)
            rc = any(mm, old, end - old, PAGE_HERE)
                     ? -ENOMEM
                     : map_locked(p, old, end - old, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        else if (end < old)
            rc = unmap_locked(p, end, old - end);
        if (rc >= 0)
            mm->brk = to;
    }
    to = mm->brk;
    pthread_mutex_unlock(&mm->lock);
    return to;
}

/* --- System V shared memory --- */

static i64 attach_locked(struct program *p, int id, gva addr, int flags)
{
    struct shmid_ds ds;
    if (shmctl(id, IPC_STAT, &ds))
        return -errno;
    u64 len = ALIGN_UP((u64)ds.shm_segsz, USER_PAGE);
    i64 at =
        place(&p->mm, addr, len, addr ? (flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE) : 0);
    if (at < 0)
        return at == -EEXIST ? -EINVAL : at;
    int kind = (flags & ~SHM_EXEC) | SHM_REMAP;
    if (shmat(id, p->mm.user.base + at, kind) == (void *)-1)
        return -errno;
    int prot =
        PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
    mark(&p->mm, (gva)at, len, page_of(prot, MAP_SHARED));
    return at;
}

gva mm_attach(struct program *p, int id, gva addr, int flags)
{
    if (flags & SHM_RND)
        addr = ALIGN_DOWN(addr, USER_PAGE);
    pthread_mutex_lock(&p->mm.lock);
    i64 at = attach_locked(p, id, addr, flags & ~SHM_RND);
    pthread_mutex_unlock(&p->mm.lock);
    return (gva)at;
}

/* The host knows how long it is: what it leaves unmapped is reserved again. */
int mm_detach(struct program *p, gva addr)
{
    struct mm *mm = &p->mm;
    int        rc = 0;
    if (!user_ok(addr, 1) || addr % USER_PAGE)
        return -EINVAL;
    pthread_mutex_lock(&mm->lock);
    if (shmdt(mm->user.base + addr))
        rc = -errno;
    for (gva a = addr; !rc && a < USER_LIMIT && mm->pages[a / USER_PAGE] & PAGE_SHARED;
         a += USER_PAGE) {
        void *got =
            mmap(mm->user.base + a, USER_PAGE, PROT_NONE, RESERVED | MAP_FIXED_NOREPLACE, -1, 0);
        if (got == MAP_FAILED)
            break; /* another mapping begins */
        mark(mm, a, USER_PAGE, 0);
    }
    pthread_mutex_unlock(&mm->lock);
    return rc;
}

/* --- copies --- */

static int copy(struct thread *t, void *dst, const void *src, u64 len)
{
    sigjmp_buf landing;
    if (sigsetjmp(landing, 0)) {
        t->copying = NULL;
        return -EFAULT;
    }
    t->copying = &landing;
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(dst, src, len);
    atomic_signal_fence(memory_order_seq_cst);
    t->copying = NULL;
    return 0;
}

int user_read(struct thread *t, void *dst, gva src, u64 len)
{
    return user_ok(src, len) ? copy(t, dst, user_host(t, src), len) : -EFAULT;
}

int user_write(struct thread *t, gva dst, const void *src, u64 len)
{
    return user_ok(dst, len) ? copy(t, user_host(t, dst), src, len) : -EFAULT;
}

long user_string(struct thread *t, char *dst, gva src, u64 room)
{
    u64 at = 0;
    while (at < room) { /* up to a page's end at a time */
        u64 n = MIN(room - at, USER_PAGE - (src + at) % USER_PAGE);
        if (user_read(t, dst + at, src + at, n))
            return -EFAULT;
        const char *end = memchr(dst + at, 0, n);
        if (end)
            return end - dst;
        at += n;
    }
    return -ENAMETOOLONG;
}

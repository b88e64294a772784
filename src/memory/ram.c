/* memory/ram.c - see ram.h. Ranges are anonymous or memfd mappings, kept sorted by address. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory/ram.h"

#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"

enum { RAM_FILES_MAX = 64 };

struct file_map {
    gpa base;
    u64 len;
};

struct ram {
    struct ram_range ranges[RAM_RANGES_MAX];
    unsigned         count;
    struct ram_watch watches[RAM_WATCHES_MAX];
    unsigned         n_watches;
    struct file_map  files[RAM_FILES_MAX]; /* where ram_map put some; they may overlap */
    unsigned         n_files;
};

int ram_create(struct ram **out, struct err *err)
{
    (void)err;
    *out = xnew(struct ram);
    return 0;
}

void ram_destroy(struct ram *ram)
{
    if (!ram)
        return;
    for (unsigned i = 0; i < ram->count; i++) {
        munmap(ram->ranges[i].host, ram->ranges[i].len);
        if (ram->ranges[i].fd >= 0)
            close(ram->ranges[i].fd);
    }
    free(ram);
}

static int check_new(const struct ram *ram, gpa base, u64 len, struct err *err)
{
    if (len == 0 || base % 4096 || len % 4096 || base + len - 1 < base || len > (u64)PTRDIFF_MAX)
        return err_set(err, EINVAL, "memory of %#llx bytes at %#llx: not whole pages",
                       (unsigned long long)len, (unsigned long long)base);
    if (ram->count == RAM_RANGES_MAX)
        return err_set(err, ENOSPC, "more than %d ranges of memory", RAM_RANGES_MAX);
    for (unsigned i = 0; i < ram->count; i++) {
        const struct ram_range *r = &ram->ranges[i];
        if (base <= r->base + r->len - 1 && r->base <= base + len - 1)
            return err_set(err, EEXIST, "memory at %#llx overlaps memory at %#llx",
                           (unsigned long long)base, (unsigned long long)r->base);
    }
    return 0;
}

int ram_add(struct ram *ram, gpa base, u64 len, unsigned flags, struct err *err)
{
    int rc = check_new(ram, base, len, err);
    if (rc)
        return rc;

    cleanup_fd int fd = -1;
    if (flags & RAM_SHARED) {
        fd = memfd_create("guest", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, (off_t)len) < 0)
            return err_errno(err, errno, "make %llu MiB of shared guest memory",
                             (unsigned long long)(len >> 20));
    }
    int   how  = (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) | MAP_NORESERVE;
    void *host = mmap(NULL, len, PROT_READ | PROT_WRITE, how, fd, 0);
    if (host == MAP_FAILED)
        return err_errno(err, errno, "make %llu MiB of guest memory",
                         (unsigned long long)(len >> 20));
    madvise(host, len, MADV_HUGEPAGE);

    unsigned at = 0;
    while (at < ram->count && ram->ranges[at].base < base)
        at++;
    memmove(&ram->ranges[at + 1], &ram->ranges[at], (ram->count - at) * sizeof(*ram->ranges));
    ram->ranges[at] = (struct ram_range){base, len, host, steal_fd(&fd), flags};
    ram->count++;
    for (unsigned i = 0; i < ram->n_watches; i++)
        if (ram->watches[i].mapped)
            ram->watches[i].mapped(ram->watches[i].ctx, &ram->ranges[at], true);
    return 0;
}

const struct ram_range *ram_range_at(const struct ram *ram, gpa addr)
{
    for (unsigned i = 0; i < ram->count; i++)
        if (addr - ram->ranges[i].base < ram->ranges[i].len)
            return &ram->ranges[i];
    return NULL;
}

unsigned ram_count(const struct ram *ram)
{
    return ram->count;
}

const struct ram_range *ram_range(const struct ram *ram, unsigned n)
{
    return n < ram->count ? &ram->ranges[n] : NULL;
}

void *ram_borrow(struct ram *ram, gpa addr, u64 len, bool write)
{
    const struct ram_range *r = ram_range_at(ram, addr);
    if (!r || len > r->len - (addr - r->base) || (write && (r->flags & RAM_RO)))
        return NULL;
    return r->host + (addr - r->base);
}

/* The host bytes at ADDR and how many follow there, at most *len; NULL when it is no RAM. */
static u8 *piece(const struct ram *ram, gpa addr, bool write, u64 *len)
{
    const struct ram_range *r = ram_range_at(ram, addr);
    if (!r || (write && (r->flags & RAM_RO)))
        return NULL;
    *len = MIN(*len, r->len - (addr - r->base));
    return r->host + (addr - r->base);
}

/* Is all of it RAM? Ranges may touch: a copy can go across them. */
static bool covers(const struct ram *ram, gpa addr, u64 len, bool write)
{
    if (len && addr + len - 1 < addr)
        return false;
    for (u64 n; len; addr += n, len -= n) {
        n = len;
        if (!piece(ram, addr, write, &n))
            return false;
    }
    return true;
}

int ram_read(const struct ram *ram, gpa addr, void *dst, u64 len)
{
    if (!covers(ram, addr, len, false))
        return -EFAULT;
    for (u64 n; len; addr += n, len -= n, dst = (u8 *)dst + n) {
        n = len;
        memcpy(dst, piece(ram, addr, false, &n), n);
    }
    return 0;
}

int ram_write(struct ram *ram, gpa addr, const void *src, u64 len)
{
    if (!covers(ram, addr, len, true))
        return -EFAULT;
    gpa start = addr;
    u64 whole = len;
    for (u64 n; len; addr += n, len -= n, src = (const u8 *)src + n) {
        n       = len;
        u8 *dst = piece(ram, addr, true, &n);
        memcpy(dst, src, n);
    }
    ram_dirtied(ram, start, whole);
    return 0;
}

void ram_dirtied(struct ram *ram, gpa addr, u64 len)
{
    for (unsigned i = 0; i < ram->n_watches; i++)
        if (ram->watches[i].wrote)
            ram->watches[i].wrote(ram->watches[i].ctx, addr, len);
}

void ram_subscribe(struct ram *ram, const struct ram_watch *w)
{
    assert(ram->n_watches < RAM_WATCHES_MAX);
    ram->watches[ram->n_watches++] = *w;
    for (unsigned i = 0; w->mapped && i < ram->count; i++)
        w->mapped(w->ctx, &ram->ranges[i], true);
}

int ram_map(struct ram *ram, gpa addr, u64 len, int fd, u64 offset, struct err *err)
{
    u8 *host = ram_borrow(ram, addr, len, true);
    if (!host || !len || addr % 4096 || len % 4096 || ram_range_at(ram, addr)->fd >= 0)
        return err_set(err, EFAULT, "%llu KiB do not fit into the machine's memory at %#llx",
                       (unsigned long long)(len >> 10), (unsigned long long)addr);
    if (ram->n_files == RAM_FILES_MAX)
        return err_set(err, ENOSPC, "more than %d mapped files", RAM_FILES_MAX);
    void *at = mmap(host, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
                    (off_t)offset);
    if (at == MAP_FAILED)
        return err_errno(err, errno, "map %llu KiB of a file", (unsigned long long)(len >> 10));
    ram->files[ram->n_files++] = (struct file_map){addr, len};
    ram_dirtied(ram, addr, len);
    return 0;
}

static bool has_file(const struct ram *ram, gpa addr, u64 len)
{
    for (unsigned i = 0; i < ram->n_files; i++)
        if (addr < ram->files[i].base + ram->files[i].len && ram->files[i].base < addr + len)
            return true;
    return false;
}

/* Pages of a file come back when they are given up: they are replaced. */
static bool give_back(struct ram *ram, const struct ram_range *r, gpa addr, u64 len)
{
    u8 *host = r->host + (addr - r->base);
    if (!has_file(ram, addr, len))
        return madvise(host, len, r->fd >= 0 ? MADV_REMOVE : MADV_DONTNEED) == 0;
    int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    for (unsigned i = ram->n_files; i-- > 0;)
        if (addr <= ram->files[i].base && ram->files[i].base + ram->files[i].len <= addr + len)
            ram->files[i] = ram->files[--ram->n_files];
    if (mmap(host, len, PROT_READ | PROT_WRITE, how, -1, 0) == MAP_FAILED)
        memset(host, 0, len);
    return true;
}

int ram_discard(struct ram *ram, gpa addr, u64 len)
{
    const struct ram_range *r = ram_range_at(ram, addr);
    if (!r || len > r->len - (addr - r->base) || addr % 4096 || len % 4096)
        return -EFAULT;
    if (len && !give_back(ram, r, addr, len))
        return -EFAULT;
    ram_dirtied(ram, addr, len);
    return 0;
}

void ram_save(const struct ram *ram, struct snap *snap)
{
    snap_begin(snap, "ram");
    snap_put_u64(snap, ram->count);
    for (unsigned i = 0; i < ram->count; i++) {
        snap_put_u64(snap, ram->ranges[i].base);
        snap_put_u64(snap, ram->ranges[i].len);
        snap_put_ram(snap, ram->ranges[i].host, ram->ranges[i].len);
    }
    snap_end(snap);
}

int ram_load(struct ram *ram, struct snap *snap, struct err *err)
{
    if (!snap_find(snap, "ram") || snap_get_u64(snap) != ram->count)
        return err_set(err, EINVAL, "the snapshot has no memory of this machine's shape");
    for (unsigned i = 0; i < ram->count; i++) {
        u64 base = snap_get_u64(snap), len = snap_get_u64(snap);
        if (base != ram->ranges[i].base || len != ram->ranges[i].len)
            return err_set(err, EINVAL, "the snapshot's memory is %llu MiB at %#llx",
                           (unsigned long long)(len >> 20), (unsigned long long)base);
        ram_discard(ram, base, len); /* what is zero in the snapshot is not in it */
        snap_get_ram(snap, ram->ranges[i].host, len);
    }
    return snap_failed(snap) ? err_set(err, EINVAL, "the snapshot's memory is cut short") : 0;
}

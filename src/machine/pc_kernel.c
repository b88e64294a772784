/* machine/pc_kernel.c - an x86-64 kernel as an ELF file that can be mapped.
 *
 * A bzImage (Documentation/arch/x86/boot.rst) is an ELF file, packed, behind real-mode code and a
 * setup header. Unpacking it is the guest's slowest way to begin, so it is done here, once: what
 * comes out is kept in the user's cache folder under the SHA-256 of what went in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "machine/boot.h"
#include "machine/pc.h"
#include "machine/unpack.h"

enum { AT_SECTIONS = 0x1f1, AT_PAYLOAD = 0x248 };

static u32 get32(const u8 *p)
{
    return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static bool is_elf(const u8 *p, size_t len)
{
    return len > 64 && !memcmp(p,
                               "\x7f"
                               "ELF",
                               4);
}

/* --- the cache --- */

static char *cache_folder(void)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (base && base[0] == '/')
        return xasprintf("%s/guise/kernels", base);
    return home && home[0] == '/' ? xasprintf("%s/.cache/guise/kernels", home) : NULL;
}

/* Makes PATH's folders; errors show when the file is made. */
static void make_folders(const char *path)
{
    cleanup_free char *copy = xstrdup(path);
    for (char *p = copy + 1; *p; p++)
        if (*p == '/') {
            *p = 0;
            mkdir(copy, 0700);
            *p = '/';
        }
}

static char *cache_path(const struct file *f)
{
    u8                 sum[EVP_MAX_MD_SIZE];
    char               hex[65];
    unsigned           n      = 0;
    cleanup_free char *folder = cache_folder();
    if (!folder || !EVP_Digest(f->data, f->len, sum, &n, EVP_sha256(), NULL) || n != 32)
        return NULL;
    for (unsigned i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    return xasprintf("%s/%s.elf", folder, hex);
}

static int write_all(int fd, const u8 *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -errno;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Keeps it for the next time. A crash leaves no half file under its name. */
static int keep(const char *path, const u8 *p, size_t len)
{
    cleanup_free char *temporary = xasprintf("%s.XXXXXX", path);
    make_folders(path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write_all(fd, p, len) || fchmod(fd, 0400) || rename(temporary, path)) {
        unlink(temporary);
        close(fd);
        return -EIO;
    }
    return fd;
}

/* Without a cache folder it is kept as long as we live. */
static int keep_in_memory(const u8 *p, size_t len, struct err *err)
{
    cleanup_fd int fd = memfd_create("kernel", MFD_CLOEXEC);
    if (fd < 0 || write_all(fd, p, len))
        return err_errno(err, errno, "keep the unpacked kernel");
    return steal_fd(&fd);
}

/* --- opening --- */

/* Where the packed kernel lies in the file (boot.rst, payload_offset). */
static int find_payload(const struct file *f, const u8 **at, size_t *len, struct err *err)
{
    u64 sections = f->data[AT_SECTIONS] ? f->data[AT_SECTIONS] : 4;
    u64 start    = (sections + 1) * 512 + get32(f->data + AT_PAYLOAD);
    u64 bytes    = get32(f->data + AT_PAYLOAD + 4);
    if (bytes == 0 || start > f->len || bytes > f->len - start)
        return err_set(err, EINVAL, "the kernel in it lies outside of the file");
    *at  = f->data + start;
    *len = bytes;
    return 0;
}

static int unpack_kernel(const struct file *f, const char *path, int *fd, struct err *err)
{
    struct unpacked u   = {0};
    const u8       *at  = NULL;
    size_t          len = 0;
    int             rc  = find_payload(f, &at, &len, err);
    if (!rc)
        rc = unpack(&u, at, len, err);
    if (!rc && !is_elf(u.data, u.len))
        rc = err_set(err, EINVAL, "what is packed in it is no ELF file");
    if (!rc) {
        *fd = path ? keep(path, u.data, u.len) : -1;
        if (*fd < 0)
            *fd = keep_in_memory(u.data, u.len, err);
        rc = MIN(*fd, 0);
    }
    unpack_done(&u);
    return rc;
}

static int open_bzimage(struct pc_kernel *k, const struct file *f, struct err *err)
{
    cleanup_free char *path = cache_path(f);
    memcpy(k->setup, f->data + AT_SECTIONS, sizeof(k->setup));
    k->fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    return k->fd >= 0 ? 0 : unpack_kernel(f, path, &k->fd, err);
}

int pc_kernel_open(struct pc_kernel *k, const char *path, struct err *err)
{
    struct file f;
    *k     = (struct pc_kernel){.fd = -1};
    int rc = file_map(&f, path, err);
    if (rc)
        return rc;
    if (file_is_bzimage(&f)) {
        rc = open_bzimage(k, &f, err);
    } else {
        k->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (k->fd < 0)
            rc = err_errno(err, errno, "open");
    }
    file_close(&f);
    return rc ? err_wrap(err, "'%s'", path) : 0;
}

void pc_kernel_close(struct pc_kernel *k)
{
    if (k->fd >= 0)
        close(k->fd);
    k->fd = -1;
}

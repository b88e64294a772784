/* machine/files.c - the files of a machine: mapped, unpacked, and what they are by their bytes.
 *
 * Files are the user's, but may be anybody's work: no number in them is believed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "machine/boot.h"

enum { IMAGE_MAX = 512 << 20 };

/* --- files --- */

void file_close(struct file *f)
{
    if (f->mapped)
        munmap(f->mapped, f->mapped_len);
    free(f->unpacked);
    *f = (struct file){0};
}

int file_map(struct file *f, const char *path, struct err *err)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat    st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, errno, "open '%s'", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, EINVAL, "'%s' is not a file", path);
    if (st.st_size == 0)
        return err_set(err, EINVAL, "'%s' is empty", path);
    f->mapped = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (f->mapped == MAP_FAILED) {
        f->mapped = NULL;
        return err_errno(err, errno, "map '%s'", path);
    }
    f->mapped_len = (size_t)st.st_size;
    f->data       = f->mapped;
    f->len        = f->mapped_len;
    return 0;
}

/* Makes room for more unpacked bytes; false: too large. */
static bool more_room(struct file *f, size_t *room)
{
    if (*room >= IMAGE_MAX)
        return false;
    size_t bigger = *room ? 2 * *room : (size_t)32 << 20;
    u8    *p      = realloc(f->unpacked, bigger);
    if (!p)
        return false;
    f->unpacked = p;
    *room       = bigger;
    return true;
}

static bool unpack_gzip(struct file *f, size_t *len)
{
    z_stream z = {.next_in = f->mapped, .avail_in = (uInt)MIN(f->mapped_len, (size_t)UINT32_MAX)};
    size_t   room = 0;
    int      rc   = Z_OK;
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return false;
    while (rc == Z_OK) {
        if (z.total_out == room && !more_room(f, &room))
            break;
        z.next_out  = f->unpacked + z.total_out;
        z.avail_out = (uInt)(room - z.total_out);
        rc          = inflate(&z, Z_NO_FLUSH);
    }
    *len = z.total_out;
    inflateEnd(&z);
    return rc == Z_STREAM_END;
}

static bool unpack_zstd(struct file *f, size_t *len)
{
    ZSTD_DStream *z    = ZSTD_createDStream();
    ZSTD_inBuffer in   = {f->mapped, f->mapped_len, 0};
    size_t        room = 0, rc = 1;
    *len = 0;
    while (z && rc != 0 && !ZSTD_isError(rc)) {
        if (*len == room && !more_room(f, &room))
            break;
        ZSTD_outBuffer out = {f->unpacked, room, *len};
        size_t         was = in.pos;
        rc                 = ZSTD_decompressStream(z, &out, &in);
        if (out.pos == *len && in.pos == was && out.pos < room)
            break; /* cut short */
        *len = out.pos;
    }
    ZSTD_freeDStream(z);
    return rc == 0;
}

int file_open(struct file *f, const char *path, struct err *err)
{
    *f     = (struct file){0};
    int rc = file_map(f, path, err);
    if (rc)
        return rc;
    bool gzip = f->len > 2 && !memcmp(f->data, "\x1f\x8b", 2);
    bool zstd = f->len > 4 && !memcmp(f->data, "\x28\xb5\x2f\xfd", 4);
    if (!gzip && !zstd)
        return 0;
    size_t len = 0;
    if (!(gzip ? unpack_gzip(f, &len) : unpack_zstd(f, &len))) {
        file_close(f);
        return err_set(err, EINVAL, "'%s': its %s data are damaged or too large", path,
                       gzip ? "gzip" : "zstd");
    }
    f->packing = gzip ? "gzip" : "zstd";
    f->data    = f->unpacked;
    f->len     = len;
    return 0;
}

/* --- what it is --- */

static bool elf_is_riscv64(const struct file *f)
{
    const Elf64_Ehdr *e = (const void *)f->data;
    return f->len >= sizeof(*e) && !memcmp(e->e_ident, ELFMAG, SELFMAG) &&
           e->e_ident[EI_CLASS] == ELFCLASS64 && e->e_ident[EI_DATA] == ELFDATA2LSB &&
           e->e_machine == EM_RISCV;
}

bool file_image_header(const struct file *f, struct image_header *out)
{
    if (f->len < sizeof(*out))
        return false;
    memcpy(out, f->data, sizeof(*out));
    return !memcmp(&out->magic2, "RSC\x05", 4);
}

static bool is_disk(const struct file *f)
{
    if (f->len >= 72 && !memcmp(f->data, "QFI\xfb", 4))
        return true;
    if (f->len % 512 || f->len < 1024)
        return false;
    bool mbr  = f->data[510] == 0x55 && f->data[511] == 0xaa;
    bool ext4 = f->len > 2048 && f->data[1024 + 56] == 0x53 && f->data[1024 + 57] == 0xef;
    return mbr || ext4;
}

enum file_type file_type(const struct file *f)
{
    struct image_header header;
    if (elf_is_riscv64(f))
        return FILE_ELF;
    if (file_image_header(f, &header))
        return FILE_IMAGE;
    if (!f->packing && is_disk(f))
        return FILE_DISK;
    return FILE_OTHER;
}

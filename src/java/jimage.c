/* java/jimage.c - see jimage.h. Read-only once open: any thread comes in.
 *
 * A header, a perfect hash (a redirection and an offset per row), the locations' attributes, the
 * strings they name, then the resources. Numbers are the host's byte order; every offset is
 * checked before it is followed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/jimage.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/alloc.h"

struct header {
    u32 magic, version, flags, resources, rows, locations_size, strings_size;
};

struct jimage {
    const u8     *bytes;
    u64           size, data; /* where resources start */
    struct header h;
    const i32    *redirect;
    const u32    *offsets;
    const u8     *locations;
    const char   *strings;
};

enum { MAGIC = (int)0xcafedada, SEED = 0x01000193 };
enum attribute { END, MODULE, PARENT, BASE, EXTENSION, OFFSET, COMPRESSED, UNCOMPRESSED, KINDS };

int jimage_open(const char *path, struct jimage **out, struct err *err)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat    st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, errno, "%s", path);
    if (st.st_size < (off_t)sizeof(struct header))
        return err_set(err, EINVAL, "%s: too short for a file of modules", path);
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return err_errno(err, errno, "%s", path);
    struct jimage *j = xnew(struct jimage);
    j->bytes         = map;
    j->size          = (u64)st.st_size;
    memcpy(&j->h, map, sizeof(j->h));
    u64 tables = sizeof(j->h) + 8ull * j->h.rows;
    j->data    = tables + j->h.locations_size + j->h.strings_size;
    if (j->h.magic != (u32)MAGIC || !j->h.rows || j->data > j->size || !j->h.strings_size) {
        jimage_close(j);
        return err_set(err, EINVAL, "%s: not a file of modules", path);
    }
    j->redirect  = (const i32 *)(j->bytes + sizeof(j->h));
    j->offsets   = (const u32 *)(j->redirect + j->h.rows);
    j->locations = j->bytes + tables;
    j->strings   = (const char *)j->locations + j->h.locations_size;
    *out         = j;
    return 0;
}

void jimage_close(struct jimage *j)
{
    if (!j)
        return;
    munmap((void *)j->bytes, j->size);
    free(j);
}

static u32 hash_of(const char *s, u32 seed)
{
    for (; *s; s++)
        seed = seed * SEED ^ (u8)*s;
    return seed & 0x7fffffff;
}

static bool read_attributes(const struct jimage *j, u32 at, u64 values[KINDS])
{
    memset(values, 0, KINDS * sizeof(u64));
    while (at < j->h.locations_size) {
        u8       kind = j->locations[at] >> 3;
        unsigned n    = (j->locations[at] & 7) + 1u;
        if (kind == END)
            return true;
        if (kind >= KINDS || n > j->h.locations_size - at - 1)
            return false;
        u64 v = 0;
        for (unsigned i = 1; i <= n; i++)
            v = v << 8 | j->locations[at + i];
        values[kind] = v;
        at += n + 1;
    }
    return false;
}

static const char *string_at(const struct jimage *j, u64 at)
{
    if (at >= j->h.strings_size || !memchr(j->strings + at, 0, (size_t)(j->h.strings_size - at)))
        return "";
    return j->strings + at;
}

/* The next part of P is TEXT; moves on. */
static bool take(const char **p, const char *text)
{
    size_t n = strlen(text);
    if (strncmp(*p, text, n) != 0)
        return false;
    *p += n;
    return true;
}

static bool path_is(const struct jimage *j, const u64 v[KINDS], const char *path)
{
    const char *module = string_at(j, v[MODULE]), *parent = string_at(j, v[PARENT]);
    const char *extension = string_at(j, v[EXTENSION]);
    if (*module && (!take(&path, "/") || !take(&path, module) || !take(&path, "/")))
        return false;
    if (*parent && (!take(&path, parent) || !take(&path, "/")))
        return false;
    if (!take(&path, string_at(j, v[BASE])))
        return false;
    if (*extension && (!take(&path, ".") || !take(&path, extension)))
        return false;
    return !*path;
}

const u8 *jimage_find(const struct jimage *j, const char *path, u64 *size)
{
    u32 row = hash_of(path, SEED) % j->h.rows;
    i32 to  = j->redirect[row];
    if (to == 0)
        return NULL;
    row = to > 0 ? hash_of(path, (u32)to) % j->h.rows : (u32)(-1 - to);
    u64 v[KINDS];
    if (row >= j->h.rows || !read_attributes(j, j->offsets[row], v) || !path_is(j, v, path))
        return NULL;
    u64 room = j->size - j->data;
    if (v[COMPRESSED] || v[OFFSET] > room || v[UNCOMPRESSED] > room - v[OFFSET])
        return NULL;
    *size = v[UNCOMPRESSED];
    return j->bytes + j->data + v[OFFSET];
}

const char *jimage_module(const struct jimage *j, const char *package)
{
    char path[512];
    u64  size;
    if (snprintf(path, sizeof(path), "/packages/%s", package) >= (int)sizeof(path))
        return NULL;
    const u8 *p = jimage_find(j, path, &size);
    for (u64 at = 0; p && at + 8 <= size; at += 8) {
        u32 row[2]; /* whether it has no classes, the module's name */
        memcpy(row, p + at, sizeof(row));
        if (!row[0])
            return string_at(j, row[1]);
    }
    return NULL;
}

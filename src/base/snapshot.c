/* base/snapshot.c - see snapshot.h.
 *
 * The file: a header of 16 bytes (magic, version, its CRC), then sections, each a header of 64
 * bytes (name, length and CRC of what follows, CRC of the header itself), then the closing
 * section "end" that tells how many there were. One thread at a time. A failure sticks: the
 * first one is kept and told by snap_commit, or by snap_failed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/snapshot.h"

#include <endian.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/alloc.h"

#define MAGIC        "GUISESNP"
#define CLOSING      "end"
#define MAX_SECTIONS 4096u
#define MAX_STRING   MiB(1)
#define BUFFER       KiB(256)
#define PAGE         4096u

struct file_header {
    char magic[8];
    u32  version;
    u32  crc; /* of the bytes before it */
};

struct section_header {
    char name[48];
    u64  len;
    u32  crc;     /* of the contents */
    u32  own_crc; /* of the bytes before it */
};
_Static_assert(sizeof(struct file_header) == 16, "the file's format");
_Static_assert(sizeof(struct section_header) == 64, "the file's format");

struct section {
    char name[48];
    u64  at, len; /* of its contents */
};

struct snap {
    int        fd;
    bool       writing, failed, open_section;
    char      *path, *temporary; /* temporary: NULL when it has no name */
    struct err err;              /* the first failure */

    struct section *sections;
    unsigned        count;

    struct section now; /* the section being written or read */
    u64            pos; /* in the file: where the next byte goes to or comes from */
    u32            crc;

    u8    *buf; /* writing: bytes not yet written. reading: bytes read ahead from pos */
    size_t fill, used;
};

static void fail(struct snap *s, int code, const char *what)
{
    if (!s->failed)
        err_set(&s->err, code, "%s", what);
    s->failed = true;
}

bool snap_failed(const struct snap *s)
{
    return s->failed;
}

static u32 crc_of(const void *data, size_t len)
{
    return (u32)crc32_z(0, data, len);
}

/* ---- writing ---- */

static void flush(struct snap *s)
{
    size_t done = 0;
    while (done < s->fill && !s->failed) {
        ssize_t n = write(s->fd, s->buf + done, s->fill - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err_errno(&s->err, errno, "write snapshot '%s'", s->path);
            s->failed = true;
        } else {
            done += (size_t)n;
        }
    }
    s->fill = 0;
}

static void emit(struct snap *s, const void *data, size_t len)
{
    const u8 *p = data;
    s->pos += len;
    while (len > 0 && !s->failed) {
        size_t n = MIN(len, BUFFER - s->fill);
        memcpy(s->buf + s->fill, p, n);
        s->fill += n;
        p += n;
        len -= n;
        if (s->fill == BUFFER)
            flush(s);
    }
}

static struct section_header header_of(const char *name, u64 len, u32 crc)
{
    struct section_header h = {.len = htole64(len), .crc = htole32(crc)};
    memcpy(h.name, name, strlen(name));
    h.own_crc = htole32(crc_of(&h, offsetof(struct section_header, own_crc)));
    return h;
}

/* A file without a name goes away with us, also when we are killed. Where the file system has
 * no such thing it gets a temporary one. */
static int open_temporary(struct snap *s)
{
    cleanup_free char *copy = xstrdup(s->path);
    int                fd   = open(dirname(copy), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    cleanup_free char *name = xasprintf("%s.XXXXXX", s->path);
    fd                      = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        s->temporary = steal_ptr(name);
    return fd;
}

/* Gives it a temporary name, from which it can be renamed over an older file. */
static int link_temporary(struct snap *s)
{
    char own[40];
    snprintf(own, sizeof(own), "/proc/self/fd/%d", s->fd);
    for (unsigned i = 0; !s->temporary && i < 100; i++) {
        cleanup_free char *name = xasprintf("%s.%d-%u", s->path, getpid(), i);
        if (linkat(AT_FDCWD, own, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0)
            s->temporary = steal_ptr(name);
        else if (errno != EEXIST)
            break;
    }
    return s->temporary ? 0 : -errno;
}

int snap_create(struct snap **out, const char *path, struct err *err)
{
    struct snap *s = xnew(struct snap);
    s->writing     = true;
    s->path        = xstrdup(path);
    s->fd          = open_temporary(s);
    if (s->fd < 0) {
        int rc = err_errno(err, errno, "create snapshot '%s'", path);
        snap_close(s);
        return rc;
    }
    s->buf               = xalloc(BUFFER);
    struct file_header h = {.magic = MAGIC, .version = htole32(SNAP_VERSION)};
    h.crc                = htole32(crc_of(&h, offsetof(struct file_header, crc)));
    emit(s, &h, sizeof(h));
    *out = s;
    return 0;
}

void snap_begin(struct snap *s, const char *section)
{
    assert(s->writing && !s->open_section && strlen(section) < sizeof(s->now.name));
    s->open_section = true;
    s->now          = (struct section){.at = s->pos + sizeof(struct section_header)};
    memcpy(s->now.name, section, strlen(section));
    s->crc                  = 0;
    struct section_header h = {0}; /* filled in by snap_end */
    emit(s, &h, sizeof(h));
}

void snap_end(struct snap *s)
{
    assert(s->writing && s->open_section);
    s->open_section         = false;
    struct section_header h = header_of(s->now.name, s->pos - s->now.at, s->crc);
    flush(s);
    if (!s->failed && pwrite(s->fd, &h, sizeof(h), (off_t)(s->now.at - sizeof(h))) != sizeof(h))
        fail(s, errno ? errno : EIO, "write snapshot: section header");
    s->count++;
}

void snap_put(struct snap *s, const void *data, size_t len)
{
    assert(s->open_section);
    s->crc = (u32)crc32_z(s->crc, data, len);
    emit(s, data, len);
}

void snap_put_u64(struct snap *s, u64 v)
{
    v = htole64(v);
    snap_put(s, &v, sizeof(v));
}

void snap_put_str(struct snap *s, const char *str)
{
    size_t len = str ? strlen(str) : 0;
    snap_put_u64(s, len);
    snap_put(s, str ? str : "", len);
}

static int sync_folder(const char *path)
{
    cleanup_free char *copy   = xstrdup(path);
    cleanup_fd int     folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 || fsync(folder) < 0 ? -errno : 0;
}

int snap_commit(struct snap *s, struct err *err)
{
    snap_begin(s, CLOSING);
    snap_put_u64(s, s->count);
    snap_end(s);
    flush(s);
    if (s->failed)
        return err_set(err, s->err.code, "%s", s->err.text);
    if (fsync(s->fd) < 0)
        return err_errno(err, errno, "sync snapshot '%s'", s->path);
    if (link_temporary(s) < 0)
        return err_errno(err, errno, "name snapshot '%s'", s->path);
    if (rename(s->temporary, s->path) < 0)
        return err_errno(err, errno, "rename snapshot to '%s'", s->path);
    free(s->temporary);
    s->temporary = NULL;
    if (sync_folder(s->path) < 0)
        return err_errno(err, errno, "sync the folder of '%s'", s->path);
    return 0;
}

void snap_close(struct snap *s)
{
    if (!s)
        return;
    if (s->temporary)
        unlink(s->temporary);
    if (s->fd >= 0)
        close(s->fd);
    free(s->temporary);
    free(s->path);
    free(s->sections);
    free(s->buf);
    free(s);
}

/* ---- opening ---- */

static int read_at(int fd, void *data, size_t len, u64 at)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, (u8 *)data + done, len - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ENODATA;
        done += (size_t)n;
    }
    return 0;
}

static int check_file_header(struct snap *s, struct err *err)
{
    struct file_header h;
    if (read_at(s->fd, &h, sizeof(h), 0) || memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0)
        return err_set(err, EINVAL, "'%s' is not a snapshot of guise", s->path);
    if (le32toh(h.crc) != crc_of(&h, offsetof(struct file_header, crc)))
        return err_set(err, EINVAL, "snapshot '%s' is damaged: header checksum", s->path);
    if (le32toh(h.version) > SNAP_VERSION)
        return err_set(err, ENOTSUP, "snapshot '%s' has version %u, newer than this guise's %u",
                       s->path, le32toh(h.version), SNAP_VERSION);
    return 0;
}

/* Reads the whole of a section and compares its CRC. */
static int check_contents(struct snap *s, const struct section *sec, u32 want, struct err *err)
{
    u32 crc = 0;
    for (u64 done = 0; done < sec->len;) {
        size_t n = (size_t)MIN(sec->len - done, BUFFER);
        if (read_at(s->fd, s->buf, n, sec->at + done))
            return err_set(err, EINVAL, "snapshot '%s' is truncated", s->path);
        crc = (u32)crc32_z(crc, s->buf, n);
        done += n;
    }
    if (crc != want)
        return err_set(err, EINVAL, "snapshot '%s' is damaged: section '%s' checksum", s->path,
                       sec->name);
    return 0;
}

static const struct section *find(const struct snap *s, const char *name)
{
    for (unsigned i = 0; i < s->count; i++)
        if (strcmp(s->sections[i].name, name) == 0)
            return &s->sections[i];
    return NULL;
}

/* Checks the section at *AT, moves *AT behind it, tells in *last if it was the closing one. */
static int check_section(struct snap *s, u64 *at, u64 size, bool *last, struct err *err)
{
    struct section_header h;
    if (size - *at < sizeof(h) || read_at(s->fd, &h, sizeof(h), *at))
        return err_set(err, EINVAL, "snapshot '%s' is truncated", s->path);
    if (le32toh(h.own_crc) != crc_of(&h, offsetof(struct section_header, own_crc)) ||
        memchr(h.name, 0, sizeof(h.name)) == NULL)
        return err_set(err, EINVAL, "snapshot '%s' is damaged: section header", s->path);
    struct section sec = {.at = *at + sizeof(h), .len = le64toh(h.len)};
    memcpy(sec.name, h.name, sizeof(sec.name));
    if (sec.len > size - sec.at)
        return err_set(err, EINVAL, "snapshot '%s' is truncated", s->path);
    int rc = check_contents(s, &sec, le32toh(h.crc), err);
    if (rc)
        return rc;
    *at   = sec.at + sec.len;
    *last = strcmp(sec.name, CLOSING) == 0;
    if (*last)
        return 0;
    if (find(s, sec.name) || s->count == MAX_SECTIONS)
        return err_set(err, EINVAL, "snapshot '%s' is damaged: sections repeat", s->path);
    s->sections             = xrealloc(s->sections, (s->count + 1) * sizeof(sec));
    s->sections[s->count++] = sec;
    return 0;
}

static int check_all(struct snap *s, struct err *err)
{
    struct stat st;
    if (fstat(s->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, EINVAL, "'%s' is not a regular file", s->path);
    int  rc   = check_file_header(s, err);
    u64  at   = sizeof(struct file_header);
    bool last = false;
    while (!rc && !last)
        rc = check_section(s, &at, (u64)st.st_size, &last, err);
    if (!rc && at != (u64)st.st_size)
        rc = err_set(err, EINVAL, "snapshot '%s' has bytes behind its end", s->path);
    return rc;
}

int snap_open(struct snap **out, const char *path, struct err *err)
{
    struct snap *s = xnew(struct snap);
    s->path        = xstrdup(path);
    s->buf         = xalloc(BUFFER);
    s->fd          = open(path, O_RDONLY | O_CLOEXEC);
    int rc = s->fd < 0 ? err_errno(err, errno, "open snapshot '%s'", path) : check_all(s, err);
    if (rc) {
        snap_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

/* ---- reading ---- */

bool snap_find(struct snap *s, const char *section)
{
    assert(!s->writing);
    const struct section *sec = find(s, section);
    if (!sec)
        return false;
    s->now  = *sec;
    s->pos  = sec->at;
    s->fill = s->used = 0;
    return true;
}

u64 snap_left(const struct snap *s)
{
    return s->failed ? 0 : s->now.at + s->now.len - s->pos;
}

void snap_get(struct snap *s, void *data, size_t len)
{
    assert(!s->writing);
    if (len > snap_left(s)) {
        fail(s, EINVAL, "a section of the snapshot is too short");
        memset(data, 0, len);
        return;
    }
    for (size_t done = 0; done < len;) {
        if (s->used == s->fill) {
            s->used = 0;
            s->fill = (size_t)MIN(snap_left(s), BUFFER);
            if (read_at(s->fd, s->buf, s->fill, s->pos)) {
                s->fill = 0;
                fail(s, EIO, "the snapshot cannot be read");
                memset(data, 0, len);
                return;
            }
        }
        size_t n = MIN(len - done, s->fill - s->used);
        memcpy((u8 *)data + done, s->buf + s->used, n);
        s->used += n;
        s->pos += n;
        done += n;
    }
}

u64 snap_get_u64(struct snap *s)
{
    u64 v = 0;
    snap_get(s, &v, sizeof(v));
    return le64toh(v);
}

char *snap_get_str(struct snap *s)
{
    u64 len = snap_get_u64(s);
    if (len > snap_left(s) || len > MAX_STRING) {
        fail(s, EINVAL, "a string of the snapshot is too long");
        len = 0;
    }
    char *str = xalloc((size_t)len + 1);
    snap_get(s, str, (size_t)len);
    return str;
}

/* ---- structs ---- */

void snap_put_fields(struct snap *s, const struct field *fields, const void *obj)
{
    for (const struct field *f = fields; f->name; f++) {
        snap_put_str(s, f->name);
        snap_put_u64(s, f->size);
        snap_put(s, (const u8 *)obj + f->off, f->size);
    }
    snap_put_str(s, "");
}

static void skip(struct snap *s, u64 len)
{
    u8 scrap[256];
    if (len > snap_left(s))
        fail(s, EINVAL, "a field of the snapshot is too long");
    while (len > 0 && !s->failed) {
        size_t n = (size_t)MIN(len, sizeof(scrap));
        snap_get(s, scrap, n);
        len -= n;
    }
}

void snap_get_fields(struct snap *s, const struct field *fields, void *obj)
{
    while (!s->failed) {
        cleanup_free char *name = snap_get_str(s);
        if (!name[0])
            return;
        u64                 size = snap_get_u64(s);
        const struct field *f    = fields;
        while (f->name && strcmp(f->name, name) != 0)
            f++;
        if (!f->name)
            skip(s, size);
        else if (f->size != size)
            fail(s, EINVAL, "a field of the snapshot has another size");
        else
            snap_get(s, (u8 *)obj + f->off, f->size);
    }
}

/* ---- memory ---- */

static bool all_zero(const u8 *p, size_t len)
{
    return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

/* Runs of pages that are not zero: offset, length, bytes; a run of length 0 ends them. */
void snap_put_ram(struct snap *s, const u8 *data, u64 len)
{
    snap_put_u64(s, len);
    for (u64 at = 0; at < len && !s->failed;) {
        u64 page = MIN(PAGE, len - at);
        if (all_zero(data + at, page)) {
            at += page;
            continue;
        }
        u64 end = at + page;
        while (end < len && end - at < BUFFER && !all_zero(data + end, MIN(PAGE, len - end)))
            end += MIN(PAGE, len - end);
        snap_put_u64(s, at);
        snap_put_u64(s, end - at);
        snap_put(s, data + at, end - at);
        at = end;
    }
    snap_put_u64(s, len);
    snap_put_u64(s, 0);
}

void snap_get_ram(struct snap *s, u8 *data, u64 len)
{
    if (snap_get_u64(s) != len)
        fail(s, EINVAL, "the snapshot has another size of memory");
    while (!s->failed) {
        u64 at = snap_get_u64(s), n = snap_get_u64(s);
        if (n == 0)
            return;
        if (at > len || n > len - at)
            fail(s, EINVAL, "the snapshot has memory out of range");
        else
            snap_get(s, data + at, n);
    }
}

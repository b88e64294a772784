/* device/host/share_files.c - 9P requests about what is in a file: attributes, opening, reading,
 * writing, locks. See share.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/alloc.h"
#include "device/host/share_in.h"

static struct fid *in_fid(struct share *s, struct msg_in *in)
{
    struct fid *f = fid_find(s, (u32)in_num(in, 4));
    return in->bad ? NULL : f;
}

static int stat_fid(const struct fid *f, struct stat *st)
{
    if (f->path_fd < 0)
        return -ESTALE;
    return fstatat(f->path_fd, "", st, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* Opens the fid's own file: regular files and folders only. */
static int reopen(struct share *s, const struct fid *f, int flags)
{
    struct stat st;
    char        name[16];
    int         rc = stat_fid(f, &st);
    if (rc)
        return rc;
    if (S_ISDIR(st.st_mode)) {
        int fd = openat(f->path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
    }
    if (!S_ISREG(st.st_mode))
        return S_ISLNK(st.st_mode) ? -ELOOP : -EACCES;
    fd_name(name, f->path_fd);
    int fd = openat(s->proc_fd, name, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

int do_statfs(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid   *f = in_fid(s, in);
    struct statfs st;
    if (!f || f->path_fd < 0)
        return -EBADF;
    if (fstatfs(f->path_fd, &st) < 0)
        return -errno;
    out_num(out, 4, 0x01021997); /* V9FS_MAGIC */
    out_num(out, 4, (u64)st.f_bsize);
    out_num(out, 8, st.f_blocks);
    out_num(out, 8, st.f_bfree);
    out_num(out, 8, st.f_bavail);
    out_num(out, 8, st.f_files);
    out_num(out, 8, st.f_ffree);
    out_num(out, 8, 0);
    out_num(out, 4, (u64)st.f_namelen);
    return 0;
}

int do_getattr(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *f = in_fid(s, in);
    struct stat st;
    if (!f)
        return -EBADF;
    int rc = stat_fid(f, &st);
    if (rc)
        return rc;
    const struct timespec times[] = {st.st_atim, st.st_mtim, st.st_ctim};
    out_num(out, 8, 0x7ff); /* P9_GETATTR_BASIC */
    out_qid(s, out, &st);
    out_num(out, 4, st.st_mode);
    out_num(out, 4, st.st_uid);
    out_num(out, 4, st.st_gid);
    out_num(out, 8, st.st_nlink);
    out_num(out, 8, st.st_rdev);
    out_num(out, 8, (u64)st.st_size);
    out_num(out, 8, (u64)st.st_blksize);
    out_num(out, 8, (u64)st.st_blocks);
    for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
        out_num(out, 8, (u64)times[i].tv_sec);
        out_num(out, 8, (u64)times[i].tv_nsec);
    }
    for (unsigned i = 0; i < 4; i++) /* birth time, generation, data version: not told */
        out_num(out, 8, 0);
    return 0;
}

/* Bits of Tsetattr's valid. */
enum {
    SET_MODE      = 1,
    SET_UID       = 2,
    SET_GID       = 4,
    SET_SIZE      = 8,
    SET_ATIME     = 16,
    SET_MTIME     = 32,
    SET_ATIME_NOW = 128, /* a value is given */
    SET_MTIME_NOW = 256
};

struct attrs {
    u32             valid, mode, uid, gid;
    u64             size;
    struct timespec times[2];
};

static struct timespec time_of(u32 valid, u32 set, u32 given, const struct timespec *t)
{
    if (!(valid & set))
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    return valid & given ? *t : (struct timespec){.tv_nsec = UTIME_NOW};
}

static int set_size(struct share *s, const struct fid *f, u64 size)
{
    if (size > INT64_MAX)
        return -EFBIG;
    bool           ours = f->io_fd >= 0 && (f->io_flags & O_ACCMODE) != O_RDONLY;
    cleanup_fd int own  = ours ? -1 : reopen(s, f, O_WRONLY);
    if (!ours && own < 0)
        return own;
    return ftruncate(ours ? f->io_fd : own, (off_t)size) < 0 ? -errno : 0;
}

static int set_owner(struct share *s, const struct fid *f, const struct attrs *a)
{
    uid_t uid = a->valid & SET_UID ? a->uid : (uid_t)-1;
    gid_t gid = a->valid & SET_GID ? a->gid : (gid_t)-1;
    if (fchownat(f->path_fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return errno == EPERM && !s->as_root ? 0 : -errno; /* files stay those of our user */
}

int do_setattr(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid  *f = in_fid(s, in);
    struct attrs a;
    struct stat  st;
    char         name[16];
    (void)out;
    a.valid = (u32)in_num(in, 4);
    a.mode  = (u32)in_num(in, 4);
    a.uid   = (u32)in_num(in, 4);
    a.gid   = (u32)in_num(in, 4);
    a.size  = in_num(in, 8);
    for (unsigned i = 0; i < 2; i++) {
        a.times[i].tv_sec  = (time_t)in_num(in, 8);
        a.times[i].tv_nsec = (long)in_num(in, 8);
    }
    if (in->bad || !f)
        return in->bad ? -EPROTO : -EBADF;
    int rc = stat_fid(f, &st);
    fd_name(name, f->path_fd);
    if (!rc && (a.valid & (SET_UID | SET_GID)))
        rc = set_owner(s, f, &a);
    if (!rc && (a.valid & SET_MODE)) {
        if (S_ISLNK(st.st_mode))
            rc = -EOPNOTSUPP;
        else if (fchmodat(s->proc_fd, name, a.mode & 07777, 0) < 0)
            rc = -errno;
    }
    if (!rc && (a.valid & SET_SIZE))
        rc = set_size(s, f, a.size);
    if (!rc && (a.valid & (SET_ATIME | SET_MTIME))) {
        struct timespec t[2]  = {time_of(a.valid, SET_ATIME, SET_ATIME_NOW, &a.times[0]),
                                 time_of(a.valid, SET_MTIME, SET_MTIME_NOW, &a.times[1])};
        int             flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW;
        int             done  = S_ISLNK(st.st_mode) ? utimensat(f->path_fd, "", t, flags)
                                                    : utimensat(s->proc_fd, name, t, 0);
        rc                    = done < 0 ? -errno : 0;
    }
    return rc;
}

/* Linux's open flags as 9P2000.L has them (those of most architectures) to the host's. */
static int host_flags(u32 flags)
{
    static const struct {
        u32 theirs;
        int ours;
    } map[] = {{01000, O_TRUNC}, {02000, O_APPEND}, {0200, O_EXCL}, {010000, O_DSYNC}};
    int got = (int)(flags & 3);
    for (unsigned i = 0; i < ARRAY_SIZE(map); i++)
        if (flags & map[i].theirs)
            got |= map[i].ours;
    return (flags & 3) == 3 ? -1 : got;
}

static void opened(struct share *s, struct fid *f, int fd, int flags, struct msg_out *out)
{
    (void)s;
    f->io_fd    = fd;
    f->io_flags = flags;
    out_num(out, 4, 0); /* iounit: as much as a message holds */
}

int do_lopen(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *f     = in_fid(s, in);
    int         flags = host_flags((u32)in_num(in, 4));
    if (in->bad || !f || f->io_fd >= 0 || f->xattr)
        return in->bad ? -EPROTO : -EBADF;
    if (flags < 0)
        return -EINVAL;
    if (s->read_only && ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC))
        return -EROFS;
    int fd = reopen(s, f, flags & ~(O_EXCL | O_APPEND));
    if (fd < 0)
        return fd;
    int rc = out_qid_at(s, out, fd);
    if (rc) {
        close(fd);
        return rc;
    }
    opened(s, f, fd, flags, out);
    return 0;
}

int do_lcreate(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *f = in_fid(s, in);
    char        name[NAME_BYTES];
    bool        named = in_name(in, name);
    int         flags = host_flags((u32)in_num(in, 4));
    u32         mode = (u32)in_num(in, 4), gid = (u32)in_num(in, 4);
    if (in->bad || !f || f->path_fd < 0 || f->io_fd >= 0)
        return in->bad ? -EPROTO : -EBADF;
    if (!named || flags < 0)
        return -EINVAL;
    /* Always new: an existing name would have been walked to and opened. */
    cleanup_fd int fd =
        openat(f->path_fd, name, (flags & ~O_APPEND) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
               mode & 07777);
    if (fd < 0)
        return -errno;
    if (s->as_root && fchown(fd, f->uid, gid) == 0)
        fchmod(fd, mode & 07777); /* which chown may have changed */
    int path_fd = share_lookup(f->path_fd, name, O_PATH);
    if (path_fd < 0)
        return path_fd;
    int rc = out_qid_at(s, out, fd);
    close(f->path_fd); /* the fid is the new file from now on */
    f->path_fd = path_fd;
    if (!rc)
        opened(s, f, steal_fd(&fd), flags, out);
    return rc;
}

int do_read(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *f     = in_fid(s, in);
    u64         off   = in_num(in, 8);
    u32         count = (u32)in_num(in, 4);
    if (in->bad || !f)
        return in->bad ? -EPROTO : -EBADF;
    if (out->end - out->at < 4 || off > INT64_MAX)
        return -EINVAL;
    u8     *data = out->at + 4;
    ssize_t got  = 0;
    count        = MIN(count, (u32)(out->end - data));
    if (f->xattr && !f->xattr_name) {
        got = off < f->xattr_len ? (ssize_t)MIN((u64)count, f->xattr_len - off) : 0;
        memcpy(data, f->xattr + MIN(off, f->xattr_len), (size_t)got);
    } else if (f->io_fd < 0) {
        return -EBADF;
    } else {
        got = pread(f->io_fd, data, count, (off_t)off);
    }
    if (got < 0)
        return -errno;
    out_num(out, 4, (u64)got);
    out->at += got;
    return 0;
}

int do_write(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *f     = in_fid(s, in);
    u64         off   = in_num(in, 8);
    u32         count = (u32)in_num(in, 4);
    const u8   *data  = in_bytes(in, count);
    if (!data || !f)
        return !data ? -EPROTO : -EBADF;
    if (f->xattr_name) {
        if (off > f->xattr_len || count > f->xattr_len - off)
            return -ENOSPC;
        memcpy(f->xattr + off, data, count);
        f->xattr_at = MAX(f->xattr_at, off + count);
        out_num(out, 4, count);
        return 0;
    }
    if (f->io_fd < 0 || off > INT64_MAX)
        return f->io_fd < 0 ? -EBADF : -EFBIG;
    ssize_t done = pwrite(f->io_fd, data, count, (off_t)off);
    if (done < 0)
        return -errno;
    out_num(out, 4, (u64)done);
    return 0;
}

int do_fsync(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *f         = in_fid(s, in);
    u32         data_only = (u32)in_num(in, 4);
    (void)out;
    if (!f || f->io_fd < 0)
        return -EBADF;
    return (data_only ? fdatasync(f->io_fd) : fsync(f->io_fd)) < 0 ? -errno : 0;
}

static bool in_range(struct msg_in *in, struct flock *lock)
{
    u64 start = in_num(in, 8), len = in_num(in, 8);
    lock->l_whence = SEEK_SET;
    lock->l_start  = (off_t)start;
    lock->l_len    = (off_t)len;
    return start <= INT64_MAX && len <= INT64_MAX;
}

static const i16 lock_types[] = {F_RDLCK, F_WRLCK, F_UNLCK};

/* Locks belong to the open file, so to the fid; the client asks again while it is blocked. */
int do_lock(struct share *s, struct msg_in *in, struct msg_out *out)
{
    enum { LOCK_SUCCESS, LOCK_BLOCKED, LOCK_ERROR };
    struct fid  *f    = in_fid(s, in);
    unsigned     type = (unsigned)in_num(in, 1);
    struct flock lock = {0};
    in_num(in, 4); /* flags */
    bool valid = in_range(in, &lock) && type < ARRAY_SIZE(lock_types);
    if (!f || f->io_fd < 0 || in->bad)
        return -EBADF;
    if (!valid)
        return -EINVAL;
    lock.l_type = lock_types[type];
    int status  = LOCK_SUCCESS;
    if (fcntl(f->io_fd, F_OFD_SETLK, &lock) < 0)
        status = errno == EAGAIN || errno == EACCES ? LOCK_BLOCKED : LOCK_ERROR;
    out_num(out, 1, (u64)status);
    return 0;
}

int do_getlock(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid        *f      = in_fid(s, in);
    unsigned           type   = (unsigned)in_num(in, 1);
    struct flock       lock   = {0};
    bool               valid  = in_range(in, &lock) && type < ARRAY_SIZE(lock_types);
    u32                proc   = (u32)in_num(in, 4);
    cleanup_free char *client = in_string(in);
    if (!f || f->io_fd < 0 || !client)
        return -EBADF;
    if (!valid)
        return -EINVAL;
    lock.l_type = lock_types[type];
    if (fcntl(f->io_fd, F_OFD_GETLK, &lock) < 0)
        return -errno;
    for (type = 0; type < ARRAY_SIZE(lock_types) && lock_types[type] != lock.l_type;)
        type++;
    out_num(out, 1, type);
    out_num(out, 8, (u64)lock.l_start);
    out_num(out, 8, (u64)lock.l_len);
    out_num(out, 4, proc);
    out_string(out, client, strlen(client));
    return 0;
}

/* --- extended attributes: those of users only --- */

enum { XATTR_MAX = 65536 };

static bool is_user(const char *name)
{
    return !strncmp(name, "user.", 5);
}

static ssize_t list_user(const char *path, u8 *to)
{
    cleanup_free char *all  = xalloc(XATTR_MAX);
    ssize_t            n    = listxattr(path, all, XATTR_MAX);
    size_t             kept = 0;
    for (ssize_t at = 0; at < n; at += (ssize_t)strlen(all + at) + 1)
        if (is_user(all + at)) {
            memcpy(to + kept, all + at, strlen(all + at) + 1);
            kept += strlen(all + at) + 1;
        }
    return n < 0 ? n : (ssize_t)kept;
}

static char *proc_path(const struct fid *f)
{
    return xasprintf("/proc/self/fd/%d", f->path_fd);
}

int do_xattrwalk(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid        *f    = in_fid(s, in);
    u32                id   = (u32)in_num(in, 4);
    cleanup_free char *name = in_string(in);
    struct stat        st;
    if (!f || !name || f->path_fd < 0)
        return -EBADF;
    if (*name && !is_user(name))
        return -EOPNOTSUPP;
    int rc = stat_fid(f, &st);
    if (rc || S_ISLNK(st.st_mode))
        return rc ? rc : -EOPNOTSUPP;
    cleanup_free char *path  = proc_path(f);
    cleanup_free u8   *value = xalloc(XATTR_MAX);
    ssize_t            n = *name ? getxattr(path, name, value, XATTR_MAX) : list_user(path, value);
    if (n < 0)
        return -errno;
    struct fid *fresh;
    rc = fid_add(s, id, -1, f->uid, &fresh);
    if (rc)
        return rc;
    fresh->xattr     = steal_ptr(value);
    fresh->xattr_len = (u64)n;
    out_num(out, 8, (u64)n);
    return 0;
}

int do_xattrcreate(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid        *f    = in_fid(s, in);
    cleanup_free char *name = in_string(in);
    u64                len  = in_num(in, 8);
    u32                how  = (u32)in_num(in, 4);
    (void)out;
    if (!f || !name || in->bad || f->path_fd < 0 || f->io_fd >= 0 || f->xattr)
        return -EBADF;
    if (!is_user(name))
        return -EOPNOTSUPP;
    if (len > XATTR_MAX)
        return -ENOSPC;
    f->xattr       = xalloc(len + 1);
    f->xattr_len   = len;
    f->xattr_name  = steal_ptr(name);
    f->xattr_flags = (int)how & (XATTR_CREATE | XATTR_REPLACE);
    return 0;
}

int xattr_commit(struct share *s, struct fid *f)
{
    struct stat        st;
    cleanup_free char *path = proc_path(f);
    (void)s;
    int rc = stat_fid(f, &st);
    if (rc || S_ISLNK(st.st_mode))
        return rc ? rc : -EOPNOTSUPP;
    if (f->xattr_at < f->xattr_len)
        return -EIO;
    if (f->xattr_len == 0 && f->xattr_flags == XATTR_REPLACE) /* how removal is said */
        return removexattr(path, f->xattr_name) < 0 ? -errno : 0;
    return setxattr(path, f->xattr_name, f->xattr, f->xattr_len, f->xattr_flags) < 0 ? -errno : 0;
}

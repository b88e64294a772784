/* device/host/share_names.c - 9P requests about names: walking, folders, links, renaming. See
 * share.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "device/host/share_in.h"

enum { WALK_MAX = 16, DIR_BYTES = 32768, ENTRY_FIXED = QID_BYTES + 8 + 1 + 2 };

struct dirent64 {
    u64  ino;
    i64  next;
    u16  len;
    u8   type;
    char name[];
} __attribute__((packed));

/* The fid of a folder to work in. */
static struct fid *in_folder(struct share *s, struct msg_in *in)
{
    struct fid *f = fid_find(s, (u32)in_num(in, 4));
    return !in->bad && f && f->path_fd >= 0 ? f : NULL;
}

int do_walk(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *f  = in_folder(s, in);
    u32         id = (u32)in_num(in, 4);
    unsigned    n  = (unsigned)in_num(in, 2);
    if (in->bad || !f || n > WALK_MAX)
        return in->bad || f ? -EINVAL : -EBADF;
    if (f->io_fd >= 0 && id == f->id)
        return -EBADF;
    cleanup_fd int fd = fcntl(f->path_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -errno;
    u8 *count_at = out->at;
    out_num(out, 2, 0);
    u16 done = 0;
    for (int rc = 0; done < n; done++) {
        char name[NAME_BYTES];
        int  next = in_name(in, name) ? share_lookup(fd, name, O_PATH) : -ENOENT;
        if (next >= 0) {
            close(fd);
            fd = next;
            rc = out_qid_at(s, out, fd);
        }
        if (next < 0 || rc) {
            if (done == 0)
                return next < 0 ? next : rc;
            break;
        }
    }
    if (out->bad)
        return -EMSGSIZE;
    memcpy(count_at, &done, sizeof(done));
    if (done < n)
        return 0; /* as far as it went; no new fid */
    if (id != f->id)
        return fid_add(s, id, steal_fd(&fd), f->uid, NULL);
    close(f->path_fd);
    f->path_fd = steal_fd(&fd);
    return 0;
}

static u64 folder_type(const struct dirent64 *d)
{
    return d->type == 4 ? 0x80 : d->type == 10 ? 0x02 : 0; /* DT_DIR, DT_LNK */
}

int do_readdir(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *f     = fid_find(s, (u32)in_num(in, 4));
    u64         off   = in_num(in, 8);
    u32         count = (u32)in_num(in, 4);
    if (in->bad || !f || f->io_fd < 0)
        return -EBADF;
    cleanup_free u8 *buf = xalloc(DIR_BYTES);
    if (lseek(f->io_fd, (off_t)off, SEEK_SET) < 0)
        return -errno;
    u8 *start = out->at;
    out_num(out, 4, 0);
    if (out->bad)
        return -EMSGSIZE;
    u8 *limit = out->at + MIN(count, (u32)(out->end - out->at));
    for (bool full = false; !full;) {
        long n = syscall(SYS_getdents64, f->io_fd, buf, DIR_BYTES);
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        for (long at = 0; at < n;) {
            const struct dirent64 *d    = (void *)(buf + at);
            size_t                 name = strlen(d->name);
            full                        = ENTRY_FIXED + name > (size_t)(limit - out->at);
            if (full)
                break;
            out_num(out, 1, folder_type(d));
            out_num(out, 4, 0);
            out_num(out, 8, d->ino);
            out_num(out, 8, (u64)d->next);
            out_num(out, 1, d->type);
            out_string(out, d->name, name);
            at += d->len;
        }
    }
    u32 total = (u32)(out->at - start) - 4;
    memcpy(start, &total, sizeof(total));
    return 0;
}

int do_readlink(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *f = in_folder(s, in);
    char        target[PATH_MAX];
    if (!f)
        return -EBADF;
    ssize_t n = readlinkat(f->path_fd, "", target, sizeof(target));
    if (n < 0)
        return errno == ENOENT ? -EINVAL : -errno;
    out_string(out, target, (size_t)n);
    return 0;
}

/* What was made belongs to the guest's user, as far as we may. */
static int made(struct share *s, const struct fid *dir, const char *name, u32 gid, u32 mode,
                struct msg_out *out)
{
    cleanup_fd int fd = share_lookup(dir->path_fd, name, O_PATH);
    if (fd < 0)
        return fd;
    char fdname[16];
    fd_name(fdname, fd);
    if (s->as_root && fchownat(fd, "", dir->uid, gid, AT_EMPTY_PATH) == 0 && mode)
        fchmodat(s->proc_fd, fdname, mode & 07777, 0);
    return out_qid_at(s, out, fd);
}

int do_symlink(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid        *f = in_folder(s, in);
    char               name[NAME_BYTES];
    bool               named  = in_name(in, name);
    cleanup_free char *target = in_string(in);
    u32                gid    = (u32)in_num(in, 4);
    if (!f || !named || !target || in->bad)
        return f ? -EINVAL : -EBADF;
    if (symlinkat(target, f->path_fd, name) < 0)
        return -errno;
    return made(s, f, name, gid, 0, out);
}

int do_mknod(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *f = in_folder(s, in);
    char        name[NAME_BYTES];
    bool        named = in_name(in, name);
    u32         mode  = (u32)in_num(in, 4);
    in_num(in, 8); /* major, minor */
    u32 gid = (u32)in_num(in, 4);
    if (!f || !named || in->bad)
        return f ? -EINVAL : -EBADF;
    if (!S_ISFIFO(mode) && !S_ISSOCK(mode) && !S_ISREG(mode))
        return -EPERM; /* no device nodes on the host */
    if (mknodat(f->path_fd, name, mode & (S_IFMT | 07777), 0) < 0)
        return -errno;
    return made(s, f, name, gid, mode, out);
}

int do_mkdir(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *f = in_folder(s, in);
    char        name[NAME_BYTES];
    bool        named = in_name(in, name);
    u32         mode = (u32)in_num(in, 4), gid = (u32)in_num(in, 4);
    if (!f || !named || in->bad)
        return f ? -EINVAL : -EBADF;
    if (mkdirat(f->path_fd, name, mode & 07777) < 0)
        return -errno;
    return made(s, f, name, gid, mode & 07777, out);
}

int do_link(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *dir = in_folder(s, in), *f = in_folder(s, in);
    char        name[NAME_BYTES], old[16];
    struct stat st;
    (void)out;
    if (!dir || !f)
        return -EBADF;
    if (!in_name(in, name))
        return -EINVAL;
    if (fstatat(f->path_fd, "", &st, AT_EMPTY_PATH) < 0)
        return -errno;
    fd_name(old, f->path_fd);
    return linkat(s->proc_fd, old, dir->path_fd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

int do_renameat(struct share *s, struct msg_in *in, struct msg_out *out)
{
    char        from_name[NAME_BYTES], to_name[NAME_BYTES];
    struct fid *from  = in_folder(s, in);
    bool        named = in_name(in, from_name);
    struct fid *to    = in_folder(s, in);
    (void)out;
    named = in_name(in, to_name) && named;
    if (!from || !to)
        return -EBADF;
    if (!named)
        return -EINVAL;
    return renameat(from->path_fd, from_name, to->path_fd, to_name) < 0 ? -errno : 0;
}

int do_unlinkat(struct share *s, struct msg_in *in, struct msg_out *out)
{
    struct fid *f = in_folder(s, in);
    char        name[NAME_BYTES];
    bool        named = in_name(in, name);
    u32         flags = (u32)in_num(in, 4);
    (void)out;
    if (!f || !named || in->bad)
        return f ? -EINVAL : -EBADF;
    int how = flags & 0x200 ? AT_REMOVEDIR : 0;
    return unlinkat(f->path_fd, name, how) < 0 ? -errno : 0;
}

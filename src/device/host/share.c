/* device/host/share.c - see share.h: messages, fids, the table of requests, snapshots. What the
 * requests do is in share_files.c and share_names.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "device/host/share_in.h"

enum { HEADER_BYTES = 7, RLERROR = 7, MSIZE_MIN = 4096 };

/* --- messages --- */

const u8 *in_bytes(struct msg_in *in, u32 len)
{
    const u8 *at = in->at;
    if (in->bad || len > (size_t)(in->end - in->at)) {
        in->bad = true;
        return NULL;
    }
    in->at += len;
    return at;
}

u64 in_num(struct msg_in *in, unsigned bytes)
{
    const u8 *p   = in_bytes(in, bytes);
    u64       val = 0;
    if (p)
        memcpy(&val, p, bytes);
    return val;
}

char *in_string(struct msg_in *in)
{
    u32       len = (u32)in_num(in, 2);
    const u8 *p   = in_bytes(in, len);
    if (!p || memchr(p, 0, len))
        return NULL;
    return xstrndup((const char *)p, len);
}

bool in_name(struct msg_in *in, char name[NAME_BYTES])
{
    u32       len = (u32)in_num(in, 2);
    const u8 *p   = in_bytes(in, len);
    if (!p || len == 0 || len >= NAME_BYTES || memchr(p, 0, len) || memchr(p, '/', len))
        return false;
    memcpy(name, p, len);
    name[len] = 0;
    return strcmp(name, ".") && strcmp(name, "..");
}

void out_num(struct msg_out *out, unsigned bytes, u64 val)
{
    if (out->bad || bytes > (size_t)(out->end - out->at)) {
        out->bad = true;
        return;
    }
    memcpy(out->at, &val, bytes);
    out->at += bytes;
}

void out_string(struct msg_out *out, const char *s, size_t len)
{
    out_num(out, 2, len);
    if (out->bad || len > 0xffff || len > (size_t)(out->end - out->at)) {
        out->bad = true;
        return;
    }
    memcpy(out->at, s, len);
    out->at += len;
}

/* A qid: what a file is, and its number (9P: type, version, path). */
void out_qid(struct share *s, struct msg_out *out, const struct stat *st)
{
    u8  type = S_ISDIR(st->st_mode) ? 0x80 : S_ISLNK(st->st_mode) ? 0x02 : 0;
    u64 path = st->st_ino;
    if (st->st_dev != s->root_dev) /* another file system below: keep their numbers apart */
        path ^= (u64)st->st_dev * 0x9e3779b97f4a7c15ull;
    out_num(out, 1, type);
    out_num(out, 4, 0);
    out_num(out, 8, path);
}

int out_qid_at(struct share *s, struct msg_out *out, int fd)
{
    struct stat st;
    if (fstatat(fd, "", &st, AT_EMPTY_PATH) < 0)
        return -errno;
    out_qid(s, out, &st);
    return 0;
}

/* --- fids --- */

static struct fid **fid_slot(struct share *s, u32 id)
{
    struct fid **at = &s->buckets[id % FID_BUCKETS];
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

struct fid *fid_find(struct share *s, u32 id)
{
    return *fid_slot(s, id);
}

int fid_add(struct share *s, u32 id, int path_fd, u32 uid, struct fid **out)
{
    struct fid **at = fid_slot(s, id);
    if (*at || s->n_fids == SHARE_FIDS_MAX) {
        int rc = *at ? -EBADF : -ENFILE;
        if (path_fd >= 0)
            close(path_fd);
        return rc;
    }
    *at  = xnew(struct fid);
    **at = (struct fid){.id = id, .uid = uid, .path_fd = path_fd, .io_fd = -1};
    s->n_fids++;
    if (out)
        *out = *at;
    return 0;
}

int fid_drop(struct share *s, u32 id)
{
    struct fid **at = fid_slot(s, id);
    struct fid  *f  = *at;
    if (!f)
        return -EBADF;
    int rc = f->xattr_name ? xattr_commit(s, f) : 0;
    *at    = f->next;
    if (f->path_fd >= 0)
        close(f->path_fd);
    if (f->io_fd >= 0)
        close(f->io_fd);
    free(f->xattr);
    free(f->xattr_name);
    free(f);
    s->n_fids--;
    return rc;
}

void share_reset(struct share *s)
{
    for (unsigned i = 0; i < FID_BUCKETS; i++)
        while (s->buckets[i]) {
            free(s->buckets[i]->xattr_name); /* half written: not kept */
            s->buckets[i]->xattr_name = NULL;
            fid_drop(s, s->buckets[i]->id);
        }
}

int share_lookup(int fd, const char *name, int flags)
{
    struct open_how how = {
        .flags   = (u64)(unsigned)flags | O_CLOEXEC | O_NOFOLLOW,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS,
    };
    if (*name == 0)
        name = ".";
    /* A symlink itself may be named, by O_PATH and O_NOFOLLOW: then it is not followed. */
    if (flags & O_PATH)
        how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    long got = syscall(SYS_openat2, fd, name, &how, sizeof(how));
    return got < 0 ? -errno : (int)got;
}

void fd_name(char name[16], int fd)
{
    snprintf(name, 16, "%d", fd);
}

/* --- requests --- */

static const struct {
    SHARE_HANDLER((*handle));
    bool writes; /* refused when the share is read-only */
} requests[128] = {
    [8] = {do_statfs},          [12] = {do_lopen},
    [14] = {do_lcreate, true},  [16] = {do_symlink, true},
    [18] = {do_mknod, true},    [22] = {do_readlink},
    [24] = {do_getattr},        [26] = {do_setattr, true},
    [30] = {do_xattrwalk},      [32] = {do_xattrcreate, true},
    [40] = {do_readdir},        [50] = {do_fsync},
    [52] = {do_lock},           [54] = {do_getlock},
    [70] = {do_link, true},     [72] = {do_mkdir, true},
    [74] = {do_renameat, true}, [76] = {do_unlinkat, true},
    [100] = {do_version},       [104] = {do_attach},
    [108] = {do_flush},         [110] = {do_walk},
    [116] = {do_read},          [118] = {do_write, true},
    [120] = {do_clunk},
};

static int handle(struct share *s, unsigned type, struct msg_in *in, struct msg_out *out)
{
    if (type >= ARRAY_SIZE(requests) || !requests[type].handle)
        return -EOPNOTSUPP;
    if (requests[type].writes && s->read_only)
        return -EROFS;
    int rc = requests[type].handle(s, in, out);
    if (rc == 0 && in->bad)
        rc = -EPROTO;
    return rc == 0 && out->bad ? -EMSGSIZE : rc;
}

u32 share_answer(struct share *s, const u8 *request, u32 len, u8 *reply, u32 room)
{
    struct msg_in  in   = {request, request + len, false};
    struct msg_out out  = {reply + HEADER_BYTES, reply + MIN(room, s->msize), false};
    u32            size = (u32)in_num(&in, 4);
    unsigned       type = (unsigned)in_num(&in, 1);
    u16            tag  = (u16)in_num(&in, 2);
    if (in.bad || size < HEADER_BYTES || size > len || room < HEADER_BYTES + 4)
        return 0;
    in.end      = request + size;
    int rc      = handle(s, type, &in, &out);
    u8  answers = (u8)(type + 1);
    if (rc) {
        out     = (struct msg_out){reply + HEADER_BYTES, reply + room, false};
        answers = RLERROR;
        out_num(&out, 4, (u64)-rc);
    }
    u32 total = (u32)(out.at - reply);
    out.at    = reply;
    out_num(&out, 4, total);
    out_num(&out, 1, answers);
    out_num(&out, 2, tag);
    return total;
}

int do_version(struct share *s, struct msg_in *in, struct msg_out *out)
{
    static const char  version[] = "9P2000.L";
    u32                msize     = (u32)in_num(in, 4);
    cleanup_free char *wanted    = in_string(in);
    if (!wanted || msize < MSIZE_MIN)
        return -EINVAL;
    share_reset(s);
    s->msize        = MIN(msize, (u32)SHARE_MSIZE_MAX);
    bool        ok  = !strcmp(wanted, version);
    const char *ans = ok ? version : "unknown";
    out_num(out, 4, s->msize);
    out_string(out, ans, strlen(ans));
    return 0;
}

int do_attach(struct share *s, struct msg_in *in, struct msg_out *out)
{
    u32 id = (u32)in_num(in, 4);
    in_num(in, 4); /* afid: no authentication */
    cleanup_free char *uname = in_string(in), *aname = in_string(in);
    u32                uid = (u32)in_num(in, 4);
    if (in->bad || !uname || !aname)
        return -EPROTO;
    int fd = share_lookup(s->root_fd, ".", O_PATH);
    if (fd < 0)
        return fd;
    int rc = out_qid_at(s, out, fd);
    if (rc) {
        close(fd);
        return rc;
    }
    return fid_add(s, id, fd, uid, NULL);
}

int do_clunk(struct share *s, struct msg_in *in, struct msg_out *out)
{
    u32 id = (u32)in_num(in, 4);
    (void)out;
    return in->bad ? -EPROTO : fid_drop(s, id);
}

int do_flush(struct share *s, struct msg_in *in, struct msg_out *out)
{
    (void)s; /* requests are answered in order: the old one is already */
    (void)in;
    (void)out;
    return 0;
}

/* --- opening, snapshots --- */

int share_open(struct share **out, const char *dir, bool read_only, struct err *err)
{
    cleanup_fd int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_errno(err, errno, "share '%s'", dir);
    cleanup_fd int proc = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (proc < 0)
        return err_errno(err, errno, "share '%s': open /proc/self/fd", dir);
    struct stat st;
    if (fstat(root, &st) < 0)
        return err_errno(err, errno, "share '%s'", dir);
    struct rlimit files; /* a fid is a descriptor */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = MIN(files.rlim_max, (rlim_t)SHARE_FIDS_MAX * 2);
        setrlimit(RLIMIT_NOFILE, &files);
    }
    struct share *s = xnew(struct share);
    s->root_path    = realpath(dir, NULL);
    s->root_fd      = steal_fd(&root);
    s->proc_fd      = steal_fd(&proc);
    s->root_dev     = st.st_dev;
    s->read_only    = read_only;
    s->as_root      = geteuid() == 0;
    s->msize        = SHARE_MSIZE_MAX;
    *out            = s;
    return 0;
}

void share_close(struct share *s)
{
    if (!s)
        return;
    share_reset(s);
    close(s->root_fd);
    close(s->proc_fd);
    free(s->root_path);
    free(s);
}

/* The name of the file beneath the root; "" when it is gone. */
static void relative_name(const struct share *s, int fd, char path[PATH_MAX])
{
    char   name[16], full[PATH_MAX];
    size_t skip = s->root_path ? strlen(s->root_path) : 0;
    fd_name(name, fd);
    ssize_t n = fd < 0 ? -1 : readlinkat(s->proc_fd, name, full, sizeof(full) - 1);
    path[0]   = 0;
    if (n < (ssize_t)skip || !skip || memcmp(full, s->root_path, skip))
        return;
    full[n] = 0;
    if (full[skip] == 0)
        strncpy(path, ".", 2);
    else if (full[skip] == '/' || skip == 1)
        snprintf(path, PATH_MAX, "%s", full + skip + (full[skip] == '/'));
}

void share_save(struct share *s, struct snap *snap)
{
    char path[PATH_MAX];
    snap_put_u64(snap, s->msize);
    snap_put_u64(snap, s->n_fids);
    for (unsigned i = 0; i < FID_BUCKETS; i++)
        for (struct fid *f = s->buckets[i]; f; f = f->next) {
            relative_name(s, f->path_fd, path);
            snap_put_u64(snap, f->id);
            snap_put_u64(snap, f->uid);
            snap_put_u64(snap, f->io_fd >= 0);
            snap_put_u64(snap, (u64)f->io_flags);
            snap_put_str(snap, path);
        }
}

static int load_fid(struct share *s, struct snap *snap)
{
    u32                id = (u32)snap_get_u64(snap), uid = (u32)snap_get_u64(snap);
    bool               opened = snap_get_u64(snap) != 0;
    int                flags  = (int)snap_get_u64(snap) & (O_ACCMODE | O_APPEND | O_DIRECTORY);
    cleanup_free char *path   = snap_get_str(snap);
    struct fid        *f;
    int                fd = *path ? share_lookup(s->root_fd, path, O_PATH) : -1;
    int                rc = fid_add(s, id, fd < 0 ? -1 : fd, uid, &f);
    if (rc || !opened || fd < 0)
        return rc;
    if (s->read_only && (flags & O_ACCMODE) != O_RDONLY)
        return 0;
    struct stat st;
    if (fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
        f->io_fd    = MAX(share_lookup(s->root_fd, path, flags), -1);
        f->io_flags = flags;
    }
    return 0;
}

int share_load(struct share *s, struct snap *snap, struct err *err)
{
    share_reset(s);
    u64 msize = snap_get_u64(snap), n = snap_get_u64(snap);
    if (msize < MSIZE_MIN || msize > SHARE_MSIZE_MAX || n > SHARE_FIDS_MAX)
        return err_set(err, EINVAL, "the snapshot's shared folder is not possible");
    s->msize = (u32)msize;
    int rc   = 0;
    for (u64 i = 0; !rc && i < n && !snap_failed(snap); i++)
        rc = load_fid(s, snap);
    return rc ? err_set(err, -rc, "the snapshot's shared folder does not come back") : 0;
}

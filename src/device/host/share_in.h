/* device/host/share_in.h - inside of the 9P server: messages, fids; for share*.c only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_HOST_SHARE_IN_H
#define DEVICE_HOST_SHARE_IN_H

#include <sys/stat.h>

#include "device/host/share.h"

enum { NAME_BYTES = 256, FID_BUCKETS = 1024, QID_BYTES = 13 };

/* Reading and writing messages; past the end they turn bad, and stay so. */
struct msg_in {
    const u8 *at, *end;
    bool      bad;
};

struct msg_out {
    u8  *at, *end;
    bool bad;
};

u64       in_num(struct msg_in *, unsigned bytes);
bool      in_name(struct msg_in *, char name[NAME_BYTES]); /* false: no name of a file */
char     *in_string(struct msg_in *);         /* the caller frees; NULL: bad, or a NUL inside */
const u8 *in_bytes(struct msg_in *, u32 len); /* NULL: not there */
void      out_num(struct msg_out *, unsigned bytes, u64 val);
void      out_string(struct msg_out *, const char *, size_t len);

struct fid {
    struct fid *next; /* in its bucket */
    u32         id, uid;
    int         path_fd; /* O_PATH; -1: stale */
    int         io_fd;   /* -1: not opened */
    int         io_flags;
    u8         *xattr; /* an attribute's value that is read or written through this fid */
    u64         xattr_len, xattr_at;
    char       *xattr_name; /* not NULL: it is being written, and set at the clunk */
    int         xattr_flags;
};

struct share {
    int         root_fd, proc_fd;
    dev_t       root_dev;
    char       *root_path;
    bool        read_only, as_root;
    u32         msize;
    unsigned    n_fids;
    struct fid *buckets[FID_BUCKETS];
};

struct fid *fid_find(struct share *, u32 id);
int fid_add(struct share *, u32 id, int path_fd, u32 uid, struct fid **out); /* takes the fd */
int fid_drop(struct share *, u32 id); /* what ending an attribute's writing says */

/* Opens NAME beneath FD, without following anything. Returns a descriptor or -errno. */
int  share_lookup(int fd, const char *name, int flags);
void fd_name(char name[16], int fd); /* under /proc/self/fd */
void out_qid(struct share *, struct msg_out *, const struct stat *);
int  out_qid_at(struct share *, struct msg_out *, int fd);

/* Handlers: 0, or -errno which becomes Rlerror. */
#define SHARE_HANDLER(name) int name(struct share *, struct msg_in *, struct msg_out *)
SHARE_HANDLER(do_version);
SHARE_HANDLER(do_attach);
SHARE_HANDLER(do_walk);
SHARE_HANDLER(do_clunk);
SHARE_HANDLER(do_flush);
SHARE_HANDLER(do_statfs);
SHARE_HANDLER(do_getattr);
SHARE_HANDLER(do_setattr);
SHARE_HANDLER(do_lopen);
SHARE_HANDLER(do_lcreate);
SHARE_HANDLER(do_read);
SHARE_HANDLER(do_write);
SHARE_HANDLER(do_readdir);
SHARE_HANDLER(do_fsync);
SHARE_HANDLER(do_lock);
SHARE_HANDLER(do_getlock);
SHARE_HANDLER(do_symlink);
SHARE_HANDLER(do_readlink);
SHARE_HANDLER(do_mknod);
SHARE_HANDLER(do_mkdir);
SHARE_HANDLER(do_link);
SHARE_HANDLER(do_renameat);
SHARE_HANDLER(do_unlinkat);
SHARE_HANDLER(do_xattrwalk);
SHARE_HANDLER(do_xattrcreate);
int xattr_commit(struct share *, struct fid *); /* at the clunk of a written one */

#endif

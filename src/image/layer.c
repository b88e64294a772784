/* image/layer.c - see layer.h; OCI image specification, "Image Layer Filesystem Changeset". */
/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/remove.h"
#include "isolation/inroot.h"

#define WHITEOUT ".wh."
#define OPAQUE   ".wh..wh..opq"
#define BLOCK    KiB(64)

struct unpack {
    struct archive *archive;
    int             root;
    bool            whiteouts, owners; /* owners: files get theirs; only root can */
    struct err     *err;
};

static int failed(struct unpack *u, const char *path, int code)
{
    return code == EBADMSG ? err_set(u->err, code, "the archive is damaged at '%.150s'", path)
                           : err_errno(u->err, code, "unpack '%.150s'", path);
}

/* ---- one entry ---- */

/* What stands in the way goes, unless both are folders. */
static int make_way(int dir, const char *name, bool folder)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (S_ISDIR(st.st_mode))
        return folder ? 0 : -EISDIR;
    return unlinkat(dir, name, 0) < 0 ? -errno : 0;
}

static int write_data(struct unpack *u, int fd)
{
    const void *data;
    size_t      len;
    la_int64_t  at;
    int         rc;
    while ((rc = archive_read_data_block(u->archive, &data, &len, &at)) == ARCHIVE_OK) {
        for (size_t done = 0; done < len;) {
            ssize_t n = pwrite(fd, (const char *)data + done, len - done, at + (off_t)done);
            if (n < 0)
                return -errno;
            done += (size_t)n;
        }
    }
    return rc == ARCHIVE_EOF ? 0 : -EBADMSG;
}

static int make_file(struct unpack *u, int dir, const char *name, struct archive_entry *e)
{
    cleanup_fd int fd =
        openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int rc = write_data(u, fd);
    /* Sparse to the end. */
    if (!rc && ftruncate(fd, archive_entry_size(e)) < 0)
        rc = -errno;
    return rc;
}

/* The other name of a file that came before: both names are looked for inside. */
static int make_link(struct unpack *u, int dir, const char *name, const char *target)
{
    cleanup_fd int from = -1;
    const char    *last;
    int            rc = inroot_parent(u->root, target, &from, &last, NULL);
    if (!rc && linkat(from, last, dir, name, 0) < 0)
        rc = -errno;
    return rc;
}

static int make_folder(int dir, const char *name)
{
    return mkdirat(dir, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int make_node(struct unpack *u, int dir, const char *name, struct archive_entry *e)
{
    mode_t type = archive_entry_filetype(e);
    /* Rootless, a device cannot be made: it is left out, as others do. */
    if ((type == AE_IFCHR || type == AE_IFBLK) && !u->owners)
        return 1;
    dev_t number =
        makedev((unsigned)archive_entry_rdevmajor(e), (unsigned)archive_entry_rdevminor(e));
    return mknodat(dir, name, type | 0600, number) < 0 ? -errno : 0;
}

static int make(struct unpack *u, int dir, const char *name, struct archive_entry *e)
{
    mode_t      type = archive_entry_filetype(e);
    const char *link = archive_entry_hardlink(e);
    int         rc   = make_way(dir, name, type == AE_IFDIR);
    if (rc)
        return rc;
    if (link)
        return make_link(u, dir, name, link);
    switch (type) {
    case AE_IFREG:
        return make_file(u, dir, name, e);
    case AE_IFDIR:
        return make_folder(dir, name);
    case AE_IFLNK:
        return symlinkat(archive_entry_symlink(e), dir, name) < 0 ? -errno : 0;
    case AE_IFCHR:
    case AE_IFBLK:
    case AE_IFIFO:
        return make_node(u, dir, name, e);
    default:
        return 1; /* a socket: nothing to make */
    }
}

/* ---- what belongs to it ---- */

static int set_xattrs(int fd, struct archive_entry *e)
{
    const char *name;
    const void *value;
    size_t      size;
    char        path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    archive_entry_xattr_reset(e);
    while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK)
        /* trusted.overlay.* would be orders to overlayfs. */
        if (strncmp(name, "trusted.", 8) != 0 && setxattr(path, name, value, size, 0) < 0 &&
            errno != ENOTSUP && errno != EPERM)
            return -errno;
    return 0;
}

/* Owner first: a change of owner takes set-uid bits away. */
static int set_owner_and_mode(struct unpack *u, int dir, const char *name, struct archive_entry *e)
{
    bool            link     = archive_entry_filetype(e) == AE_IFLNK;
    struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {archive_entry_mtime(e), archive_entry_mtime_nsec(e)},
    };
    if (u->owners && fchownat(dir, name, (uid_t)archive_entry_uid(e), (gid_t)archive_entry_gid(e),
                              AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!link) {
        cleanup_fd int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        int            rc = fd < 0 ? -errno : set_xattrs(fd, e);
        if (!rc && fchmodat(dir, name, archive_entry_perm(e), 0) < 0)
            rc = -errno;
        if (rc)
            return rc;
    }
    return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* ".wh.NAME": what is below is gone; ".wh..wh..opq": all that is below is. */
static int make_whiteout(int dir, const char *name)
{
    if (strcmp(name, OPAQUE) == 0) {
        char path[32];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
        return setxattr(path, geteuid() ? "user.overlay.opaque" : "trusted.overlay.opaque", "y", 1,
                        0) < 0
                   ? -errno
                   : 0;
    }
    name += strlen(WHITEOUT);
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EINVAL;
    return mknodat(dir, name, S_IFCHR, makedev(0, 0)) < 0 && errno != EEXIST ? -errno : 0;
}

static int unpack_entry(struct unpack *u, struct archive_entry *e)
{
    const char    *path = archive_entry_pathname(e), *name;
    cleanup_fd int dir  = -1;
    char           clean[4096];
    if (!path)
        return err_set(u->err, EINVAL, "an entry without a name");
    snprintf(clean, sizeof(clean), "%s", path);
    for (size_t n = strlen(clean); n > 1 && clean[n - 1] == '/';)
        clean[--n] = 0;
    const char *at = clean;
    while (strncmp(at, "./", 2) == 0)
        at += 2;
    if (!*at || strcmp(at, ".") == 0 || strcmp(at, "/") == 0)
        return 0;
    int rc = inroot_parent(u->root, at, &dir, &name, u->err);
    if (rc)
        return rc;
    if (u->whiteouts && strncmp(name, WHITEOUT, strlen(WHITEOUT)) == 0)
        rc = make_whiteout(dir, name);
    else {
        rc = make(u, dir, name, e);
        if (rc == 0 && !archive_entry_hardlink(e))
            rc = set_owner_and_mode(u, dir, name, e);
    }
    return rc < 0 ? failed(u, at, -rc) : 0;
}

/* ---- whole archives ---- */

static int unpack_all(struct unpack *u, int fd)
{
    struct archive_entry *e;
    int                   rc = 0, got = ARCHIVE_OK;
    archive_read_support_filter_all(u->archive);
    archive_read_support_format_tar(u->archive);
    archive_read_support_format_empty(u->archive);
    if (archive_read_open_fd(u->archive, fd, BLOCK) != ARCHIVE_OK)
        return err_set(u->err, EBADMSG, "not an archive: %s", archive_error_string(u->archive));
    while (!rc && (got = archive_read_next_header(u->archive, &e)) == ARCHIVE_OK)
        rc = unpack_entry(u, e);
    if (!rc && got != ARCHIVE_EOF)
        rc = err_set(u->err, EBADMSG, "the archive is damaged: %s",
                     archive_error_string(u->archive));
    return rc;
}

static int unpack(int archive_fd, int root_fd, bool whiteouts, struct err *err)
{
    struct unpack u   = {archive_read_new(), root_fd, whiteouts, geteuid() == 0, err};
    mode_t        was = umask(0);
    int           rc  = u.archive ? unpack_all(&u, archive_fd) : -ENOMEM;
    umask(was);
    archive_read_free(u.archive);
    return rc;
}

int archive_unpack(int archive_fd, int root_fd, struct err *err)
{
    return unpack(archive_fd, root_fd, false, err);
}

int layer_unpack(const struct store *s, const char *digest, struct err *err)
{
    cleanup_free char *blob  = store_blob_path(s, digest);
    cleanup_free char *place = store_layer_path(s, digest);
    cleanup_free char *half  = xasprintf("%s/temporary/layer.XXXXXX", s->root);
    cleanup_fd int     fd    = open(blob, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "open '%s'", blob);
    if (!mkdtemp(half) || chmod(half, 0755) < 0)
        return err_errno(err, errno, "make '%s'", half);
    cleanup_fd int root = open(half, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int            rc   = unpack(fd, root, true, err);
    if (!rc && rename(half, place) < 0 && errno != ENOTEMPTY && errno != EEXIST)
        rc = err_errno(err, errno, "keep '%s'", place);
    remove_tree(AT_FDCWD, half, NULL); /* gone when it was kept */
    return rc ? err_wrap(err, "layer %.19s", digest) : 0;
}

/* A process each, so that one does not wait for the other's decompression. */
int layers_unpack(const struct store *s, char *const *digests, struct err *err)
{
    long most = MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L), running = 0;
    int  pipe_fd[2], rc                                         = 0, status;
    if (pipe2(pipe_fd, O_CLOEXEC) < 0)
        return err_errno(err, errno, "make a pipe");
    for (; *digests || running;) {
        bool more = *digests && !rc && running < most;
        if (more && store_has_layer(s, *digests)) {
            digests++;
            continue;
        }
        pid_t pid = more ? fork() : 0;
        if (more && pid == 0) {
            struct err inner   = {0};
            int        failed_ = layer_unpack(s, *digests, &inner);
            if (failed_ && write(pipe_fd[1], &inner, sizeof(inner)) < 0)
                _exit(2);
            _exit(failed_ ? 1 : 0);
        }
        if (more && pid > 0) {
            running++;
            digests++;
            continue;
        }
        if (!running)
            break;
        if (wait(&status) > 0 && running--)
            rc = rc ? rc : status;
    }
    close(pipe_fd[1]);
    struct err inner = {.code = EIO, .text = "unpacking was interrupted"};
    if (rc && read(pipe_fd[0], &inner, sizeof(inner)) < 0)
        inner.code = EIO;
    close(pipe_fd[0]);
    return rc ? err_set(err, inner.code, "%s", inner.text) : 0;
}

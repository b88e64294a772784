/* isolation/inroot.c - see inroot.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/inroot.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"

#define LINKS_MAX 40
#define TRIES     64 /* openat2 gives up with EAGAIN when somebody renames under it */

int inroot_open(int root_fd, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags   = (u64)(flags | O_CLOEXEC),
        .mode    = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    for (int i = 0;; i++) {
        long fd = syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
        if (fd >= 0)
            return (int)fd;
        if ((errno != EAGAIN && errno != EINTR) || i == TRIES)
            return -errno;
    }
}

/* PATH with the link that its first HEAD bytes end in put into its place. */
static int splice_link(int dir_fd, const char *name, char *path, size_t head, size_t name_len)
{
    char    target[PATH_MAX], whole[PATH_MAX];
    ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);
    if (n < 0)
        return -errno;
    target[n] = 0;
    int keep  = target[0] == '/' ? 0 : (int)(head - name_len); /* what led to a relative link */
    int put   = snprintf(whole, sizeof(whole), "%.*s%s%s", keep, path, target, path + head);
    if (put < 0 || (size_t)put >= sizeof(whole))
        return -ENAMETOOLONG;
    memcpy(path, whole, (size_t)put + 1);
    return 0;
}

/* One word more: the folder PATH[0..head) inside DIR_FD. Returns its descriptor, -errno, or
 * -ESTALE when PATH was changed and has to be walked from the start. */
static int step(int root_fd, int dir_fd, char *path, size_t head, size_t name_len, mode_t mode)
{
    char name[NAME_MAX + 1], saved = path[head];
    if (name_len > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, path + head - name_len, name_len);
    name[name_len] = 0;
    path[head]     = 0;
    int fd         = inroot_open(root_fd, path, O_PATH, 0);
    if (fd == -ENOENT && strcmp(name, "..") != 0) {
        if (mkdirat(dir_fd, name, mode) == 0)
            fd = openat(dir_fd, name, O_PATH | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);
        else if (errno == EEXIST) {
            path[head] = saved;
            int rc     = splice_link(dir_fd, name, path, head, name_len);
            return rc ? rc : -ESTALE;
        } else
            fd = -1;
        fd = fd < 0 ? -errno : fd;
    }
    path[head] = saved;
    return fd;
}

/* Walks PATH, which is changed when links are met, making folders. */
static int walk(int root_fd, char *path, mode_t mode)
{
    for (int links = 0; links < LINKS_MAX; links++) {
        int    dir_fd = inroot_open(root_fd, ".", O_PATH | O_DIRECTORY, 0);
        size_t at     = 0;
        while (dir_fd >= 0) {
            at += strspn(path + at, "/");
            size_t len = strcspn(path + at, "/");
            if (len == 0)
                return dir_fd;
            at += len;
            int next = step(root_fd, dir_fd, path, at, len, mode);
            close(dir_fd);
            dir_fd = next;
        }
        if (dir_fd != -ESTALE)
            return dir_fd;
    }
    return -ELOOP;
}

/* Only the last word is missing, mostly. */
static int make_last(int root_fd, const char *path, mode_t mode)
{
    char        folder[PATH_MAX];
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t      len = slash ? (size_t)(slash - path) : 0;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || len >= sizeof(folder))
        return -ENOENT;
    memcpy(folder, path, len);
    folder[len]        = 0;
    cleanup_fd int dir = inroot_open(root_fd, folder, O_PATH | O_DIRECTORY, 0);
    if (dir < 0 || mkdirat(dir, name, mode) < 0)
        return -ENOENT;
    int fd = openat(dir, name, O_PATH | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY);
    return fd < 0 ? -errno : fd;
}

int inroot_folder(int root_fd, const char *path, mode_t mode, int *out, struct err *err)
{
    char copy[PATH_MAX];
    int  fd = inroot_open(root_fd, path, O_PATH | O_DIRECTORY, 0);
    if (fd == -ENOENT)
        fd = make_last(root_fd, path, mode);
    if (fd == -ENOENT) {
        if (strlen(path) >= sizeof(copy))
            return err_errno(err, ENAMETOOLONG, "make folder '%s'", path);
        memcpy(copy, path, strlen(path) + 1);
        fd = walk(root_fd, copy, mode);
    }
    if (fd < 0)
        return err_errno(err, -fd, "make folder '%s'", path);
    *out = fd;
    return 0;
}

int inroot_parent(int root_fd, const char *path, int *fd, const char **name, struct err *err)
{
    char        folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t      len   = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof(folder))
        return err_errno(err, ENAMETOOLONG, "make '%s'", path);
    memcpy(folder, path, len);
    folder[len] = 0;
    *name       = slash ? slash + 1 : path;
    if (!**name || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
        return err_set(err, EINVAL, "'%s' names no file", path);
    return inroot_folder(root_fd, folder, 0755, fd, err);
}

int inroot_file(int root_fd, const char *path, mode_t mode, int *out, struct err *err)
{
    const char    *name;
    cleanup_fd int parent = -1;
    int            fd     = inroot_open(root_fd, path, O_PATH, 0);
    if (fd == -ENOENT) {
        int rc = inroot_parent(root_fd, path, &parent, &name, err);
        if (rc)
            return rc;
        /* A link that leads nowhere is followed by the kernel, inside the root. */
        cleanup_fd int made = inroot_open(root_fd, path, O_CREAT | O_WRONLY, mode);
        if (made < 0)
            return err_errno(err, -made, "make file '%s'", path);
        fd = inroot_open(root_fd, path, O_PATH, 0);
    }
    if (fd < 0)
        return err_errno(err, -fd, "make file '%s'", path);
    *out = fd;
    return 0;
}

/* base/remove.c - see remove.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/remove.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

#define DEPTH_MAX 1024
#define BLOCK     512 /* st_blocks' unit, whatever the file system's is */

static int remove_inside(int dir_fd, const char *name, dev_t device, unsigned depth, u64 *bytes);

static int remove_entries(int fd, dev_t device, unsigned depth, u64 *bytes)
{
    int  rc    = 0;
    int  again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d     = again < 0 ? NULL : fdopendir(again);
    if (!d)
        return -errno;
    for (struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int one = remove_inside(fd, e->d_name, device, depth + 1, bytes);
        rc      = rc ? rc : one;
    }
    closedir(d);
    return rc;
}

static int remove_inside(int dir_fd, const char *name, dev_t device, unsigned depth, u64 *bytes)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (device && st.st_dev != device)
        return -EXDEV;
    bool folder = S_ISDIR(st.st_mode);
    if (folder && depth < DEPTH_MAX) {
        cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int            rc = fd < 0 ? -errno : remove_entries(fd, st.st_dev, depth, bytes);
        if (rc)
            return rc;
    }
    if (unlinkat(dir_fd, name, folder ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
        return -errno;
    if (bytes)
        *bytes += (u64)st.st_blocks * BLOCK;
    return 0;
}

int remove_tree(int dir_fd, const char *name, u64 *bytes)
{
    return remove_inside(dir_fd, name, 0, 0, bytes);
}

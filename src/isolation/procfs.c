/* isolation/procfs.c - see procfs.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"

static bool is_procfs(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

int procfs_open(int *out, struct err *err)
{
    int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "open /proc");
    if (!is_procfs(fd)) {
        close(fd);
        return err_set(err, EINVAL, "/proc is not procfs");
    }
    *out = fd;
    return 0;
}

int procfs_write(int proc_fd, const char *file, const char *text, struct err *err)
{
    struct open_how how = {
        .flags   = O_WRONLY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    cleanup_fd int fd = (int)syscall(SYS_openat2, proc_fd, file, &how, sizeof(how));
    if (fd < 0)
        return err_errno(err, errno, "open /proc/%s", file);
    if (!is_procfs(fd))
        return err_set(err, EXDEV, "/proc/%s is not procfs", file);
    if (write(fd, text, strlen(text)) < 0)
        return err_errno(err, errno, "write /proc/%s", file);
    return 0;
}

int procfs_start(int proc_fd, pid_t pid, u64 *ticks, char *state)
{
    char path[32], text[1024];
    snprintf(path, sizeof(path), "%d/stat", pid);
    cleanup_fd int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t        n  = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return -ENOENT;
    text[n] = 0;
    /* "PID (NAME) STATE ...", the start is field 22; a name may hold anything. */
    const char        *after = strrchr(text, ')');
    unsigned long long start;
    if (!after || sscanf(after + 1,
                         " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                         "%*s %*s %*s %*s %llu",
                         state, &start) != 2)
        return -ENOENT;
    *ticks = start;
    return 0;
}

/* container/seal.c - the runtime goes on from a copy of itself that cannot be written to.
 *
 * A program in a container can reach the file that its runtime was started from, through
 * /proc/self/exe, when the container's first process runs "/proc/self/exe", or when the runtime
 * enters it; root of the container could write to the host's file (CVE-2019-5736). A detached
 * read-only mount of the file, or a sealed copy in memory where mounting is not allowed, is all
 * that can be reached then. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/runtime.h"
#include "isolation/mount.h"

#define SEALS     (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define FS_RDONLY 1 /* ST_RDONLY of statfs */

/* Is what we run from read-only already? A file of a read-only mount, or a sealed one. */
static bool is_sealed(int exe)
{
    struct statfs fs;
    int           seals = fcntl(exe, F_GET_SEALS);
    if (seals >= 0)
        return (seals & SEALS) == SEALS;
    return fstatfs(exe, &fs) == 0 && fs.f_flags & FS_RDONLY;
}

static int readonly_mount(int exe)
{
    int fd = mount_clone(exe, "", false);
    int rc = fd < 0 ? fd : mount_attr(fd, MOUNT_ATTR_RDONLY, 0, 0, false);
    if (rc && fd >= 0)
        close(fd);
    return rc ? rc : fd;
}

static int memory_copy(int exe)
{
    struct stat    st;
    cleanup_fd int fd = memfd_create("guise-oci", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || fstat(exe, &st) < 0)
        return -errno;
    for (off_t at = 0; at < st.st_size;)
        if (sendfile(fd, exe, &at, (size_t)(st.st_size - at)) <= 0)
            return -errno;
    if (fchmod(fd, 0755) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return -errno;
    return steal_fd(&fd);
}

int runtime_seal(char **argv, struct err *err)
{
    cleanup_fd int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (exe < 0)
        return err_errno(err, errno, "open /proc/self/exe");
    if (is_sealed(exe))
        return 0;
    int copy = readonly_mount(exe);
    if (copy < 0)
        copy = memory_copy(exe);
    if (copy < 0)
        return err_errno(err, -copy, "make a copy of the runtime that cannot be written to");
    syscall(SYS_execveat, copy, "", argv, environ, AT_EMPTY_PATH);
    return err_errno(err, errno, "run the copy of the runtime");
}

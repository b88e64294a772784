/* isolation/namespaces.c - see namespaces.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/namespaces.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const struct namespace_row namespaces[NAMESPACES] = {
    {"user", "user", CLONE_NEWUSER},  {"cgroup", "cgroup", CLONE_NEWCGROUP},
    {"ipc", "ipc", CLONE_NEWIPC},     {"uts", "uts", CLONE_NEWUTS},
    {"network", "net", CLONE_NEWNET}, {"pid", "pid", CLONE_NEWPID},
    {"time", "time", CLONE_NEWTIME},  {"mount", "mnt", CLONE_NEWNS},
};

const struct namespace_row *namespace_find(const char *name)
{
    for (unsigned i = 0; i < NAMESPACES; i++)
        if (strcmp(namespaces[i].name, name) == 0)
            return &namespaces[i];
    return NULL;
}

int namespace_open(const struct namespace_row *row, const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "open %s namespace '%s'", row->name, path);
    int type = ioctl(fd, NS_GET_NSTYPE);
    if (type < 0 || (u64)(unsigned)type != row->flag) {
        close(fd);
        return err_set(err, EINVAL, "'%s' is not a %s namespace", path, row->name);
    }
    return fd;
}

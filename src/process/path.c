/* process/path.c - names of files: below --root first, where that has them.
 *
 * A look-up aid for programs and libraries of another distribution, no jail: what is not below
 * the root is the host's. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/process.h"

/* The host's name of what PATH is below the root. */
static int below(int root, const char *path, unsigned flags, char out[4096])
{
    struct open_how how = {.flags   = O_PATH | O_CLOEXEC | (flags & PATH_NOFOLLOW ? O_NOFOLLOW : 0),
                           .resolve = RESOLVE_IN_ROOT};
    char            link[64];
    cleanup_fd int  fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    if (fd < 0)
        return -errno;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, 4095);
    if (n < 0)
        return -errno;
    out[n] = 0;
    return 0;
}

const char *path_own_proc(const char *path)
{
    char own[32];
    snprintf(own, sizeof(own), "/proc/%d/", (int)getpid());
    const char *const heads[] = {"/proc/self/", "/proc/thread-self/", own};
    for (unsigned i = 0; i < ARRAY_SIZE(heads); i++)
        if (!strncmp(path, heads[i], strlen(heads[i])))
            return path + strlen(heads[i]);
    return NULL;
}

int path_find(const struct program *p, const char *path, unsigned flags, char out[4096])
{
    char        dir[4096];
    const char *own = flags & PATH_NOFOLLOW ? NULL : path_own_proc(path);
    if (own && !strcmp(own, "exe") && p->exe) {
        snprintf(out, 4096, "%s", p->exe);
        return 0;
    }
    if (p->root_fd >= 0 && path[0] == '/') {
        int rc = below(p->root_fd, path, flags, out);
        if (!rc)
            return 0;
        /* A name that is to be made: its folder may be there. */
        snprintf(dir, sizeof(dir), "%s", path);
        char *slash = strrchr(dir, '/');
        if (rc == -ENOENT && slash[1] && slash != dir) {
            *slash = 0;
            if (!below(p->root_fd, dir, 0, out) && access(path, F_OK)) {
                size_t n = strlen(out);
                snprintf(out + n, 4096 - n, "/%s", slash + 1);
                return 0;
            }
        }
    }
    snprintf(out, 4096, "%s", path);
    return 0;
}

int path_get(struct thread *t, gva addr, unsigned flags, char out[4096])
{
    char raw[4096];
    long n = user_string(t, raw, addr, sizeof(raw));
    if (n < 0)
        return (int)n;
    return path_find(t->program, raw, flags, out);
}

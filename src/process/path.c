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

/* What the kernel makes up is not below a root. */
static bool is_the_hosts(const char *path)
{
    static const char *const names[] = {"/proc", "/sys", "/dev"};
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        size_t n = strlen(names[i]);
        if (!strncmp(path, names[i], n) && (path[n] == '/' || !path[n]))
            return true;
    }
    return false;
}

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

/* A name that is to be made, in a folder that is below the root, and is not the host's. */
static bool path_new(const struct program *p, const char *path, char out[4096])
{
    char   dir[4096], name[4096];
    size_t len = strlen(path);
    snprintf(dir, sizeof(dir), "%s", path);
    while (len > 1 && dir[len - 1] == '/')
        dir[--len] = 0;
    char *slash = strrchr(dir, '/');
    snprintf(name, sizeof(name), "%s", slash + 1);
    *slash = 0;
    if (!*name || below(p->root_fd, *dir ? dir : "/", 0, out) || !access(path, F_OK))
        return false;
    size_t n = strlen(out);
    snprintf(out + n, 4096 - n, "/%s", name);
    return true;
}

int path_find(const struct program *p, const char *path, unsigned flags, char out[4096])
{
    const char *own = flags & PATH_NOFOLLOW ? NULL : path_own_proc(path);
    if (own && !strcmp(own, "exe") && p->exe) {
        snprintf(out, 4096, "%s", p->exe);
        return 0;
    }
    if (p->root_fd >= 0 && path[0] == '/' && !is_the_hosts(path)) {
        int rc = below(p->root_fd, path, flags, out);
        if (!rc)
            return 0;
        if (rc == -ENOENT && path_new(p, path, out))
            return 0;
    }
    snprintf(out, 4096, "%s", path);
    return 0;
}

const char *path_inside(const struct program *p, const char *path)
{
    size_t len = p->root_path ? strlen(p->root_path) : 0;
    if (len <= 1 || strncmp(path, p->root_path, len) || (path[len] && path[len] != '/'))
        return path;
    return path[len] ? path + len : "/";
}

int path_get(struct thread *t, gva addr, unsigned flags, char out[4096])
{
    char raw[4096];
    long n = user_string(t, raw, addr, sizeof(raw));
    if (n < 0)
        return (int)n;
    return path_find(t->program, raw, flags, out);
}

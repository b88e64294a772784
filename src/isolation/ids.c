/* isolation/ids.c - see ids.h; user_namespaces(7). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/ids.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"

#define LINES_MAX 340 /* the kernel's own limit */
#define LINE_ROOM 36

static int write_file(int proc_fd, pid_t pid, const char *file, const char *text)
{
    char path[64];
    snprintf(path, sizeof(path), "%d/%s", pid, file);
    cleanup_fd int fd = openat(proc_fd, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static char *map_text(const struct id_map *maps, unsigned count)
{
    char  *text = xalloc(count * LINE_ROOM + 1);
    size_t at   = 0;
    for (unsigned i = 0; i < count; i++)
        at += (size_t)snprintf(text + at, LINE_ROOM + 1, "%u %u %u\n", maps[i].inside,
                               maps[i].outside, maps[i].count);
    return text;
}

/* newuidmap PID INSIDE OUTSIDE COUNT ...: set-uid programs that know /etc/subuid. */
static int run_helper(const char *program, pid_t target, const struct id_map *maps, unsigned count,
                      struct err *err)
{
    char **argv = xalloc((count * 3 + 3) * sizeof(*argv));
    argv[0]     = xstrdup(program);
    argv[1]     = xasprintf("%d", target);
    for (unsigned i = 0; i < count; i++) {
        argv[2 + i * 3] = xasprintf("%u", maps[i].inside);
        argv[3 + i * 3] = xasprintf("%u", maps[i].outside);
        argv[4 + i * 3] = xasprintf("%u", maps[i].count);
    }
    int   status = -1;
    pid_t pid    = fork();
    if (pid == 0) {
        execvp(program, argv);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    for (unsigned i = 0; argv[i]; i++)
        free(argv[i]);
    free(argv);
    if (pid < 0)
        return err_errno(err, errno, "run %s", program);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return err_set(err, ENOENT, "%s: not found; it is in the package uidmap", program);
    return status ? err_set(err, EPERM, "%s refused the id maps", program) : 0;
}

static int write_map(int proc_fd, pid_t pid, const char *file, const char *helper,
                     const struct id_map *maps, unsigned count, struct err *err)
{
    if (count == 0)
        return 0;
    if (count > LINES_MAX)
        return err_set(err, E2BIG, "%s: more than %d lines", file, LINES_MAX);
    cleanup_free char *text = map_text(maps, count);
    int                rc   = write_file(proc_fd, pid, file, text);
    if (rc == -EPERM && geteuid() != 0)
        return run_helper(helper, pid, maps, count, err);
    return rc ? err_errno(err, -rc, "write %s", file) : 0;
}

int ids_write(int proc_fd, pid_t pid, const struct id_map *uids, unsigned n_uids,
              const struct id_map *gids, unsigned n_gids, struct err *err)
{
    int rc = write_map(proc_fd, pid, "uid_map", "newuidmap", uids, n_uids, err);
    /* Who may map only himself must give up setgroups(2) first. */
    if (!rc && geteuid() != 0 && n_gids == 1 && gids[0].count == 1 && gids[0].outside == getegid())
        write_file(proc_fd, pid, "setgroups", "deny");
    return rc ? rc : write_map(proc_fd, pid, "gid_map", "newgidmap", gids, n_gids, err);
}

int ids_namespace(int proc_fd, const struct id_map *uids, unsigned n_uids,
                  const struct id_map *gids, unsigned n_gids, struct err *err)
{
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    pid_t             pid  = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        for (;;)
            pause();
    if (pid < 0)
        return err_errno(err, errno, "make a user namespace");
    char path[64];
    int  fd = -1, rc = ids_write(proc_fd, pid, uids, n_uids, gids, n_gids, err);
    snprintf(path, sizeof(path), "%d/ns/user", pid);
    if (!rc)
        fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (!rc && fd < 0)
        rc = err_errno(err, errno, "open a user namespace");
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return rc ? rc : fd;
}

i64 ids_outside(const struct id_map *maps, unsigned count, u32 inside)
{
    for (unsigned i = 0; i < count; i++)
        if (inside - maps[i].inside < maps[i].count)
            return (i64)maps[i].outside + (inside - maps[i].inside);
    return -1;
}

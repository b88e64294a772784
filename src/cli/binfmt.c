/* cli/binfmt.c - binfmt: the host's kernel starts riscv64 programs with guise-user.
 *
 * Documentation/admin-guide/binfmt-misc.rst. Flags: F opens guise-user now, so that it is found
 * in containers too; P keeps argv[0]; O hands over the open program; C gives it its owner's
 * rights, as any set-user-ID program. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/alloc.h"
#include "cli/verbs.h"

#define FOLDER "/proc/sys/fs/binfmt_misc"
#define ENTRY  "guise-riscv64"
/* The ELF header of a riscv64 program: class, order, version; e_type EXEC or DYN; e_machine 243. */
#define MAGIC                                                                                      \
    "\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xf3\\x00"
#define MASK                                                                                       \
    "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff"   \
    "\\xff\\xff"

static int put(const char *path, const char *text, struct err *err)
{
    cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "open '%s'", path);
    if (write(fd, text, strlen(text)) < 0)
        return err_errno(err, errno, "write to '%s'", path);
    return 0;
}

/* guise-user beside this very program. */
static int find_interpreter(char *out, size_t room, struct err *err)
{
    ssize_t n = readlink("/proc/self/exe", out, room - sizeof("guise-user"));
    if (n < 0)
        return err_errno(err, errno, "find guise itself");
    out[n]      = 0;
    char *slash = strrchr(out, '/');
    snprintf(slash + 1, sizeof("guise-user"), "guise-user");
    return access(out, X_OK) ? err_errno(err, errno, "'%s'", out) : 0;
}

static int install(struct err *err)
{
    char path[4096], line[8192];
    int  rc = find_interpreter(path, sizeof(path), err);
    if (rc)
        return rc;
    if (strchr(path, ':') || strlen(path) > 127)
        return err_set(err, EINVAL, "the kernel takes no such path of an interpreter: %s", path);
    if (access(FOLDER "/register", F_OK) &&
        mount("binfmt_misc", FOLDER, "binfmt_misc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
        return err_errno(err, errno, "mount binfmt_misc on %s", FOLDER);
    if (!access(FOLDER "/" ENTRY, F_OK) && (rc = put(FOLDER "/" ENTRY, "-1", err)))
        return rc;
    snprintf(line, sizeof(line), ":" ENTRY ":M:0:" MAGIC ":" MASK ":%s:POCF", path);
    return put(FOLDER "/register", line, err);
}

static int status(void)
{
    char           text[4096];
    cleanup_fd int fd = open(FOLDER "/" ENTRY, O_RDONLY | O_CLOEXEC);
    ssize_t        n  = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (n < 0) {
        puts("not installed");
        return EXIT_FAILED;
    }
    fwrite(text, (size_t)n, 1, stdout);
    return 0;
}

int verb_binfmt(struct command *c)
{
    struct err  err  = {0};
    const char *word = c->words[0];
    int         rc;
    if (!strcmp(word, "status"))
        return status();
    if (!strcmp(word, "install"))
        rc = install(&err);
    else if (!strcmp(word, "remove"))
        rc = put(FOLDER "/" ENTRY, "-1", &err);
    else
        rc = err_set(&err, EINVAL, "'%s': say install, remove or status", word);
    return rc ? complain(c, rc == -EINVAL ? EXIT_GUISE : EXIT_FAILED, &err) : 0;
}

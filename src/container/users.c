/* container/users.c - see users.h. The files are a stranger's: lines are cut, counts bounded. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/users.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "isolation/inroot.h"

#define FIELDS_MAX 8

static bool is_number(const char *text, u32 *out)
{
    char *end;
    errno           = 0;
    unsigned long n = strtoul(text, &end, 10);
    if (end == text || *end || errno || n > UINT32_MAX)
        return false;
    *out = (u32)n;
    return true;
}

static FILE *open_inside(const char *root, const char *path)
{
    cleanup_fd int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int            fd  = top < 0 ? -1 : inroot_open(top, path, O_RDONLY | O_NONBLOCK, 0);
    FILE          *f   = fd < 0 ? NULL : fdopen(fd, "r");
    if (fd >= 0 && !f)
        close(fd);
    return f;
}

static unsigned split(char *line, char *fields[FIELDS_MAX])
{
    unsigned n                = 0;
    line[strcspn(line, "\n")] = 0;
    while (n < FIELDS_MAX && (fields[n] = strsep(&line, ":")))
        n++;
    return n;
}

/* The user's line: by name, or by number when NAME is one. *name is the name that it has. */
static bool find_user(const char *root, const char *name, struct user *out, char *found,
                      size_t room)
{
    char  line[1024], *f[FIELDS_MAX];
    u32   number;
    bool  by_number = is_number(name, &number), ok = false;
    FILE *file = open_inside(root, "/etc/passwd");
    while (file && !ok && fgets(line, sizeof(line), file)) {
        u32 uid, gid;
        if (split(line, f) < 4 || !is_number(f[2], &uid) || !is_number(f[3], &gid))
            continue;
        ok = by_number ? uid == number : strcmp(f[0], name) == 0;
        if (!ok)
            continue;
        out->uid = uid;
        out->gid = gid;
        snprintf(found, room, "%s", f[0]);
    }
    if (file)
        fclose(file);
    return ok;
}

static bool is_member(char *list, const char *name)
{
    for (char *word; (word = strsep(&list, ","));)
        if (word[0] && strcmp(word, name) == 0)
            return true;
    return false;
}

/* GROUP by name (NULL: none is asked for), and the groups that USER is a member of. */
static bool read_groups(const char *root, const char *group, const char *user, struct user *out)
{
    char  line[4096], *f[FIELDS_MAX];
    bool  found = false;
    FILE *file  = open_inside(root, "/etc/group");
    while (file && fgets(line, sizeof(line), file)) {
        u32 gid;
        if (split(line, f) < 4 || !is_number(f[2], &gid))
            continue;
        if (group && strcmp(f[0], group) == 0) {
            out->gid = gid;
            found    = true;
        }
        if (!group && user[0] && gid != out->gid && out->n_groups < USER_GROUPS_MAX &&
            is_member(f[3], user))
            out->groups[out->n_groups++] = gid;
    }
    if (file)
        fclose(file);
    return found;
}

int users_find(const char *root, const char *text, struct user *out, struct err *err)
{
    struct user        u        = {0};
    char               name[64] = "";
    cleanup_free char *copy     = xstrdup(text);
    char              *group    = strchr(copy, ':');
    if (group)
        *group++ = 0;
    if (!find_user(root, copy, &u, name, sizeof(name)) && !is_number(copy, &u.uid))
        return err_set(err, ENOENT, "there is no user '%s' in the container", copy);
    if (group && is_number(group, &u.gid))
        group = NULL;
    else if (!read_groups(root, group, name, &u) && group)
        return err_set(err, ENOENT, "there is no group '%s' in the container", group);
    *out = u;
    return 0;
}

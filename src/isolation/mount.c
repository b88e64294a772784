/* isolation/mount.c - see mount.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/mount.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"

/* Of sys/mount.h, which glibc 2.36 cannot have beside linux/mount.h. */
enum {
    PROPAGATE_UNBINDABLE = 1 << 17,
    PROPAGATE_PRIVATE    = 1 << 18,
    PROPAGATE_SLAVE      = 1 << 19,
    PROPAGATE_SHARED     = 1 << 20
};

enum does { SET, CLEAR, SPREAD, BIND, FLAG, FLAG_OFF, IDMAP, COPY_UP, REMOUNT, NOTHING };

/* An option and the same with "r" in front, which holds for everything below too. */
static const struct {
    const char *name;
    enum does   does;
    u64         value;
    bool        both; /* there is an "r" form of an attribute */
} words[] = {
    {"ro", SET, MOUNT_ATTR_RDONLY, true},
    {"rw", CLEAR, MOUNT_ATTR_RDONLY, true},
    {"nosuid", SET, MOUNT_ATTR_NOSUID, true},
    {"suid", CLEAR, MOUNT_ATTR_NOSUID, true},
    {"nodev", SET, MOUNT_ATTR_NODEV, true},
    {"dev", CLEAR, MOUNT_ATTR_NODEV, true},
    {"noexec", SET, MOUNT_ATTR_NOEXEC, true},
    {"exec", CLEAR, MOUNT_ATTR_NOEXEC, true},
    {"nodiratime", SET, MOUNT_ATTR_NODIRATIME, true},
    {"diratime", CLEAR, MOUNT_ATTR_NODIRATIME, true},
    {"noatime", SET, MOUNT_ATTR_NOATIME, true},
    {"atime", CLEAR, MOUNT_ATTR_NOATIME, true},
    {"strictatime", SET, MOUNT_ATTR_STRICTATIME, true},
    {"nostrictatime", CLEAR, MOUNT_ATTR_STRICTATIME, true},
    {"relatime", SET, MOUNT_ATTR_RELATIME, true},
    {"norelatime", CLEAR, MOUNT_ATTR_RELATIME, true},
    {"nosymfollow", SET, MOUNT_ATTR_NOSYMFOLLOW, true},
    {"symfollow", CLEAR, MOUNT_ATTR_NOSYMFOLLOW, true},
    {"private", SPREAD, PROPAGATE_PRIVATE, true},
    {"shared", SPREAD, PROPAGATE_SHARED, true},
    {"slave", SPREAD, PROPAGATE_SLAVE, true},
    {"unbindable", SPREAD, PROPAGATE_UNBINDABLE, true},
    {"bind", BIND, 0, true},
    {"idmap", IDMAP, 0, true},
    {"sync", FLAG, 0, false},
    {"async", FLAG_OFF, 0, false},
    {"dirsync", FLAG, 0, false},
    {"lazytime", FLAG, 0, false},
    {"nolazytime", FLAG_OFF, 0, false},
    {"mand", FLAG, 0, false},
    {"nomand", FLAG_OFF, 0, false},
    {"iversion", FLAG, 0, false},
    {"noiversion", FLAG_OFF, 0, false},
    {"silent", NOTHING, 0, false},
    {"loud", NOTHING, 0, false},
    {"defaults", NOTHING, 0, false},
    {"acl", NOTHING, 0, false},
    {"noacl", NOTHING, 0, false},
    {"tmpcopyup", COPY_UP, 0, false},
    {"remount", REMOUNT, 0, false},
};

const char *mount_option_name(unsigned index)
{
    static char name[32];
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        if (index-- == 0)
            return words[i].name;
        if (words[i].both && index-- == 0) {
            snprintf(name, sizeof(name), "r%s", words[i].name);
            return name;
        }
    }
    return NULL;
}

/* The times of access are one field of two bits, not flags: setting one clears the field. */
static void set_attr(u64 *set, u64 *clear, u64 value)
{
    const u64 times = MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME;
    if (value == MOUNT_ATTR_RELATIME || (value & times)) {
        *set &= ~times;
        *clear |= MOUNT_ATTR__ATIME;
    }
    *set |= value;
    if (!(value & times))
        *clear &= ~value;
}

static void clear_attr(u64 *set, u64 *clear, u64 value)
{
    *set &= ~value;
    *clear |= value & (MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME) ? MOUNT_ATTR__ATIME : value;
}

static int add_data(struct mount_options *o, const char *word, struct err *err)
{
    if (o->n_data == MOUNT_DATA_MAX)
        return err_set(err, E2BIG, "more than %d mount options", MOUNT_DATA_MAX);
    o->data[o->n_data++] = word;
    return 0;
}

static int apply(struct mount_options *o, unsigned row, bool all, const char *word, struct err *err)
{
    switch (words[row].does) {
    case SET:
        if (all)
            set_attr(&o->set_all, &o->clear_all, words[row].value);
        else
            set_attr(&o->set, &o->clear, words[row].value);
        o->read_only_fs |= words[row].value == MOUNT_ATTR_RDONLY;
        return 0;
    case CLEAR:
        if (all)
            clear_attr(&o->set_all, &o->clear_all, words[row].value);
        else
            clear_attr(&o->set, &o->clear, words[row].value);
        o->read_only_fs &= words[row].value != MOUNT_ATTR_RDONLY;
        return 0;
    case SPREAD:
        o->propagation     = words[row].value;
        o->propagation_all = all;
        return 0;
    case BIND:
        o->bind      = true;
        o->recursive = all;
        return 0;
    case IDMAP:
        o->idmap     = true;
        o->idmap_all = all;
        return 0;
    case FLAG:
        return o->remount ? 0 : add_data(o, word, err);
    case COPY_UP:
        o->copy_up = true;
        return 0;
    case REMOUNT:
        o->remount = true;
        return 0;
    case FLAG_OFF:
    case NOTHING:
        return 0;
    }
    return 0;
}

int mount_parse(char *const *options, struct mount_options *out, struct err *err)
{
    struct mount_options o  = {0};
    int                  rc = 0;
    for (; options && *options && !rc; options++) {
        const char *word = *options;
        unsigned    i    = 0;
        bool        all  = false;
        for (; i < ARRAY_SIZE(words); i++) {
            if (strcmp(words[i].name, word) == 0)
                break;
            all = words[i].both && word[0] == 'r' && strcmp(words[i].name, word + 1) == 0;
            if (all)
                break;
        }
        rc = i < ARRAY_SIZE(words) ? apply(&o, i, all, word, err) : add_data(&o, word, err);
    }
    if (!rc)
        *out = o;
    return rc;
}

/* What the kernel says of a file system that it does not like: "e message" per line. */
static void kernel_says(int fs, char *text, size_t room)
{
    char    line[160];
    ssize_t n = read(fs, line, sizeof(line) - 1);
    text[0]   = 0;
    if (n > 2) {
        line[n]                   = 0;
        line[strcspn(line, "\n")] = 0;
        snprintf(text, room, " (%s)", line + 2);
    }
}

static int configure(int fs, const char *word)
{
    char        key[64];
    const char *value = strchr(word, '=');
    if (!value)
        return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, word, NULL, 0);
    if ((size_t)(value - word) >= sizeof(key))
        return errno = EINVAL, -1;
    memcpy(key, word, (size_t)(value - word));
    key[value - word] = 0;
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value + 1, 0);
}

int mount_new(const char *type, const char *source, const struct mount_options *o, struct err *err)
{
    char           said[176];
    cleanup_fd int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return err_errno(err, errno, "open file system '%s'", type);
    /* A source that the file system does not want is no fault: "proc" of proc. */
    if (source && syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
        kernel_says(fs, said, sizeof(said));
    /* A disk is not to be written at all; others may be shared with who writes them. */
    if (o->read_only_fs && source && source[0] == '/')
        syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "ro", NULL, 0);
    for (unsigned i = 0; i < o->n_data; i++) {
        if (configure(fs, o->data[i]) < 0) {
            int code = errno;
            kernel_says(fs, said, sizeof(said));
            return err_errno(err, code, "file system '%s': option '%s'%s", type, o->data[i], said);
        }
    }
    if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        int code = errno;
        kernel_says(fs, said, sizeof(said));
        return err_errno(err, code, "make file system '%s'%s", type, said);
    }
    int fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, o->set & ~(u64)MOUNT_ATTR_NOSYMFOLLOW);
    return fd < 0 ? err_errno(err, errno, "mount file system '%s'", type) : fd;
}

int mount_clone(int dir_fd, const char *path, bool recursive)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
    long     fd    = syscall(SYS_open_tree, dir_fd, path, flags | (recursive ? AT_RECURSIVE : 0));
    return fd < 0 ? -errno : (int)fd;
}

int mount_attr(int fd, u64 set, u64 clear, u64 propagation, bool recursive)
{
    struct mount_attr attr  = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
    unsigned          flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    return syscall(SYS_mount_setattr, fd, "", flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int mount_dress(int fd, const struct mount_options *o, struct err *err)
{
    int rc = 0;
    if (o->set_all | o->clear_all)
        rc = mount_attr(fd, o->set_all, o->clear_all, 0, true);
    if (!rc && o->set | o->clear)
        rc = mount_attr(fd, o->set, o->clear, 0, false);
    if (!rc && o->propagation)
        rc = mount_attr(fd, 0, 0, o->propagation, o->propagation_all);
    return rc ? err_errno(err, -rc, "set attributes of a mount") : 0;
}

int mount_dress_new(int fd, const struct mount_options *o, struct err *err)
{
    bool whole = o->set_all | o->clear_all | o->propagation | (o->set & MOUNT_ATTR_NOSYMFOLLOW);
    return whole ? mount_dress(fd, o, err) : 0;
}

int mount_idmap(int fd, int userns_fd, bool recursive)
{
    struct mount_attr attr  = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (u64)userns_fd};
    unsigned          flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
    return syscall(SYS_mount_setattr, fd, "", flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int mount_attach(int fd, int target_fd)
{
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    return syscall(SYS_move_mount, fd, "", target_fd, "", flags) < 0 ? -errno : 0;
}

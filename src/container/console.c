/* container/console.c - the container's terminal: made inside, its other end handed out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/box.h"
#include "isolation/channel.h"
#include "isolation/inroot.h"
#include "isolation/mount.h"

/* The multiplexer must be a real one: what a root has at /dev/ptmx may be anything. */
static int open_multiplexer(struct box *b, struct err *err)
{
    static const char *const paths[] = {"/dev/pts/ptmx", "/dev/ptmx"};
    struct stat              st;
    struct statfs            fs;
    int                      fd = -ENOENT;
    for (unsigned i = 0; i < ARRAY_SIZE(paths) && fd < 0; i++)
        fd = inroot_open(b->root_fd, paths[i], O_RDWR | O_NOCTTY, 0);
    if (fd < 0)
        return err_errno(err, -fd, "open the terminal multiplexer /dev/pts/ptmx");
    if (fstat(fd, &st) == 0 && fstatfs(fd, &fs) == 0 && S_ISCHR(st.st_mode) &&
        st.st_rdev == makedev(5, 2) && fs.f_type == DEVPTS_SUPER_MAGIC)
        return fd;
    close(fd);
    return err_set(err, EINVAL, "/dev/pts/ptmx is not a terminal multiplexer");
}

/* /dev/console is the terminal too, for programs that want one of that name. */
static int bind_console(struct box *b, int terminal, struct err *err)
{
    cleanup_fd int at    = -1;
    cleanup_fd int clone = mount_clone(terminal, "", false);
    int            rc    = clone < 0 ? err_errno(err, -clone, "clone the terminal")
                                     : inroot_file(b->root_fd, "/dev/console", 0600, &at, err);
    if (rc)
        return rc;
    rc = mount_attach(clone, at);
    return rc ? err_errno(err, -rc, "mount /dev/console") : 0;
}

static void set_size(int terminal, const struct config_process *p)
{
    struct winsize size = {.ws_row = (unsigned short)p->console.height,
                           .ws_col = (unsigned short)p->console.width};
    if (size.ws_row && size.ws_col)
        ioctl(terminal, TIOCSWINSZ, &size);
}

int console_open(struct box *b, struct err *err)
{
    cleanup_fd int master   = open_multiplexer(b, err);
    int            unlocked = 0;
    if (master < 0)
        return master;
    if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
        return err_errno(err, errno, "unlock the terminal");
    cleanup_fd int terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0)
        return err_errno(err, errno, "open the terminal");
    int rc = b->entering ? 0 : bind_console(b, terminal, err);
    if (rc)
        return rc;
    set_size(terminal, b->process);
    if (fchown(terminal, b->process->user.uid, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL)
        return err_errno(err, errno, "give the terminal its owner");
    rc = channel_send(b->channel, SAY_CONSOLE, 0, NULL, master);
    if (rc)
        return err_errno(err, -rc, "hand out the terminal");
    for (int fd = 0; fd < 3; fd++)
        if (dup2(terminal, fd) < 0)
            return err_errno(err, errno, "make the terminal standard input");
    if (ioctl(0, TIOCSCTTY, 0) < 0)
        return err_errno(err, errno, "take the terminal");
    return 0;
}

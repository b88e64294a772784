/* isolation/channel.c - see channel.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/channel.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"

struct head {
    u32 what;
    i32 number;
};

union control {
    char           room[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int channel_create(int ends[2], struct err *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return err_errno(err, errno, "make a socket pair");
    return 0;
}

static void attach_fd(struct msghdr *msg, union control *c, int fd)
{
    memset(c, 0, sizeof(*c));
    msg->msg_control     = c->room;
    msg->msg_controllen  = sizeof(c->room);
    struct cmsghdr *head = CMSG_FIRSTHDR(msg);
    head->cmsg_level     = SOL_SOCKET;
    head->cmsg_type      = SCM_RIGHTS;
    head->cmsg_len       = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &fd, sizeof(int));
}

int channel_send(int fd, u32 what, i32 number, const char *text, int passed)
{
    union control c;
    struct head   head  = {what, number};
    size_t        len   = text ? MIN(strlen(text), (size_t)CHANNEL_TEXT - 1) : 0;
    struct iovec  iov[] = {{&head, sizeof(head)}, {(char *)text, len}};
    struct msghdr msg   = {.msg_iov = iov, .msg_iovlen = len ? 2 : 1};
    if (passed >= 0)
        attach_fd(&msg, &c, passed);
    ssize_t n;
    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int channel_receive(int fd, struct message *out)
{
    union control c;
    struct head   head;
    struct iovec  iov[] = {{&head, sizeof(head)}, {out->text, sizeof(out->text) - 1}};
    struct msghdr msg   = {
          .msg_iov = iov, .msg_iovlen = 2, .msg_control = c.room, .msg_controllen = sizeof(c.room)};
    ssize_t n;
    do
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return 0;
    if (n < (ssize_t)sizeof(head))
        return n < 0 ? -errno : -EBADMSG;
    out->what                           = head.what;
    out->number                         = head.number;
    out->fd                             = -1;
    out->text[(size_t)n - sizeof(head)] = 0;
    struct cmsghdr *rights              = CMSG_FIRSTHDR(&msg);
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS &&
        rights->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&out->fd, CMSG_DATA(rights), sizeof(int));
    return 1;
}

int channel_hand_over(const char *path, const char *text, int passed, struct err *err)
{
    cleanup_fd int     fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    union control      c;
    if (fd < 0)
        return err_errno(err, errno, "make a socket");
    if (strlen(path) >= sizeof(to.sun_path))
        return err_errno(err, ENAMETOOLONG, "connect to '%s'", path);
    memcpy(to.sun_path, path, strlen(path) + 1);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        return err_errno(err, errno, "connect to '%s'", path);
    struct iovec  iov = {(char *)text, strlen(text)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    attach_fd(&msg, &c, passed);
    if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
        return err_errno(err, errno, "send to '%s'", path);
    return 0;
}

int channel_take_fd(int fd)
{
    union control c;
    char          text[256];
    struct iovec  iov = {text, sizeof(text)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = c.room, .msg_controllen = sizeof(c.room)};
    int got = -1;
    if (recvmsg(fd, &msg, MSG_CMSG_CLOEXEC) < 0)
        return -errno;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&msg);
    if (!rights || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS ||
        rights->cmsg_len != CMSG_LEN(sizeof(int)))
        return -EBADMSG;
    memcpy(&got, CMSG_DATA(rights), sizeof(int));
    return got;
}

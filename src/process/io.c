/* process/io.c - system calls whose structures hold pointers: vectors, messages, ioctls. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <asm/ioctls.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "process/calls.h"

enum { VECTORS_MAX = 1024 };

/* A vector of the program's as the host takes it; the caller frees. */
static int get_vector(struct thread *t, gva at, u64 n, struct iovec **out)
{
    *out = NULL;
    if (n > VECTORS_MAX)
        return -EINVAL;
    cleanup_free struct iovec *v = xalloc((n + 1) * sizeof(*v));
    if (n && user_read(t, v, at, n * sizeof(*v)))
        return -EFAULT;
    for (u64 i = 0; i < n; i++) {
        if (v[i].iov_len && !user_ok((gva)v[i].iov_base, v[i].iov_len))
            return -EFAULT;
        v[i].iov_base = v[i].iov_len ? user_host(t, (gva)v[i].iov_base) : NULL;
    }
    *out = steal_ptr(v);
    return 0;
}

static long with_vector(struct thread *t, long nr, const u64 *a)
{
    cleanup_free struct iovec *v;
    int                        rc = get_vector(t, a[1], a[2], &v);
    return rc ? rc : host_call(t, nr, (u64[6]){a[0], (u64)v, a[2], a[3], a[4], a[5]});
}

long sys_readv(struct thread *t, const u64 *a)
{
    return with_vector(t, SYS_readv, a);
}

long sys_writev(struct thread *t, const u64 *a)
{
    return with_vector(t, SYS_writev, a);
}

long sys_preadv(struct thread *t, const u64 *a)
{
    return with_vector(t, SYS_preadv, a);
}

long sys_pwritev(struct thread *t, const u64 *a)
{
    return with_vector(t, SYS_pwritev, a);
}

long sys_preadv2(struct thread *t, const u64 *a)
{
    return with_vector(t, SYS_preadv2, a);
}

long sys_pwritev2(struct thread *t, const u64 *a)
{
    return with_vector(t, SYS_pwritev2, a);
}

long sys_vmsplice(struct thread *t, const u64 *a)
{
    return with_vector(t, SYS_vmsplice, a);
}

/* --- messages --- */

static long with_message(struct thread *t, long nr, const u64 *a, bool back)
{
    struct msghdr              m, h;
    cleanup_free struct iovec *v = NULL;
    if (user_read(t, &m, a[1], sizeof(m)))
        return -EFAULT;
    if (m.msg_iovlen > VECTORS_MAX)
        return -EMSGSIZE;
    int rc = get_vector(t, (gva)m.msg_iov, m.msg_iovlen, &v);
    if (rc)
        return rc;
    h             = m;
    h.msg_iov     = v;
    h.msg_name    = (void *)host_pointer(t, (gva)m.msg_name);
    h.msg_control = (void *)host_pointer(t, (gva)m.msg_control);
    if (m.msg_control && !user_ok((gva)m.msg_control, m.msg_controllen))
        return -EFAULT;
    long got = host_call(t, nr, (u64[6]){a[0], (u64)&h, a[2]});
    if (got < 0 || !back)
        return got;
    m.msg_namelen    = h.msg_namelen;
    m.msg_controllen = h.msg_controllen;
    m.msg_flags      = h.msg_flags;
    rc               = user_write(t, a[1], &m, sizeof(m));
    return rc ? rc : got;
}

long sys_sendmsg(struct thread *t, const u64 *a)
{
    return with_message(t, SYS_sendmsg, a, false);
}

long sys_recvmsg(struct thread *t, const u64 *a)
{
    return with_message(t, SYS_recvmsg, a, true);
}

/* Several: struct mmsghdr is a message and how long it was. */
static long with_messages(struct thread *t, const u64 *a, bool back)
{
    enum { ONE = sizeof(struct mmsghdr), MOST = 1024 };
    u64 flags = a[3] & ~(u64)MSG_WAITFORONE;
    u32 n     = (u32)MIN((u32)a[2], MOST);
    for (u32 i = 0; i < n; i++) {
        gva  at = a[1] + (u64)i * ONE;
        long got =
            with_message(t, back ? SYS_recvmsg : SYS_sendmsg, (u64[3]){a[0], at, flags}, back);
        if (got < 0)
            return i ? (long)i : got;
        if (user_write(t, at + offsetof(struct mmsghdr, msg_len), &(u32){(u32)got}, 4))
            return i ? (long)i : -EFAULT;
        if (a[3] & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
    }
    return n;
}

long sys_sendmmsg(struct thread *t, const u64 *a)
{
    return with_messages(t, a, false);
}

/* A wish for how long is looked at by the kernel only between messages: without one here. */
long sys_recvmmsg(struct thread *t, const u64 *a)
{
    return with_messages(t, (u64[4]){a[0], a[1], a[2], a[4] ? a[3] | MSG_WAITFORONE : a[3]}, true);
}

/* The address of a socket as the host takes it: a name of a file may be below the root. What is
 * then too long for an address stays as it was. */
static u64 socket_address(struct thread *t, gva at, u64 *len, struct sockaddr_un *room)
{
    char   name[sizeof(room->sun_path) + 1] = "", real[4096];
    size_t head                             = offsetof(struct sockaddr_un, sun_path);
    if (t->program->root_fd < 0 || *len <= head || *len > sizeof(*room) ||
        user_read(t, room, at, *len) || room->sun_family != AF_UNIX || room->sun_path[0] != '/')
        return host_pointer(t, at);
    memcpy(name, room->sun_path, *len - head);
    if (path_find(t->program, name, 0, real) || strlen(real) >= sizeof(room->sun_path))
        return host_pointer(t, at);
    memcpy(room->sun_path, real, strlen(real) + 1);
    *len = head + strlen(real) + 1;
    return (u64)room;
}

long sys_bind(struct thread *t, const u64 *a)
{
    struct sockaddr_un room;
    u64                len = (u32)a[2], at = socket_address(t, a[1], &len, &room);
    return host_call(t, SYS_bind, (u64[6]){a[0], at, len});
}

long sys_connect(struct thread *t, const u64 *a)
{
    struct sockaddr_un room;
    u64                len = (u32)a[2], at = socket_address(t, a[1], &len, &room);
    return host_call(t, SYS_connect, (u64[6]){a[0], at, len});
}

long sys_sendto(struct thread *t, const u64 *a)
{
    struct sockaddr_un room;
    u64                len = (u32)a[5], at = socket_address(t, a[4], &len, &room);
    return host_call(t, SYS_sendto, (u64[6]){a[0], host_pointer(t, a[1]), a[2], a[3], at, len});
}

/* Options whose values hold pointers would let the kernel read what is not the program's: of
 * these levels all options are let through but some. */
static bool option_is_flat(int level, int option)
{
    enum { IP_TABLES = 64, ARP_TABLES = 96, IP6_TABLES_MATCH = 68, IP6_TABLES_TARGET = 69 };
    static const struct {
        int level, but[6];
    } levels[] = {
        {SOL_SOCKET, {SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF}},
        {IPPROTO_TCP, {TCP_ZEROCOPY_RECEIVE}},
        {IPPROTO_IP,
         {IP_TABLES, IP_TABLES + 1, IP_TABLES + 2, IP_TABLES + 3, ARP_TABLES, ARP_TABLES + 1}},
        {IPPROTO_IPV6, {IP_TABLES, IP_TABLES + 1, IP6_TABLES_MATCH, IP6_TABLES_TARGET}},
        {IPPROTO_UDP, {0}},
        {IPPROTO_UDPLITE, {0}},
        {IPPROTO_RAW, {0}},
        {IPPROTO_ICMPV6, {0}},
        {SOL_RAW, {0}},
        {SOL_PACKET, {PACKET_FANOUT_DATA}},
        {SOL_NETLINK, {0}},
        {SOL_ALG, {0}},
        {AF_VSOCK, {0}},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
        if (levels[i].level != level)
            continue;
        bool flat = true;
        for (unsigned k = 0; k < ARRAY_SIZE(levels[i].but); k++)
            flat &= !levels[i].but[k] || levels[i].but[k] != option;
        return flat;
    }
    return false;
}

/* A classic packet filter: a length, and a pointer to so many instructions. */
static long attach_filter(struct thread *t, const u64 *a)
{
    struct sock_fprog f;
    if (a[4] < sizeof(f))
        return -EINVAL;
    if (user_read(t, &f, a[3], sizeof(f)))
        return -EFAULT;
    if (!user_ok((gva)f.filter, f.len * sizeof(*f.filter)))
        return -EFAULT;
    f.filter = (void *)host_pointer(t, (gva)f.filter);
    return host_call(t, SYS_setsockopt, (u64[6]){a[0], a[1], a[2], (u64)&f, sizeof(f)});
}

long sys_setsockopt(struct thread *t, const u64 *a)
{
    if ((int)a[1] == SOL_SOCKET && (int)a[2] == SO_ATTACH_FILTER)
        return attach_filter(t, a);
    if (!option_is_flat((int)a[1], (int)a[2]))
        return -ENOPROTOOPT;
    return host_call(t, SYS_setsockopt, (u64[6]){a[0], a[1], a[2], host_pointer(t, a[3]), a[4]});
}

long sys_getsockopt(struct thread *t, const u64 *a)
{
    if (!option_is_flat((int)a[1], (int)a[2]))
        return -ENOPROTOOPT;
    return host_call(t, SYS_getsockopt,
                     (u64[6]){a[0], a[1], a[2], host_pointer(t, a[3]), host_pointer(t, a[4])});
}

/* --- ioctl: those that are known, since others may hold pointers --- */

long sys_ioctl(struct thread *t, const u64 *a)
{
    static const u32 numbers[] = {TCSBRK,    TCXONC,    TCFLSH,  TIOCEXCL, TIOCNXCL,
                                  TIOCSCTTY, TIOCNOTTY, TCSBRKP, TIOCSBRK, TIOCCBRK,
                                  FIOCLEX,   FIONCLEX,  FICLONE};
    static const u32 flat[]    = {
           _IOR('T', 0x2a, u8[44]),
           _IOW('T', 0x2b, u8[44]),
           _IOW('T', 0x2c, u8[44]),
           _IOW('T', 0x2d, u8[44]), /* termios2 */

           TCGETS,
           TCSETS,
           TCSETSW,
           TCSETSF,
           TCGETA,
           TCSETA,
           TCSETAW,
           TCSETAF,
           TIOCGPGRP,
           TIOCSPGRP,
           TIOCOUTQ,
           TIOCSTI,
           TIOCGWINSZ,
           TIOCSWINSZ,
           TIOCMGET,
           TIOCMBIS,
           TIOCMBIC,
           TIOCMSET,
           FIONREAD,
           FIONBIO,
           TIOCGETD,
           TIOCSETD,
           TIOCGSID,
           TIOCGPTN,
           TIOCSPTLCK,
           TIOCGPTPEER,
           TIOCPKT,
           FIOASYNC,
           FIOQSIZE,
           SIOCGIFNAME,
           SIOCGIFFLAGS,
           SIOCGIFADDR,
           SIOCGIFNETMASK,
           SIOCGIFBRDADDR,
           SIOCGIFMTU,
           SIOCGIFHWADDR,
           SIOCGIFINDEX,
           SIOCGIFMETRIC,
           SIOCATMARK,
           SIOCSPGRP,
           SIOCGPGRP,
           FS_IOC_GETFLAGS,
           FS_IOC_SETFLAGS,
           FIGETBSZ,
           BLKGETSIZE64,
           BLKSSZGET,
           BLKGETSIZE,
           FICLONERANGE,
           FS_IOC_GETVERSION,
           TIOCINQ,
    };
    u32 cmd = (u32)a[1];
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++)
        if (numbers[i] == cmd)
            return host_call(t, SYS_ioctl, a);
    for (unsigned i = 0; i < ARRAY_SIZE(flat); i++)
        if (flat[i] == cmd)
            return host_call(t, SYS_ioctl, (u64[6]){a[0], cmd, host_pointer(t, a[2])});
    return -ENOTTY;
}

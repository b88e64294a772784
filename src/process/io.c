/* process/io.c - system calls whose structures hold pointers: vectors, messages, ioctls. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <asm/ioctls.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

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

/* Options whose values hold pointers would let the kernel read what is not the program's. */
static bool option_is_flat(int level, int option)
{
    if (level == SOL_SOCKET)
        return option != SO_ATTACH_FILTER && option != SO_ATTACH_REUSEPORT_CBPF;
    if (level == IPPROTO_TCP)
        return option != TCP_ZEROCOPY_RECEIVE;
    if (level == IPPROTO_IP || level == IPPROTO_IPV6)
        return option < 64; /* the rest is the packet filters' */
    return level == IPPROTO_UDP || level == SOL_NETLINK;
}

long sys_setsockopt(struct thread *t, const u64 *a)
{
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

/* isolation/caps.c - see caps.h; capabilities(7). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/caps.h"

#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const names[] = {
    [CAP_CHOWN]              = "CAP_CHOWN",
    [CAP_DAC_OVERRIDE]       = "CAP_DAC_OVERRIDE",
    [CAP_DAC_READ_SEARCH]    = "CAP_DAC_READ_SEARCH",
    [CAP_FOWNER]             = "CAP_FOWNER",
    [CAP_FSETID]             = "CAP_FSETID",
    [CAP_KILL]               = "CAP_KILL",
    [CAP_SETGID]             = "CAP_SETGID",
    [CAP_SETUID]             = "CAP_SETUID",
    [CAP_SETPCAP]            = "CAP_SETPCAP",
    [CAP_LINUX_IMMUTABLE]    = "CAP_LINUX_IMMUTABLE",
    [CAP_NET_BIND_SERVICE]   = "CAP_NET_BIND_SERVICE",
    [CAP_NET_BROADCAST]      = "CAP_NET_BROADCAST",
    [CAP_NET_ADMIN]          = "CAP_NET_ADMIN",
    [CAP_NET_RAW]            = "CAP_NET_RAW",
    [CAP_IPC_LOCK]           = "CAP_IPC_LOCK",
    [CAP_IPC_OWNER]          = "CAP_IPC_OWNER",
    [CAP_SYS_MODULE]         = "CAP_SYS_MODULE",
    [CAP_SYS_RAWIO]          = "CAP_SYS_RAWIO",
    [CAP_SYS_CHROOT]         = "CAP_SYS_CHROOT",
    [CAP_SYS_PTRACE]         = "CAP_SYS_PTRACE",
    [CAP_SYS_PACCT]          = "CAP_SYS_PACCT",
    [CAP_SYS_ADMIN]          = "CAP_SYS_ADMIN",
    [CAP_SYS_BOOT]           = "CAP_SYS_BOOT",
    [CAP_SYS_NICE]           = "CAP_SYS_NICE",
    [CAP_SYS_RESOURCE]       = "CAP_SYS_RESOURCE",
    [CAP_SYS_TIME]           = "CAP_SYS_TIME",
    [CAP_SYS_TTY_CONFIG]     = "CAP_SYS_TTY_CONFIG",
    [CAP_MKNOD]              = "CAP_MKNOD",
    [CAP_LEASE]              = "CAP_LEASE",
    [CAP_AUDIT_WRITE]        = "CAP_AUDIT_WRITE",
    [CAP_AUDIT_CONTROL]      = "CAP_AUDIT_CONTROL",
    [CAP_SETFCAP]            = "CAP_SETFCAP",
    [CAP_MAC_OVERRIDE]       = "CAP_MAC_OVERRIDE",
    [CAP_MAC_ADMIN]          = "CAP_MAC_ADMIN",
    [CAP_SYSLOG]             = "CAP_SYSLOG",
    [CAP_WAKE_ALARM]         = "CAP_WAKE_ALARM",
    [CAP_BLOCK_SUSPEND]      = "CAP_BLOCK_SUSPEND",
    [CAP_AUDIT_READ]         = "CAP_AUDIT_READ",
    [CAP_PERFMON]            = "CAP_PERFMON",
    [CAP_BPF]                = "CAP_BPF",
    [CAP_CHECKPOINT_RESTORE] = "CAP_CHECKPOINT_RESTORE",
};

int cap_number(const char *name)
{
    if (strncasecmp(name, "CAP_", 4) == 0)
        name += 4;
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (strcasecmp(names[i] + 4, name) == 0)
            return (int)i;
    return -1;
}

const char *cap_name(unsigned number)
{
    return number < ARRAY_SIZE(names) ? names[number] : NULL;
}

u64 caps_set(char *const *list, const char **unknown)
{
    u64 set = 0;
    for (; list && *list; list++) {
        int n = cap_number(*list);
        if (n >= 0)
            set |= 1ull << n;
        else if (unknown && !*unknown)
            *unknown = *list;
    }
    return set;
}

int caps_bound(const struct caps *caps, struct err *err)
{
    for (unsigned i = 0; i < 64; i++) {
        if (caps->bounding & 1ull << i)
            continue;
        if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
            continue;
        if (errno == EINVAL) /* the kernel's last was the one before */
            return 0;
        /* What one has not got, one need not drop. */
        if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
            return err_errno(err, errno, "drop capability %u", i);
    }
    return 0;
}

static int get(struct __user_cap_data_struct *data)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    return syscall(SYS_capget, &head, data) < 0 ? -errno : 0;
}

static int set(u64 effective, u64 permitted, u64 inheritable)
{
    struct __user_cap_header_struct head    = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct   data[2] = {
          {(u32)effective, (u32)permitted, (u32)inheritable},
          {(u32)(effective >> 32), (u32)(permitted >> 32), (u32)(inheritable >> 32)},
    };
    return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int caps_apply(const struct caps *caps, struct err *err)
{
    struct __user_cap_data_struct now[2];
    int                           rc = get(now);
    if (rc)
        return err_errno(err, -rc, "read capabilities");
    u64 have      = now[0].permitted | (u64)now[1].permitted << 32;
    u64 permitted = caps->permitted & have;
    u64 inherit   = caps->inheritable & (have | now[0].inheritable);
    rc            = set(caps->effective & permitted, permitted, inherit);
    if (rc)
        return err_errno(err, -rc, "set capabilities");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return err_errno(err, errno, "clear ambient capabilities");
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (!(caps->ambient & permitted & inherit & 1ull << i))
            continue;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
            return err_errno(err, errno, "raise ambient capability %s", names[i]);
    }
    return 0;
}

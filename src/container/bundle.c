/* container/bundle.c - see bundle.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/bundle.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "container/text.h"
#include "container/users.h"
#include "isolation/caps.h"

enum bundle_kind bundle_look(const char *path)
{
    static const char *const roots[] = {"bin", "usr", "etc", "sbin", "lib"};
    struct stat              st;
    cleanup_fd int           fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return BUNDLE_NONE;
    if (fstatat(fd, "config.json", &st, 0) == 0)
        return BUNDLE_OCI;
    for (unsigned i = 0; i < ARRAY_SIZE(roots); i++)
        if (fstatat(fd, roots[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
            return BUNDLE_ROOT;
    return BUNDLE_NONE;
}

/* ---- capabilities: docker's default, then what was added and dropped ---- */

static const char *const usual_caps[] = {
    "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FSETID",     "CAP_FOWNER",      "CAP_MKNOD",
    "CAP_SETGID", "CAP_SETUID",       "CAP_SETFCAP",    "CAP_SETPCAP",     "CAP_NET_BIND_SERVICE",
    "CAP_KILL",   "CAP_NET_RAW",      "CAP_SYS_CHROOT", "CAP_AUDIT_WRITE",
};

static int add_caps(u64 *set, char *const *names, bool add, struct err *err)
{
    for (; names && *names; names++) {
        bool all = strcasecmp(*names, "all") == 0;
        int  n   = all ? 0 : cap_number(*names);
        if (n < 0)
            return err_set(err, EINVAL, "there is no capability '%s'", *names);
        u64 bits = all ? ~0ull : 1ull << n;
        *set     = add ? *set | bits : *set & ~bits;
    }
    return 0;
}

static int put_caps(struct text *t, const struct spec *s, struct err *err)
{
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    u64                      set    = s->privileged ? ~0ull : 0;
    for (unsigned i = 0; i < ARRAY_SIZE(usual_caps); i++)
        set |= 1ull << cap_number(usual_caps[i]);
    int rc = add_caps(&set, s->cap_drop, false, err);
    if (!rc)
        rc = add_caps(&set, s->cap_add, true, err);
    text_open(t, "capabilities", '{');
    for (unsigned i = 0; i < ARRAY_SIZE(sets); i++) {
        text_open(t, sets[i], '[');
        for (unsigned c = 0; cap_name(c); c++)
            if (set & 1ull << c)
                text_str(t, NULL, cap_name(c));
        text_close(t, ']');
    }
    text_close(t, '}');
    return rc;
}

/* ---- process ---- */

static bool has_name(char *const *env, const char *name)
{
    size_t len = strlen(name);
    for (; env && *env; env++)
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
            return true;
    return false;
}

static void put_env(struct text *t, const struct spec *s)
{
    text_open(t, "env", '[');
    if (!has_name(s->env, "PATH"))
        text_str(t, NULL, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    if (s->tty && !has_name(s->env, "TERM"))
        text_str(t, NULL, "TERM=xterm");
    for (char *const *e = s->env; e && *e; e++)
        text_str(t, NULL, *e);
    text_close(t, ']');
}

static int put_process(struct text *t, const struct spec *s, const char *root, struct err *err)
{
    struct user u  = {0};
    int         rc = s->user ? users_find(root, s->user, &u, err) : 0;
    text_open(t, "process", '{');
    text_bool(t, "terminal", s->tty);
    text_open(t, "user", '{');
    text_u64(t, "uid", u.uid);
    text_u64(t, "gid", u.gid);
    text_open(t, "additionalGids", '[');
    for (unsigned i = 0; i < u.n_groups; i++)
        text_u64(t, NULL, u.groups[i]);
    text_close(t, ']');
    text_close(t, '}');
    text_open(t, "args", '[');
    for (char *const *a = s->args; a && *a; a++)
        text_str(t, NULL, *a);
    text_close(t, ']');
    put_env(t, s);
    text_str(t, "cwd", s->cwd_given ? s->cwd : "/");
    if (!rc)
        rc = put_caps(t, s, err);
    text_bool(t, "noNewPrivileges", s->no_new_privileges);
    text_close(t, '}');
    return rc;
}

/* ---- mounts ---- */

#define MAX_OPTIONS 6
static const struct {
    const char *destination, *type, *options[MAX_OPTIONS];
} usual_mounts[] = {
    {"/proc", "proc", {"nosuid", "noexec", "nodev"}},
    {"/dev", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
    {"/dev/pts", "devpts", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
    {"/dev/shm", "tmpfs", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
    {"/dev/mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
    {"/sys", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
    {"/sys/fs/cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}},
};

static void put_mount(struct text *t, const char *destination, const char *type, const char *source,
                      const char *const *options, unsigned n)
{
    text_open(t, NULL, '{');
    text_str(t, "destination", destination);
    text_str(t, "type", type);
    text_str(t, "source", source);
    text_strs(t, "options", options, n);
    text_close(t, '}');
}

/* "DIR[:OPTION,...]" */
static void put_tmpfs(struct text *t, const char *text)
{
    cleanup_free char *copy        = xstrdup(text);
    const char        *options[32] = {"nosuid", "nodev", "noexec"};
    unsigned           n           = 3;
    char              *rest        = copy;
    char              *dir         = strsep(&rest, ":");
    for (char *word; (word = strsep(&rest, ",")) && n < ARRAY_SIZE(options);)
        options[n++] = word;
    put_mount(t, dir, "tmpfs", "tmpfs", options, n);
}

static void put_bind(struct text *t, const char *destination, const char *source, bool read_only)
{
    const char *options[] = {"rbind", "rprivate", read_only ? "ro" : "rw"};
    put_mount(t, destination, "bind", source, options, ARRAY_SIZE(options));
}

static const char *network_of(const struct spec *s)
{
    return s->n_nets ? s->nets[0].mode : "none";
}

static void put_mounts(struct text *t, const struct spec *s)
{
    static const char *const from_host[] = {"/etc/resolv.conf", "/etc/hosts"};
    text_open(t, "mounts", '[');
    for (unsigned i = 0; i < ARRAY_SIZE(usual_mounts); i++) {
        unsigned n = 0;
        while (n < MAX_OPTIONS && usual_mounts[i].options[n])
            n++;
        put_mount(t, usual_mounts[i].destination, usual_mounts[i].type, usual_mounts[i].type,
                  usual_mounts[i].options, n);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(from_host) && strcmp(network_of(s), "host") == 0; i++)
        if (access(from_host[i], R_OK) == 0)
            put_bind(t, from_host[i], from_host[i], true);
    for (char *const *d = s->tmpfs; d && *d; d++)
        put_tmpfs(t, *d);
    for (unsigned i = 0; i < s->n_shares; i++)
        put_bind(t, s->shares[i].guest, s->shares[i].host, s->shares[i].read_only);
    text_close(t, ']');
}

/* ---- linux ---- */

/* What no container has business with, whatever its capabilities: the kernel itself, the
 * clock, other processes' insides, and doors that were open too wide before. */
static const char *const denied_calls[] = {
    "acct",
    "add_key",
    "bpf",
    "clock_adjtime",
    "clock_settime",
    "create_module",
    "delete_module",
    "finit_module",
    "fsopen",
    "get_kernel_syms",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mbind",
    "move_pages",
    "nfsservctl",
    "open_by_handle_at",
    "perf_event_open",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "set_mempolicy",
    "settimeofday",
    "stime",
    "swapoff",
    "swapon",
    "syslog",
    "uselib",
    "userfaultfd",
    "ustat",
    "vhangup",
    "vm86",
    "vm86old",
};

static void put_seccomp(struct text *t)
{
    text_open(t, "seccomp", '{');
    text_str(t, "defaultAction", "SCMP_ACT_ALLOW");
    text_open(t, "syscalls", '[');
    text_open(t, NULL, '{');
    text_strs(t, "names", denied_calls, ARRAY_SIZE(denied_calls));
    text_str(t, "action", "SCMP_ACT_ERRNO");
    text_u64(t, "errnoRet", EPERM);
    text_close(t, '}');
    text_close(t, ']');
    text_close(t, '}');
}

#define CPU_PERIOD_US 100000

static void put_resources(struct text *t, const struct spec *s)
{
    text_open(t, "resources", '{');
    text_open(t, "devices", '[');
    text_open(t, NULL, '{');
    text_bool(t, "allow", s->privileged);
    text_str(t, "access", "rwm");
    text_close(t, '}');
    text_close(t, ']');
    if (s->memory_given) {
        text_open(t, "memory", '{');
        text_u64(t, "limit", s->memory_bytes);
        text_close(t, '}');
    }
    if (s->cpu_milli) {
        text_open(t, "cpu", '{');
        text_u64(t, "period", CPU_PERIOD_US);
        text_u64(t, "quota", (u64)s->cpu_milli * CPU_PERIOD_US / 1000);
        text_close(t, '}');
    }
    if (s->pids_limit) {
        text_open(t, "pids", '{');
        text_u64(t, "limit", s->pids_limit);
        text_close(t, '}');
    }
    text_close(t, '}');
}

static void put_namespaces(struct text *t, const struct spec *s)
{
    static const char *const kinds[] = {"pid", "ipc", "uts", "mount", "cgroup", "network"};
    bool                     host    = strcmp(network_of(s), "host") == 0;
    text_open(t, "namespaces", '[');
    for (unsigned i = 0; i < ARRAY_SIZE(kinds) - host; i++) {
        text_open(t, NULL, '{');
        text_str(t, "type", kinds[i]);
        text_close(t, '}');
    }
    text_close(t, ']');
}

static void put_linux(struct text *t, const struct spec *s)
{
    static const char *const masked[]   = {"/proc/acpi",
                                           "/proc/asound",
                                           "/proc/kcore",
                                           "/proc/keys",
                                           "/proc/latency_stats",
                                           "/proc/timer_list",
                                           "/proc/timer_stats",
                                           "/proc/sched_debug",
                                           "/proc/scsi",
                                           "/sys/firmware",
                                           "/sys/devices/virtual/powercap"};
    static const char *const readonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                           "/proc/sysrq-trigger"};
    text_open(t, "linux", '{');
    cleanup_free char *path = xasprintf("/guise/%s", s->id);
    text_str(t, "cgroupsPath", path);
    put_resources(t, s);
    put_namespaces(t, s);
    if (!s->privileged) {
        text_strs(t, "maskedPaths", masked, ARRAY_SIZE(masked));
        text_strs(t, "readonlyPaths", readonly, ARRAY_SIZE(readonly));
        put_seccomp(t);
    }
    text_close(t, '}');
}

static int write_root(const struct spec *s, const char *root, const char *path, struct err *err)
{
    struct text t = {0};
    text_open(&t, NULL, '{');
    text_str(&t, "ociVersion", "1.0.2");
    int rc = put_process(&t, s, root, err);
    text_open(&t, "root", '{');
    text_str(&t, "path", root);
    text_bool(&t, "readonly", s->read_only);
    text_close(&t, '}');
    cleanup_free char *short_id = xstrndup(s->id, 12);
    text_str(&t, "hostname", s->hostname ? s->hostname : short_id);
    put_mounts(&t, s);
    put_linux(&t, s);
    text_close(&t, '}');
    if (!rc)
        rc = file_replace(path, t.s, err);
    free(t.s);
    return rc;
}

/* ---- a bundle that is there ---- */

static int write_bundle(const struct spec *s, const char *path, struct err *err)
{
    cleanup_free char  *from = xasprintf("%s/config.json", s->workload);
    cleanup_json cJSON *j    = NULL;
    int                 rc   = json_load(&j, from, err);
    if (rc)
        return rc;
    const char *root = json_str(j, "root.path");
    if (!root)
        return err_set(err, EINVAL, "%s: root.path is missing", from);
    if (root[0] != '/') {
        cleanup_free char *whole = xasprintf("%s/%s", s->workload, root);
        json_put_str(j, "root.path", whole);
    }
    json_put_bool(j, "process.terminal", s->tty);
    cJSON *args = cJSON_CreateArray();
    for (char *const *a = s->args; a && *a; a++)
        cJSON_AddItemToArray(args, cJSON_CreateString(*a));
    if (s->args && s->args[0])
        json_put(j, "process.args", args);
    else
        cJSON_Delete(args);
    cleanup_free char *text = json_pages(j);
    return file_replace(path, text, err);
}

/* What is not there is refused, not left out. */
static int check(const struct spec *s, bool bundle, struct err *err)
{
    const char *net = network_of(s);
    const struct {
        bool        given;
        const char *name;
    } for_roots[] = {
        {s->n_nets, "--network"},
        {s->n_shares, "--volume"},
        {s->memory_given, "--memory"},
        {s->cpu_milli, "--cpus"},
        {s->pids_limit, "--pids-limit"},
        {s->user, "--user"},
        {s->hostname, "--hostname"},
        {s->tmpfs && s->tmpfs[0], "--tmpfs"},
        {s->read_only, "--read-only"},
        {s->privileged, "--privileged"},
        {s->cap_add || s->cap_drop, "--cap-add and --cap-drop"},
        {s->env && s->env[0], "--env"},
        {s->cwd_given, "--workdir"},
        {s->no_new_privileges, "--security-opt"},
    };
    for (unsigned i = 0; bundle && i < ARRAY_SIZE(for_roots); i++)
        if (for_roots[i].given)
            return err_set(err, ENOTSUP, "%s: an OCI bundle's config.json says that",
                           for_roots[i].name);
    if (s->n_ports)
        return err_set(err, ENOTSUP, "--publish: containers have no published ports yet");
    if (s->n_nets > 1 || (strcmp(net, "none") != 0 && strcmp(net, "host") != 0))
        return err_set(err, ENOTSUP, "--network: a container's is none or host");
    if (s->n_disks)
        return err_set(err, ENOTSUP, "--disk is for machines");
    return 0;
}

int bundle_write(const struct spec *s, const char *root, const char *dir, struct err *err)
{
    cleanup_free char *path   = xasprintf("%s/config.json", dir);
    bool               bundle = !s->layers && bundle_look(s->workload) == BUNDLE_OCI;
    int                rc     = check(s, bundle, err);
    if (rc)
        return rc;
    if (bundle)
        return write_bundle(s, path, err);
    if (!s->args || !s->args[0])
        return err_set(err, EINVAL, "%s: which program is to be run in it?", s->workload);
    return write_root(s, root, path, err);
}

/* container/oci/spec.c - spec, a bundle to begin with, and features, what this runtime knows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/oci/oci.h"
#include "container/text.h"
#include "isolation/caps.h"
#include "isolation/cgroup.h"
#include "isolation/mount.h"
#include "isolation/namespaces.h"
#include "isolation/seccomp.h"

const struct oci_option oci_spec_options[] = {
    {"bundle", 'b', OPTION_TEXT, offsetof(struct oci_spec_own, bundle), "the bundle's folder"},
    {"rootless", 0, OPTION_FLAG, offsetof(struct oci_spec_own, rootless),
     "for a user who is not root"},
    {NULL},
};

static const char *const usual_caps[] = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};

#define MASKED                                                                                     \
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",              \
        "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware",             \
        "/proc/scsi"
#define READONLY "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"

#define MAX_OPTIONS 8
struct usual_mount {
    const char *destination, *type, *source, *options[MAX_OPTIONS];
    bool        rooted, rootless; /* in which of the two */
};

static const struct usual_mount mounts[] = {
    {"/proc", "proc", "proc", {NULL}, true, true},
    {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}, true, true},
    {"/dev/pts",
     "devpts",
     "devpts",
     {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"},
     true,
     false},
    {"/dev/pts",
     "devpts",
     "devpts",
     {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"},
     false,
     true},
    {"/dev/shm",
     "tmpfs",
     "shm",
     {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"},
     true,
     true},
    {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}, true, true},
    {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}, true, false},
    {"/sys", "none", "/sys", {"rbind", "nosuid", "noexec", "nodev", "ro"}, false, true},
    {"/sys/fs/cgroup",
     "cgroup",
     "cgroup",
     {"nosuid", "noexec", "nodev", "relatime", "ro"},
     true,
     false},
};

static void put_mounts(struct text *t, bool rootless)
{
    text_open(t, "mounts", '[');
    for (unsigned i = 0; i < ARRAY_SIZE(mounts); i++) {
        const struct usual_mount *m = &mounts[i];
        unsigned                  n = 0;
        if (rootless ? !m->rootless : !m->rooted)
            continue;
        text_open(t, NULL, '{');
        text_str(t, "destination", m->destination);
        text_str(t, "type", m->type);
        text_str(t, "source", m->source);
        while (n < MAX_OPTIONS && m->options[n])
            n++;
        if (n)
            text_strs(t, "options", m->options, n);
        text_close(t, '}');
    }
    text_close(t, ']');
}

static void put_process(struct text *t)
{
    static const char *const args[] = {"sh"};
    static const char *const env[]  = {
         "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"};
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    text_open(t, "process", '{');
    text_bool(t, "terminal", true);
    text_open(t, "user", '{');
    text_u64(t, "uid", 0);
    text_u64(t, "gid", 0);
    text_close(t, '}');
    text_strs(t, "args", args, ARRAY_SIZE(args));
    text_strs(t, "env", env, ARRAY_SIZE(env));
    text_str(t, "cwd", "/");
    text_open(t, "capabilities", '{');
    for (unsigned i = 0; i < ARRAY_SIZE(sets); i++)
        text_strs(t, sets[i], usual_caps, ARRAY_SIZE(usual_caps));
    text_close(t, '}');
    text_open(t, "rlimits", '[');
    text_open(t, NULL, '{');
    text_str(t, "type", "RLIMIT_NOFILE");
    text_u64(t, "hard", 1024);
    text_u64(t, "soft", 1024);
    text_close(t, '}');
    text_close(t, ']');
    text_bool(t, "noNewPrivileges", true);
    text_close(t, '}');
}

static void put_map(struct text *t, const char *key, unsigned host)
{
    text_open(t, key, '[');
    text_open(t, NULL, '{');
    text_u64(t, "containerID", 0);
    text_u64(t, "hostID", host);
    text_u64(t, "size", 1);
    text_close(t, '}');
    text_close(t, ']');
}

static void put_linux(struct text *t, bool rootless)
{
    static const char *const masked[] = {MASKED}, *const readonly[] = {READONLY};
    static const char *const rooted_ns[]   = {"pid", "network", "ipc", "uts", "mount", "cgroup"};
    static const char *const rootless_ns[] = {"pid", "ipc", "uts", "mount", "cgroup", "user"};
    const char *const       *ns            = rootless ? rootless_ns : rooted_ns;
    text_open(t, "linux", '{');
    if (rootless) {
        put_map(t, "uidMappings", geteuid());
        put_map(t, "gidMappings", getegid());
    } else {
        text_open(t, "resources", '{');
        text_open(t, "devices", '[');
        text_open(t, NULL, '{');
        text_bool(t, "allow", false);
        text_str(t, "access", "rwm");
        text_close(t, '}');
        text_close(t, ']');
        text_close(t, '}');
    }
    text_open(t, "namespaces", '[');
    for (unsigned i = 0; i < ARRAY_SIZE(rooted_ns); i++) {
        text_open(t, NULL, '{');
        text_str(t, "type", ns[i]);
        text_close(t, '}');
    }
    text_close(t, ']');
    text_strs(t, "maskedPaths", masked, ARRAY_SIZE(masked));
    text_strs(t, "readonlyPaths", readonly, ARRAY_SIZE(readonly));
    text_close(t, '}');
}

int oci_spec(struct oci_call *call, struct err *err)
{
    const struct oci_spec_own *own  = call->options;
    cleanup_free char         *path = xasprintf("%s/config.json", own->bundle ? own->bundle : ".");
    struct text                t    = {.pretty = true};
    text_open(&t, NULL, '{');
    text_str(&t, "ociVersion", "1.0.2"); /* nothing in it is newer: older runtimes read it too */
    put_process(&t);
    text_open(&t, "root", '{');
    text_str(&t, "path", "rootfs");
    text_bool(&t, "readonly", true);
    text_close(&t, '}');
    text_str(&t, "hostname", "guise");
    put_mounts(&t, own->rootless);
    put_linux(&t, own->rootless);
    text_close(&t, '}');
    cleanup_free char *text = t.s;
    cleanup_fd int     fd   = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST)
        return err_set(err, EEXIST, "File config.json exists. Remove it first");
    if (fd < 0 || dprintf(fd, "%s\n", text) < 0)
        return err_errno(err, errno, "write '%s'", path);
    return 0;
}

/* ---- features ---- */

static void put_words(struct text *t, const char *key, const char *(*word)(unsigned))
{
    text_open(t, key, '[');
    for (unsigned i = 0; word(i); i++)
        text_str(t, NULL, word(i));
    text_close(t, ']');
}

static const char *namespace_word(unsigned i)
{
    return i < NAMESPACES ? namespaces[i].name : NULL;
}

static const char *hook_word(unsigned i)
{
    static const char *const words[] = {"prestart",       "createRuntime", "createContainer",
                                        "startContainer", "poststart",     "poststop"};
    return i < ARRAY_SIZE(words) ? words[i] : NULL;
}

static const char *action_word(unsigned i)
{
    return seccomp_word(SECCOMP_ACTIONS, i);
}

static const char *operator_word(unsigned i)
{
    return seccomp_word(SECCOMP_OPERATORS, i);
}

static const char *arch_word(unsigned i)
{
    return seccomp_word(SECCOMP_ARCHS, i);
}

static const char *flag_word(unsigned i)
{
    return seccomp_word(SECCOMP_FLAGS, i);
}

static void put_switch(struct text *t, const char *key, bool on)
{
    text_open(t, key, '{');
    text_bool(t, "enabled", on);
    text_close(t, '}');
}

static void put_features(struct text *t)
{
    put_words(t, "namespaces", namespace_word);
    put_words(t, "capabilities", cap_name);
    text_open(t, "cgroup", '{');
    text_bool(t, "v1", true);
    text_bool(t, "v2", true);
    text_bool(t, "systemd", false);
    text_bool(t, "systemdUser", false);
    text_bool(t, "rdma", true);
    text_close(t, '}');
    text_open(t, "seccomp", '{');
    text_bool(t, "enabled", true);
    put_words(t, "actions", action_word);
    put_words(t, "operators", operator_word);
    put_words(t, "archs", arch_word);
    put_words(t, "knownFlags", flag_word);
    put_words(t, "supportedFlags", flag_word);
    text_close(t, '}');
    put_switch(t, "apparmor", true);
    put_switch(t, "selinux", true);
    put_switch(t, "intelRdt", false);
    text_open(t, "mountExtensions", '{');
    put_switch(t, "idmap", true);
    text_close(t, '}');
}

int oci_features(struct oci_call *call, struct err *err)
{
    struct text t = {.pretty = true};
    (void)call;
    (void)err;
    text_open(&t, NULL, '{');
    text_str(&t, "ociVersionMin", "1.0.0");
    text_str(&t, "ociVersionMax", "1.2.0");
    put_words(&t, "hooks", hook_word);
    put_words(&t, "mountOptions", mount_option_name);
    text_open(&t, "linux", '{');
    put_features(&t);
    text_close(&t, '}');
    text_close(&t, '}');
    puts(t.s);
    free(t.s);
    return 0;
}

/* container/config.c - see config.h: the tables of config.json's members. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"

#define FILE_MAX MiB(16)

#define T struct id_map
static const struct decode_row id_map_rows[] = {
    ROW_NEEDED("containerID", U32, T, inside),
    ROW_NEEDED("hostID", U32, T, outside),
    ROW_NEEDED("size", U32, T, count),
    ROWS_END,
};
#undef T

#define T struct config_user
static const struct decode_row user_rows[] = {
    ROW("uid", U32, T, uid),
    ROW("gid", U32, T, gid),
    ROW("umask", NUMBER, T, umask),
    {"additionalGids", DECODE_U32S, offsetof(T, groups), offsetof(T, n_groups)},
    ROWS_END,
};
#undef T

#define T struct config_caps
static const struct decode_row caps_rows[] = {
    ROW("bounding", STRINGS, T, bounding),       ROW("effective", STRINGS, T, effective),
    ROW("inheritable", STRINGS, T, inheritable), ROW("permitted", STRINGS, T, permitted),
    ROW("ambient", STRINGS, T, ambient),         ROWS_END,
};
#undef T

#define T struct config_rlimit
static const struct decode_row rlimit_rows[] = {
    ROW_NEEDED("type", STRING, T, type),
    ROW_NEEDED("soft", U64, T, soft),
    ROW_NEEDED("hard", U64, T, hard),
    ROWS_END,
};
#undef T

#define T struct config_scheduler
static const struct decode_row scheduler_rows[] = {
    ROW_NEEDED("policy", STRING, T, policy), ROW("nice", I64, T, nice),
    ROW("priority", I64, T, priority),       ROW("flags", STRINGS, T, flags),
    ROW("runtime", U64, T, runtime),         ROW("deadline", U64, T, deadline),
    ROW("period", U64, T, period),           ROWS_END,
};
#undef T

#define T struct config_priority
static const struct decode_row priority_rows[] = {
    ROW_NEEDED("class", STRING, T, io_class),
    ROW("priority", I64, T, priority),
    ROWS_END,
};
#undef T

#define T struct config_affinity
static const struct decode_row affinity_rows[] = {
    ROW("initial", STRING, T, initial),
    ROW("final", STRING, T, final),
    ROWS_END,
};
#undef T

#define T struct config_process
static const struct decode_row console_rows[] = {
    {"height", DECODE_U32, 0},
    {"width", DECODE_U32, sizeof(u32)},
    ROWS_END,
};
static const struct decode_row process_rows[] = {
    ROW("terminal", BOOL, T, terminal),
    ROW_INNER("consoleSize", STRUCT, T, console, console_rows),
    ROW_INNER("user", STRUCT, T, user, user_rows),
    ROW("args", STRINGS, T, args),
    ROW("env", STRINGS, T, env),
    ROW_NEEDED("cwd", STRING, T, cwd),
    ROW_POINTER("capabilities", T, caps, caps_rows),
    ROW_LIST("rlimits", LIST, T, rlimits, rlimit_rows),
    ROW("noNewPrivileges", BOOL, T, no_new_privileges),
    ROW("oomScoreAdj", NUMBER, T, oom_score),
    ROW("apparmorProfile", STRING, T, apparmor),
    ROW("selinuxLabel", STRING, T, selinux),
    ROW_POINTER("scheduler", T, scheduler, scheduler_rows),
    ROW_POINTER("ioPriority", T, io_priority, priority_rows),
    ROW_POINTER("execCPUAffinity", T, affinity, affinity_rows),
    ROWS_END,
};
#undef T

#define T struct config_mount
static const struct decode_row mount_rows[] = {
    ROW_NEEDED("destination", STRING, T, destination),
    ROW("type", STRING, T, type),
    ROW("source", STRING, T, source),
    ROW("options", STRINGS, T, options),
    ROW_LIST("uidMappings", LIST, T, uids, id_map_rows),
    ROW_LIST("gidMappings", LIST, T, gids, id_map_rows),
    ROWS_END,
};
#undef T

#define T struct config_hook
static const struct decode_row hook_rows[] = {
    ROW_NEEDED("path", STRING, T, path),
    ROW("args", STRINGS, T, args),
    ROW("env", STRINGS, T, env),
    ROW("timeout", NUMBER, T, timeout),
    ROWS_END,
};
#undef T

#define T struct config_hooks
static const struct decode_row hooks_rows[] = {
    ROW_LIST("prestart", LIST, T, prestart, hook_rows),
    ROW_LIST("createRuntime", LIST, T, create_runtime, hook_rows),
    ROW_LIST("createContainer", LIST, T, create_container, hook_rows),
    ROW_LIST("startContainer", LIST, T, start_container, hook_rows),
    ROW_LIST("poststart", LIST, T, poststart, hook_rows),
    ROW_LIST("poststop", LIST, T, poststop, hook_rows),
    ROWS_END,
};
#undef T

#define T struct config_namespace
static const struct decode_row namespace_rows[] = {
    ROW_NEEDED("type", STRING, T, type),
    ROW("path", STRING, T, path),
    ROWS_END,
};
#undef T

#define T struct config_device
static const struct decode_row device_rows[] = {
    ROW_NEEDED("path", STRING, T, path), ROW_NEEDED("type", STRING, T, type),
    ROW("major", I64, T, major),         ROW("minor", I64, T, minor),
    ROW("fileMode", NUMBER, T, mode),    ROW("uid", NUMBER, T, uid),
    ROW("gid", NUMBER, T, gid),          ROWS_END,
};
#undef T

#define T struct config_offset
static const struct decode_row offset_rows[] = {
    ROW("secs", I64, T, secs),
    ROW("nanosecs", U32, T, nanosecs),
    ROWS_END,
};
#undef T

#define T struct limit_device
static const struct decode_row limit_device_rows[] = {
    ROW_NEEDED("allow", BOOL, T, allow), ROW("type", STRING, T, type),
    ROW("major", NUMBER, T, major),      ROW("minor", NUMBER, T, minor),
    ROW("access", STRING, T, access),    ROWS_END,
};
#undef T

#define T struct limits
static const struct decode_row memory_rows[] = {
    ROW("limit", NUMBER, T, memory.limit),
    ROW("reservation", NUMBER, T, memory.reservation),
    ROW("swap", NUMBER, T, memory.swap),
    ROW("kernel", NUMBER, T, memory.kernel),
    ROW("kernelTCP", NUMBER, T, memory.kernel_tcp),
    ROW("swappiness", NUMBER, T, memory.swappiness),
    ROW("disableOOMKiller", NUMBER, T, memory.disable_oom_killer),
    ROW("useHierarchy", NUMBER, T, memory.use_hierarchy),
    ROW("checkBeforeUpdate", NUMBER, T, memory.check_before_update),
    ROWS_END,
};
static const struct decode_row cpu_rows[] = {
    ROW("shares", NUMBER, T, cpu.shares),
    ROW("quota", NUMBER, T, cpu.quota),
    ROW("burst", NUMBER, T, cpu.burst),
    ROW("period", NUMBER, T, cpu.period),
    ROW("realtimeRuntime", NUMBER, T, cpu.rt_runtime),
    ROW("realtimePeriod", NUMBER, T, cpu.rt_period),
    ROW("idle", NUMBER, T, cpu.idle),
    ROW("cpus", STRING, T, cpu.cpus),
    ROW("mems", STRING, T, cpu.mems),
    ROWS_END,
};
static const struct decode_row pids_rows[] = {ROW("limit", NUMBER, T, pids.limit), ROWS_END};
#undef T

#define T struct limit_weight
static const struct decode_row weight_rows[] = {
    ROW_NEEDED("major", I64, T, major),
    ROW_NEEDED("minor", I64, T, minor),
    ROW("weight", NUMBER, T, weight),
    ROW("leafWeight", NUMBER, T, leaf_weight),
    ROWS_END,
};
#undef T

#define T struct limit_rate
static const struct decode_row rate_rows[] = {
    ROW_NEEDED("major", I64, T, major),
    ROW_NEEDED("minor", I64, T, minor),
    ROW_NEEDED("rate", NUMBER, T, rate),
    ROWS_END,
};
#undef T

#define T struct limit_priority
static const struct decode_row net_priority_rows[] = {
    ROW_NEEDED("name", STRING, T, name),
    ROW_NEEDED("priority", NUMBER, T, priority),
    ROWS_END,
};
#undef T

#define T struct limit_huge
static const struct decode_row huge_rows[] = {
    ROW_NEEDED("pageSize", STRING, T, page_size),
    ROW_NEEDED("limit", NUMBER, T, limit),
    ROWS_END,
};
#undef T

#define T struct limit_rdma
static const struct decode_row rdma_rows[] = {
    ROW("hcaHandles", NUMBER, T, handles),
    ROW("hcaObjects", NUMBER, T, objects),
    ROWS_END,
};
#undef T

#define T struct limits
/* Rows of an inner object whose members lie directly in struct limits. */
#define FLAT(k, rows_)                                                                             \
    {                                                                                              \
        .key = k, .type = DECODE_STRUCT, .off = 0, .of = rows_                                     \
    }
static const struct decode_row block_rows[] = {
    ROW("weight", NUMBER, T, block.weight),
    ROW("leafWeight", NUMBER, T, block.leaf_weight),
#define LIST_IN(k, m, rows_)                                                                       \
    {                                                                                              \
        .key = k, .type = DECODE_LIST, .off = offsetof(T, block.m),                                \
        .count_off = offsetof(T, block.n_##m), .of = rows_, .size = sizeof(*((T *)0)->block.m)     \
    }
    LIST_IN("weightDevice", weights, weight_rows),
    LIST_IN("throttleReadBpsDevice", read_bps, rate_rows),
    LIST_IN("throttleWriteBpsDevice", write_bps, rate_rows),
    LIST_IN("throttleReadIOPSDevice", read_iops, rate_rows),
    LIST_IN("throttleWriteIOPSDevice", write_iops, rate_rows),
#undef LIST_IN
    ROWS_END,
};
static const struct decode_row network_rows[] = {
    ROW("classID", NUMBER, T, network.class_id),
    {"priorities", DECODE_LIST, offsetof(T, network.priorities), offsetof(T, network.n_priorities),
     net_priority_rows, sizeof(struct limit_priority)},
    ROWS_END,
};
static const struct decode_row limits_rows[] = {
    FLAT("memory", memory_rows),
    FLAT("cpu", cpu_rows),
    FLAT("pids", pids_rows),
    FLAT("blockIO", block_rows),
    FLAT("network", network_rows),
    ROW_LIST("devices", LIST, T, devices, limit_device_rows),
    ROW_LIST("hugepageLimits", LIST, T, huge, huge_rows),
    ROW_LIST("rdma", MEMBERS, T, rdma, rdma_rows),
    ROW_COUNTED("unified", PAIRS, T, unified),
    ROWS_END,
};
#undef T

#define T struct seccomp_arg
static const struct decode_row seccomp_arg_rows[] = {
    ROW_NEEDED("index", U64, T, index),
    ROW_NEEDED("value", U64, T, value),
    ROW("valueTwo", U64, T, value_two),
    ROW_NEEDED("op", STRING, T, op),
    ROWS_END,
};
#undef T

#define T struct seccomp_rule
static const struct decode_row seccomp_rule_rows[] = {
    ROW_NEEDED("names", STRINGS, T, names),
    ROW_NEEDED("action", STRING, T, action),
    ROW("errnoRet", NUMBER, T, errno_ret),
    ROW_LIST("args", LIST, T, args, seccomp_arg_rows),
    ROWS_END,
};
#undef T

#define T struct seccomp_profile
static const struct decode_row seccomp_rows[] = {
    ROW_NEEDED("defaultAction", STRING, T, default_action),
    ROW("defaultErrnoRet", NUMBER, T, default_errno),
    ROW("architectures", STRINGS, T, architectures),
    ROW("flags", STRINGS, T, flags),
    ROW("listenerPath", STRING, T, listener_path),
    ROW("listenerMetadata", STRING, T, listener_metadata),
    ROW_LIST("syscalls", LIST, T, rules, seccomp_rule_rows),
    ROWS_END,
};
#undef T

static const struct decode_row rdt_rows[] = {
    ROW("closID", STRING, struct config_rdt, clos_id),
    ROW("l3CacheSchema", STRING, struct config_rdt, l3),
    ROW("memBwSchema", STRING, struct config_rdt, mem_bw),
    ROWS_END,
};
static const struct decode_row personality_rows[] = {
    ROW_NEEDED("domain", STRING, struct config_personality, domain),
    ROW("flags", STRINGS, struct config_personality, flags),
    ROWS_END,
};

#define T struct config_linux
static const struct decode_row linux_rows[] = {
    ROW_LIST("uidMappings", LIST, T, uids, id_map_rows),
    ROW_LIST("gidMappings", LIST, T, gids, id_map_rows),
    ROW_COUNTED("sysctl", PAIRS, T, sysctl),
    ROW_LIST("namespaces", LIST, T, namespaces, namespace_rows),
    ROW_LIST("devices", LIST, T, devices, device_rows),
    ROW_LIST("timeOffsets", MEMBERS, T, offsets, offset_rows),
    ROW("cgroupsPath", STRING, T, cgroup_path),
    ROW("rootfsPropagation", STRING, T, propagation),
    ROW("mountLabel", STRING, T, mount_label),
    ROW("maskedPaths", STRINGS, T, masked),
    ROW("readonlyPaths", STRINGS, T, readonly),
    ROW_POINTER("resources", T, resources, limits_rows),
    ROW_POINTER("seccomp", T, seccomp, seccomp_rows),
    ROW_POINTER("intelRdt", T, rdt, rdt_rows),
    ROW_POINTER("personality", T, personality, personality_rows),
    ROWS_END,
};
#undef T

#define T struct config
static const struct decode_row root_rows[] = {
    ROW_NEEDED("path", STRING, T, root.path),
    ROW("readonly", BOOL, T, root.readonly),
    ROWS_END,
};
static const struct decode_row config_rows[] = {
    ROW_NEEDED("ociVersion", STRING, T, version),
    FLAT("root", root_rows),
    ROW_POINTER("process", T, process, process_rows),
    ROW("hostname", STRING, T, hostname),
    ROW("domainname", STRING, T, domainname),
    ROW_LIST("mounts", LIST, T, mounts, mount_rows),
    ROW_INNER("hooks", STRUCT, T, hooks, hooks_rows),
    ROW_COUNTED("annotations", PAIRS, T, annotations),
    ROW_INNER("linux", STRUCT, T, os, linux_rows),
    ROWS_END,
};
#undef T

static int fill(struct config *c, char *text, size_t len, struct err *err)
{
    struct tree *tree;
    int          rc = tree_parse(&tree, text, len, &c->arena, err);
    return rc ? rc : decode(tree, config_rows, c, &c->arena, err);
}

int config_from_tree(struct config **out, const struct tree *tree, struct err *err)
{
    struct config *c  = xnew(struct config);
    int            rc = decode(tree, config_rows, c, &c->arena, err);
    if (rc)
        config_destroy(c);
    else
        *out = c;
    return rc;
}

int config_parse(struct config **out, const char *text, size_t len, struct err *err)
{
    struct config *c = xnew(struct config);
    c->text          = xalloc(len + 1);
    memcpy(c->text, text, len);
    int rc = fill(c, c->text, len, err);
    if (rc)
        config_destroy(c);
    else
        *out = c;
    return rc;
}

/* The whole of FD, with a NUL behind it; the caller frees. */
static int read_whole(int fd, char **out, size_t *len, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "stat");
    size_t room = st.st_size > 0 && (u64)st.st_size < FILE_MAX ? (size_t)st.st_size : KiB(16);
    size_t have = 0;
    char  *text = xalloc(room + 1);
    for (;;) {
        ssize_t n = read(fd, text + have, room - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || have > FILE_MAX) {
            int code = n < 0 ? errno : EFBIG;
            free(text);
            return err_errno(err, code, "read");
        }
        have += (size_t)n;
        if (n == 0 || (S_ISREG(st.st_mode) && have == (size_t)st.st_size))
            break;
        if (have == room)
            text = xrealloc(text, (room *= 2) + 1);
    }
    text[have] = 0;
    *out       = text;
    *len       = have;
    return 0;
}

int config_load(struct config **out, int dir_fd, const char *name, struct err *err)
{
    cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    size_t         len;
    if (fd < 0)
        return err_errno(err, errno, "open '%s'", name);
    struct config *c  = xnew(struct config);
    int            rc = read_whole(fd, &c->text, &len, err);
    if (!rc) {
        c->source = xstrndup(c->text, len);
        rc        = fill(c, c->text, len, err);
    }
    if (rc) {
        config_destroy(c);
        return err_wrap(err, "%s", name);
    }
    *out = c;
    return 0;
}

void config_destroy(struct config *c)
{
    if (!c)
        return;
    arena_done(&c->arena);
    free(c->text);
    free(c->source);
    free(c);
}

static int load_part(struct config *owner, const char *path, const struct decode_row *rows,
                     void *out, struct err *err)
{
    bool           input = strcmp(path, "-") == 0;
    cleanup_fd int fd    = open(input ? "/proc/self/fd/0" : path, O_RDONLY | O_CLOEXEC);
    struct tree   *tree;
    size_t         len;
    char          *text;
    if (fd < 0)
        return err_errno(err, errno, "open '%s'", path);
    int rc = read_whole(fd, &text, &len, err);
    if (rc)
        return err_wrap(err, "%s", path);
    char *kept = arena_alloc(&owner->arena, len + 1);
    memcpy(kept, text, len + 1);
    free(text);
    rc = tree_parse(&tree, kept, len, &owner->arena, err);
    if (!rc)
        rc = decode(tree, rows, out, &owner->arena, err);
    return rc ? err_wrap(err, "%s", path) : 0;
}

int config_process_load(struct config *owner, const char *path, struct config_process **out,
                        struct err *err)
{
    struct config_process *p  = arena_alloc(&owner->arena, sizeof(*p));
    int                    rc = load_part(owner, path, process_rows, p, err);
    if (!rc)
        *out = p;
    return rc;
}

int config_limits_load(struct config *owner, const char *path, struct limits **out, struct err *err)
{
    struct limits *l  = arena_alloc(&owner->arena, sizeof(*l));
    int            rc = load_part(owner, path, limits_rows, l, err);
    if (!rc)
        *out = l;
    return rc;
}

const char *config_annotation(const struct config *c, const char *name)
{
    for (unsigned i = 0; i < c->n_annotations; i++)
        if (strcmp(c->annotations[i].name, name) == 0)
            return c->annotations[i].value;
    return NULL;
}

const struct config_namespace *config_namespace(const struct config *c, const char *type)
{
    for (unsigned i = 0; i < c->os.n_namespaces; i++)
        if (strcmp(c->os.namespaces[i].type, type) == 0)
            return &c->os.namespaces[i];
    return NULL;
}

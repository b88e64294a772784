/* isolation/cgroup_devices.c - which devices a group may use: v1's lists, v2's BPF program.
 *
 * The bundle's rules in their order, then those that every container has. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "isolation/cgroup.h"

#define NUMBER(n)                                                                                  \
    {                                                                                              \
        n, true                                                                                    \
    }
#define ALLOW(t, maj, min, acc)                                                                    \
    {                                                                                              \
        .allow = true, .type = t, .access = acc, .major = maj, .minor = min                        \
    }
#define ANY                                                                                        \
    {                                                                                              \
        0, false                                                                                   \
    }

/* OCI runtime specification, "Default Devices"; making a node gives no right to open it. */
static const struct limit_device always[] = {
    ALLOW("c", ANY, ANY, "m"),
    ALLOW("b", ANY, ANY, "m"),
    ALLOW("c", NUMBER(1), NUMBER(3), "rwm"),
    ALLOW("c", NUMBER(1), NUMBER(5), "rwm"),
    ALLOW("c", NUMBER(1), NUMBER(7), "rwm"),
    ALLOW("c", NUMBER(1), NUMBER(8), "rwm"),
    ALLOW("c", NUMBER(1), NUMBER(9), "rwm"),
    ALLOW("c", NUMBER(5), NUMBER(0), "rwm"),
    ALLOW("c", NUMBER(5), NUMBER(1), "rwm"),
    ALLOW("c", NUMBER(5), NUMBER(2), "rwm"),
    ALLOW("c", NUMBER(136), ANY, "rwm"),
};

static bool is_all(const struct limit_device *d)
{
    return !d->type || !d->type[0] || d->type[0] == 'a';
}

static int check(const struct limit_device *d, unsigned i, struct err *err)
{
    if (d->access && strspn(d->access, "rwm") != strlen(d->access))
        return err_set(err, EINVAL, "resources.devices[%u]: access '%s' is not of r, w, m", i,
                       d->access);
    if (!is_all(d) && strcmp(d->type, "c") != 0 && strcmp(d->type, "b") != 0 &&
        strcmp(d->type, "u") != 0)
        return err_set(err, EINVAL, "resources.devices[%u]: type '%s' is not a, b, c or u", i,
                       d->type);
    return 0;
}

/* ---- v1 ---- */

static void number_text(struct number n, char *text, size_t room)
{
    if (n.set && n.v >= 0)
        snprintf(text, room, "%" PRId64, n.v);
    else
        snprintf(text, room, "*");
}

static int write_rule(int fd, const struct limit_device *d, struct err *err)
{
    char major[24], minor[24], text[80];
    number_text(d->major, major, sizeof(major));
    number_text(d->minor, minor, sizeof(minor));
    if (is_all(d))
        snprintf(text, sizeof(text), "a");
    else
        snprintf(text, sizeof(text), "%c %s:%s %s", d->type[0] == 'u' ? 'c' : d->type[0], major,
                 minor, d->access ? d->access : "rwm");
    if (write(fd, text, strlen(text)) < 0)
        return err_errno(err, errno, "%s devices '%s'", d->allow ? "allow" : "deny", text);
    return 0;
}

static int write_rules(const char *path, const struct limit_device *list, unsigned n,
                       struct err *err)
{
    cleanup_fd int dir   = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cleanup_fd int allow = openat(dir, "devices.allow", O_WRONLY | O_CLOEXEC);
    cleanup_fd int deny  = openat(dir, "devices.deny", O_WRONLY | O_CLOEXEC);
    int rc = allow < 0 || deny < 0 ? err_errno(err, errno, "open the devices of '%s'", path) : 0;
    for (unsigned i = 0; i < n && !rc; i++)
        rc = write_rule(list[i].allow ? allow : deny, &list[i], err);
    return rc;
}

/* ---- v2: a program that answers 1 (yes) or 0, the last rule that fits decides ---- */

#define INSN_MAX 4096

struct program {
    struct bpf_insn *list;
    unsigned         n;
};

static void emit(struct program *p, u8 code, unsigned dst, unsigned src, i16 off, i32 imm)
{
    if (p->n < INSN_MAX)
        p->list[p->n++] = (struct bpf_insn){code, (u8)(dst & 15u), (u8)(src & 15u), off, imm};
}

enum { R0, R1, TYPE, ACCESS, MAJOR, MINOR, SCRATCH };

/* Jumps over what is left of this rule; the distance is filled in when the rule is done. */
static void unless(struct program *p, u8 reg, i32 value)
{
    emit(p, BPF_JMP | BPF_JNE | BPF_K, reg, 0, -1, value);
}

static void emit_rule(struct program *p, const struct limit_device *d)
{
    i32 access = 0;
    for (const char *a = d->access ? d->access : "rwm"; *a; a++)
        access |= *a == 'r'   ? BPF_DEVCG_ACC_READ
                  : *a == 'w' ? BPF_DEVCG_ACC_WRITE
                              : BPF_DEVCG_ACC_MKNOD;
    unsigned start = p->n;
    if (!is_all(d))
        unless(p, TYPE, d->type[0] == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (!is_all(d) && access != 7) {
        /* Allow: all that is asked is in the rule. Deny: any of it is. */
        emit(p, BPF_ALU64 | BPF_MOV | BPF_X, SCRATCH, ACCESS, 0, 0);
        emit(p, BPF_ALU64 | BPF_AND | BPF_K, SCRATCH, 0, 0, access);
        if (d->allow)
            emit(p, BPF_JMP | BPF_JNE | BPF_X, SCRATCH, ACCESS, -1, 0);
        else
            emit(p, BPF_JMP | BPF_JEQ | BPF_K, SCRATCH, 0, -1, 0);
    }
    if (!is_all(d) && d->major.set && d->major.v >= 0)
        unless(p, MAJOR, (i32)d->major.v);
    if (!is_all(d) && d->minor.set && d->minor.v >= 0)
        unless(p, MINOR, (i32)d->minor.v);
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, R0, 0, 0, d->allow);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    for (unsigned i = start; i < p->n; i++)
        if (p->list[i].off == -1)
            p->list[i].off = (i16)(p->n - i - 1);
}

static void emit_program(struct program *p, const struct limit_device *list, unsigned n)
{
    /* struct bpf_cgroup_dev_ctx: access_type (high half: access, low half: type), major, minor */
    emit(p, BPF_LDX | BPF_MEM | BPF_W, TYPE, R1, 0, 0);
    emit(p, BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, TYPE, 0, 0);
    emit(p, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
    emit(p, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, MAJOR, R1, 4, 0);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, MINOR, R1, 8, 0);
    bool ended = false;
    for (unsigned i = n; i-- && !ended;) {
        emit_rule(p, &list[i]);
        ended = is_all(&list[i]);
    }
    if (!ended) {
        emit(p, BPF_ALU64 | BPF_MOV | BPF_K, R0, 0, 0, 0);
        emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    }
}

static int bpf(int command, union bpf_attr *attr)
{
    long rc = syscall(SYS_bpf, command, attr, sizeof(*attr));
    return rc < 0 ? -errno : (int)rc;
}

/* The new program is attached beside the old ones, then those are taken off: at no time is
 * there none. */
static int attach(int dir_fd, int prog_fd)
{
    u32            old[64];
    union bpf_attr attr = {.query = {.target_fd   = (u32)dir_fd,
                                     .attach_type = BPF_CGROUP_DEVICE,
                                     .prog_ids    = (u64)(uintptr_t)old,
                                     .prog_cnt    = ARRAY_SIZE(old)}};
    unsigned       n    = bpf(BPF_PROG_QUERY, &attr) < 0 ? 0 : attr.query.prog_cnt;
    memset(&attr, 0, sizeof(attr));
    attr.target_fd     = (u32)dir_fd;
    attr.attach_bpf_fd = (u32)prog_fd;
    attr.attach_type   = BPF_CGROUP_DEVICE;
    attr.attach_flags  = BPF_F_ALLOW_MULTI;
    int rc             = bpf(BPF_PROG_ATTACH, &attr);
    for (unsigned i = 0; i < n && !rc; i++) {
        union bpf_attr by_id = {.prog_id = old[i]};
        cleanup_fd int fd    = bpf(BPF_PROG_GET_FD_BY_ID, &by_id);
        memset(&attr, 0, sizeof(attr));
        attr.target_fd     = (u32)dir_fd;
        attr.attach_bpf_fd = (u32)fd;
        attr.attach_type   = BPF_CGROUP_DEVICE;
        if (fd >= 0)
            bpf(BPF_PROG_DETACH, &attr);
    }
    return rc;
}

int cgroup_devices_v2(int dir_fd, const struct limit_device *list, unsigned n, struct err *err)
{
    cleanup_free struct bpf_insn *insns = xalloc(INSN_MAX * sizeof(*insns));
    struct program                p     = {insns, 0};
    emit_program(&p, list, n);
    if (p.n >= INSN_MAX)
        return err_set(err, E2BIG, "too many rules of devices");
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insn_cnt  = p.n,
                           .insns     = (u64)(uintptr_t)insns,
                           .license   = (u64)(uintptr_t) "Apache-2.0"};
    cleanup_fd int prog = bpf(BPF_PROG_LOAD, &attr);
    if (prog < 0)
        return err_errno(err, -prog, "load the program of device rules");
    int rc = attach(dir_fd, prog);
    return rc ? err_errno(err, -rc, "attach the program of device rules") : 0;
}

int cgroup_devices(const struct cgroup *g, const struct limits *l, struct err *err)
{
    unsigned own = l ? l->n_devices : 0, n = 0;
    /* Nothing said: nothing but the usual ones. */
    cleanup_free struct limit_device *all = xalloc((own + ARRAY_SIZE(always) + 1) * sizeof(*all));
    int                               rc  = 0;
    if (g->absent || geteuid() != 0)
        return 0;
    all[n++] = (struct limit_device){.allow = false};
    for (unsigned i = 0; i < own && !rc; i++) {
        rc = check(&l->devices[i], i, err);
        if (is_all(&l->devices[i]))
            n = 0; /* all before it is forgotten */
        all[n++] = l->devices[i];
    }
    if (rc)
        return rc;
    bool everything = n == 1 && all[0].allow && is_all(&all[0]);
    if (!everything) {
        memcpy(all + n, always, sizeof(always));
        n += ARRAY_SIZE(always);
    }
    const struct cgroup_place *place = cgroup_place(g, "devices");
    if (!place)
        return err_set(err, ENOENT, "the devices cgroup is not mounted: devices are not limited");
    if (!g->v2)
        return write_rules(place->path, all, n, err);
    cleanup_fd int fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_errno(err, errno, "open '%s'", place->path)
                  : cgroup_devices_v2(fd, all, n, err);
}

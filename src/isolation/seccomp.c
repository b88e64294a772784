/* isolation/seccomp.c - see seccomp.h; the compiler is libseccomp. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/seccomp.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"

#define ARGS_MAX 6

/* libseccomp's numbers stand beside the bundle's words. */
struct word {
    const char *name;
    u32         value;
};

static const struct word actions[] = {
    {"SCMP_ACT_KILL", SCMP_ACT_KILL},
    {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
    {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
    {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
    {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0)},
    {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0)},
    {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
    {"SCMP_ACT_LOG", SCMP_ACT_LOG},
    {"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY},
};
static const struct word ops[] = {
    {"SCMP_CMP_NE", SCMP_CMP_NE},
    {"SCMP_CMP_LT", SCMP_CMP_LT},
    {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_EQ", SCMP_CMP_EQ},
    {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT},
    {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};
static const struct word archs[] = {
    {"SCMP_ARCH_X86", SCMP_ARCH_X86},
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32},
    {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
    {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},
    {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
    {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},
    {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
    {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},
    {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
    {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
    {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},
    {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},
    {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
    {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64},
    {"SCMP_ARCH_S390", SCMP_ARCH_S390},
    {"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
};
static const struct word flags[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", 0}, /* one thread: nothing to bring into line */
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1u << 5},
};

static const struct {
    const char        *what;
    const struct word *words;
    unsigned           n;
} lists[] = {
    [SECCOMP_ACTIONS]   = {"action", actions, ARRAY_SIZE(actions)},
    [SECCOMP_OPERATORS] = {"operator", ops, ARRAY_SIZE(ops)},
    [SECCOMP_ARCHS]     = {"architecture", archs, ARRAY_SIZE(archs)},
    [SECCOMP_FLAGS]     = {"flag", flags, ARRAY_SIZE(flags)},
};

const char *seccomp_word(enum seccomp_list list, unsigned index)
{
    return index < lists[list].n ? lists[list].words[index].name : NULL;
}

static int find(enum seccomp_list list, const char *name, u32 *out, struct err *err)
{
    for (unsigned i = 0; i < lists[list].n; i++) {
        if (strcmp(lists[list].words[i].name, name) == 0) {
            *out = lists[list].words[i].value;
            return 0;
        }
    }
    return err_set(err, EINVAL, "seccomp: there is no %s '%s'", lists[list].what, name);
}

static int find_action(const char *name, struct number ret, u32 *out, struct err *err)
{
    int rc = find(SECCOMP_ACTIONS, name, out, err);
    if (rc)
        return rc;
    u32 code = ret.set ? (u32)ret.v & 0xffff : EPERM;
    if (*out == SCMP_ACT_ERRNO(0))
        *out = SCMP_ACT_ERRNO(code);
    else if (*out == SCMP_ACT_TRACE(0))
        *out = SCMP_ACT_TRACE(code);
    else if (ret.set && ret.v)
        return err_set(err, EINVAL, "seccomp: %s takes no errnoRet", name);
    return 0;
}

static int add_archs(scmp_filter_ctx ctx, char *const *names, struct err *err)
{
    for (; names && *names; names++) {
        u32 arch;
        int rc = find(SECCOMP_ARCHS, *names, &arch, err);
        if (rc)
            return rc;
        rc = seccomp_arch_add(ctx, arch);
        if (rc && rc != -EEXIST)
            return err_errno(err, -rc, "seccomp: architecture '%s'", *names);
    }
    return 0;
}

static int make_args(const struct seccomp_rule *r, struct scmp_arg_cmp *out, struct err *err)
{
    if (r->n_args > ARGS_MAX)
        return err_set(err, EINVAL, "seccomp: more than %d arguments", ARGS_MAX);
    for (unsigned i = 0; i < r->n_args; i++) {
        const struct seccomp_arg *a = &r->args[i];
        u32                       op;
        int                       rc = find(SECCOMP_OPERATORS, a->op, &op, err);
        if (rc)
            return rc;
        if (a->index >= ARGS_MAX)
            return err_set(err, EINVAL, "seccomp: there is no argument %u", (unsigned)a->index);
        out[i] = (struct scmp_arg_cmp){(unsigned)a->index, op, a->value, a->value_two};
    }
    return 0;
}

/* Several conditions on one argument are alternatives (as runc and crun have it): a rule each. */
static bool same_index_twice(const struct seccomp_rule *r)
{
    unsigned seen = 0;
    for (unsigned i = 0; i < r->n_args; i++) {
        if (seen & 1u << r->args[i].index)
            return true;
        seen |= 1u << r->args[i].index;
    }
    return false;
}

static int add_rule(scmp_filter_ctx ctx, const struct seccomp_rule *r, u32 otherwise,
                    struct err *err)
{
    struct scmp_arg_cmp args[ARGS_MAX];
    u32                 action;
    int                 rc = find_action(r->action, r->errno_ret, &action, err);
    if (!rc)
        rc = make_args(r, args, err);
    if (rc || action == otherwise)
        return rc;
    bool apart = same_index_twice(r);
    for (char *const *name = r->names; *name; name++) {
        int number = seccomp_syscall_resolve_name(*name);
        if (number == __NR_SCMP_ERROR)
            continue;
        for (unsigned i = 0; i < (apart ? r->n_args : 1) && !rc; i++)
            rc = seccomp_rule_add_array(ctx, action, number, apart ? 1 : r->n_args,
                                        apart ? &args[i] : args);
        if (rc && rc != -EEXIST)
            return err_errno(err, -rc, "seccomp: rule for '%s'", *name);
        rc = 0;
    }
    return 0;
}

static int export_program(scmp_filter_ctx ctx, struct seccomp_filter *out, struct err *err)
{
    cleanup_fd int fd = memfd_create("filter", MFD_CLOEXEC);
    int            rc = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);
    off_t          n  = rc ? 0 : lseek(fd, 0, SEEK_END);
    if (rc || n <= 0 || (size_t)n / sizeof(struct sock_filter) > 0xffff)
        return err_errno(err, rc ? -rc : E2BIG, "seccomp: compile");
    struct sock_filter *list = xalloc((size_t)n);
    if (pread(fd, list, (size_t)n, 0) != n) {
        free(list);
        return err_set(err, EIO, "seccomp: read back the filter");
    }
    out->program =
        (struct sock_fprog){(unsigned short)((size_t)n / sizeof(struct sock_filter)), list};
    return 0;
}

static int fill(scmp_filter_ctx ctx, const struct seccomp_profile *p, u32 otherwise,
                struct seccomp_filter *out, struct err *err)
{
    /* A search tree over the numbers: the filter runs at every system call. */
    seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    int rc = add_archs(ctx, p->architectures, err);
    for (unsigned i = 0; i < p->n_rules && !rc; i++)
        rc = add_rule(ctx, &p->rules[i], otherwise, err);
    return rc ? rc : export_program(ctx, out, err);
}

static bool notifies(const struct seccomp_profile *p)
{
    for (unsigned i = 0; i < p->n_rules; i++)
        if (strcmp(p->rules[i].action, "SCMP_ACT_NOTIFY") == 0)
            return true;
    return false;
}

int seccomp_compile(const struct seccomp_profile *p, struct seccomp_filter *out, struct err *err)
{
    struct seccomp_filter f = {0};
    u32                   otherwise;
    if (strcmp(p->default_action, "SCMP_ACT_NOTIFY") == 0)
        return err_set(err, EINVAL, "seccomp: SCMP_ACT_NOTIFY cannot be the default action");
    int rc = find_action(p->default_action, p->default_errno, &otherwise, err);
    for (char *const *flag = p->flags; flag && *flag && !rc; flag++) {
        u32 bit = 0;
        rc      = find(SECCOMP_FLAGS, *flag, &bit, err);
        f.flags |= bit;
    }
    if (!rc && notifies(p)) {
        if (!p->listener_path)
            return err_set(err, EINVAL, "seccomp: SCMP_ACT_NOTIFY needs a listenerPath");
        f.flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    }
    scmp_filter_ctx ctx = rc ? NULL : seccomp_init(otherwise);
    if (!rc && !ctx)
        return err_set(err, EINVAL, "seccomp: default action '%s'", p->default_action);
    if (!rc)
        rc = fill(ctx, p, otherwise, &f, err);
    if (ctx)
        seccomp_release(ctx);
    if (!rc)
        *out = f;
    return rc;
}

void seccomp_done(struct seccomp_filter *f)
{
    free(f->program.filter);
    f->program.filter = NULL;
}

int seccomp_install(const struct seccomp_filter *f, int *listener, struct err *err)
{
    *listener = -1;
    long rc   = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, f->flags, &f->program);
    if (rc < 0)
        return err_errno(err, errno, "install the seccomp filter");
    if (f->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
        *listener = (int)rc;
    return 0;
}

/* container/schedule.c - see schedule.h; sched_setattr(2), ioprio_set(2). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/schedule.h"

#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"

struct word {
    const char *name;
    u32         value;
};

/* linux/sched.h and linux/sched/types.h cannot be had beside glibc's sched.h. */
struct attributes {
    u32 size, policy;
    u64 flags;
    i32 nice;
    u32 priority;
    u64 runtime, deadline, period;
};

static const struct word policies[] = {
    {"SCHED_OTHER", SCHED_OTHER}, {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH}, {"SCHED_ISO", 4},           {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", 6},
};
static const struct word flags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", 1},   {"SCHED_FLAG_RECLAIM", 2},
    {"SCHED_FLAG_DL_OVERRUN", 4},      {"SCHED_FLAG_KEEP_POLICY", 8},
    {"SCHED_FLAG_KEEP_PARAMS", 16},    {"SCHED_FLAG_UTIL_CLAMP_MIN", 32},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", 64},
};
static const struct word classes[] = {
    {"IOPRIO_CLASS_RT", 1},
    {"IOPRIO_CLASS_BE", 2},
    {"IOPRIO_CLASS_IDLE", 3},
};

#define CLASS_SHIFT 13
#define FOR_PROCESS 1

static int find(const struct word *words, unsigned n, const char *what, const char *name, u32 *out,
                struct err *err)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(words[i].name, name) == 0) {
            *out = words[i].value;
            return 0;
        }
    }
    return err_set(err, EINVAL, "there is no %s '%s'", what, name);
}

static int make_attributes(const struct config_scheduler *s, struct attributes *a, struct err *err)
{
    int rc = find(policies, ARRAY_SIZE(policies), "scheduler policy", s->policy, &a->policy, err);
    for (char *const *flag = s->flags; flag && *flag && !rc; flag++) {
        u32 bit = 0;
        rc      = find(flags, ARRAY_SIZE(flags), "scheduler flag", *flag, &bit, err);
        a->flags |= bit;
    }
    a->size     = sizeof(*a);
    a->nice     = (i32)s->nice;
    a->priority = (u32)s->priority;
    a->runtime  = s->runtime;
    a->deadline = s->deadline;
    a->period   = s->period;
    return rc;
}

int schedule_check(const struct config_process *p, struct err *err)
{
    struct attributes a = {0};
    u32 class;
    int rc = p->scheduler ? make_attributes(p->scheduler, &a, err) : 0;
    if (!rc && p->io_priority)
        rc = find(classes, ARRAY_SIZE(classes), "I/O priority class", p->io_priority->io_class,
                  &class, err);
    if (!rc && p->io_priority && (p->io_priority->priority < 0 || p->io_priority->priority > 7))
        rc = err_set(err, EINVAL, "an I/O priority is from 0 to 7");
    return rc;
}

int schedule_apply(const struct config_process *p, struct err *err)
{
    struct attributes a = {0};
    u32 class           = 0;
    int rc              = p->scheduler ? make_attributes(p->scheduler, &a, err) : 0;
    if (!rc && p->scheduler && syscall(SYS_sched_setattr, 0, &a, 0) < 0)
        rc = err_errno(err, errno, "set the scheduler");
    if (rc || !p->io_priority)
        return rc;
    rc = find(classes, ARRAY_SIZE(classes), "I/O priority class", p->io_priority->io_class, &class,
              err);
    if (!rc && syscall(SYS_ioprio_set, FOR_PROCESS, 0,
                       class << CLASS_SHIFT | (u32)p->io_priority->priority) < 0)
        rc = err_errno(err, errno, "set the I/O priority");
    return rc;
}

int schedule_affinity(const char *list, struct err *err)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const char *at = list; *at;) {
        char         *end;
        unsigned long first = strtoul(at, &end, 10), last = first;
        if (end == at)
            return err_set(err, EINVAL, "'%s' is not a list of processors", list);
        at = end;
        if (*at == '-') {
            last = strtoul(at + 1, &end, 10);
            if (end == at + 1)
                return err_set(err, EINVAL, "'%s' is not a list of processors", list);
            at = end;
        }
        for (; first <= last && first < CPU_SETSIZE; first++)
            CPU_SET(first, &set);
        if (*at && *at++ != ',')
            return err_set(err, EINVAL, "'%s' is not a list of processors", list);
    }
    return sched_setaffinity(0, sizeof(set), &set) < 0
               ? err_errno(err, errno, "set the processors to '%s'", list)
               : 0;
}

/* process/syscalls.c - a program's system calls: the table, the call, --strace. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/calls.h"

/* Newer than the C library of the host may be; the same for all machines. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_futex_wake
#define SYS_futex_wake 454
#endif

struct row {
    const char *name, *args;
    long        host; /* the host's number, when there is no function */
    long (*call)(struct thread *, const u64 *a);
    bool restarts;
};

enum { ROWS = CALLS, RESTARTS = true, ONCE = false };

static const struct row rows[ROWS] = {
#define PASS(nr, n, a, r) [nr] = {#n, a, SYS_##n, NULL, r},
#define CALL(nr, n, a, r) [nr] = {#n, a, -1, sys_##n, r},
#include "process/syscall.def"
#undef PASS
#undef CALL
};

/* The host's own call, with pointers and names of files made the host's. */
static long pass(struct thread *t, const struct row *row, const u64 *a)
{
    char     paths[2][4096];
    u64      h[6];
    unsigned n = 0;
    memcpy(h, a, sizeof(h));
    for (unsigned i = 0; row->args[i]; i++) {
        char kind = row->args[i];
        if (kind == 'p' || kind == 'z') {
            h[i] = host_pointer(t, a[i]);
        } else if ((kind == 's' || kind == 'l') && a[i]) {
            int rc = path_get(t, a[i], kind == 'l' ? PATH_NOFOLLOW : 0, paths[n]);
            if (rc)
                return rc;
            h[i] = (u64)paths[n++];
        }
    }
    return host_call(t, row->host, h);
}

/* --- --strace --- */

static int tell_argument(struct thread *t, char kind, u64 val, char *out, size_t room)
{
    char text[128];
    if (kind == 'i')
        return snprintf(out, room, "%d", (int)val);
    if (!strchr("slz", kind) || !val)
        return snprintf(out, room, "%s%llx", val ? "0x" : "", (unsigned long long)val);
    long n = user_string(t, text, val, sizeof(text) - 1);
    if (n == -EFAULT)
        return snprintf(out, room, "0x%llx", (unsigned long long)val);
    text[n < 0 ? (long)sizeof(text) - 1 : n] = 0;
    return snprintf(out, room, "\"%s\"%s", text, n < 0 ? "..." : "");
}

/* Before the call as far as its arguments, since some do not come back. */
static void tell(struct thread *t, const struct row *row, u64 nr, const u64 *a)
{
    char        line[1024];
    const char *args = row ? row->args : "xxx";
    int         n    = snprintf(line, sizeof(line), "%d ", (int)syscall(SYS_gettid));
    if (row)
        n += snprintf(line + n, sizeof(line) - n, "%s(", row->name);
    else
        n += snprintf(line + n, sizeof(line) - n, "call %llu(", (unsigned long long)nr);
    for (unsigned i = 0; args[i] && (size_t)n < sizeof(line) - 300; i++) {
        n += snprintf(line + n, sizeof(line) - n, "%s", i ? ", " : "");
        n += tell_argument(t, args[i], a[i], line + n, sizeof(line) - n);
    }
    dprintf(STDERR_FILENO, "%s)\n", line);
}

static void tell_result(const struct row *row, long rc)
{
    int         tid  = (int)syscall(SYS_gettid);
    const char *name = row ? row->name : "call";
    if (rc == -ENOTMADE || rc == -EREGSSET)
        return;
    if (rc < 0 && rc >= -4095)
        dprintf(STDERR_FILENO, "%d   %s = -1 %s\n", tid, name, strerrorname_np((int)-rc));
    else
        dprintf(STDERR_FILENO, "%d   %s = 0x%lx\n", tid, name, rc);
}

/* --stats: what the program asked for and did not get. */
void stats_tell(struct program *p)
{
    for (unsigned nr = 0; p->options.stats && nr < CALLS; nr++)
        if (atomic_load(&p->missing[nr]))
            dprintf(STDERR_FILENO,
                    "guise-user: system call %u%s is not there: asked for %u times\n", nr,
                    nr == CALLS - 1 ? " or higher" : "", atomic_load(&p->missing[nr]));
}

/* The pc is at the ecall, and stays there when the call shall be made again. */
void syscall_do(struct thread *t)
{
    u64              *x = rv64_x(t->v), a[6], nr = x[17];
    const struct row *row = nr < ROWS && rows[nr].name ? &rows[nr] : NULL;
    long              rc;
    memcpy(a, x + 10, sizeof(a));
    *rv64_pc(t->v) += 4;
    if (t->program->options.strace)
        tell(t, row, nr, a);
    if (!row) {
        atomic_fetch_add(&t->program->missing[MIN(nr, CALLS - 1)], 1);
        rc = -ENOSYS;
    } else {
        rc = row->call ? row->call(t, a) : pass(t, row, a);
    }
    if (t->program->options.strace)
        tell_result(row, rc);
    if (rc == -EREGSSET)
        return;
    if (rc == -ENOTMADE || (rc == -EINTR && row->restarts && signal_restarts(t)))
        *rv64_pc(t->v) -= 4;
    else
        x[10] = (u64)rc;
}

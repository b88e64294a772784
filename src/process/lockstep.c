/* process/lockstep.c - a program by the translator, and by the interpreter beside it.
 *
 * Before each stretch of the program - up to its next system call, fault or signal, SEGMENT
 * instructions at most - a copy of the process is made, which keeps the state at its beginning.
 * The program runs the stretch translated; a copy of the copy interprets as many instructions;
 * registers and memory must be the same. If they are not, the copy looks for the shortest part of
 * the stretch after which they differ. System calls are done once, by the program. Time stands
 * still within a stretch. The copies have no exit signal, so the program never waits for them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/lockstep.h"

enum { SEGMENT = 20000000, EXIT_DIFFERENT = 125 };

static _Noreturn void die(const char *what)
{
    dprintf(STDERR_FILENO, "guise-user: lockstep: %s: %s\n", what, strerror(errno));
    _exit(EXIT_DIFFERENT);
}

_Noreturn void lockstep_refuse(const char *why)
{
    dprintf(STDERR_FILENO, "guise-user: lockstep: %s\n", why);
    _exit(EXIT_DIFFERENT);
}

/* --- copies of the process --- */

struct copy {
    pid_t pid;
    int   to, from; /* pipes */
};

static void put(int fd, const void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, (const u8 *)data + done, len - done);
        if (n < 0)
            die("write to a copy of the process");
        done += (size_t)n;
    }
}

static void get(int fd, void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, (u8 *)data + done, len - done);
        if (n <= 0)
            die("read from a copy of the process");
        done += (size_t)n;
    }
}

/* False: in the copy, which ends with its maker. */
static bool copy_make(struct copy *c)
{
    int to[2], from[2];
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
        die("make a pipe");
    c->pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
    if (c->pid < 0)
        die("copy the process");
    bool here = c->pid != 0;
    close(here ? to[0] : to[1]);
    close(here ? from[1] : from[0]);
    c->to   = here ? to[1] : from[1];
    c->from = here ? from[0] : to[0];
    if (!here)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return here;
}

static void copy_end(struct copy *c)
{
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, __WCLONE);
    close(c->to);
    close(c->from);
}

/* What the program shares with others is the copy's own from now on. */
static void keep_shared(struct mm *mm)
{
    struct lockstep_range r;
    FILE                 *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        die("open /proc/self/maps");
    while (lockstep_next(maps, mm, &r)) {
        cleanup_free u8 *kept = r.shared ? try_alloc(1, r.len) : NULL;
        if (!kept)
            continue;
        memcpy(kept, r.start, r.len);
        if (mmap(r.start, r.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                 -1, 0) == MAP_FAILED)
            die("keep what is shared");
        memcpy(r.start, kept, r.len);
    }
    fclose(maps);
}

/* --- running --- */

/* The hart may overrun its budget by a page without jumps, but not one of a few instructions. */
static u64 budget(bool jit, u64 left)
{
    enum { OVERRUN = USER_PAGE / 2, FEW = 255 };
    return jit || left <= FEW ? left : left > 2 * OVERRUN ? left - OVERRUN : FEW;
}

/* Runs about N instructions, exactly so when interpreted; returns how many were done. */
static u64 run(struct thread *t, bool jit, u64 n, struct vcpu_exit *e)
{
    struct rv64_counts before, after;
    if (rv64_use_jit(t->v, jit, NULL))
        die("change the engine");
    rv64_counts(t->v, &before);
    after = before;
    do {
        u64 left = n - (after.instructions - before.instructions);
        t->v->ops->run(t->v, budget(jit, left), e);
        rv64_counts(t->v, &after);
    } while (!jit && (e->why == VCPU_KICKED || e->why == VCPU_BUDGET) &&
             after.instructions - before.instructions < n);
    return after.instructions - before.instructions;
}

/* In a new copy: N instructions by one engine, and the state after them. */
static struct copy try_run(struct thread *t, bool jit, u64 n, struct lockstep_state *out)
{
    struct copy c;
    if (!copy_make(&c)) {
        struct vcpu_exit e;
        if (rv64_after_fork(t->v, NULL))
            die("make room for code");
        lockstep_state(t, n ? run(t, jit, n, &e) : 0, out);
        put(c.to, out, sizeof(*out));
        for (;;)
            pause();
    }
    get(c.from, out, sizeof(*out));
    return c;
}

/* Do the engines differ after N of the stretch's instructions? */
static bool differ_after(struct thread *t, u64 n, bool tell)
{
    struct lockstep_state a, b;
    struct copy           jit    = try_run(t, true, n, &a);
    struct copy           interp = try_run(t, false, a.count, &b);
    bool                  differ = lockstep_differ(t, &b, interp.pid, &a, jit.pid, tell);
    copy_end(&jit);
    copy_end(&interp);
    return differ;
}

static void on_insn(void *ctx, struct vcpu *v, gva pc, u32 word)
{
    u64 *left = ctx;
    char text[128];
    (void)v;
    if (*left)
        --*left;
    if (*left >= LOCKSTEP_SHOWN)
        return;
    rv64_disassemble(word, pc, text, sizeof(text));
    dprintf(STDERR_FILENO, "  %llx: %s\n", (unsigned long long)pc, text);
}

/* The last of N instructions. */
static void show(struct thread *t, u64 n)
{
    struct copy c;
    char        done = 0;
    if (copy_make(&c)) {
        get(c.from, &done, 1);
        copy_end(&c);
        return;
    }
    struct vcpu_exit   e;
    u64                left   = n;
    struct rv64_tracer tracer = {.insn = on_insn, .ctx = &left};
    if (rv64_after_fork(t->v, NULL))
        die("make room for code");
    if (n > LOCKSTEP_SHOWN)
        run(t, false, n - LOCKSTEP_SHOWN, &e);
    left = MIN(n, LOCKSTEP_SHOWN);
    rv64_trace(t->v, &tracer);
    run(t, false, left, &e);
    put(c.to, &done, 1);
    for (;;)
        pause();
}

/* N of the stretch's instructions were too many: by halves to the fewest that are. False: code
 * that is translated anew is right. */
static bool report(struct thread *t, u64 n)
{
    u64 same = 0, different = n;
    if (!differ_after(t, n, false))
        return false;
    while (different - same > 1) {
        u64 middle = same + (different - same) / 2;
        if (differ_after(t, middle, false))
            different = middle;
        else
            same = middle;
    }
    dprintf(STDERR_FILENO, "guise-user: lockstep: %llu instructions after a system call:\n",
            (unsigned long long)different);
    show(t, different);
    return differ_after(t, different, true);
}

/* The copy that keeps the stretch's beginning. */
static _Noreturn void keeper(struct thread *t, struct copy *maker)
{
    struct lockstep_state s;
    u64                   n    = 0;
    char                  word = 0;
    keep_shared(&t->program->mm);
    put(maker->to, &word, 1);
    get(maker->from, &n, sizeof(n));
    struct copy interp = try_run(t, false, n, &s);
    put(maker->to, &interp.pid, sizeof(interp.pid));
    put(maker->to, &s, sizeof(s));
    get(maker->from, &word, 1); /* only if they differ */
    word = report(t, n);
    put(maker->to, &word, 1);
    for (;;)
        pause();
}

static _Noreturn void different(struct thread *t, struct copy *kept,
                                const struct lockstep_state *ours,
                                const struct lockstep_state *theirs, pid_t interp)
{
    char found = 0;
    put(kept->to, &found, 1);
    get(kept->from, &found, 1);
    if (!found) {
        dprintf(STDERR_FILENO,
                "guise-user: lockstep: after %llu instructions, not when translated anew: what "
                "was translated before matters\n",
                (unsigned long long)ours->count);
        lockstep_differ(t, theirs, interp, ours, 0, true);
    }
    copy_end(kept);
    _exit(EXIT_DIFFERENT);
}

void lockstep_run(struct thread *t, struct vcpu_exit *e)
{
    struct lockstep_state ours, theirs;
    struct copy           kept;
    char                  word = 0;
    pid_t                 interp;
    set_host_mask(~0ull);
    clock_pause(t->program->clock);
    if (!copy_make(&kept))
        keeper(t, &kept);
    get(kept.from, &word, 1);
    if (!t->pending)
        set_host_mask(t->mask);
    u64 n = run(t, true, SEGMENT, e);
    set_host_mask(~0ull);
    lockstep_state(t, n, &ours);
    put(kept.to, &n, sizeof(n));
    get(kept.from, &interp, sizeof(interp));
    get(kept.from, &theirs, sizeof(theirs));
    if (lockstep_differ(t, &theirs, interp, &ours, 0, false))
        different(t, &kept, &ours, &theirs, interp);
    copy_end(&kept);
    clock_resume(t->program->clock);
    if (!t->pending)
        set_host_mask(t->mask);
}

/* process/thread.c - the program's threads: clone, exit, futexes, and the loop that runs one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/calls.h"
#include "process/lockstep.h"

enum { HOST_STACK = 1 << 20 };

struct thread *thread_new(struct program *p, struct err *err)
{
    struct thread     *t      = xnew(struct thread);
    struct rv64_config config = {.jit   = !p->options.interp,
                                 .hard  = p->options.hard,
                                 .user  = &p->mm.user,
                                 .exact = p->options.lockstep,
                                 .vlen  = p->options.vlen};
    t->program                = p;
    t->actions                = p->actions;
    if (rv64_create(&t->v, &config, NULL, NULL, p->clock, err)) {
        free(t);
        return NULL;
    }
    vectors_start(t, p->options.vector_control);
    pthread_mutex_lock(&p->lock);
    t->next = p->threads;
    t->link = &p->threads;
    if (t->next)
        t->next->link = &t->next;
    p->threads = t;
    t->tid     = (i32)syscall(SYS_gettid); /* for now; thread_main knows better */
    pthread_mutex_unlock(&p->lock);
    return t;
}

void thread_free(struct thread *t)
{
    pthread_mutex_lock(&t->program->lock);
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    pthread_mutex_unlock(&t->program->lock);
    t->v->ops->destroy(t->v);
    free(t);
}

/* Pages with code have changed: no hart may go on with what it knows of them. */
void forget_code(struct program *p)
{
    pthread_mutex_lock(&p->lock);
    for (struct thread *t = p->threads; t; t = t->next)
        rv64_forget_memory(t->v);
    pthread_mutex_unlock(&p->lock);
}

/* --- the loop --- */

static void fault(struct thread *t, const struct vcpu_exit *e)
{
    switch (e->arg) {
    case 2: /* illegal instruction */
        signal_force(t, SIGILL, ILL_ILLOPC, e->pc);
        break;
    case 3:
        signal_force(t, SIGTRAP, TRAP_BRKPT, e->pc);
        break;
    case 4:
    case 6: /* an atomic that is not aligned */
        signal_force(t, SIGBUS, BUS_ADRALN, e->addr);
        break;
    default: {
        bool there = mm_has(&t->program->mm, e->addr, 1, 0);
        bool bus   = there && t->fault_signal == SIGBUS;
        signal_force(t, bus ? SIGBUS : SIGSEGV,
                     bus     ? BUS_ADRERR
                     : there ? SEGV_ACCERR
                             : SEGV_MAPERR,
                     e->addr);
    }
    }
    t->fault_signal = 0;
}

static int run(struct thread *t, struct vcpu_exit *e)
{
    if (!t->program->options.lockstep || t->vforked)
        return t->v->ops->run(t->v, 0, e);
    lockstep_run(t, e);
    return 0;
}

_Noreturn void thread_run(struct thread *t)
{
    struct vcpu_exit e;
    for (;;) {
        signals_deliver(t);
        atomic_store(&t->inside, true);
        int rc = run(t, &e);
        atomic_store(&t->inside, false);
        while (atomic_load(&t->program->dying))
            pause(); /* another thread ends the program */
        if (rc) {
            dprintf(STDERR_FILENO, "guise-user: the hart stopped: %s\n", strerror(-rc));
            signal_die(SIGABRT);
        }
        if (e.why == VCPU_SYSCALL) {
            if (!t->pending)
                syscall_do(t);
        } else if (e.why == VCPU_FAULT) {
            fault(t, &e);
        }
    }
}

/* --- the end of a thread --- */

static void wake(struct thread *t, gva addr, int n)
{
    if (user_ok(addr, 4))
        syscall(SYS_futex, user_host(t, addr), FUTEX_WAKE, n, NULL, NULL, 0);
}

/* One lock of a dead thread: kernel/futex, handle_futex_death. */
static void robust_release(struct thread *t, gva addr, u32 tid)
{
    u32 val;
    if (addr % 4 || user_read(t, &val, addr, 4) || (val & FUTEX_TID_MASK) != tid)
        return;
    if (!mm_has(&t->program->mm, addr, 4, 2))
        return;
    u32 died = (val & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
    if (__atomic_compare_exchange_n((u32 *)user_host(t, addr), &val, died, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_RELAXED) &&
        val & FUTEX_WAITERS)
        wake(t, addr, 1);
}

static void robust_exit(struct thread *t)
{
    u64 head[3]; /* next, offset, pending */
    u32 tid = (u32)syscall(SYS_gettid);
    if (!t->robust_list || user_read(t, head, t->robust_list, sizeof(head)))
        return;
    gva at = head[0] & ~1ull;
    for (unsigned i = 0; i < ROBUST_LIST_LIMIT && at != t->robust_list; i++) {
        gva next;
        if (user_read(t, &next, at, 8))
            break;
        if (at != (head[2] & ~1ull))
            robust_release(t, at + head[1], tid);
        at = next & ~1ull;
    }
    if (head[2])
        robust_release(t, (head[2] & ~1ull) + head[1], tid);
}

static void leave(struct thread *t)
{
    robust_exit(t);
    if (t->clear_tid && !user_write(t, t->clear_tid, &(u32){0}, 4))
        wake(t, t->clear_tid, 1);
}

/* The last thread's exit is the program's; the first thread's is not, while others run. */
_Noreturn void thread_exit(struct thread *t, int status)
{
    struct program *p = t->program;
    pthread_mutex_lock(&p->lock);
    bool last = !p->threads->next;
    pthread_mutex_unlock(&p->lock);
    leave(t);
    if (last && !t->vforked)
        stats_tell(p);
    if (last || t->vforked)
        syscall(SYS_exit_group, status);
    set_host_mask(~0ull);
    self = NULL;
    thread_free(t);
    for (;;)
        syscall(SYS_exit, status);
}

long sys_exit(struct thread *t, const u64 *a)
{
    thread_exit(t, (int)a[0]);
}

long sys_exit_group(struct thread *t, const u64 *a)
{
    stats_tell(t->program);
    robust_exit(t);
    for (;;)
        syscall(SYS_exit_group, a[0]);
}

/* --- clone --- */

struct birth {
    struct thread  *child;
    u64             flags, mask;
    gva             ptid, ctid;
    pthread_mutex_t lock;
    pthread_cond_t  born;
    long            tid;
};

static void copy_hart(struct thread *to, struct thread *from)
{
    memcpy(rv64_x(to->v), rv64_x(from->v), 32 * 8);
    memcpy(rv64_f(to->v), rv64_f(from->v), 32 * 8);
    *rv64_pc(to->v) = *rv64_pc(from->v);
    rv64_set_fcsr(to->v, rv64_fcsr(from->v));
    vectors_start(to, from->vector_control);
}

static void start_child(struct thread *t, u64 flags, gva stack, gva tls)
{
    u64 *x = rv64_x(t->v);
    x[10]  = 0;
    if (stack)
        x[2] = stack;
    if (flags & CLONE_SETTLS)
        x[4] = tls;
}

static void *thread_main(void *arg)
{
    struct birth  *b    = arg;
    struct thread *t    = b->child;
    u32            tid  = (u32)syscall(SYS_gettid);
    u64            mask = b->mask;
    self                = t;
    t->tid              = (i32)tid;
    if (b->flags & CLONE_PARENT_SETTID)
        user_write(t, b->ptid, &tid, 4);
    if (b->flags & CLONE_CHILD_SETTID)
        user_write(t, b->ctid, &tid, 4);
    pthread_mutex_lock(&b->lock);
    b->tid = tid;
    pthread_cond_signal(&b->born);
    pthread_mutex_unlock(&b->lock);
    set_host_mask(mask); /* b is gone */
    thread_run(t);
}

static long clone_thread(struct thread *t, u64 flags, gva stack, gva ptid, gva tls, gva ctid)
{
    struct birth   b = {.flags = flags, .mask = t->mask, .ptid = ptid, .ctid = ctid};
    pthread_attr_t attr;
    pthread_t      id;
    if (t->program->options.lockstep)
        lockstep_refuse("the program starts a thread; lockstep follows programs of one");
    b.child = thread_new(t->program, NULL);
    if (!b.child)
        return -EAGAIN;
    copy_hart(b.child, t);
    start_child(b.child, flags, stack, tls);
    b.child->mask      = t->mask;
    b.child->alt.flags = SS_DISABLE;
    b.child->clear_tid = flags & CLONE_CHILD_CLEARTID ? ctid : 0;
    pthread_mutex_init(&b.lock, NULL);
    pthread_cond_init(&b.born, NULL);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, HOST_STACK);
    set_host_mask(~0ull); /* the child's first signal must find `self` */
    int rc = pthread_create(&id, &attr, thread_main, &b);
    pthread_mutex_lock(&b.lock);
    while (!rc && !b.tid)
        pthread_cond_wait(&b.born, &b.lock);
    pthread_mutex_unlock(&b.lock);
    pthread_attr_destroy(&attr);
    if (!t->pending)
        set_host_mask(t->mask);
    if (rc)
        thread_free(b.child);
    return rc ? -EAGAIN : b.tid;
}

/* In the child only the thread that forked is there. */
static void after_fork(struct thread *t)
{
    struct program *p = t->program;
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->mm.lock, NULL);
    p->threads = t;
    t->tid     = (i32)getpid();
    t->link    = &p->threads;
    t->next    = NULL;
    if (rv64_after_fork(t->v, NULL))
        signal_die(SIGABRT);
}

static long fork_all(struct thread *t, u64 flags)
{
    enum {
        SPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                 CLONE_NEWPID | CLONE_NEWNET
    };
    set_host_mask(~0ull);
    pthread_mutex_lock(&t->program->mm.lock);
    pthread_mutex_lock(&t->program->lock);
    long pid = flags & SPACES || (flags & CSIGNAL) != SIGCHLD
                   ? syscall(SYS_clone, flags & (SPACES | CSIGNAL | CLONE_PARENT), 0, 0, 0, 0)
                   : fork();
    int  err = errno;
    if (pid) {
        pthread_mutex_unlock(&t->program->lock);
        pthread_mutex_unlock(&t->program->mm.lock);
    } else {
        after_fork(t);
    }
    if (!t->pending)
        set_host_mask(t->mask);
    return pid < 0 ? -err : pid;
}

static long clone_fork(struct thread *t, u64 flags, gva stack, gva ptid, gva tls, gva ctid)
{
    long pid = fork_all(t, flags);
    u32  tid = (u32)(pid ? pid : syscall(SYS_gettid));
    if (pid < 0)
        return pid;
    if (flags & CLONE_PARENT_SETTID)
        user_write(t, ptid, &tid, 4);
    if (pid)
        return pid;
    if (flags & CLONE_CHILD_SETTID)
        user_write(t, ctid, &tid, 4);
    t->clear_tid   = flags & CLONE_CHILD_CLEARTID ? ctid : 0;
    t->robust_list = 0;
    start_child(t, flags, stack, tls);
    return 0;
}

/* The child borrows the parent's memory and this very stack, further up, until it executes
 * another program or ends; the parent's thread waits. */
static __attribute__((noinline)) long clone_vfork(struct thread *t, u64 flags, gva stack, gva tls)
{
    struct thread     was  = *t;
    int               root = t->program->root_fd;
    struct sig_action actions[SIGNALS + 1];
    u64               x[32], f[32], pc = *rv64_pc(t->v);
    u32               fcsr = rv64_fcsr(t->v);
    memcpy(x, rv64_x(t->v), sizeof(x));
    memcpy(f, rv64_f(t->v), sizeof(f));
    memcpy(actions, t->actions, sizeof(actions));
    set_host_mask(~0ull);
    pid_t pid = vfork();
    if (pid == 0) {
        t->actions   = actions;
        t->vforked   = true;
        t->clear_tid = t->robust_list = 0;
        set_host_mask(t->mask);
        start_child(t, flags, stack, tls);
        thread_run(t);
    }
    int err             = errno;
    t->program->root_fd = root; /* the child has descriptors of its own */
    t->actions          = was.actions;
    t->vforked          = was.vforked;
    t->clear_tid        = was.clear_tid;
    t->robust_list      = was.robust_list;
    t->mask             = was.mask;
    t->alt              = was.alt;
    t->pending          = was.pending;
    t->info             = was.info;
    memcpy(rv64_x(t->v), x, sizeof(x));
    memcpy(rv64_f(t->v), f, sizeof(f));
    *rv64_pc(t->v) = pc;
    rv64_set_fcsr(t->v, fcsr);
    if (!t->pending)
        set_host_mask(t->mask);
    return pid < 0 ? -err : pid;
}

long thread_clone(struct thread *t, u64 flags, gva stack, gva ptid, gva tls, gva ctid)
{
    enum { THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD };
    if ((flags & THREAD) == THREAD)
        return clone_thread(t, flags, stack, ptid, tls, ctid);
    if (flags & (CLONE_THREAD | CLONE_SIGHAND))
        return -EINVAL;
    if ((flags & (CLONE_VM | CLONE_VFORK)) == (CLONE_VM | CLONE_VFORK) &&
        !(flags & (CLONE_PARENT_SETTID | CLONE_CHILD_SETTID)))
        return clone_vfork(t, flags, stack, tls);
    if (flags & CLONE_VM)
        return -EINVAL; /* memory shared by processes that both run */
    return clone_fork(t, flags, stack, ptid, tls, ctid);
}

long sys_clone(struct thread *t, const u64 *a)
{
    return thread_clone(t, a[0], a[1], a[2], a[3], a[4]);
}

long sys_clone3(struct thread *t, const u64 *a)
{
    struct clone_args c = {0};
    if (a[1] < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    if (user_read(t, &c, a[0], MIN(a[1], sizeof(c))))
        return -EFAULT;
    if (c.flags & (CLONE_PIDFD | CLONE_INTO_CGROUP) || c.set_tid_size || c.flags & CSIGNAL)
        return -ENOSYS; /* as on kernels without it: libraries then use clone */
    return thread_clone(t, c.flags | c.exit_signal, c.stack ? c.stack + c.stack_size : 0,
                        c.parent_tid, c.tls, c.child_tid);
}

long sys_set_tid_address(struct thread *t, const u64 *a)
{
    t->clear_tid = a[0];
    return syscall(SYS_gettid);
}

long sys_set_robust_list(struct thread *t, const u64 *a)
{
    if (a[1] != 24)
        return -EINVAL;
    t->robust_list = a[0];
    return 0;
}

long sys_get_robust_list(struct thread *t, const u64 *a)
{
    if (a[0] && a[0] != (u64)syscall(SYS_gettid))
        return -EPERM;
    int rc = user_write(t, a[1], &t->robust_list, 8);
    return rc ? rc : user_write(t, a[2], &(u64){24}, 8);
}

long sys_futex(struct thread *t, const u64 *a)
{
    int  op   = (int)a[1] & FUTEX_CMD_MASK;
    bool time = op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET || op == FUTEX_LOCK_PI ||
                op == FUTEX_LOCK_PI2 || op == FUTEX_WAIT_REQUEUE_PI;
    u64  h[6] = {host_pointer(t, a[0]), a[1], a[2], time ? host_pointer(t, a[3]) : a[3],
                 host_pointer(t, a[4]), a[5]};
    long rc   = host_call(t, SYS_futex, h);
    return rc == -EINTR && time && a[3] && t->pending ? -EINTR : rc;
}

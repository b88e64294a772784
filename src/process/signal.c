/* process/signal.c - signals: the host's handler, the program's, and the calls they interrupt.
 *
 * The host's kernel queues and masks. Its handler only notes a signal, blocks all others and
 * gets the thread's attention; signals_deliver then builds the frame that riscv64 Linux builds.
 * A signal that comes just before a blocking call would be noticed too late: host_call looks for
 * one and calls in a few instructions, and the handler moves a thread that is between these to
 * the way out. A call that was not made, or that shall be made again, has the pc at its ecall. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "process/calls.h"

enum { HANDLED = SA_SIGINFO | SA_NODEFER, SA_RESTORER = 0x04000000 };
#define BIT(sig) (1ull << ((sig)-1))
#define NEVER    (BIT(SIGKILL) | BIT(SIGSTOP))
#define DUMPS                                                                                      \
    (BIT(SIGQUIT) | BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGABRT) | BIT(SIGFPE) | BIT(SIGSEGV) |       \
     BIT(SIGBUS) | BIT(SIGSYS) | BIT(SIGXCPU) | BIT(SIGXFSZ))
#define OURS (BIT(SIGSEGV) | BIT(SIGBUS)) /* never blocked on the host: faults in memory */

__thread struct thread *self;

/* long host_call_raw(volatile int *pending, long nr, const u64 *a) */
__asm__(".text\n"
        ".globl host_call_raw, host_call_begin, host_call_end, host_call_undone, host_sigreturn\n"
        "host_call_raw:\n"
        "    push %rbx\n"
        "    mov %rdi, %rbx\n"
        "    mov %rsi, %rax\n"
        "    mov %rdx, %r11\n"
        "    mov 0(%r11), %rdi\n"
        "    mov 8(%r11), %rsi\n"
        "    mov 16(%r11), %rdx\n"
        "    mov 24(%r11), %r10\n"
        "    mov 32(%r11), %r8\n"
        "    mov 40(%r11), %r9\n"
        "host_call_begin:\n"
        "    cmpl $0, (%rbx)\n"
        "    jne host_call_undone\n"
        "    syscall\n"
        "host_call_end:\n"
        "    pop %rbx\n"
        "    ret\n"
        "host_sigreturn:\n"
        "    mov $15, %eax\n"
        "    syscall\n"
        "host_call_undone:\n"
        "    mov $-512, %rax\n"
        "    pop %rbx\n"
        "    ret\n");
long              host_call_raw(volatile sig_atomic_t *pending, long nr, const u64 *a);
extern const char host_call_begin[], host_call_end[], host_call_undone[], host_sigreturn[];

long host_call(struct thread *t, long nr, const u64 a[6])
{
    return host_call_raw(&t->pending, nr, a);
}

void set_host_mask(u64 mask)
{
    mask &= ~(OURS | NEVER);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

/* --- the host's side --- */

/* From when the handler returns. */
static void block_all(ucontext_t *uc)
{
    *(u64 *)&uc->uc_sigmask = ~OURS;
}

static void on_fault(struct thread *t, int sig, siginfo_t *info, void *uc)
{
    if (t->copying)
        siglongjmp(*t->copying, 1);
    t->fault_signal = sig;
    if (rv64_user_fault(t->v, uc, info->si_addr)) {
        if (t->pending) /* one came while we were here */
            block_all(uc);
        return;
    }
    signal(sig, SIG_DFL); /* a fault of ours: again, and for good */
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    ucontext_t    *uc = context;
    struct thread *t  = self;
    if ((sig == SIGSEGV || sig == SIGBUS) && info->si_code > 0) {
        on_fault(t, sig, info, context);
        return;
    }
    if (!t)
        return;
    t->info    = *info;
    t->pending = sig;
    block_all(uc);
    greg_t *rip = &uc->uc_mcontext.gregs[REG_RIP];
    if (*rip >= (greg_t)host_call_begin && *rip < (greg_t)host_call_end)
        *rip = (greg_t)host_call_undone;
    t->v->ops->kick(t->v);
}

/* The libraries of the program have signals 32 and 33, which ours keeps for itself: so directly.
 * All that are noted are blocked meanwhile, or the kernel would stack one upon the other. */
static int install(int sig, u64 handler, u64 flags)
{
    struct {
        u64         handler, flags;
        const void *restorer;
        u64         mask;
    } act = {handler, flags | SA_RESTORER, host_sigreturn, BIT(sig) & OURS ? 0 : ~OURS};
    return syscall(SYS_rt_sigaction, sig, &act, NULL, 8) ? -errno : 0;
}

int signals_start(void)
{
    int  rc   = install(SIGSEGV, (u64)on_signal, HANDLED);
    bool core = core_wanted();
    if (!rc)
        rc = install(SIGBUS, (u64)on_signal, HANDLED);
    for (int sig = 1; !rc && core && sig < 32; sig++)
        if (BIT(sig) & DUMPS && self->actions[sig].handler == (u64)SIG_DFL)
            rc = install(sig, (u64)on_signal, HANDLED);
    return rc;
}

/* As the signal kills by default. */
_Noreturn void signal_die(int sig)
{
    u64 mask = ~BIT(sig);
    signal(sig, SIG_DFL);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig);
    for (;;)
        _exit(128 + sig);
}

/* --- frames: riscv64's struct rt_sigframe --- */

struct frame {
    u8               info[128];
    u64              flags, link;
    struct sig_stack stack;
    u64              mask;
    u8               unused[128];
    u64              regs[32]; /* pc, x1 to x31 */
    u64              f[32];
    u32              fcsr;
    u8               rest[260]; /* the union is as large as for Q */
    u8               record[8]; /* the first extension's: vectors.c; zeros say that none follows */
};
_Static_assert(offsetof(struct frame, regs) == 128 + 176, "mcontext is aligned to 16");
_Static_assert(sizeof(struct frame) == 128 + 176 + 256 + 528, "as the kernel's");

static bool on_stack(const struct sig_stack *s, gva sp)
{
    return !(s->flags & SS_DISABLE) && s->size && sp > s->sp && sp - s->sp <= s->size;
}

static gva frame_place(const struct thread *t, const struct sig_action *act)
{
    gva sp = rv64_x(t->v)[2];
    if (act->flags & SA_ONSTACK && !(t->alt.flags & SS_DISABLE) && t->alt.size &&
        !on_stack(&t->alt, sp))
        sp = t->alt.sp + t->alt.size;
    return (sp - vectors_frame(t) - sizeof(struct frame)) & ~15ull;
}

/* Enters the handler; false: there is no room for the frame. */
static bool enter(struct thread *t, int sig, const siginfo_t *info, const struct sig_action *act)
{
    u64         *x  = rv64_x(t->v);
    struct frame f  = {.stack = t->alt, .mask = t->mask, .fcsr = rv64_fcsr(t->v)};
    gva          at = frame_place(t, act);
    memcpy(f.info, info, sizeof(f.info));
    f.stack.flags = t->alt.flags & SS_DISABLE ? SS_DISABLE
                    : on_stack(&t->alt, x[2]) ? SS_ONSTACK
                                              : 0;
    memcpy(f.regs, x, sizeof(f.regs));
    f.regs[0] = *rv64_pc(t->v);
    memcpy(f.f, rv64_f(t->v), sizeof(f.f));
    if (vectors_save(t, at + sizeof(f), f.record) || user_write(t, at, &f, sizeof(f)))
        return false;
    x[1]           = t->program->mm.sigreturn;
    x[2]           = at;
    x[10]          = (u64)sig;
    x[11]          = at;
    x[12]          = at + offsetof(struct frame, flags);
    *rv64_pc(t->v) = act->handler;
    t->mask |= act->mask | t->handler_mask | (act->flags & SA_NODEFER ? 0 : BIT(sig));
    t->mask &= ~NEVER;
    return true;
}

static void deliver(struct thread *t, int sig, const siginfo_t *info)
{
    struct sig_action *act = &t->actions[sig];
    struct sig_action  now = *act;
    if (now.handler == (u64)SIG_IGN)
        return;
    if (now.handler == (u64)SIG_DFL) {
        if (sig == SIGCHLD || sig == SIGURG || sig == SIGWINCH || sig == SIGCONT)
            return;
        if (BIT(sig) & DUMPS)
            core_dump(t, sig, info);
        signal_die(sig);
    }
    if (now.flags & SA_RESETHAND)
        act->handler = (u64)SIG_DFL;
    if (!enter(t, sig, info, &now)) {
        core_dump(t, SIGSEGV, NULL);
        signal_die(SIGSEGV);
    }
}

bool signals_deliver(struct thread *t)
{
    int sig = t->pending;
    if (!sig)
        return false;
    siginfo_t info = t->info;
    /* SIGSEGV and SIGBUS of kill are not the host's to mask: they are sent again then. */
    t->pending = 0;
    if (OURS & BIT(sig) & t->mask)
        sig = 0; /* lost while blocked: nobody waits for these two */
    if (sig)
        deliver(t, sig, &info);
    t->handler_mask = 0;
    set_host_mask(t->mask);
    return true;
}

bool signal_restarts(struct thread *t)
{
    int sig = t->pending;
    return !sig || t->actions[sig].flags & SA_RESTART || t->actions[sig].handler <= 1;
}

void signal_force(struct thread *t, int sig, int code, gva addr)
{
    siginfo_t info = {.si_signo = sig, .si_code = code};
    info.si_addr   = (void *)addr; /* the program's, not ours */
    u64 handler    = t->actions[sig].handler;
    if (t->mask & BIT(sig) || handler <= 1) {
        core_dump(t, sig, &info);
        signal_die(sig);
    }
    deliver(t, sig, &info);
    if (!t->pending)
        set_host_mask(t->mask);
}

/* --- the program's calls --- */

long sys_rt_sigreturn(struct thread *t, const u64 *a)
{
    u64         *x = rv64_x(t->v);
    struct frame f;
    (void)a;
    if (user_read(t, &f, x[2], sizeof(f)) || vectors_restore(t, x[2] + sizeof(f), f.record))
        signal_die(SIGSEGV);
    memcpy(x + 1, f.regs + 1, 31 * 8);
    memcpy(rv64_f(t->v), f.f, sizeof(f.f));
    rv64_set_fcsr(t->v, f.fcsr);
    *rv64_pc(t->v) = f.regs[0] & ~1ull;
    t->alt         = f.stack;
    t->mask        = f.mask & ~NEVER;
    if (!t->pending)
        set_host_mask(t->mask);
    return -EREGSSET;
}

/* What the host shall do: note it, ignore it or do as by default. Ours are always noted. */
static int set_host_action(int sig, const struct sig_action *act)
{
    if (OURS & BIT(sig))
        return 0;
    u64 flags = act->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
    if (act->handler == (u64)SIG_DFL && BIT(sig) & DUMPS && core_wanted())
        return install(sig, (u64)on_signal, HANDLED);
    return act->handler <= 1 ? install(sig, act->handler, flags)
                             : install(sig, (u64)on_signal, flags | HANDLED);
}

long sys_rt_sigaction(struct thread *t, const u64 *a)
{
    int               sig = (int)a[0];
    struct sig_action act, old;
    if (sig < 1 || sig > SIGNALS || a[3] != 8)
        return -EINVAL;
    old = t->actions[sig];
    if (a[1]) {
        if (user_read(t, &act, a[1], sizeof(act)))
            return -EFAULT;
        if (BIT(sig) & NEVER)
            return -EINVAL;
        t->actions[sig] = act;
        int rc          = set_host_action(sig, &act);
        if (rc)
            return rc;
    }
    return a[2] ? user_write(t, a[2], &old, sizeof(old)) : 0;
}

long sys_rt_sigprocmask(struct thread *t, const u64 *a)
{
    u64 old = t->mask, set;
    if (a[3] != 8)
        return -EINVAL;
    if (a[1]) {
        if (user_read(t, &set, a[1], 8))
            return -EFAULT;
        if (a[0] > SIG_SETMASK)
            return -EINVAL;
        t->mask = a[0] == SIG_BLOCK ? old | set : a[0] == SIG_UNBLOCK ? old & ~set : set;
        t->mask &= ~NEVER;
        if (!t->pending)
            set_host_mask(t->mask);
    }
    return a[2] ? user_write(t, a[2], &old, 8) : 0;
}

long sys_sigaltstack(struct thread *t, const u64 *a)
{
    struct sig_stack s, old = t->alt;
    bool             inside = on_stack(&t->alt, rv64_x(t->v)[2]);
    old.flags               = !old.size ? SS_DISABLE : inside ? SS_ONSTACK : old.flags;
    if (a[0]) {
        if (user_read(t, &s, a[0], sizeof(s)))
            return -EFAULT;
        if (inside)
            return -EPERM;
        if (s.flags & ~(u32)SS_DISABLE && s.flags != SS_ONSTACK)
            return -EINVAL;
        if (!(s.flags & SS_DISABLE) && s.size < 2048)
            return -ENOMEM;
        t->alt = s.flags & SS_DISABLE ? (struct sig_stack){.flags = SS_DISABLE} : s;
        t->alt.flags &= SS_DISABLE;
    }
    return a[1] ? user_write(t, a[1], &old, sizeof(old)) : 0;
}

long sys_rt_sigsuspend(struct thread *t, const u64 *a)
{
    u64 set;
    if (a[1] != 8)
        return -EINVAL;
    if (user_read(t, &set, a[0], 8))
        return -EFAULT;
    set &= ~NEVER;
    u64  host = set & ~OURS;
    long rc   = host_call(t, SYS_rt_sigsuspend, (u64[6]){(u64)&host, 8});
    if (t->pending)
        t->handler_mask = set;
    return rc;
}

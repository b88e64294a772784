/* Signals: handlers, contexts, masks, stacks, calls that are interrupted, and faults. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int got, value, on_alt;
static void *volatile where;
static sigjmp_buf back;
static char       stack[65536];

static void count(int sig)
{
    got++;
    value = sig;
}

static void told(int sig, siginfo_t *info, void *uc)
{
    char here;
    (void)uc;
    got++;
    value  = info->si_code == SI_QUEUE ? info->si_value.sival_int : sig;
    on_alt = &here >= stack && &here < stack + sizeof(stack);
}

static void fault(int sig, siginfo_t *info, void *uc)
{
    (void)uc;
    where = info->si_addr;
    value = sig * 100 + info->si_code;
    siglongjmp(back, 1);
}

static void handle(int sig, void (*f)(int), int flags)
{
    struct sigaction sa = {.sa_handler = f, .sa_flags = flags};
    sigaction(sig, &sa, NULL);
}

static void handle_info(int sig, void (*f)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = {.sa_sigaction = f, .sa_flags = flags | SA_SIGINFO};
    sigaction(sig, &sa, NULL);
}

static void after_ms(int ms)
{
    struct itimerval t = {{0, 0}, {0, ms * 1000}};
    setitimer(ITIMER_REAL, &t, NULL);
}

static void interrupted(void)
{
    int  p[2];
    char c;
    if (pipe(p))
        return;
    handle(SIGALRM, count, 0);
    after_ms(30);
    ssize_t n = read(p[0], &c, 1);
    printf("read %zd %d %d\n", n, errno == EINTR, got);
    handle(SIGALRM, count, SA_RESTART);
    if (fork() == 0) {
        struct timespec ts = {0, 120000000};
        nanosleep(&ts, NULL);
        write(p[1], "x", 1);
        _exit(0);
    }
    after_ms(30);
    n = read(p[0], &c, 1);
    printf("restarted %zd %c %d\n", n, c, got);
    wait(NULL);
    after_ms(30);
    struct pollfd f = {p[0], POLLIN, 0};
    n = poll(&f, 1, 5000);
    printf("poll %zd %d\n", n, errno == EINTR);
    after_ms(30);
    sigset_t none;
    sigemptyset(&none);
    n = sigsuspend(&none);
    printf("suspend %zd %d %d\n", n, errno == EINTR, got);
}

static void masked(void)
{
    sigset_t set, old;
    union sigval v = {.sival_int = 1234};
    handle_info(SIGUSR1, told, 0);
    handle_info(SIGRTMIN + 3, told, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &set, &old);
    got = 0;
    raise(SIGUSR1);
    raise(SIGUSR1);
    sigqueue(getpid(), SIGRTMIN + 3, v);
    sigqueue(getpid(), SIGRTMIN + 3, v);
    sigpending(&set);
    printf("pending %d %d %d\n", got, sigismember(&set, SIGUSR1), sigismember(&set, SIGRTMIN + 3));
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("delivered %d %d\n", got, value);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, 0);
    kill(getpid(), SIGUSR2);
    struct signalfd_siginfo si;
    ssize_t n = read(fd, &si, sizeof(si));
    printf("signalfd %zd %d\n", n, si.ssi_signo);
    kill(getpid(), SIGUSR2);
    siginfo_t       info;
    struct timespec ts = {1, 0};
    printf("wait %d\n", sigtimedwait(&set, &info, &ts));
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    printf("altstack %d\n", sigaltstack(&ss, NULL));
    handle_info(SIGUSR1, told, SA_ONSTACK);
    raise(SIGUSR1);
    printf("on it %d\n", on_alt);
    handle_info(SIGUSR1, told, SA_RESETHAND);
    raise(SIGUSR1);
    struct sigaction sa;
    sigaction(SIGUSR1, NULL, &sa);
    printf("reset %d\n", sa.sa_handler == SIG_DFL);
}

static void faults(void)
{
    volatile char *none = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    handle_info(SIGSEGV, fault, SA_ONSTACK | SA_NODEFER);
    handle_info(SIGBUS, fault, SA_NODEFER);
    for (volatile int i = 0; i < 3; i++) {
        value = 0;
        if (!sigsetjmp(back, 1))
            none[5] = 1;
        printf("write %d %d\n", value, where == none + 5);
    }
    munmap((void *)none, 8192);
    if (!sigsetjmp(back, 1))
        value = none[4097];
    printf("read %d %d\n", value, where == none + 4097);
    if (!sigsetjmp(back, 1))
        value = *(volatile int *)16;
    printf("null %d %p\n", value, where);
    if (!sigsetjmp(back, 1))
        ((void (*)(void))none)();
    printf("jump %d %d\n", value, where == none);
    FILE *f = tmpfile();
    none    = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(f), 0);
    if (!sigsetjmp(back, 1))
        value = none[8];
    printf("past the end %d %d\n", value, where == none + 8);
}

static void storm(void)
{
    /* Sums must be right though signals come in between. */
    struct itimerval t = {{0, 500}, {0, 500}}, off = {{0, 0}, {0, 0}};
    volatile double  sum = 0;
    handle(SIGALRM, count, SA_RESTART);
    got = 0;
    setitimer(ITIMER_REAL, &t, NULL);
    long rounds = 0, wrong = 0;
    for (; rounds < 300000 || got < 100; rounds++) {
        sum += 0.5;
        wrong += sum != (rounds + 1) * 0.5;
        if (rounds % 64 == 0)
            wrong += getpid() <= 0;
    }
    setitimer(ITIMER_REAL, &off, NULL);
    printf("storm %d %ld\n", got >= 100, wrong);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    interrupted();
    masked();
    faults();
    storm();
    pid_t pid = fork();
    int   status;
    if (!pid) {
        signal(SIGSEGV, SIG_DFL);
        *(volatile int *)64 = 1;
    }
    waitpid(pid, &status, 0);
    printf("died %d\n", WTERMSIG(status));
    return 0;
}

/* All at once for some seconds: signals, threads that come and go, mappings, faults, new code,
 * forks and exec from several threads. Each checks what it computes; the last line says ok. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_bool over;
static atomic_long signals, wrong, done[16];
static __thread char   alt[32768];
static __thread bool        has_alt;
static __thread sigjmp_buf *landing;
static __thread void       *fault_at;
static pthread_t            workers[16];
static int                  n_workers;
static const char          *own_name;

static void fail(const char *what)
{
    char text[100];
    if (wrong++ < 10)
        write(1, text, snprintf(text, sizeof text, "wrong: %s (%d)\n", what, errno));
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
    char here;
    (void)context;
    if (info->si_signo != sig)
        fail("signal number");
    if (has_alt && (&here < alt || &here >= alt + sizeof alt))
        fail("alternate stack");
    double x = signals++;
    for (int i = 0; i < 20; i++) /* spoils what registers there are */
        x = x * 1.5 + i;
    volatile double sink = x;
    (void)sink;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
    (void)context;
    if (!landing || info->si_addr != fault_at)
        fail("fault"), _exit(3);
    (void)sig;
    siglongjmp(*landing, 1);
}

static void own_stack(void)
{
    stack_t s = {.ss_sp = alt, .ss_size = sizeof alt};
    if (sigaltstack(&s, NULL))
        fail("sigaltstack");
    has_alt = true;
}

/* Many values in registers over interruptions. */
static void compute(void)
{
    uint64_t a = 1, b = 2, c = 3, d = 4, e = 5;
    double   f = 1, g = 2, h = 3;
    for (int i = 0; i < 20000; i++) {
        a = a * 6364136223846793005ull + b, b ^= a >> 7, c += b, d = d * 31 + c, e ^= d << 3;
        f = f * 0.5 + 1, g = g * 0.25 + f, h = h * 0.125 + g;
    }
    static uint64_t sum;
    static double   fsum;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!sum)
        sum = a ^ b ^ c ^ d ^ e, fsum = f + g + h;
    if (sum != (a ^ b ^ c ^ d ^ e) || fsum != f + g + h)
        fail("registers");
    pthread_mutex_unlock(&lock);
}

static void map(void)
{
    char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return fail("mmap");
    memset(p, 5, 65536);
    mprotect(p + 4096, 4096, PROT_READ);
    mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE);
    p = mremap(p, 65536, 262144, MREMAP_MAYMOVE);
    if (p == MAP_FAILED || p[4096] != 5 || p[65535] != 5 || p[262143])
        return fail("mremap");
    munmap(p, 262144);
}

static void touch_nothing(void)
{
    sigjmp_buf here;
    char *p  = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fault_at = p + 100;
    landing  = &here;
    if (!sigsetjmp(here, 1)) {
        *(volatile char *)(p + 100) = 1;
        fail("no fault");
    }
    landing = NULL;
    munmap(p, 8192);
}

static void write_code(void)
{
#ifdef __riscv
    static __thread uint32_t *code;
    static __thread int       n;
    if (!code)
        code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    n       = (n + 1) % 2000;
    code[0] = 0x00000513 | (unsigned)n << 20; /* li a0, n */
    code[1] = 0x00008067;                     /* ret */
    __builtin___clear_cache((char *)code, (char *)(code + 2));
    if (((int (*)(void))code)() != n)
        fail("new code");
#endif
}

static void *nothing(void *arg)
{
    own_stack();
    return arg;
}

static void short_threads(void)
{
    pthread_t t[4];
    void     *back;
    for (long i = 0; i < 4; i++)
        if (pthread_create(&t[i], NULL, nothing, (void *)i))
            fail("pthread_create"), t[i] = 0;
    for (long i = 0; i < 4; i++)
        if (t[i] && (pthread_join(t[i], &back) || back != (void *)i))
            fail("pthread_join");
}

static void fork_one(void)
{
    int   status;
    pid_t pid = fork();
    if (pid == 0) {
        write_code();
        _exit(42);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 42)
        fail("fork");
}

static void exec_one(void)
{
    int   status;
    pid_t pid = vfork();
    if (pid == 0) {
        execl(own_name, own_name, "exit", NULL);
        _exit(1);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 43)
        fail("exec");
}

static void pipe_through(void)
{
    static __thread int p[2];
    char                c = 0;
    if (!p[1] && pipe(p))
        fail("pipe");
    if (write(p[1], "x", 1) != 1 || read(p[0], &c, 1) != 1 || c != 'x')
        fail("read");
}

static void send(void)
{
    static __thread unsigned seed = 1;
    seed                          = seed * 1103515245 + 12345;
    pthread_kill(workers[(seed >> 16) % (unsigned)n_workers], seed & 1 << 20 ? SIGUSR1 : SIGRTMIN + 3);
    usleep(20);
}

static void (*const works[])(void) = {compute, map, touch_nothing, write_code, short_threads, fork_one,
                                      fork_one, exec_one, pipe_through, compute};
enum { WORKS = sizeof works / sizeof *works };

static void *work(void *arg)
{
    long i = (long)arg;
    own_stack();
    while (!over) {
        works[i]();
        done[i]++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct sigaction  on    = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    struct sigaction  fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    struct itimerval  often = {{0, 2000}, {0, 2000}};
    if (argc > 1 && !strcmp(argv[1], "exit"))
        return 43;
    own_name = argv[0];
    own_stack();
    sigaction(SIGUSR1, &on, NULL);
    sigaction(SIGRTMIN + 3, &on, NULL);
    sigaction(SIGALRM, &on, NULL);
    sigaction(SIGSEGV, &fault, NULL);
    for (long i = 0; i < WORKS; i++)
        pthread_create(&workers[i], NULL, work, (void *)i);
    n_workers = WORKS;
    setitimer(ITIMER_REAL, &often, NULL);
    for (time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1); time(NULL) < end;)
        send();
    over = 1;
    for (int i = 0; i < WORKS; i++)
        pthread_join(workers[i], NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    for (int i = 0; i < WORKS; i++)
        if (!done[i])
            fail("a thread did nothing");
    if (!signals)
        fail("no signals");
    if (argc > 2) {
        for (int i = 0; i < WORKS; i++)
            printf("%ld ", done[i]);
        printf("%ld signals\n", signals);
    }
    puts(wrong ? "wrong" : "ok");
    return wrong != 0;
}

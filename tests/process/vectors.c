/* A program of riscv64 that uses vectors: what the system says of them, signals that interrupt
 * them, threads, prctl, exec. Prints one line a fact; ends with 0 when all are as they must be. */
#include <asm/hwcap.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <pthread.h>
#include <ucontext.h>
#include <unistd.h>

#define V(text) ".option push\n.option arch, +v\n" text "\n.option pop"

static int failed;

static void fact(const char *what, int ok)
{
    printf("%s: %s\n", what, ok ? "yes" : "no");
    failed |= !ok;
}

static unsigned long vlenb(void)
{
    unsigned long n;
    __asm__ volatile(V("csrr %0, vlenb") : "=r"(n));
    return n;
}

/* y = a x + y, and what the elements' sum is. */
static double saxpy(unsigned long n, double a, const double *x, double *y)
{
    double sum = 0;
    while (n) {
        unsigned long vl;
        __asm__ volatile(V("vsetvli %0, %1, e64, m2, ta, ma\n"
                           "vle64.v v8, (%2)\nvle64.v v12, (%3)\n"
                           "vfmacc.vf v12, %4, v8\nvse64.v v12, (%3)")
                         : "=&r"(vl)
                         : "r"(n), "r"(x), "r"(y), "f"(a)
                         : "memory");
        for (unsigned long i = 0; i < vl; i++)
            sum += y[i];
        n -= vl, x += vl, y += vl;
    }
    return sum;
}

static volatile uint64_t in_frame, in_frame_vl;

static void clobber(int sig, siginfo_t *info, void *context)
{
    ((ucontext_t *)context)->uc_mcontext.__gregs[0] += 4; /* behind the ebreak */
    /* The extension's record stands at the end of the floating-point state. */
    uint8_t  *fp = (uint8_t *)&((ucontext_t *)context)->uc_mcontext.__fpregs;
    uint32_t *record = (uint32_t *)(fp + 520);
    uint64_t *state  = (uint64_t *)(fp + 528);
    if (record[0] == 0x53465457 && record[1] == 8 + 48 + 32 * vlenb()) {
        in_frame    = *(uint64_t *)(state[5] + 9 * vlenb());
        in_frame_vl = state[1];
        *(uint64_t *)(state[5] + 10 * vlenb()) = 77; /* the program finds it so */
    }
    __asm__ volatile(V("vsetvli t0, zero, e8, m8, ta, ma\nvmv.v.i v8, -1\ncsrwi vxrm, 2") ::: "t0");
}

static void signals(void)
{
    struct sigaction act = {.sa_sigaction = clobber, .sa_flags = SA_SIGINFO};
    uint64_t         nine, ten, vl, vtype, vxrm;
    sigaction(SIGTRAP, &act, NULL);
    /* Not by a system call: these may spoil vectors, and Linux's do. */
    __asm__ volatile(V("vsetivli zero, 2, e64, m1, ta, ma\nvmv.v.i v9, 9\nvmv.v.i v10, 10\n"
                       "csrwi vxrm, 1\n"
                       ".option norvc\nebreak\n"
                       "vmv.x.s %0, v9\nvmv.x.s %1, v10\ncsrr %2, vl\ncsrr %3, vtype\ncsrr %4, vxrm")
                     : "=&r"(nine), "=&r"(ten), "=&r"(vl), "=&r"(vtype), "=&r"(vxrm)
                     :
                     : "memory");
    fact("the frame has a register", in_frame == 9);
    fact("the frame has vl", in_frame_vl == 2);
    fact("registers come back", nine == 9 && vl == 2 && vtype == 0xd8 && vxrm == 1);
    fact("registers come from the frame", ten == 77);
}

static void *worker(void *arg)
{
    long     n = (long)arg;
    uint64_t v, bad = 0;
    for (int i = 0; i < 2000; i++) {
        __asm__ volatile(V("vsetivli zero, 1, e64, m1, ta, ma\nvmv.v.x v1, %1\n"
                           "vadd.vi v1, v1, 1\nvmv.x.s %0, v1")
                         : "=r"(v)
                         : "r"(n));
        bad += v != n + 1;
        if (i % 500 == 0)
            sched_yield();
    }
    return (void *)bad;
}

static void threads(void)
{
    pthread_t t[4];
    uint64_t  bad = 0;
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, worker, (void *)(i * 1000));
    for (int i = 0; i < 4; i++) {
        void *b;
        pthread_join(t[i], &b);
        bad += (uint64_t)b;
    }
    fact("threads have their own", bad == 0);
}

static void controls(void)
{
    struct {
        int64_t  key;
        uint64_t value;
    } probe[] = {{4, 0}, {10, 0}};
    syscall(258, probe, 2, 0, 0, 0);
    fact("hwprobe has V, Zvbb, Zvfh", (probe[0].value & (1 << 2 | 1 << 17 | 1 << 30)) ==
                                          (1 << 2 | 1 << 17 | 1 << 30));
    fact("hwprobe does not say they are slow", probe[1].key == -1 || probe[1].value == 3);
    fact("they are on", (prctl(70) & 3) == 2);
    fact("they cannot be turned off now", prctl(69, 1) == -1);
    fact("nor strangely", prctl(69, 3) == -1 && prctl(69, 32) == -1);
    fact("they can for what is executed", prctl(69, 1 << 2) == 0 && prctl(70) == (2 | 1 << 2));
}

int main(int argc, char **argv)
{
    enum { N = 1000 };
    static double x[N], y[N];
    int           v = getauxval(AT_HWCAP) >> ('V' - 'A') & 1;
    if (argc > 1 && !strcmp(argv[1], "none")) {
        fact("no vectors", !v && prctl(70) == (argc > 2 ? -1 : 1));
        if (argc == 2)
            fact("but they can be turned on", prctl(69, 2) == 0 && prctl(70) == 2 && vlenb());
        return failed;
    }
    fact("vectors", v);
    printf("vlenb: %lu\n", vlenb());
    for (int i = 0; i < N; i++)
        x[i] = i, y[i] = 1;
    fact("saxpy", saxpy(N, 2, x, y) == 2.0 * N * (N - 1) / 2 + N);
    signals();
    threads();
    controls();
    fflush(stdout);
    if (!failed)
        execl(argv[0], argv[0], "none", NULL);
    return 1;
}

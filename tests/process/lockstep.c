/* SPDX-License-Identifier: Apache-2.0 */
/* Integers, floats, memory, signals, children and what it prints: a bit of each for --lockstep.
 * The argument "threads" starts one. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int signals;

static void on_signal(int sig)
{
    signals += sig;
}

static unsigned mix(unsigned *a, int n, unsigned seed)
{
    for (int i = 0; i < n; i++) {
        seed = seed * 1103515245 + 12345;
        a[i] = seed ^ 0x155; /* an xori */
    }
    unsigned sum = 0;
    for (int i = 0; i < n; i++)
        sum = sum * 31 + a[(i * 7919u) % n];
    return sum;
}

static void *thread(void *arg)
{
    return arg;
}

int main(int argc, char **argv)
{
    unsigned *a = malloc(100000 * sizeof(*a));
    double    sum = 0;
    pthread_t t;
    if (argc > 1 && !strcmp(argv[1], "threads"))
        return pthread_create(&t, NULL, thread, NULL) || pthread_join(t, NULL);
    signal(SIGUSR1, on_signal);
    printf("%u\n", mix(a, 100000, 7));
    for (int i = 1; i < 50000; i++)
        sum += 1.0 / i;
    printf("%.17g\n", sum);
    raise(SIGUSR1);
    int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        *shared = (int)mix(a, 1000, 9);
        _exit(4);
    }
    int status;
    waitpid(pid, &status, 0);
    printf("%d %d %d\n", signals, WEXITSTATUS(status), *shared);
    time_t start = time(NULL);
    struct timespec now;
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while (time(NULL) < start);
    return 7;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* turn COMMAND...: runs it once and prints wall and CPU time in ms, and its peak memory in KiB.
 *
 * A process of its own and a small one, because a child's peak counts what its parent had. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double ms(struct timeval t)
{
    return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

int main(int argc, char **argv)
{
    struct timespec a, b;
    struct rusage   u;
    int             status;
    if (argc < 2)
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &a);
    pid_t pid = vfork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2); /* what lives on must not hold our pipes */
        execv(argv[1], argv + 1);
        _exit(127);
    }
    if (wait4(pid, &status, 0, &u) < 0)
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%.3f %.3f %ld\n", (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6,
           ms(u.ru_utime) + ms(u.ru_stime), u.ru_maxrss);
    return status != 0;
}

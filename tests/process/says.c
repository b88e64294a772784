/* Prints its arguments, a variable and its folder; ends with what it is told by their number. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long turns;
volatile double told = 2.5;

static void *turn(void *arg)
{
    for (;;)
        turns++;
    return arg;
}

int main(int argc, char **argv)
{
    char folder[4096];
    if (argc > 1 && !strcmp(argv[1], "segv"))
        *(volatile int *)8 = 1;
    if (argc > 1 && !strcmp(argv[1], "missing"))
        for (int i = 0; i < 2; i++)
            syscall(60), syscall(1000 * i + 29);
    if (argc > 1 && !strcmp(argv[1], "abort")) {
        pthread_t t;
        pthread_create(&t, NULL, turn, NULL);
        while (!turns)
            ;
        abort();
    }
    if (argc > 2 && !strcmp(argv[1], "closed")) {
        close_range(3, ~0u, 0);
        if (!vfork()) {
            for (int fd = 3; fd < 1000; fd++)
                dup2(0, fd);
            close_range(3, ~0u, 0);
            _exit(access(argv[2], F_OK) ? puts("lost") : 0);
        }
        wait(NULL);
        for (int fd = 3; fd < 1000; fd++)
            close(fd);
        if (access(argv[2], F_OK))
            puts("lost");
    }
    while (argc > 1 && !strcmp(argv[1], "sleep"))
        pause();
    for (int i = 1; i < argc; i++)
        printf("[%s] ", argv[i]);
    printf("%s %s\n", getenv("COLOR"), getcwd(folder, sizeof(folder)));
    return 4 + (argc > 1) * (argc - 1);
}

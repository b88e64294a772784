/* Threads: joins, locks, conditions, thread-local data, cancellation, robust locks, signals. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 20000 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER, robust;
static pthread_cond_t  cond = PTHREAD_COND_INITIALIZER;
static long            counter, turn;
static atomic_long     sum, handled;
static __thread long   own;

static void *worker(void *arg)
{
    long id = (long)arg;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        counter++;
        pthread_mutex_unlock(&lock);
        atomic_fetch_add(&sum, id);
        own++;
        if (i % 1000 == 0)
            free(memset(malloc(200000), 1, 200000));
    }
    return (void *)(own + id);
}

static void *in_turn(void *arg)
{
    long id = (long)arg;
    for (int i = 0; i < 50; i++) {
        pthread_mutex_lock(&lock);
        while (turn % THREADS != id)
            pthread_cond_wait(&cond, &lock);
        turn++;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void *dies_with_lock(void *arg)
{
    if (pthread_mutex_lock(&robust) == EOWNERDEAD)
        pthread_mutex_consistent(&robust);
    return arg;
}

static void *waits(void *arg)
{
    (void)arg;
    for (;;)
        pause();
    return NULL;
}

static void handler(int sig)
{
    (void)sig;
    atomic_fetch_add(&handled, 1);
}

static void *maps(void *arg)
{
    for (int i = 0; i < 300; i++) {
        char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(p, i, 65536);
        munmap(p, 65536);
    }
    return arg;
}

static void all(void *(*f)(void *), long *results)
{
    pthread_t t[THREADS];
    void     *r;
    for (long i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, f, (void *)i);
    for (long i = 0; i < THREADS; i++) {
        pthread_join(t[i], &r);
        if (results)
            *results += (long)r;
    }
}

int main(void)
{
    long      results = 0;
    pthread_t t;
    void     *r;
    all(worker, &results);
    printf("%ld %ld %ld\n", counter, (long)sum, results);
    all(in_turn, NULL);
    printf("%ld\n", turn);
    all(maps, NULL);
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&robust, &attr);
    pthread_create(&t, NULL, dies_with_lock, NULL);
    pthread_join(t, NULL);
    printf("owner died %d\n", pthread_mutex_lock(&robust) == EOWNERDEAD);
    pthread_mutex_consistent(&robust);
    pthread_mutex_unlock(&robust);
    pthread_create(&t, NULL, waits, NULL);
    signal(SIGUSR1, handler);
    for (int i = 0; i < 200; i++) {
        pthread_kill(t, SIGUSR1);
        usleep(100);
    }
    pthread_cancel(t);
    pthread_join(t, &r);
    printf("cancelled %d, handled %d\n", r == PTHREAD_CANCELED, handled > 0);
    for (int i = 0; i < 300; i++) { /* many short lives */
        pthread_create(&t, NULL, dies_with_lock, NULL);
        pthread_join(t, NULL);
        pthread_mutex_lock(&robust);
        pthread_mutex_consistent(&robust);
        pthread_mutex_unlock(&robust);
    }
    puts("end");
    pthread_create(&t, NULL, waits, NULL);
    exit(5);
}

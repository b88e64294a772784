/* java/signals.c - see signals.h. A handler may only write: the signal's number goes through a pipe
 * to the thread "Signal Dispatcher", which calls Java. Signals belong to the process, so that the
 * pipe's end is the one thing here that is not a VM's. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "java/boot.h"
#include "java/code.h"
#include "java/thread_dump.h"

static volatile sig_atomic_t pipe_end = -1;

static void on_signal(int number)
{
    int was = errno;
    u8  b   = (u8)number;
    if (pipe_end >= 0 && write(pipe_end, &b, 1) < 0) {
        /* The pipe is full of signals already. */
    }
    errno = was;
}

i64 signal_register(int number, i64 handler)
{
    struct sigaction old, action = {.sa_flags = SA_RESTART};
    if (number == SIGSEGV || number == SIGKILL || number == SIGSTOP)
        return -1;
    action.sa_handler = handler == 0 ? SIG_DFL : handler == 1 ? SIG_IGN : on_signal;
    if (sigaction(number, &action, &old) < 0)
        return -1;
    return old.sa_handler == SIG_DFL     ? 0
           : old.sa_handler == SIG_IGN   ? 1
           : old.sa_handler == on_signal ? 2
                                         : (i64)old.sa_handler;
}

static void *dispatch(void *arg)
{
    struct vm     *vm = arg;
    struct thread *t  = thread_attach(vm, true);
    u8             b;
    thread_make_java(t, vm->system_group, "Signal Dispatcher");
    thread_leave(t);
    for (;;) {
        ssize_t n = read(vm->signal_pipe[0], &b, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        union value args[1] = {{.i = b}};
        thread_enter(t);
        if (b == SIGQUIT)
            threads_dump(t);
        else
            call_method(t, vm->k.Signal_dispatch, args);
        t->exception = NULL;
        thread_leave(t);
    }
    thread_enter(t);
    thread_detach(t);
    return NULL;
}

bool signals_start(struct thread *t)
{
    struct vm *vm = t->vm;
    pthread_t  thread;
    if (pipe2(vm->signal_pipe, O_CLOEXEC) < 0)
        return false;
    pipe_end = vm->signal_pipe[1];
    if (pthread_create(&thread, NULL, dispatch, vm) != 0)
        return false;
    pthread_detach(thread);
    if (!vm->options.no_signals)
        signal_register(SIGQUIT, 2);
    return true;
}

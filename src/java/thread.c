/* java/thread.c - threads, their states, and stopping the world; see thread.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/thread.h"

#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "java/jni.h"
#include "java/vm.h"

static _Thread_local struct thread *current;

struct thread *thread_current(void)
{
    return current;
}

enum { C_MARGIN = 96 << 10 }; /* C stack that is left when Java has to stop */
enum { STACK_ROOM = (STACK_RESERVE + 512) * 8 };

static void find_c_stack(struct thread *t)
{
    pthread_attr_t attr;
    void          *low;
    size_t         size;
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstack(&attr, &low, &size);
    pthread_attr_destroy(&attr);
    t->c_base  = (u8 *)low + size;
    t->c_limit = (u8 *)t->c_base - MIN(size, MiB(8)) + C_MARGIN;
}

/* The lowest number that no living thread has: lock words have 16 bits for it. */
static u32 free_id(struct vm *vm)
{
    for (;;) {
        vm->next_id = vm->next_id % 65535 + 1;
        if (!vm->by_id[vm->next_id])
            return vm->next_id;
    }
}

static struct thread *thread_new(struct vm *vm)
{
    struct thread *t = xnew(struct thread);
    t->vm            = vm;
    t->jni           = jni_table();
    t->stack_slots   = vm->options.stack_size / sizeof(union value);
    t->stack         = mmap(NULL, vm->options.stack_size + STACK_ROOM, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (t->stack == MAP_FAILED)
        xrealloc(NULL, SIZE_MAX / 2);
    t->stack_end = t->stack + t->stack_slots;
    t->handles   = xnew(struct handles);
    pthread_mutex_init(&t->park_lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&t->park_cond, &attr);
    pthread_condattr_destroy(&attr);
    return t;
}

static void thread_free(struct thread *t)
{
    munmap(t->stack, t->vm->options.stack_size + STACK_ROOM);
    for (struct handles *h = t->handles, *prev; h; h = prev) {
        prev = h->prev;
        free(h);
    }
    pthread_mutex_destroy(&t->park_lock);
    pthread_cond_destroy(&t->park_cond);
    free(t);
}

/* Into the list, as a thread that is safe. */
static void enlist(struct thread *t)
{
    struct vm *vm = t->vm;
    pthread_mutex_lock(&vm->threads_lock);
    t->state         = SAFE;
    t->id            = free_id(vm);
    t->next          = vm->threads;
    vm->threads      = t;
    vm->by_id[t->id] = t;
    vm->nthreads++;
    vm->started_threads++;
    vm->ndaemons += t->daemon;
    vm->peak_threads = MAX(vm->peak_threads, vm->nthreads);
    if (vm->stopping) {
        t->poll      = 1;
        t->stack_end = t->stack;
    }
    pthread_mutex_unlock(&vm->threads_lock);
}

struct thread *thread_attach(struct vm *vm, bool daemon)
{
    struct thread *t = thread_new(vm);
    t->self          = pthread_self();
    t->attached      = true;
    t->daemon        = daemon;
    find_c_stack(t);
    t->c_top = t->c_base;
    current  = t;
    enlist(t);
    thread_enter(t);
    return t;
}

/* The thread is safe from here on, and gone. */
void thread_detach(struct thread *t)
{
    struct vm *vm = t->vm;
    heap_retire(t);
    thread_leave(t);
    pthread_mutex_lock(&vm->threads_lock);
    struct thread **at = &vm->threads;
    while (*at != t)
        at = &(*at)->next;
    *at              = t->next;
    vm->by_id[t->id] = NULL;
    vm->nthreads--;
    vm->ndaemons -= t->daemon;
    pthread_cond_broadcast(&vm->threads_cond);
    pthread_mutex_unlock(&vm->threads_lock);
    current = NULL;
    thread_free(t);
}

struct thread *thread_of(const struct object *java)
{
    return (struct thread *)AT(java, u64, thread_current()->vm->k.Thread_eetop);
}

enum thread_status thread_set_status(struct thread *t, enum thread_status status)
{
    if (!t->java)
        return status;
    i32               *at  = &AT(t->java, i32, t->vm->k.Thread_threadStatus);
    enum thread_status was = (enum thread_status) * at;
    *at                    = (i32)status;
    return was;
}

/* Thread.exit, waking those who join, and the end of what JVMS calls the thread. */
static void finish(struct thread *t)
{
    struct vm     *vm      = t->vm;
    struct object *java    = t->java;
    union value    args[2] = {{.o = java}, {.o = t->exception}};
    if (t->exception) {
        t->exception = NULL;
        call_method(t, vm->k.Thread_dispatchUncaughtException, args);
        t->exception = NULL;
    }
    call_method(t, vm->k.Thread_exit, args);
    t->exception = NULL;
    monitor_enter(t, java);
    AT(java, i32, vm->k.Thread_threadStatus) = STATUS_TERMINATED;
    pthread_mutex_lock(&vm->threads_lock);
    AT(java, u64, vm->k.Thread_eetop) = 0;
    pthread_mutex_unlock(&vm->threads_lock);
    monitor_notify(t, java, true);
    monitor_exit(t, java);
}

void thread_finish(struct thread *t)
{
    finish(t);
}

static void *thread_main(void *arg)
{
    struct thread *t  = arg;
    struct vm     *vm = t->vm;
    current           = t;
    find_c_stack(t);
    thread_enter(t);
    union value args[1] = {{.o = t->java}};
    call_method(t, class_select(class_of(t->java), vm->k.Thread_run), args);
    finish(t);
    thread_detach(t);
    return NULL;
}

bool thread_start(struct thread *self, struct object *java)
{
    struct vm     *vm   = self->vm;
    struct thread *t    = thread_new(vm);
    u64            want = MAX((u64)AT(java, i64, vm->k.Thread_stackSize), MiB(1));
    pthread_attr_t attr;
    t->java   = java;
    t->daemon = AT(java, u8, vm->k.Thread_daemon);
    enlist(t);
    AT(java, u64, vm->k.Thread_eetop)        = (u64)t;
    AT(java, i32, vm->k.Thread_threadStatus) = STATUS_RUNNABLE;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, (size_t)ALIGN_UP(MIN(want, GiB(1)), 4096ull));
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int err = pthread_create(&t->self, &attr, thread_main, t);
    pthread_attr_destroy(&attr);
    if (!err)
        return true;
    AT(java, u64, vm->k.Thread_eetop) = 0;
    pthread_mutex_lock(&vm->threads_lock);
    struct thread **at = &vm->threads;
    while (*at != t)
        at = &(*at)->next;
    *at              = t->next;
    vm->by_id[t->id] = NULL;
    vm->nthreads--;
    vm->ndaemons -= t->daemon;
    pthread_mutex_unlock(&vm->threads_lock);
    thread_free(t);
    throw_oom(self, "unable to create native thread: possibly out of memory or process/resource "
                    "limits reached");
    return false;
}

/* What a callee keeps was spilled by thread_leave, above this frame. */
__attribute__((noinline)) void thread_leave_slow(struct thread *t)
{
    t->c_top = __builtin_frame_address(0);
    atomic_store(&t->state, SAFE);
    if (unlikely(atomic_load(&t->vm->stopping))) {
        pthread_mutex_lock(&t->vm->threads_lock);
        pthread_cond_broadcast(&t->vm->threads_cond);
        pthread_mutex_unlock(&t->vm->threads_lock);
    }
}

void thread_enter_slow(struct thread *t)
{
    struct vm *vm = t->vm;
    atomic_store(&t->state, IN_VM);
    while (unlikely(atomic_load(&vm->stopping)) && vm->stopper != t) {
        atomic_store(&t->state, SAFE);
        pthread_mutex_lock(&vm->threads_lock);
        pthread_cond_broadcast(&vm->threads_cond);
        while (vm->stopping)
            pthread_cond_wait(&vm->threads_cond, &vm->threads_lock);
        pthread_mutex_unlock(&vm->threads_lock);
        atomic_store(&t->state, IN_VM);
    }
}

void thread_poll(struct thread *t)
{
    thread_leave(t);
    thread_enter(t);
}

static bool all_safe(struct vm *vm, struct thread *but)
{
    for (struct thread *t = vm->threads; t; t = t->next) {
        if (t != but && atomic_load(&t->state) != SAFE)
            return false;
    }
    return true;
}

static void set_poll(struct vm *vm, bool on)
{
    for (struct thread *t = vm->threads; t; t = t->next) {
        t->poll = on;
        __atomic_store_n(&t->stack_end, on ? t->stack : t->stack + t->stack_slots,
                         __ATOMIC_RELAXED);
    }
}

void world_stop(struct thread *t)
{
    struct vm *vm = t->vm;
    thread_leave(t);
    pthread_mutex_lock(&vm->threads_lock);
    while (vm->stopping)
        pthread_cond_wait(&vm->threads_cond, &vm->threads_lock);
    vm->stopper = t;
    atomic_store(&vm->stopping, 1);
    atomic_store(&t->state, IN_VM);
    set_poll(vm, true);
    while (!all_safe(vm, t))
        pthread_cond_wait(&vm->threads_cond, &vm->threads_lock);
    pthread_mutex_unlock(&vm->threads_lock);
}

void world_go(struct thread *t)
{
    struct vm *vm = t->vm;
    pthread_mutex_lock(&vm->threads_lock);
    set_poll(vm, false);
    vm->stopper = NULL;
    atomic_store(&vm->stopping, 0);
    pthread_cond_broadcast(&vm->threads_cond);
    pthread_mutex_unlock(&vm->threads_lock);
}

struct object **handle_new(struct thread *t, struct object *o)
{
    if (!o)
        return NULL;
    struct handles *h = t->handles;
    if (h->used == HANDLES) {
        struct handles *more = xnew(struct handles);
        more->prev           = h;
        t->handles = h = more;
    }
    h->slot[h->used] = o;
    return &h->slot[h->used++];
}

/* Marks are the address of the next slot. */
void *handle_mark(struct thread *t)
{
    return &t->handles->slot[t->handles->used];
}

void handle_release(struct thread *t, void *mark)
{
    struct handles *h  = t->handles;
    struct object **to = mark;
    while (to < h->slot || to > h->slot + HANDLES) {
        t->handles = h->prev;
        free(h);
        h = t->handles;
    }
    h->used = (u32)(to - h->slot);
}

/* java/monitor.c - what synchronized, wait and notify do, and identity hashes: JLS 17.
 *
 * An object's lock word, by its two low bits: FREE, with the identity hash above (0: none yet);
 * THIN, with the owner's number and how often it entered again; FAT, with the number of a monitor,
 * which then has the hash. A thin lock becomes fat when somebody has to wait, when there is a hash
 * to keep, or when the count is full. A fat one stays until its object is gone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "java/vm.h"

enum { FREE, THIN, FAT, STATE = 3 };
enum { OWNER_SHIFT = 2, COUNT_SHIFT = 18, COUNT_ONE = 1 << COUNT_SHIFT };

struct waiter {
    struct waiter *next;
    struct thread *thread;
    pthread_cond_t cond;
    bool           notified;
};

struct monitor {
    struct object  *object;
    struct thread  *owner;
    u32             count, hash, contenders;
    pthread_mutex_t lock;
    pthread_cond_t  freed;
    struct waiter  *first, **last;
};

static u32 word_of(const struct object *o)
{
    return __atomic_load_n(&o->lock, __ATOMIC_ACQUIRE);
}

static bool swap(struct object *o, u32 from, u32 to)
{
    return __atomic_compare_exchange_n(&o->lock, &from, to, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

static struct monitor *monitor_at(struct vm *vm, u32 word)
{
    return __atomic_load_n(&vm->monitors, __ATOMIC_ACQUIRE)[word >> 2];
}

static struct monitor *monitor_new(struct object *o)
{
    struct monitor *m = xnew(struct monitor);
    m->object         = o;
    m->last           = &m->first;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->freed, NULL);
    return m;
}

static void monitor_free(struct monitor *m)
{
    pthread_mutex_destroy(&m->lock);
    pthread_cond_destroy(&m->freed);
    free(m);
}

/* Old tables stay, for those who read without the lock. */
static void grow(struct vm *vm)
{
    if (vm->nmonitors < vm->monitors_size)
        return;
    u32              size = vm->monitors_size ? vm->monitors_size * 2 : 1024;
    struct monitor **rows = arena_alloc(&vm->arena, size * sizeof(*rows));
    if (vm->nmonitors)
        memcpy(rows, vm->monitors, vm->nmonitors * sizeof(*rows));
    __atomic_store_n(&vm->monitors, rows, __ATOMIC_RELEASE);
    vm->monitors_size = size;
}

static u32 number(struct vm *vm, struct monitor *m)
{
    for (u32 i = vm->free_monitors; i < vm->nmonitors; i++) {
        if (!vm->monitors[i]) {
            vm->monitors[i]   = m;
            vm->free_monitors = i + 1;
            return i;
        }
    }
    grow(vm);
    vm->free_monitors           = vm->nmonitors + 1;
    vm->monitors[vm->nmonitors] = m;
    return vm->nmonitors++;
}

/* The fat monitor of O, made if there is none. */
static struct monitor *inflate(struct vm *vm, struct object *o)
{
    u32 word = word_of(o);
    if ((word & STATE) == FAT)
        return monitor_at(vm, word);
    pthread_mutex_lock(&vm->monitors_lock);
    struct monitor *m = monitor_new(o);
    u32             i = number(vm, m);
    for (;;) {
        word = word_of(o);
        if ((word & STATE) == FAT)
            break;
        m->hash  = (word & STATE) == FREE ? word >> 2 : 0;
        m->owner = (word & STATE) == THIN ? vm->by_id[word >> OWNER_SHIFT & 0xffff] : NULL;
        m->count = (word & STATE) == THIN ? word >> COUNT_SHIFT : 0;
        if (swap(o, word, i << 2 | FAT)) {
            pthread_mutex_unlock(&vm->monitors_lock);
            return m;
        }
    }
    vm->monitors[i]   = NULL;
    vm->free_monitors = MIN(vm->free_monitors, i);
    pthread_mutex_unlock(&vm->monitors_lock);
    monitor_free(m);
    return monitor_at(vm, word);
}

/* Waits for the monitor's lock as a safe thread; comes back with it, in the VM. */
static void take(struct thread *t, struct monitor *m)
{
    if (pthread_mutex_trylock(&m->lock) == 0)
        return;
    thread_leave(t);
    pthread_mutex_lock(&m->lock);
    pthread_mutex_unlock(&m->lock);
    thread_enter(t);
    pthread_mutex_lock(&m->lock);
}

/* Until nobody else owns it. M's lock is held before and after. */
static void await_owner(struct thread *t, struct monitor *m)
{
    enum thread_status was = thread_set_status(t, STATUS_BLOCKED);
    t->blocked_on          = m;
    while (m->owner) {
        m->contenders++;
        thread_leave(t);
        pthread_cond_wait(&m->freed, &m->lock);
        m->contenders--;
        pthread_mutex_unlock(&m->lock);
        thread_enter(t);
        pthread_mutex_lock(&m->lock);
    }
    t->blocked_on = NULL;
    thread_set_status(t, was);
}

static void enter_fat(struct thread *t, struct monitor *m)
{
    take(t, m);
    if (m->owner == t) {
        m->count++;
    } else {
        if (m->owner)
            await_owner(t, m);
        m->owner = t;
        m->count = 0;
    }
    pthread_mutex_unlock(&m->lock);
}

bool monitor_enter(struct thread *t, struct object *o)
{
    u32 word = word_of(o);
    if (word == FREE && swap(o, FREE, t->id << OWNER_SHIFT | THIN))
        return true;
    word = word_of(o);
    if ((word & STATE) == THIN && (word >> OWNER_SHIFT & 0xffff) == t->id &&
        word < UINT32_MAX - COUNT_ONE) {
        if (swap(o, word, word + COUNT_ONE))
            return true;
    }
    enter_fat(t, inflate(t->vm, o));
    return true;
}

static bool not_owner(struct thread *t)
{
    throw_new(t, "java/lang/IllegalMonitorStateException", "current thread is not owner");
    return false;
}

static bool exit_fat(struct thread *t, struct monitor *m)
{
    take(t, m);
    bool mine = m->owner == t;
    if (mine && m->count) {
        m->count--;
    } else if (mine) {
        m->owner = NULL;
        if (m->contenders)
            pthread_cond_signal(&m->freed);
    }
    pthread_mutex_unlock(&m->lock);
    return mine ? true : not_owner(t);
}

bool monitor_exit(struct thread *t, struct object *o)
{
    for (;;) {
        u32 word = word_of(o);
        if ((word & STATE) == FAT)
            return exit_fat(t, monitor_at(t->vm, word));
        if ((word & STATE) != THIN || (word >> OWNER_SHIFT & 0xffff) != t->id)
            return not_owner(t);
        if (swap(o, word, word >> COUNT_SHIFT ? word - COUNT_ONE : FREE))
            return true;
    }
}

struct thread *monitor_owner(struct vm *vm, struct object *o)
{
    u32 word = word_of(o);
    if ((word & STATE) == THIN)
        return vm->by_id[word >> OWNER_SHIFT & 0xffff];
    return (word & STATE) == FAT ? monitor_at(vm, word)->owner : NULL;
}

bool monitor_held(struct thread *t, struct object *o)
{
    return monitor_owner(t->vm, o) == t;
}

static struct timespec deadline(i64 ns)
{
    i64 at = os_nanos();
    at     = ns > INT64_MAX - at ? INT64_MAX : at + ns;
    return (struct timespec){at / 1000000000, at % 1000000000};
}

static void unlink_waiter(struct monitor *m, struct waiter *w)
{
    for (struct waiter **at = &m->first; *at; at = &(*at)->next) {
        if (*at != w)
            continue;
        *at = w->next;
        if (!w->next)
            m->last = at;
        return;
    }
}

static void init_waiter(struct waiter *w, struct thread *t)
{
    pthread_condattr_t attr;
    *w = (struct waiter){.thread = t};
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->cond, &attr);
    pthread_condattr_destroy(&attr);
}

static bool is_interrupted(struct thread *t)
{
    return t->java && AT(t->java, u8, t->vm->k.Thread_interrupted);
}

bool thread_take_interrupt(struct thread *t, const char *message)
{
    if (!is_interrupted(t))
        return false;
    AT(t->java, u8, t->vm->k.Thread_interrupted) = 0;
    t->interrupted                               = false;
    throw_new(t, "java/lang/InterruptedException", message ? "%s" : NULL, message);
    return true;
}

/* Gives the monitor up, waits, and has it again with the count it had. M's lock is held. */
static void wait_in(struct thread *t, struct monitor *m, struct waiter *w, i64 ns, bool timed)
{
    struct timespec until = deadline(ns);
    u32             count = m->count;
    m->owner              = NULL;
    *m->last              = w;
    m->last               = &w->next;
    t->waiting_on         = m;
    if (m->contenders)
        pthread_cond_signal(&m->freed);
    enum thread_status was = thread_set_status(t, timed ? STATUS_WAITING_TIMED : STATUS_WAITING);
    thread_leave(t);
    int err = 0;
    while (!w->notified && err != ETIMEDOUT && !t->interrupted)
        err = timed ? pthread_cond_timedwait(&w->cond, &m->lock, &until)
                    : pthread_cond_wait(&w->cond, &m->lock);
    t->waiting_on = NULL;
    if (!w->notified)
        unlink_waiter(m, w);
    pthread_mutex_unlock(&m->lock);
    thread_enter(t);
    thread_set_status(t, was);
    pthread_mutex_lock(&m->lock);
    await_owner(t, m);
    m->owner = t;
    m->count = count;
}

bool monitor_wait(struct thread *t, struct object *o, i64 ns, bool timed)
{
    if (!monitor_held(t, o))
        return not_owner(t);
    if (thread_take_interrupt(t, NULL))
        return false;
    struct monitor *m = inflate(t->vm, o);
    struct waiter   w;
    init_waiter(&w, t);
    take(t, m);
    wait_in(t, m, &w, ns, timed);
    pthread_mutex_unlock(&m->lock);
    pthread_cond_destroy(&w.cond);
    return w.notified || !thread_take_interrupt(t, NULL);
}

bool monitor_notify(struct thread *t, struct object *o, bool all)
{
    if (!monitor_held(t, o))
        return not_owner(t);
    if ((word_of(o) & STATE) != FAT)
        return true;
    struct monitor *m = inflate(t->vm, o);
    take(t, m);
    while (m->first) {
        struct waiter *w = m->first;
        m->first         = w->next;
        if (!m->first)
            m->last = &m->first;
        w->next     = NULL;
        w->notified = true;
        pthread_cond_signal(&w->cond);
        if (!all)
            break;
    }
    pthread_mutex_unlock(&m->lock);
    return true;
}

/* For interrupts: T looks again at what it waits for. */
void monitor_wake(struct thread *t)
{
    struct monitor *m = t->waiting_on;
    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    for (struct waiter *w = m->first; w; w = w->next) {
        if (w->thread == t)
            pthread_cond_signal(&w->cond);
    }
    pthread_mutex_unlock(&m->lock);
}

/* A xorshift of the thread's own; never 0. */
static u32 new_hash(struct vm *vm)
{
    u32 x = __atomic_add_fetch(&vm->hash_seed, 0x9e3779b9, __ATOMIC_RELAXED);
    x     = (x ^ x >> 16) * 0x85ebca6b;
    x     = (x ^ x >> 13) * 0xc2b2ae35;
    x     = (x ^ x >> 16) & 0x3fffffff;
    return x ? x : 1;
}

i32 monitor_hash(struct thread *t, struct object *o)
{
    u32 word = word_of(o);
    if ((word & STATE) == FREE) {
        if (word >> 2)
            return (i32)(word >> 2);
        u32 hash = new_hash(t->vm);
        if (swap(o, FREE, hash << 2))
            return (i32)hash;
    }
    struct monitor *m = inflate(t->vm, o);
    take(t, m);
    if (!m->hash)
        m->hash = new_hash(t->vm);
    i32 hash = (i32)m->hash;
    pthread_mutex_unlock(&m->lock);
    return hash;
}

void monitors_sweep(struct vm *vm, bool (*live)(struct vm *, struct object *))
{
    for (u32 i = 0; i < vm->nmonitors; i++) {
        struct monitor *m = vm->monitors[i];
        if (!m || live(vm, m->object))
            continue;
        vm->monitors[i]   = NULL;
        vm->free_monitors = MIN(vm->free_monitors, i);
        monitor_free(m);
    }
}

/* java/thread.h - a thread that Java runs on, and when it may be stopped.
 *
 * A thread is either in the VM (it runs bytecode, or C code that holds object pointers) or safe
 * (it blocks, or runs native code that holds handles only). Whoever wants all others to stand
 * still waits until each of them is safe; a thread that comes back waits until that is over.
 * In the VM, a thread looks at POLL on each jump and call. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_THREAD_H
#define JAVA_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "java/object.h"

enum { IN_VM, SAFE };
enum { STACK_RESERVE = 4096 }; /* registers that are left for making a StackOverflowError */

enum { HANDLES = 60 };

/* Handles of JNI's local references, a chain of blocks. */
struct handles {
    struct handles *prev;
    u32             used, keep;
    struct object  *slot[HANDLES];
};

struct frame;
struct monitor;

struct thread {
    const void *const *jni; /* first: a JNIEnv * is a struct thread * */
    struct vm         *vm;
    struct frame      *frame;             /* the innermost Java frame */
    union value       *stack, *stack_end; /* END is moved to STACK to get attention */
    u64                stack_slots;
    struct object     *exception;         /* pending */
    u8                *alloc, *alloc_end; /* where the next objects go */
    _Atomic u32        poll;
    u32                id; /* 1 to 65535, in lock words */

    _Atomic u32     state;
    void           *c_base, *c_limit, *c_top; /* the C stack; TOP when safe */
    struct handles *handles;
    struct object  *java;    /* java.lang.Thread */
    struct object  *loading; /* scratch root */
    struct thread  *next;

    pthread_t                 self;
    bool                      attached, daemon, exiting, overflowing;
    u32                       critical;
    pthread_mutex_t           park_lock;
    pthread_cond_t            park_cond;
    bool                      permit;
    _Atomic bool              interrupted;
    _Atomic(struct monitor *) waiting_on;
    struct monitor           *blocked_on;
    struct object            *parked_on;
    void                     *temp[4];
    int                       start_state;
    i64                       allocated;
    struct object            *scoped; /* for ScopedMemoryAccess */
    struct object            *stack_walk;
    struct placeholder       *placeholders; /* classes being loaded, innermost first */
};

struct thread *thread_current(void); /* NULL: this thread is not known */
struct thread *thread_attach(struct vm *, bool daemon);
void           thread_detach(struct thread *);
bool           thread_start(struct thread *, struct object *java);
struct thread *thread_of(const struct object *java); /* under vm->threads_lock; NULL: not alive */

/* Around what may block, and native code. Nothing between them touches the heap. */
void thread_leave_slow(struct thread *);
void thread_enter_slow(struct thread *);

/* Every register that a callee keeps is spilled here, below the caller's frame. */
#define thread_leave(t)                                                                            \
    do {                                                                                           \
        __builtin_unwind_init();                                                                   \
        thread_leave_slow(t);                                                                      \
    } while (0)
#define thread_enter(t) thread_enter_slow(t)

void thread_poll(struct thread *);

/* What Thread.getState is told of, by JVMTI's bits; the status that was before. */
enum thread_status {
    STATUS_NEW           = 0,
    STATUS_TERMINATED    = 2,
    STATUS_RUNNABLE      = 5,
    STATUS_SLEEPING      = 225,
    STATUS_WAITING       = 401,
    STATUS_WAITING_TIMED = 417,
    STATUS_PARKED        = 657,
    STATUS_PARKED_TIMED  = 673,
    STATUS_BLOCKED       = 1025,
};
enum thread_status thread_set_status(struct thread *, enum thread_status);

/* Stops all others; they are safe until the world goes on. */
void world_stop(struct thread *);
void world_go(struct thread *);

struct object **handle_new(struct thread *, struct object *); /* NULL for null */
void           *handle_mark(struct thread *);
void            handle_release(struct thread *, void *mark);

/* monitor.c: false with an exception pending. */
bool           monitor_enter(struct thread *, struct object *);
bool           monitor_exit(struct thread *, struct object *);
bool           monitor_wait(struct thread *, struct object *, i64 ns, bool timed);
bool           monitor_notify(struct thread *, struct object *, bool all);
bool           monitor_held(struct thread *, struct object *);
i32            monitor_hash(struct thread *, struct object *);
struct thread *monitor_owner(struct vm *, struct object *);
void           monitors_sweep(struct vm *, bool (*live)(struct vm *, struct object *));

bool thread_take_interrupt(struct thread *,
                           const char *message); /* true: it was; the exception is pending */
void monitor_wake(struct thread *);
void thread_finish(struct thread *); /* what is to be done before thread_detach */

/* park.c */
void thread_park(struct thread *, bool absolute, i64 time);
void thread_unpark(struct thread *);
bool thread_sleep(struct thread *, i64 ns);
void thread_interrupt(struct thread *);

#endif

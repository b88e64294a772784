/* java/jvm_thread.c - JVM_ functions behind java.lang.Thread and java.lang.ref. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <sys/prctl.h>

#include "base/alloc.h"
#include "java/frames.h"
#include "java/jni.h"
#include "java/jni_fns.h"

EXPORT void JVM_StartThread(jenv t, jobject h)
{
    VM_SCOPE(t);
    if (AT(deref(h), u64, t->vm->k.Thread_eetop))
        throw_new(t, "java/lang/IllegalThreadStateException", NULL);
    else
        thread_start(t, deref(h));
}

EXPORT jobject JVM_CurrentThread(jenv t, jobject ignored)
{
    VM_SCOPE(t);
    (void)ignored;
    return handle_new(t, t->java);
}

EXPORT void JVM_SetThreadPriority(jenv t, jobject h, jint priority)
{
    (void)t, (void)h, (void)priority; /* as HotSpot does by default: all threads are alike */
}

EXPORT void JVM_Yield(jenv t, jobject ignored)
{
    (void)t, (void)ignored;
    sched_yield();
}

EXPORT void JVM_Sleep(jenv t, jobject ignored, jlong ms)
{
    VM_SCOPE(t);
    (void)ignored;
    if (ms < 0)
        throw_new(t, "java/lang/IllegalArgumentException", "timeout value is negative");
    else
        thread_sleep(t, ms > INT64_MAX / 1000000 ? INT64_MAX : ms * 1000000);
}

EXPORT void JVM_Interrupt(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct vm *vm = t->vm;
    pthread_mutex_lock(&vm->threads_lock);
    struct thread *to = thread_of(deref(h));
    if (to)
        thread_interrupt(to);
    pthread_mutex_unlock(&vm->threads_lock);
}

EXPORT jboolean JVM_HoldsLock(jenv t, jobject ignored, jobject h)
{
    VM_SCOPE(t);
    (void)ignored;
    if (h && deref(h))
        return monitor_held(t, deref(h));
    throw_npe(t);
    return 0;
}

EXPORT void JVM_SetNativeThreadName(jenv t, jobject h, jobject name)
{
    VM_SCOPE(t);
    cleanup_free char *text = string_utf8(t->vm, deref(name));
    if (deref(h) == t->java)
        prctl(PR_SET_NAME, text, 0, 0, 0);
}

EXPORT jobject JVM_GetAllThreads(jenv t, jobject ignored)
{
    VM_SCOPE(t);
    (void)ignored;
    struct vm     *vm = t->vm;
    struct object *a  = heap_array(t, class_array_of(t, vm->k.Thread), (i32)vm->nthreads + 8);
    i32            n  = 0;
    if (!a)
        return NULL;
    pthread_mutex_lock(&vm->threads_lock);
    for (struct thread *u = vm->threads; u && n < array_length(a); u = u->next) {
        if (u->java && AT(u->java, u64, vm->k.Thread_eetop))
            set_element_ref(a, n++, u->java);
    }
    pthread_mutex_unlock(&vm->threads_lock);
    struct object *exact = heap_array(t, class_of(a), n);
    for (i32 i = 0; exact && i < n; i++)
        set_element_ref(exact, i, element_ref(a, i));
    return handle_new(t, exact);
}

enum { DEEPEST = 1024 };

/* Where one thread is; the world is stopped. */
static u32 snapshot(struct thread *t, struct method **methods, int *bcis)
{
    u32 n = 0;
    for (struct frame *f = frame_next(t->frame); f && n < DEEPEST; f = frame_next(f->prev)) {
        if (f->method->more & M_HIDDEN)
            continue;
        methods[n] = f->method;
        bcis[n++]  = frame_bci(f);
    }
    return n;
}

static struct object *trace_of(struct thread *t, struct object *java)
{
    struct method *methods[DEEPEST];
    int            bcis[DEEPEST];
    struct vm     *vm = t->vm;
    world_stop(t);
    struct thread *u = thread_of(java);
    u32            n = u ? snapshot(u, methods, bcis) : 0;
    world_go(t);
    struct object *a = heap_array(t, class_array_of(t, vm->k.StackTraceElement), (i32)n);
    for (u32 i = 0; a && i < n; i++) {
        struct object *e = heap_object(t, vm->k.StackTraceElement);
        if (!e)
            return NULL;
        set_element_ref(a, (i32)i, e);
        if (!trace_element(t, e, methods[i], bcis[i]))
            return NULL;
    }
    return a;
}

EXPORT jobject JVM_DumpThreads(jenv t, jobject ignored, jobject threads)
{
    VM_SCOPE(t);
    (void)ignored;
    struct object *list = deref(threads);
    struct class  *k    = class_array_of(t, class_array_of(t, t->vm->k.StackTraceElement));
    struct object *a    = heap_array(t, k, array_length(list));
    for (i32 i = 0; a && i < array_length(list); i++) {
        struct object *trace = trace_of(t, element_ref(list, i));
        if (!trace)
            return NULL;
        set_element_ref(a, i, trace);
    }
    return handle_new(t, a);
}

EXPORT jobject JVM_GetAndClearReferencePendingList(jenv t)
{
    VM_SCOPE(t);
    struct object *o = t->vm->pending;
    t->vm->pending   = NULL;
    return handle_new(t, o);
}

EXPORT jboolean JVM_HasReferencePendingList(jenv t)
{
    VM_SCOPE(t);
    return t->vm->pending != NULL;
}

EXPORT void JVM_WaitForReferencePendingList(jenv t)
{
    struct vm *vm = t->vm;
    pthread_mutex_lock(&vm->pending_lock);
    while (!vm->pending)
        pthread_cond_wait(&vm->pending_cond, &vm->pending_lock);
    pthread_mutex_unlock(&vm->pending_lock);
}

EXPORT jboolean JVM_ReferenceRefersTo(jenv t, jobject h, jobject o)
{
    VM_SCOPE(t);
    return get_ref(deref(h), t->vm->k.Reference_referent) == deref(o);
}

EXPORT jboolean JVM_PhantomReferenceRefersTo(jenv t, jobject h, jobject o)
{
    return JVM_ReferenceRefersTo(t, h, o);
}

EXPORT void JVM_ReferenceClear(jenv t, jobject h)
{
    VM_SCOPE(t);
    put_ref(deref(h), t->vm->k.Reference_referent, NULL);
}

EXPORT jint JVM_IHashCode(jenv t, jobject h)
{
    VM_SCOPE(t);
    return deref(h) ? monitor_hash(t, deref(h)) : 0;
}

EXPORT void *JVM_RawMonitorCreate(void)
{
    pthread_mutex_t *m = xalloc(sizeof(*m));
    pthread_mutex_init(m, NULL);
    return m;
}

EXPORT void JVM_RawMonitorDestroy(void *m)
{
    pthread_mutex_destroy(m);
    free(m);
}

EXPORT jint JVM_RawMonitorEnter(void *m)
{
    return pthread_mutex_lock(m);
}

EXPORT void JVM_RawMonitorExit(void *m)
{
    pthread_mutex_unlock(m);
}

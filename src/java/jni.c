/* java/jni.c - JNI: classes, references, exceptions, reflection, natives. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/jni.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "java/code.h"
#include "java/frames.h"
#include "java/globals.h"
#include "java/jni_fns.h"
#include "java/modules.h"

void vm_scope_out(struct vm_scope *s)
{
    if (s->was == SAFE)
        thread_leave(s->thread);
}

jint jni_GetVersion(jenv t)
{
    (void)t;
    return JNI_VERSION_10;
}

jobject jni_DefineClass(jenv t, const char *name, jobject loader, const jbyte *bytes, jint n)
{
    VM_SCOPE(t);
    u8 *copy = arena_alloc(&t->vm->arena, (size_t)n);
    memcpy(copy, bytes, (size_t)n);
    struct class_source src = {
        copy, (u32)n, loader_of(t, deref(loader)), name ? symbol(t->vm, name) : NULL, false, 0};
    struct class *c = loader_define(t, src.loader, &src, NULL);
    return c ? handle_new(t, c->mirror) : NULL;
}

/* The loader of the native method that asks; the system's, when there is none. */
static struct loader *asking_loader(struct thread *t)
{
    struct vm    *vm = t->vm;
    struct frame *f  = frame_next(t->frame);
    if (f && !(f->method->cls->loader == &vm->boot &&
               symbol_is(f->method->cls->name, "jdk/internal/loader/NativeLibraries")))
        return f->method->cls->loader;
    if (vm->boot_phase < 3)
        return &vm->boot;
    struct object *l = call_method(t, vm->k.ClassLoader_getSystemClassLoader, NULL).o;
    return t->exception ? &vm->boot : loader_of(t, l);
}

jobject jni_FindClass(jenv t, const char *name)
{
    VM_SCOPE(t);
    struct class *c = load_class(t, symbol(t->vm, name), asking_loader(t));
    if (c && !class_init(t, c))
        c = NULL;
    return c ? handle_new(t, c->mirror) : NULL;
}

void *jni_FromReflectedMethod(jenv t, jobject m)
{
    VM_SCOPE(t);
    return reflected_method(t, deref(m));
}

void *jni_FromReflectedField(jenv t, jobject f)
{
    VM_SCOPE(t);
    return reflected_field(t, deref(f));
}

jobject jni_ToReflectedMethod(jenv t, jobject c, struct method *m, jboolean is_static)
{
    VM_SCOPE(t);
    (void)c, (void)is_static;
    return handle_new(t,
                      m->name == t->vm->n.init ? reflect_constructor(t, m) : reflect_method(t, m));
}

jobject jni_ToReflectedField(jenv t, jobject c, struct field *f, jboolean is_static)
{
    VM_SCOPE(t);
    (void)c, (void)is_static;
    return handle_new(t, reflect_field(t, f));
}

jobject jni_GetSuperclass(jenv t, jobject c)
{
    VM_SCOPE(t);
    struct class *k    = handle_class(t, c);
    bool          none = k->primitive || class_is_interface(k) || !k->super;
    return none ? NULL : handle_new(t, k->super->mirror);
}

jboolean jni_IsAssignableFrom(jenv t, jobject sub, jobject of)
{
    VM_SCOPE(t);
    struct class *a = handle_class(t, sub), *b = handle_class(t, of);
    return a == b || (!a->primitive && !b->primitive && class_is(a, b));
}

jint jni_Throw(jenv t, jobject e)
{
    VM_SCOPE(t);
    t->exception = deref(e);
    return JNI_OK;
}

jint jni_ThrowNew(jenv t, jobject c, const char *message)
{
    VM_SCOPE(t);
    throw_class(t, handle_class(t, c), message ? string_new(t, message) : NULL);
    return JNI_OK;
}

jobject jni_ExceptionOccurred(jenv t)
{
    VM_SCOPE(t);
    return handle_new(t, t->exception);
}

void jni_ExceptionDescribe(jenv t)
{
    VM_SCOPE(t);
    throw_print(t);
}

void jni_ExceptionClear(jenv t)
{
    t->exception = NULL;
}

jboolean jni_ExceptionCheck(jenv t)
{
    return t->exception != NULL;
}

void jni_FatalError(jenv t, const char *message)
{
    fprintf(stderr, "FATAL ERROR in native method: %s\n", message);
    if (t->vm->options.abort)
        t->vm->options.abort();
    abort();
}

/* A frame's first slot has the mark to go back to. */
jint jni_PushLocalFrame(jenv t, jint capacity)
{
    VM_SCOPE(t);
    (void)capacity;
    struct handles *h = xnew(struct handles);
    h->keep           = 1;
    h->prev           = t->handles;
    t->handles        = h;
    return JNI_OK;
}

jobject jni_PopLocalFrame(jenv t, jobject result)
{
    VM_SCOPE(t);
    struct object *o    = deref(result);
    bool           done = false;
    while (!done && t->handles->prev) {
        struct handles *h = t->handles;
        done              = h->keep;
        t->handles        = h->prev;
        free(h);
    }
    return handle_new(t, o);
}

jobject jni_NewGlobalRef(jenv t, jobject h)
{
    VM_SCOPE(t);
    return global_new(t->vm, deref(h), false);
}

jobject jni_NewWeakGlobalRef(jenv t, jobject h)
{
    VM_SCOPE(t);
    return global_new(t->vm, deref(h), true);
}

void jni_DeleteGlobalRef(jenv t, jobject h)
{
    VM_SCOPE(t);
    if (h)
        global_delete(t->vm, h);
}

void jni_DeleteWeakGlobalRef(jenv t, jobject h)
{
    jni_DeleteGlobalRef(t, h);
}

void jni_DeleteLocalRef(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct object **slot = h;
    struct handles *top  = t->handles;
    if (slot < top->slot || slot >= top->slot + HANDLES) {
        /* One of an earlier block, or an argument in its frame's register. */
        for (struct handles *b = top->prev; b; b = b->prev) {
            if (slot >= b->slot && slot < b->slot + HANDLES)
                *slot = NULL;
        }
        return;
    }
    *slot = NULL;
    while (top->used && !top->slot[top->used - 1])
        top->used--;
}

jboolean jni_IsSameObject(jenv t, jobject a, jobject b)
{
    VM_SCOPE(t);
    return deref(a) == deref(b);
}

jobject jni_NewLocalRef(jenv t, jobject h)
{
    VM_SCOPE(t);
    return handle_new(t, deref(h));
}

jint jni_EnsureLocalCapacity(jenv t, jint n)
{
    (void)t;
    return n >= 0 ? JNI_OK : JNI_ERR;
}

jobject jni_AllocObject(jenv t, jobject c)
{
    VM_SCOPE(t);
    struct class *k = handle_class(t, c);
    if (k->flags & (ACC_ABSTRACT | ACC_INTERFACE)) {
        cleanup_free char *name = class_external(k);
        throw_new(t, "java/lang/InstantiationException", "%s", name);
        return NULL;
    }
    return class_init(t, k) ? handle_new(t, heap_object(t, k)) : NULL;
}

jobject jni_GetObjectClass(jenv t, jobject h)
{
    VM_SCOPE(t);
    return handle_new(t, class_of(deref(h))->mirror);
}

jboolean jni_IsInstanceOf(jenv t, jobject h, jobject c)
{
    VM_SCOPE(t);
    return !h || !deref(h) || class_is(class_of(deref(h)), handle_class(t, c));
}

static struct method *find_method(jenv t, jobject c, const char *name, const char *desc,
                                  bool is_static)
{
    struct class  *k = handle_class(t, c);
    struct symbol *n = symbol(t->vm, name), *d = symbol(t->vm, desc);
    if (!k->primitive && !class_init(t, k))
        return NULL;
    struct method *m = NULL;
    if (n == t->vm->n.init || n == t->vm->n.clinit)
        m = class_method(k, n, d);
    else if (!k->primitive)
        m = class_is_interface(k) ? class_find_imethod(k, n, d) : class_find_method(k, n, d);
    if (m && method_is_static(m) == is_static)
        return m;
    throw_new(t, "java/lang/NoSuchMethodError", "%s", name);
    return NULL;
}

void *jni_GetMethodID(jenv t, jobject c, const char *name, const char *desc)
{
    VM_SCOPE(t);
    return find_method(t, c, name, desc, false);
}

void *jni_GetStaticMethodID(jenv t, jobject c, const char *name, const char *desc)
{
    VM_SCOPE(t);
    return find_method(t, c, name, desc, true);
}

struct native_method {
    const char *name, *desc;
    void       *fn;
};

jint jni_RegisterNatives(jenv t, jobject c, const struct native_method *rows, jint n)
{
    VM_SCOPE(t);
    struct class *k = handle_class(t, c);
    for (jint i = 0; i < n; i++) {
        struct method *m =
            class_method(k, symbol(t->vm, rows[i].name), symbol(t->vm, rows[i].desc));
        if (!m || !(m->flags & ACC_NATIVE)) {
            cleanup_free char *name = class_external(k);
            throw_new(t, "java/lang/NoSuchMethodError",
                      "Method %s.%s%s name or signature does "
                      "not match",
                      name, rows[i].name, rows[i].desc);
            return JNI_ERR;
        }
        if (m->native && !(m->more & M_JNI))
            continue; /* the VM does it itself */
        m->more |= M_JNI;
        m->native = rows[i].fn;
        __atomic_store_n(&m->entry, t->vm->stub_jni, __ATOMIC_RELEASE);
    }
    return JNI_OK;
}

jint jni_UnregisterNatives(jenv t, jobject c)
{
    VM_SCOPE(t);
    struct class *k = handle_class(t, c);
    for (unsigned i = 0; i < k->nmethods; i++) {
        if (k->methods[i].more & M_JNI) {
            k->methods[i].native = NULL;
            k->methods[i].entry  = t->vm->stub_prepare;
        }
    }
    return JNI_OK;
}

jint jni_MonitorEnter(jenv t, jobject h)
{
    VM_SCOPE(t);
    return monitor_enter(t, deref(h)) ? JNI_OK : JNI_ERR;
}

jint jni_MonitorExit(jenv t, jobject h)
{
    VM_SCOPE(t);
    return monitor_exit(t, deref(h)) ? JNI_OK : JNI_ERR;
}

jint jni_GetJavaVM(jenv t, struct vm **out)
{
    *out = t->vm;
    return JNI_OK;
}

jobject jni_NewDirectByteBuffer(jenv t, void *address, jlong capacity)
{
    VM_SCOPE(t);
    struct vm     *vm = t->vm;
    struct object *b =
        class_init(t, vm->k.DirectByteBuffer) ? heap_object(t, vm->k.DirectByteBuffer) : NULL;
    if (!b)
        return NULL;
    jobject     h       = handle_new(t, b);
    union value args[4] = {{.o = b}, {.j = (i64)address}, {.raw = 0}, {.i = (i32)capacity}};
    call_method(t, vm->k.DirectByteBuffer_init, args);
    return t->exception ? NULL : h;
}

void *jni_GetDirectBufferAddress(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct object *b = deref(h);
    return b && class_is(class_of(b), t->vm->k.Buffer) ? (void *)AT(b, i64, t->vm->k.Buffer_address)
                                                       : NULL;
}

jlong jni_GetDirectBufferCapacity(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct object *b = deref(h);
    return b && class_is(class_of(b), t->vm->k.Buffer) ? AT(b, i32, t->vm->k.Buffer_capacity) : -1;
}

jint jni_GetObjectRefType(jenv t, jobject h)
{
    static const u8 types[4] = {[TAG_LOCAL] = 1, [TAG_GLOBAL] = 2, [TAG_WEAK] = 3};
    (void)t;
    return h ? types[(u64)h & 3] : 0;
}

jobject jni_GetModule(jenv t, jobject c)
{
    VM_SCOPE(t);
    return handle_new(t, get_ref(deref(c), t->vm->k.Class_module));
}

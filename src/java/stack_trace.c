/* java/stack_trace.c - backtraces as StackTraceElements, and the stack walker. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/frames.h"
#include "java/jni.h"
#include "java/jni_fns.h"

static struct object *module_field(struct thread *t, struct object *module, const char *name,
                                   const char *desc)
{
    struct field *f = class_find_field(class_of(module), symbol(t->vm, name), symbol(t->vm, desc));
    return f ? get_ref(module, f->offset) : NULL;
}

static void element_module(struct thread *t, struct object *e, struct class *c)
{
    struct vm     *vm = t->vm;
    struct object *m  = get_ref(c->mirror, vm->k.Class_module);
    struct object *l  = c->loader->java;
    if (l)
        put_ref(e, vm->k.StackTraceElement_classLoaderName, get_ref(l, vm->k.ClassLoader_name));
    struct object *name = m ? get_ref(m, vm->k.Module_name) : NULL;
    if (!name)
        return;
    put_ref(e, vm->k.StackTraceElement_moduleName, name);
    struct object *d = module_field(t, m, "descriptor", "Ljava/lang/module/ModuleDescriptor;");
    struct object *v = d ? module_field(t, d, "rawVersionString", "Ljava/lang/String;") : NULL;
    put_ref(e, vm->k.StackTraceElement_moduleVersion, v);
}

bool trace_element(struct thread *t, struct object *e, struct method *m, int bci)
{
    struct vm         *vm   = t->vm;
    struct class      *c    = m->cls;
    struct symbol     *file = class_source_file(c);
    cleanup_free char *name = class_external(c);
    put_ref(e, vm->k.StackTraceElement_declaringClassObject, c->mirror);
    put_ref(e, vm->k.StackTraceElement_declaringClass, string_intern(t, string_new(t, name)));
    put_ref(e, vm->k.StackTraceElement_methodName, string_of(t, m->name));
    if (file)
        put_ref(e, vm->k.StackTraceElement_fileName, string_of(t, file));
    element_module(t, e, c);
    AT(e, i32, vm->k.StackTraceElement_lineNumber) =
        m->flags & ACC_NATIVE ? -2 : method_line(m, bci < 0 ? 0 : (unsigned)bci);
    return !t->exception;
}

EXPORT void JVM_FillInStackTrace(jenv t, jobject h)
{
    VM_SCOPE(t);
    fill_backtrace(t, deref(h));
}

EXPORT void JVM_InitStackTraceElementArray(jenv t, jobject elements, jobject throwable)
{
    VM_SCOPE(t);
    struct object *a = deref(elements), *e = deref(throwable);
    if (!a || !e) {
        throw_npe(t);
        return;
    }
    struct object *trace = get_ref(e, t->vm->k.Throwable_backtrace);
    for (i32 i = 0; trace && i < array_length(a); i++) {
        struct method *m = (struct method *)ELEMENT(trace, u64, 2 * i);
        if (!trace_element(t, element_ref(a, i), m, (int)ELEMENT(trace, i64, 2 * i + 1)))
            return;
    }
}

EXPORT void JVM_InitStackTraceElement(jenv t, jobject element, jobject frame)
{
    VM_SCOPE(t);
    struct vm     *vm = t->vm;
    struct object *f = deref(frame), *mn = get_ref(f, vm->k.StackFrameInfo_memberName);
    struct object *r = get_ref(mn, vm->k.MemberName_method);
    struct method *m = (struct method *)AT(r, u64, vm->k.ResolvedMethodName_vmtarget);
    trace_element(t, deref(element), m, AT(f, i32, vm->k.StackFrameInfo_bci));
}

enum { CLASSES_ONLY = 2, CALLER_ONLY = 4, SHOW_HIDDEN = 0x20, INVOKE_VIRTUAL = 5 };

/* A walk that is under way; the library holds its address as the anchor. */
struct walk {
    struct frame *frame;
    i64           mode;
};

static bool shown(struct thread *t, const struct frame *f, i64 mode)
{
    (void)t;
    return (mode & SHOW_HIDDEN) || !(f->method->more & M_HIDDEN);
}

/* Puts up to N frames into the buffer; how far it went, or -1 with an exception. */
static jint fill(struct thread *t, struct walk *w, jobject frames, jint n, jint start)
{
    struct vm *vm = t->vm;
    jint       at = start;
    for (; w->frame && at < start + n; w->frame = frame_next(w->frame->prev)) {
        struct method *m = w->frame->method;
        if (!shown(t, w->frame, w->mode))
            continue;
        if (w->mode & CLASSES_ONLY) {
            set_element_ref(deref(frames), at++, m->cls->mirror);
            continue;
        }
        struct object *info = element_ref(deref(frames), at++);
        struct object *mn   = get_ref(info, vm->k.StackFrameInfo_memberName);
        if (!member_set_method(t, mn, m, INVOKE_VIRTUAL))
            return -1;
        int bci                                 = frame_bci(w->frame);
        AT(info, i32, vm->k.StackFrameInfo_bci) = bci < 0 ? 0 : bci;
    }
    return at;
}

EXPORT jobject JVM_CallStackWalk(jenv t, jobject stream, jlong mode, jint skip, jint count,
                                 jint start, jobject frames)
{
    VM_SCOPE(t);
    struct vm    *vm     = t->vm;
    struct walk   w      = {frame_next(t->frame), mode};
    struct class *walker = load_class(t, symbol(vm, "java/lang/StackWalker"), &vm->boot);
    while (w.frame && (w.frame->method->cls == walker ||
                       class_is_sub(w.frame->method->cls, vm->k.StackWalker_Stream)))
        w.frame = frame_next(w.frame->prev);
    for (jint i = 0; w.frame && i < skip;) {
        i += shown(t, w.frame, mode);
        w.frame = frame_next(w.frame->prev);
    }
    jint end = fill(t, &w, frames, count, start);
    if (end < 0)
        return NULL;
    union value args[7] = {{.o = deref(stream)}, {.j = (i64)&w}, {.raw = 0}, {.i = skip},
                           {.i = count},         {.i = start},   {.i = end}};
    return handle_new(t, call_method(t, vm->k.StackWalker_Stream_doStackWalk, args).o);
}

EXPORT jint JVM_MoreStackWalk(jenv t, jobject stream, jlong mode, jlong anchor, jint count,
                              jint start, jobject frames)
{
    VM_SCOPE(t);
    (void)stream, (void)mode;
    jint end = fill(t, (struct walk *)anchor, frames, count, start);
    return end < 0 ? start : end;
}

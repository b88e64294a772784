/* java/natives.c - native methods that are the VM's own, called without JNI: ARGS has the
 * arguments, objects as they are, the receiver first. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/natives.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "java/code.h"
#include "java/frames.h"
#include "java/jni.h"
#include "java/quick.h"
#include "java/vm.h"

static const union value nothing = {.raw = 0};

union value of_object(struct object *o)
{
    return (union value){.o = o};
}

union value of_int(i32 i)
{
    return (union value){.j = i};
}

union value of_long(i64 j)
{
    return (union value){.j = j};
}

static union value object_get_class(struct thread *t, union value *args)
{
    (void)t;
    return of_object(class_of(args[0].o)->mirror);
}

static union value object_hash(struct thread *t, union value *args)
{
    return of_int(args[0].o ? monitor_hash(t, args[0].o) : 0);
}

static union value object_clone(struct thread *t, union value *args)
{
    struct class *c = class_of(args[0].o);
    if (!c->dims && !class_is(c, t->vm->k.Cloneable)) {
        cleanup_free char *name = class_external(c);
        throw_new(t, "java/lang/CloneNotSupportedException", "%s", name);
        return nothing;
    }
    struct object *o = heap_clone(t, args[0].o);
    if (o && c->finalizes && !register_finalizer(t, o))
        return nothing;
    return of_object(o);
}

static union value object_notify(struct thread *t, union value *args)
{
    monitor_notify(t, args[0].o, false);
    return nothing;
}

static union value object_notify_all(struct thread *t, union value *args)
{
    monitor_notify(t, args[0].o, true);
    return nothing;
}

static union value object_wait(struct thread *t, union value *args)
{
    i64 ms = args[1].j;
    if (ms < 0)
        throw_new(t, "java/lang/IllegalArgumentException", "timeout value is negative");
    else
        monitor_wait(t, args[0].o, ms > INT64_MAX / 1000000 ? INT64_MAX : ms * 1000000, ms > 0);
    return nothing;
}

static bool copy_checked(struct thread *t, struct object *from, i32 at, struct object *to, i32 into,
                         i32 n)
{
    struct class *element = class_of(to)->element;
    for (i32 i = 0; i < n; i++) {
        struct object *o = element_ref(from, at + i);
        if (o && !class_is(class_of(o), element)) {
            cleanup_free char *b = class_external(element);
            cleanup_free char *c = class_external(class_of(from)->element);
            throw_new(t, "java/lang/ArrayStoreException",
                      "arraycopy: element type mismatch: can not cast one of the elements of %s[] "
                      "to the type of the destination array, %s",
                      c, b);
            return false;
        }
        set_element_ref(to, into + i, o);
    }
    return true;
}

static const char *array_words(struct class *c, char *out, size_t n)
{
    cleanup_free char *name = class_external(c->element);
    if (c->elem == T_REF)
        snprintf(out, n, "object array");
    else
        snprintf(out, n, "%s", name);
    return out;
}

static bool kinds_match(struct thread *t, struct class *a, struct class *b)
{
    char x[64], y[64];
    if (!a->dims || !b->dims) {
        cleanup_free char *name = class_external(a->dims ? b : a);
        throw_new(t, "java/lang/ArrayStoreException", "arraycopy: %s type %s is not an array",
                  a->dims ? "destination" : "source", name);
        return false;
    }
    if (a->elem == b->elem)
        return true;
    if (a->elem != T_REF && b->elem != T_REF)
        throw_new(t, "java/lang/ArrayStoreException",
                  "arraycopy: type mismatch: can not copy %s[] into %s[]",
                  array_words(a, x, sizeof(x)), array_words(b, y, sizeof(y)));
    else
        throw_new(t, "java/lang/ArrayStoreException",
                  "arraycopy: type mismatch: can not copy %s%s into %s%s",
                  array_words(a, x, sizeof(x)), a->elem == T_REF ? "[]" : "[]",
                  array_words(b, y, sizeof(y)), "[]");
    return false;
}

static bool range_ok(struct thread *t, struct object *from, i32 at, struct object *to, i32 into,
                     i32 n)
{
    struct class *c = class_of(from);
    char          words[64], kind[80];
    i64           fl = array_length(from), tl = array_length(to);
    snprintf(kind, sizeof(kind), "%s%s", array_words(c, words, sizeof(words)), "[");
    if (at >= 0 && into >= 0 && n >= 0 && (i64)at + n <= fl && (i64)into + n <= tl)
        return true;
    const char *what = c->elem == T_REF ? "object array[" : kind;
    const char *e    = "java/lang/ArrayIndexOutOfBoundsException";
    if (at < 0)
        throw_new(t, e, "arraycopy: source index %d out of bounds for %s%lld]", at, what,
                  (long long)fl);
    else if (into < 0)
        throw_new(t, e, "arraycopy: destination index %d out of bounds for %s%lld]", into, what,
                  (long long)tl);
    else if (n < 0)
        throw_new(t, e, "arraycopy: length %d is negative", n);
    else if ((i64)at + n > fl)
        throw_new(t, e, "arraycopy: last source index %u out of bounds for %s%lld]",
                  (u32)at + (u32)n, what, (long long)fl);
    else
        throw_new(t, e, "arraycopy: last destination index %u out of bounds for %s%lld]",
                  (u32)into + (u32)n, what, (long long)tl);
    return false;
}

void array_copy(struct thread *t, struct object *from, i32 at, struct object *to, i32 into, i32 n)
{
    if (!from || !to) {
        throw_npe(t);
        return;
    }
    struct class *a = class_of(from), *b = class_of(to);
    if (!kinds_match(t, a, b) || !range_ok(t, from, at, to, into, n))
        return;
    if (a->elem == T_REF && a != b && !class_is(a->element, b->element)) {
        copy_checked(t, from, at, to, into, n);
        return;
    }
    memmove((u8 *)to + ARRAY_BASE + ((u64)(u32)into << b->shift),
            (u8 *)from + ARRAY_BASE + ((u64)(u32)at << a->shift), (u64)(u32)n << a->shift);
}

static union value system_arraycopy(struct thread *t, union value *args)
{
    array_copy(t, args[0].o, args[1].i, args[2].o, args[3].i, args[4].i);
    return nothing;
}

static union value system_nanos(struct thread *t, union value *args)
{
    (void)t, (void)args;
    return of_long(os_nanos());
}

static union value system_millis(struct thread *t, union value *args)
{
    (void)t, (void)args;
    return of_long(os_millis());
}

static union value thread_current_java(struct thread *t, union value *args)
{
    (void)args;
    return of_object(t->java);
}

static union value string_intern_native(struct thread *t, union value *args)
{
    return of_object(string_intern(t, args[0].o));
}

static union value same_bits(struct thread *t, union value *args)
{
    (void)t;
    return args[0];
}

static union value reflection_caller(struct thread *t, union value *args)
{
    (void)args;
    struct class *c = caller_class(t);
    return of_object(c ? c->mirror : NULL);
}

static union value class_is_instance(struct thread *t, union value *args)
{
    struct class *c = mirror_class(t, args[0].o);
    return of_int(args[1].o && !c->primitive && class_is(class_of(args[1].o), c));
}

static union value class_is_assignable(struct thread *t, union value *args)
{
    if (!args[1].o) {
        throw_npe(t);
        return nothing;
    }
    struct class *c = mirror_class(t, args[0].o), *k = mirror_class(t, args[1].o);
    return of_int(c == k || (!c->primitive && !k->primitive && class_is(k, c)));
}

static union value class_is_interface_native(struct thread *t, union value *args)
{
    return of_int(class_is_interface(mirror_class(t, args[0].o)));
}

static union value class_is_array(struct thread *t, union value *args)
{
    return of_int(mirror_class(t, args[0].o)->dims != 0);
}

static union value class_is_primitive(struct thread *t, union value *args)
{
    return of_int(mirror_class(t, args[0].o)->primitive);
}

static union value class_is_hidden(struct thread *t, union value *args)
{
    return of_int(mirror_class(t, args[0].o)->hidden);
}

static union value class_superclass(struct thread *t, union value *args)
{
    struct class *c    = mirror_class(t, args[0].o);
    bool          none = c->primitive || class_is_interface(c) || !c->super;
    return of_object(none ? NULL : c->super->mirror);
}

static union value do_nothing(struct thread *t, union value *args)
{
    (void)t, (void)args;
    return nothing;
}

static const struct native_row object_rows[] = {
    {"getClass", "()Ljava/lang/Class;", object_get_class},
    {"hashCode", "()I", object_hash},
    {"clone", "()Ljava/lang/Object;", object_clone},
    {"notify", "()V", object_notify},
    {"notifyAll", "()V", object_notify_all},
    {"wait", "(J)V", object_wait},
    {NULL, NULL, NULL},
};

static const struct native_row system_rows[] = {
    {"arraycopy", "(Ljava/lang/Object;ILjava/lang/Object;II)V", system_arraycopy},
    {"identityHashCode", "(Ljava/lang/Object;)I", object_hash},
    {"nanoTime", "()J", system_nanos},
    {"currentTimeMillis", "()J", system_millis},
    {NULL, NULL, NULL},
};

static const struct native_row class_rows[] = {
    {"isInstance", "(Ljava/lang/Object;)Z", class_is_instance},
    {"isAssignableFrom", "(Ljava/lang/Class;)Z", class_is_assignable},
    {"isInterface", "()Z", class_is_interface_native},
    {"isArray", "()Z", class_is_array},
    {"isPrimitive", "()Z", class_is_primitive},
    {"isHidden", "()Z", class_is_hidden},
    {"getSuperclass", "()Ljava/lang/Class;", class_superclass},
    {NULL, NULL, NULL},
};

static const struct native_row thread_rows[] = {
    {"currentThread", "()Ljava/lang/Thread;", thread_current_java},
    {NULL, NULL, NULL},
};
static const struct native_row string_rows[] = {
    {"intern", "()Ljava/lang/String;", string_intern_native},
    {NULL, NULL, NULL},
};
static const struct native_row float_rows[] = {
    {"floatToRawIntBits", "(F)I", same_bits},
    {"intBitsToFloat", "(I)F", same_bits},
    {NULL, NULL, NULL},
};
static const struct native_row double_rows[] = {
    {"doubleToRawLongBits", "(D)J", same_bits},
    {"longBitsToDouble", "(J)D", same_bits},
    {NULL, NULL, NULL},
};
static const struct native_row reflection_rows[] = {
    {"getCallerClass", "()Ljava/lang/Class;", reflection_caller},
    {NULL, NULL, NULL},
};
static const struct native_row vector_rows[] = {
    {"registerNatives", "()I", do_nothing},
    {NULL, NULL, NULL},
};

static const struct {
    const char              *cls;
    const struct native_row *rows;
} classes[] = {
    {"java/lang/Object", object_rows},
    {"java/lang/System", system_rows},
    {"java/lang/Class", class_rows},
    {"java/lang/Thread", thread_rows},
    {"java/lang/String", string_rows},
    {"java/lang/Float", float_rows},
    {"java/lang/Double", double_rows},
    {"jdk/internal/reflect/Reflection", reflection_rows},
    {"jdk/internal/misc/Unsafe", unsafe_rows},
    {"java/lang/invoke/MethodHandleNatives", method_handle_rows},
    {"java/lang/invoke/MethodHandle", method_handle_only_rows},
    {"jdk/internal/misc/ScopedMemoryAccess", scoped_rows},
    {"jdk/internal/perf/Perf", perf_rows},
    {"jdk/internal/vm/vector/VectorSupport", vector_rows},
};

void natives_bind(struct thread *t, struct class *c)
{
    struct vm *vm = t->vm;
    for (unsigned i = 0; i < ARRAY_SIZE(classes) && c->loader == &vm->boot; i++) {
        if (!symbol_is(c->name, classes[i].cls))
            continue;
        for (const struct native_row *r = classes[i].rows; r->name; r++) {
            struct method *m = class_method(c, symbol(vm, r->name), symbol(vm, r->desc));
            if (!m || !(m->flags & ACC_NATIVE))
                continue;
            m->native = (void *)r->fn;
            m->entry  = vm->stub_native;
        }
    }
}

/* A method that was not called before: decodes it, or finds its native function. */
bool method_prepare(struct thread *t, struct method *m)
{
    if (!class_link(t, m->cls))
        return false;
    if (m->entry != t->vm->stub_prepare)
        return true;
    if (m->flags & ACC_ABSTRACT) {
        m->entry = t->vm->stub_abstract;
        return true;
    }
    if (!(m->flags & ACC_NATIVE))
        return code_decode(t, m);
    if (m->poly) {
        throw_new(t, "java/lang/UnsupportedOperationException", NULL);
        return false;
    }
    void *fn = native_find(t, m);
    if (!fn)
        return false;
    m->native = fn;
    m->more |= M_JNI;
    __atomic_store_n(&m->entry, t->vm->stub_jni, __ATOMIC_RELEASE);
    return true;
}

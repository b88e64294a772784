/* java/jvm_reflect.c - JVM_ functions behind reflection's calls, arrays and constant pools. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/jni.h"
#include "java/jni_fns.h"
#include "java/natives.h"
#include "java/quick.h"

static bool unpack(struct thread *t, struct method *m, struct object *list, union value *args)
{
    i32 i = 0, n = list ? array_length(list) : 0;
    for (const char *p = m->desc->s + 1; *p != ')'; p = desc_skip(p), i++) {
        if (i >= n) {
            throw_new(t, "java/lang/IllegalArgumentException", "wrong number of arguments");
            return false;
        }
        struct object *o    = element_ref(list, i);
        enum type      type = desc_type(*p);
        if (type == T_REF && o) {
            struct object *mirror = desc_mirror(t, p, m->cls->loader);
            if (!mirror)
                return false;
            if (!class_is(class_of(o), mirror_class(t, mirror))) {
                throw_new(t, "java/lang/IllegalArgumentException", "argument type mismatch");
                return false;
            }
        }
        if (!unbox(t, o, type, args)) {
            throw_new(t, "java/lang/IllegalArgumentException", "argument type mismatch");
            return false;
        }
        args += type == T_LONG || type == T_DOUBLE ? 2 : 1;
    }
    if (i != n)
        throw_new(t, "java/lang/IllegalArgumentException", "wrong number of arguments");
    return i == n;
}

static struct object *invoke(struct thread *t, struct method *m, union value *args)
{
    union value v = call_method(t, m, args);
    if (t->exception) {
        struct object *e = t->exception;
        t->exception     = NULL;
        throw_wrapping(t, t->vm->k.Exceptions_Invocation, e);
        return NULL;
    }
    return box(t, m->result, v);
}

EXPORT jobject JVM_InvokeMethod(jenv t, jobject method, jobject obj, jobject list)
{
    VM_SCOPE(t);
    struct method *m = reflected_method(t, deref(method));
    union value    args[260];
    u32            n = 0;
    if (!class_init(t, m->cls))
        return NULL;
    if (!method_is_static(m)) {
        struct object *o = deref(obj);
        if (!o) {
            throw_npe(t);
            return NULL;
        }
        if (!class_is(class_of(o), m->cls)) {
            throw_new(t, "java/lang/IllegalArgumentException",
                      "object is not an instance of declaring class");
            return NULL;
        }
        args[n++].o = o;
    }
    if (!unpack(t, m, deref(list), args + n))
        return NULL;
    if (n && !(m->flags & ACC_PRIVATE)) {
        struct class *c = class_of(args[0].o);
        m               = class_is_interface(m->cls) ? class_itable(t, c, m)
                          : m->vindex >= 0           ? c->vtable[m->vindex]
                                                     : m;
        if (!m)
            return NULL;
    }
    return handle_new(t, invoke(t, m, args));
}

EXPORT jobject JVM_NewInstanceFromConstructor(jenv t, jobject ctor, jobject list)
{
    VM_SCOPE(t);
    struct method *m = reflected_method(t, deref(ctor));
    union value    args[260];
    if (m->cls->flags & (ACC_ABSTRACT | ACC_INTERFACE)) {
        cleanup_free char *name = class_external(m->cls);
        throw_new(t, "java/lang/InstantiationException", "%s", name);
        return NULL;
    }
    args[0].o = class_init(t, m->cls) ? heap_object(t, m->cls) : NULL;
    if (!args[0].o)
        return NULL;
    jobject h = handle_new(t, args[0].o);
    if (!unpack(t, m, deref(list), args + 1))
        return NULL;
    invoke(t, m, args);
    return t->exception ? NULL : h;
}

EXPORT jint JVM_GetArrayLength(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct object *a = deref(h);
    if (!a)
        throw_npe(t);
    else if (!class_of(a)->dims)
        throw_new(t, "java/lang/IllegalArgumentException", "Argument is not an array");
    return t->exception ? 0 : array_length(a);
}

/* The element's address, or NULL with an exception. */
static u8 *element_at(struct thread *t, struct object *a, jint i)
{
    if (!a) {
        throw_npe(t);
    } else if (!class_of(a)->dims) {
        throw_new(t, "java/lang/IllegalArgumentException", "Argument is not an array");
    } else if ((u32)i >= (u32)array_length(a)) {
        throw_new(t, "java/lang/ArrayIndexOutOfBoundsException",
                  "Index %d out of bounds for "
                  "length %d",
                  i, array_length(a));
    } else {
        return (u8 *)a + ARRAY_BASE + ((u64)(u32)i << class_of(a)->shift);
    }
    return NULL;
}

static union value load_element(const u8 *p, enum type type)
{
    union value v = {.raw = 0};
    switch (type) {
    case T_BOOLEAN:
        v.j = *p;
        break;
    case T_BYTE:
        v.j = *(const i8 *)p;
        break;
    case T_CHAR:
        v.j = *(const u16 *)p;
        break;
    case T_SHORT:
        v.j = *(const i16 *)p;
        break;
    case T_INT:
        v.j = *(const i32 *)p;
        break;
    case T_FLOAT:
        v.u = *(const u32 *)p;
        break;
    case T_REF:
        v.o = ref_object(*(const ref *)p);
        break;
    default:
        v.raw = *(const u64 *)p;
        break;
    }
    return v;
}

static void store_element(u8 *p, enum type type, union value v)
{
    static const u8 sizes[T_REF + 1] = {
        [T_BOOLEAN] = 1, [T_BYTE] = 1,  [T_CHAR] = 2, [T_SHORT] = 2,
        [T_INT] = 4,     [T_FLOAT] = 4, [T_LONG] = 8, [T_DOUBLE] = 8};
    if (type == T_REF)
        *(ref *)p = object_ref(v.o);
    else
        memcpy(p, &v, sizes[type]);
}

EXPORT jobject JVM_GetArrayElement(jenv t, jobject h, jint i)
{
    VM_SCOPE(t);
    u8 *p = element_at(t, deref(h), i);
    if (!p)
        return NULL;
    enum type type = class_of(deref(h))->elem;
    return handle_new(t, box(t, type, load_element(p, type)));
}

/* Widens V of type FROM to TO by way of boxes. */
static bool convert(struct thread *t, enum type from, enum type to, union value *v)
{
    struct object *o = box(t, from, *v);
    return o && unbox(t, o, to, v);
}

EXPORT union value JVM_GetPrimitiveArrayElement(jenv t, jobject h, jint i, jint want)
{
    VM_SCOPE(t);
    union value v = {.raw = 0};
    u8         *p = element_at(t, deref(h), i);
    if (!p)
        return v;
    enum type type = class_of(deref(h))->elem;
    v              = load_element(p, type);
    if (type == T_REF || (type != (enum type)want && !convert(t, type, (enum type)want, &v)))
        throw_new(t, "java/lang/IllegalArgumentException",
                  type == T_REF ? "Argument is not an array of primitive type"
                                : "argument type mismatch");
    return v;
}

EXPORT void JVM_SetArrayElement(jenv t, jobject h, jint i, jobject value)
{
    VM_SCOPE(t);
    u8            *p = element_at(t, deref(h), i);
    struct object *o = deref(value);
    union value    v = {.raw = 0};
    if (!p)
        return;
    struct class *c = class_of(deref(h));
    bool ok = c->elem == T_REF ? !o || class_is(class_of(o), c->element) : unbox(t, o, c->elem, &v);
    if (!ok) {
        throw_new(t, "java/lang/IllegalArgumentException", "%s",
                  c->elem == T_REF ? "array element type mismatch" : "argument type mismatch");
        return;
    }
    if (c->elem == T_REF)
        v.o = o;
    store_element(p, c->elem, v);
}

EXPORT void JVM_SetPrimitiveArrayElement(jenv t, jobject h, jint i, union value v, u8 from)
{
    VM_SCOPE(t);
    u8 *p = element_at(t, deref(h), i);
    if (!p)
        return;
    enum type type = class_of(deref(h))->elem;
    if (type == T_REF || (type != (enum type)from && !convert(t, from, type, &v))) {
        throw_new(t, "java/lang/IllegalArgumentException", "%s",
                  type == T_REF ? "Argument is not an array of primitive type"
                                : "argument type mismatch");
        return;
    }
    store_element(p, type, v);
}

EXPORT jobject JVM_NewArray(jenv t, jobject type, jint n)
{
    VM_SCOPE(t);
    if (!type || !deref(type)) {
        throw_npe(t);
        return NULL;
    }
    struct class *c = handle_class(t, type);
    if (c == class_primitive(t->vm, T_VOID) || c->dims == 255) {
        throw_new(t, "java/lang/IllegalArgumentException", NULL);
        return NULL;
    }
    return handle_new(t, new_array(t, class_array_of(t, c), n));
}

EXPORT jobject JVM_NewMultiArray(jenv t, jobject type, jobject dims)
{
    VM_SCOPE(t);
    if (!type || !dims) {
        throw_npe(t);
        return NULL;
    }
    struct class  *c = handle_class(t, type);
    struct object *d = deref(dims);
    i32            n = array_length(d);
    if (n == 0 || n + c->dims > 255 || c == class_primitive(t->vm, T_VOID)) {
        throw_new(t, "java/lang/IllegalArgumentException", NULL);
        return NULL;
    }
    for (i32 i = 0; i < n; i++)
        c = class_array_of(t, c);
    return handle_new(t, multi_array_of(t, c, (unsigned)n, &ELEMENT(d, i32, 0)));
}

EXPORT void JVM_ArrayCopy(jenv t, jobject ignored, jobject from, jint at, jobject to, jint into,
                          jint n)
{
    VM_SCOPE(t);
    (void)ignored;
    array_copy(t, deref(from), at, deref(to), into, n);
}

/* Constant pools, as annotations are parsed with. H is a jdk.internal.reflect.ConstantPool; POOL,
 * what it has in constantPoolOop, is the class's mirror. */
static struct class *pool_class(jenv t, jobject pool, jint i, u8 tag)
{
    struct class *c = handle_class(t, pool);
    if (i > 0 && i < c->ncp && (!tag || c->tags[i] == tag))
        return c;
    throw_new(t, "java/lang/IllegalArgumentException", "Wrong type at constant pool index");
    return NULL;
}

EXPORT jint JVM_ConstantPoolGetSize(jenv t, jobject h, jobject pool)
{
    VM_SCOPE(t);
    (void)h;
    return handle_class(t, pool)->ncp;
}

EXPORT jint JVM_ConstantPoolGetIntAt(jenv t, jobject h, jobject pool, jint i)
{
    VM_SCOPE(t);
    (void)h;
    struct class *c = pool_class(t, pool, i, CP_INT);
    return c ? (jint)cp_u4(c, (u16)i) : 0;
}

EXPORT jlong JVM_ConstantPoolGetLongAt(jenv t, jobject h, jobject pool, jint i)
{
    VM_SCOPE(t);
    (void)h;
    struct class *c = pool_class(t, pool, i, CP_LONG);
    return c ? (jlong)cp_u8(c, (u16)i) : 0;
}

EXPORT jfloat JVM_ConstantPoolGetFloatAt(jenv t, jobject h, jobject pool, jint i)
{
    VM_SCOPE(t);
    (void)h;
    struct class *c = pool_class(t, pool, i, CP_FLOAT);
    union value   v = {.u = c ? cp_u4(c, (u16)i) : 0};
    return v.f;
}

EXPORT jdouble JVM_ConstantPoolGetDoubleAt(jenv t, jobject h, jobject pool, jint i)
{
    VM_SCOPE(t);
    (void)h;
    struct class *c = pool_class(t, pool, i, CP_DOUBLE);
    union value   v = {.raw = c ? cp_u8(c, (u16)i) : 0};
    return v.d;
}

EXPORT jobject JVM_ConstantPoolGetStringAt(jenv t, jobject h, jobject pool, jint i)
{
    VM_SCOPE(t);
    (void)h;
    struct class *c = pool_class(t, pool, i, CP_STRING);
    return c ? handle_new(t, resolve_string(t, c, (u16)i)) : NULL;
}

EXPORT jobject JVM_ConstantPoolGetUTF8At(jenv t, jobject h, jobject pool, jint i)
{
    VM_SCOPE(t);
    (void)h;
    struct class *c = pool_class(t, pool, i, CP_UTF8);
    return c ? handle_new(t, string_of(t, cp_utf8(c, (u16)i))) : NULL;
}

EXPORT jobject JVM_ConstantPoolGetClassAt(jenv t, jobject h, jobject pool, jint i)
{
    VM_SCOPE(t);
    (void)h;
    struct class *c = pool_class(t, pool, i, CP_CLASS);
    struct class *k = c ? resolve_class(t, c, (u16)i) : NULL;
    return k ? handle_new(t, k->mirror) : NULL;
}

EXPORT jbyte JVM_ConstantPoolGetTagAt(jenv t, jobject h, jobject pool, jint i)
{
    VM_SCOPE(t);
    (void)h;
    struct class *c = pool_class(t, pool, i, 0);
    return c ? (jbyte)c->tags[i] : 0;
}

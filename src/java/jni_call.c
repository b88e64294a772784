/* java/jni_call.c - JNI: calls of methods, by each result type and each way to pass arguments. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/jni.h"
#include "java/jni_fns.h"

enum { SLOTS = 256 };

/* Arguments come as C's variable ones, or in an array of jvalue. */
struct source {
    va_list           *ap;
    const union value *values;
};

static union value next_value(struct source *s, enum type type)
{
    union value v = {.raw = 0};
    if (s->values) {
        v = *s->values++;
        if (type == T_REF)
            v.o = deref(v.o);
        else if (type == T_BOOLEAN || type == T_BYTE)
            v.i = type == T_BYTE ? (i8)v.i : v.i & 0xff;
        else if (type == T_CHAR || type == T_SHORT)
            v.i = type == T_SHORT ? (i16)v.i : v.i & 0xffff;
        return v;
    }
    switch (type) {
    case T_REF:
        v.o = deref(va_arg(*s->ap, void *));
        break;
    case T_LONG:
        v.j = va_arg(*s->ap, i64);
        break;
    case T_DOUBLE:
        v.d = va_arg(*s->ap, double);
        break;
    case T_FLOAT:
        v.f = (float)va_arg(*s->ap, double);
        break;
    default:
        v.i = va_arg(*s->ap, int);
        break;
    }
    return v;
}

static union value invoke(jenv t, struct object *self, struct method *m, struct source *s)
{
    union value args[SLOTS];
    u32         n = 0;
    if (self)
        args[n++].o = self;
    for (const char *p = m->desc->s + 1; *p != ')'; p = desc_skip(p)) {
        args[n++] = next_value(s, desc_type(*p));
        if (*p == 'J' || *p == 'D')
            n++;
    }
    if (t->exception) /* a caller that did not look; what it calls would be lost */
        return (union value){.raw = 0};
    return call_method(t, m, args);
}

static struct method *virtual_of(jenv t, struct object *o, struct method *m)
{
    if ((m->flags & ACC_PRIVATE) || m->name == t->vm->n.init)
        return m;
    if (class_is_interface(m->cls))
        return class_itable(t, class_of(o), m);
    return m->vindex >= 0 ? class_of(o)->vtable[m->vindex] : m;
}

enum how { VIRTUAL, NONVIRTUAL, STATIC };

static union value call(jenv t, enum how how, jobject h, struct method *m, struct source *s)
{
    struct object *o = how == STATIC ? NULL : deref(h);
    if (how == VIRTUAL)
        m = virtual_of(t, o, m);
    if (!m)
        return (union value){.raw = 0};
    return invoke(t, o, m, s);
}

/* One family: NAME, NAMEV and NAMEA. CLASS is an argument that nonvirtual calls have more. */
#define CALL3(name, T, result, how, ...)                                                           \
    T jni_##name(jenv t, jobject h, __VA_ARGS__ struct method *m, ...)                             \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        va_list ap;                                                                                \
        va_start(ap, m);                                                                           \
        struct source      s = {.ap = &ap};                                                        \
        UNUSED union value v = call(t, how, h, m, &s);                                             \
        va_end(ap);                                                                                \
        result;                                                                                    \
    }                                                                                              \
    T jni_##name##V(jenv t, jobject h, __VA_ARGS__ struct method *m, va_list list)                 \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        va_list ap;                                                                                \
        va_copy(ap, list);                                                                         \
        struct source      s = {.ap = &ap};                                                        \
        UNUSED union value v = call(t, how, h, m, &s);                                             \
        va_end(ap);                                                                                \
        result;                                                                                    \
    }                                                                                              \
    T jni_##name##A(jenv t, jobject h, __VA_ARGS__ struct method *m, const union value *args)      \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        struct source      s = {.values = args};                                                   \
        UNUSED union value v = call(t, how, h, m, &s);                                             \
        result;                                                                                    \
    }

#define COMMA ,
#define CALLS(type, T, result)                                                                     \
    CALL3(Call##type##Method, T, result, VIRTUAL, )                                                \
    CALL3(CallNonvirtual##type##Method, T, result, NONVIRTUAL, UNUSED jobject c COMMA)             \
    CALL3(CallStatic##type##Method, T, result, STATIC, )

CALLS(Object, jobject, return handle_new(t, v.o))
CALLS(Boolean, jboolean, return v.i != 0)
CALLS(Byte, jbyte, return (jbyte)v.i)
CALLS(Char, jchar, return (jchar)v.i)
CALLS(Short, jshort, return (jshort)v.i)
CALLS(Int, jint, return v.i)
CALLS(Long, jlong, return v.j)
CALLS(Float, jfloat, return v.f)
CALLS(Double, jdouble, return v.d)
CALLS(Void, void, )

static jobject make(jenv t, jobject c, struct method *m, struct source *s)
{
    jobject h = jni_AllocObject(t, c);
    if (h)
        invoke(t, deref(h), m, s);
    return t->exception ? NULL : h;
}

jobject jni_NewObject(jenv t, jobject c, struct method *m, ...)
{
    VM_SCOPE(t);
    va_list ap;
    va_start(ap, m);
    struct source s = {.ap = &ap};
    jobject       h = make(t, c, m, &s);
    va_end(ap);
    return h;
}

jobject jni_NewObjectV(jenv t, jobject c, struct method *m, va_list list)
{
    VM_SCOPE(t);
    va_list ap;
    va_copy(ap, list);
    struct source s = {.ap = &ap};
    jobject       h = make(t, c, m, &s);
    va_end(ap);
    return h;
}

jobject jni_NewObjectA(jenv t, jobject c, struct method *m, const union value *args)
{
    VM_SCOPE(t);
    struct source s = {.values = args};
    return make(t, c, m, &s);
}

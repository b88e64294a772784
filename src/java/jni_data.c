/* java/jni_data.c - JNI: fields, strings, arrays.
 *
 * Nothing moves in the heap, so that an array's elements are handed out where they are. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/jni.h"
#include "java/jni_fns.h"

static struct field *find_field(jenv t, jobject c, const char *name, const char *desc,
                                bool is_static)
{
    struct class *k = handle_class(t, c);
    if (!class_init(t, k))
        return NULL;
    struct field *f = class_find_field(k, symbol(t->vm, name), symbol(t->vm, desc));
    if (f && !!(f->flags & ACC_STATIC) == is_static)
        return f;
    throw_new(t, "java/lang/NoSuchFieldError", "%s", name);
    return NULL;
}

void *jni_GetFieldID(jenv t, jobject c, const char *name, const char *desc)
{
    VM_SCOPE(t);
    return find_field(t, c, name, desc, false);
}

void *jni_GetStaticFieldID(jenv t, jobject c, const char *name, const char *desc)
{
    VM_SCOPE(t);
    return find_field(t, c, name, desc, true);
}

#define FIELD(type, T, M)                                                                          \
    T jni_Get##type##Field(jenv t, jobject h, const struct field *f)                               \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        return __atomic_load_n(&AT(deref(h), T, f->offset), __ATOMIC_SEQ_CST);                     \
    }                                                                                              \
    void jni_Set##type##Field(jenv t, jobject h, const struct field *f, M v)                       \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        __atomic_store_n(&AT(deref(h), T, f->offset), (T)v, __ATOMIC_SEQ_CST);                     \
    }                                                                                              \
    T jni_GetStatic##type##Field(jenv t, jobject c, const struct field *f)                         \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        (void)c;                                                                                   \
        return __atomic_load_n(&AT(f->cls->mirror, T, f->offset), __ATOMIC_SEQ_CST);               \
    }                                                                                              \
    void jni_SetStatic##type##Field(jenv t, jobject c, const struct field *f, M v)                 \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        (void)c;                                                                                   \
        __atomic_store_n(&AT(f->cls->mirror, T, f->offset), (T)v, __ATOMIC_SEQ_CST);               \
    }

FIELD(Boolean, jboolean, jboolean)
FIELD(Byte, jbyte, jbyte)
FIELD(Char, jchar, jchar)
FIELD(Short, jshort, jshort)
FIELD(Int, jint, jint)
FIELD(Long, jlong, jlong)

#define FLOAT_FIELD(type, T)                                                                       \
    T jni_Get##type##Field(jenv t, jobject h, const struct field *f)                               \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        return AT(deref(h), volatile T, f->offset);                                                \
    }                                                                                              \
    void jni_Set##type##Field(jenv t, jobject h, const struct field *f, T v)                       \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        AT(deref(h), volatile T, f->offset) = v;                                                   \
    }                                                                                              \
    T jni_GetStatic##type##Field(jenv t, jobject c, const struct field *f)                         \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        (void)c;                                                                                   \
        return AT(f->cls->mirror, volatile T, f->offset);                                          \
    }                                                                                              \
    void jni_SetStatic##type##Field(jenv t, jobject c, const struct field *f, T v)                 \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        (void)c;                                                                                   \
        AT(f->cls->mirror, volatile T, f->offset) = v;                                             \
    }

FLOAT_FIELD(Float, jfloat)
FLOAT_FIELD(Double, jdouble)

jobject jni_GetObjectField(jenv t, jobject h, const struct field *f)
{
    VM_SCOPE(t);
    return handle_new(t,
                      ref_object(__atomic_load_n(&AT(deref(h), ref, f->offset), __ATOMIC_SEQ_CST)));
}

void jni_SetObjectField(jenv t, jobject h, const struct field *f, jobject v)
{
    VM_SCOPE(t);
    __atomic_store_n(&AT(deref(h), ref, f->offset), object_ref(deref(v)), __ATOMIC_SEQ_CST);
}

jobject jni_GetStaticObjectField(jenv t, jobject c, const struct field *f)
{
    VM_SCOPE(t);
    (void)c;
    return handle_new(
        t, ref_object(__atomic_load_n(&AT(f->cls->mirror, ref, f->offset), __ATOMIC_SEQ_CST)));
}

void jni_SetStaticObjectField(jenv t, jobject c, const struct field *f, jobject v)
{
    VM_SCOPE(t);
    (void)c;
    __atomic_store_n(&AT(f->cls->mirror, ref, f->offset), object_ref(deref(v)), __ATOMIC_SEQ_CST);
}

jobject jni_NewString(jenv t, const jchar *units, jint n)
{
    VM_SCOPE(t);
    return handle_new(t, string_utf16(t, units, n));
}

jint jni_GetStringLength(jenv t, jobject s)
{
    VM_SCOPE(t);
    return string_length(t->vm, deref(s));
}

static void copy_units(jenv t, struct object *s, jint from, jint n, jchar *out)
{
    for (jint i = 0; i < n; i++)
        out[i] = string_at(t->vm, s, from + i);
}

const jchar *jni_GetStringChars(jenv t, jobject h, jboolean *is_copy)
{
    VM_SCOPE(t);
    struct object *s   = deref(h);
    jint           n   = string_length(t->vm, s);
    jchar         *out = xalloc(((size_t)n + 1) * sizeof(*out));
    copy_units(t, s, 0, n, out);
    if (is_copy)
        *is_copy = 1;
    return out;
}

void jni_ReleaseStringChars(jenv t, jobject h, const jchar *p)
{
    (void)t, (void)h;
    free((void *)p);
}

const jchar *jni_GetStringCritical(jenv t, jobject h, jboolean *is_copy)
{
    return jni_GetStringChars(t, h, is_copy);
}

void jni_ReleaseStringCritical(jenv t, jobject h, const jchar *p)
{
    jni_ReleaseStringChars(t, h, p);
}

jobject jni_NewStringUTF(jenv t, const char *s)
{
    VM_SCOPE(t);
    return s ? handle_new(t, string_new(t, s)) : NULL;
}

jint jni_GetStringUTFLength(jenv t, jobject h)
{
    VM_SCOPE(t);
    cleanup_free char *s = string_utf8(t->vm, deref(h));
    return (jint)strlen(s);
}

const char *jni_GetStringUTFChars(jenv t, jobject h, jboolean *is_copy)
{
    VM_SCOPE(t);
    if (is_copy)
        *is_copy = 1;
    return string_utf8(t->vm, deref(h));
}

void jni_ReleaseStringUTFChars(jenv t, jobject h, const char *p)
{
    (void)t, (void)h;
    free((void *)p);
}

static bool string_range(jenv t, struct object *s, jint from, jint n)
{
    jint length = string_length(t->vm, s);
    if (from >= 0 && n >= 0 && from <= length && n <= length - from)
        return true;
    throw_new(t, "java/lang/StringIndexOutOfBoundsException", NULL);
    return false;
}

void jni_GetStringRegion(jenv t, jobject h, jint from, jint n, jchar *out)
{
    VM_SCOPE(t);
    if (string_range(t, deref(h), from, n))
        copy_units(t, deref(h), from, n, out);
}

void jni_GetStringUTFRegion(jenv t, jobject h, jint from, jint n, char *out)
{
    VM_SCOPE(t);
    if (!string_range(t, deref(h), from, n))
        return;
    cleanup_free jchar *units = xalloc(((size_t)n + 1) * sizeof(*units));
    copy_units(t, deref(h), from, n, units);
    struct object     *part = string_utf16(t, units, n);
    cleanup_free char *text = part ? string_utf8(t->vm, part) : NULL;
    if (text)
        memcpy(out, text, strlen(text) + 1);
}

jint jni_GetArrayLength(jenv t, jobject h)
{
    VM_SCOPE(t);
    return array_length(deref(h));
}

jobject jni_NewObjectArray(jenv t, jint n, jobject c, jobject init)
{
    VM_SCOPE(t);
    if (n < 0) {
        throw_new(t, "java/lang/NegativeArraySizeException", "%d", n);
        return NULL;
    }
    struct object *a = heap_array(t, class_array_of(t, handle_class(t, c)), n);
    for (jint i = 0; a && init && i < n; i++)
        set_element_ref(a, i, deref(init));
    return handle_new(t, a);
}

static bool index_ok(jenv t, struct object *a, jint i)
{
    if ((u32)i < (u32)array_length(a))
        return true;
    throw_new(t, "java/lang/ArrayIndexOutOfBoundsException", "Index %d out of bounds for length %d",
              i, array_length(a));
    return false;
}

jobject jni_GetObjectArrayElement(jenv t, jobject h, jint i)
{
    VM_SCOPE(t);
    struct object *a = deref(h);
    return index_ok(t, a, i) ? handle_new(t, element_ref(a, i)) : NULL;
}

void jni_SetObjectArrayElement(jenv t, jobject h, jint i, jobject v)
{
    VM_SCOPE(t);
    struct object *a = deref(h), *o = deref(v);
    if (!index_ok(t, a, i))
        return;
    if (o && !class_is(class_of(o), class_of(a)->element)) {
        cleanup_free char *x = class_external(class_of(o)),
                          *y = class_external(class_of(a)->element);
        throw_new(t, "java/lang/ArrayStoreException", "type mismatch: can not store %s to %s[%d]",
                  x, y, i);
        return;
    }
    set_element_ref(a, i, o);
}

static bool region_ok(jenv t, struct object *a, jint from, jint n)
{
    jint length = array_length(a);
    if (from >= 0 && n >= 0 && from <= length && n <= length - from)
        return true;
    throw_new(t, "java/lang/ArrayIndexOutOfBoundsException",
              "Array region %d..%lld out of bounds for length %d", from, (long long)from + n,
              length);
    return false;
}

#define ARRAY(type, T, TYPE)                                                                       \
    jobject jni_New##type##Array(jenv t, jint n)                                                   \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        if (n < 0) {                                                                               \
            throw_new(t, "java/lang/NegativeArraySizeException", "%d", n);                         \
            return NULL;                                                                           \
        }                                                                                          \
        return handle_new(t, heap_array(t, class_array_of(t, class_primitive(t->vm, TYPE)), n));   \
    }                                                                                              \
    T *jni_Get##type##ArrayElements(jenv t, jobject h, jboolean *is_copy)                          \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        if (is_copy)                                                                               \
            *is_copy = 0;                                                                          \
        return &ELEMENT(deref(h), T, 0);                                                           \
    }                                                                                              \
    void jni_Release##type##ArrayElements(jenv t, jobject h, T *p, jint mode)                      \
    {                                                                                              \
        (void)t, (void)h, (void)p, (void)mode;                                                     \
    }                                                                                              \
    void jni_Get##type##ArrayRegion(jenv t, jobject h, jint from, jint n, T *out)                  \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        if (region_ok(t, deref(h), from, n))                                                       \
            memcpy(out, &ELEMENT(deref(h), T, from), (size_t)n * sizeof(T));                       \
    }                                                                                              \
    void jni_Set##type##ArrayRegion(jenv t, jobject h, jint from, jint n, const T *in)             \
    {                                                                                              \
        VM_SCOPE(t);                                                                               \
        if (region_ok(t, deref(h), from, n))                                                       \
            memcpy(&ELEMENT(deref(h), T, from), in, (size_t)n * sizeof(T));                        \
    }

ARRAY(Boolean, jboolean, T_BOOLEAN)
ARRAY(Byte, jbyte, T_BYTE)
ARRAY(Char, jchar, T_CHAR)
ARRAY(Short, jshort, T_SHORT)
ARRAY(Int, jint, T_INT)
ARRAY(Long, jlong, T_LONG)
ARRAY(Float, jfloat, T_FLOAT)
ARRAY(Double, jdouble, T_DOUBLE)

void *jni_GetPrimitiveArrayCritical(jenv t, jobject h, jboolean *is_copy)
{
    VM_SCOPE(t);
    if (is_copy)
        *is_copy = 0;
    return ((struct array *)deref(h))->data;
}

void jni_ReleasePrimitiveArrayCritical(jenv t, jobject h, void *p, jint mode)
{
    (void)t, (void)h, (void)p, (void)mode;
}

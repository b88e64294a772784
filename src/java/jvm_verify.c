/* java/jvm_verify.c - JVM_ functions that libverify, OpenJDK's verifier by type inference, reads a
 * class with. Indices have been checked by it against the counts it was given. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "java/jni.h"
#include "java/jni_fns.h"

static struct method *method_at(jenv t, jobject c, jint i)
{
    return &handle_class(t, c)->methods[i];
}

EXPORT const char *JVM_GetClassNameUTF(jenv t, jobject c)
{
    VM_SCOPE(t);
    return handle_class(t, c)->name->s;
}

EXPORT void JVM_ReleaseUTF(const char *s)
{
    (void)s; /* names stay */
}

EXPORT jint JVM_GetClassCPEntriesCount(jenv t, jobject c)
{
    VM_SCOPE(t);
    return handle_class(t, c)->ncp;
}

EXPORT void JVM_GetClassCPTypes(jenv t, jobject c, u8 *types)
{
    VM_SCOPE(t);
    struct class *k = handle_class(t, c);
    memcpy(types, k->tags, k->ncp);
}

EXPORT jint JVM_GetClassFieldsCount(jenv t, jobject c)
{
    VM_SCOPE(t);
    return handle_class(t, c)->nfields;
}

EXPORT jint JVM_GetClassMethodsCount(jenv t, jobject c)
{
    VM_SCOPE(t);
    return handle_class(t, c)->nmethods;
}

static const u8 *exceptions_of(const struct method *m, u16 *count)
{
    u32       n;
    const u8 *p = attr_find(m->cls, m->attrs, "Exceptions", &n);
    *count      = p && n >= 2 && n >= 2 + 2u * be16(p) ? be16(p) : 0;
    return p;
}

EXPORT jint JVM_GetMethodIxExceptionsCount(jenv t, jobject c, jint i)
{
    VM_SCOPE(t);
    u16 n;
    exceptions_of(method_at(t, c, i), &n);
    return n;
}

EXPORT void JVM_GetMethodIxExceptionIndexes(jenv t, jobject c, jint i, u16 *out)
{
    VM_SCOPE(t);
    u16       n;
    const u8 *p = exceptions_of(method_at(t, c, i), &n);
    for (u16 k = 0; k < n; k++)
        out[k] = be16(p + 2 + 2 * k);
}

EXPORT void JVM_GetMethodIxByteCode(jenv t, jobject c, jint i, u8 *out)
{
    VM_SCOPE(t);
    struct method *m = method_at(t, c, i);
    if (m->code_length)
        memcpy(out, m->bytes, m->code_length);
}

EXPORT jint JVM_GetMethodIxByteCodeLength(jenv t, jobject c, jint i)
{
    VM_SCOPE(t);
    return (jint)method_at(t, c, i)->code_length;
}

struct table_entry {
    jint start, end, target, type;
};

EXPORT void JVM_GetMethodIxExceptionTableEntry(jenv t, jobject c, jint i, jint row,
                                               struct table_entry *out)
{
    VM_SCOPE(t);
    struct handler h = method_handler(method_at(t, c, i), (unsigned)row);
    *out             = (struct table_entry){h.start, h.end, h.target, h.type};
}

EXPORT jint JVM_GetMethodIxExceptionTableLength(jenv t, jobject c, jint i)
{
    VM_SCOPE(t);
    return method_at(t, c, i)->nhandlers;
}

EXPORT jint JVM_GetFieldIxModifiers(jenv t, jobject c, jint i)
{
    VM_SCOPE(t);
    return handle_class(t, c)->fields[i].flags;
}

EXPORT jint JVM_GetMethodIxModifiers(jenv t, jobject c, jint i)
{
    VM_SCOPE(t);
    return method_at(t, c, i)->flags;
}

EXPORT jint JVM_GetMethodIxLocalsCount(jenv t, jobject c, jint i)
{
    VM_SCOPE(t);
    return method_at(t, c, i)->max_locals;
}

EXPORT jint JVM_GetMethodIxArgsSize(jenv t, jobject c, jint i)
{
    VM_SCOPE(t);
    return (jint)method_at(t, c, i)->nargs;
}

EXPORT jint JVM_GetMethodIxMaxStack(jenv t, jobject c, jint i)
{
    VM_SCOPE(t);
    return method_at(t, c, i)->max_stack;
}

EXPORT jboolean JVM_IsConstructorIx(jenv t, jobject c, jint i)
{
    VM_SCOPE(t);
    return method_at(t, c, i)->name == t->vm->n.init;
}

EXPORT jboolean JVM_IsVMGeneratedMethodIx(jenv t, jobject c, jint i)
{
    (void)t, (void)c, (void)i;
    return 0;
}

EXPORT const char *JVM_GetMethodIxNameUTF(jenv t, jobject c, jint i)
{
    VM_SCOPE(t);
    return method_at(t, c, i)->name->s;
}

EXPORT const char *JVM_GetMethodIxSignatureUTF(jenv t, jobject c, jint i)
{
    VM_SCOPE(t);
    return method_at(t, c, i)->desc->s;
}

/* A hidden class names itself otherwise than its file does. */
static const char *class_name_at(const struct class *c, u16 cp)
{
    return c->resolved[cp] == c ? c->name->s : cp_name(c, cp)->s;
}

EXPORT const char *JVM_GetCPClassNameUTF(jenv t, jobject c, jint cp)
{
    VM_SCOPE(t);
    return class_name_at(handle_class(t, c), (u16)cp);
}

static const char *member_class(jenv t, jobject c, jint cp)
{
    const struct class *k = handle_class(t, c);
    return class_name_at(k, cp_u2(k, (u16)cp, 0));
}

EXPORT const char *JVM_GetCPFieldClassNameUTF(jenv t, jobject c, jint cp)
{
    VM_SCOPE(t);
    return member_class(t, c, cp);
}

EXPORT const char *JVM_GetCPMethodClassNameUTF(jenv t, jobject c, jint cp)
{
    VM_SCOPE(t);
    return member_class(t, c, cp);
}

EXPORT const char *JVM_GetCPFieldSignatureUTF(jenv t, jobject c, jint cp)
{
    VM_SCOPE(t);
    return cp_member_desc(handle_class(t, c), (u16)cp)->s;
}

EXPORT const char *JVM_GetCPMethodSignatureUTF(jenv t, jobject c, jint cp)
{
    VM_SCOPE(t);
    return cp_member_desc(handle_class(t, c), (u16)cp)->s;
}

EXPORT const char *JVM_GetCPMethodNameUTF(jenv t, jobject c, jint cp)
{
    VM_SCOPE(t);
    return cp_member_name(handle_class(t, c), (u16)cp)->s;
}

/* Of the member that C's entry CP names, when class OF itself declares it; -1: it does not. */
EXPORT jint JVM_GetCPFieldModifiers(jenv t, jobject c, jint cp, jobject of)
{
    VM_SCOPE(t);
    struct class *k = handle_class(t, c);
    struct field *f =
        class_field(handle_class(t, of), cp_member_name(k, (u16)cp), cp_member_desc(k, (u16)cp));
    return f ? f->flags : -1;
}

EXPORT jint JVM_GetCPMethodModifiers(jenv t, jobject c, jint cp, jobject of)
{
    VM_SCOPE(t);
    struct class  *k = handle_class(t, c);
    struct method *m =
        class_method(handle_class(t, of), cp_member_name(k, (u16)cp), cp_member_desc(k, (u16)cp));
    return m ? m->flags : -1;
}

EXPORT jboolean JVM_IsSameClassPackage(jenv t, jobject a, jobject b)
{
    VM_SCOPE(t);
    return class_same_package(handle_class(t, a), handle_class(t, b));
}

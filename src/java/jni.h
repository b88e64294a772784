/* java/jni.h - what the files of JNI and of the JVM_ functions share.
 *
 * Native code runs safe; each function enters the VM (VM_SCOPE) and leaves it when it returns.
 * References are handles: the address of a slot, with a tag in the low bits. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_JNI_H
#define JAVA_JNI_H

#include <stdarg.h>

#include "java/vm.h"

typedef struct thread *jenv;
typedef void          *jobject; /* any reference: class, string, array, throwable */
typedef u8             jboolean;
typedef i8             jbyte;
typedef u16            jchar;
typedef i16            jshort;
typedef i32            jint;
typedef i64            jlong;
typedef float          jfloat;
typedef double         jdouble;

enum { JNI_OK = 0, JNI_ERR = -1, JNI_EDETACHED = -2, JNI_EVERSION = -3, JNI_ENOMEM = -4 };
enum { JNI_EEXIST = -5, JNI_EINVAL = -6, JNI_VERSION_10 = 0x000a0000, JNI_COMMIT = 1 };

#define EXPORT __attribute__((visibility("default")))

const void *const *jni_table(void);
const void *const *jni_invoke_table(void);

struct vm_scope {
    struct thread *thread;
    u32            was;
};

static inline struct vm_scope vm_scope_in(struct thread *t)
{
    u32 was = t->state;
    if (was == SAFE)
        thread_enter_slow(t);
    return (struct vm_scope){t, was};
}

void vm_scope_out(struct vm_scope *);

#define VM_SCOPE(t)                                                                                \
    UNUSED __attribute__((cleanup(vm_scope_out))) struct vm_scope scope_ = vm_scope_in(t)

static inline struct object *deref(jobject h)
{
    return h ? *(struct object **)((u64)h & ~3ull) : NULL;
}

static inline struct class *mirror_class(struct thread *t, struct object *mirror)
{
    return (struct class *)AT(mirror, u64, t->vm->k.Class_vm_class);
}

static inline struct class *handle_class(struct thread *t, jobject h)
{
    return mirror_class(t, deref(h));
}

/* reflect.c: objects of java.lang.reflect and back. */
struct object *reflect_field(struct thread *, struct field *);
struct object *reflect_method(struct thread *, struct method *);
struct object *reflect_constructor(struct thread *, struct method *);
struct method *reflected_method(struct thread *, struct object *);
struct field  *reflected_field(struct thread *, struct object *);
struct object *box(struct thread *, enum type, union value);
bool           unbox(struct thread *, struct object *, enum type to, union value *out);
struct object *parameter_types(struct thread *, struct method *);
struct object *desc_mirror(struct thread *, const char *desc, struct loader *);

/* method_handle.c */
bool member_set_method(struct thread *, struct object *member, struct method *, int kind);

void *native_find(struct thread *, struct method *);

#endif

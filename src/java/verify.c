/* java/verify.c - see verify.h. Classes of files older than version 50, but for the boot and
 * platform loaders' own, are verified by OpenJDK's libverify, which infers types; it is loaded when
 * the first such class is linked. Newer ones, which bring StackMapTable, are not verified yet
 * beyond what decode.c checks: registers, jumps and the stack's depth stay in bounds, the types of
 * values are believed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/verify.h"

#include <dlfcn.h>
#include <stdio.h>

#include "base/alloc.h"
#include "java/jni.h"

enum { TYPE_CHECKED = 50 }; /* the version from which on files have StackMapTable */

typedef jboolean (*verify_fn)(jenv, jobject cls, char *message, jint room, jint major);

static bool trusted(const struct class *c)
{
    struct vm           *vm = c->vm;
    const struct object *l  = c->loader->java;
    if (!l || (vm->k.MagicAccessorImpl && class_is_sub((struct class *)c, vm->k.MagicAccessorImpl)))
        return true;
    return symbol_is(class_of(l)->name, "jdk/internal/loader/ClassLoaders$PlatformClassLoader");
}

static verify_fn find_verifier(struct vm *vm)
{
    verify_fn fn = (verify_fn)__atomic_load_n(&vm->verifier, __ATOMIC_ACQUIRE);
    if (fn)
        return fn;
    cleanup_free char *path = xasprintf("%s/lib/libverify.so", vm->home);
    void              *lib  = dlopen(path, RTLD_LAZY);
    void              *sym  = lib ? dlsym(lib, "VerifyClassForMajorVersion") : NULL;
    __atomic_store_n(&vm->verifier, sym, __ATOMIC_RELEASE);
    return (verify_fn)sym;
}

bool class_verify(struct thread *t, struct class *c)
{
    struct vm *vm = t->vm;
    if (!vm->options.verify || c->major >= TYPE_CHECKED || trusted(c))
        return true;
    verify_fn fn = find_verifier(vm);
    if (!fn) {
        throw_new(t, "java/lang/InternalError", "%s/lib/libverify.so cannot be loaded", vm->home);
        return false;
    }
    char    message[1024] = "";
    void   *mark          = handle_mark(t);
    jobject self          = handle_new(t, c->mirror);
    thread_leave(t);
    bool ok = fn(t, self, message, sizeof(message), c->major);
    thread_enter(t);
    handle_release(t, mark);
    if (!ok && !t->exception)
        throw_new(t, "java/lang/VerifyError", "%s", message);
    return ok && !t->exception;
}

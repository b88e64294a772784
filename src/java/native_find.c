/* java/native_find.c - finds the C function of a native method by its mangled name: JNI 2.
 *
 * Classes of the boot loader are looked up in libjava first, which the VM itself opens; all others
 * are asked of the library's ClassLoader.findNative. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "java/code.h"
#include "java/jni.h"

struct text {
    char   s[2048];
    size_t n;
};

static void put(struct text *x, const char *s)
{
    for (; *s && x->n + 1 < sizeof(x->s); s++)
        x->s[x->n++] = *s;
    x->s[x->n] = 0;
}

/* JNI's escapes for what no C name may have. */
static void mangle(struct text *x, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        u8   c       = (u8)s[i];
        char out[16] = {(char)c, 0};
        u32  unit    = c;
        if ((c & 0xe0) == 0xc0) {
            unit = (u32)(c & 31) << 6 | ((u8)s[i + 1] & 63);
            i += 1;
        } else if ((c & 0xf0) == 0xe0) {
            unit = (u32)(c & 15) << 12 | (u32)((u8)s[i + 1] & 63) << 6 | ((u8)s[i + 2] & 63);
            i += 2;
        }
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain)
            snprintf(out, sizeof(out), "%s",
                     c == '/'   ? "_"
                     : c == '_' ? "_1"
                     : c == ';' ? "_2"
                     : c == '[' ? "_3"
                                : "");
        if (!plain && !out[0])
            snprintf(out, sizeof(out), "_0%04x", unit);
        put(x, out);
    }
}

static void *ask_library(struct thread *t, struct method *m, const char *name)
{
    struct vm     *vm   = t->vm;
    void          *fn   = m->cls->loader == &vm->boot ? dlsym(vm->jni_lib, name) : NULL;
    struct method *find = class_method(vm->k.ClassLoader, symbol(vm, "findNative"),
                                       symbol(vm, "(Ljava/lang/ClassLoader;Ljava/lang/String;)J"));
    if (fn)
        return fn;
    if (m->cls->loader == &vm->boot)
        fn = dlsym(RTLD_DEFAULT, name);
    if (fn || !find || vm->boot_phase < 1)
        return fn;
    struct object *s = string_new(t, name);
    if (!s)
        return NULL;
    union value args[2] = {{.o = m->cls->loader->java}, {.o = s}};
    return (void *)call_method(t, find, args).j;
}

void *native_find(struct thread *t, struct method *m)
{
    struct text x = {.n = 0};
    put(&x, "Java_");
    mangle(&x, m->cls->name->s, m->cls->name->length);
    put(&x, "_");
    mangle(&x, m->name->s, m->name->length);
    void *fn = ask_library(t, m, x.s);
    if (fn || t->exception)
        return fn;
    put(&x, "__");
    mangle(&x, m->desc->s + 1, strcspn(m->desc->s, ")") - 1);
    fn = ask_library(t, m, x.s);
    if (fn || t->exception)
        return fn;
    cleanup_free char *a = class_external(m->cls);
    char               result[300], args[1500] = "";
    size_t             n = 0;
    for (const char *p = m->desc->s + 1; *p != ')' && n < sizeof(args) - 300; p = desc_skip(p)) {
        n += (size_t)snprintf(args + n, sizeof(args) - n, "%s", n ? ", " : "");
        n += (size_t)desc_words(args + n, sizeof(args) - n, p);
    }
    desc_words(result, sizeof(result), strchr(m->desc->s, ')') + 1);
    throw_new(t, "java/lang/UnsatisfiedLinkError", "'%s %s.%s(%s)'", result, a, m->name->s, args);
    return NULL;
}

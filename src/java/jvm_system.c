/* java/jvm_system.c - JVM_ functions behind System, Runtime, Module, properties and libraries. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "java/frames.h"
#include "java/jni.h"
#include "java/jni_fns.h"
#include "java/modules.h"
#include "java/signals.h"
#include "vm/clock.h"

EXPORT jlong JVM_CurrentTimeMillis(jenv t, jobject ignored)
{
    (void)t, (void)ignored;
    return os_millis();
}

EXPORT jlong JVM_NanoTime(jenv t, jobject ignored)
{
    (void)t, (void)ignored;
    return os_nanos();
}

EXPORT jlong JVM_GetNanoTimeAdjustment(jenv t, jobject ignored, jlong offset)
{
    (void)t, (void)ignored;
    u64 now  = clock_host_wall();
    i64 diff = (i64)(now / 1000000000) - offset;
    if (diff > INT_MAX || diff < -(i64)INT_MAX)
        return -1;
    return diff * 1000000000 + (i64)(now % 1000000000);
}

EXPORT void JVM_GC(void)
{
    struct thread *t = thread_current();
    VM_SCOPE(t);
    heap_collect(t, false);
}

EXPORT jlong JVM_MaxObjectInspectionAge(void)
{
    return 0;
}

EXPORT jlong JVM_TotalMemory(void)
{
    struct heap *h = &thread_current()->vm->heap;
    return (jlong)MAX((u64)h->goal * BLOCK, (u64)h->top * BLOCK);
}

EXPORT jlong JVM_FreeMemory(void)
{
    return JVM_TotalMemory() - (jlong)heap_used(thread_current()->vm);
}

EXPORT jlong JVM_MaxMemory(void)
{
    return (jlong)thread_current()->vm->heap.max;
}

EXPORT jint JVM_ActiveProcessorCount(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

EXPORT jboolean JVM_IsUseContainerSupport(void)
{
    return 0;
}

EXPORT void JVM_BeforeHalt(void)
{
}

EXPORT void JVM_Halt(jint status)
{
    vm_exit(thread_current(), status);
}

EXPORT jint JVM_GetInterfaceVersion(void)
{
    return 6;
}

EXPORT void *JVM_LoadLibrary(const char *name)
{
    void *lib = dlopen(name, RTLD_LAZY);
    if (lib)
        return lib;
    struct thread *t = thread_current();
    const char    *e = dlerror();
    VM_SCOPE(t);
    throw_new(t, "java/lang/UnsatisfiedLinkError", "%s: %s", name, e ? e : "cannot be loaded");
    return NULL;
}

EXPORT void JVM_UnloadLibrary(void *lib)
{
    dlclose(lib);
}

EXPORT void *JVM_FindLibraryEntry(void *lib, const char *name)
{
    return dlsym(lib, name);
}

EXPORT char *JVM_NativePath(char *path)
{
    return path;
}

EXPORT jboolean JVM_IsSupportedJNIVersion(jint version)
{
    return version == 0x00010001 || version == 0x00010002 || version == 0x00010004 ||
           version == 0x00010006 || version == 0x00010008 || version == 0x00090000 ||
           version == 0x000a0000;
}

EXPORT jboolean JVM_SupportsCX8(void)
{
    return 1;
}

EXPORT jobject JVM_InternString(jenv t, jobject s)
{
    VM_SCOPE(t);
    return handle_new(t, string_intern(t, deref(s)));
}

EXPORT jobject JVM_GetSystemPackage(jenv t, jobject name)
{
    (void)t, (void)name;
    return NULL; /* all packages of the boot loader are in modules */
}

EXPORT jobject JVM_GetSystemPackages(jenv t)
{
    VM_SCOPE(t);
    return handle_new(t, heap_array(t, class_array_of(t, t->vm->k.String), 0));
}

EXPORT jobject JVM_GetProperties(jenv t)
{
    VM_SCOPE(t);
    struct options *o = &t->vm->options;
    struct object  *a = heap_array(t, class_array_of(t, t->vm->k.String), (i32)o->nproperties * 2);
    for (u32 i = 0; a && i < o->nproperties; i++) {
        const char    *eq    = strchr(o->properties[i], '=');
        size_t         n     = eq ? (size_t)(eq - o->properties[i]) : strlen(o->properties[i]);
        struct object *name  = string_new_n(t, o->properties[i], n);
        struct object *value = name ? string_new(t, eq ? eq + 1 : "") : NULL;
        if (!value)
            return NULL;
        set_element_ref(a, (i32)(2 * i), name);
        set_element_ref(a, (i32)(2 * i + 1), value);
    }
    return handle_new(t, a);
}

EXPORT jobject JVM_GetVmArguments(jenv t)
{
    VM_SCOPE(t);
    struct options *o = &t->vm->options;
    struct object  *a = heap_array(t, class_array_of(t, t->vm->k.String), (i32)o->narguments);
    for (u32 i = 0; a && i < o->narguments; i++) {
        struct object *s = string_new(t, o->arguments[i]);
        if (!s)
            return NULL;
        set_element_ref(a, (i32)i, s);
    }
    return handle_new(t, a);
}

EXPORT jobject JVM_InitAgentProperties(jenv t, jobject properties)
{
    (void)t;
    return properties;
}

EXPORT jobject JVM_GetTemporaryDirectory(jenv t)
{
    VM_SCOPE(t);
    return handle_new(t, string_new(t, "/tmp"));
}

EXPORT jobject JVM_GetCallerClass(jenv t)
{
    VM_SCOPE(t);
    struct class *c = caller_class(t);
    return c ? handle_new(t, c->mirror) : NULL;
}

EXPORT jobject JVM_GetClassContext(jenv t)
{
    VM_SCOPE(t);
    i32 n = 0;
    for (struct frame *f = frame_next(t->frame); f; f = frame_next(f->prev))
        n += !(f->method->more & M_HIDDEN);
    struct object *a = heap_array(t, class_array_of(t, t->vm->k.Class), n);
    i32            i = 0;
    for (struct frame *f = frame_next(t->frame); a && f && i < n; f = frame_next(f->prev)) {
        if (!(f->method->more & M_HIDDEN))
            set_element_ref(a, i++, f->method->cls->mirror);
    }
    return handle_new(t, a);
}

/* The first loader on the stack that is neither the boot nor the platform loader. */
EXPORT jobject JVM_LatestUserDefinedLoader(jenv t)
{
    VM_SCOPE(t);
    for (struct frame *f = frame_next(t->frame); f; f = frame_next(f->prev)) {
        struct object *l = f->method->cls->loader->java;
        if (!l ||
            symbol_is(class_of(l)->name, "jdk/internal/loader/ClassLoaders$PlatformClassLoader"))
            continue;
        return handle_new(t, l);
    }
    return NULL;
}

EXPORT jboolean JVM_DesiredAssertionStatus(jenv t, jobject ignored, jobject h)
{
    VM_SCOPE(t);
    (void)ignored;
    bool system = handle_class(t, h)->loader == &t->vm->boot;
    return system ? t->vm->options.system_assertions : t->vm->options.assertions;
}

EXPORT jobject JVM_AssertionStatusDirectives(jenv t, jobject ignored)
{
    VM_SCOPE(t);
    (void)ignored;
    struct vm     *vm = t->vm;
    struct object *o  = class_init(t, vm->k.AssertionStatusDirectives)
                            ? heap_object(t, vm->k.AssertionStatusDirectives)
                            : NULL;
    if (!o)
        return NULL;
    jobject       h       = handle_new(t, o);
    struct class *strings = class_array_of(t, vm->k.String);
    struct class *bools   = class_array_of(t, class_primitive(vm, T_BOOLEAN));
    put_ref(o, vm->k.AssertionStatusDirectives_classes, heap_array(t, strings, 0));
    put_ref(o, vm->k.AssertionStatusDirectives_packages, heap_array(t, strings, 0));
    put_ref(o, vm->k.AssertionStatusDirectives_classEnabled, heap_array(t, bools, 0));
    put_ref(o, vm->k.AssertionStatusDirectives_packageEnabled, heap_array(t, bools, 0));
    AT(o, u8, vm->k.AssertionStatusDirectives_deflt) = vm->options.assertions;
    return h;
}

EXPORT jobject JVM_GetStackAccessControlContext(jenv t, jobject ignored)
{
    (void)t, (void)ignored;
    return NULL; /* all domains are privileged: there is no security manager */
}

EXPORT jobject JVM_GetInheritedAccessControlContext(jenv t, jobject ignored)
{
    VM_SCOPE(t);
    (void)ignored;
    return handle_new(t, get_ref(t->java, t->vm->k.Thread_inheritedAccessControlContext));
}

EXPORT void JVM_DefineModule(jenv t, jobject module, jboolean open, jobject version,
                             jobject location, jobject packages)
{
    VM_SCOPE(t);
    (void)open, (void)version, (void)location;
    struct vm     *vm   = t->vm;
    struct object *m    = deref(module);
    struct loader *l    = loader_of(t, get_ref(m, vm->k.Module_loader));
    struct object *list = deref(packages);
    for (i32 i = 0; list && i < array_length(list); i++) {
        cleanup_free char *name = string_utf8(vm, element_ref(list, i));
        for (char *p = name; *p; p++) {
            if (*p == '.')
                *p = '/';
        }
        if (module_add_package(vm, l, symbol(vm, name), m))
            continue;
        throw_new(t, "java/lang/LayerInstantiationException",
                  "Package %s is already in another module defined to the class loader", name);
        return;
    }
}

EXPORT void JVM_SetBootLoaderUnnamedModule(jenv t, jobject module)
{
    VM_SCOPE(t);
    module_set_unnamed(t->vm, &t->vm->boot, deref(module));
}

/* Readability and exports are kept by java.lang.Module too, where reflection asks for them; what
 * is linked is not checked against them. */
EXPORT void JVM_AddReadsModule(jenv t, jobject from, jobject to)
{
    (void)t, (void)from, (void)to;
}

EXPORT void JVM_AddModuleExports(jenv t, jobject from, jobject package, jobject to)
{
    (void)t, (void)from, (void)package, (void)to;
}

EXPORT void JVM_AddModuleExportsToAll(jenv t, jobject from, jobject package)
{
    (void)t, (void)from, (void)package;
}

EXPORT void JVM_AddModuleExportsToAllUnnamed(jenv t, jobject from, jobject package)
{
    (void)t, (void)from, (void)package;
}

/* Class data sharing: there is none, which these say. */
EXPORT jboolean JVM_IsCDSDumpingEnabled(jenv t)
{
    (void)t;
    return 0;
}

EXPORT jboolean JVM_IsSharingEnabled(jenv t)
{
    (void)t;
    return 0;
}

EXPORT jboolean JVM_IsDumpingClassList(jenv t)
{
    (void)t;
    return 0;
}

EXPORT jlong JVM_GetRandomSeedForDumping(void)
{
    return 0;
}

EXPORT void JVM_InitializeFromArchive(jenv t, jobject c)
{
    (void)t, (void)c;
}

EXPORT void JVM_DefineArchivedModules(jenv t, jobject platform, jobject system)
{
    (void)t, (void)platform, (void)system;
}

EXPORT void JVM_LogLambdaFormInvoker(jenv t, jobject line)
{
    (void)t, (void)line;
}

EXPORT void JVM_RegisterLambdaProxyClassForArchiving(void)
{
}

EXPORT jobject JVM_LookupLambdaProxyClassFromArchive(void)
{
    return NULL;
}

static const struct {
    const char *name;
    int         number;
} signals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"ABRT", SIGABRT},   {"KILL", SIGKILL},
    {"TERM", SIGTERM}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"PIPE", SIGPIPE},   {"CHLD", SIGCHLD},
    {"ALRM", SIGALRM}, {"CONT", SIGCONT}, {"TSTP", SIGTSTP}, {"WINCH", SIGWINCH},
};

EXPORT jint JVM_FindSignal(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
        if (strcmp(signals[i].name, name) == 0)
            return signals[i].number;
    }
    return -1;
}

EXPORT jboolean JVM_RaiseSignal(jint number)
{
    return raise(number) == 0;
}

EXPORT int jio_vsnprintf(char *out, size_t n, const char *fmt, va_list ap)
{
    if ((ssize_t)n <= 0)
        return -1;
    int len = vsnprintf(out, n, fmt, ap);
    return len < 0 || (size_t)len >= n ? -1 : len;
}

EXPORT int jio_snprintf(char *out, size_t n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int len = jio_vsnprintf(out, n, fmt, ap);
    va_end(ap);
    return len;
}

EXPORT int jio_vfprintf(FILE *f, const char *fmt, va_list ap)
{
    return vfprintf(f, fmt, ap);
}

EXPORT int jio_fprintf(FILE *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int len = vfprintf(f, fmt, ap);
    va_end(ap);
    return len;
}

EXPORT void *JVM_RegisterSignal(jint number, void *handler)
{
    /* 0 the default, 1 ignored, 2 Java's: the dispatcher thread hands it on. */
    return (void *)(i64)signal_register(number, (i64)handler);
}

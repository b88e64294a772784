/* java/boot.c - makes a VM: from nothing to a class library that is ready to run a program.
 *
 * The order is the library's: java.lang.Class before any mirror, then what the VM knows by name,
 * the first thread and its groups, then System's three phases. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/boot.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "java/code.h"
#include "java/jimage.h"
#include "java/jni.h"
#include "java/signals.h"

/* What wellknown.def says, as rows. */
enum known_kind { K_CLASS, K_FIELD, K_STATIC, K_METHOD };

static const struct known {
    u8          kind;
    u32         at; /* in struct wellknown */
    const char *name, *desc;
} known[] = {
#define AT_(member)                offsetof(struct wellknown, member)
#define CLASS(id, name)            {K_CLASS, AT_(id), name, NULL},
#define FIELD(id, field, desc)     {K_FIELD, AT_(id##_##field), #field, desc},
#define STATIC(id, field, desc)    {K_STATIC, AT_(id##_##field), #field, desc},
#define METHOD(id, as, name, desc) {K_METHOD, AT_(id##_##as), name, desc},
#include "java/wellknown.def"
};

static void make_stubs(struct vm *vm)
{
    const void *const *labels = interp_labels();
    struct insn       *s      = arena_alloc(&vm->arena, 8 * sizeof(*s));
    const enum op      ops[]  = {OP_PREPARE, OP_NATIVE, OP_JNI, OP_ABSTRACT, OP_EXIT, OP_EXIT};
    for (unsigned i = 0; i < ARRAY_SIZE(ops); i++)
        s[i].go = labels[ops[i]];
    vm->stub_prepare  = &s[0];
    vm->stub_native   = &s[1];
    vm->stub_jni      = &s[2];
    vm->stub_abstract = &s[3];
    vm->stub_exit     = &s[4]; /* a call stands here; what follows it leaves */
}

static void make_names(struct vm *vm)
{
    vm->n.init          = symbol(vm, "<init>");
    vm->n.clinit        = symbol(vm, "<clinit>");
    vm->n.object        = symbol(vm, "java/lang/Object");
    vm->n.finalize      = symbol(vm, "finalize");
    vm->n.void_desc     = symbol(vm, "()V");
    vm->n.invoke_handle = symbol(vm, "([Ljava/lang/Object;)Ljava/lang/Object;");
}

static void make_locks(struct vm *vm)
{
    pthread_mutex_t *locks[] = {&vm->symbols.lock, &vm->load_lock,     &vm->init_lock,
                                &vm->threads_lock, &vm->monitors_lock, &vm->strings_lock,
                                &vm->roots_lock,   &vm->pending_lock};
    for (unsigned i = 0; i < ARRAY_SIZE(locks); i++)
        pthread_mutex_init(locks[i], NULL);
    pthread_cond_init(&vm->init_cond, NULL);
    pthread_cond_init(&vm->threads_cond, NULL);
    pthread_cond_init(&vm->pending_cond, NULL);
}

/* Members of class C in rows from I on; the first row behind them. */
static unsigned know_members(struct vm *vm, struct class *c, unsigned i)
{
    for (; i < ARRAY_SIZE(known) && known[i].kind != K_CLASS; i++) {
        const struct known *k    = &known[i];
        struct symbol      *name = symbol(vm, k->name), *desc = symbol(vm, k->desc);
        void               *at = (u8 *)&vm->k + k->at;
        if (k->kind == K_METHOD) {
            *(struct method **)at = class_method(c, name, desc);
            continue;
        }
        struct field *f = class_field(c, name, desc);
        if (f)
            *(u32 *)at = f->offset;
    }
    return i;
}

static bool know_all(struct thread *t)
{
    struct vm *vm = t->vm;
    for (unsigned i = 0; i < ARRAY_SIZE(known);) {
        struct class *c = boot_find(t, symbol(vm, known[i].name));
        if (!c) {
            fprintf(stderr, "guise: the class library has no %s\n", known[i].name);
            return false;
        }
        *(struct class **)((u8 *)&vm->k + known[i].at) = c;
        i                                              = know_members(vm, c, i + 1);
    }
    return true;
}

/* Classes that were there before java.lang.Class get their mirrors. */
static bool make_mirrors(struct thread *t)
{
    struct vm *vm = t->vm;
    for (struct class *c = (struct class *)vm->boot.named; c; c = c->next) {
        if (!c->mirror && !class_make_mirror(t, c))
            return false;
    }
    for (enum type type = T_BOOLEAN; type <= T_VOID; type++) {
        struct class *c = class_primitive(vm, type);
        if (c && !class_make_mirror(t, c))
            return false;
        if (c && type != T_VOID && !class_array_of(t, c)->mirror)
            class_make_mirror(t, c->array);
    }
    return true;
}

static bool load_first(struct thread *t)
{
    struct vm *vm = t->vm;
    vm->k.Object  = boot_find(t, vm->n.object);
    if (!vm->k.Object)
        return false;
    vm->k.Cloneable    = boot_find(t, symbol(vm, "java/lang/Cloneable"));
    vm->k.Serializable = boot_find(t, symbol(vm, "java/io/Serializable"));
    struct class *c    = boot_find(t, symbol(vm, "java/lang/Class"));
    if (!c)
        return false;
    vm->k.Class = c;
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        if (known[i].at == offsetof(struct wellknown, Class))
            know_members(vm, c, i + 1);
    }
    return make_mirrors(t) && know_all(t);
}

static struct object *make(struct thread *t, struct class *c, struct method *init, u32 n,
                           const union value *more)
{
    union value args[4] = {{.raw = 0}};
    if (!class_init(t, c))
        return NULL;
    struct object *o = heap_object(t, c);
    if (!o)
        return NULL;
    args[0].o = o;
    memcpy(args + 1, more, n * sizeof(*more));
    call_method(t, init, args);
    return t->exception ? NULL : o;
}

/* A java.lang.Thread for a thread that Java did not start. */
bool thread_make_java(struct thread *t, struct object *group, const char *name)
{
    struct vm     *vm = t->vm;
    struct object *o  = heap_object(t, vm->k.Thread);
    if (!o)
        return false;
    t->java                           = o;
    AT(o, u64, vm->k.Thread_eetop)    = (u64)t;
    AT(o, i32, vm->k.Thread_priority) = 5;
    put_ref(o, vm->k.Thread_group, group);
    if (!class_init(t, vm->k.Thread))
        return false;
    union value args[3] = {{.o = o}, {.o = group}, {.o = string_new(t, name)}};
    call_method(t, vm->k.Thread_init_named, args);
    AT(o, u8, vm->k.Thread_daemon)        = t->daemon;
    AT(o, i32, vm->k.Thread_threadStatus) = 5;
    if (!t->exception) {
        union value in[2] = {{.o = group}, {.o = o}};
        call_method(t, vm->k.ThreadGroup_add, in);
    }
    return !t->exception;
}

static bool make_main_thread(struct thread *t)
{
    struct vm *vm = t->vm;
    /* Before there is a thread, currentThread has to have one with a group. */
    struct object *early = heap_object(t, vm->k.Thread);
    if (!early || !class_init(t, vm->k.String) || !class_init(t, vm->k.System))
        return false;
    vm->system_group = make(t, vm->k.ThreadGroup, vm->k.ThreadGroup_init, 0, (union value[1]){});
    if (!vm->system_group)
        return false;
    union value args[2] = {{.o = vm->system_group}, {.o = string_new(t, "main")}};
    vm->main_group      = make(t, vm->k.ThreadGroup, vm->k.ThreadGroup_init_named, 2, args);
    return vm->main_group && thread_make_java(t, vm->main_group, "main");
}

/* The class's own initializer has set them to nothing. */
static bool set_unsafe_constants(struct thread *t)
{
    struct vm     *vm = t->vm;
    struct object *m  = vm->k.UnsafeConstants->mirror;
    if (!class_init(t, vm->k.UnsafeConstants))
        return false;
    AT(m, i32, vm->k.UnsafeConstants_ADDRESS_SIZE0)   = 8;
    AT(m, i32, vm->k.UnsafeConstants_PAGE_SIZE)       = (i32)sysconf(_SC_PAGESIZE);
    AT(m, u8, vm->k.UnsafeConstants_UNALIGNED_ACCESS) = 1;
    return true;
}

/* Errors that must be there when there is no room to make one. */
static bool make_errors(struct thread *t)
{
    struct vm *vm      = t->vm;
    vm->out_of_memory  = heap_object(t, vm->k.OutOfMemoryError);
    vm->stack_overflow = heap_object(t, vm->k.StackOverflowError);
    return vm->out_of_memory && vm->stack_overflow;
}

static bool run_phases(struct thread *t)
{
    struct vm *vm = t->vm;
    call_method(t, vm->k.System_initPhase1, NULL);
    if (t->exception)
        return false;
    vm->boot_phase = 1;
    if (!class_init(t, vm->k.Reference) || !class_init(t, vm->k.Finalizer) ||
        !class_init(t, vm->k.MethodHandleNatives))
        return false;
    signals_start(t);
    union value flags[2] = {{.i = 1}, {.i = 1}};
    i32         status   = call_method(t, vm->k.System_initPhase2, flags).i;
    if (t->exception || status != 0)
        return false;
    vm->boot_phase = 2;
    call_method(t, vm->k.System_initPhase3, NULL);
    vm->boot_phase = 3;
    return !t->exception;
}

bool boot_library(struct thread *t)
{
    struct vm *vm = t->vm;
    if (!load_first(t))
        return false;
    if (!set_unsafe_constants(t) || !class_init(t, vm->k.Class) || !make_main_thread(t))
        return false;
    if (!class_init(t, vm->k.Module) || !class_init(t, vm->k.Method))
        return false;
    return make_errors(t) && run_phases(t);
}

static bool open_library(struct vm *vm)
{
    cleanup_free char *modules = xasprintf("%s/lib/modules", vm->home);
    cleanup_free char *java    = xasprintf("%s/lib/libjava.so", vm->home);
    struct err         err     = {0};
    if (jimage_open(modules, &vm->image, &err) < 0) {
        fprintf(stderr, "guise: %s\n", err.text);
        return false;
    }
    vm->jni_lib = dlopen(java, RTLD_LAZY | RTLD_GLOBAL);
    if (!vm->jni_lib)
        fprintf(stderr, "guise: %s\n", dlerror());
    return vm->jni_lib;
}

struct vm *boot_vm(const struct options *o, const char *home)
{
    struct vm *vm = xnew(struct vm);
    vm->invoke    = jni_invoke_table();
    vm->options   = *o;
    vm->home      = xstrdup(home);
    vm->start_ns  = os_nanos();
    vm->start_ms  = os_millis();
    vm->hash_seed = (u32)vm->start_ns;
    arena_init(&vm->arena);
    make_locks(vm);
    make_names(vm);
    make_stubs(vm);
    return heap_init(vm, o->heap_max) && open_library(vm) ? vm : NULL;
}

/* java/unsafe.c - jdk.internal.misc.Unsafe: memory by object and offset, or by address. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "java/jni.h"
#include "java/natives.h"
#include "java/code.h"
#include "java/frames.h"
#include "java/vm.h"

static const union value nothing = {.raw = 0};

/* ARGS of a method with (Object, long, ...) after Unsafe itself: 1, 2 (two slots), 4. */
static inline u8 *place(const union value *args)
{
    return (u8 *)args[1].o + args[2].j;
}

#define ACCESS(type, T, to)                                                                        \
    static union value get_##type(struct thread *t, union value *args)                             \
    {                                                                                              \
        union value v = {.raw = 0};                                                                \
        (void)t;                                                                                   \
        T x;                                                                                       \
        memcpy(&x, place(args), sizeof(x));                                                        \
        v.to = x;                                                                                  \
        return v;                                                                                  \
    }                                                                                              \
    static union value put_##type(struct thread *t, union value *args)                             \
    {                                                                                              \
        (void)t;                                                                                   \
        T x = (T)args[4].to;                                                                       \
        memcpy(place(args), &x, sizeof(x));                                                        \
        return nothing;                                                                            \
    }                                                                                              \
    static union value get_##type##_volatile(struct thread *t, union value *args)                  \
    {                                                                                              \
        union value v = {.raw = 0};                                                                \
        (void)t;                                                                                   \
        v.to = __atomic_load_n((T *)place(args), __ATOMIC_SEQ_CST);                                \
        return v;                                                                                  \
    }                                                                                              \
    static union value put_##type##_volatile(struct thread *t, union value *args)                  \
    {                                                                                              \
        (void)t;                                                                                   \
        __atomic_store_n((T *)place(args), (T)args[4].to, __ATOMIC_SEQ_CST);                       \
        return nothing;                                                                            \
    }

ACCESS(boolean, u8, i)
ACCESS(byte, i8, i)
ACCESS(short, i16, i)
ACCESS(char, u16, i)
ACCESS(int, i32, i)
ACCESS(long, i64, j)

static union value get_ref_native(struct thread *t, union value *args)
{
    (void)t;
    return of_object(ref_object(__atomic_load_n((ref *)place(args), __ATOMIC_SEQ_CST)));
}

static union value put_ref_native(struct thread *t, union value *args)
{
    (void)t;
    __atomic_store_n((ref *)place(args), object_ref(args[4].o), __ATOMIC_SEQ_CST);
    return nothing;
}

static union value cas_int(struct thread *t, union value *args)
{
    (void)t;
    i32 expected = args[4].i;
    return of_int(__atomic_compare_exchange_n((i32 *)place(args), &expected, args[5].i, false,
                                              __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}

static union value exchange_int(struct thread *t, union value *args)
{
    (void)t;
    i32 expected = args[4].i;
    __atomic_compare_exchange_n((i32 *)place(args), &expected, args[5].i, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return of_int(expected);
}

static union value cas_long(struct thread *t, union value *args)
{
    (void)t;
    i64 expected = args[4].j;
    return of_int(__atomic_compare_exchange_n((i64 *)place(args), &expected, args[6].j, false,
                                              __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}

static union value exchange_long(struct thread *t, union value *args)
{
    (void)t;
    i64 expected = args[4].j;
    __atomic_compare_exchange_n((i64 *)place(args), &expected, args[6].j, false, __ATOMIC_SEQ_CST,
                                __ATOMIC_SEQ_CST);
    return of_long(expected);
}

static union value cas_ref(struct thread *t, union value *args)
{
    (void)t;
    ref expected = object_ref(args[4].o);
    return of_int(__atomic_compare_exchange_n((ref *)place(args), &expected, object_ref(args[5].o),
                                              false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}

static union value exchange_ref(struct thread *t, union value *args)
{
    (void)t;
    ref expected = object_ref(args[4].o);
    __atomic_compare_exchange_n((ref *)place(args), &expected, object_ref(args[5].o), false,
                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return of_object(ref_object(expected));
}

static union value get_uncompressed(struct thread *t, union value *args)
{
    (void)t;
    return of_object(*(struct object **)args[1].j);
}

static union value fence(struct thread *t, union value *args)
{
    (void)t, (void)args;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return nothing;
}

static union value no_op(struct thread *t, union value *args)
{
    (void)t, (void)args;
    return nothing;
}

static union value allocate_memory(struct thread *t, union value *args)
{
    (void)t;
    return of_long((i64)try_alloc(1, (u64)args[1].j));
}

static union value reallocate_memory(struct thread *t, union value *args)
{
    (void)t;
    return of_long((i64)realloc((void *)args[1].j, (size_t)args[3].j));
}

static union value free_memory(struct thread *t, union value *args)
{
    (void)t;
    free((void *)args[1].j);
    return nothing;
}

static union value set_memory(struct thread *t, union value *args)
{
    (void)t;
    memset(place(args), args[6].i, (size_t)args[4].j);
    return nothing;
}

/* (Object from, long, Object to, long, long bytes) */
static union value copy_memory(struct thread *t, union value *args)
{
    (void)t;
    memmove((u8 *)args[4].o + args[5].j, place(args), (size_t)args[7].j);
    return nothing;
}

static union value copy_swap_memory(struct thread *t, union value *args)
{
    (void)t;
    u8    *from = place(args), *to = (u8 *)args[4].o + args[5].j;
    size_t n = (size_t)args[7].j, width = (size_t)args[9].j;
    memmove(to, from, n);
    for (size_t i = 0; width && i + width <= n; i += width) {
        for (size_t k = 0; k < width / 2; k++) {
            u8 x                  = to[i + k];
            to[i + k]             = to[i + width - 1 - k];
            to[i + width - 1 - k] = x;
        }
    }
    return nothing;
}

static union value field_offset(struct thread *t, union value *args)
{
    return of_long(reflected_field(t, args[1].o)->offset);
}

static union value field_offset_by_name(struct thread *t, union value *args)
{
    struct class      *c    = mirror_class(t, args[1].o);
    cleanup_free char *name = string_utf8(t->vm, args[2].o);
    struct field      *f    = class_field(c, symbol(t->vm, name), NULL);
    if (f)
        return of_long(f->offset);
    throw_new(t, "java/lang/InternalError", "%s", name);
    return nothing;
}

static union value static_base(struct thread *t, union value *args)
{
    return of_object(reflected_field(t, args[1].o)->cls->mirror);
}

static union value should_be_initialized(struct thread *t, union value *args)
{
    return of_int(mirror_class(t, args[1].o)->state != CLASS_READY);
}

static union value ensure_initialized(struct thread *t, union value *args)
{
    class_init(t, mirror_class(t, args[1].o));
    return nothing;
}

static union value array_base(struct thread *t, union value *args)
{
    (void)t, (void)args;
    return of_int(ARRAY_BASE);
}

static union value array_scale(struct thread *t, union value *args)
{
    return of_int(1 << mirror_class(t, args[1].o)->shift);
}

static union value load_average(struct thread *t, union value *args)
{
    (void)t;
    return of_int(getloadavg(&ELEMENT(args[1].o, double, 0), args[2].i));
}

static union value allocate_instance(struct thread *t, union value *args)
{
    struct class *c = mirror_class(t, args[1].o);
    if ((c->flags & (ACC_ABSTRACT | ACC_INTERFACE)) || c->dims || c->primitive) {
        cleanup_free char *name = class_external(c);
        throw_new(t, "java/lang/InstantiationException", "%s", name);
        return nothing;
    }
    return of_object(class_init(t, c) ? heap_object(t, c) : NULL);
}

static union value throw_exception(struct thread *t, union value *args)
{
    t->exception = args[1].o;
    return nothing;
}

static union value unpark(struct thread *t, union value *args)
{
    struct vm *vm = t->vm;
    if (!args[1].o)
        return nothing;
    pthread_mutex_lock(&vm->threads_lock);
    struct thread *to = thread_of(args[1].o);
    if (to)
        thread_unpark(to);
    pthread_mutex_unlock(&vm->threads_lock);
    return nothing;
}

static union value park(struct thread *t, union value *args)
{
    thread_park(t, args[1].i & 1, args[2].j);
    return nothing;
}

/* defineClass0(String name, byte[] b, int off, int len, ClassLoader, ProtectionDomain) */
static union value define_class(struct thread *t, union value *args)
{
    struct vm         *vm   = t->vm;
    cleanup_free char *name = args[1].o ? string_utf8(vm, args[1].o) : NULL;
    for (char *p = name; p && *p; p++) {
        if (*p == '.')
            *p = '/';
    }
    u32 n    = (u32)args[4].i;
    u8 *copy = arena_alloc(&vm->arena, n);
    memcpy(copy, &ELEMENT(args[2].o, u8, args[3].i), n);
    struct class_source src = {copy,  n, loader_of(t, args[5].o), name ? symbol(vm, name) : NULL,
                               false, 0};
    struct class       *c   = loader_define(t, src.loader, &src, args[6].o);
    return of_object(c ? c->mirror : NULL);
}

#define O "Ljava/lang/Object;"
#define GET_PUT(Name, desc, fn)                                                                    \
    {"get" Name, "(" O "J)" desc, get_##fn}, {"put" Name, "(" O "J" desc ")V", put_##fn},          \
        {"get" Name "Volatile", "(" O "J)" desc, get_##fn##_volatile},                             \
    {                                                                                              \
        "put" Name "Volatile", "(" O "J" desc ")V", put_##fn##_volatile                            \
    }

const struct native_row unsafe_rows[] = {
    {"registerNatives", "()V", no_op},
    GET_PUT("Boolean", "Z", boolean),
    GET_PUT("Byte", "B", byte),
    GET_PUT("Short", "S", short),
    GET_PUT("Char", "C", char),
    GET_PUT("Int", "I", int),
    GET_PUT("Long", "J", long),
    GET_PUT("Float", "F", int),
    GET_PUT("Double", "D", long),
    {"getReference", "(" O "J)" O, get_ref_native},
    {"putReference", "(" O "J" O ")V", put_ref_native},
    {"getReferenceVolatile", "(" O "J)" O, get_ref_native},
    {"putReferenceVolatile", "(" O "J" O ")V", put_ref_native},
    {"compareAndSetInt", "(" O "JII)Z", cas_int},
    {"compareAndExchangeInt", "(" O "JII)I", exchange_int},
    {"compareAndSetLong", "(" O "JJJ)Z", cas_long},
    {"compareAndExchangeLong", "(" O "JJJ)J", exchange_long},
    {"compareAndSetReference", "(" O "J" O O ")Z", cas_ref},
    {"compareAndExchangeReference", "(" O "J" O O ")" O, exchange_ref},
    {"getUncompressedObject", "(J)" O, get_uncompressed},
    {"loadFence", "()V", fence},
    {"storeFence", "()V", fence},
    {"fullFence", "()V", fence},
    {"writeback0", "(J)V", no_op},
    {"writebackPreSync0", "()V", no_op},
    {"writebackPostSync0", "()V", no_op},
    {"allocateMemory0", "(J)J", allocate_memory},
    {"reallocateMemory0", "(JJ)J", reallocate_memory},
    {"freeMemory0", "(J)V", free_memory},
    {"setMemory0", "(" O "JJB)V", set_memory},
    {"copyMemory0", "(" O "J" O "JJ)V", copy_memory},
    {"copySwapMemory0", "(" O "J" O "JJJ)V", copy_swap_memory},
    {"objectFieldOffset0", "(Ljava/lang/reflect/Field;)J", field_offset},
    {"objectFieldOffset1", "(Ljava/lang/Class;Ljava/lang/String;)J", field_offset_by_name},
    {"staticFieldOffset0", "(Ljava/lang/reflect/Field;)J", field_offset},
    {"staticFieldBase0", "(Ljava/lang/reflect/Field;)" O, static_base},
    {"shouldBeInitialized0", "(Ljava/lang/Class;)Z", should_be_initialized},
    {"ensureClassInitialized0", "(Ljava/lang/Class;)V", ensure_initialized},
    {"arrayBaseOffset0", "(Ljava/lang/Class;)I", array_base},
    {"arrayIndexScale0", "(Ljava/lang/Class;)I", array_scale},
    {"getLoadAverage0", "([DI)I", load_average},
    {"allocateInstance", "(Ljava/lang/Class;)" O, allocate_instance},
    {"throwException", "(Ljava/lang/Throwable;)V", throw_exception},
    {"unpark", "(" O ")V", unpark},
    {"park", "(ZJ)V", park},
    {"defineClass0",
     "(Ljava/lang/String;[BIILjava/lang/ClassLoader;Ljava/security/ProtectionDomain;)"
     "Ljava/lang/Class;",
     define_class},
    {NULL, NULL, NULL},
};

/* Whether a thread is inside an access of ScopedMemoryAccess to SCOPE; the world is stopped. */
static bool in_scope(const struct thread *t, const struct object *scope)
{
    for (struct frame *f = frame_next(t->frame); f; f = frame_next(f->prev)) {
        if (!symbol_is(f->method->cls->name, "jdk/internal/misc/ScopedMemoryAccess"))
            continue;
        for (u32 i = 0; i < f->method->nargs; i++) {
            if (f->regs[i].o == scope)
                return true;
        }
    }
    return false;
}

/* closeScope0(Scope, ScopedAccessError): false when another thread is still in it. */
static union value close_scope(struct thread *t, union value *args)
{
    bool busy = false;
    world_stop(t);
    for (struct thread *u = t->vm->threads; u; u = u->next)
        busy |= u != t && in_scope(u, args[1].o);
    world_go(t);
    return of_int(!busy);
}

const struct native_row scoped_rows[] = {
    {"registerNatives", "()V", no_op},
    {"closeScope0",
     "(Ljdk/internal/misc/ScopedMemoryAccess$Scope;"
     "Ljdk/internal/misc/ScopedMemoryAccess$Scope$ScopedAccessError;)Z",
     close_scope},
    {NULL, NULL, NULL},
};

static union value high_res_counter(struct thread *t, union value *args)
{
    (void)args;
    return of_long(os_nanos() - t->vm->start_ns);
}

static union value high_res_frequency(struct thread *t, union value *args)
{
    (void)t, (void)args;
    return of_long(1000000000);
}

/* A counter nobody else reads: a buffer of one long, never freed, as the library keeps it. */
static union value create_long(struct thread *t, union value *args)
{
    struct vm *vm   = t->vm;
    i64       *cell = arena_alloc(&vm->arena, 8);
    *cell           = args[4].j;
    struct object *b =
        class_init(t, vm->k.DirectByteBuffer) ? heap_object(t, vm->k.DirectByteBuffer) : NULL;
    if (!b)
        return nothing;
    t->loading        = b;
    union value in[4] = {{.o = b}, {.j = (i64)cell}, {.raw = 0}, {.i = 8}};
    call_method(t, vm->k.DirectByteBuffer_init, in);
    return of_object(t->exception ? NULL : b);
}

const struct native_row perf_rows[] = {
    {"registerNatives", "()V", no_op},
    {"highResCounter", "()J", high_res_counter},
    {"highResFrequency", "()J", high_res_frequency},
    {"createLong", "(Ljava/lang/String;IIJ)Ljava/nio/ByteBuffer;", create_long},
    {NULL, NULL, NULL},
};

/* java/link.c - linking and initialization: JVMS 5.4, 5.5. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/code.h"
#include "java/verify.h"
#include "java/vm.h"

bool class_link(struct thread *t, struct class *c)
{
    struct vm *vm = t->vm;
    if (c->state >= CLASS_LINKED)
        return true;
    if (c->super && !class_link(t, c->super))
        return false;
    for (unsigned i = 0; i < c->ninterfaces; i++) {
        if (!class_link(t, c->interfaces[i]))
            return false;
    }
    if (!class_verify(t, c))
        return false;
    pthread_mutex_lock(&vm->init_lock);
    if (c->state < CLASS_LINKED) {
        natives_bind(t, c);
        c->state = CLASS_LINKED;
    }
    pthread_mutex_unlock(&vm->init_lock);
    return true;
}

static bool set_constant(struct thread *t, struct class *c, const struct field *f)
{
    union value    v = {.raw = 0};
    struct object *m = c->mirror;
    switch (f->type) {
    case T_REF:
        v.o = resolve_string(t, c, f->constant);
        if (v.o)
            put_ref(m, f->offset, v.o);
        return v.o;
    case T_LONG:
    case T_DOUBLE:
        AT(m, u64, f->offset) = cp_u8(c, f->constant);
        return true;
    case T_INT:
    case T_FLOAT:
        AT(m, u32, f->offset) = cp_u4(c, f->constant);
        return true;
    case T_CHAR:
    case T_SHORT:
        AT(m, u16, f->offset) = (u16)cp_u4(c, f->constant);
        return true;
    default:
        AT(m, u8, f->offset) = (u8)cp_u4(c, f->constant);
        return true;
    }
}

static bool run_initializer(struct thread *t, struct class *c)
{
    for (unsigned i = 0; i < c->nfields; i++) {
        if (c->fields[i].constant && !set_constant(t, c, &c->fields[i]))
            return false;
    }
    struct method *m = class_method(c, c->vm->n.clinit, c->vm->n.void_desc);
    if (m)
        call_method(t, m, NULL);
    return !t->exception;
}

static void set_state(struct class *c, enum class_state state)
{
    struct vm *vm = c->vm;
    pthread_mutex_lock(&vm->init_lock);
    __atomic_store_n(&c->state, (u8)state, __ATOMIC_RELEASE);
    c->init_thread = NULL;
    pthread_cond_broadcast(&vm->init_cond);
    pthread_mutex_unlock(&vm->init_lock);
}

/* An interface with a method that is neither abstract nor static is initialized with a class. */
static bool has_default(const struct class *c)
{
    for (unsigned i = 0; i < c->nmethods; i++) {
        if (!(c->methods[i].flags & (ACC_ABSTRACT | ACC_STATIC)))
            return true;
    }
    return false;
}

static bool init_supers(struct thread *t, struct class *c)
{
    if (class_is_interface(c))
        return true;
    if (c->super && !class_init(t, c->super))
        return false;
    for (unsigned i = 0; i < c->nall; i++) {
        if (has_default(c->all_interfaces[i]) && !class_init(t, c->all_interfaces[i]))
            return false;
    }
    return true;
}

static void init_failed_before(struct thread *t, struct class *c)
{
    struct vm         *vm    = t->vm;
    cleanup_free char *name  = class_external(c);
    struct object     *cause = get_ref(c->mirror, vm->k.Class_vm_init_error);
    cleanup_free char *text  = xasprintf("Could not initialize class %s", name);
    if (cause)
        throw_with_cause(t, "java/lang/NoClassDefFoundError", cause, text);
    else
        throw_new(t, "java/lang/NoClassDefFoundError", "%s", text);
}

/* Keeps what the first failure was, for those who come later. */
static void remember_failure(struct thread *t, struct class *c)
{
    struct vm     *vm       = t->vm;
    struct object *e        = t->exception;
    t->exception            = NULL;
    cleanup_free char *type = class_external(class_of(e));
    struct object     *m    = get_ref(e, vm->k.Throwable_detailMessage);
    cleanup_free char *text = m ? string_utf8(vm, m) : NULL;
    struct object     *who  = t->java ? get_ref(t->java, vm->k.Thread_name) : NULL;
    cleanup_free char *name = who ? string_utf8(vm, who) : xstrdup("");
    throw_new(t, "java/lang/ExceptionInInitializerError", "Exception %s%s%s [in thread \"%s\"]",
              type, text ? ": " : "", text ? text : "", name);
    struct object *kept = t->exception;
    if (kept && class_is(class_of(e), vm->k.Throwable)) {
        put_ref(kept, vm->k.Throwable_stackTrace, get_ref(e, vm->k.Throwable_stackTrace));
        put_ref(kept, vm->k.Throwable_backtrace, get_ref(e, vm->k.Throwable_backtrace));
        AT(kept, i32, vm->k.Throwable_depth) = AT(e, i32, vm->k.Throwable_depth);
        put_ref(kept, vm->k.Throwable_cause, NULL);
        put_ref(c->mirror, vm->k.Class_vm_init_error, kept);
    }
    t->exception = e;
}

static void init_failed(struct thread *t, struct class *c)
{
    struct vm    *vm    = t->vm;
    struct class *error = boot_find(t, symbol(vm, "java/lang/Error"));
    if (c->mirror && vm->k.Class_vm_init_error)
        remember_failure(t, c);
    struct object *e = t->exception;
    if (error && !class_is(class_of(e), error)) {
        t->exception = NULL;
        throw_wrapping(t, vm->k.InitializerError, e);
    }
    set_state(c, CLASS_ERROR);
}

/* Steps 1 to 6 of JVMS 5.5: true when this thread is to run the initializer. */
static bool claim(struct thread *t, struct class *c)
{
    struct vm *vm = t->vm;
    pthread_mutex_lock(&vm->init_lock);
    while (c->state == CLASS_INITIALIZING && c->init_thread != t) {
        thread_leave(t);
        pthread_cond_wait(&vm->init_cond, &vm->init_lock);
        pthread_mutex_unlock(&vm->init_lock);
        thread_enter(t);
        pthread_mutex_lock(&vm->init_lock);
    }
    bool mine = c->state == CLASS_LINKED;
    if (mine) {
        c->state       = CLASS_INITIALIZING;
        c->init_thread = t;
    }
    pthread_mutex_unlock(&vm->init_lock);
    return mine;
}

bool class_init(struct thread *t, struct class *c)
{
    if (__atomic_load_n(&c->state, __ATOMIC_ACQUIRE) == CLASS_READY)
        return true;
    if (!class_link(t, c))
        return false;
    if (!claim(t, c)) {
        if (c->state != CLASS_ERROR)
            return true;
        init_failed_before(t, c);
        return false;
    }
    if (!init_supers(t, c)) {
        set_state(c, CLASS_ERROR);
        return false;
    }
    if (!run_initializer(t, c)) {
        init_failed(t, c);
        return false;
    }
    set_state(c, CLASS_READY);
    return true;
}

/* Row -1 has the mask, so that readers, who take no lock, see both or neither. */
static void itable_grow(struct class *c)
{
    struct imethod *old  = c->itable;
    u64             mask = old ? ITABLE_MASK(old) * 2 + 1 : 15;
    struct imethod *rows = arena_alloc(&c->vm->arena, (mask + 2) * sizeof(*rows));
    rows++->of           = (struct method *)mask;
    for (u64 i = 0; old && i <= ITABLE_MASK(old); i++) {
        if (!old[i].of)
            continue;
        u64 at = ITABLE_HASH(old[i].of) & mask;
        while (rows[at].of)
            at = (at + 1) & mask;
        rows[at] = old[i];
    }
    __atomic_store_n(&c->itable, rows, __ATOMIC_RELEASE);
}

static void itable_put(struct class *c, struct method *of, struct method *is)
{
    pthread_mutex_lock(&c->vm->init_lock);
    if (!c->itable || c->itable_used * 2 >= ITABLE_MASK(c->itable))
        itable_grow(c);
    u64 mask = ITABLE_MASK(c->itable), at = ITABLE_HASH(of) & mask;
    while (c->itable[at].of && c->itable[at].of != of)
        at = (at + 1) & mask;
    if (!c->itable[at].of) {
        c->itable[at].is = is;
        __atomic_store_n(&c->itable[at].of, of, __ATOMIC_RELEASE);
        c->itable_used++;
    }
    pthread_mutex_unlock(&c->vm->init_lock);
}

/* The method that C has for OF, an interface's: what the table does not have yet. */
struct method *class_itable(struct thread *t, struct class *c, struct method *of)
{
    struct vm *vm = t->vm;
    if (!class_is(c, of->cls) && of->cls != vm->k.Object) {
        cleanup_free char *a = class_external(c), *b = class_external(of->cls);
        throw_new(t, "java/lang/IncompatibleClassChangeError",
                  "Class %s does not implement the requested interface %s", a, b);
        return NULL;
    }
    struct method *m = class_select(c, of);
    if (!m || (m->flags & ACC_ABSTRACT)) {
        cleanup_free char *a = class_external(c), *b = class_external(of->cls);
        throw_new(t, "java/lang/AbstractMethodError",
                  "Receiver class %s does not define or inherit an implementation of the resolved "
                  "method 'abstract %s%s' of interface %s.",
                  a, of->name->s, of->desc->s, b);
        return NULL;
    }
    if (!(m->flags & (ACC_PUBLIC | ACC_PRIVATE)) && class_is_interface(of->cls)) {
        cleanup_free char *a = class_external(m->cls);
        throw_new(t, "java/lang/IllegalAccessError",
                  "class %s tried to access non-public method "
                  "'%s%s'",
                  a, m->name->s, m->desc->s);
        return NULL;
    }
    itable_put(c, of, m);
    return m;
}

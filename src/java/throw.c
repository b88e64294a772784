/* java/throw.c - exceptions that the VM itself throws. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "java/code.h"
#include "java/quick.h"
#include "java/vm.h"

void throw_object(struct thread *t, struct object *e)
{
    t->exception = e;
}

/* An exception of class C whose constructor gets MESSAGE, or nothing. */
void throw_class(struct thread *t, struct class *c, struct object *message)
{
    struct vm *vm = t->vm;
    if (!class_init(t, c))
        return;
    struct symbol *desc = message ? symbol(vm, "(Ljava/lang/String;)V") : vm->n.void_desc;
    struct method *init = class_method(c, vm->n.init, desc);
    struct object *e    = heap_object(t, c);
    if (!e)
        return;
    t->loading          = e;
    union value args[2] = {{.o = e}, {.o = message}};
    if (!init && message) {
        init = class_method(c, vm->n.init, vm->n.void_desc);
        put_ref(e, vm->k.Throwable_detailMessage, message);
    }
    if (init)
        call_method(t, init, args);
    if (init && init->nargs == 1 && message)
        put_ref(e, vm->k.Throwable_detailMessage, message);
    if (!t->exception)
        t->exception = e;
}

static void throw_text(struct thread *t, const char *name, const char *text)
{
    if (t->exception)
        return;
    struct class *c = load_class(t, symbol(t->vm, name), &t->vm->boot);
    if (!c) {
        fprintf(stderr, "guise: %s was thrown before it could be loaded: %s\n", name,
                text ? text : "");
        if (!t->exception)
            abort();
        return;
    }
    struct object *message = text ? string_new(t, text) : NULL;
    if (text && !message)
        return;
    throw_class(t, c, message);
}

void throw_new(struct thread *t, const char *name, const char *fmt, ...)
{
    cleanup_free char *text = NULL;
    if (fmt) {
        va_list ap;
        va_start(ap, fmt);
        if (vasprintf(&text, fmt, ap) < 0)
            text = NULL;
        va_end(ap);
    }
    throw_text(t, name, text);
}

void throw_with_cause(struct thread *t, const char *name, struct object *cause, const char *message)
{
    struct object **keep = handle_new(t, cause);
    throw_text(t, name, message);
    struct object *e = t->exception;
    if (!e || !keep)
        return;
    t->exception        = NULL;
    union value args[2] = {{.o = e}, {.o = *keep}};
    call_method(t, class_select(class_of(e), t->vm->k.Throwable_initCause), args);
    t->exception = e;
}

/* By the constructor that takes the cause: its class allows no initCause. */
void throw_wrapping(struct thread *t, struct class *c, struct object *cause)
{
    struct vm      *vm   = t->vm;
    struct object **keep = handle_new(t, cause);
    struct object  *e    = class_init(t, c) ? heap_object(t, c) : NULL;
    if (!e)
        return;
    t->loading          = e;
    union value args[2] = {{.o = e}, {.o = *keep}};
    call_method(t, class_method(c, vm->n.init, symbol(vm, "(Ljava/lang/Throwable;)V")), args);
    if (!t->exception)
        t->exception = e;
}

void throw_oom(struct thread *t, const char *what)
{
    struct vm     *vm = t->vm;
    struct object *e  = vm->out_of_memory;
    if (e && !strcmp(what, "Java heap space")) {
        struct object *own = NULL;
        if (!t->overflowing) {
            t->overflowing = true; /* one that has a stack trace, if there is room for it */
            throw_text(t, "java/lang/OutOfMemoryError", what);
            t->overflowing = false;
            own            = t->exception;
        }
        t->exception = own ? own : e;
        return;
    }
    throw_text(t, "java/lang/OutOfMemoryError", what);
}

void throw_overflow(struct thread *t)
{
    if (t->overflowing) {
        t->exception = t->vm->stack_overflow;
        return;
    }
    t->overflowing = true;
    void *limit    = t->c_limit;
    t->c_limit     = (u8 *)t->c_limit - (64 << 10);
    t->stack_slots += STACK_RESERVE;
    t->stack_end = t->stack + t->stack_slots;
    throw_class(t, t->vm->k.StackOverflowError, NULL);
    t->stack_slots -= STACK_RESERVE;
    t->stack_end   = t->stack + t->stack_slots;
    t->c_limit     = limit;
    t->overflowing = false;
}

void throw_npe(struct thread *t)
{
    throw_class(t, t->vm->k.NullPointerException, NULL);
}

bool pending_is(struct thread *t, const char *name)
{
    for (struct class *c = t->exception ? class_of(t->exception) : NULL; c; c = c->super) {
        if (symbol_is(c->name, name))
            return true;
    }
    return false;
}

void throw_print(struct thread *t)
{
    struct object *e = t->exception;
    if (!e)
        return;
    t->exception        = NULL;
    union value args[1] = {{.o = e}};
    call_method(t, class_select(class_of(e), t->vm->k.Throwable_printStackTrace), args);
    t->exception = NULL;
}

/* "module java.base of loader 'bootstrap'", as HotSpot words it. */
static void module_text(struct vm *vm, struct class *c, char *out, size_t n)
{
    while (c->dims)
        c = c->element;
    struct object     *m     = c->module;
    struct object     *s     = m ? get_ref(m, vm->k.Module_name) : NULL;
    cleanup_free char *name  = s ? string_utf8(vm, s) : NULL;
    struct object     *l     = c->loader->java;
    struct object     *ln    = l ? get_ref(l, vm->k.ClassLoader_nameAndId) : NULL;
    cleanup_free char *own   = ln ? string_utf8(vm, ln) : xstrdup("'bootstrap'");
    char              *at    = strstr(own, " @");
    struct object     *plain = l ? get_ref(l, vm->k.ClassLoader_name) : NULL;
    cleanup_free char *pn    = plain ? string_utf8(vm, plain) : NULL;
    if (at && pn && (!strcmp(pn, "app") || !strcmp(pn, "platform")))
        *at = 0;
    if (c->primitive || !l)
        snprintf(out, n, "module %s of loader 'bootstrap'", name ? name : "java.base");
    else if (name)
        snprintf(out, n, "module %s of loader %s", name, own);
    else
        snprintf(out, n, "unnamed module of loader %s", own);
}

void throw_cast(struct thread *t, struct object *o, struct class *to)
{
    struct class      *from = class_of(o);
    cleanup_free char *a = class_external(from), *b = class_external(to);
    char               x[300], y[300];
    module_text(t->vm, from, x, sizeof(x));
    module_text(t->vm, to, y, sizeof(y));
    if (strcmp(x, y) == 0)
        throw_new(t, "java/lang/ClassCastException",
                  "class %s cannot be cast to class %s (%s and %s are in %s)", a, b, a, b, x);
    else
        throw_new(t, "java/lang/ClassCastException",
                  "class %s cannot be cast to class %s (%s is in %s; %s is in %s)", a, b, a, x, b,
                  y);
}

void throw_store(struct thread *t, struct object *array, struct object *value)
{
    (void)array;
    cleanup_free char *a = class_external(class_of(value));
    throw_new(t, "java/lang/ArrayStoreException", "%s", a);
}

void throw_abstract(struct thread *t, struct frame *f)
{
    cleanup_free char *a = class_external(f->method->cls);
    throw_new(t, "java/lang/AbstractMethodError", "'%s.%s%s'", a, f->method->name->s,
              f->method->desc->s);
}

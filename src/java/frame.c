/* java/frame.c - walks a thread's Java frames: callers, backtraces, where an exception came from.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/frames.h"

#include <string.h>

#include "java/code.h"
#include "java/vm.h"

int frame_bci(const struct frame *f)
{
    const struct code *c = f->method->code;
    if (!c || f->pc < c->insns || f->pc >= c->insns + c->n)
        return -1;
    return c->bci[f->pc - c->insns];
}

struct frame *frame_next(struct frame *f)
{
    while (f && !f->method)
        f = f->prev;
    return f;
}

/* Frames of reflection's own that callers are not looked for in. */
static bool is_plumbing(const struct vm *vm, const struct method *m)
{
    if (m->more & M_LAMBDA_FORM)
        return true;
    if (symbol_is(m->name, "invoke") && m->cls == vm->k.Method)
        return true;
    return vm->k.MethodAccessorImpl && class_is_sub(m->cls, vm->k.MethodAccessorImpl);
}

struct frame *frame_caller(struct thread *t, struct frame *f)
{
    do
        f = frame_next(f->prev);
    while (f && is_plumbing(t->vm, f->method));
    return f;
}

/* Who called the method that called the one that runs now. */
struct class *caller_class(struct thread *t)
{
    struct frame *f = frame_next(t->frame);
    f               = f ? frame_next(f->prev) : NULL;
    f               = f ? frame_caller(t, f) : NULL;
    return f ? f->method->cls : NULL;
}

static bool is_exception_init(const struct frame *f, const struct object *e)
{
    const struct vm *vm = f->method->cls->vm;
    return f->method->name == vm->n.init && f->regs[0].o == e &&
           class_is_sub(f->method->cls, vm->k.Throwable);
}

enum { MOST_FRAMES = 1024 };

/* A long[] of methods and places, two words a frame; depth goes into the exception. */
struct object *fill_backtrace(struct thread *t, struct object *e)
{
    struct vm    *vm = t->vm;
    struct frame *f  = frame_next(t->frame);
    while (f && symbol_is(f->method->name, "fillInStackTrace"))
        f = frame_next(f->prev);
    while (f && is_exception_init(f, e))
        f = frame_next(f->prev);
    u32 n = 0;
    for (struct frame *g = f; g && n < MOST_FRAMES; g = frame_next(g->prev))
        n += !(g->method->more & M_HIDDEN);
    struct class  *longs = class_array_of(t, class_primitive(vm, T_LONG));
    struct object *a     = heap_array(t, longs, (i32)(2 * n));
    if (!a)
        return NULL;
    u32 i = 0;
    for (; f && i < n; f = frame_next(f->prev)) {
        if (f->method->more & M_HIDDEN)
            continue;
        ELEMENT(a, u64, 2 * i)     = (u64)f->method;
        ELEMENT(a, i64, 2 * i + 1) = frame_bci(f);
        i++;
    }
    put_ref(e, vm->k.Throwable_backtrace, a);
    AT(e, i32, vm->k.Throwable_depth) = (i32)n;
    return a;
}

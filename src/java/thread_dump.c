/* java/thread_dump.c - where all threads are, on stdout: what SIGQUIT asks for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/thread_dump.h"

#include <stdio.h>

#include "base/alloc.h"
#include "java/frames.h"
#include "java/vm.h"

static const char *state_words(i32 status)
{
    switch (status) {
    case STATUS_BLOCKED:
        return "BLOCKED (on object monitor)";
    case STATUS_SLEEPING:
        return "TIMED_WAITING (sleeping)";
    case STATUS_WAITING:
        return "WAITING (on object monitor)";
    case STATUS_WAITING_TIMED:
        return "TIMED_WAITING (on object monitor)";
    case STATUS_PARKED:
        return "WAITING (parking)";
    case STATUS_PARKED_TIMED:
        return "TIMED_WAITING (parking)";
    default:
        return "RUNNABLE";
    }
}

static void print_frame(const struct frame *f)
{
    const struct method *m    = f->method;
    cleanup_free char   *name = class_external(m->cls);
    const struct symbol *file = class_source_file(m->cls);
    int                  bci  = frame_bci(f);
    int                  line = method_line(m, bci < 0 ? 0 : (unsigned)bci);
    printf("\tat %s.%s(", name, m->name->s);
    if (m->flags & ACC_NATIVE)
        printf("Native Method)\n");
    else if (file && line >= 0)
        printf("%s:%d)\n", file->s, line);
    else
        printf("%s)\n", file ? file->s : "Unknown Source");
}

static void print_thread(struct thread *t)
{
    struct vm         *vm   = t->vm;
    struct object     *s    = get_ref(t->java, vm->k.Thread_name);
    cleanup_free char *name = s ? string_utf8(vm, s) : xstrdup("?");
    printf("\"%s\" #%lld%s prio=%d\n   java.lang.Thread.State: %s\n", name,
           (long long)AT(t->java, i64, vm->k.Thread_tid), t->daemon ? " daemon" : "",
           AT(t->java, i32, vm->k.Thread_priority),
           state_words(AT(t->java, i32, vm->k.Thread_threadStatus)));
    for (struct frame *f = frame_next(t->frame); f; f = frame_next(f->prev)) {
        if (!(f->method->more & M_HIDDEN))
            print_frame(f);
    }
    printf("\n");
}

void threads_dump(struct thread *self)
{
    struct vm *vm = self->vm;
    world_stop(self);
    printf("Full thread dump guise (17 interpreted mode):\n\n");
    for (struct thread *t = vm->threads; t; t = t->next) {
        if (t->java)
            print_thread(t);
    }
    fflush(stdout);
    world_go(self);
}

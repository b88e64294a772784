/* java/interp.c - runs decoded methods: op.def's words as C, each row a piece of one function.
 *
 * Calls between Java methods stay in this function; C functions that call Java (call.c) enter it
 * anew. Whoever may look at the frames (a throw, a collection, another thread at a safepoint)
 * finds them by t->frame and each frame's pc, which SAVE brings up to date. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "java/quick.h"

static i32 to_int(double d)
{
    return d != d ? 0 : d >= 2147483648.0 ? INT32_MAX : d <= -2147483649.0 ? INT32_MIN : (i32)d;
}

static i64 to_long(double d)
{
    return d != d                        ? 0
           : d >= 9223372036854775808.0  ? INT64_MAX
           : d <= -9223372036854775808.0 ? INT64_MIN
                                         : (i64)d;
}

static i32 table_target(const struct switch_table *s, i32 key)
{
    u32 i = (u32)key - (u32)s->low;
    return i < (u32)s->n ? s->data[i] : s->otherwise;
}

static i32 lookup_target(const struct switch_table *s, i32 key)
{
    for (i32 low = 0, high = s->n; low < high;) {
        i32 mid = (low + high) / 2;
        if (s->data[mid] == key)
            return s->data[s->n + mid];
        if (s->data[mid] < key)
            low = mid + 1;
        else
            high = mid;
    }
    return s->otherwise;
}

static inline struct object *allocate(struct thread *t, struct class *c)
{
    struct object *o    = (struct object *)t->alloc;
    u8            *next = t->alloc + c->size;
    if (unlikely(next > t->alloc_end))
        return heap_alloc_slow(t, c, c->size);
    t->alloc = next;
    heap_note_start(&t->vm->heap, o);
    o->klass = (u32)(u64)c;
    return o;
}

#define PC     pc
#define A      (R[pc->a])
#define B      (R[pc->b])
#define C      (R[pc->c])
#define K      (pc->imm)
#define KB     ((i16)pc->b)
#define PTR(T) ((T *)(u64)pc->ptr)
#define SITE   PTR(struct call_site)
#define ARG0   (R[SITE->args[0]])
#define ARG1   (R[SITE->args[1]])

#define STATIC(T) (*(T *)((u8 *)ref_object(pc->ptr) + pc->b))

#define SAVE (t->frame = f, f->pc = pc)
#define GO(to)                                                                                     \
    do {                                                                                           \
        pc = (to);                                                                                 \
        goto * pc->go;                                                                             \
    } while (0)
#define NEXT GO(pc + 1)
#define JUMP                                                                                       \
    do {                                                                                           \
        if (unlikely(t->poll))                                                                     \
            goto poll_jump;                                                                        \
        GO(pc + pc->imm);                                                                          \
    } while (0)
#define THROW(kind)   goto throw_##kind
#define THROWN        goto thrown
#define THROWN_BEFORE goto thrown_before
#define LEAVE         return labels
/* The instruction's operands have been rewritten; what it became is done. */
#define SLOW(call)                                                                                 \
    do {                                                                                           \
        SAVE;                                                                                      \
        const void *became_ = (call);                                                              \
        if (!became_)                                                                              \
            THROWN;                                                                                \
        goto *became_;                                                                             \
    } while (0)
#define CHECK_NULL(o)                                                                              \
    if (unlikely(!(o)))                                                                            \
    goto throw_null
#define CHECK_INDEX(o, i)                                                                          \
    CHECK_NULL(o);                                                                                 \
    if (unlikely((u32)(i) >= (u32)array_length(o)))                                                \
    goto throw_bounds
#define CHECK_STORE(array, o)                                                                      \
    if ((o) && class_of(array)->element != class_of(o) &&                                          \
        class_of(array)->element != t->vm->k.Object &&                                             \
        !class_is(class_of(o), class_of(array)->element))                                          \
    goto throw_array_store
#define CALL(m)                                                                                    \
    do {                                                                                           \
        target = (m);                                                                              \
        goto call;                                                                                 \
    } while (0)
#define CALL_WITH(m, last)                                                                         \
    do {                                                                                           \
        target = (m);                                                                              \
        extra  = (last);                                                                           \
        goto call_with;                                                                            \
    } while (0)
#define RETURN_RAW(value)                                                                          \
    do {                                                                                           \
        u64 result_ = (value);                                                                     \
        f           = f->prev;                                                                     \
        pc          = f->pc;                                                                       \
        R           = f->regs;                                                                     \
        A.raw       = result_;                                                                     \
        NEXT;                                                                                      \
    } while (0)

/* With T NULL, only tells where its pieces are. */
static const void *const *run(struct thread *t, struct frame *f, const struct insn *pc)
{
    static const void *const labels[] = {
#define OP(name, ...) &&L_##name,
#include "java/op.def"
#undef OP
    };
    if (!t)
        return labels;
    union value      *R = f->regs;
    struct method    *target;
    struct object    *extra;
    struct call_site *site;
    struct frame     *callee;
    goto * pc->go;

#define OP(name, ...)                                                                              \
    L_##name:                                                                                      \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    NEXT;
#include "java/op.def"
#undef OP

call:
    site   = SITE;
    callee = (struct frame *)(R + f->method->nregs);
    if (unlikely(callee->regs + target->nregs > t->stack_end))
        goto poll_call;
    for (u32 i = 0; i < site->nargs; i++)
        callee->regs[i] = R[site->args[i]];
entered:
    f->pc          = pc;
    callee->prev   = f;
    callee->method = target;
    callee->lock   = NULL;
    f              = callee;
    R              = f->regs;
    GO(target->entry);

call_with:
    site   = SITE;
    callee = (struct frame *)(R + f->method->nregs);
    if (unlikely(callee->regs + target->nregs + 1 > t->stack_end))
        goto poll_call;
    for (u32 i = 0; i < site->nargs; i++)
        callee->regs[i] = R[site->args[i]];
    if (extra)
        callee->regs[site->nargs].o = extra;
    goto entered;

poll_call: /* the stack's end was moved to get attention, or it is reached */
    SAVE;
    if (t->poll) {
        thread_poll(t);
        goto * pc->go;
    }
    throw_overflow(t);
    goto thrown;
poll_jump:
    SAVE;
    thread_poll(t);
    if (unlikely(t->exception))
        goto thrown;
    GO(pc + pc->imm);
throw_null:
    SAVE;
    throw_npe(t);
    goto thrown;
throw_divide:
    SAVE;
    throw_new(t, "java/lang/ArithmeticException", "/ by zero");
    goto thrown;
throw_bounds:
    SAVE;
    throw_index(t, B.o, C.i);
    goto thrown;
throw_array_store:
    SAVE;
    throw_store(t, B.o, A.o);
    goto thrown;
thrown_before: /* the method did not begin: its caller threw */
    f = f->prev;
thrown:
    while (f->method) {
        pc = f->method->code ? find_handler(t, f) : NULL;
        if (pc) {
            R                          = f->regs;
            R[f->method->max_locals].o = t->exception;
            t->exception               = NULL;
            t->frame                   = f;
            goto * pc->go;
        }
        t->frame = f;
        if (f->lock)
            frame_unlock(t, f);
        f = f->prev;
    }
    t->frame = f;
    return labels;
}

const void *const *interp_labels(void)
{
    return run(NULL, NULL, NULL);
}

void interp_run(struct thread *t, struct frame *f, const struct insn *pc)
{
    run(t, f, pc);
}

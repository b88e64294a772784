/* java/call.c - from C into Java, and from Java into native code by the host's C convention.
 *
 * call_method puts a frame without a method between C's and the callee's: its code is a call whose
 * result goes to register 0, and behind it EXIT, which leaves the interpreter. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/quick.h"

enum { BORDER_REGS = 2 };

static union value *frame_end(struct thread *t)
{
    struct frame *f = t->frame;
    if (!f)
        return t->stack;
    return f->regs + (f->method ? f->method->nregs : BORDER_REGS);
}

union value call_method(struct thread *t, struct method *m, const union value *args)
{
    union value   none   = {.raw = 0};
    struct frame *border = (struct frame *)frame_end(t);
    struct frame *f      = (struct frame *)(border->regs + BORDER_REGS);
    bool          deep   = (u8 *)__builtin_frame_address(0) < (u8 *)t->c_limit;
    if (deep || f->regs + m->nregs > t->stack + t->stack_slots) {
        throw_overflow(t);
        return none;
    }
    struct frame *was   = t->frame;
    border->prev        = was;
    border->method      = NULL;
    border->lock        = NULL;
    border->regs[0].raw = 0;
    border->pc          = t->vm->stub_exit;
    f->prev             = border;
    f->method           = m;
    f->lock             = NULL;
    f->pc               = m->entry;
    if (m->nargs)
        memcpy(f->regs, args, m->nargs * sizeof(*args));
    t->frame = f;
    interp_run(t, f, m->entry);
    t->frame = was;
    return t->exception ? none : border->regs[0];
}

/* What native code gets: integers, floats, and what did not fit registers. */
struct c_args {
    u64      ints[8];
    double   floats[8];
    u64     *stack;
    u64      nstack;
    unsigned nints, nfloats;
};

#if defined(__x86_64__)
enum { INT_ARGS = 6 };
/* call_native(fn, args): the result, with an xmm one in OUT. */
u64 call_native(void *fn, struct c_args *, double *out);
__asm__(".text\n"
        ".type call_native, @function\n"
        ".hidden call_native\n"
        ".globl call_native\n"
        "call_native:\n"
        "  pushq %rbp\n  movq %rsp, %rbp\n  pushq %rbx\n  pushq %r12\n"
        "  movq %rdi, %rax\n  movq %rsi, %r11\n  movq %rdx, %rbx\n"
        "  movq 136(%r11), %rcx\n" /* nstack */
        "  movq 128(%r11), %r10\n"
        "  leaq (,%rcx,8), %rdx\n  addq $15, %rdx\n  andq $-16, %rdx\n  subq %rdx, %rsp\n"
        "1: testq %rcx, %rcx\n  jz 2f\n"
        "  decq %rcx\n  movq (%r10,%rcx,8), %rdx\n  movq %rdx, (%rsp,%rcx,8)\n  jmp 1b\n"
        "2: movsd 64(%r11), %xmm0\n  movsd 72(%r11), %xmm1\n"
        "  movsd 80(%r11), %xmm2\n  movsd 88(%r11), %xmm3\n"
        "  movsd 96(%r11), %xmm4\n  movsd 104(%r11), %xmm5\n"
        "  movsd 112(%r11), %xmm6\n  movsd 120(%r11), %xmm7\n"
        "  movq 0(%r11), %rdi\n  movq 8(%r11), %rsi\n  movq 16(%r11), %rdx\n"
        "  movq 24(%r11), %rcx\n  movq 32(%r11), %r8\n  movq 40(%r11), %r9\n"
        "  movq %rax, %r10\n  movl $8, %eax\n  call *%r10\n"
        "  movsd %xmm0, (%rbx)\n"
        "  leaq -16(%rbp), %rsp\n  popq %r12\n  popq %rbx\n  popq %rbp\n  ret\n"
        ".size call_native, .-call_native\n");
#elif defined(__aarch64__)
enum { INT_ARGS = 8 };
u64 call_native(void *fn, struct c_args *, double *out);
__asm__(".text\n"
        ".type call_native, %function\n"
        ".hidden call_native\n"
        ".globl call_native\n"
        "call_native:\n"
        "  stp x29, x30, [sp, #-32]!\n  mov x29, sp\n  str x19, [sp, #16]\n"
        "  mov x16, x0\n  mov x17, x1\n  mov x19, x2\n"
        "  ldp x9, x10, [x17, #128]\n"
        "  add x11, x10, #1\n  and x11, x11, #-2\n  sub sp, sp, x11, lsl #3\n"
        "1: cbz x10, 2f\n  sub x10, x10, #1\n  ldr x12, [x9, x10, lsl #3]\n"
        "  str x12, [sp, x10, lsl #3]\n  b 1b\n"
        "2: ldp d0, d1, [x17, #64]\n  ldp d2, d3, [x17, #80]\n"
        "  ldp d4, d5, [x17, #96]\n  ldp d6, d7, [x17, #112]\n"
        "  ldp x2, x3, [x17, #16]\n  ldp x4, x5, [x17, #32]\n  ldp x6, x7, [x17, #48]\n"
        "  ldp x0, x1, [x17]\n  blr x16\n"
        "  str d0, [x19]\n  mov sp, x29\n  ldr x19, [sp, #16]\n  ldp x29, x30, [sp], #32\n  ret\n"
        ".size call_native, .-call_native\n");
#else
#error "call_native is not there for this host"
#endif

static void add_int(struct c_args *a, u64 v)
{
    if (a->nints < INT_ARGS)
        a->ints[a->nints++] = v;
    else
        a->stack[a->nstack++] = v;
}

static void add_float(struct c_args *a, u64 v)
{
    if (a->nfloats < 8)
        memcpy(&a->floats[a->nfloats++], &v, sizeof(v));
    else
        a->stack[a->nstack++] = v;
}

/* A reference goes as a handle: the address of the register that has it. */
static u64 as_handle(union value *v)
{
    return v->o ? (u64)&v->o : 0;
}

static void add_args(struct c_args *a, struct method *m, union value *v)
{
    for (const char *p = m->desc->s + 1; *p != ')'; p = desc_skip(p)) {
        switch (desc_type(*p)) {
        case T_REF:
            add_int(a, as_handle(v));
            break;
        case T_FLOAT:
        case T_DOUBLE:
            add_float(a, v->raw);
            break;
        case T_BOOLEAN:
            add_int(a, (u64)(v->i & 1));
            break;
        case T_LONG:
            add_int(a, v->raw);
            break;
        default:
            add_int(a, (u64)(i64)v->i);
            break;
        }
        v += *p == 'J' || *p == 'D' ? 2 : 1;
    }
}

static union value widen(enum type type, u64 raw, double d)
{
    union value v = {.raw = raw};
    switch (type) {
    case T_BOOLEAN:
        v.j = (raw & 0xff) != 0;
        break;
    case T_BYTE:
        v.j = (i8)raw;
        break;
    case T_CHAR:
        v.j = (u16)raw;
        break;
    case T_SHORT:
        v.j = (i16)raw;
        break;
    case T_FLOAT:
    case T_DOUBLE:
        v.d = d;
        break;
    default:
        break;
    }
    return v;
}

static union value call_jni(struct thread *t, struct method *m, union value *args,
                            struct object **self)
{
    u64           stack[260];
    struct c_args a   = {.stack = stack};
    double        out = 0;
    add_int(&a, (u64)t);
    add_int(&a, (u64)self);
    add_args(&a, m, args + !method_is_static(m));
    void *mark = handle_mark(t);
    thread_leave(t);
    u64 raw = call_native(m->native, &a, &out);
    thread_enter(t);
    union value v = widen(m->result, raw, out);
    if (m->result == T_REF)
        v.o = raw ? *(struct object **)(raw & ~3ull) : NULL;
    handle_release(t, mark);
    return v;
}

union value jni_call(struct thread *t, struct method *m, union value *args)
{
    struct object *mirror = m->cls->mirror, **self = method_is_static(m) ? &mirror : &args[0].o;
    union value    v    = {.raw = 0};
    struct object *lock = m->flags & ACC_SYNCHRONIZED ? *self : NULL;
    if (lock && !monitor_enter(t, lock))
        return v;
    v = call_jni(t, m, args, self);
    if (lock) {
        struct object *pending = t->exception;
        t->exception           = NULL;
        monitor_exit(t, lock);
        t->exception = pending;
    }
    return v;
}

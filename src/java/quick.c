/* java/quick.c - resolves instructions at their first execution; see quick.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/quick.h"

#include <string.h>

#include "base/alloc.h"

/* Writes the operands at once, then, with KEEP, which piece it is; both readers are in order. */
static const void *rewrite(const struct insn *pc, enum op op, u16 b, u32 imm, bool keep)
{
    struct insn n  = *pc;
    const void *go = interp_labels()[op];
    u64         operands;
    n.b   = b;
    n.ptr = imm;
    memcpy(&operands, &n.a, sizeof(operands));
    __atomic_store_n((u64 *)&pc->a, operands, __ATOMIC_RELEASE);
    if (keep)
        __atomic_store_n(&((struct insn *)pc)->go, go, __ATOMIC_RELEASE);
    return go;
}

static const u8 *bytecode_at(const struct frame *f)
{
    return f->method->bytes + frame_bci(f);
}

static u16 operand_cp(const struct frame *f)
{
    return be16(bytecode_at(f) + 1);
}

const void *quick_ldc(struct thread *t, struct frame *f, const struct insn *pc)
{
    struct class *c  = f->method->cls;
    u16           cp = *bytecode_at(f) == 0x12 ? bytecode_at(f)[1] : operand_cp(f);
    union value   v  = {.raw = 0};
    enum type     type;
    if (!constant_load(t, c, cp, &v, &type))
        return NULL;
    if (type == T_REF)
        return rewrite(pc, OP_LDREF, pc->b, (u32)(u64)cell_new(t->vm, v.o), true);
    u64 *at = arena_alloc(&t->vm->arena, sizeof(*at));
    *at     = v.raw;
    return rewrite(pc, OP_LD64, pc->b, (u32)(u64)at, true);
}

/* Which instruction moves a value of each type. */
static const struct {
    u8 get, put, get_static, put_static;
} field_ops[T_REF + 1] = {
    [T_BOOLEAN] = {OP_GETFIELD_B, OP_PUTFIELD_Z, OP_GETSTATIC_B, OP_PUTSTATIC_Z},
    [T_BYTE]    = {OP_GETFIELD_B, OP_PUTFIELD_B, OP_GETSTATIC_B, OP_PUTSTATIC_B},
    [T_CHAR]    = {OP_GETFIELD_C, OP_PUTFIELD_C, OP_GETSTATIC_C, OP_PUTSTATIC_C},
    [T_SHORT]   = {OP_GETFIELD_S, OP_PUTFIELD_C, OP_GETSTATIC_S, OP_PUTSTATIC_C},
    [T_INT]     = {OP_GETFIELD_I, OP_PUTFIELD_I, OP_GETSTATIC_I, OP_PUTSTATIC_I},
    [T_FLOAT]   = {OP_GETFIELD_I, OP_PUTFIELD_I, OP_GETSTATIC_I, OP_PUTSTATIC_I},
    [T_LONG]    = {OP_GETFIELD_J, OP_PUTFIELD_J, OP_GETSTATIC_J, OP_PUTSTATIC_J},
    [T_DOUBLE]  = {OP_GETFIELD_J, OP_PUTFIELD_J, OP_GETSTATIC_J, OP_PUTSTATIC_J},
    [T_REF]     = {OP_GETFIELD_A, OP_PUTFIELD_A, OP_GETSTATIC_A, OP_PUTSTATIC_A},
};
_Static_assert(OP_EXIT < 256, "an operation fits a byte");

static const void *quick_static(const struct insn *pc, struct field *f, bool put)
{
    bool ready = f->cls->state == CLASS_READY;
    if ((f->flags & ACC_VOLATILE) || f->offset > UINT16_MAX)
        return rewrite(pc, put ? OP_PUTSTATIC_F : OP_GETSTATIC_F, 0, (u32)(u64)f, ready);
    enum op op = put ? field_ops[f->type].put_static : field_ops[f->type].get_static;
    return rewrite(pc, op, (u16)f->offset, object_ref(f->cls->mirror), ready);
}

const void *quick_field(struct thread *t, struct frame *f, const struct insn *pc, bool is_static,
                        bool put)
{
    struct method *m  = f->method;
    struct field  *to = resolve_field(t, m->cls, operand_cp(f), is_static, put, m);
    if (!to || (is_static && !class_init(t, to->cls)))
        return NULL;
    if (is_static)
        return quick_static(pc, to, put);
    if (to->flags & ACC_VOLATILE)
        return rewrite(pc, put ? OP_PUTFIELD_V : OP_GETFIELD_V, pc->b,
                       to->offset | (u32)to->type << 24, true);
    return rewrite(pc, put ? field_ops[to->type].put : field_ops[to->type].get, pc->b, to->offset,
                   true);
}

union value volatile_get(struct object *o, u32 off, u32 type)
{
    union value v = {.raw = 0};
    switch (type) {
    case T_BOOLEAN:
    case T_BYTE:
        v.i = __atomic_load_n(&AT(o, i8, off), __ATOMIC_SEQ_CST);
        break;
    case T_CHAR:
        v.i = __atomic_load_n(&AT(o, u16, off), __ATOMIC_SEQ_CST);
        break;
    case T_SHORT:
        v.i = __atomic_load_n(&AT(o, i16, off), __ATOMIC_SEQ_CST);
        break;
    case T_LONG:
    case T_DOUBLE:
        v.j = __atomic_load_n(&AT(o, i64, off), __ATOMIC_SEQ_CST);
        break;
    case T_REF:
        v.o = ref_object(__atomic_load_n(&AT(o, ref, off), __ATOMIC_SEQ_CST));
        break;
    default:
        v.i = __atomic_load_n(&AT(o, i32, off), __ATOMIC_SEQ_CST);
        break;
    }
    return v;
}

void volatile_put(struct object *o, u32 off, u32 type, union value v)
{
    switch (type) {
    case T_BOOLEAN:
        __atomic_store_n(&AT(o, u8, off), (u8)(v.i & 1), __ATOMIC_SEQ_CST);
        break;
    case T_BYTE:
        __atomic_store_n(&AT(o, i8, off), (i8)v.i, __ATOMIC_SEQ_CST);
        break;
    case T_CHAR:
    case T_SHORT:
        __atomic_store_n(&AT(o, u16, off), (u16)v.i, __ATOMIC_SEQ_CST);
        break;
    case T_LONG:
    case T_DOUBLE:
        __atomic_store_n(&AT(o, i64, off), v.j, __ATOMIC_SEQ_CST);
        break;
    case T_REF:
        __atomic_store_n(&AT(o, ref, off), object_ref(v.o), __ATOMIC_SEQ_CST);
        break;
    default:
        __atomic_store_n(&AT(o, i32, off), v.i, __ATOMIC_SEQ_CST);
        break;
    }
}

union value static_get(const struct field *f)
{
    return volatile_get(f->cls->mirror, f->offset, f->type);
}

void static_put(const struct field *f, union value v)
{
    volatile_put(f->cls->mirror, f->offset, f->type, v);
}

const void *quick_new(struct thread *t, struct frame *f, const struct insn *pc)
{
    struct class *c = resolve_class(t, f->method->cls, operand_cp(f));
    if (!c)
        return NULL;
    if ((c->flags & (ACC_ABSTRACT | ACC_INTERFACE)) || c->dims || c == t->vm->k.Class) {
        cleanup_free char *name = class_external(c);
        throw_new(t, "java/lang/InstantiationError", "%s", name);
        return NULL;
    }
    if (!class_init(t, c))
        return NULL;
    return rewrite(pc, OP_NEW_Q, 0, (u32)(u64)c, c->state == CLASS_READY);
}

struct object *new_array(struct thread *t, struct class *c, i32 length)
{
    if (length >= 0)
        return heap_array(t, c, length);
    throw_new(t, "java/lang/NegativeArraySizeException", "%d", length);
    return NULL;
}

const void *quick_newarray(struct thread *t, struct frame *f, const struct insn *pc)
{
    const u8     *p = bytecode_at(f);
    struct class *c =
        *p == 0xbc ? class_primitive(t->vm, p[1]) : resolve_class(t, f->method->cls, be16(p + 1));
    if (c)
        c = class_array_of(t, c);
    return c ? rewrite(pc, OP_NEWARRAY_Q, pc->b, (u32)(u64)c, true) : NULL;
}

struct object *multi_array_of(struct thread *t, struct class *c, unsigned n, const i32 *lengths)
{
    for (unsigned i = 0; i < n; i++) {
        if (lengths[i] < 0) {
            throw_new(t, "java/lang/NegativeArraySizeException", "%d", lengths[i]);
            return NULL;
        }
    }
    struct object *a = heap_array(t, c, lengths[0]);
    for (i32 i = 0; a && n > 1 && i < lengths[0]; i++) {
        struct object *e = multi_array_of(t, c->element, n - 1, lengths + 1);
        if (!e)
            return NULL;
        set_element_ref(a, i, e);
    }
    return a;
}

struct object *multi_array(struct thread *t, struct frame *f, const struct insn *pc)
{
    struct call_site *site = (struct call_site *)(u64)pc->ptr;
    struct class     *c    = resolve_class(t, f->method->cls, operand_cp(f));
    i32               lengths[256];
    if (!c)
        return NULL;
    for (unsigned i = 0; i < site->nargs; i++)
        lengths[i] = f->regs[site->args[i]].i;
    return multi_array_of(t, c, site->nargs, lengths);
}

const void *quick_cast(struct thread *t, struct frame *f, const struct insn *pc, bool test)
{
    struct class *c = resolve_class(t, f->method->cls, operand_cp(f));
    return c ? rewrite(pc, test ? OP_INSTANCEOF_Q : OP_CHECKCAST_Q, pc->b, (u32)(u64)c, true)
             : NULL;
}

static const void *set_call(const struct insn *pc, struct method *m, enum op op, bool keep)
{
    struct call_site *site = (struct call_site *)(u64)pc->ptr;
    site->vindex           = m->vindex >= 0 ? (u32)m->vindex : 0;
    __atomic_store_n(&site->method, m, __ATOMIC_RELEASE);
    return rewrite(pc, op, pc->b, pc->ptr, keep);
}

/* A call through a method handle, linked by the library. */
static const void *quick_handle(struct thread *t, struct frame *f, const struct insn *pc,
                                struct method *m)
{
    if (m->poly == POLY_BASIC)
        return set_call(pc, m, OP_CALL_BASIC, true);
    if (m->poly != POLY_INVOKE)
        return set_call(pc, m, OP_CALL_LINK, true);
    struct object *appendix = NULL;
    struct method *link     = mh_link_method(t, f->method->cls, operand_cp(f), m, &appendix);
    if (!link)
        return NULL;
    struct call_site *site = (struct call_site *)(u64)pc->ptr;
    site->appendix         = cell_new(t->vm, appendix);
    return set_call(pc, link, OP_CALL_APPENDIX, true);
}

/* JVMS 6.5 invokespecial: a super call begins at the direct superclass. */
static struct method *special_target(struct thread *t, struct class *from, struct method *m)
{
    bool super = (from->flags & ACC_SUPER) && m->name != t->vm->n.init &&
                 !class_is_interface(m->cls) && from != m->cls && class_is_sub(from, m->cls) &&
                 !(m->flags & ACC_PRIVATE);
    if (super)
        m = class_find_method(from->super, m->name, m->desc);
    if (m && (m->flags & ACC_ABSTRACT)) {
        cleanup_free char *a = class_external(m->cls);
        throw_new(t, "java/lang/AbstractMethodError", "'%s.%s%s'", a, m->name->s, m->desc->s);
        return NULL;
    }
    return m;
}

const void *quick_call(struct thread *t, struct frame *f, const struct insn *pc, u8 bytecode)
{
    struct class  *from = f->method->cls;
    struct method *m    = resolve_method(t, from, operand_cp(f), bytecode == 0xb8);
    if (!m)
        return NULL;
    if (m->poly)
        return quick_handle(t, f, pc, m);
    if (bytecode == 0xb8) {
        if (!class_init(t, m->cls))
            return NULL;
        enum op op = intrinsic_of(m, OP_CALL_STATIC);
        return set_call(pc, m, op, m->cls->state == CLASS_READY);
    }
    if (bytecode == 0xb7) {
        m = special_target(t, from, m);
        return m ? set_call(pc, m, OP_CALL_SPECIAL, true) : NULL;
    }
    if (m->flags & ACC_PRIVATE)
        return set_call(pc, m, OP_CALL_SPECIAL, true);
    if (class_is_interface(m->cls))
        return set_call(pc, m, OP_CALL_INTERFACE, true);
    return set_call(pc, m, m->flags & ACC_FINAL ? OP_CALL_SPECIAL : OP_CALL_VIRTUAL, true);
}

const void *quick_dynamic(struct thread *t, struct frame *f, const struct insn *pc)
{
    struct object *appendix = NULL;
    struct method *m        = mh_link_call(t, f->method->cls, operand_cp(f), &appendix);
    if (!m)
        return NULL;
    /* Whichever thread links first, both run what it linked. */
    struct call_site *site = (struct call_site *)(u64)pc->ptr;
    struct object   **cell = cell_new(t->vm, appendix);
    pthread_mutex_lock(&t->vm->roots_lock);
    if (!site->method) {
        site->appendix = cell;
        site->method   = m;
    }
    pthread_mutex_unlock(&t->vm->roots_lock);
    return rewrite(pc, OP_CALL_APPENDIX, pc->b, pc->ptr, true);
}

static struct method *member_method(struct vm *vm, struct object *member)
{
    struct object *r = get_ref(member, vm->k.MemberName_method);
    return r ? (struct method *)AT(r, u64, vm->k.ResolvedMethodName_vmtarget) : NULL;
}

struct method *basic_target(struct vm *vm, struct object *handle)
{
    struct object *form = get_ref(handle, vm->k.MethodHandle_form);
    return member_method(vm, get_ref(form, vm->k.LambdaForm_vmentry));
}

struct method *link_target(struct thread *t, struct frame *f, struct call_site *site)
{
    struct object *member = f->regs[site->args[site->nargs - 1]].o;
    struct method *m      = member ? member_method(t->vm, member) : NULL;
    u8             poly   = site->method->poly;
    if (!m) {
        throw_new(t, "java/lang/InternalError", "a member name without a method");
        return NULL;
    }
    if (poly == POLY_STATIC)
        return m;
    struct object *receiver = f->regs[site->args[0]].o;
    if (!receiver) {
        throw_npe(t);
        return NULL;
    }
    if (poly == POLY_SPECIAL || (m->flags & ACC_PRIVATE))
        return m;
    struct class *c = class_of(receiver);
    if (class_is_interface(m->cls)) {
        struct method *is = itable_find(c, m);
        return is ? is : class_itable(t, c, m);
    }
    return m->vindex >= 0 ? c->vtable[m->vindex] : m;
}

bool frame_lock(struct thread *t, struct frame *f)
{
    struct object *o = method_is_static(f->method) ? f->method->cls->mirror : f->regs[0].o;
    if (!monitor_enter(t, o))
        return false;
    f->lock = o;
    return true;
}

bool frame_unlock(struct thread *t, struct frame *f)
{
    struct object *o = f->lock, *pending = t->exception;
    f->lock      = NULL;
    t->exception = NULL;
    bool ok      = !o || monitor_exit(t, o);
    if (ok)
        t->exception = pending;
    return ok;
}

bool register_finalizer(struct thread *t, struct object *o)
{
    struct vm  *vm      = t->vm;
    union value args[1] = {{.o = o}};
    if (vm->k.Finalizer_register)
        call_method(t, vm->k.Finalizer_register, args);
    return !t->exception;
}

void throw_index(struct thread *t, struct object *array, i32 index)
{
    throw_new(t, "java/lang/ArrayIndexOutOfBoundsException", "Index %d out of bounds for length %d",
              index, array_length(array));
}

const struct insn *find_handler(struct thread *t, struct frame *f)
{
    struct code   *code = f->method->code;
    struct object *e    = t->exception;
    int            bci  = frame_bci(f);
    for (u32 i = 0; i < code->nhandlers; i++) {
        struct code_handler *h = &code->handlers[i];
        if (bci < h->start || bci >= h->end)
            continue;
        if (h->type) {
            t->exception       = NULL;
            struct class  *c   = resolve_class(t, f->method->cls, h->type);
            struct object *now = t->exception;
            t->exception       = now ? now : e;
            if (now)
                e = now;
            if (!c || !class_is(class_of(e), c))
                continue;
        }
        return code->insns + h->target;
    }
    return NULL;
}

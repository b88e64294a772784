/* java/reflect.c - objects of java.lang.reflect for members, and back; boxes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/jni.h"
#include "java/vm.h"

/* The class of java.lang that boxes a type, and where its value is. */
static struct class *box_class(struct vm *vm, enum type type, u32 *offset)
{
    const struct {
        struct class *c;
        u32           offset;
    } rows[T_VOID + 1] = {
        [T_BOOLEAN] = {vm->k.Boolean, vm->k.Boolean_value},
        [T_CHAR]    = {vm->k.Character, vm->k.Character_value},
        [T_FLOAT]   = {vm->k.Float, vm->k.Float_value},
        [T_DOUBLE]  = {vm->k.Double, vm->k.Double_value},
        [T_BYTE]    = {vm->k.Byte, vm->k.Byte_value},
        [T_SHORT]   = {vm->k.Short, vm->k.Short_value},
        [T_INT]     = {vm->k.Integer, vm->k.Integer_value},
        [T_LONG]    = {vm->k.Long, vm->k.Long_value},
    };
    *offset = rows[type].offset;
    return rows[type].c;
}

/* As reflection does, by valueOf: small values are shared. */
struct object *box(struct thread *t, enum type type, union value v)
{
    static const char letters[] = "    ZCFDBSIJ";
    u32               offset;
    if (type == T_REF)
        return v.o;
    if (type == T_VOID)
        return NULL;
    struct class      *c    = box_class(t->vm, type, &offset);
    cleanup_free char *desc = xasprintf("(%c)L%s;", letters[type], c->name->s);
    if (!class_init(t, c))
        return NULL;
    struct method *m = class_method(c, symbol(t->vm, "valueOf"), symbol(t->vm, desc));
    return call_method(t, m, &v).o;
}

static enum type boxed_type(struct vm *vm, struct object *o, union value *v)
{
    for (enum type type = T_BOOLEAN; type <= T_LONG; type++) {
        u32 at;
        if (box_class(vm, type, &at) != class_of(o))
            continue;
        v->raw = 0;
        switch (type) {
        case T_BOOLEAN:
            v->j = AT(o, u8, at);
            break;
        case T_BYTE:
            v->j = AT(o, i8, at);
            break;
        case T_CHAR:
            v->j = AT(o, u16, at);
            break;
        case T_SHORT:
            v->j = AT(o, i16, at);
            break;
        case T_INT:
            v->j = AT(o, i32, at);
            break;
        case T_FLOAT:
            v->u = AT(o, u32, at);
            break;
        default:
            v->raw = AT(o, u64, at);
            break;
        }
        return type;
    }
    return T_NONE;
}

/* JLS 5.1.2: whether a value of one type widens to another; V follows. */
static bool widen(enum type from, enum type to, union value *v)
{
    static const u16 allowed[T_LONG + 1] = {
        [T_BOOLEAN] = 1 << T_BOOLEAN,
        [T_CHAR]    = 1 << T_CHAR | 1 << T_INT | 1 << T_LONG | 1 << T_FLOAT | 1 << T_DOUBLE,
        [T_BYTE] =
            1 << T_BYTE | 1 << T_SHORT | 1 << T_INT | 1 << T_LONG | 1 << T_FLOAT | 1 << T_DOUBLE,
        [T_SHORT]  = 1 << T_SHORT | 1 << T_INT | 1 << T_LONG | 1 << T_FLOAT | 1 << T_DOUBLE,
        [T_INT]    = 1 << T_INT | 1 << T_LONG | 1 << T_FLOAT | 1 << T_DOUBLE,
        [T_LONG]   = 1 << T_LONG | 1 << T_FLOAT | 1 << T_DOUBLE,
        [T_FLOAT]  = 1 << T_FLOAT | 1 << T_DOUBLE,
        [T_DOUBLE] = 1 << T_DOUBLE,
    };
    if (!(allowed[from] >> to & 1))
        return false;
    if (to == T_FLOAT && from != T_FLOAT)
        v->f = (float)v->j;
    else if (to == T_DOUBLE && from != T_DOUBLE)
        v->d = from == T_FLOAT ? v->f : (double)v->j;
    return true;
}

bool unbox(struct thread *t, struct object *o, enum type to, union value *out)
{
    if (to == T_REF) {
        out->o = o;
        return true;
    }
    union value v;
    enum type   from = o ? boxed_type(t->vm, o, &v) : T_NONE;
    if (from == T_NONE || !widen(from, to, &v))
        return false;
    *out = v;
    return true;
}

struct object *desc_mirror(struct thread *t, const char *desc, struct loader *l)
{
    struct class *c = load_desc(t, desc, (size_t)(desc_skip(desc) - desc), l);
    if (!c && pending_is(t, "java/lang/ClassNotFoundException")) {
        struct object     *cause = t->exception;
        cleanup_free char *name =
            *desc == 'L' ? xstrndup(desc + 1, strcspn(desc, ";") - 1) : xstrdup(desc);
        t->exception = NULL;
        throw_with_cause(t, "java/lang/NoClassDefFoundError", cause, name);
    }
    return c ? c->mirror : NULL;
}

static struct object *signature_of(struct thread *t, struct class *c, const u8 *attrs)
{
    struct symbol *s = class_attr_symbol(c, attrs, "Signature");
    return s ? string_of(t, s) : NULL;
}

/* The bytes of an attribute as a byte[]; NULL: it is not there. */
static struct object *attribute_bytes(struct thread *t, struct class *c, const u8 *attrs,
                                      const char *name)
{
    u32       n;
    const u8 *p = attr_find(c, attrs, name, &n);
    if (!p)
        return NULL;
    struct object *a = heap_array(t, class_array_of(t, class_primitive(t->vm, T_BYTE)), (i32)n);
    if (a)
        memcpy(&ELEMENT(a, u8, 0), p, n);
    return a;
}

struct object *reflect_field(struct thread *t, struct field *f)
{
    struct vm     *vm   = t->vm;
    struct class  *c    = f->cls;
    struct object *type = desc_mirror(t, f->desc->s, c->loader);
    if (!type || !class_init(t, vm->k.Field))
        return NULL;
    struct object *o = heap_object(t, vm->k.Field);
    if (!o)
        return NULL;
    bool trusted = (f->flags & ACC_FINAL) &&
                   ((f->flags & ACC_STATIC) || c->hidden || attr_find(c, c->attrs, "Record", NULL));
    put_ref(o, vm->k.Field_clazz, c->mirror);
    put_ref(o, vm->k.Field_type, type);
    AT(o, i32, vm->k.Field_slot)        = f->index;
    AT(o, i32, vm->k.Field_modifiers)   = f->flags;
    AT(o, u8, vm->k.Field_trustedFinal) = trusted;
    put_ref(o, vm->k.Field_name, string_of(t, f->name));
    put_ref(o, vm->k.Field_signature, signature_of(t, c, f->attrs));
    put_ref(o, vm->k.Field_annotations,
            attribute_bytes(t, c, f->attrs, "RuntimeVisibleAnnotations"));
    return t->exception ? NULL : o;
}

struct object *parameter_types(struct thread *t, struct method *m)
{
    struct class *k = class_array_of(t, t->vm->k.Class);
    i32           n = 0, i = 0;
    for (const char *p = m->desc->s + 1; *p != ')'; p = desc_skip(p))
        n++;
    struct object *a = heap_array(t, k, n);
    for (const char *p = m->desc->s + 1; a && *p != ')'; p = desc_skip(p), i++) {
        struct object *mirror = desc_mirror(t, p, m->cls->loader);
        if (!mirror)
            return NULL;
        set_element_ref(a, i, mirror);
    }
    return a;
}

static struct object *exception_types(struct thread *t, struct method *m)
{
    u32            n;
    const u8      *p     = attr_find(m->cls, m->attrs, "Exceptions", &n);
    i32            count = p && n >= 2 && n >= 2 + 2u * be16(p) ? be16(p) : 0;
    struct object *a     = heap_array(t, class_array_of(t, t->vm->k.Class), count);
    for (i32 i = 0; a && i < count; i++) {
        struct class *c = resolve_class(t, m->cls, be16(p + 2 + 2 * i));
        if (!c)
            return NULL;
        set_element_ref(a, i, c->mirror);
    }
    return a;
}

struct object *reflect_method(struct thread *t, struct method *m)
{
    struct vm     *vm     = t->vm;
    struct class  *c      = m->cls;
    struct object *result = desc_mirror(t, strchr(m->desc->s, ')') + 1, c->loader);
    if (!result || !class_init(t, vm->k.Method))
        return NULL;
    struct object *o = heap_object(t, vm->k.Method);
    if (!o)
        return NULL;
    put_ref(o, vm->k.Method_clazz, c->mirror);
    put_ref(o, vm->k.Method_returnType, result);
    AT(o, i32, vm->k.Method_slot)      = m->index;
    AT(o, i32, vm->k.Method_modifiers) = m->flags;
    put_ref(o, vm->k.Method_parameterTypes, parameter_types(t, m));
    if (t->exception)
        return NULL;
    put_ref(o, vm->k.Method_exceptionTypes, exception_types(t, m));
    if (t->exception)
        return NULL;
    put_ref(o, vm->k.Method_name, string_of(t, m->name));
    put_ref(o, vm->k.Method_signature, signature_of(t, c, m->attrs));
    put_ref(o, vm->k.Method_annotations,
            attribute_bytes(t, c, m->attrs, "RuntimeVisibleAnnotations"));
    put_ref(o, vm->k.Method_parameterAnnotations,
            attribute_bytes(t, c, m->attrs, "RuntimeVisibleParameterAnnotations"));
    put_ref(o, vm->k.Method_annotationDefault,
            attribute_bytes(t, c, m->attrs, "AnnotationDefault"));
    return t->exception ? NULL : o;
}

struct object *reflect_constructor(struct thread *t, struct method *m)
{
    struct vm    *vm = t->vm;
    struct class *c  = m->cls;
    if (!class_init(t, vm->k.Constructor))
        return NULL;
    struct object *o = heap_object(t, vm->k.Constructor);
    if (!o)
        return NULL;
    put_ref(o, vm->k.Constructor_clazz, c->mirror);
    AT(o, i32, vm->k.Constructor_slot)      = m->index;
    AT(o, i32, vm->k.Constructor_modifiers) = m->flags;
    put_ref(o, vm->k.Constructor_parameterTypes, parameter_types(t, m));
    if (t->exception)
        return NULL;
    put_ref(o, vm->k.Constructor_exceptionTypes, exception_types(t, m));
    if (t->exception)
        return NULL;
    put_ref(o, vm->k.Constructor_signature, signature_of(t, c, m->attrs));
    put_ref(o, vm->k.Constructor_annotations,
            attribute_bytes(t, c, m->attrs, "RuntimeVisibleAnnotations"));
    put_ref(o, vm->k.Constructor_parameterAnnotations,
            attribute_bytes(t, c, m->attrs, "RuntimeVisibleParameterAnnotations"));
    return t->exception ? NULL : o;
}

struct method *reflected_method(struct thread *t, struct object *o)
{
    struct wellknown *k    = &t->vm->k;
    bool              ctor = class_of(o) == k->Constructor;
    struct class *c = mirror_class(t, get_ref(o, ctor ? k->Constructor_clazz : k->Method_clazz));
    return &c->methods[AT(o, i32, ctor ? k->Constructor_slot : k->Method_slot)];
}

struct field *reflected_field(struct thread *t, struct object *o)
{
    struct wellknown *k = &t->vm->k;
    return &mirror_class(t, get_ref(o, k->Field_clazz))->fields[AT(o, i32, k->Field_slot)];
}

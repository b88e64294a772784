/* java/layout.c - gives a class its shape: fields' offsets, the virtual method table, arrays.
 *
 * A class is parsed into a struct without a vtable, and moved into its final one here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "java/code.h"
#include "java/vm.h"

static u32 type_size(enum type type)
{
    static const u8 sizes[T_VOID + 1] = {
        [T_BOOLEAN] = 1, [T_BYTE] = 1, [T_CHAR] = 2, [T_SHORT] = 2,  [T_INT] = 4,
        [T_FLOAT] = 4,   [T_LONG] = 8, [T_REF] = 4,  [T_DOUBLE] = 8,
    };
    return sizes[type];
}

/* Places C's own fields, static or not, behind AT: large ones first, one small one in the gap. */
static u32 place_fields(struct class *c, u32 at, bool is_static)
{
    static const u8 order[] = {8, 4, 2, 1};
    u32             want    = is_static ? ACC_STATIC : 0;
    struct field   *gap     = NULL;
    bool            wide    = false;
    for (unsigned i = 0; i < c->nfields; i++) {
        struct field *f = &c->fields[i];
        if ((f->flags & ACC_STATIC) != want)
            continue;
        wide |= type_size(f->type) == 8;
        if (!gap && type_size(f->type) == 4)
            gap = f;
    }
    if (wide && gap && at % 8) {
        gap->offset = ALIGN_UP(at, 4u);
        at          = ALIGN_UP(at, 4u) + 4;
    } else {
        gap = NULL;
    }
    for (unsigned k = 0; k < ARRAY_SIZE(order); k++) {
        for (unsigned i = 0; i < c->nfields; i++) {
            struct field *f = &c->fields[i];
            if (f == gap || (f->flags & ACC_STATIC) != want || type_size(f->type) != order[k])
                continue;
            at        = ALIGN_UP(at, (u32)order[k]);
            f->offset = at;
            at += order[k];
        }
    }
    return at;
}

/* Fields that the VM adds to classes of the library, and where it keeps their offsets. */
static const struct injected {
    const char *cls, *field, *desc;
    u32         at;
} injected[] = {
#define INJECTED(id, field, desc) {#id, #field, desc, offsetof(struct wellknown, id##_##field)},
#include "java/wellknown.def"
};

static const struct {
    const char *id, *name;
} ids[] = {
#define CLASS(id, name) {#id, name},
#include "java/wellknown.def"
};

static const char *id_of(const struct class *c)
{
    for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
        if (symbol_is(c->name, ids[i].name))
            return ids[i].id;
    }
    return "";
}

static void inject(struct class *c)
{
    if (c->loader != &c->vm->boot || strncmp(c->name->s, "java/lang/", 10) != 0)
        return;
    const char *id = id_of(c);
    unsigned    n  = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(injected); i++)
        n += strcmp(injected[i].cls, id) == 0;
    if (!n)
        return;
    struct field *fields = arena_alloc(&c->vm->arena, sizeof(*fields) * (c->nfields + n));
    memcpy(fields, c->fields, sizeof(*fields) * c->nfields);
    c->fields = fields;
    for (unsigned i = 0; i < ARRAY_SIZE(injected); i++) {
        if (strcmp(injected[i].cls, id) != 0)
            continue;
        struct field *f = &c->fields[c->nfields++];
        f->name         = symbol(c->vm, injected[i].field);
        f->desc         = symbol(c->vm, injected[i].desc);
        f->type         = (u8)desc_type(f->desc->s[0]);
        f->flags        = ACC_PRIVATE;
    }
}

/* Takes the injected fields out of what reflection sees again. */
static void uninject(struct class *c)
{
    const char *id = id_of(c);
    for (unsigned i = ARRAY_SIZE(injected); i-- > 0;) {
        if (strcmp(injected[i].cls, id) == 0 && c->loader == &c->vm->boot && c->nfields &&
            symbol_is(c->fields[c->nfields - 1].name, injected[i].field))
            AT(&c->vm->k, u32, injected[i].at) = c->fields[--c->nfields].offset;
    }
}

static void collect_refs(struct class *c)
{
    struct arena *a   = &c->vm->arena;
    u32           own = 0, statics = 0, up = c->super ? c->super->nrefs : 0;
    for (unsigned i = 0; i < c->nfields; i++) {
        if (c->fields[i].type == T_REF)
            (*(c->fields[i].flags & ACC_STATIC ? &statics : &own))++;
    }
    c->ref_offsets = arena_alloc(a, sizeof(u32) * (up + own));
    c->static_refs = arena_alloc(a, sizeof(u32) * statics);
    if (up)
        memcpy(c->ref_offsets, c->super->ref_offsets, sizeof(u32) * up);
    c->nrefs     = up;
    bool special = c->loader == &c->vm->boot && symbol_is(c->name, "java/lang/ref/Reference");
    for (unsigned i = 0; i < c->nfields; i++) {
        struct field *f = &c->fields[i];
        if (f->type != T_REF || (special && symbol_is(f->name, "referent")))
            continue;
        if (f->flags & ACC_STATIC)
            c->static_refs[c->nstatic_refs++] = f->offset;
        else
            c->ref_offsets[c->nrefs++] = f->offset;
    }
}

static void lay_out_fields(struct class *c)
{
    struct vm *vm = c->vm;
    inject(c);
    c->end         = place_fields(c, c->super ? c->super->end : sizeof(struct object), false);
    c->size        = ALIGN_UP(c->end, 8u);
    bool is_class  = c->loader == &vm->boot && symbol_is(c->name, "java/lang/Class");
    u32  base      = is_class ? c->size : vm->k.Class ? vm->k.Class->size : 64;
    c->static_size = place_fields(c, base, true) - base;
    collect_refs(c);
    uninject(c);
}

static bool overrides(const struct method *m, const struct method *above)
{
    if (above->name != m->name || above->desc != m->desc)
        return false;
    if (above->flags & (ACC_PUBLIC | ACC_PROTECTED))
        return true;
    return class_same_package(m->cls, above->cls);
}

static bool is_virtual(const struct class *c, const struct method *m)
{
    return !(m->flags & (ACC_STATIC | ACC_PRIVATE)) && m->name != c->vm->n.init;
}

/* How many rows C's table needs, at most. */
static u32 table_room(const struct class *c)
{
    u32 n = c->super ? c->super->nvtable : 0;
    for (unsigned i = 0; i < c->nmethods; i++)
        n += is_virtual(c, &c->methods[i]);
    return n;
}

static const char *fill_table(struct class *c)
{
    struct class *super = c->super;
    u32           n     = super ? super->nvtable : 0;
    if (n)
        memcpy(c->vtable, super->vtable, n * sizeof(void *));
    for (unsigned i = 0; i < c->nmethods; i++) {
        struct method *m = &c->methods[i];
        if (!is_virtual(c, m))
            continue;
        for (u32 k = 0; super && k < super->nvtable; k++) {
            if (!overrides(m, super->vtable[k]))
                continue;
            if (super->vtable[k]->flags & ACC_FINAL)
                return m->name->s;
            c->vtable[k] = m;
            m->vindex    = (i32)k;
        }
        if (m->vindex < 0) {
            m->vindex      = (i32)n;
            c->vtable[n++] = m;
        }
    }
    c->nvtable = n;
    return NULL;
}

static void add_interface(struct class *c, struct class *i)
{
    for (unsigned k = 0; k < c->nall; k++) {
        if (c->all_interfaces[k] == i)
            return;
    }
    c->all_interfaces[c->nall++] = i;
}

static void collect_interfaces(struct class *c)
{
    u32 room = c->super ? c->super->nall : 0;
    for (unsigned i = 0; i < c->ninterfaces; i++)
        room += 1u + c->interfaces[i]->nall;
    c->all_interfaces = arena_alloc(&c->vm->arena, sizeof(void *) * (room + 1));
    if (c->super) {
        for (unsigned i = 0; i < c->super->nall; i++)
            add_interface(c, c->super->all_interfaces[i]);
    }
    for (unsigned i = 0; i < c->ninterfaces; i++) {
        for (unsigned k = 0; k < c->interfaces[i]->nall; k++)
            add_interface(c, c->interfaces[i]->all_interfaces[k]);
        add_interface(c, c->interfaces[i]);
    }
}

static void set_display(struct class *c)
{
    if (c->super) {
        c->depth = (u16)(c->super->depth + 1);
        memcpy(c->display, c->super->display, sizeof(c->display));
    }
    if (c->depth < DISPLAY)
        c->display[c->depth] = c;
}

static void set_kind(struct class *c)
{
    struct vm               *vm      = c->vm;
    static const char *const kinds[] = {
        "java/lang/ref/SoftReference", "java/lang/ref/WeakReference",
        "java/lang/ref/FinalReference", "java/lang/ref/PhantomReference"};
    if (c->super) {
        c->ref_kind  = c->super->ref_kind;
        c->finalizes = c->super->finalizes;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(kinds) && c->loader == &vm->boot; i++) {
        if (symbol_is(c->name, kinds[i]))
            c->ref_kind = (u8)(i + 1);
    }
    struct method *f = class_method(c, vm->n.finalize, vm->n.void_desc);
    if (f && c->super && !class_is_interface(c) && !method_is_static(f) && !(f->code_length == 1))
        c->finalizes = true;
}

/* A class's supers must let it be one: JVMS 5.3.5. */
static bool check_supers(struct thread *t, struct class *c)
{
    struct class *s = c->super;
    if (s && class_is_interface(s) && !class_is_interface(c)) {
        cleanup_free char *a = class_external(c), *b = class_external(s);
        throw_new(t, "java/lang/IncompatibleClassChangeError",
                  "class %s has interface %s as super class", a, b);
        return false;
    }
    if (s && (s->flags & ACC_FINAL)) {
        cleanup_free char *a = class_external(c), *b = class_external(s);
        throw_new(t, "java/lang/IncompatibleClassChangeError",
                  "class %s cannot inherit from final class %s", a, b);
        return false;
    }
    for (unsigned i = 0; i < c->ninterfaces; i++) {
        if (class_is_interface(c->interfaces[i]))
            continue;
        cleanup_free char *a = class_external(c), *b = class_external(c->interfaces[i]);
        throw_new(t, "java/lang/IncompatibleClassChangeError",
                  "class %s can not implement %s, because it is not an interface", a, b);
        return false;
    }
    return true;
}

static void point_members_at(struct class *c)
{
    for (unsigned i = 0; i < c->nfields; i++)
        c->fields[i].cls = c;
    for (unsigned i = 0; i < c->nmethods; i++)
        c->methods[i].cls = c;
}

/* Calls of these are done by the interpreter. */
static void mark_polymorphic(struct class *c)
{
    static const struct {
        const char *name;
        u8          poly;
    } rows[] = {
        {"invokeExact", POLY_INVOKE},        {"invoke", POLY_INVOKE},
        {"invokeBasic", POLY_BASIC},         {"linkToVirtual", POLY_VIRTUAL},
        {"linkToStatic", POLY_STATIC},       {"linkToSpecial", POLY_SPECIAL},
        {"linkToInterface", POLY_INTERFACE}, {"linkToNative", POLY_NATIVE},
    };
    bool handle = symbol_is(c->name, "java/lang/invoke/MethodHandle");
    bool var    = symbol_is(c->name, "java/lang/invoke/VarHandle");
    if (c->loader != &c->vm->boot || !(handle || var))
        return;
    for (unsigned i = 0; i < c->nmethods; i++) {
        struct method *m = &c->methods[i];
        if (!(m->flags & ACC_NATIVE) || !(m->flags & ACC_VARARGS))
            continue;
        if (var)
            m->poly = POLY_INVOKE;
        for (unsigned k = 0; k < ARRAY_SIZE(rows) && handle; k++) {
            if (symbol_is(m->name, rows[k].name))
                m->poly = rows[k].poly;
        }
    }
}

struct class *class_lay_out(struct thread *t, struct class *from)
{
    struct vm *vm = t->vm;
    if (!check_supers(t, from))
        return NULL;
    u32           rows = class_is_interface(from) ? 0 : table_room(from);
    struct class *c    = arena_alloc(&vm->arena, sizeof(*c) + rows * sizeof(void *));
    *c                 = *from;
    point_members_at(c);
    c->resolved[c->this_index] = c;
    set_display(c);
    collect_interfaces(c);
    lay_out_fields(c);
    set_kind(c);
    if (!class_is_interface(c)) {
        const char *final = fill_table(c);
        if (final) {
            cleanup_free char *a = class_external(c), *b = class_external(c->super);
            throw_new(t, "java/lang/IncompatibleClassChangeError",
                      "class %s overrides final method %s.%s", a, b, final);
            return NULL;
        }
    }
    mark_polymorphic(c);
    for (unsigned i = 0; i < c->nmethods; i++)
        c->methods[i].entry = vm->stub_prepare;
    if (vm->k.Class && !class_make_mirror(t, c))
        return NULL;
    return c;
}

struct object *class_make_mirror(struct thread *t, struct class *c)
{
    struct vm     *vm = t->vm;
    struct class  *k  = vm->k.Class;
    struct object *o  = heap_alloc_slow(t, k, ALIGN_UP(k->size + c->static_size, 8u));
    if (!o)
        return NULL;
    AT(o, u64, vm->k.Class_vm_class) = (u64)c;
    c->mirror                        = o;
    if (c->loader && c->loader->java)
        put_ref(o, vm->k.Class_classLoader, c->loader->java);
    if (c->module)
        put_ref(o, vm->k.Class_module, c->module);
    if (c->element)
        put_ref(o, vm->k.Class_componentType, c->element->mirror);
    return o;
}

static const char *const primitive_names[T_VOID + 1] = {
    [T_BOOLEAN] = "boolean", [T_CHAR] = "char", [T_FLOAT] = "float",
    [T_DOUBLE] = "double",   [T_BYTE] = "byte", [T_SHORT] = "short",
    [T_INT] = "int",         [T_LONG] = "long", [T_VOID] = "void",
};

struct class *class_primitive(struct vm *vm, enum type type)
{
    struct class *c = vm->primitives[type];
    if (c || !primitive_names[type])
        return c;
    c                           = arena_alloc(&vm->arena, sizeof(*c));
    c->vm                       = vm;
    c->name                     = symbol(vm, primitive_names[type]);
    c->package                  = symbol(vm, "");
    c->loader                   = &vm->boot;
    c->primitive                = true;
    c->elem                     = (u8)type;
    c->state                    = CLASS_READY;
    c->flags                    = ACC_PUBLIC | ACC_FINAL | ACC_ABSTRACT;
    return vm->primitives[type] = c;
}

static struct symbol *array_name(struct class *of)
{
    static const char letters[] = "    ZCFDBSIJ";
    char              one[3]    = {'[', 0, 0};
    if (of->primitive) {
        one[1] = letters[of->elem];
        return symbol(of->vm, one);
    }
    cleanup_free char *s =
        of->dims ? xasprintf("[%s", of->name->s) : xasprintf("[L%s;", of->name->s);
    return symbol(of->vm, s);
}

struct class *class_array_of(struct thread *t, struct class *of)
{
    struct vm *vm = t->vm;
    if (of->array)
        return of->array;
    u32           rows = vm->k.Object->nvtable;
    struct class *c    = arena_alloc(&vm->arena, sizeof(*c) + rows * sizeof(void *));
    c->vm              = vm;
    c->name            = array_name(of);
    c->loader          = of->loader;
    c->package         = of->package;
    c->module          = of->module;
    c->super           = vm->k.Object;
    c->element         = of;
    c->dims            = (u8)(of->dims + 1);
    c->elem            = of->primitive ? of->elem : T_REF;
    c->shift           = (u8)__builtin_ctz(type_size(c->elem));
    c->state           = CLASS_READY;
    c->flags =
        (u16)((of->flags & (ACC_PUBLIC | ACC_PRIVATE | ACC_PROTECTED)) | ACC_FINAL | ACC_ABSTRACT);
    c->interfaces     = arena_alloc(&vm->arena, 2 * sizeof(void *));
    c->interfaces[0]  = vm->k.Cloneable;
    c->interfaces[1]  = vm->k.Serializable;
    c->all_interfaces = c->interfaces;
    c->ninterfaces = c->nall = 2;
    c->nvtable               = rows;
    memcpy(c->vtable, vm->k.Object->vtable, rows * sizeof(void *));
    set_display(c);
    if (vm->k.Class && of->mirror && !class_make_mirror(t, c))
        return NULL;
    pthread_mutex_lock(&vm->load_lock);
    if (!of->array)
        __atomic_store_n(&of->array, c, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&vm->load_lock);
    return of->array;
}

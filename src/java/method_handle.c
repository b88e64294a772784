/* java/method_handle.c - java.lang.invoke: member names, and linking dynamic calls and constants.
 *
 * The library does the most of it in Java: the VM resolves names to methods and fields, and asks
 * MethodHandleNatives to link a call site, which answers with a method to call and, mostly, a last
 * argument for it (the appendix). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/jni.h"
#include "java/natives.h"
#include "java/vm.h"

static const union value nothing = {.raw = 0};

enum {
    IS_METHOD        = 0x00010000,
    IS_CONSTRUCTOR   = 0x00020000,
    IS_FIELD         = 0x00040000,
    CALLER_SENSITIVE = 0x00100000,
    TRUSTED_FINAL    = 0x00200000,
    KIND_SHIFT       = 24,
};

enum { GET_FIELD = 1, GET_STATIC, PUT_FIELD, PUT_STATIC, INVOKE_VIRTUAL, INVOKE_STATIC };
enum { INVOKE_SPECIAL = 7, NEW_INVOKE_SPECIAL, INVOKE_INTERFACE };

bool member_set_method(struct thread *t, struct object *member, struct method *m, int kind)
{
    struct vm     *vm = t->vm;
    struct object *r  = heap_object(t, vm->k.ResolvedMethodName);
    if (!r)
        return false;
    AT(r, u64, vm->k.ResolvedMethodName_vmtarget) = (u64)m;
    put_ref(r, vm->k.ResolvedMethodName_vmholder, m->cls->mirror);
    i32  index  = -1;
    bool direct = (m->flags & (ACC_PRIVATE | ACC_STATIC)) || m->name == vm->n.init;
    if (method_is_static(m))
        kind = INVOKE_STATIC;
    else if (kind == INVOKE_VIRTUAL && class_is_interface(m->cls) && !direct)
        kind = INVOKE_INTERFACE;
    else if (direct || ((m->flags & ACC_FINAL) && kind == INVOKE_VIRTUAL))
        kind = INVOKE_SPECIAL;
    if (kind == INVOKE_VIRTUAL || kind == INVOKE_INTERFACE)
        index = m->vindex >= 0 ? m->vindex : m->index;
    u32 what                                  = m->name == vm->n.init ? IS_CONSTRUCTOR : IS_METHOD;
    u32 more                                  = m->more & M_CALLER_SENSITIVE ? CALLER_SENSITIVE : 0;
    AT(member, u32, vm->k.MemberName_flags)   = m->flags | what | more | (u32)kind << KIND_SHIFT;
    AT(member, i64, vm->k.MemberName_vmindex) = index;
    put_ref(member, vm->k.MemberName_method, r);
    put_ref(member, vm->k.MemberName_clazz, m->cls->mirror);
    return true;
}

static void set_field(struct thread *t, struct object *member, struct field *f, bool setter)
{
    struct vm *vm      = t->vm;
    u32        kind    = f->flags & ACC_STATIC ? GET_STATIC : GET_FIELD;
    bool       trusted = (f->flags & ACC_FINAL) && ((f->flags & ACC_STATIC) || f->cls->hidden ||
                                              attr_find(f->cls, f->cls->attrs, "Record", NULL));
    AT(member, u32, vm->k.MemberName_flags) = f->flags | IS_FIELD | (trusted ? TRUSTED_FINAL : 0) |
                                              (kind + (setter ? 2u : 0u)) << KIND_SHIFT;
    AT(member, i64, vm->k.MemberName_vmindex) = f->offset;
    put_ref(member, vm->k.MemberName_method, NULL);
    put_ref(member, vm->k.MemberName_clazz, f->cls->mirror);
}

/* init(MemberName, Object): from a Method, Constructor or Field. */
static union value mhn_init(struct thread *t, union value *args)
{
    struct vm     *vm = t->vm;
    struct object *o  = args[1].o;
    if (class_of(o) == vm->k.Field) {
        set_field(t, args[0].o, reflected_field(t, o), false);
    } else {
        struct method *m = reflected_method(t, o);
        member_set_method(t, args[0].o, m,
                          class_is_interface(m->cls) ? INVOKE_INTERFACE : INVOKE_VIRTUAL);
    }
    return nothing;
}

static struct method *member_target(struct vm *vm, struct object *member)
{
    struct object *r = get_ref(member, vm->k.MemberName_method);
    return r ? (struct method *)AT(r, u64, vm->k.ResolvedMethodName_vmtarget) : NULL;
}

/* The name and type of a member that has only a target. */
static union value mhn_expand(struct thread *t, union value *args)
{
    struct vm     *vm = t->vm;
    struct object *mn = args[0].o;
    struct method *m  = member_target(vm, mn);
    struct class  *c  = mirror_class(t, get_ref(mn, vm->k.MemberName_clazz));
    if (m) {
        if (!get_ref(mn, vm->k.MemberName_name))
            put_ref(mn, vm->k.MemberName_name, string_of(t, m->name));
        if (!get_ref(mn, vm->k.MemberName_type))
            put_ref(mn, vm->k.MemberName_type, string_of(t, m->desc));
        return nothing;
    }
    u32  flags     = AT(mn, u32, vm->k.MemberName_flags);
    bool is_static = flags & ACC_STATIC;
    for (unsigned i = 0; (flags & IS_FIELD) && i < c->nfields; i++) {
        struct field *f = &c->fields[i];
        if (f->offset != AT(mn, u64, vm->k.MemberName_vmindex) ||
            !!(f->flags & ACC_STATIC) != is_static)
            continue;
        put_ref(mn, vm->k.MemberName_name, string_of(t, f->name));
        put_ref(mn, vm->k.MemberName_type, desc_mirror(t, f->desc->s, c->loader));
    }
    return nothing;
}

static char *class_desc(struct class *c)
{
    static const char letters[] = "    ZCFDBSIJ  V";
    if (c->primitive)
        return xstrndup(&letters[c->elem], 1);
    return c->dims ? xstrdup(c->name->s) : xasprintf("L%s;", c->name->s);
}

/* The descriptor of a MethodType, a Class, or a String that is one. */
static struct symbol *type_desc(struct thread *t, struct object *type)
{
    struct vm *vm = t->vm;
    if (class_of(type) == vm->k.String) {
        cleanup_free char *s = string_utf8(vm, type);
        return symbol(vm, s);
    }
    if (class_of(type) == vm->k.Class) {
        cleanup_free char *s = class_desc(mirror_class(t, type));
        return symbol(vm, s);
    }
    struct object     *params = get_ref(type, vm->k.MethodType_ptypes);
    cleanup_free char *all    = xstrdup("(");
    for (i32 i = 0; i < array_length(params); i++) {
        cleanup_free char *one = class_desc(mirror_class(t, element_ref(params, i)));
        char              *sum = xasprintf("%s%s", all, one);
        free(all);
        all = sum;
    }
    cleanup_free char *result = class_desc(mirror_class(t, get_ref(type, vm->k.MethodType_rtype)));
    cleanup_free char *whole  = xasprintf("%s)%s", all, result);
    return symbol(vm, whole);
}

static struct method *find_polymorphic(struct class *c, struct symbol *name)
{
    for (unsigned i = 0; i < c->nmethods; i++) {
        if (c->methods[i].name == name && c->methods[i].poly)
            return &c->methods[i];
    }
    return NULL;
}

static struct method *find_target(struct thread *t, struct class *c, struct symbol *name,
                                  struct symbol *desc, int kind)
{
    struct vm *vm = t->vm;
    if (c == vm->k.MethodHandle || c == vm->k.VarHandle) {
        struct method *m = find_polymorphic(c, name);
        if (m)
            return m;
    }
    if (kind == NEW_INVOKE_SPECIAL || name == vm->n.init)
        return class_method(c, name, desc);
    if (c->dims)
        c = vm->k.Object;
    return class_is_interface(c) ? class_find_imethod(c, name, desc)
                                 : class_find_method(c, name, desc);
}

static bool resolve_member_method(struct thread *t, struct object *mn, struct class *c,
                                  struct class *caller, struct symbol *name, struct symbol *desc,
                                  int kind)
{
    struct method *m = find_target(t, c, name, desc, kind);
    if (!m) {
        cleanup_free char *a = class_external(c);
        throw_new(t, "java/lang/NoSuchMethodError", "'%s.%s%s'", a, name->s, desc->s);
        return false;
    }
    if (!m->poly && (kind == INVOKE_STATIC) != method_is_static(m)) {
        cleanup_free char *a = class_external(m->cls);
        throw_new(t, "java/lang/IncompatibleClassChangeError", "Expected %s method '%s.%s%s'",
                  kind == INVOKE_STATIC ? "static" : "non-static", a, name->s, desc->s);
        return false;
    }
    if (kind == INVOKE_INTERFACE && !class_is_interface(c)) {
        cleanup_free char *a = class_external(c);
        throw_new(t, "java/lang/IncompatibleClassChangeError",
                  "Found class %s, but interface was expected", a);
        return false;
    }
    if (caller && !check_access(t, caller, c, m->cls, m->flags, "method", name, desc))
        return false;
    return member_set_method(t, mn, m, kind);
}

static bool resolve_member_field(struct thread *t, struct object *mn, struct class *c,
                                 struct class *caller, struct symbol *name, struct symbol *desc,
                                 int kind)
{
    struct field *f = class_find_field(c, name, desc);
    if (!f) {
        throw_new(t, "java/lang/NoSuchFieldError", "%s", name->s);
        return false;
    }
    if (caller && !check_access(t, caller, c, f->cls, f->flags, "field", name, NULL))
        return false;
    set_field(t, mn, f, kind >= PUT_FIELD);
    return true;
}

/* resolve(MemberName, Class caller, int lookupMode, boolean speculative) */
static union value mhn_resolve(struct thread *t, union value *args)
{
    struct vm     *vm    = t->vm;
    struct object *mn    = args[0].o;
    struct object *clazz = get_ref(mn, vm->k.MemberName_clazz);
    struct object *name  = get_ref(mn, vm->k.MemberName_name),
                  *type  = get_ref(mn, vm->k.MemberName_type);
    if (!clazz || !name || !type) {
        throw_new(t, "java/lang/IllegalArgumentException", "nothing to resolve");
        return nothing;
    }
    struct class      *c      = mirror_class(t, clazz);
    struct class      *caller = args[1].o ? mirror_class(t, args[1].o) : NULL;
    cleanup_free char *text   = string_utf8(vm, name);
    struct symbol     *n = symbol(vm, text), *d = type_desc(t, type);
    u32                flags = AT(mn, u32, vm->k.MemberName_flags);
    int                kind  = flags >> KIND_SHIFT & 15;
    bool               ok    = class_link(t, c);
    if (ok && (flags & IS_FIELD))
        ok = resolve_member_field(t, mn, c, caller, n, d, kind);
    else if (ok)
        ok = resolve_member_method(t, mn, c, caller, n, d, kind);
    if (!ok && args[3].i)
        t->exception = NULL;
    return of_object(ok ? mn : NULL);
}

static union value mhn_offset(struct thread *t, union value *args)
{
    return of_long(AT(args[0].o, i64, t->vm->k.MemberName_vmindex));
}

static union value mhn_static_base(struct thread *t, union value *args)
{
    return of_object(get_ref(args[0].o, t->vm->k.MemberName_clazz));
}

static union value mhn_set_target(struct thread *t, union value *args)
{
    __atomic_store_n(&AT(args[0].o, ref, t->vm->k.CallSite_target), object_ref(args[1].o),
                     __ATOMIC_SEQ_CST);
    return nothing;
}

static union value mhn_none(struct thread *t, union value *args)
{
    (void)t, (void)args;
    return nothing;
}

static union value mhn_vm_info(struct thread *t, union value *args)
{
    struct vm     *vm    = t->vm;
    struct object *mn    = args[0].o;
    struct object *a     = heap_array(t, class_array_of(t, vm->k.Object), 2);
    union value    index = {.j = AT(mn, i64, vm->k.MemberName_vmindex)};
    if (!a)
        return nothing;
    t->loading = a;
    set_element_ref(a, 0, box(t, T_LONG, index));
    set_element_ref(a, 1, member_target(vm, mn) ? mn : get_ref(mn, vm->k.MemberName_clazz));
    return of_object(a);
}

#define MN    "Ljava/lang/invoke/MemberName;"
#define SITES "(Ljava/lang/invoke/CallSite;Ljava/lang/invoke/MethodHandle;)V"

const struct native_row method_handle_rows[] = {
    {"registerNatives", "()V", mhn_none},
    {"init", "(" MN "Ljava/lang/Object;)V", mhn_init},
    {"expand", "(" MN ")V", mhn_expand},
    {"resolve", "(" MN "Ljava/lang/Class;IZ)" MN, mhn_resolve},
    {"objectFieldOffset", "(" MN ")J", mhn_offset},
    {"staticFieldOffset", "(" MN ")J", mhn_offset},
    {"staticFieldBase", "(" MN ")Ljava/lang/Object;", mhn_static_base},
    {"getMemberVMInfo", "(" MN ")Ljava/lang/Object;", mhn_vm_info},
    {"setCallSiteTargetNormal", SITES, mhn_set_target},
    {"setCallSiteTargetVolatile", SITES, mhn_set_target},
    {"clearCallSiteContext", "(Ljava/lang/invoke/MethodHandleNatives$CallSiteContext;)V", mhn_none},
    {"getNamedCon", "(I[Ljava/lang/Object;)I", mhn_none},
    {NULL, NULL, NULL},
};

const struct native_row method_handle_only_rows[] = {{NULL, NULL, NULL}};

/* A MethodType for a descriptor, as seen by FROM. */
static struct object *method_type(struct thread *t, struct class *from, const struct symbol *desc)
{
    struct vm *vm = t->vm;
    i32        n = 0, i = 0;
    for (const char *p = desc->s + 1; *p != ')'; p = desc_skip(p))
        n++;
    struct object *params = heap_array(t, class_array_of(t, vm->k.Class), n);
    for (const char *p = desc->s + 1; params && *p != ')'; p = desc_skip(p), i++) {
        struct object *mirror = desc_mirror(t, p, from->loader);
        if (!mirror)
            return NULL;
        set_element_ref(params, i, mirror);
    }
    struct object *result = params ? desc_mirror(t, strchr(desc->s, ')') + 1, from->loader) : NULL;
    if (!result || !class_init(t, vm->k.MethodHandleNatives))
        return NULL;
    union value    args[2] = {{.o = result}, {.o = params}};
    struct object *type    = call_method(t, vm->k.MethodHandleNatives_findMethodHandleType, args).o;
    return t->exception ? NULL : type;
}

/* Resolved constants keep a cell in the constant pool. */
static struct object *kept(struct class *from, u16 cp)
{
    struct object **cell = __atomic_load_n(&from->resolved[cp], __ATOMIC_ACQUIRE);
    return cell ? *cell : NULL;
}

static struct object *keep(struct thread *t, struct class *from, u16 cp, struct object *o)
{
    void *none = NULL;
    __atomic_compare_exchange_n(&from->resolved[cp], &none, (void *)cell_new(t->vm, o), false,
                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return kept(from, cp);
}

struct object *mh_method_type(struct thread *t, struct class *from, u16 cp)
{
    if (kept(from, cp))
        return kept(from, cp);
    struct object *o = method_type(t, from, cp_name(from, cp));
    return o ? keep(t, from, cp, o) : NULL;
}

struct object *mh_constant(struct thread *t, struct class *from, u16 cp)
{
    struct vm *vm = t->vm;
    if (kept(from, cp))
        return kept(from, cp);
    int            kind = from->bytes[from->cp_at[cp]];
    u16            to   = cp_u2(from, cp, 1);
    struct class  *c    = resolve_class(t, from, cp_u2(from, to, 0));
    struct symbol *desc = cp_member_desc(from, to);
    if (!c)
        return NULL;
    struct object *type =
        kind <= PUT_STATIC ? desc_mirror(t, desc->s, from->loader) : method_type(t, from, desc);
    struct object *name = type ? string_of(t, cp_member_name(from, to)) : NULL;
    if (!name || !class_init(t, vm->k.MethodHandleNatives))
        return NULL;
    union value args[5] = {
        {.o = from->mirror}, {.i = kind}, {.o = c->mirror}, {.o = name}, {.o = type}};
    struct object *o = call_method(t, vm->k.MethodHandleNatives_linkMethodHandleConstant, args).o;
    return t->exception ? NULL : keep(t, from, cp, o);
}

/* What a dynamic call or constant names: the bootstrap method, name, type, static arguments. */
static bool bootstrap_args(struct thread *t, struct class *from, u16 cp, union value *args)
{
    u32       n;
    const u8 *p     = attr_find(from, from->attrs, "BootstrapMethods", &n);
    unsigned  index = cp_u2(from, cp, 0);
    if (!p || index >= be16(p)) {
        throw_new(t, "java/lang/ClassFormatError",
                  "Short length on BootstrapMethods in class file %s", from->name->s);
        return false;
    }
    for (p += 2; index--;)
        p += 4 + 2 * be16(p + 2);
    args[2].o = mh_constant(t, from, be16(p));
    if (!args[2].o)
        return false;
    u16            count = be16(p + 2);
    struct object *a     = heap_array(t, class_array_of(t, t->vm->k.Object), count);
    if (!a)
        return false;
    for (u16 i = 0; i < count; i++) {
        union value v;
        enum type   type;
        if (!constant_load(t, from, be16(p + 4 + 2 * i), &v, &type))
            return false;
        struct object *o = box(t, type, v);
        if (t->exception)
            return false;
        set_element_ref(a, i, o);
    }
    struct object *only = count == 1 ? element_ref(a, 0) : NULL;
    args[5].o           = count == 0 ? NULL : only && !class_of(only)->dims ? only : a;
    args[0].o           = from->mirror;
    args[1].i           = (i32)cp;
    args[3].o           = string_of(t, cp_member_name(from, cp));
    struct symbol *desc = cp_member_desc(from, cp);
    args[4].o =
        desc->s[0] == '(' ? method_type(t, from, desc) : desc_mirror(t, desc->s, from->loader);
    return args[4].o && class_init(t, t->vm->k.MethodHandleNatives);
}

struct method *mh_link_call(struct thread *t, struct class *from, u16 cp, struct object **out)
{
    struct vm  *vm      = t->vm;
    union value args[7] = {{.raw = 0}};
    if (!bootstrap_args(t, from, cp, args))
        return NULL;
    struct object *result = heap_array(t, class_array_of(t, vm->k.Object), 1);
    if (!result)
        return NULL;
    args[6].o         = result;
    struct object *mn = call_method(t, vm->k.MethodHandleNatives_linkCallSite, args).o;
    if (t->exception)
        return NULL;
    *out = element_ref(result, 0);
    return member_target(vm, mn);
}

struct object *dynamic_constant(struct thread *t, struct class *from, u16 cp)
{
    struct vm  *vm      = t->vm;
    union value args[7] = {{.raw = 0}};
    if (from->resolved[cp])
        return kept(from, cp);
    if (!bootstrap_args(t, from, cp, args))
        return NULL;
    struct object *o = call_method(t, vm->k.MethodHandleNatives_linkDynamicConstant, args).o;
    return t->exception ? NULL : keep(t, from, cp, o);
}

/* A call of MethodHandle.invoke or the like, or of a VarHandle's access mode. */
struct method *mh_link_method(struct thread *t, struct class *from, u16 cp, struct method *m,
                              struct object **out)
{
    struct vm     *vm     = t->vm;
    struct object *type   = method_type(t, from, cp_member_desc(from, cp));
    struct object *name   = type ? string_of(t, m->name) : NULL;
    struct object *result = name ? heap_array(t, class_array_of(t, vm->k.Object), 1) : NULL;
    if (!result || !class_init(t, vm->k.MethodHandleNatives))
        return NULL;
    union value    args[6] = {{.o = from->mirror}, {.i = INVOKE_VIRTUAL}, {.o = m->cls->mirror},
                              {.o = name},         {.o = type},           {.o = result}};
    struct object *mn      = call_method(t, vm->k.MethodHandleNatives_linkMethod, args).o;
    if (t->exception)
        return NULL;
    *out = element_ref(result, 0);
    return member_target(vm, mn);
}

/* java/jvm_class.c - JVM_ functions behind java.lang.Class and ClassLoader. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "java/jni.h"
#include "java/jni_fns.h"
#include "java/modules.h"

static const struct {
    const char *name;
    enum type   type;
} primitives[] = {
    {"boolean", T_BOOLEAN}, {"byte", T_BYTE},     {"char", T_CHAR},
    {"short", T_SHORT},     {"int", T_INT},       {"long", T_LONG},
    {"float", T_FLOAT},     {"double", T_DOUBLE}, {"void", T_VOID},
};

EXPORT jobject JVM_FindPrimitiveClass(jenv t, const char *name)
{
    VM_SCOPE(t);
    for (unsigned i = 0; i < ARRAY_SIZE(primitives); i++) {
        if (strcmp(primitives[i].name, name) == 0)
            return handle_new(t, class_primitive(t->vm, primitives[i].type)->mirror);
    }
    return NULL;
}

EXPORT jobject JVM_FindClassFromBootLoader(jenv t, const char *name)
{
    VM_SCOPE(t);
    struct class *c = boot_find(t, symbol(t->vm, name));
    return c ? handle_new(t, c->mirror) : NULL;
}

EXPORT jobject JVM_FindClassFromCaller(jenv t, const char *name, jboolean init, jobject loader,
                                       jobject caller)
{
    VM_SCOPE(t);
    (void)caller;
    struct class *c = load_class_or_not_found(t, symbol(t->vm, name), loader_of(t, deref(loader)));
    if (c && init && !class_init(t, c))
        c = NULL;
    return c ? handle_new(t, c->mirror) : NULL;
}

EXPORT jobject JVM_FindClassFromClass(jenv t, const char *name, jboolean init, jobject from)
{
    VM_SCOPE(t);
    /* The verifier asks about the class that is being linked: a hidden one is in no table. */
    struct symbol *s = symbol(t->vm, name);
    struct class  *k = handle_class(t, from);
    struct class  *c = s == k->name ? k : load_class(t, s, k->loader);
    if (c && init && !class_init(t, c))
        c = NULL;
    return c ? handle_new(t, c->mirror) : NULL;
}

EXPORT jobject JVM_FindLoadedClass(jenv t, jobject loader, jobject name)
{
    VM_SCOPE(t);
    cleanup_free char *text = string_utf8(t->vm, deref(name));
    for (char *p = text; *p; p++) {
        if (*p == '.')
            *p = '/';
    }
    struct class *c = loader_find(t->vm, loader_of(t, deref(loader)), symbol(t->vm, text));
    return c ? handle_new(t, c->mirror) : NULL;
}

static struct class *define(struct thread *t, struct class_source *src, const jbyte *bytes,
                            jobject domain)
{
    u8 *copy = arena_alloc(&t->vm->arena, src->length);
    memcpy(copy, bytes, src->length);
    src->bytes = copy;
    return loader_define(t, src->loader, src, deref(domain));
}

EXPORT jobject JVM_DefineClassWithSource(jenv t, const char *name, jobject loader,
                                         const jbyte *bytes, jint n, jobject domain,
                                         const char *source)
{
    VM_SCOPE(t);
    (void)source;
    struct class_source src = {.length = (u32)n, .loader = loader_of(t, deref(loader))};
    src.expect              = name ? symbol(t->vm, name) : NULL;
    struct class *c         = define(t, &src, bytes, domain);
    return c ? handle_new(t, c->mirror) : NULL;
}

enum { NESTMATE = 1, HIDDEN = 2, STRONG = 4, ACCESS_VM_ANNOTATIONS = 8 };

EXPORT jobject JVM_LookupDefineClass(jenv t, jobject lookup, const char *name, const jbyte *bytes,
                                     jint n, jobject domain, jboolean init, jint flags,
                                     jobject data)
{
    VM_SCOPE(t);
    struct vm          *vm   = t->vm;
    struct class       *host = handle_class(t, lookup);
    struct class_source src  = {.length = (u32)n, .loader = host->loader};
    src.hidden               = flags & HIDDEN;
    src.hidden_number = src.hidden ? __atomic_add_fetch(&vm->hidden_count, 1, __ATOMIC_RELAXED) : 0;
    src.expect        = name && !src.hidden ? symbol(vm, name) : NULL;
    struct class *c   = define(t, &src, bytes, domain);
    if (!c)
        return NULL;
    put_ref(c->mirror, vm->k.Class_classData, deref(data));
    if (flags & NESTMATE)
        c->nest_host = nest_host(t, host);
    else if (src.hidden)
        c->nest_host = c;
    jobject h = handle_new(t, c->mirror);
    if (init ? !class_init(t, c) : !class_link(t, c))
        return NULL;
    return h;
}

EXPORT jobject JVM_InitClassName(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct object     *mirror = deref(h);
    cleanup_free char *text   = class_external(mirror_class(t, mirror));
    struct object     *s      = string_new(t, text);
    if (!s)
        return NULL;
    s = string_intern(t, s);
    put_ref(mirror, t->vm->k.Class_name, s);
    return handle_new(t, s);
}

EXPORT jobject JVM_GetClassInterfaces(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class  *c = handle_class(t, h);
    struct object *a = heap_array(t, class_array_of(t, t->vm->k.Class), c->ninterfaces);
    for (i32 i = 0; a && i < c->ninterfaces; i++)
        set_element_ref(a, i, c->interfaces[i]->mirror);
    return handle_new(t, a);
}

EXPORT jboolean JVM_IsInterface(jenv t, jobject h)
{
    VM_SCOPE(t);
    return class_is_interface(handle_class(t, h));
}

EXPORT jboolean JVM_IsArrayClass(jenv t, jobject h)
{
    VM_SCOPE(t);
    return handle_class(t, h)->dims != 0;
}

EXPORT jboolean JVM_IsPrimitiveClass(jenv t, jobject h)
{
    VM_SCOPE(t);
    return handle_class(t, h)->primitive;
}

EXPORT jboolean JVM_IsHiddenClass(jenv t, jobject h)
{
    VM_SCOPE(t);
    return handle_class(t, h)->hidden;
}

EXPORT jobject JVM_GetClassSigners(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct object *a = get_ref(deref(h), t->vm->k.Class_vm_signers);
    return handle_new(t, a ? heap_clone(t, a) : NULL);
}

EXPORT void JVM_SetClassSigners(jenv t, jobject h, jobject signers)
{
    VM_SCOPE(t);
    put_ref(deref(h), t->vm->k.Class_vm_signers, deref(signers));
}

EXPORT jobject JVM_GetProtectionDomain(jenv t, jobject h)
{
    VM_SCOPE(t);
    return handle_new(t, get_ref(deref(h), t->vm->k.Class_vm_domain));
}

/* A row of C's InnerClasses that is about C itself; NULL: C is not a member or local. */
static const u8 *inner_row(struct class *c, u16 which, const struct symbol *name)
{
    u32       n;
    const u8 *p = attr_find(c, c->attrs, "InnerClasses", &n);
    for (unsigned i = 0; p && n >= 2 && i < be16(p) && 10 + 8 * i <= n; i++) {
        const u8 *row = p + 2 + 8 * i;
        u16       at  = be16(row + which);
        if (at && at < c->ncp && c->tags[at] == CP_CLASS && cp_name(c, at) == name)
            return row;
    }
    return NULL;
}

static const struct symbol *file_name(struct class *c)
{
    return cp_name(c, c->this_index);
}

/* Flags as the source had them: an inner class's are those of its InnerClasses row. */
static u16 source_flags(struct class *c)
{
    const u8 *row = c->dims || c->primitive ? NULL : inner_row(c, 0, file_name(c));
    u16       f   = row ? be16(row + 6) : c->flags;
    return c->dims || c->primitive ? f : (u16)(f & ~ACC_SUPER);
}

EXPORT jint JVM_GetClassModifiers(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class *c = handle_class(t, h);
    if (c->dims) {
        struct class *e = c;
        while (e->dims)
            e = e->element;
        return (source_flags(e) & (ACC_PUBLIC | ACC_PRIVATE | ACC_PROTECTED)) | ACC_FINAL |
               ACC_ABSTRACT;
    }
    return source_flags(c) & 0x7fff;
}

EXPORT jint JVM_GetClassAccessFlags(jenv t, jobject h)
{
    VM_SCOPE(t);
    return handle_class(t, h)->flags & 0x7fff;
}

EXPORT jobject JVM_GetClassSignature(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class  *c = handle_class(t, h);
    struct symbol *s = c->dims || c->primitive ? NULL : class_attr_symbol(c, c->attrs, "Signature");
    return handle_new(t, s ? string_of(t, s) : NULL);
}

static struct object *bytes_of(struct thread *t, struct class *c, const u8 *attrs, const char *name)
{
    u32       n;
    const u8 *p = attrs ? attr_find(c, attrs, name, &n) : NULL;
    if (!p)
        return NULL;
    struct object *a = heap_array(t, class_array_of(t, class_primitive(t->vm, T_BYTE)), (i32)n);
    if (a)
        memcpy(&ELEMENT(a, u8, 0), p, n);
    return a;
}

EXPORT jobject JVM_GetClassAnnotations(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class *c = handle_class(t, h);
    return handle_new(t, bytes_of(t, c, c->attrs, "RuntimeVisibleAnnotations"));
}

EXPORT jobject JVM_GetClassTypeAnnotations(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class *c = handle_class(t, h);
    return handle_new(t, bytes_of(t, c, c->attrs, "RuntimeVisibleTypeAnnotations"));
}

EXPORT jobject JVM_GetFieldTypeAnnotations(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct field *f = reflected_field(t, deref(h));
    return handle_new(t, bytes_of(t, f->cls, f->attrs, "RuntimeVisibleTypeAnnotations"));
}

EXPORT jobject JVM_GetMethodTypeAnnotations(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct method *m = reflected_method(t, deref(h));
    return handle_new(t, bytes_of(t, m->cls, m->attrs, "RuntimeVisibleTypeAnnotations"));
}

EXPORT jobject JVM_GetMethodParameters(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct vm     *vm = t->vm;
    struct method *m  = reflected_method(t, deref(h));
    u32            n;
    const u8      *p = attr_find(m->cls, m->attrs, "MethodParameters", &n);
    if (!p || n < 1)
        return NULL;
    if (!class_init(t, vm->k.Parameter))
        return NULL;
    struct object *a = heap_array(t, class_array_of(t, vm->k.Parameter), p[0]);
    for (i32 i = 0; a && i < p[0] && 5 + 4u * (u32)i <= n; i++) {
        struct object *o  = heap_object(t, vm->k.Parameter);
        u16            at = be16(p + 1 + 4 * i);
        if (!o)
            return NULL;
        set_element_ref(a, i, o);
        AT(o, i32, vm->k.Parameter_modifiers) = be16(p + 3 + 4 * i);
        AT(o, i32, vm->k.Parameter_index)     = i;
        put_ref(o, vm->k.Parameter_executable, deref(h));
        if (at)
            put_ref(o, vm->k.Parameter_name, string_of(t, cp_utf8(m->cls, at)));
    }
    return handle_new(t, a);
}

static bool wanted(u16 flags, jboolean only_public)
{
    return !only_public || (flags & ACC_PUBLIC);
}

EXPORT jobject JVM_GetClassDeclaredFields(jenv t, jobject h, jboolean only_public)
{
    VM_SCOPE(t);
    struct class *c = handle_class(t, h);
    i32           n = 0;
    if (!c->primitive && !class_link(t, c))
        return NULL;
    for (unsigned i = 0; i < c->nfields; i++)
        n += wanted(c->fields[i].flags, only_public);
    struct object *a = heap_array(t, class_array_of(t, t->vm->k.Field), n);
    for (unsigned i = 0, at = 0; a && i < c->nfields; i++) {
        if (!wanted(c->fields[i].flags, only_public))
            continue;
        struct object *f = reflect_field(t, &c->fields[i]);
        if (!f)
            return NULL;
        set_element_ref(a, (i32)at++, f);
    }
    return handle_new(t, a);
}

static jobject declared(jenv t, jobject h, jboolean only_public, bool constructors)
{
    struct vm    *vm = t->vm;
    struct class *c  = handle_class(t, h);
    struct class *k  = constructors ? vm->k.Constructor : vm->k.Method;
    i32           n  = 0;
    if (!c->primitive && !class_link(t, c))
        return NULL;
    for (unsigned i = 0; i < c->nmethods; i++) {
        struct method *m = &c->methods[i];
        n += (m->name == vm->n.init) == constructors && m->name != vm->n.clinit &&
             wanted(m->flags, only_public);
    }
    struct object *a = heap_array(t, class_array_of(t, k), n);
    for (unsigned i = 0, at = 0; a && i < c->nmethods; i++) {
        struct method *m = &c->methods[i];
        if ((m->name == vm->n.init) != constructors || m->name == vm->n.clinit ||
            !wanted(m->flags, only_public))
            continue;
        struct object *o = constructors ? reflect_constructor(t, m) : reflect_method(t, m);
        if (!o)
            return NULL;
        set_element_ref(a, (i32)at++, o);
    }
    return handle_new(t, a);
}

EXPORT jobject JVM_GetClassDeclaredMethods(jenv t, jobject h, jboolean only_public)
{
    VM_SCOPE(t);
    return declared(t, h, only_public, false);
}

EXPORT jobject JVM_GetClassDeclaredConstructors(jenv t, jobject h, jboolean only_public)
{
    VM_SCOPE(t);
    return declared(t, h, only_public, true);
}

EXPORT jobject JVM_GetDeclaringClass(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class *c   = handle_class(t, h);
    const u8     *row = c->dims || c->primitive ? NULL : inner_row(c, 0, file_name(c));
    if (!row || !be16(row + 2))
        return NULL;
    struct class *outer = resolve_class(t, c, be16(row + 2));
    if (!outer)
        return NULL;
    if (inner_row(outer, 0, file_name(c)))
        return handle_new(t, outer->mirror);
    cleanup_free char *a = class_external(outer), *b = class_external(c);
    throw_new(t, "java/lang/IncompatibleClassChangeError",
              "%s and %s disagree on InnerClasses attribute", a, b);
    return NULL;
}

EXPORT jobject JVM_GetSimpleBinaryName(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class *c   = handle_class(t, h);
    const u8     *row = c->dims || c->primitive ? NULL : inner_row(c, 0, file_name(c));
    return row && be16(row + 4) ? handle_new(t, string_of(t, cp_utf8(c, be16(row + 4)))) : NULL;
}

EXPORT jobject JVM_GetDeclaredClasses(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class *c     = handle_class(t, h), *found[1024];
    u32           n     = 0;
    i32           count = 0;
    const u8     *p = c->dims || c->primitive ? NULL : attr_find(c, c->attrs, "InnerClasses", &n);
    for (unsigned i = 0; p && i < be16(p) && 10 + 8 * i <= n; i++) {
        const u8 *row   = p + 2 + 8 * i;
        u16       outer = be16(row + 2);
        if (!outer || cp_name(c, outer) != file_name(c) || count == (i32)ARRAY_SIZE(found))
            continue;
        struct class *k = resolve_class(t, c, be16(row));
        if (!k)
            return NULL;
        found[count++] = k;
    }
    struct object *a = heap_array(t, class_array_of(t, t->vm->k.Class), count);
    for (i32 i = 0; a && i < count; i++)
        set_element_ref(a, i, found[i]->mirror);
    return handle_new(t, a);
}

EXPORT jobject JVM_GetEnclosingMethodInfo(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class *c = handle_class(t, h);
    u32           n;
    const u8 *p = c->dims || c->primitive ? NULL : attr_find(c, c->attrs, "EnclosingMethod", &n);
    if (!p || n < 4)
        return NULL;
    struct class  *outer = resolve_class(t, c, be16(p));
    struct object *a     = outer ? heap_array(t, class_array_of(t, t->vm->k.Object), 3) : NULL;
    if (!a)
        return NULL;
    t->loading = a;
    set_element_ref(a, 0, outer->mirror);
    if (be16(p + 2)) {
        u16 at = be16(p + 2);
        set_element_ref(a, 1, string_of(t, cp_name(c, at)));
        set_element_ref(a, 2, string_of(t, cp_utf8(c, cp_u2(c, at, 2))));
    }
    return handle_new(t, a);
}

EXPORT jobject JVM_GetNestHost(jenv t, jobject h)
{
    VM_SCOPE(t);
    return handle_new(t, nest_host(t, handle_class(t, h))->mirror);
}

/* The classes that an attribute lists, behind FIRST if there is one. */
static jobject listed(jenv t, struct class *c, const char *name, struct class *first, bool always)
{
    u32       n = 0;
    const u8 *p = attr_find(c, c->attrs, name, &n);
    if (!p && !always)
        return NULL;
    i32            count = p && n >= 2 ? be16(p) : 0, at = 0;
    struct object *a = heap_array(t, class_array_of(t, t->vm->k.Class), count + (first != NULL));
    if (a && first)
        set_element_ref(a, at++, first->mirror);
    for (i32 i = 0; a && i < count && 4 + 2u * (u32)i <= n; i++) {
        struct class *k = resolve_class(t, c, be16(p + 2 + 2 * i));
        if (k) {
            set_element_ref(a, at++, k->mirror);
        } else if (pending_is(t, "java/lang/LinkageError")) {
            t->exception = NULL;
        }
    }
    return handle_new(t, a);
}

EXPORT jobject JVM_GetNestMembers(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class *host = nest_host(t, handle_class(t, h));
    return listed(t, host, "NestMembers", host, true);
}

EXPORT jobject JVM_GetPermittedSubclasses(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class *c = handle_class(t, h);
    return c->dims || c->primitive ? NULL : listed(t, c, "PermittedSubclasses", NULL, false);
}

EXPORT jboolean JVM_AreNestMates(jenv t, jobject a, jobject b)
{
    VM_SCOPE(t);
    return nest_host(t, handle_class(t, a)) == nest_host(t, handle_class(t, b));
}

EXPORT jboolean JVM_IsRecord(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class *c = handle_class(t, h);
    return !c->dims && !c->primitive && (c->flags & ACC_FINAL) && c->super &&
           symbol_is(c->super->name, "java/lang/Record") && attr_find(c, c->attrs, "Record", NULL);
}

static struct object *record_component(struct thread *t, struct class *c, const u8 *p)
{
    struct vm     *vm   = t->vm;
    struct symbol *name = cp_utf8(c, be16(p)), *desc = cp_utf8(c, be16(p + 2));
    struct object *type = desc_mirror(t, desc->s, c->loader);
    struct object *o =
        type && class_init(t, vm->k.RecordComponent) ? heap_object(t, vm->k.RecordComponent) : NULL;
    if (!o)
        return NULL;
    t->loading = o;
    put_ref(o, vm->k.RecordComponent_clazz, c->mirror);
    put_ref(o, vm->k.RecordComponent_type, type);
    put_ref(o, vm->k.RecordComponent_name, string_of(t, name));
    cleanup_free char *get = xasprintf("()%s", desc->s);
    struct method     *m   = class_method(c, name, symbol(vm, get));
    if (m && !method_is_static(m))
        put_ref(o, vm->k.RecordComponent_accessor, reflect_method(t, m));
    struct symbol *s = class_attr_symbol(c, p + 4, "Signature");
    if (s)
        put_ref(o, vm->k.RecordComponent_signature, string_of(t, s));
    put_ref(o, vm->k.RecordComponent_annotations,
            bytes_of(t, c, p + 4, "RuntimeVisibleAnnotations"));
    put_ref(o, vm->k.RecordComponent_typeAnnotations,
            bytes_of(t, c, p + 4, "RuntimeVisibleTypeAnnotations"));
    return t->exception ? NULL : o;
}

EXPORT jobject JVM_GetRecordComponents(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct class *c = handle_class(t, h);
    u32           n;
    const u8     *p = attr_find(c, c->attrs, "Record", &n);
    if (!p || n < 2)
        return NULL;
    struct object *a     = heap_array(t, class_array_of(t, t->vm->k.RecordComponent), be16(p));
    i32            count = be16(p);
    p += 2;
    for (i32 i = 0; a && i < count; i++) {
        struct object *o = record_component(t, c, p);
        if (!o)
            return NULL;
        set_element_ref(a, i, o);
        unsigned attrs = be16(p + 4);
        for (p += 6; attrs--;)
            p += 6 + be32(p + 2);
    }
    return handle_new(t, a);
}

EXPORT jobject JVM_GetClassConstantPool(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct vm     *vm = t->vm;
    struct class  *c  = handle_class(t, h);
    struct object *o  = c->dims || c->primitive || !class_init(t, vm->k.ConstantPool)
                            ? NULL
                            : heap_object(t, vm->k.ConstantPool);
    if (o)
        put_ref(o, vm->k.ConstantPool_constantPoolOop, c->mirror);
    return handle_new(t, o);
}

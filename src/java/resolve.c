/* java/resolve.c - what constant pool entries stand for: JVMS 5.4.3, 5.4.4.
 *
 * An entry is resolved once: what it came to stands in `resolved`. Java code may run in between
 * (class loaders do), so two threads may resolve one entry; both come to the same. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "java/modules.h"
#include "java/vm.h"

static void keep(struct class *from, u16 cp, void *what)
{
    __atomic_store_n(&from->resolved[cp], what, __ATOMIC_RELEASE);
}

static const char *module_words(struct vm *vm, const struct class *c, char *out, size_t n)
{
    struct object     *m    = c->module;
    struct object     *s    = m && vm->k.Module_name ? get_ref(m, vm->k.Module_name) : NULL;
    cleanup_free char *name = s ? string_utf8(vm, s) : NULL;
    if (name) {
        snprintf(out, n, "module %s of loader '%s'", name, c->loader->java ? "app" : "bootstrap");
    } else {
        snprintf(out, n, "unnamed module of loader %s", c->loader->java ? "'app'" : "'bootstrap'");
    }
    return out;
}

static const char *where(struct class *a, struct class *b, char *out, size_t n)
{
    char               x[200], y[200];
    cleanup_free char *an = class_external(a), *bn = class_external(b);
    if (a->module == b->module && a->loader == b->loader)
        snprintf(out, n, "(%s and %s are in %s)", an, bn, module_words(a->vm, a, x, sizeof(x)));
    else
        snprintf(out, n, "(%s is in %s; %s is in %s)", an, module_words(a->vm, a, x, sizeof(x)), bn,
                 module_words(b->vm, b, y, sizeof(y)));
    return out;
}

static bool magic(struct class *from)
{
    struct vm *vm = from->vm;
    return vm->k.MagicAccessorImpl && class_is_sub(from, vm->k.MagicAccessorImpl);
}

bool access_class(struct thread *t, struct class *from, struct class *to)
{
    struct class *c = to;
    while (c->dims)
        c = c->element;
    if (c->primitive || c == from || (c->flags & ACC_PUBLIC) || class_same_package(from, c) ||
        magic(from))
        return true;
    char               words[600];
    cleanup_free char *a = class_external(from), *b = class_external(c);
    throw_new(t, "java/lang/IllegalAccessError", "class %s cannot access its %s %s %s", a,
              from->super == c        ? "superclass"
              : class_is_interface(c) ? "superinterface"
                                      : "class",
              b, where(from, c, words, sizeof(words)));
    return false;
}

struct class *resolve_class(struct thread *t, struct class *from, u16 cp)
{
    struct class *c = __atomic_load_n(&from->resolved[cp], __ATOMIC_ACQUIRE);
    if (c)
        return c;
    c = load_class(t, cp_name(from, cp), from->loader);
    if (!c || !access_class(t, from, c))
        return NULL;
    keep(from, cp, c);
    return c;
}

struct object *resolve_string(struct thread *t, struct class *from, u16 cp)
{
    struct object **cell = __atomic_load_n(&from->resolved[cp], __ATOMIC_ACQUIRE);
    if (cell)
        return *cell;
    struct object *s = string_of(t, cp_name(from, cp));
    if (s)
        keep(from, cp, cell_new(t->vm, s));
    return s;
}

struct class *nest_host(struct thread *t, struct class *c)
{
    if (c->nest_host)
        return c->nest_host;
    u32            n;
    const u8      *p    = attr_find(c, c->attrs, "NestHost", &n);
    struct object *was  = t->exception;
    struct class  *host = c;
    t->exception        = NULL;
    if (p && n == 2 && be16(p) < c->ncp && c->tags[be16(p)] == CP_CLASS) {
        struct class *k = load_class(t, cp_name(c, be16(p)), c->loader);
        const u8     *m = k ? attr_find(k, k->attrs, "NestMembers", &n) : NULL;
        for (unsigned i = 0; m && n >= 2 && i < be16(m) && 4 + 2 * i <= n; i++) {
            u16 at = be16(m + 2 + 2 * i);
            if (at < k->ncp && k->tags[at] == CP_CLASS && cp_name(k, at) == c->name &&
                class_same_package(k, c))
                host = k;
        }
    }
    t->exception        = was;
    return c->nest_host = host;
}

bool access_member(struct class *from, struct class *of, struct class *holder, u16 flags)
{
    if ((flags & ACC_PUBLIC) || from == holder || magic(from))
        return true;
    if (flags & ACC_PRIVATE) {
        struct thread *t = thread_current();
        return nest_host(t, from) == nest_host(t, holder);
    }
    if (class_same_package(from, holder))
        return true;
    if (!(flags & ACC_PROTECTED))
        return false;
    if (!class_is(from, holder))
        return of->dims; /* clone() of an array is public */
    return (flags & ACC_STATIC) || class_is(of, from) || class_is(from, of) || of->dims;
}

bool check_access(struct thread *t, struct class *from, struct class *of, struct class *holder,
                  u16 flags, const char *what, const struct symbol *name, const struct symbol *desc)
{
    if (access_member(from, of, holder, flags))
        return true;
    char               words[600];
    cleanup_free char *a = class_external(from), *b = class_external(holder);
    const char *kind = flags & ACC_PRIVATE ? "private " : flags & ACC_PROTECTED ? "protected " : "";
    throw_new(t, "java/lang/IllegalAccessError", "class %s tried to access %s%s %s.%s%s %s", a,
              kind, what, b, name->s, desc ? desc->s : "",
              where(from, holder, words, sizeof(words)));
    return false;
}

struct field *resolve_field(struct thread *t, struct class *from, u16 cp, bool is_static, bool put,
                            struct method *in)
{
    struct field *f = __atomic_load_n(&from->resolved[cp], __ATOMIC_ACQUIRE);
    struct class *c = resolve_class(t, from, cp_u2(from, cp, 0));
    if (!c)
        return NULL;
    struct symbol *name = cp_member_name(from, cp);
    if (!f) {
        f = class_find_field(c, name, cp_member_desc(from, cp));
        if (!f) {
            throw_new(t, "java/lang/NoSuchFieldError", "%s", name->s);
            return NULL;
        }
        if (!check_access(t, from, c, f->cls, f->flags, "field", name, NULL))
            return NULL;
        keep(from, cp, f);
    }
    if (is_static != !!(f->flags & ACC_STATIC)) {
        cleanup_free char *a = class_external(f->cls);
        throw_new(t, "java/lang/IncompatibleClassChangeError", "Expected %s field %s.%s",
                  is_static ? "static" : "non-static", a, name->s);
        return NULL;
    }
    if (put && (f->flags & ACC_FINAL)) {
        bool ok = from == f->cls;
        if (ok && from->major >= 53)
            ok = in->name == (is_static ? t->vm->n.clinit : t->vm->n.init);
        if (!ok) {
            cleanup_free char *a = class_external(f->cls), *b = class_external(from);
            throw_new(t, "java/lang/IllegalAccessError",
                      "Update to %s final field %s.%s attempted from a different %s (%s) than the "
                      "%s",
                      is_static ? "static" : "non-static", a, name->s,
                      from == f->cls ? "method" : "class", b,
                      from == f->cls ? "initializer method" : "field's declaring class");
            return NULL;
        }
    }
    return f;
}

static void no_method(struct thread *t, struct class *c, struct symbol *name, struct symbol *desc)
{
    cleanup_free char *a          = class_external(c);
    const char        *s          = desc->s;
    char               text[1500] = "", *end = text + sizeof(text);
    char              *p = text;
    /* As a Java programmer would write it: 'void A.f(int, java.lang.String)'. */
    p += desc_words(p, (size_t)(end - p), strchr(s, ')') + 1);
    p += snprintf(p, (size_t)(end - p), " %s.%s(", a, name->s);
    for (s++; *s != ')' && p < end - 200; s = desc_skip(s)) {
        p += desc_words(p, (size_t)(end - p), s);
        if (*desc_skip(s) != ')')
            p += snprintf(p, (size_t)(end - p), ", ");
    }
    throw_new(t, "java/lang/NoSuchMethodError", "'%s)'", text);
}

struct method *resolve_method(struct thread *t, struct class *from, u16 cp, bool is_static)
{
    struct method *m = __atomic_load_n(&from->resolved[cp], __ATOMIC_ACQUIRE);
    struct class  *c = resolve_class(t, from, cp_u2(from, cp, 0));
    if (!c)
        return NULL;
    struct symbol *name = cp_member_name(from, cp), *desc = cp_member_desc(from, cp);
    bool           want = from->tags[cp] == CP_IMETHOD;
    if (class_is_interface(c) != want) {
        cleanup_free char *a = class_external(c);
        throw_new(t, "java/lang/IncompatibleClassChangeError",
                  want ? "Found class %s, but interface was expected"
                       : "Found interface %s, but class was expected",
                  a);
        return NULL;
    }
    if (!m) {
        m = want ? class_find_imethod(c, name, desc) : class_find_method(c, name, desc);
        if (!m && c == t->vm->k.MethodHandle)
            m = class_method(c, name, t->vm->n.invoke_handle);
        if (!m && c == t->vm->k.VarHandle) {
            for (unsigned i = 0; i < c->nmethods && !m; i++) {
                if (c->methods[i].name == name && c->methods[i].poly)
                    m = &c->methods[i];
            }
        }
        if (!m) {
            no_method(t, c, name, desc);
            return NULL;
        }
        if (!check_access(t, from, c, m->cls, m->flags, "method", name, desc))
            return NULL;
        keep(from, cp, m);
    }
    if (is_static != method_is_static(m) && !m->poly) {
        cleanup_free char *a = class_external(m->cls);
        throw_new(t, "java/lang/IncompatibleClassChangeError", "Expected %s method '%s.%s%s'",
                  is_static ? "static" : "non-static", a, name->s, desc->s);
        return NULL;
    }
    return m;
}

/* One type as Java writes it; how long it is. */
int desc_words(char *out, size_t n, const char *d)
{
    static const char *const names[T_VOID + 1] = {
        [T_BOOLEAN] = "boolean", [T_CHAR] = "char", [T_FLOAT] = "float",
        [T_DOUBLE] = "double",   [T_BYTE] = "byte", [T_SHORT] = "short",
        [T_INT] = "int",         [T_LONG] = "long", [T_VOID] = "void",
    };
    int dims = 0;
    for (; *d == '['; d++)
        dims++;
    size_t at = 0;
    if (*d == 'L') {
        for (d++; *d != ';' && at + 1 < n; d++)
            out[at++] = *d == '/' ? '.' : *d;
        out[at] = 0;
    } else {
        at = (size_t)snprintf(out, n, "%s", names[desc_type(*d)]);
    }
    for (; dims-- && at + 3 < n; at += 2)
        memcpy(out + at, "[]", 3);
    return (int)MIN(at, n - 1);
}

/* java/lookup.c - finds members, and asks whether one class is another: JVMS 5.4.3, 6.5. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/vm.h"

bool class_is_sub(struct class *c, struct class *of)
{
    if (of->depth < DISPLAY)
        return c->display[of->depth] == of;
    while (c && c != of)
        c = c->super;
    return c;
}

static bool array_is(struct class *c, struct class *of)
{
    struct vm *vm = c->vm;
    if (!of->dims)
        return of == vm->k.Object || of == vm->k.Cloneable || of == vm->k.Serializable;
    struct class *a = c->element, *b = of->element;
    if (a->primitive || b->primitive)
        return a == b;
    return class_is(a, b);
}

bool class_is(struct class *c, struct class *of)
{
    if (c == of || c->cast_yes == of)
        return true;
    bool yes = false;
    if (c->dims) {
        yes = array_is(c, of);
    } else if (class_is_interface(of)) {
        for (unsigned i = 0; i < c->nall && !yes; i++)
            yes = c->all_interfaces[i] == of;
    } else {
        yes = !of->dims && class_is_sub(c, of);
    }
    if (yes)
        c->cast_yes = of;
    return yes;
}

struct method *class_method(struct class *c, struct symbol *name, struct symbol *desc)
{
    for (unsigned i = 0; i < c->nmethods; i++) {
        if (c->methods[i].name == name && c->methods[i].desc == desc)
            return &c->methods[i];
    }
    return NULL;
}

/* The most specific of the interfaces' methods; an abstract one when none has a body. */
static struct method *from_interfaces(struct class *c, struct symbol *name, struct symbol *desc,
                                      bool any_private)
{
    struct method *best = NULL;
    for (unsigned i = 0; i < c->nall; i++) {
        struct method *m = class_method(c->all_interfaces[i], name, desc);
        if (!m || method_is_static(m) || (!any_private && (m->flags & ACC_PRIVATE)))
            continue;
        if (!best || class_is(m->cls, best->cls) ||
            ((best->flags & ACC_ABSTRACT) && !(m->flags & ACC_ABSTRACT) &&
             !class_is(best->cls, m->cls)))
            best = m;
    }
    return best;
}

struct method *class_find_method(struct class *c, struct symbol *name, struct symbol *desc)
{
    for (struct class *k = c->dims ? c->vm->k.Object : c; k; k = k->super) {
        struct method *m = class_method(k, name, desc);
        if (m)
            return m;
    }
    return from_interfaces(c, name, desc, false);
}

struct method *class_find_imethod(struct class *c, struct symbol *name, struct symbol *desc)
{
    struct method *m = class_method(c, name, desc);
    if (m)
        return m;
    m = class_method(c->vm->k.Object, name, desc);
    if (m && (m->flags & ACC_PUBLIC) && !method_is_static(m))
        return m;
    return from_interfaces(c, name, desc, false);
}

/* What a call of an interface's method runs for objects of class C: JVMS 5.4.6. */
struct method *class_select(struct class *c, struct method *of)
{
    if (of->flags & ACC_PRIVATE)
        return of;
    for (struct class *k = c->dims ? c->vm->k.Object : c; k; k = k->super) {
        struct method *m = class_method(k, of->name, of->desc);
        if (m && !method_is_static(m) && !(m->flags & ACC_PRIVATE))
            return m;
    }
    return from_interfaces(c, of->name, of->desc, false);
}

struct field *class_field(struct class *c, struct symbol *name, struct symbol *desc)
{
    for (unsigned i = 0; i < c->nfields; i++) {
        if (c->fields[i].name == name && (!desc || c->fields[i].desc == desc))
            return &c->fields[i];
    }
    return NULL;
}

struct field *class_find_field(struct class *c, struct symbol *name, struct symbol *desc)
{
    for (; c; c = c->super) {
        struct field *f = class_field(c, name, desc);
        for (unsigned i = 0; i < c->ninterfaces && !f; i++)
            f = class_find_field(c->interfaces[i], name, desc);
        if (f)
            return f;
    }
    return NULL;
}

bool class_same_package(const struct class *a, const struct class *b)
{
    while (a->dims)
        a = a->element;
    while (b->dims)
        b = b->element;
    return a->loader == b->loader && a->package == b->package;
}

char *class_external(const struct class *c)
{
    char *s = xstrdup(c->name->s);
    for (char *p = s; *p; p++) {
        if (*p == '/')
            *p = '.';
    }
    char *plus = c->hidden ? strrchr(s, '+') : NULL;
    if (plus)
        *plus = '/';
    return s;
}

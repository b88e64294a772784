/* java/loader.c - class loaders and the classes they have: JVMS 5.3.
 *
 * A loader's table has the classes it defined and those it was asked for first (`named`). Tables
 * change under load_lock, which is never held while Java runs or memory is allocated. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "java/code.h"
#include "java/jimage.h"
#include "java/modules.h"
#include "java/vm.h"

/* A class that a loader answers for under a name; one in a table of rows. */
struct named {
    struct named  *next;
    struct symbol *name;
    struct class  *cls;
};

/* A class that this thread is about to define. */
struct placeholder {
    struct placeholder *prev;
    struct symbol      *name;
    struct loader      *loader;
};

enum { NAMED_ROWS = 512 };

struct loader *loader_of(struct thread *t, struct object *java)
{
    struct vm *vm = t->vm;
    if (!java)
        return &vm->boot;
    u64 *slot = &AT(java, u64, vm->k.ClassLoader_vm_loader);
    pthread_mutex_lock(&vm->load_lock);
    if (!*slot) {
        struct loader *l = arena_alloc(&vm->arena, sizeof(*l));
        l->java          = java;
        l->next          = vm->loaders;
        vm->loaders      = l;
        __atomic_store_n(slot, (u64)l, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&vm->load_lock);
    return (struct loader *)*slot;
}

static struct named **row_of(struct vm *vm, struct loader *l, struct symbol *name)
{
    if (!l->rows)
        l->rows = arena_alloc(&vm->arena, NAMED_ROWS * sizeof(void *));
    return (struct named **)&l->rows[name->hash % NAMED_ROWS];
}

struct class *loader_find(struct vm *vm, struct loader *l, struct symbol *name)
{
    pthread_mutex_lock(&vm->load_lock);
    struct named *n = *row_of(vm, l, name);
    while (n && n->name != name)
        n = n->next;
    pthread_mutex_unlock(&vm->load_lock);
    return n ? n->cls : NULL;
}

/* Under the lock: C is what L answers for NAME, unless it has another answer already. */
static struct class *put(struct vm *vm, struct loader *l, struct symbol *name, struct class *c)
{
    struct named **at = row_of(vm, l, name);
    for (struct named *n = *at; n; n = n->next) {
        if (n->name == name)
            return n->cls;
    }
    struct named *n = arena_alloc(&vm->arena, sizeof(*n));
    *n              = (struct named){*at, name, c};
    __atomic_store_n(at, n, __ATOMIC_RELEASE);
    return c;
}

void loader_name(struct vm *vm, struct loader *l, struct symbol *name, struct class *c)
{
    pthread_mutex_lock(&vm->load_lock);
    put(vm, l, name, c);
    pthread_mutex_unlock(&vm->load_lock);
}

static bool enter(struct thread *t, struct placeholder *p, const struct class_source *src)
{
    *p = (struct placeholder){t->placeholders, src->expect, src->loader};
    for (struct placeholder *q = t->placeholders; q && src->expect; q = q->prev) {
        if (q->name == p->name && q->loader == p->loader) {
            throw_new(t, "java/lang/ClassCircularityError", "%s", p->name->s);
            return false;
        }
    }
    return true;
}

struct class *loader_define(struct thread *t, struct loader *l, const struct class_source *src,
                            struct object *domain)
{
    struct vm         *vm = t->vm;
    struct placeholder p;
    if (!enter(t, &p, src))
        return NULL;
    t->placeholders = &p;
    struct class *c = class_parse(t, src);
    t->placeholders = p.prev;
    if (!c)
        return NULL;
    c->module = module_of_package(vm, l, c->package);
    if (c->mirror) {
        put_ref(c->mirror, vm->k.Class_module, c->module);
        put_ref(c->mirror, vm->k.Class_vm_domain, domain);
    }
    pthread_mutex_lock(&vm->load_lock);
    struct class *first = src->hidden ? c : put(vm, l, c->name, c);
    if (first == c) {
        c->next  = (struct class *)l->named;
        l->named = (struct named *)c;
        vm->loaded_classes++;
    }
    pthread_mutex_unlock(&vm->load_lock);
    if (first == c) {
        if (vm->options.verbose_class) {
            cleanup_free char *name = class_external(c);
            printf("[class,load] %s\n", name);
        }
        return c;
    }
    if (l == &vm->boot)
        return first;
    cleanup_free char *name = class_external(c);
    throw_new(t, "java/lang/LinkageError", "loader attempted duplicate class definition for %s.",
              name);
    return NULL;
}

/* Defines NAME from the modules of the boot loader; NULL without exception: it is not there. */
struct class *boot_find(struct thread *t, struct symbol *name)
{
    struct vm    *vm = t->vm;
    struct class *c  = loader_find(vm, &vm->boot, name);
    if (c)
        return c;
    u64                 size;
    struct class_source src = {.loader = &vm->boot, .expect = name};
    src.bytes               = boot_bytes(vm, name, &size);
    if (!src.bytes || size > UINT32_MAX)
        return NULL;
    src.length = (u32)size;
    return loader_define(t, &vm->boot, &src, NULL);
}

static void no_class(struct thread *t, const struct symbol *name)
{
    cleanup_free char *text = xstrdup(name->s);
    for (char *p = text; *p; p++) {
        if (*p == '/')
            *p = '.';
    }
    throw_new(t, "java/lang/ClassNotFoundException", "%s", text);
}

/* Asks the loader itself, in Java. */
static struct class *ask_loader(struct thread *t, struct symbol *name, struct loader *l)
{
    struct vm     *vm   = t->vm;
    struct object *text = string_external(t, name);
    if (!text)
        return NULL;
    struct method *m       = class_select(class_of(l->java), vm->k.ClassLoader_loadClass);
    union value    args[2] = {{.o = l->java}, {.o = text}};
    struct object *mirror  = call_method(t, m, args).o;
    if (t->exception)
        return NULL;
    struct class *c = mirror ? (struct class *)AT(mirror, u64, vm->k.Class_vm_class) : NULL;
    if (!c || c->name != name) {
        no_class(t, name);
        return NULL;
    }
    pthread_mutex_lock(&vm->load_lock);
    c = put(vm, l, name, c);
    pthread_mutex_unlock(&vm->load_lock);
    return c;
}

static struct class *load(struct thread *t, struct symbol *name, struct loader *l);

struct class *load_desc(struct thread *t, const char *desc, size_t n, struct loader *l)
{
    struct class *c;
    if (n && *desc == '[') {
        c = load_desc(t, desc + 1, n - 1, l);
        return c ? class_array_of(t, c) : NULL;
    }
    if (n && *desc == 'L')
        return load(t, symbol_get(t->vm, desc + 1, n - 2), l);
    return class_primitive(t->vm, desc_type(*desc));
}

static struct class *load(struct thread *t, struct symbol *name, struct loader *l)
{
    struct class *c = loader_find(t->vm, l, name);
    if (c)
        return c;
    if (name->s[0] == '[')
        return load_desc(t, name->s, name->length, l);
    if (l->java)
        return ask_loader(t, name, l);
    c = boot_find(t, name);
    if (!c && !t->exception)
        no_class(t, name);
    return c;
}

struct class *load_class_or_not_found(struct thread *t, struct symbol *name, struct loader *l)
{
    return load(t, name, l);
}

/* As linking wants it: what was not found is a NoClassDefFoundError, for that reason. */
struct class *load_class(struct thread *t, struct symbol *name, struct loader *l)
{
    struct class *c = load(t, name, l);
    if (!c && pending_is(t, "java/lang/ClassNotFoundException")) {
        struct object *cause = t->exception;
        t->exception         = NULL;
        throw_with_cause(t, "java/lang/NoClassDefFoundError", cause, name->s);
    }
    return c;
}

struct class *load_class_named(struct thread *t, const char *name, struct loader *l)
{
    return load_class(t, symbol(t->vm, name), l);
}

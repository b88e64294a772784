/* java/modules.c - see modules.h. Packages change under load_lock. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/modules.h"

#include <stdio.h>
#include <string.h>

#include "java/jimage.h"
#include "java/roots.h"
#include "java/vm.h"

struct package {
    struct package *next;
    struct symbol  *name;
    struct object  *module;
};

struct object *module_of_package(struct vm *vm, struct loader *l, struct symbol *name)
{
    pthread_mutex_lock(&vm->load_lock);
    struct package *p = l->packages;
    while (p && p->name != name)
        p = p->next;
    struct object *module = p ? p->module : l->unnamed_module;
    if (!module && l->java && vm->k.ClassLoader_unnamedModule)
        module = get_ref(l->java, vm->k.ClassLoader_unnamedModule);
    pthread_mutex_unlock(&vm->load_lock);
    return module;
}

bool module_add_package(struct vm *vm, struct loader *l, struct symbol *name, struct object *module)
{
    pthread_mutex_lock(&vm->load_lock);
    struct package *p = l->packages;
    while (p && p->name != name)
        p = p->next;
    if (!p) {
        p           = arena_alloc(&vm->arena, sizeof(*p));
        *p          = (struct package){l->packages, name, module};
        l->packages = p;
        /* Classes that were there before the module was. */
        for (struct class *c = (struct class *)l->named; c; c = c->next) {
            if (c->package != name)
                continue;
            c->module = module;
            if (c->mirror)
                put_ref(c->mirror, vm->k.Class_module, module);
        }
    }
    bool mine = p->module == module;
    pthread_mutex_unlock(&vm->load_lock);
    return mine;
}

void module_set_unnamed(struct vm *vm, struct loader *l, struct object *module)
{
    pthread_mutex_lock(&vm->load_lock);
    l->unnamed_module = module;
    pthread_mutex_unlock(&vm->load_lock);
}

const u8 *boot_bytes(struct vm *vm, const struct symbol *name, u64 *size)
{
    char        path[1024], package[512];
    const char *slash = strrchr(name->s, '/');
    size_t      n     = slash ? (size_t)(slash - name->s) : 0;
    if (!slash || n >= sizeof(package))
        return NULL;
    for (size_t i = 0; i < n; i++)
        package[i] = name->s[i] == '/' ? '.' : name->s[i];
    package[n]         = 0;
    const char *module = jimage_module(vm->image, package);
    if (!module ||
        snprintf(path, sizeof(path), "/%s/%s.class", module, name->s) >= (int)sizeof(path))
        return NULL;
    return jimage_find(vm->image, path, size);
}

void modules_visit(struct loader *l, visit_fn visit, void *ctx)
{
    for (struct package *p = l->packages; p; p = p->next)
        visit(ctx, p->module);
}

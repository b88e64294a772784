/* java/vm.h - one Java virtual machine: all of its state, and the small services all files use. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_VM_H
#define JAVA_VM_H

#include <pthread.h>
#include <stdarg.h>

#include "base/types.h"
#include "java/arena.h"
#include "java/class.h"
#include "java/heap.h"
#include "java/object.h"
#include "java/thread.h"

struct symbols {
    pthread_mutex_t lock;
    struct symbol **rows;
    u32             size, count;
};

/* One class loader: NULL in JAVA is the boot loader. */
struct loader {
    struct loader  *next;
    struct object  *java;
    struct class  **rows; /* by name */
    u32             size, count;
    struct named   *named; /* initiated, or array classes */
    struct object  *unnamed_module;
    struct package *packages;
};

struct module {
    struct module *next;
    struct object *java;
    struct symbol *name;
    struct loader *loader;
};

/* Classes and members of the library that the VM itself uses (wellknown.def). */
struct wellknown {
#define CLASS(id, name)            struct class *id;
#define FIELD(id, field, desc)     u32 id##_##field;
#define STATIC(id, field, desc)    u32 id##_##field;
#define METHOD(id, as, name, desc) struct method *id##_##as;
#define INJECTED(id, field, desc)  u32 id##_##field;
#include "java/wellknown.def"
};

/* Names that the VM compares with. */
struct names {
    struct symbol *init, *clinit, *object, *finalize, *void_desc, *invoke_handle, *var_handle;
    struct symbol *clone, *lambda_form_hidden;
};

struct options {
    char **properties; /* NAME=VALUE */
    u32    nproperties;
    u64    heap_max, stack_size;
    char  *boot_append;
    char **arguments; /* as given, for JVM_GetVmArguments */
    u32    narguments;
    bool   assertions, system_assertions, verbose_class, verbose_gc, verbose_jni, check_jni;
    bool   verify, no_signals; /* NO_SIGNALS: -Xrs */
    u32    nmodule_options[8];
    int (*print)(void *f, const char *fmt, va_list);
    void (*exit)(int);
    void (*abort)(void);
};

struct jimage;

struct vm {
    const void *const *invoke; /* first: a JavaVM * is a struct vm * */
    struct arena       arena;
    struct symbols     symbols;
    struct heap        heap;
    struct options     options;
    struct jimage     *image;
    char              *home;
    struct loader      boot;
    struct loader     *loaders;
    pthread_mutex_t    load_lock; /* loaders, their tables, modules */
    struct module     *modules;
    struct class      *primitives[T_VOID + 1];
    struct wellknown   k;
    struct names       n;

    pthread_mutex_t init_lock; /* class states */
    pthread_cond_t  init_cond;

    pthread_mutex_t threads_lock; /* the list, and stopping */
    pthread_cond_t  threads_cond;
    struct thread  *threads;
    u32             nthreads, ndaemons, next_id;
    struct thread  *by_id[65536];
    u32             peak_threads;
    u64             started_threads;
    _Atomic u32     stopping;
    struct thread  *stopper;

    pthread_mutex_t  monitors_lock;
    struct monitor **monitors;
    u32              nmonitors, monitors_size, free_monitors;

    pthread_mutex_t strings_lock;
    struct object **strings; /* interned; weak */
    u32             nstrings, strings_size;

    pthread_mutex_t  roots_lock;
    struct object ***cells; /* chunks of constants, always roots */
    u32              ncells;
    struct globals  *globals;

    pthread_mutex_t pending_lock;
    pthread_cond_t  pending_cond;
    struct object  *pending; /* References whose referent went */

    const struct insn *stub_prepare, *stub_native, *stub_abstract, *stub_exit, *stub_jni;
    struct object     *out_of_memory, *stack_overflow, *main_group, *system_group, *npe;
    u32                hash_seed, hidden_count, boot_phase;
    bool               exiting, finished;
    i64                start_ns, start_ms;
    struct object     *modified_signals;
    int                signal_pipe[2];
    u64                loaded_classes, gc_count;
    void              *jni_lib, *verifier; /* libjava; libverify's function */
};

/* natives.c: what this VM's own C functions are bound to. */
typedef union value (*native_fn)(struct thread *, union value *args);
struct native_row {
    const char *name, *desc;
    native_fn   fn;
};
void natives_bind(struct thread *, struct class *);

/* throw.c */
void throw_new(struct thread *, const char *class_name, const char *fmt, ...) PRINTF(3, 4);
void throw_class(struct thread *, struct class *, struct object *message);
void throw_with_cause(struct thread *, const char *class_name, struct object *cause,
                      const char *message);
void throw_wrapping(struct thread *, struct class *, struct object *cause);
void throw_oom(struct thread *, const char *what);
void throw_overflow(struct thread *);
void throw_npe(struct thread *);
void throw_object(struct thread *, struct object *);
bool pending_is(struct thread *, const char *class_name);
void throw_print(struct thread *); /* the pending one, to stderr, by printStackTrace */

/* loader.c */
struct loader *loader_of(struct thread *, struct object *java);
struct class  *load_class(struct thread *, struct symbol *name, struct loader *);
struct class  *load_class_named(struct thread *, const char *name, struct loader *);
struct class  *loader_find(struct vm *, struct loader *, struct symbol *name);
struct class  *loader_define(struct thread *, struct loader *, const struct class_source *,
                             struct object *protection_domain);
struct class  *boot_find(struct thread *, struct symbol *name);
struct class  *load_desc(struct thread *, const char *desc, size_t n, struct loader *);
void           loader_name(struct vm *, struct loader *, struct symbol *name, struct class *);

/* resolve.c: each answers NULL/false with an exception pending. */
struct class  *resolve_class(struct thread *, struct class *from, u16 cp);
struct field  *resolve_field(struct thread *, struct class *from, u16 cp, bool is_static, bool put,
                             struct method *in);
struct method *resolve_method(struct thread *, struct class *from, u16 cp, bool is_static);
struct object *resolve_string(struct thread *, struct class *from, u16 cp);
bool           access_class(struct thread *, struct class *from, struct class *to);
bool           access_member(struct class *from, struct class *of, struct class *holder, u16 flags);
struct class  *nest_host(struct thread *, struct class *);
bool check_access(struct thread *, struct class *from, struct class *of, struct class *holder,
                  u16 flags, const char *what, const struct symbol *name,
                  const struct symbol *desc);

/* globals.c: a word that is always a root. */
struct object **cell_new(struct vm *, struct object *);

/* string.c */
struct object *string_new(struct thread *, const char *utf8);
struct object *string_new_n(struct thread *, const char *utf8, size_t n);
struct object *string_utf16(struct thread *, const u16 *, i32 n);
struct object *string_of(struct thread *, const struct symbol *); /* interned */
struct object *string_intern(struct thread *, struct object *);
struct object *string_external(struct thread *, const struct symbol *); /* '/' becomes '.' */
char          *string_utf8(struct vm *, struct object *);               /* free() it */
i32            string_length(struct vm *, const struct object *);
u16            string_at(struct vm *, const struct object *, i32 i);
void           strings_sweep(struct vm *);

/* boot.c */
struct vm_args;
int  vm_create(struct vm **, struct thread **, const struct vm_args *);
void vm_exit(struct thread *, int status) __attribute__((noreturn));
bool boot_wellknown(struct thread *, struct vm *);

/* method_handle.c */
struct method *mh_link_call(struct thread *, struct class *caller, u16 cp, struct object **out);
struct method *mh_link_method(struct thread *, struct class *caller, u16 cp, struct method *,
                              struct object **out);
struct object *mh_method_type(struct thread *, struct class *from, u16 cp);
struct object *mh_constant(struct thread *, struct class *from, u16 cp);
struct object *dynamic_constant(struct thread *, struct class *from, u16 cp);

/* constant.c: of ldc and reflection; by value for the rest. */
bool constant_load(struct thread *, struct class *from, u16 cp, union value *out, enum type *);

/* call.c: from C into Java. ARGS in slots (a long takes two). */
union value call_method(struct thread *, struct method *, const union value *args);

/* frame.c */
struct class  *caller_class(struct thread *); /* of the method that called this native one */
struct object *fill_backtrace(struct thread *, struct object *throwable);

/* os.c */
i64 os_nanos(void);
i64 os_millis(void);

#define TEXT(sym) ((sym)->s)

#endif

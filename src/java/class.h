/* java/class.h - classes, methods and fields, and the constant pool between them.
 *
 * All of it lies in a VM's low arena (arena.h) and is never freed before the VM is. What the
 * class file says stays where it is: attributes are looked up in its bytes when asked for. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_CLASS_H
#define JAVA_CLASS_H

#include "java/object.h"

/* A name or descriptor, once in a VM: compared by its address. Modified UTF-8, ends in 0 too. */
struct symbol {
    struct symbol *next;
    u32            hash;
    u16            length;
    char           s[];
};

enum {
    ACC_PUBLIC       = 0x0001,
    ACC_PRIVATE      = 0x0002,
    ACC_PROTECTED    = 0x0004,
    ACC_STATIC       = 0x0008,
    ACC_FINAL        = 0x0010,
    ACC_SYNCHRONIZED = 0x0020,
    ACC_SUPER        = 0x0020,
    ACC_VOLATILE     = 0x0040,
    ACC_BRIDGE       = 0x0040,
    ACC_VARARGS      = 0x0080,
    ACC_TRANSIENT    = 0x0080,
    ACC_NATIVE       = 0x0100,
    ACC_INTERFACE    = 0x0200,
    ACC_ABSTRACT     = 0x0400,
    ACC_STRICT       = 0x0800,
    ACC_SYNTHETIC    = 0x1000,
    ACC_ANNOTATION   = 0x2000,
    ACC_ENUM         = 0x4000,
    ACC_MODULE       = 0x8000,
};

enum {
    CP_UTF8           = 1,
    CP_INT            = 3,
    CP_FLOAT          = 4,
    CP_LONG           = 5,
    CP_DOUBLE         = 6,
    CP_CLASS          = 7,
    CP_STRING         = 8,
    CP_FIELD          = 9,
    CP_METHOD         = 10,
    CP_IMETHOD        = 11,
    CP_NAME_TYPE      = 12,
    CP_METHOD_HANDLE  = 15,
    CP_METHOD_TYPE    = 16,
    CP_DYNAMIC        = 17,
    CP_INVOKE_DYNAMIC = 18,
    CP_MODULE         = 19,
    CP_PACKAGE        = 20,
};

struct field {
    struct class  *cls;
    struct symbol *name, *desc;
    u16            flags, index, constant;
    u8             type; /* enum type */
    u8             trusted;
    u32            offset; /* in the object; a static one's in the class's mirror */
    const u8      *attrs;  /* at attributes_count */
};

struct handler {
    u16 start, end, target, type; /* by pc; TYPE 0: any */
};

struct code; /* code.h */
struct insn;

/* Methods whose calls the interpreter does itself (JVMS 2.9.3 and what linkage rests upon). */
enum polymorphic {
    POLY_NONE,
    POLY_INVOKE,
    POLY_BASIC,
    POLY_VIRTUAL,
    POLY_STATIC,
    POLY_SPECIAL,
    POLY_INTERFACE,
    POLY_NATIVE,
};

enum method_flag {
    M_CALLER_SENSITIVE = 1,
    M_HIDDEN           = 2, /* not in stack traces */
    M_FINALIZER        = 4,
    M_JNI              = 8, /* NATIVE is by JNI's convention, not ours */
    M_LAMBDA_FORM      = 16,
};

struct method {
    const struct insn *entry; /* what a call runs; never NULL */
    struct code       *code;  /* what the bytecode was decoded to */
    u32                nargs, nregs;
    struct class      *cls;
    struct symbol     *name, *desc;
    u16                flags, index, max_stack, max_locals;
    u8                 result, poly, more; /* enum type, polymorphic, method_flag */
    u16                nhandlers;
    i32       vindex; /* in the vtable; -1: none is needed; of an interface: in its methods */
    u32       code_length;
    const u8 *bytes; /* the bytecode */
    const u8 *handlers;
    const u8 *attrs, *code_attrs;
    void     *native;
};

struct loader;

enum class_state { CLASS_LOADED, CLASS_LINKED, CLASS_INITIALIZING, CLASS_READY, CLASS_ERROR };

enum { DISPLAY = 8 };

/* One row of what an interface's methods are in a class. */
struct imethod {
    struct method *of, *is;
};

#define ITABLE_MASK(rows) ((u64)(rows)[-1].of)
#define ITABLE_HASH(m)    ((u64)(m) >> 4)

struct class
{
    u32             size, end; /* of an instance, in bytes, rounded up; and as it is */
    u8              state;     /* enum class_state */
    u8              dims;      /* of an array; 0: not one */
    u8              elem;      /* enum type of an array's elements, or the primitive's own */
    u8              shift;     /* log2 of an element's size */
    u8              primitive, hidden, finalizes, ref_kind;
    u16             depth; /* how many classes are above */
    u16             flags; /* access flags of the file */
    struct class   *display[DISPLAY];
    struct class   *super;
    struct class   *cast_yes; /* the last class that this one was found to be */
    struct class  **interfaces, **all_interfaces;
    u16             ninterfaces, nall;
    struct imethod *itable; /* a hash, made at first use; row -1 has its mask */
    u32             itable_used;

    struct symbol *name;
    struct loader *loader;
    struct vm     *vm;
    struct object *mirror;
    struct class  *element, *array; /* of an array: what [i] is; of any: the array of it */
    struct class  *next;            /* in the loader's list */
    struct thread *init_thread;

    const u8 *bytes; /* the class file */
    u32       length;
    u16       major, minor, ncp, this_index;
    u8       *tags;
    u32      *cp_at; /* where an entry's contents stand in BYTES */
    void    **resolved;

    u16            nfields, nmethods;
    struct field  *fields;
    struct method *methods;
    const u8      *attrs;
    u32           *ref_offsets; /* of an instance, those above included */
    u32            nrefs;
    u32           *static_refs; /* in the mirror */
    u32            nstatic_refs, static_size;

    struct class  *nest_host;
    struct symbol *package;
    struct object *module;              /* java.lang.Module, NULL before there are any */
    struct object *signers, *constants; /* CONSTANTS: Object[], for what is resolved late */
    u16            ndefault;
    bool           has_default, init_failed_link;
    u32            nvtable;
    struct method *vtable[];
};

static inline bool class_is_interface(const struct class *c)
{
    return c->flags & ACC_INTERFACE;
}

static inline bool method_is_static(const struct method *m)
{
    return m->flags & ACC_STATIC;
}

/* symbol.c */
struct symbol *symbol_get(struct vm *, const char *s, size_t n);
struct symbol *symbol(struct vm *, const char *s);
void           symbols_free(struct vm *);

static inline bool symbol_is(const struct symbol *s, const char *text)
{
    return __builtin_strcmp(s->s, text) == 0;
}

/* class_file.c: NULL with an exception pending when the bytes are not a class. BYTES stay. */
struct class_source {
    const u8      *bytes;
    u32            length;
    struct loader *loader;
    struct symbol *expect; /* the name it must have, or NULL */
    bool           hidden;
    u32            hidden_number;
};
struct class *class_parse(struct thread *, const struct class_source *);
void          class_unparse(struct class *);

/* constant pool (class_file.c) */
u16            cp_u2(const struct class *, u16 i, unsigned at);
u32            cp_u4(const struct class *, u16 i);
u64            cp_u8(const struct class *, u16 i);
struct symbol *cp_utf8(const struct class *, u16 i);        /* of a Utf8 entry */
struct symbol *cp_name(const struct class *, u16 i);        /* what a Class, String, ... names */
struct symbol *cp_member_name(const struct class *, u16 i); /* of Field, Method, InvokeDynamic */
struct symbol *cp_member_desc(const struct class *, u16 i);

/* attribute.c */
const u8         *attr_find(const struct class *, const u8 *attrs, const char *name, u32 *length);
static inline u16 be16(const u8 *p)
{
    return (u16)(p[0] << 8 | p[1]);
}
static inline u32 be32(const u8 *p)
{
    return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}
struct handler method_handler(const struct method *, unsigned i);
int            method_line(const struct method *, unsigned bci); /* -1: not known */
struct symbol *class_source_file(const struct class *);
struct symbol *class_attr_symbol(const struct class *, const u8 *attrs, const char *name);

/* layout.c: supers are loaded; gives sizes, offsets, vtable. Returns the class as it stays. */
struct class  *class_lay_out(struct thread *, struct class *);
struct class  *class_array_of(struct thread *, struct class *);
struct class  *class_primitive(struct vm *, enum type);
struct object *class_make_mirror(struct thread *, struct class *);

/* link.c */
bool           class_link(struct thread *, struct class *);
bool           class_init(struct thread *, struct class *);
struct method *class_itable(struct thread *, struct class *, struct method *);

/* lookup.c */
bool           class_is(struct class *c, struct class *of);     /* assignable */
bool           class_is_sub(struct class *c, struct class *of); /* by superclass */
struct method *class_method(struct class *, struct symbol *name, struct symbol *desc);
struct method *class_find_method(struct class *, struct symbol *name, struct symbol *desc);
struct method *class_find_imethod(struct class *, struct symbol *name, struct symbol *desc);
struct field  *class_field(struct class *, struct symbol *name, struct symbol *desc);
struct field  *class_find_field(struct class *, struct symbol *name, struct symbol *desc);
struct method *class_select(struct class *, struct method *);
bool           class_same_package(const struct class *, const struct class *);
char          *class_external(const struct class *); /* java.lang.String; free() it */

/* descriptor.c */
enum type   desc_type(char c);
const char *desc_skip(const char *p); /* behind one type */
u32         desc_slots(const struct symbol *, bool is_static);
enum type   desc_result(const struct symbol *);
int         desc_words(char *out, size_t n, const char *desc); /* as Java writes it */

#endif

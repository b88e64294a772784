/* java/class_members.c - reads fields, methods and attributes of a class file: JVMS 4.5 to 4.7. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/class_reader.h"
#include "java/vm.h"

/* Walks over the attributes of one thing, telling EACH of them; CTX is what it is for. */
typedef void (*attribute_fn)(struct reader *, void *ctx, const struct symbol *name, const u8 *body,
                             u32 length);

static void check_shape(struct reader *r, const struct symbol *name, const u8 *p, u32 n);

static const u8 *attributes(struct reader *r, void *ctx, attribute_fn each)
{
    const u8 *at = r->p;
    u16       n  = rd_u2(r);
    for (unsigned i = 0; i < n && !r->bad[0]; i++) {
        u16 name   = rd_u2(r);
        u32 length = rd_u4(r);
        if (r->bad[0])
            break;
        if (!rd_is(r, name, CP_UTF8)) {
            rd_bad(r, "Invalid attribute name index %u in class file %s", name, r->label);
            break;
        }
        const u8 *body = r->p;
        rd_skip(r, length);
        if (!r->bad[0])
            check_shape(r, cp_utf8(r->cls, name), body, length);
        if (!r->bad[0] && each)
            each(r, ctx, cp_utf8(r->cls, name), body, length);
    }
    return at;
}

/* Attributes that are a list of rows: how many bytes count the rows (0: there is one), and what
 * each field of a row is: C a class, U a string, N a name and type, small letters the same or 0, 2
 * any number of two bytes. Whoever looks an attribute up later relies on it. */
static const struct {
    const char *name;
    u8          count;
    const char *fields;
} shapes[] = {
    {"Exceptions", 2, "C"},
    {"NestMembers", 2, "C"},
    {"PermittedSubclasses", 2, "C"},
    {"NestHost", 0, "C"},
    {"InnerClasses", 2, "Ccu2"},
    {"EnclosingMethod", 0, "Cn"},
    {"MethodParameters", 1, "u2"},
    {"Signature", 0, "U"},
    {"SourceFile", 0, "U"},
    {"LineNumberTable", 2, "22"},
    {"LocalVariableTable", 2, "22UU2"},
    {"LocalVariableTypeTable", 2, "22UU2"},
};

static bool field_is(const struct reader *r, char shape, u16 at)
{
    if (shape >= 'a' && !at)
        return true;
    switch (shape & ~0x20) {
    case 'C':
        return rd_is(r, at, CP_CLASS);
    case 'U':
        return rd_is(r, at, CP_UTF8);
    case 'N':
        return rd_is(r, at, CP_NAME_TYPE);
    default:
        return true;
    }
}

static void check_rows(struct reader *r, const char *name, const char *fields, const u8 *p, u32 n)
{
    size_t width = strlen(fields);
    for (u32 i = 0; i < n * width && !r->bad[0]; i++) {
        char shape = fields[i % width];
        if (shape != '2' && !field_is(r, shape, be16(p + 2 * i)))
            rd_bad(r, "index %u in %s has bad constant type in class file %s", be16(p + 2 * i),
                   name, r->label);
    }
}

/* JVMS 4.7.23: method handles, each with loadable constants. */
static void check_bootstraps(struct reader *r, const u8 *p, u32 length)
{
    struct reader in = *r;
    in.p             = p;
    in.end           = p + length;
    for (u16 n = rd_u2(&in); n-- && !in.bad[0];) {
        u16 method = rd_u2(&in), args = rd_u2(&in);
        if (!in.bad[0] && !rd_is(r, method, CP_METHOD_HANDLE))
            rd_bad(&in, "bootstrap_method_index %u has bad constant type in class file %s", method,
                   r->label);
        for (; args-- && !in.bad[0];) {
            u16 at  = rd_u2(&in);
            u8  tag = at < r->cls->ncp ? r->cls->tags[at] : 0;
            if (!((tag >= CP_INT && tag <= CP_STRING) ||
                  (tag >= CP_METHOD_HANDLE && tag <= CP_DYNAMIC)))
                rd_bad(&in, "argument_index %u has bad constant type in class file %s", at,
                       r->label);
        }
    }
    if (!in.bad[0] && in.p != in.end)
        rd_bad(&in, "Bad length on BootstrapMethods in class file %s", r->label);
    if (in.bad[0])
        rd_bad(r, "%s", in.bad);
    r->nbootstraps = length >= 2 ? be16(p) : 0;
}

/* JVMS 4.7.30: components with attributes of their own. */
static void check_record(struct reader *r, const u8 *p, u32 length)
{
    struct reader in = *r;
    in.p             = p;
    in.end           = p + length;
    for (u16 n = rd_u2(&in); n-- && !in.bad[0];) {
        u16 name = rd_u2(&in), desc = rd_u2(&in);
        if (in.bad[0] || !rd_is(r, name, CP_UTF8) || !rd_is(r, desc, CP_UTF8))
            rd_bad(&in, "Invalid constant pool index in Record attribute in class file %s",
                   r->label);
        else
            rd_check_field_desc(&in, cp_utf8(r->cls, name), cp_utf8(r->cls, desc));
        if (!in.bad[0])
            attributes(&in, NULL, NULL);
    }
    if (!in.bad[0] && in.p != in.end)
        rd_bad(&in, "Record attribute has wrong length in class file %s", r->label);
    if (in.bad[0])
        rd_bad(r, "%s", in.bad);
}

static void check_shape(struct reader *r, const struct symbol *name, const u8 *p, u32 length)
{
    if (symbol_is(name, "BootstrapMethods"))
        check_bootstraps(r, p, length);
    if (symbol_is(name, "Record"))
        check_record(r, p, length);
    for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
        if (!symbol_is(name, shapes[i].name))
            continue;
        u32 count = shapes[i].count, width = 2 * (u32)strlen(shapes[i].fields);
        u32 n = length < count ? 0 : count == 2 ? be16(p) : count == 1 ? p[0] : 1;
        if (length != count + (u64)n * width)
            rd_bad(r, "%s has wrong length in class file %s", name->s, r->label);
        else
            check_rows(r, name->s, shapes[i].fields, p + count, n);
    }
}

static void field_attribute(struct reader *r, void *ctx, const struct symbol *name, const u8 *body,
                            u32 n)
{
    struct field *f = ctx;
    if (!symbol_is(name, "ConstantValue") || !(f->flags & ACC_STATIC))
        return;
    if (n != 2) {
        rd_bad(r, "Invalid ConstantValue field attribute length %u in class file %s", n, r->label);
        return;
    }
    if (f->constant) {
        rd_bad(r, "Duplicate ConstantValue attribute in class file %s", r->label);
        return;
    }
    static const u8 wants[T_REF + 1] = {
        [T_BOOLEAN] = CP_INT, [T_BYTE] = CP_INT,      [T_CHAR] = CP_INT,
        [T_SHORT] = CP_INT,   [T_INT] = CP_INT,       [T_LONG] = CP_LONG,
        [T_FLOAT] = CP_FLOAT, [T_DOUBLE] = CP_DOUBLE, [T_REF] = CP_STRING,
    };
    f->constant = be16(body);
    bool string = f->type != T_REF || symbol_is(f->desc, "Ljava/lang/String;");
    if (!rd_is(r, f->constant, wants[f->type]) || !string)
        rd_bad(r, "Inconsistent constant value type in class file %s", r->label);
}

static void read_field(struct reader *r, struct field *f, u16 index)
{
    struct class *c = r->cls;
    f->cls          = c;
    f->index        = index;
    f->flags        = rd_u2(r);
    u16 name = rd_u2(r), desc = rd_u2(r);
    if (r->bad[0])
        return;
    rd_check_field_flags(r, f->flags);
    if (!rd_is(r, name, CP_UTF8) || !rd_is(r, desc, CP_UTF8)) {
        rd_bad(r, "Invalid constant pool index %u for field name in class file %s", name, r->label);
        return;
    }
    f->name = cp_utf8(c, name);
    f->desc = cp_utf8(c, desc);
    rd_check_member_name(r, f->name, "Field", false);
    rd_check_field_desc(r, f->name, f->desc);
    if (r->bad[0])
        return;
    f->type  = (u8)desc_type(f->desc->s[0]);
    f->attrs = attributes(r, f, field_attribute);
    for (unsigned i = 0; i < index && !r->bad[0]; i++) {
        if (c->fields[i].name == f->name && c->fields[i].desc == f->desc)
            rd_bad(r, "Duplicate field name \"%s\" with signature \"%s\" in class file %s",
                   f->name->s, f->desc->s, r->label);
    }
}

void rd_fields(struct reader *r)
{
    struct class *c = r->cls;
    u16           n = rd_u2(r);
    c->fields       = arena_alloc(&c->vm->arena, sizeof(struct field) * n);
    for (u16 i = 0; i < n && !r->bad[0]; i++) {
        c->nfields = i;
        read_field(r, &c->fields[i], i);
    }
    c->nfields = n;
}

static void check_handlers(struct reader *r, struct method *m)
{
    for (unsigned i = 0; i < m->nhandlers && !r->bad[0]; i++) {
        struct handler h = method_handler(m, i);
        if (h.start >= h.end || h.end > m->code_length || h.target >= m->code_length)
            rd_bad(r, "Invalid exception table range [%u, %u) in class file %s", h.start, h.end,
                   r->label);
        else if (h.type && !rd_is(r, h.type, CP_CLASS))
            rd_bad(r, "Catch type in exception table has bad constant type %u in class file %s",
                   h.type, r->label);
    }
}

/* Rows of a table of locals: pc, length, name, type, index. */
static void check_locals(struct reader *r, const struct method *m, const struct symbol *name,
                         const u8 *p)
{
    bool types = symbol_is(name, "LocalVariableTypeTable");
    for (u16 n = be16(p); n-- && !r->bad[0]; p += 10) {
        u16 start = be16(p + 2), length = be16(p + 4), index = be16(p + 10);
        if (start >= m->code_length)
            rd_bad(r, "Invalid start_pc %u in %s in class file %s", start, name->s, r->label);
        else if (start + length > (int)m->code_length)
            rd_bad(r, "Invalid length %u in %s in class file %s", length, name->s, r->label);
        else if (!types)
            rd_check_field_desc(r, cp_utf8(r->cls, be16(p + 6)), cp_utf8(r->cls, be16(p + 8)));
        char type = types || r->bad[0] ? 'L' : cp_utf8(r->cls, be16(p + 8))->s[0];
        if (!r->bad[0] && index + (type == 'J' || type == 'D') >= m->max_locals)
            rd_bad(r, "Invalid index %u in %s in class file %s", index, name->s, r->label);
    }
}

static void code_attribute(struct reader *r, void *ctx, const struct symbol *name, const u8 *body,
                           u32 n)
{
    const struct method *m = ctx;
    (void)n;
    if (symbol_is(name, "LocalVariableTable") || symbol_is(name, "LocalVariableTypeTable"))
        check_locals(r, m, name, body);
    if (!symbol_is(name, "LineNumberTable"))
        return;
    for (u16 i = 0; i < be16(body) && !r->bad[0]; i++) {
        if (be16(body + 2 + 4 * i) >= m->code_length)
            rd_bad(r, "Invalid pc in LineNumberTable in class file %s", r->label);
    }
}

static void read_code(struct reader *r, struct method *m, const u8 *body, u32 length)
{
    struct reader in = *r;
    in.p             = body;
    in.end           = body + length;
    m->max_stack     = rd_u2(&in);
    m->max_locals    = rd_u2(&in);
    m->code_length   = rd_u4(&in);
    m->bytes         = in.p;
    if (!in.bad[0] && (m->code_length == 0 || m->code_length > 65535))
        rd_bad(&in, "Invalid method Code length %u in class file %s", m->code_length, r->label);
    rd_skip(&in, m->code_length);
    m->nhandlers = rd_u2(&in);
    m->handlers  = in.p;
    rd_skip(&in, 8u * m->nhandlers);
    if (!in.bad[0]) {
        check_handlers(&in, m);
        m->code_attrs = attributes(&in, m, code_attribute);
    }
    if (!in.bad[0] && in.p != in.end)
        rd_bad(&in, "Code attribute has wrong length in class file %s", r->label);
    if (!in.bad[0] && m->nargs > m->max_locals)
        rd_bad(&in, "Arguments can't fit into locals in class file %s", r->label);
    if (in.bad[0])
        rd_bad(r, "%s", in.bad);
}

/* Annotations of the VM's own in classes of the boot and platform loaders. */
static const struct {
    const char *name;
    u8          flag;
} annotations[] = {
    {"Ljdk/internal/reflect/CallerSensitive;", M_CALLER_SENSITIVE},
    {"Ljdk/internal/vm/annotation/Hidden;", M_HIDDEN},
    {"Ljava/lang/invoke/LambdaForm$Hidden;", M_HIDDEN},
    {"Ljava/lang/invoke/LambdaForm$Compiled;", M_LAMBDA_FORM},
};

/* Which of them are there: without arguments, they are found by their names in the attribute. */
static void method_annotations(struct reader *r, struct method *m, const u8 *p, u32 n)
{
    for (u32 at = 2; n >= 4 && at + 2 <= n; at++) {
        u16 cp = be16(p + at);
        for (unsigned k = 0; k < ARRAY_SIZE(annotations) && rd_is(r, cp, CP_UTF8); k++) {
            if (symbol_is(cp_utf8(r->cls, cp), annotations[k].name))
                m->more |= annotations[k].flag;
        }
    }
}

static void method_attribute(struct reader *r, void *ctx, const struct symbol *name, const u8 *body,
                             u32 n)
{
    struct method *m = ctx;
    if (symbol_is(name, "Code")) {
        if (m->bytes)
            rd_bad(r, "Multiple Code attributes in class file %s", r->label);
        else if (m->flags & (ACC_NATIVE | ACC_ABSTRACT))
            rd_bad(r, "Code attribute in native or abstract methods in class file %s", r->label);
        else
            read_code(r, m, body, n);
    } else if (symbol_is(name, "RuntimeVisibleAnnotations")) {
        method_annotations(r, m, body, n);
    }
}

static void read_method(struct reader *r, struct method *m, u16 index)
{
    struct class *c = r->cls;
    m->cls          = c;
    m->index        = index;
    m->vindex       = -1;
    m->flags        = rd_u2(r);
    u16 name = rd_u2(r), desc = rd_u2(r);
    if (r->bad[0])
        return;
    if (!rd_is(r, name, CP_UTF8) || !rd_is(r, desc, CP_UTF8)) {
        rd_bad(r, "Invalid constant pool index %u for method name in class file %s", name,
               r->label);
        return;
    }
    m->name = cp_utf8(c, name);
    m->desc = cp_utf8(c, desc);
    rd_check_member_name(r, m->name, "Method", true);
    rd_check_method_flags(r, m->flags, m->name);
    rd_check_method_desc(r, m->name, m->desc);
    if (r->bad[0])
        return;
    if (m->name == c->vm->n.clinit)
        m->flags = (u16)((m->flags & ACC_STRICT) | ACC_STATIC);
    m->nargs  = desc_slots(m->desc, m->flags & ACC_STATIC);
    m->result = (u8)desc_result(m->desc);
    m->attrs  = attributes(r, m, method_attribute);
    if (!r->bad[0] && !m->bytes && !(m->flags & (ACC_NATIVE | ACC_ABSTRACT)))
        rd_bad(r, "Absent Code attribute in method that is not native or abstract in class file %s",
               r->label);
    for (unsigned i = 0; i < index && !r->bad[0]; i++) {
        if (c->methods[i].name == m->name && c->methods[i].desc == m->desc)
            rd_bad(r, "Duplicate method name \"%s\" with signature \"%s\" in class file %s",
                   m->name->s, m->desc->s, r->label);
    }
    m->nregs = m->bytes ? (u32)m->max_locals + m->max_stack + 2 : m->nargs + 2;
    if (m->nregs > 65535)
        rd_bad(r, "Method \"%s\" in class %s has too many locals", m->name->s, r->label);
}

void rd_methods(struct reader *r)
{
    struct class *c = r->cls;
    u16           n = rd_u2(r);
    c->methods      = arena_alloc(&c->vm->arena, sizeof(struct method) * n);
    for (u16 i = 0; i < n && !r->bad[0]; i++)
        read_method(r, &c->methods[i], i);
    c->nmethods = n;
}

static void class_attribute(struct reader *r, void *ctx, const struct symbol *name, const u8 *body,
                            u32 n)
{
    u32 *seen = ctx;
    if (symbol_is(name, "SourceFile")) {
        if ((*seen)++)
            rd_bad(r, "Multiple SourceFile attributes in class file %s", r->label);
        else if (n != 2 || !rd_is(r, be16(body), CP_UTF8))
            rd_bad(r, "Invalid constant pool index %u for SourceFile attribute in class file %s",
                   n >= 2 ? be16(body) : 0, r->label);
    }
}

void rd_class_attributes(struct reader *r)
{
    struct class *c    = r->cls;
    u32           seen = 0;
    attributes(r, &seen, class_attribute);
    for (u32 i = 1; i < c->ncp && !r->bad[0]; i++) {
        if (c->tags[i] != CP_DYNAMIC && c->tags[i] != CP_INVOKE_DYNAMIC)
            continue;
        if (cp_u2(c, (u16)i, 0) >= r->nbootstraps)
            rd_bad(r,
                   r->nbootstraps ? "Short length on BootstrapMethods in class file %s"
                                  : "Missing BootstrapMethods attribute in class file %s",
                   r->label);
    }
}

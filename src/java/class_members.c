/* java/class_members.c - reads fields, methods and attributes of a class file: JVMS 4.5 to 4.7. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/class_reader.h"
#include "java/vm.h"

/* Walks over the attributes of one thing, telling EACH of them; CTX is what it is for. */
typedef void (*attribute_fn)(struct reader *, void *ctx, const struct symbol *name, const u8 *body,
                             u32 length);

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
        if (!r->bad[0] && each)
            each(r, ctx, cp_utf8(r->cls, name), body, length);
    }
    return at;
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
        m->code_attrs = attributes(&in, m, NULL);
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
    if (symbol_is(name, "BootstrapMethods") && n < 2)
        rd_bad(r, "Invalid BootstrapMethods attribute length %u in class file %s", n, r->label);
}

void rd_class_attributes(struct reader *r)
{
    u32 seen = 0;
    attributes(r, &seen, class_attribute);
}

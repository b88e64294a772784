/* java/class_names.c - names, descriptors and flags that a class file may have: JVMS 4.1 to 4.6. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "java/class_reader.h"

/* An unqualified name: none of . ; [ /, and for methods none of < >. Older files than 49 are held
 * to less than Java's identifiers here. */
static bool unqualified(const char *s, size_t n, bool method)
{
    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (strchr(method ? ".;[/<>" : ".;[/", s[i]))
            return false;
    }
    return true;
}

static bool class_name_legal(const char *s, size_t n)
{
    while (n) {
        const char *slash = memchr(s, '/', n);
        size_t      part  = slash ? (size_t)(slash - s) : n;
        if (!unqualified(s, part, false) || part + 1 == n)
            return false;
        s += part + (slash != NULL);
        n -= part + (slash != NULL);
        if (!slash)
            return true;
    }
    return false;
}

/* One field descriptor at S; what follows it, or NULL. */
static const char *one_type(const char *s, const char *end)
{
    unsigned dims = 0;
    while (s < end && *s == '[') {
        s++;
        if (++dims > 255)
            return NULL;
    }
    if (s == end)
        return NULL;
    if (*s == 'L') {
        const char *semi = memchr(s, ';', (size_t)(end - s));
        return semi && class_name_legal(s + 1, (size_t)(semi - s - 1)) ? semi + 1 : NULL;
    }
    return strchr("BCDFIJSZ", *s) ? s + 1 : NULL;
}

void rd_check_class_name(struct reader *r, const struct symbol *s)
{
    const char *end = s->s + s->length;
    bool ok = s->s[0] == '[' ? one_type(s->s, end) == end : class_name_legal(s->s, s->length);
    if (!ok)
        rd_bad(r, "Illegal class name \"%s\" in class file %s", s->s, r->label);
}

void rd_check_member_name(struct reader *r, const struct symbol *s, const char *what, bool method)
{
    if (method && (symbol_is(s, "<init>") || symbol_is(s, "<clinit>")))
        return;
    if (!unqualified(s->s, s->length, method))
        rd_bad(r, "Illegal %s name \"%s\" in class %s", what[0] == 'F' ? "field" : "method", s->s,
               r->label);
}

void rd_check_field_desc(struct reader *r, const struct symbol *name, const struct symbol *desc)
{
    const char *end = desc->s + desc->length;
    if (one_type(desc->s, end) != end)
        rd_bad(r, "Field \"%s\" in class %s has illegal signature \"%s\"", name->s, r->label,
               desc->s);
}

void rd_check_method_desc(struct reader *r, const struct symbol *name, const struct symbol *desc)
{
    const char *p = desc->s, *end = p + desc->length;
    bool        ok = p < end && *p == '(';
    for (p++; ok && p < end && *p != ')';) {
        p  = one_type(p, end);
        ok = p != NULL;
    }
    ok = ok && p < end;
    if (ok)
        ok = (end - p == 2 && p[1] == 'V') || one_type(p + 1, end) == end;
    if (!ok)
        rd_bad(r, "Method \"%s\" in class %s has illegal signature \"%s\"", name->s, r->label,
               desc->s);
    else if (desc_slots(desc, true) > 255)
        rd_bad(r, "Too many arguments in method signature in class file %s", r->label);
}

void rd_check_class_flags(struct reader *r)
{
    struct class *c = r->cls;
    u16           f = c->flags;
    if (f & ACC_MODULE && c->major >= 53) {
        r->error = "java/lang/NoClassDefFoundError";
        rd_bad(r, "%s is not a class because access_flag ACC_MODULE is set", c->name->s);
        return;
    }
    if (f & ACC_INTERFACE && c->major < 50)
        f |= ACC_ABSTRACT;
    bool bad = c->major >= 49
                   ? ((f & ACC_INTERFACE) && !(f & ACC_ABSTRACT)) ||
                         ((f & ACC_INTERFACE) && (f & (ACC_FINAL | ACC_SUPER | ACC_ENUM))) ||
                         (!(f & ACC_INTERFACE) && (f & ACC_ANNOTATION))
                   : false;
    bad      = bad || ((f & ACC_FINAL) && (f & ACC_ABSTRACT));
    if (bad)
        rd_bad(r, "Illegal class modifiers in class %s: 0x%X", c->name->s, c->flags);
    c->flags = f;
}

static bool more_than_one(u16 flags, u16 of)
{
    u16 f = flags & of;
    return f & (f - 1);
}

enum { ACCESS = ACC_PUBLIC | ACC_PRIVATE | ACC_PROTECTED };

void rd_check_field_flags(struct reader *r, u16 f)
{
    u16  must = ACC_PUBLIC | ACC_STATIC | ACC_FINAL;
    bool bad  = r->cls->flags & ACC_INTERFACE
                    ? (f & must) != must ||
                         (f & (ACC_PRIVATE | ACC_PROTECTED | ACC_VOLATILE | ACC_TRANSIENT))
                    : more_than_one(f, ACCESS) || more_than_one(f, ACC_FINAL | ACC_VOLATILE);
    if (bad)
        rd_bad(r, "Illegal field modifiers in class %s: 0x%X", r->cls->name->s, f);
}

static bool interface_method_bad(const struct class *c, u16 f)
{
    u16 never = ACC_PROTECTED | ACC_FINAL | ACC_SYNCHRONIZED | ACC_NATIVE;
    if (c->major < 52)
        return (f & (ACC_PUBLIC | ACC_ABSTRACT)) != (ACC_PUBLIC | ACC_ABSTRACT) ||
               (f & (never | ACC_PRIVATE | ACC_STATIC | ACC_STRICT));
    if ((f & never) || !(f & ACC_PUBLIC) == !(f & ACC_PRIVATE))
        return true;
    return (f & ACC_ABSTRACT) && (f & (ACC_PRIVATE | ACC_STATIC | ACC_STRICT));
}

void rd_check_method_flags(struct reader *r, u16 f, const struct symbol *name)
{
    struct class *c   = r->cls;
    u16           no  = ACC_PRIVATE | ACC_STATIC | ACC_FINAL | ACC_SYNCHRONIZED | ACC_NATIVE;
    bool          bad = false;
    if (symbol_is(name, "<clinit>"))
        bad = c->major >= 51 && !(f & ACC_STATIC);
    else if (c->flags & ACC_INTERFACE)
        bad = interface_method_bad(c, f) || symbol_is(name, "<init>");
    else if (symbol_is(name, "<init>"))
        bad = more_than_one(f, ACCESS) || (f & (ACC_STATIC | ACC_FINAL | ACC_SYNCHRONIZED |
                                                ACC_NATIVE | ACC_ABSTRACT | ACC_BRIDGE));
    else
        bad = more_than_one(f, ACCESS) || ((f & ACC_ABSTRACT) && (f & no));
    if (bad)
        rd_bad(r, "Method %s in class %s has illegal modifiers: 0x%X", name->s, c->name->s, f);
}

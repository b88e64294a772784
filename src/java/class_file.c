/* java/class_file.c - reads a class file: JVMS 4.
 *
 * Everything that can be wrong by itself is found here, so that later code trusts indices,
 * lengths and names; what needs other classes is linking. The reader stops at the first fault,
 * which stands in `bad`. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "java/class_reader.h"
#include "java/vm.h"

u8 rd_u1(struct reader *r)
{
    if (r->end - r->p < 1) {
        rd_bad(r, "Truncated class file");
        return 0;
    }
    return *r->p++;
}

u16 rd_u2(struct reader *r)
{
    if (r->end - r->p < 2) {
        rd_bad(r, "Truncated class file");
        return 0;
    }
    r->p += 2;
    return be16(r->p - 2);
}

u32 rd_u4(struct reader *r)
{
    if (r->end - r->p < 4) {
        rd_bad(r, "Truncated class file");
        return 0;
    }
    r->p += 4;
    return be32(r->p - 4);
}

void rd_skip(struct reader *r, u32 n)
{
    if ((u64)(r->end - r->p) < n)
        rd_bad(r, "Truncated class file");
    else
        r->p += n;
}

void rd_bad(struct reader *r, const char *fmt, ...)
{
    if (r->bad[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->bad, sizeof(r->bad), fmt, ap);
    va_end(ap);
    r->p = r->end;
}

u16 cp_u2(const struct class *c, u16 i, unsigned at)
{
    return be16(c->bytes + c->cp_at[i] + at);
}

u32 cp_u4(const struct class *c, u16 i)
{
    return be32(c->bytes + c->cp_at[i]);
}

u64 cp_u8(const struct class *c, u16 i)
{
    return (u64)be32(c->bytes + c->cp_at[i]) << 32 | be32(c->bytes + c->cp_at[i] + 4);
}

struct symbol *cp_utf8(const struct class *c, u16 i)
{
    return c->resolved[i];
}

struct symbol *cp_name(const struct class *c, u16 i)
{
    return cp_utf8(c, cp_u2(c, i, 0));
}

struct symbol *cp_member_name(const struct class *c, u16 i)
{
    return cp_name(c, cp_u2(c, i, 2));
}

struct symbol *cp_member_desc(const struct class *c, u16 i)
{
    return cp_utf8(c, cp_u2(c, cp_u2(c, i, 2), 2));
}

/* Entry I is there and has TAG. */
bool rd_is(const struct reader *r, u16 i, u8 tag)
{
    return i > 0 && i < r->cls->ncp && r->cls->tags[i] == tag;
}

/* How long an entry of the constant pool is behind its tag; 0: there is no such tag. */
static const u8 entry_size[21] = {
    [CP_INT] = 4,     [CP_FLOAT] = 4,          [CP_LONG] = 8,          [CP_DOUBLE] = 8,
    [CP_CLASS] = 2,   [CP_STRING] = 2,         [CP_FIELD] = 4,         [CP_METHOD] = 4,
    [CP_IMETHOD] = 4, [CP_NAME_TYPE] = 4,      [CP_METHOD_HANDLE] = 3, [CP_METHOD_TYPE] = 2,
    [CP_DYNAMIC] = 4, [CP_INVOKE_DYNAMIC] = 4, [CP_MODULE] = 2,        [CP_PACKAGE] = 2,
};

/* Modified UTF-8 (JVMS 4.4.7). */
static bool utf8_legal(const u8 *s, u32 n)
{
    for (u32 i = 0; i < n;) {
        u8 c = s[i];
        if (c == 0 || c >= 0xf0)
            return false;
        u32 len = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : 0;
        if (!len || len > n - i)
            return false;
        for (u32 k = 1; k < len; k++) {
            if ((s[i + k] & 0xc0) != 0x80)
                return false;
        }
        i += len;
    }
    return true;
}

static void read_utf8(struct reader *r, u16 i)
{
    u16       n = rd_u2(r);
    const u8 *s = r->p;
    rd_skip(r, n);
    if (r->bad[0])
        return;
    if (!utf8_legal(s, n))
        rd_bad(r, "Illegal UTF8 string in constant pool in class file %s", r->label);
    else
        r->cls->resolved[i] = symbol_get(r->cls->vm, (const char *)s, n);
}

static void read_entry(struct reader *r, u16 i)
{
    struct class *c   = r->cls;
    u8            tag = rd_u1(r);
    if (r->bad[0])
        return;
    if (tag != CP_UTF8 && (tag >= ARRAY_SIZE(entry_size) || !entry_size[tag])) {
        rd_bad(r, "Unknown constant tag %u in class file %s", tag, r->label);
        return;
    }
    bool dynamic = tag == CP_METHOD_HANDLE || tag == CP_METHOD_TYPE || tag == CP_INVOKE_DYNAMIC;
    if (dynamic && c->major < 51)
        rd_bad(r, "Class file version does not support constant tag %u in class file %s", tag,
               r->label);
    if (tag == CP_DYNAMIC && c->major < 55)
        rd_bad(r, "Class file version does not support constant tag %u in class file %s", tag,
               r->label);
    c->tags[i]  = tag;
    c->cp_at[i] = (u32)(r->p - r->start);
    if (tag == CP_UTF8)
        read_utf8(r, i);
    else
        rd_skip(r, entry_size[tag]);
}

/* What entries of each tag must point at: two indices with the tags they must have. */
static const struct {
    u8 tag, first, second;
} points_at[] = {
    {CP_CLASS, CP_UTF8, 0},
    {CP_STRING, CP_UTF8, 0},
    {CP_FIELD, CP_CLASS, CP_NAME_TYPE},
    {CP_METHOD, CP_CLASS, CP_NAME_TYPE},
    {CP_IMETHOD, CP_CLASS, CP_NAME_TYPE},
    {CP_NAME_TYPE, CP_UTF8, CP_UTF8},
    {CP_METHOD_TYPE, CP_UTF8, 0},
    {CP_DYNAMIC, 0, CP_NAME_TYPE},
    {CP_INVOKE_DYNAMIC, 0, CP_NAME_TYPE},
    {CP_MODULE, CP_UTF8, 0},
    {CP_PACKAGE, CP_UTF8, 0},
};

static void check_index(struct reader *r, u16 i, u8 tag)
{
    if (!rd_is(r, i, tag))
        rd_bad(r, "Invalid constant pool index %u in class file %s", i, r->label);
}

static void check_handle(struct reader *r, u16 i)
{
    struct class *c    = r->cls;
    u8            kind = c->bytes[c->cp_at[i]];
    u16           to   = cp_u2(c, i, 1);
    if (kind < 1 || kind > 9) {
        rd_bad(r, "Bad method handle kind at constant pool index %u in class file %s", i, r->label);
        return;
    }
    u8   tag = to < c->ncp ? c->tags[to] : 0;
    bool ok  = kind <= 4                                    ? tag == CP_FIELD
               : kind == 9                                  ? tag == CP_IMETHOD
               : (kind == 6 || kind == 7) && c->major >= 52 ? tag == CP_METHOD || tag == CP_IMETHOD
                                                            : tag == CP_METHOD;
    if (!ok)
        rd_bad(r, "Invalid constant pool index %u in class file %s", to, r->label);
}

static void check_entry(struct reader *r, u16 i)
{
    struct class *c = r->cls;
    if (c->tags[i] == CP_METHOD_HANDLE)
        check_handle(r, i);
    for (unsigned k = 0; k < ARRAY_SIZE(points_at); k++) {
        if (points_at[k].tag != c->tags[i])
            continue;
        if (points_at[k].first)
            check_index(r, cp_u2(c, i, 0), points_at[k].first);
        if (points_at[k].second && !r->bad[0])
            check_index(r, cp_u2(c, i, 2), points_at[k].second);
    }
}

/* Names and descriptors, once all indices are known to be good. */
static void check_entry_text(struct reader *r, u16 i)
{
    struct class *c = r->cls;
    switch (c->tags[i]) {
    case CP_CLASS:
        rd_check_class_name(r, cp_name(c, i));
        break;
    case CP_FIELD:
        rd_check_member_name(r, cp_member_name(c, i), "Field", false);
        rd_check_field_desc(r, cp_member_name(c, i), cp_member_desc(c, i));
        break;
    case CP_METHOD:
    case CP_IMETHOD:
        rd_check_member_name(r, cp_member_name(c, i), "Method", true);
        rd_check_method_desc(r, cp_member_name(c, i), cp_member_desc(c, i));
        break;
    case CP_INVOKE_DYNAMIC:
        rd_check_member_name(r, cp_member_name(c, i), "Method", true);
        rd_check_method_desc(r, cp_member_name(c, i), cp_member_desc(c, i));
        break;
    case CP_DYNAMIC:
        rd_check_member_name(r, cp_member_name(c, i), "Field", false);
        rd_check_field_desc(r, cp_member_name(c, i), cp_member_desc(c, i));
        break;
    case CP_METHOD_TYPE:
        rd_check_method_desc(r, cp_name(c, i), cp_name(c, i));
        break;
    default:
        break;
    }
}

static void read_pool(struct reader *r)
{
    struct class *c = r->cls;
    c->ncp          = rd_u2(r);
    if (!r->bad[0] && c->ncp < 1)
        rd_bad(r, "Illegal constant pool size %u in class file %s", c->ncp, r->label);
    if (r->bad[0])
        return;
    c->tags     = arena_alloc(&c->vm->arena, c->ncp);
    c->cp_at    = arena_alloc(&c->vm->arena, 4u * c->ncp);
    c->resolved = arena_alloc(&c->vm->arena, 8u * c->ncp);
    for (u32 i = 1; i < c->ncp && !r->bad[0]; i++) {
        read_entry(r, (u16)i);
        if (c->tags[i] == CP_LONG || c->tags[i] == CP_DOUBLE) {
            if (++i >= c->ncp)
                rd_bad(r, "Invalid constant pool index %u in class file %s", i, r->label);
        }
    }
    for (u32 i = 1; i < c->ncp && !r->bad[0]; i++)
        check_entry(r, (u16)i);
    for (u32 i = 1; i < c->ncp && !r->bad[0]; i++)
        check_entry_text(r, (u16)i);
}

static void read_version(struct reader *r)
{
    struct class *c     = r->cls;
    u32           magic = rd_u4(r);
    if (!r->bad[0] && magic != 0xcafebabe)
        rd_bad(r, "Incompatible magic value %u in class file %s", magic, r->label);
    c->minor = rd_u2(r);
    c->major = rd_u2(r);
    if (r->bad[0])
        return;
    bool newer = c->major > 61 || (c->major == 61 && c->minor != 0);
    if (c->major < 45 || newer || (c->major >= 56 && c->minor != 0 && c->minor != 65535)) {
        r->error = "java/lang/UnsupportedClassVersionError";
        if (newer && c->major > 61)
            rd_bad(r,
                   "%s has been compiled by a more recent version of the Java Runtime (class file "
                   "version %u.%u), this version of the Java Runtime only recognizes class file "
                   "versions up to 61.0",
                   r->label, c->major, c->minor);
        else
            rd_bad(r, "%s (class file version %u.%u) was compiled with an invalid %s version",
                   r->label, c->major, c->minor, c->major < 45 ? "major" : "non-zero minor");
    }
}

static void read_this(struct reader *r, const struct class_source *src)
{
    struct class *c = r->cls;
    c->flags        = rd_u2(r);
    u16 this_at     = rd_u2(r);
    u16 super_at    = rd_u2(r);
    if (r->bad[0])
        return;
    if (!rd_is(r, this_at, CP_CLASS)) {
        rd_bad(r, "Invalid this class index %u in constant pool in class file %s", this_at,
               r->label);
        return;
    }
    c->this_index = this_at;
    c->name       = cp_name(c, this_at);
    rd_check_class_flags(r);
    if (c->name->s[0] == '[')
        rd_bad(r, "Bad class name in class file %s", r->label);
    if (src->expect && src->expect != c->name && !r->bad[0]) {
        r->error = "java/lang/NoClassDefFoundError";
        rd_bad(r, "%s (wrong name: %s)", src->expect->s, c->name->s);
    }
    if (super_at && !rd_is(r, super_at, CP_CLASS))
        rd_bad(r, "Invalid superclass index %u in class file %s", super_at, r->label);
    if (!super_at && c->name != c->vm->n.object)
        rd_bad(r, "Invalid superclass index %u in class file %s", super_at, r->label);
    r->super_at    = super_at;
    c->ninterfaces = rd_u2(r);
    r->interfaces  = r->p;
    rd_skip(r, 2u * c->ninterfaces);
    for (u32 i = 0; i < c->ninterfaces && !r->bad[0]; i++) {
        u16 at = be16(r->interfaces + 2 * i);
        if (!rd_is(r, at, CP_CLASS))
            rd_bad(r, "Interface name has bad constant pool index %u in class file %s", at,
                   r->label);
    }
}

/* A hidden class is named NAME+0xNUMBER wherever its file names itself. */
static void name_hidden(struct class *c, u32 number)
{
    cleanup_free char *text = xasprintf("%s+0x%016x", c->name->s, number);
    c->hidden               = true;
    for (unsigned i = 0; i < c->nmethods; i++)
        c->methods[i].more |= M_HIDDEN;
    c->name = symbol(c->vm, text);
}

static bool read_all(struct reader *r, const struct class_source *src)
{
    struct class *c = r->cls;
    read_version(r);
    if (!r->bad[0])
        read_pool(r);
    if (!r->bad[0])
        read_this(r, src);
    if (!r->bad[0])
        rd_fields(r);
    if (!r->bad[0])
        rd_methods(r);
    c->attrs = r->p;
    if (!r->bad[0])
        rd_class_attributes(r);
    if (!r->bad[0] && r->p != r->end)
        rd_bad(r, "Extra bytes at the end of class file %s", r->label);
    return !r->bad[0];
}

/* Resolves what the file names as its supers; JVMS 5.3.5. */
static bool load_supers(struct thread *t, struct reader *r)
{
    struct class *c = r->cls;
    if (r->super_at) {
        c->super = load_class(t, cp_name(c, r->super_at), c->loader);
        if (!c->super)
            return false;
    }
    c->interfaces = arena_alloc(&c->vm->arena, sizeof(void *) * (c->ninterfaces + 1u));
    for (u32 i = 0; i < c->ninterfaces; i++) {
        c->interfaces[i] = load_class(t, cp_name(c, be16(r->interfaces + 2 * i)), c->loader);
        if (!c->interfaces[i])
            return false;
    }
    return true;
}

struct class *class_parse(struct thread *t, const struct class_source *src)
{
    struct vm    *vm = t->vm;
    struct class *c  = arena_alloc(&vm->arena, sizeof(*c));
    c->vm            = vm;
    c->loader        = src->loader;
    c->bytes         = src->bytes;
    c->length        = src->length;
    struct reader r  = {.cls   = c,
                        .start = src->bytes,
                        .p     = src->bytes,
                        .end   = src->bytes + src->length,
                        .label = src->expect ? src->expect->s : "<Unknown>",
                        .error = "java/lang/ClassFormatError"};
    if (!read_all(&r, src)) {
        throw_new(t, r.error, "%s", r.bad);
        return NULL;
    }
    if (src->hidden)
        name_hidden(c, src->hidden_number);
    const char *slash = strrchr(c->name->s, '/');
    c->package        = symbol_get(vm, c->name->s, slash ? (size_t)(slash - c->name->s) : 0);
    if (!load_supers(t, &r))
        return NULL;
    return class_lay_out(t, c);
}

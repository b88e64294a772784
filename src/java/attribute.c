/* java/attribute.c - what a class file says beside the code, looked up when asked for.
 *
 * The parser has checked that every attribute lies within the file and that every name is a Utf8
 * entry; the contents of those read here are checked here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "java/vm.h"

const u8 *attr_find(const struct class *c, const u8 *attrs, const char *name, u32 *length)
{
    if (!attrs)
        return NULL;
    size_t    n     = strlen(name);
    unsigned  count = be16(attrs);
    const u8 *p     = attrs + 2;
    for (unsigned i = 0; i < count; i++, p += 6 + be32(p + 2)) {
        const struct symbol *s = cp_utf8(c, be16(p));
        if (s->length == n && memcmp(s->s, name, n) == 0) {
            if (length)
                *length = be32(p + 2);
            return p + 6;
        }
    }
    return NULL;
}

struct handler method_handler(const struct method *m, unsigned i)
{
    const u8 *p = m->handlers + 8 * i;
    return (struct handler){be16(p), be16(p + 2), be16(p + 4), be16(p + 6)};
}

int method_line(const struct method *m, unsigned bci)
{
    if (!m->code_attrs)
        return -1;
    int       line = -1;
    unsigned  best = 0, count = be16(m->code_attrs);
    const u8 *p = m->code_attrs + 2;
    for (unsigned i = 0; i < count; i++, p += 6 + be32(p + 2)) {
        if (!symbol_is(cp_utf8(m->cls, be16(p)), "LineNumberTable"))
            continue;
        unsigned n = be16(p + 6);
        if (be32(p + 2) < 2 + 4 * n)
            return -1;
        for (unsigned k = 0; k < n; k++) {
            const u8 *row = p + 8 + 4 * k;
            if (be16(row) <= bci && (line < 0 || be16(row) >= best)) {
                best = be16(row);
                line = be16(row + 2);
            }
        }
    }
    return line;
}

struct symbol *class_attr_symbol(const struct class *c, const u8 *attrs, const char *name)
{
    u32       n;
    const u8 *p = attr_find(c, attrs, name, &n);
    if (!p || n < 2)
        return NULL;
    u16 i = be16(p);
    return i && i < c->ncp && c->tags[i] == CP_UTF8 ? cp_utf8(c, i) : NULL;
}

struct symbol *class_source_file(const struct class *c)
{
    return class_attr_symbol(c, c->attrs, "SourceFile");
}

/* java/descriptor.c - reads field and method descriptors that were found well-formed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "java/class.h"

enum type desc_type(char c)
{
    static const u8 types['[' + 1] = {
        ['B'] = T_BYTE, ['C'] = T_CHAR, ['D'] = T_DOUBLE, ['F'] = T_FLOAT,
        ['I'] = T_INT,  ['J'] = T_LONG, ['S'] = T_SHORT,  ['Z'] = T_BOOLEAN,
        ['L'] = T_REF,  ['['] = T_REF,  ['V'] = T_VOID,
    };
    return (u8)c < sizeof(types) ? (enum type)types[(u8)c] : T_NONE;
}

const char *desc_skip(const char *p)
{
    while (*p == '[')
        p++;
    return *p == 'L' ? strchr(p, ';') + 1 : p + 1;
}

u32 desc_slots(const struct symbol *s, bool is_static)
{
    u32 n = !is_static;
    for (const char *p = s->s + 1; *p != ')'; p = desc_skip(p))
        n += *p == 'J' || *p == 'D' ? 2 : 1;
    return n;
}

enum type desc_result(const struct symbol *s)
{
    return desc_type(strchr(s->s, ')')[1]);
}

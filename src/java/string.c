/* java/string.c - java.lang.String: Latin-1 or UTF-16 bytes in an array, and the interned ones.
 *
 * From and to modified UTF-8 (JVMS 4.4.7), which is what class files and JNI have. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "java/vm.h"

/* The next UTF-16 unit of modified UTF-8 that was found legal. */
static u16 next_unit(const u8 **p)
{
    const u8 *s = *p;
    if (s[0] < 0x80) {
        *p += 1;
        return s[0];
    }
    if ((s[0] & 0xe0) == 0xc0) {
        *p += 2;
        return (u16)((s[0] & 31) << 6 | (s[1] & 63));
    }
    *p += 3;
    return (u16)((s[0] & 15) << 12 | (s[1] & 63) << 6 | (s[2] & 63));
}

static struct object *make(struct thread *t, i32 n, bool wide)
{
    struct vm *vm = t->vm;
    if (n > INT32_MAX / 2) {
        throw_oom(t, "Java heap space");
        return NULL;
    }
    struct object *bytes =
        heap_array(t, class_array_of(t, class_primitive(vm, T_BYTE)), wide ? n * 2 : n);
    struct object *s = bytes ? heap_object(t, vm->k.String) : NULL;
    if (!s)
        return NULL;
    put_ref(s, vm->k.String_value, bytes);
    AT(s, u8, vm->k.String_coder) = wide;
    return s;
}

struct object *string_utf16(struct thread *t, const u16 *units, i32 n)
{
    bool wide = false;
    for (i32 i = 0; i < n && !wide; i++)
        wide = units[i] > 255;
    struct object *s = make(t, n, wide);
    if (!s)
        return NULL;
    struct object *bytes = get_ref(s, t->vm->k.String_value);
    for (i32 i = 0; i < n; i++) {
        if (wide)
            ELEMENT(bytes, u16, i) = units[i];
        else
            ELEMENT(bytes, u8, i) = (u8)units[i];
    }
    return s;
}

struct object *string_new_n(struct thread *t, const char *utf8, size_t n)
{
    const u8 *p = (const u8 *)utf8, *end = p + n;
    i32       units = 0;
    bool      wide  = false;
    while (p < end) {
        wide |= next_unit(&p) > 255;
        units++;
    }
    struct object *s = make(t, units, wide);
    if (!s)
        return NULL;
    struct object *bytes = get_ref(s, t->vm->k.String_value);
    p                    = (const u8 *)utf8;
    for (i32 i = 0; i < units; i++) {
        u16 unit = next_unit(&p);
        if (wide)
            ELEMENT(bytes, u16, i) = unit;
        else
            ELEMENT(bytes, u8, i) = (u8)unit;
    }
    return s;
}

struct object *string_new(struct thread *t, const char *utf8)
{
    return string_new_n(t, utf8, strlen(utf8));
}

struct object *string_external(struct thread *t, const struct symbol *name)
{
    cleanup_free char *text = xstrndup(name->s, name->length);
    for (char *p = text; *p; p++) {
        if (*p == '/')
            *p = '.';
    }
    return string_new(t, text);
}

i32 string_length(struct vm *vm, const struct object *s)
{
    return array_length(get_ref(s, vm->k.String_value)) >> AT(s, u8, vm->k.String_coder);
}

u16 string_at(struct vm *vm, const struct object *s, i32 i)
{
    struct object *bytes = get_ref(s, vm->k.String_value);
    return AT(s, u8, vm->k.String_coder) ? ELEMENT(bytes, u16, i) : ELEMENT(bytes, u8, i);
}

/* How long a unit is in modified UTF-8; a zero takes two bytes. */
static unsigned put_unit(char *out, u16 c)
{
    if (c && c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 63));
    out[2] = (char)(0x80 | (c & 63));
    return 3;
}

char *string_utf8(struct vm *vm, struct object *s)
{
    i32   n   = string_length(vm, s);
    char *out = xalloc((size_t)n * 3 + 1);
    char *p   = out;
    for (i32 i = 0; i < n; i++)
        p += put_unit(p, string_at(vm, s, i));
    *p = 0;
    return out;
}

static u32 hash_string(struct vm *vm, struct object *s)
{
    u32 h = 0;
    for (i32 i = 0, n = string_length(vm, s); i < n; i++)
        h = h * 31 + string_at(vm, s, i);
    return h * 0x9e3779b1;
}

static bool same(struct vm *vm, struct object *a, struct object *b)
{
    struct object *x = get_ref(a, vm->k.String_value), *y = get_ref(b, vm->k.String_value);
    return AT(a, u8, vm->k.String_coder) == AT(b, u8, vm->k.String_coder) &&
           array_length(x) == array_length(y) &&
           memcmp(&ELEMENT(x, u8, 0), &ELEMENT(y, u8, 0), (size_t)array_length(x)) == 0;
}

/* Under the lock. Open addressing; a table that is half full grows. */
static struct object **row_of(struct vm *vm, struct object **rows, u32 size, struct object *s)
{
    u32 i = hash_string(vm, s) >> 4 & (size - 1);
    while (rows[i] && !same(vm, rows[i], s))
        i = (i + 1) & (size - 1);
    return &rows[i];
}

static void rebuild(struct vm *vm, u32 size)
{
    struct object **rows = xalloc(size * sizeof(*rows));
    for (u32 i = 0; i < vm->strings_size; i++) {
        if (vm->strings[i])
            *row_of(vm, rows, size, vm->strings[i]) = vm->strings[i];
    }
    free(vm->strings);
    vm->strings      = rows;
    vm->strings_size = size;
}

struct object *string_intern(struct thread *t, struct object *s)
{
    struct vm *vm = t->vm;
    pthread_mutex_lock(&vm->strings_lock);
    if (vm->nstrings * 2 >= vm->strings_size)
        rebuild(vm, vm->strings_size ? vm->strings_size * 2 : 8192);
    struct object **at = row_of(vm, vm->strings, vm->strings_size, s);
    if (!*at) {
        *at = s;
        vm->nstrings++;
    }
    s = *at;
    pthread_mutex_unlock(&vm->strings_lock);
    return s;
}

struct object *string_of(struct thread *t, const struct symbol *text)
{
    struct object *s = string_new_n(t, text->s, text->length);
    return s ? string_intern(t, s) : NULL;
}

/* Interned strings that only the table knows are forgotten; the world is stopped. */
void strings_sweep(struct vm *vm)
{
    u32 gone = 0;
    for (u32 i = 0; i < vm->strings_size; i++) {
        if (vm->strings[i] && !heap_is_marked(vm, vm->strings[i])) {
            vm->strings[i] = NULL;
            gone++;
        }
    }
    vm->nstrings -= gone;
    if (gone)
        rebuild(vm, vm->strings_size);
}

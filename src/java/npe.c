/* java/npe.c - says what was null: the message of a NullPointerException, as HotSpot words it.
 *
 * The bytecode that threw says what was tried; the one that pushed the null says, in words of the
 * source, what it was. Only looked up when the message is asked for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "java/decode.h"
#include "java/jni.h"
#include "java/jni_fns.h"

enum { DETAIL = 5, MOST = 300 };

struct words {
    char   text[2000];
    size_t n;
};

static void say(struct words *w, const char *s)
{
    size_t n = strlen(s), room = sizeof(w->text) - 1 - w->n;
    n = MIN(n, room);
    memcpy(w->text + w->n, s, n);
    w->n += n;
    w->text[w->n] = 0;
}

/* java.lang.Object and java.lang.String go by their short names. */
static void say_type(struct words *w, const char *desc)
{
    char        text[600];
    const char *s = text;
    desc_words(text, sizeof(text), desc);
    if (strncmp(text, "java.lang.Object", 16) == 0 || strncmp(text, "java.lang.String", 16) == 0) {
        if (!text[16] || text[16] == '[')
            s += 10;
    }
    say(w, s);
}

static void say_class(struct words *w, const struct symbol *name)
{
    cleanup_free char *desc = name->s[0] == '[' ? xstrdup(name->s) : xasprintf("L%s;", name->s);
    say_type(w, desc);
}

static void say_method(struct words *w, const struct class *c, u16 cp)
{
    const char *p = cp_member_desc(c, cp)->s + 1;
    say_class(w, cp_name(c, cp_u2(c, cp, 0)));
    say(w, ".");
    say(w, cp_member_name(c, cp)->s);
    say(w, "(");
    for (; *p != ')'; p = desc_skip(p)) {
        say_type(w, p);
        if (*desc_skip(p) != ')')
            say(w, ", ");
    }
    say(w, ")");
}

/* The name in LocalVariableTable of local SLOT at BCI, or NULL. */
static const char *local_name(const struct method *m, u32 bci, u32 slot)
{
    u32       n;
    const u8 *p = attr_find(m->cls, m->code_attrs, "LocalVariableTable", &n);
    for (unsigned i = 0; p && n >= 2 && i < be16(p) && 12 + 10 * i <= n; i++) {
        const u8 *row = p + 2 + 10 * i;
        if (bci >= be16(row) && bci < be16(row) + be16(row + 2) && be16(row + 8) == slot &&
            m->cls->tags[be16(row + 4)] == CP_UTF8)
            return cp_utf8(m->cls, be16(row + 4))->s;
    }
    return NULL;
}

static void say_local(struct words *w, const struct method *m, u32 bci, u32 slot)
{
    char        text[32];
    const char *name = local_name(m, bci, slot);
    if (!name && !method_is_static(m) && slot == 0)
        name = "this";
    if (!name && slot < m->nargs) {
        u32 at = !method_is_static(m), i = 1;
        for (const char *p = m->desc->s + 1; at < slot; p = desc_skip(p), i++)
            at += *p == 'J' || *p == 'D' ? 2 : 1;
        snprintf(text, sizeof(text), "<parameter%u>", i);
        name = text;
    } else if (!name) {
        snprintf(text, sizeof(text), "<local%u>", slot);
        name = text;
    }
    say(w, name);
}

static bool say_value(struct words *w, struct method *m, u32 source, int detail);

/* What is DEPTH entries below the top before BCI. */
static bool say_entry(struct words *w, struct method *m, u32 bci, u32 depth, int detail)
{
    u16 sources[MOST];
    u16 n = decode_sources(m->cls->vm, m, bci, sources, MOST);
    if (depth >= n || sources[depth] == UNKNOWN || sources[depth] == 0)
        return false;
    return say_value(w, m, sources[depth] - 1u, detail);
}

static bool say_element(struct words *w, struct method *m, u32 bci, int detail)
{
    if (!say_entry(w, m, bci, 1, detail - 1))
        say(w, "<array>");
    say(w, "[");
    if (!say_entry(w, m, bci, 0, detail))
        say(w, "...");
    say(w, "]");
    return true;
}

static bool say_field(struct words *w, struct method *m, u32 bci, bool is_static, int detail)
{
    struct class *c  = m->cls;
    u16           cp = be16(m->bytes + bci + 1);
    if (is_static) {
        say_class(w, cp_name(c, cp_u2(c, cp, 0)));
        say(w, ".");
    } else if (say_entry(w, m, bci, 0, detail - 1)) {
        say(w, ".");
    }
    say(w, cp_member_name(c, cp)->s);
    return true;
}

static bool say_number(struct words *w, i32 k)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", k);
    say(w, text);
    return true;
}

/* The local that a load names, or -1. */
static i64 loaded_local(const u8 *p)
{
    if (*p >= 0x15 && *p <= 0x19)
        return p[1];
    if (*p >= 0x1a && *p <= 0x2d)
        return (*p - 0x1a) % 4;
    return *p == 0xc4 && p[1] >= 0x15 && p[1] <= 0x19 ? be16(p + 2) : -1;
}

/* What the bytecode at BCI pushed, in words of the source. */
static bool say_value(struct words *w, struct method *m, u32 bci, int detail)
{
    const u8 *p = m->bytes + bci;
    if (detail <= 0)
        return false;
    if (loaded_local(p) >= 0) {
        say_local(w, m, bci, (u32)loaded_local(p));
        return true;
    }
    if (*p == 0x01) {
        say(w, "null");
        return true;
    }
    if (*p >= 0x02 && *p <= 0x08)
        return say_number(w, *p - 0x03);
    if (*p == 0x10 || *p == 0x11)
        return say_number(w, *p == 0x10 ? (i8)p[1] : (i16)be16(p + 1));
    if (*p >= 0x2e && *p <= 0x35)
        return say_element(w, m, bci, detail);
    if (*p == 0xb2 || *p == 0xb4)
        return say_field(w, m, bci, *p == 0xb2, detail);
    if (*p >= 0xb6 && *p <= 0xb9) {
        say_method(w, m->cls, be16(p + 1));
        return true;
    }
    return false;
}

static const char *const array_words[8] = {"int",    "long",         "float", "double",
                                           "object", "byte/boolean", "char",  "short"};

/* What was tried at P; how many entries above the null. False: nothing that throws by itself. */
static bool say_failed(struct words *w, struct method *m, const u8 *p, u32 *depth)
{
    struct class *c     = m->cls;
    bool          store = *p >= 0x4f && *p <= 0x56;
    *depth              = 0;
    if (store || (*p >= 0x2e && *p <= 0x35)) {
        say(w, store ? "Cannot store to " : "Cannot load from ");
        say(w, array_words[*p - (store ? 0x4f : 0x2e)]);
        say(w, " array");
        *depth = store ? 2 : 1;
    } else if (*p == 0xbe) {
        say(w, "Cannot read the array length");
    } else if (*p == 0xbf) {
        say(w, "Cannot throw exception");
    } else if (*p == 0xc2 || *p == 0xc3) {
        say(w, *p == 0xc2 ? "Cannot enter synchronized block" : "Cannot exit synchronized block");
    } else if (*p == 0xb4 || *p == 0xb5) {
        say(w, *p == 0xb4 ? "Cannot read field \"" : "Cannot assign field \"");
        say(w, cp_member_name(c, be16(p + 1))->s);
        say(w, "\"");
        *depth = *p == 0xb5;
    } else if (*p == 0xb6 || *p == 0xb7 || *p == 0xb9) {
        u16 cp = be16(p + 1);
        if (cp_member_name(c, cp) == c->vm->n.init)
            return false;
        say(w, "Cannot invoke \"");
        say_method(w, c, cp);
        say(w, "\"");
        for (const char *q = cp_member_desc(c, cp)->s + 1; *q != ')'; q = desc_skip(q))
            (*depth)++;
    } else {
        return false;
    }
    return true;
}

static void say_because(struct words *w, struct method *m, u32 bci, u32 depth)
{
    u16          sources[MOST];
    struct words what = {.n = 0};
    u16          n    = decode_sources(m->cls->vm, m, bci, sources, MOST);
    if (depth >= n || sources[depth] == UNKNOWN || sources[depth] == 0)
        return;
    u8   op      = m->bytes[sources[depth] - 1];
    bool invoked = op >= 0xb6 && op <= 0xb9;
    if (!say_value(&what, m, sources[depth] - 1u, DETAIL))
        return;
    say(w, invoked ? " because the return value of \"" : " because \"");
    say(w, what.text);
    say(w, "\" is null");
}

EXPORT jobject JVM_GetExtendedNPEMessage(jenv t, jobject h)
{
    VM_SCOPE(t);
    struct words   w     = {.n = 0};
    struct object *trace = get_ref(deref(h), t->vm->k.Throwable_backtrace);
    if (!trace || array_length(trace) < 2)
        return NULL;
    struct method *m   = (struct method *)ELEMENT(trace, u64, 0);
    i64            bci = ELEMENT(trace, i64, 1);
    u32            depth;
    if (bci < 0 || bci >= m->code_length || !say_failed(&w, m, m->bytes + bci, &depth))
        return NULL;
    say_because(&w, m, (u32)bci, depth);
    return handle_new(t, string_new(t, w.text));
}

/* java/options.c - reads the options of java's command line that reach the VM. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "java/boot.h"
#include "java/jni.h"

static void add_property(struct options *o, char *text)
{
    o->properties = xrealloc(o->properties, (o->nproperties + 1) * sizeof(*o->properties));
    o->properties[o->nproperties++] = text;
}

/* 512k, 64M, 2g */
static bool read_size(const char *s, u64 *out)
{
    char *end;
    u64   n = strtoull(s, &end, 10);
    if (end == s)
        return false;
    switch (*end | 32) {
    case 'k':
        n = KiB(n);
        end++;
        break;
    case 'm':
        n = MiB(n);
        end++;
        break;
    case 'g':
        n = GiB(n);
        end++;
        break;
    default:
        break;
    }
    if (*end)
        return false;
    *out = n;
    return true;
}

static bool opt_max(struct options *o, const char *rest)
{
    return read_size(rest, &o->heap_max);
}

static bool opt_stack(struct options *o, const char *rest)
{
    return read_size(rest, &o->stack_size);
}

static bool opt_property(struct options *o, const char *rest)
{
    add_property(o, xstrdup(rest));
    return true;
}

static bool opt_assert(struct options *o, const char *rest)
{
    o->assertions = !*rest || o->assertions;
    return true;
}

static bool opt_system_assert(struct options *o, const char *rest)
{
    (void)rest;
    o->system_assertions = true;
    return true;
}

static bool opt_verbose_class(struct options *o, const char *rest)
{
    (void)rest;
    o->verbose_class = true;
    return true;
}

static bool opt_verbose_gc(struct options *o, const char *rest)
{
    (void)rest;
    o->verbose_gc = true;
    return true;
}

static bool opt_no_verify(struct options *o, const char *rest)
{
    (void)rest;
    o->verify = false;
    return true;
}

static bool opt_no_signals(struct options *o, const char *rest)
{
    (void)rest;
    o->no_signals = true;
    return true;
}

static bool opt_ignore(struct options *o, const char *rest)
{
    (void)o, (void)rest;
    return true;
}

/* Options of modules become numbered or plain properties, which the library reads. */
static const struct {
    const char *option, *property;
    bool        numbered;
} module_options[] = {
    {"--add-modules=", "jdk.module.addmods", true},
    {"--add-exports=", "jdk.module.addexports", true},
    {"--add-opens=", "jdk.module.addopens", true},
    {"--add-reads=", "jdk.module.addreads", true},
    {"--patch-module=", "jdk.module.patch", true},
    {"--limit-modules=", "jdk.module.limitmods", false},
    {"--module-path=", "jdk.module.path", false},
    {"--upgrade-module-path=", "jdk.module.upgrade.path", false},
    {"--enable-native-access=", "jdk.module.enable.native.access", true},
    {"--illegal-access=", "jdk.module.illegalAccess", false},
};

static bool module_option(struct options *o, const char *s)
{
    for (unsigned i = 0; i < ARRAY_SIZE(module_options); i++) {
        size_t n = strlen(module_options[i].option);
        if (strncmp(s, module_options[i].option, n) != 0)
            continue;
        if (module_options[i].numbered)
            add_property(o, xasprintf("%s.%u=%s", module_options[i].property,
                                      o->nmodule_options[i % 8]++, s + n));
        else
            add_property(o, xasprintf("%s=%s", module_options[i].property, s + n));
        return true;
    }
    return false;
}

static const struct row {
    const char *option;
    bool (*take)(struct options *, const char *rest);
} rows[] = {
    {"-Xmx", opt_max},
    {"-XX:MaxHeapSize=", opt_max},
    {"-Xss", opt_stack},
    {"-XX:ThreadStackSize=", opt_ignore},
    {"-Xms", opt_ignore},
    {"-Xmn", opt_ignore},
    {"-D", opt_property},
    {"-ea", opt_assert},
    {"-enableassertions", opt_assert},
    {"-esa", opt_system_assert},
    {"-enablesystemassertions", opt_system_assert},
    {"-da", opt_ignore},
    {"-disableassertions", opt_ignore},
    {"-dsa", opt_ignore},
    {"-verbose:class", opt_verbose_class},
    {"-Xlog:class+load", opt_verbose_class},
    {"-verbose:gc", opt_verbose_gc},
    {"-Xlog:gc", opt_verbose_gc},
    {"-verbose:jni", opt_ignore},
    {"-Xint", opt_ignore},
    {"-Xcomp", opt_ignore},
    {"-Xmixed", opt_ignore},
    {"-Xshare:", opt_ignore},
    {"-Xverify:none", opt_no_verify},
    {"-XX:-BytecodeVerificationRemote", opt_no_verify},
    {"-Xverify:", opt_ignore},
    {"-Xrs", opt_no_signals},
    {"-Xbatch", opt_ignore},
    {"-Xlog:", opt_ignore},
    {"-XX:", opt_ignore},
};

static bool take_option(struct options *o, const struct vm_option *in)
{
    const char *s = in->text;
    if (strcmp(s, "vfprintf") == 0) {
        o->print = in->extra;
        return true;
    }
    if (strcmp(s, "exit") == 0) {
        o->exit = in->extra;
        return true;
    }
    if (strcmp(s, "abort") == 0) {
        o->abort = in->extra;
        return true;
    }
    if (module_option(o, s))
        return true;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t n = strlen(rows[i].option);
        if (strncmp(s, rows[i].option, n) == 0)
            return rows[i].take(o, s + n);
    }
    return false;
}

static void add_defaults(struct options *o, const char *home)
{
    static const char *const fixed[] = {
        "java.vm.specification.name=Java Virtual Machine Specification",
        "java.vm.specification.vendor=Oracle Corporation",
        "java.vm.specification.version=17",
        "java.vm.name=guise",
        "java.vm.vendor=guise",
        "java.vm.version=17",
        "java.vm.info=interpreted mode",
        "java.vm.compressedOopsMode=Zero based",
        "jdk.debug=release",
    };
    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++)
        add_property(o, xstrdup(fixed[i]));
    add_property(o, xasprintf("java.home=%s", home));
    add_property(o, xasprintf("sun.boot.library.path=%s/lib", home));
    const char *path = getenv("LD_LIBRARY_PATH");
    add_property(o, xasprintf("java.library.path=%s%s%s", path ? path : "", path ? ":" : "",
                              "/usr/java/packages/lib:/usr/lib/x86_64-linux-gnu/jni:"
                              "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/usr/lib/jni:/lib:"
                              "/usr/lib"));
}

static bool has_property(const struct options *o, const char *name)
{
    size_t n = strlen(name);
    for (u32 i = 0; i < o->nproperties; i++) {
        if (strncmp(o->properties[i], name, n) == 0 && o->properties[i][n] == '=')
            return true;
    }
    return false;
}

int options_parse(struct options *o, const struct vm_args *args, const char *home)
{
    u64 memory    = (u64)sysconf(_SC_PHYS_PAGES) * (u64)sysconf(_SC_PAGESIZE);
    o->heap_max   = MIN(memory / 4, GiB(24));
    o->stack_size = MiB(1);
    o->verify     = true;
    o->arguments  = xalloc(((size_t)args->n + 1) * sizeof(*o->arguments));
    add_defaults(o, home);
    for (i32 i = 0; i < args->n; i++) {
        o->arguments[o->narguments++] = xstrdup(args->options[i].text);
        if (take_option(o, &args->options[i]) || args->ignore_unrecognized)
            continue;
        fprintf(stderr, "Unrecognized option: %s\n", args->options[i].text);
        return JNI_EINVAL;
    }
    if (!has_property(o, "java.class.path"))
        add_property(o, xstrdup("java.class.path="));
    o->heap_max   = MIN(MAX(o->heap_max, MiB(8)), GiB(24));
    o->stack_size = ALIGN_UP(MIN(MAX(o->stack_size, KiB(256)), GiB(1)), 4096ull);
    return 0;
}

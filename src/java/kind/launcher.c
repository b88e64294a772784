/* java/kind/launcher.c - finds the JDK and our VM, and makes java's command line of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "java/kind/kind.h"
#include "vm/spec.h"

/* bin/java of the JDK that JAVA_HOME says, or of Debian's OpenJDK 17. */
static char *find_java(struct err *err)
{
    const char *home = getenv("JAVA_HOME");
    if (home && *home) {
        char *java = xasprintf("%s/bin/java", home);
        if (access(java, X_OK) == 0)
            return java;
        err_set(err, ENOENT, "JAVA_HOME is '%s', where there is no bin/java", home);
        free(java);
        return NULL;
    }
    glob_t found;
    char  *java = NULL;
    if (glob("/usr/lib/jvm/java-17-openjdk-*/bin/java", 0, NULL, &found) == 0)
        java = xstrdup(found.gl_pathv[0]);
    globfree(&found);
    if (!java)
        err_set(err, ENOENT, "no class library: install openjdk-17-jre-headless, or set JAVA_HOME");
    return java;
}

/* The folder of libjvm.so: beside guise, or in ../lib/guise of where it is installed. */
static char *find_vm(struct err *err)
{
    static const char *const places[] = {"", "/..", "/../lib/guise"};
    char                     self[PATH_MAX];
    ssize_t                  n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n > 0) {
        self[n]             = 0;
        *strrchr(self, '/') = 0;
        for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
            cleanup_free char *dir = xasprintf("%s%s", self, places[i]);
            cleanup_free char *lib = xasprintf("%s/libjvm.so", dir);
            if (access(lib, R_OK) == 0)
                return steal_ptr(dir);
        }
    }
    err_set(err, ENOENT, "libjvm.so is neither beside guise nor in ../lib/guise");
    return NULL;
}

int java_command(char *const *words, char ***argv, struct err *err)
{
    cleanup_free char *java = find_java(err);
    cleanup_free char *vm   = java ? find_vm(err) : NULL;
    if (!vm)
        return -ENOENT;
    cleanup_free char *which = xasprintf("-XXaltjvm=%s", vm);
    strings_add(argv, java);
    strings_add(argv, which);
    for (; *words; words++)
        strings_add(argv, *words);
    return 0;
}

int java_become(char *const *words, struct err *err)
{
    char **argv = NULL;
    int    rc   = java_command(words, &argv, err);
    if (!rc) {
        execv(argv[0], argv);
        rc = err_errno(err, errno, "run '%s'", argv[0]);
    }
    strings_free(argv);
    return rc;
}

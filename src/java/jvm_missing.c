/* java/jvm_missing.c - JVM_ functions that OpenJDK's libraries want to find, and that this VM does
 * not have yet: they say so by an exception, once called. Thread
 * suspension, java.lang.management and rare questions of constant pools stand behind them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/jni.h"
#include "java/jni_fns.h"

static void refuse(const char *name)
{
    struct thread *t = thread_current();
    if (!t)
        return;
    VM_SCOPE(t);
    throw_new(t, "java/lang/UnsupportedOperationException", "%s is not supported by this VM", name);
}

#define MISSING(name)                                                                              \
    EXPORT void *name(void)                                                                        \
    {                                                                                              \
        refuse(#name);                                                                             \
        return NULL;                                                                               \
    }

MISSING(JVM_ConstantPoolGetClassAtIfLoaded)
MISSING(JVM_ConstantPoolGetClassRefIndexAt)
MISSING(JVM_ConstantPoolGetFieldAt)
MISSING(JVM_ConstantPoolGetFieldAtIfLoaded)
MISSING(JVM_ConstantPoolGetMemberRefInfoAt)
MISSING(JVM_ConstantPoolGetMethodAt)
MISSING(JVM_ConstantPoolGetMethodAtIfLoaded)
MISSING(JVM_ConstantPoolGetNameAndTypeRefIndexAt)
MISSING(JVM_ConstantPoolGetNameAndTypeRefInfoAt)
MISSING(JVM_DumpClassListToFile)
MISSING(JVM_DumpDynamicArchive)
MISSING(JVM_GetManagement)
MISSING(JVM_ResumeThread)
MISSING(JVM_StopThread)
MISSING(JVM_SuspendThread)

/* java/jvm_missing.c - JVM_ functions that OpenJDK's libraries want to find, and that this VM does
 * not have yet: they say so by an exception, once called. The verifier of old class files
 * (libverify), thread suspension, and java.lang.management stand behind them. */
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
MISSING(JVM_GetCPClassNameUTF)
MISSING(JVM_GetCPFieldClassNameUTF)
MISSING(JVM_GetCPFieldModifiers)
MISSING(JVM_GetCPFieldSignatureUTF)
MISSING(JVM_GetCPMethodClassNameUTF)
MISSING(JVM_GetCPMethodModifiers)
MISSING(JVM_GetCPMethodNameUTF)
MISSING(JVM_GetCPMethodSignatureUTF)
MISSING(JVM_GetClassCPEntriesCount)
MISSING(JVM_GetClassCPTypes)
MISSING(JVM_GetClassFieldsCount)
MISSING(JVM_GetClassMethodsCount)
MISSING(JVM_GetClassNameUTF)
MISSING(JVM_GetFieldIxModifiers)
MISSING(JVM_GetManagement)
MISSING(JVM_GetMethodIxArgsSize)
MISSING(JVM_GetMethodIxByteCode)
MISSING(JVM_GetMethodIxByteCodeLength)
MISSING(JVM_GetMethodIxExceptionIndexes)
MISSING(JVM_GetMethodIxExceptionTableEntry)
MISSING(JVM_GetMethodIxExceptionTableLength)
MISSING(JVM_GetMethodIxExceptionsCount)
MISSING(JVM_GetMethodIxLocalsCount)
MISSING(JVM_GetMethodIxMaxStack)
MISSING(JVM_GetMethodIxModifiers)
MISSING(JVM_GetMethodIxNameUTF)
MISSING(JVM_GetMethodIxSignatureUTF)
MISSING(JVM_IsConstructorIx)
MISSING(JVM_IsSameClassPackage)
MISSING(JVM_IsVMGeneratedMethodIx)
MISSING(JVM_ReleaseUTF)
MISSING(JVM_ResumeThread)
MISSING(JVM_StopThread)
MISSING(JVM_SuspendThread)

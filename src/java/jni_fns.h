/* java/jni_fns.h - JNI's functions that others of them call. The rest has no prototype: they are
 * reached by the table of jni_table.c only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_JNI_FNS_H
#define JAVA_JNI_FNS_H

#include "java/jni.h"

#pragma GCC diagnostic ignored "-Wmissing-prototypes"

jobject      jni_AllocObject(jenv, jobject c);
jobject      jni_NewLocalRef(jenv, jobject h);
void         jni_DeleteGlobalRef(jenv, jobject h);
const jchar *jni_GetStringChars(jenv, jobject h, jboolean *is_copy);
void         jni_ReleaseStringChars(jenv, jobject h, const jchar *);

#endif

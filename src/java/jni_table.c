/* java/jni_table.c - the table of JNI's functions, in jni.def's order, behind four empty rows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/jni.h"

/* Only their addresses matter here; each is defined with its own type. */
#define FN(name) extern void jni_##name(void);
#define EACH_PRIMITIVE(X, a, b)                                                                    \
    X(a##Boolean##b)                                                                               \
    X(a##Byte##b)                                                                                  \
    X(a##Char##b) X(a##Short##b) X(a##Int##b) X(a##Long##b) X(a##Float##b) X(a##Double##b)
#define THREE(name)  FN(name) FN(name##V) FN(name##A)
#define CALLS(a, b)  THREE(a##Object##b) EACH_PRIMITIVE(THREE, a, b) THREE(a##Void##b)
#define FIELDS(a, b) FN(a##Object##b) EACH_PRIMITIVE(FN, a, b)
#define ARRAYS(a, b) EACH_PRIMITIVE(FN, a, b)
#include "java/jni.def"
#undef FN
#define FN(name) (const void *)jni_##name,

const void *const *jni_table(void)
{
    static const void *const rows[] = {
        NULL,
        NULL,
        NULL,
        NULL,
#include "java/jni.def"
    };
    _Static_assert(ARRAY_SIZE(rows) == 234, "JNI has 234 rows");
    return rows;
}

/* java/options.h - the options of a VM, as JNI_CreateJavaVM gets them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_OPTIONS_H
#define JAVA_OPTIONS_H

#include "base/types.h"

struct vm_option {
    char *text;
    void *extra;
};

struct vm_args {
    i32                     version, n;
    const struct vm_option *options;
    u8                      ignore_unrecognized;
};

#endif

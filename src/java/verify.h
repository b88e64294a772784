/* java/verify.h - bytecode that was not compiled by a friend: JVMS 4.10. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_VERIFY_H
#define JAVA_VERIFY_H

#include "java/class.h"

/* False with VerifyError pending. */
bool class_verify(struct thread *, struct class *);

#endif

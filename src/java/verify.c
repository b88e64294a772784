/* java/verify.c - see verify.h. What keeps the interpreter's registers in bounds is checked by
 * decode.c; the types of values are not verified yet. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/verify.h"

bool class_verify(struct thread *t, struct class *c)
{
    (void)t, (void)c;
    return true;
}

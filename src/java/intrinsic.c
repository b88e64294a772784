/* java/intrinsic.c - methods of the library that are one operation of the interpreter. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/quick.h"

static const struct {
    const char *cls, *name, *desc;
    u8          op;
} intrinsics[] = {
    {"java/lang/Math", "sqrt", "(D)D", OP_DSQRT},
    {"java/lang/StrictMath", "sqrt", "(D)D", OP_DSQRT},
    {"java/lang/Math", "abs", "(D)D", OP_DABS},
    {"java/lang/Math", "abs", "(I)I", OP_IABS},
    {"java/lang/Math", "min", "(II)I", OP_IMIN},
    {"java/lang/Math", "max", "(II)I", OP_IMAX},
};

enum op intrinsic_of(const struct method *m, enum op otherwise)
{
    if (m->cls->loader != &m->cls->vm->boot)
        return otherwise;
    for (unsigned i = 0; i < ARRAY_SIZE(intrinsics); i++) {
        if (symbol_is(m->name, intrinsics[i].name) && symbol_is(m->desc, intrinsics[i].desc) &&
            symbol_is(m->cls->name, intrinsics[i].cls))
            return (enum op)intrinsics[i].op;
    }
    return otherwise;
}

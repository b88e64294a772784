/* java/constant.c - the values of constants: what ldc loads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "java/vm.h"

#include "java/jni.h"

bool constant_load(struct thread *t, struct class *from, u16 cp, union value *out, enum type *type)
{
    union value   v = {.raw = 0};
    struct class *c;
    *type = T_REF;
    switch (from->tags[cp]) {
    case CP_INT:
    case CP_FLOAT:
        *type = from->tags[cp] == CP_INT ? T_INT : T_FLOAT;
        v.u   = cp_u4(from, cp);
        break;
    case CP_LONG:
    case CP_DOUBLE:
        *type = from->tags[cp] == CP_LONG ? T_LONG : T_DOUBLE;
        v.raw = cp_u8(from, cp);
        break;
    case CP_STRING:
        v.o = resolve_string(t, from, cp);
        break;
    case CP_CLASS:
        c   = resolve_class(t, from, cp);
        v.o = c ? c->mirror : NULL;
        break;
    case CP_METHOD_TYPE:
        v.o = mh_method_type(t, from, cp);
        break;
    case CP_METHOD_HANDLE:
        v.o = mh_constant(t, from, cp);
        break;
    case CP_DYNAMIC:
        *type = desc_type(cp_member_desc(from, cp)->s[0]);
        v.o   = dynamic_constant(t, from, cp);
        if (!t->exception && *type != T_REF)
            unbox(t, v.o, *type, &v);
        break;
    default:
        throw_new(t, "java/lang/InternalError", "a constant of tag %d", from->tags[cp]);
        break;
    }
    *out = v;
    return !t->exception;
}

/* java/quick.h - what the interpreter leaves to C functions. Each answers false with an exception
 * pending. The quick_ ones resolve an instruction, rewrite it, and say which piece of the
 * interpreter goes on; the instruction keeps its slow piece while a class is being initialized,
 * as other threads have to wait for that. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_QUICK_H
#define JAVA_QUICK_H

#include "java/code.h"
#include "java/vm.h"

const void *quick_ldc(struct thread *, struct frame *, const struct insn *);
const void *quick_field(struct thread *, struct frame *, const struct insn *, bool is_static,
                        bool put);
const void *quick_new(struct thread *, struct frame *, const struct insn *);
const void *quick_newarray(struct thread *, struct frame *, const struct insn *);
const void *quick_cast(struct thread *, struct frame *, const struct insn *, bool test);
const void *quick_call(struct thread *, struct frame *, const struct insn *, u8 bytecode);
const void *quick_dynamic(struct thread *, struct frame *, const struct insn *);

struct object *multi_array(struct thread *, struct frame *, const struct insn *);
struct object *multi_array_of(struct thread *, struct class *, unsigned n, const i32 *lengths);
struct object *new_array(struct thread *, struct class *, i32 length);
union value    volatile_get(struct object *, u32 offset, u32 type);
void           volatile_put(struct object *, u32 offset, u32 type, union value);
union value    static_get(const struct field *);
void           static_put(const struct field *, union value);
struct method *link_target(struct thread *, struct frame *, struct call_site *);
struct method *basic_target(struct vm *, struct object *handle);
bool           frame_lock(struct thread *, struct frame *);
bool           frame_unlock(struct thread *, struct frame *);
bool           method_prepare(struct thread *, struct method *);
bool           register_finalizer(struct thread *, struct object *);
void           throw_cast(struct thread *, struct object *, struct class *);
void           throw_store(struct thread *, struct object *array, struct object *value);
void           throw_abstract(struct thread *, struct frame *);
void           throw_index(struct thread *, struct object *array, i32 index);
union value    jni_call(struct thread *, struct method *, union value *args);

/* The instruction in F that handles the pending exception, or NULL. */
const struct insn *find_handler(struct thread *, struct frame *);

/* intrinsic.c: the operation that does what a static method does, or OTHERWISE. */
enum op intrinsic_of(const struct method *, enum op otherwise);

static inline struct method *itable_find(struct class *c, struct method *of)
{
    struct imethod *rows = __atomic_load_n(&c->itable, __ATOMIC_ACQUIRE);
    if (unlikely(!rows))
        return NULL;
    u64 mask = ITABLE_MASK(rows), i = ITABLE_HASH(of) & mask;
    for (;; i = (i + 1) & mask) {
        struct method *m = __atomic_load_n(&rows[i].of, __ATOMIC_ACQUIRE);
        if (likely(m == of))
            return rows[i].is;
        if (!m)
            return NULL;
    }
}

#endif

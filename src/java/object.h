/* java/object.h - what a Java object looks like in memory.
 *
 * Two words of 32 bits, then fields; an array's length stands at 8, its elements start at 16.
 * The heap lies in the lowest 32 GB of the address space, so that a reference in a field is the
 * address divided by 8; classes and methods lie in the lowest 2 GB, so that a pointer to one fits
 * 32 bits as it is. In registers, arguments and C variables references are plain pointers: the
 * collector takes what looks like one on a thread's stacks for one, and does not move it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_OBJECT_H
#define JAVA_OBJECT_H

#include "base/types.h"

struct class;
struct thread;
struct vm;

struct object {
    u32 klass; /* struct class *, in the low 2 GB */
    u32 lock;  /* see monitor.c */
};

struct array {
    struct object head;
    i32           length;
    u32           unused;
    u8            data[];
};

enum { ARRAY_BASE = 16, OBJECT_ALIGN = 8 };

typedef u32 ref; /* a reference in the heap; 0 is null */

/* The basic types, by the numbers of newarray (JVMS 6.5); REF is any class or array. */
enum type {
    T_NONE    = 0,
    T_BOOLEAN = 4,
    T_CHAR    = 5,
    T_FLOAT   = 6,
    T_DOUBLE  = 7,
    T_BYTE    = 8,
    T_SHORT   = 9,
    T_INT     = 10,
    T_LONG    = 11,
    T_REF     = 12,
    T_VOID    = 14,
};

/* A register of a Java frame, an argument, a result. An int leaves the upper half undefined. */
union value {
    i32            i;
    u32            u;
    i64            j;
    float          f;
    double         d;
    struct object *o;
    u64            raw;
};

static inline struct class *class_of(const struct object *o)
{
    return (struct class *)(u64)o->klass;
}

static inline struct object *ref_object(ref r)
{
    return (struct object *)((u64)r << 3);
}

static inline ref object_ref(const struct object *o)
{
    return (ref)((u64)o >> 3);
}

#define AT(o, T, off) (*(T *)((u8 *)(o) + (off)))

static inline struct object *get_ref(const struct object *o, u32 off)
{
    return ref_object(AT(o, ref, off));
}

static inline void put_ref(struct object *o, u32 off, struct object *v)
{
    AT(o, ref, off) = object_ref(v);
}

static inline i32 array_length(const struct object *a)
{
    return ((const struct array *)a)->length;
}

#define ELEMENT(a, T, i) AT(a, T, ARRAY_BASE + (u64)(u32)(i) * sizeof(T))

static inline struct object *element_ref(const struct object *a, i32 i)
{
    return ref_object(ELEMENT(a, ref, i));
}

static inline void set_element_ref(struct object *a, i32 i, struct object *v)
{
    ELEMENT(a, ref, i) = object_ref(v);
}

#endif

/* java/code.h - what the interpreter runs: bytecode turned into instructions over registers.
 *
 * A frame's registers are the method's locals, then its operand stack's slots (which, as their
 * depth is known at each place, need no stack pointer), then two to shuffle with. An instruction
 * names registers, so that iload, iload, iadd, istore become one. GO is the address of its piece
 * of the interpreter. What is not resolved yet has an instruction that looks into the bytecode,
 * resolves, writes the second half of the instruction, then its GO, and starts over. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_CODE_H
#define JAVA_CODE_H

#include "java/class.h"

struct insn {
    const void *go;
    u16         a, b;
    union {
        struct {
            u16 c, d;
        };
        i32 imm;
        u32 ptr; /* into the arena */
    };
};

struct code_handler {
    u16 start, end, type;
    u32 target; /* an instruction */
};

struct code {
    struct method       *method;
    u32                  n, nhandlers;
    struct insn         *insns;
    u16                 *bci; /* of each instruction */
    struct code_handler *handlers;
};

/* One place that calls. The callee's frame gets its arguments from the caller's registers. */
struct call_site {
    struct method  *method;
    u32             vindex;
    u16             nargs, dest; /* slots; where the result goes */
    struct object **appendix;    /* the last argument of a linked dynamic call, or NULL */
    u16             args[];
};

/* The cases of tableswitch and lookupswitch, sorted; TARGETS are relative to the instruction. */
struct switch_table {
    i32 low, n, otherwise;
    i32 data[]; /* table: N targets; lookup: N keys, then N targets */
};

struct frame {
    struct frame      *prev;
    struct method     *method; /* NULL: a frame between C and Java */
    const struct insn *pc;     /* the call or what may throw, when the frame is not on top */
    struct object     *lock;   /* of a synchronized method, once it is held */
    union value        regs[];
};

/* decode.c: false with an exception pending. */
bool code_decode(struct thread *, struct method *);

/* interp.c */
enum op {
#define OP(name, ...) OP_##name,
#include "java/op.def"
#undef OP
    OPS
};
const void *const *interp_labels(void);
void               interp_run(struct thread *, struct frame *, const struct insn *);

/* frame.c */
int frame_bci(const struct frame *);

#endif

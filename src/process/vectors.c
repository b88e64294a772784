/* process/vectors.c - the vector registers as Linux shows them: in signal frames, and by prctl.
 *
 * As there, a thread's frames have them from its first vector instruction on (Linux turns the unit
 * on at that one), in the extension records behind the floating-point state. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "process/calls.h"

/* --- signal frames: arch/riscv's uapi/asm/sigcontext.h and ptrace.h --- */

#define MAGIC 0x53465457u

struct record {
    u32 magic, size; /* of the record and what belongs to it; both 0: no more */
};

struct state {
    u64 vstart, vl, vtype, vcsr, vlenb;
    gva data;
};

static u64 data_bytes(const struct thread *t)
{
    return 32 * (t->program->options.vlen / 8);
}

static u32 record_bytes(const struct thread *t)
{
    return (u32)(sizeof(struct record) + sizeof(struct state) + data_bytes(t));
}

/* What follows the first record, and the last one. */
u64 vectors_frame(const struct thread *t)
{
    return rv64_vectors_used(t->v) ? record_bytes(t) : 0;
}

/* RECORD is to be put into the frame that ends at AT, where room for the rest is. */
int vectors_save(struct thread *t, gva at, u8 record[8])
{
    struct rv64_vectors v;
    struct record       first = {MAGIC, record_bytes(t)}, last = {0};
    if (!rv64_vectors_used(t->v))
        return 0;
    rv64_get_vectors(t->v, &v);
    struct state s = {v.vstart, v.vl, v.vtype, v.vcsr, v.vlenb, at + sizeof(s)};
    memcpy(record, &first, sizeof(first));
    int rc = user_write(t, at, &s, sizeof(s));
    if (!rc)
        rc = user_write(t, s.data, v.v, data_bytes(t));
    return rc ? rc : user_write(t, s.data + data_bytes(t), &last, sizeof(last));
}

int vectors_restore(struct thread *t, gva at, const u8 record[8])
{
    struct rv64_vectors v = {0};
    struct record       r;
    struct state        s;
    memcpy(&r, record, sizeof(r));
    if (!r.magic)
        return r.size ? -EINVAL : 0;
    if (r.magic != MAGIC || !rv64_vectors_used(t->v) || r.size != record_bytes(t))
        return -EINVAL;
    if (user_read(t, &s, at, sizeof(s)) || user_read(t, v.v, s.data, data_bytes(t)) ||
        user_read(t, &r, at + sizeof(s) + data_bytes(t), sizeof(r)))
        return -EFAULT;
    if (r.magic || r.size)
        return -EINVAL;
    v.vstart = s.vstart;
    v.vl     = s.vl;
    v.vtype  = s.vtype;
    v.vcsr   = s.vcsr;
    rv64_set_vectors(t->v, &v);
    return 0;
}

/* --- prctl: Documentation/arch/riscv/vector.rst --- */

enum { DEFAULT, OFF, ON, INHERIT = 1 << 4, ALL = 31 };

static u32 now_of(u32 control)
{
    return control & 3;
}

static u32 next_of(u32 control)
{
    return control >> 2 & 3;
}

/* A new program's, which was executed by one of CONTROL. */
u32 vectors_after_exec(u32 control)
{
    u32 now = next_of(control) == DEFAULT ? ON : next_of(control);
    return control & INHERIT ? (control & ~3u) | now : now;
}

bool vectors_allowed(const struct thread *t)
{
    return t->program->options.vlen && now_of(t->vector_control) == ON;
}

void vectors_start(struct thread *t, u32 control)
{
    t->vector_control = control;
    rv64_allow_vectors(t->v, now_of(control) == ON);
}

long vectors_get_control(const struct thread *t)
{
    return t->program->options.vlen ? (long)t->vector_control : -EINVAL;
}

long vectors_set_control(struct thread *t, u64 control)
{
    u32 now = now_of((u32)control);
    if (!t->program->options.vlen || control & ~(u64)ALL || now == 3 || next_of((u32)control) == 3)
        return -EINVAL;
    if (now == DEFAULT)
        now = now_of(t->vector_control);
    if (now == OFF && vectors_allowed(t))
        return -EPERM;
    vectors_start(t, ((u32)control & ~3u) | now);
    return 0;
}

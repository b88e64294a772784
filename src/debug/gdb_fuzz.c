/* debug/gdb_fuzz.c - whatever a debugger may send: framed packets, raw bytes, stops between. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "debug/gdb_session.h"

static void nothing(UNUSED void *ctx)
{
}

static void go(UNUSED void *ctx, int cpu)
{
    assert(cpu >= -1 && cpu < 3);
}

static void step(UNUSED void *ctx, unsigned cpu, struct gdb_stop *out)
{
    assert(cpu < 3);
    out->signal = 5;
}

static int get(UNUSED void *ctx, unsigned cpu, unsigned reg, u64 *val)
{
    assert(cpu < 3);
    *val = reg;
    return reg < 100 ? 0 : -ENOENT;
}

static int set(UNUSED void *ctx, unsigned cpu, UNUSED unsigned reg, UNUSED u64 val)
{
    assert(cpu < 3);
    return 0;
}

static int get_memory(UNUSED void *ctx, UNUSED unsigned cpu, gva addr, void *dst, u64 len)
{
    memset(dst, (int)addr, len);
    return addr >> 40 ? -EFAULT : 0;
}

static int set_memory(UNUSED void *ctx, UNUSED unsigned cpu, gva addr, const void *src, u64 len)
{
    u8 sum = 0;
    for (u64 i = 0; i < len; i++)
        sum = (u8)(sum + ((const u8 *)src)[i]);
    return addr >> 40 || sum == 77 ? -EFAULT : 0;
}

static void points(UNUSED void *ctx, const struct gdb_point *p, unsigned n)
{
    assert(n <= GDB_POINTS_MAX);
    for (unsigned i = 0; i < n; i++)
        assert(p[i].kind <= GDB_WATCH_ACCESS);
}

static void monitor(UNUSED void *ctx, const char *command, char *out, size_t room)
{
    strncpy(out, command, room - 1);
}

static void take(UNUSED void *ctx, const void *data, size_t len)
{
    assert(len <= GDB_PACKET + 4);
    u8 sum = 0;
    for (size_t i = 0; i < len; i++)
        sum = (u8)(sum + ((const u8 *)data)[i]);
    *(volatile u8 *)&sum = sum;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const struct gdb_target target = {3,          nothing,    go,     step,    get,    set,
                                             get_memory, set_memory, points, monitor, nothing};
    struct gdb_session            *s      = malloc(sizeof(*s));
    if (!s)
        return 0;
    session_begin(s, &target, NULL, take, NULL);
    session_input(s, data, size);
    /* The same again as packets, a line each, with the right sums. */
    s->gone = false;
    session_input(s, "#00", 3);
    for (size_t at = 0; at < size;) {
        const u8 *end = memchr(data + at, '\n', size - at);
        size_t    len = end ? (size_t)(end - data) - at : size - at;
        char      tail[3];
        u8        sum = 0;
        for (size_t i = 0; i < len; i++)
            sum = (u8)(sum + data[at + i]);
        tail[0] = '#';
        tail[1] = "0123456789abcdef"[sum >> 4];
        tail[2] = "0123456789abcdef"[sum & 15];
        session_input(s, "$", 1);
        session_input(s, data + at, len);
        session_input(s, tail, 3);
        if (s->running)
            session_stopped(s, &(struct gdb_stop){.cpu = sum % 3, .signal = 5});
        at += len + 1;
    }
    session_end(s);
    free(s);
    return 0;
}

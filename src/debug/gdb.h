/* debug/gdb.h - lets a debugger in: gdb's remote protocol over TCP or a unix socket.
 *
 * The stub knows no machine: it works by the hooks of a gdb_target. All of it runs on the loop
 * thread, but gdb_stopped, which any thread may call. One debugger at a time; while one is
 * there, the machine runs only when it says so. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEBUG_GDB_H
#define DEBUG_GDB_H

#include "base/err.h"
#include "base/loop.h"

enum { GDB_CPUS_MAX = 64, GDB_POINTS_MAX = 64 };

/* As in the packets Z0 to Z4; the hard and the soft breakpoint are one to us. */
enum gdb_point_kind { GDB_BREAK = 0, GDB_WATCH_WRITE = 2, GDB_WATCH_READ, GDB_WATCH_ACCESS };

struct gdb_point {
    enum gdb_point_kind kind;
    gva                 addr;
    u64                 len; /* of what is watched */
};

struct gdb_stop {
    unsigned            cpu;
    int                 signal;   /* 5: a breakpoint or step; 2: asked to */
    bool                is_watch; /* then kind and addr tell which */
    enum gdb_point_kind kind;
    gva                 addr;
};

/* Registers are numbered as gdb numbers those of RISC-V: x0.. 0, pc 32, f0.. 33, CSR n 65 + n,
 * the mode 4161. But for go and monitor, hooks are only called while all cpus stand still. */
struct gdb_target {
    unsigned n_cpus;
    void (*halt)(void *ctx);        /* when it returns, all cpus stand still */
    void (*go)(void *ctx, int cpu); /* it runs, or all of them (-1), until halt */
    /* Lets CPU alone run one instruction. */
    void (*step)(void *ctx, unsigned cpu, struct gdb_stop *out);
    int (*get)(void *ctx, unsigned cpu, unsigned reg, u64 *val); /* 0 or -errno */
    int (*set)(void *ctx, unsigned cpu, unsigned reg, u64 val);
    int (*read)(void *ctx, unsigned cpu, gva addr, void *dst, u64 len); /* all, or -EFAULT */
    int (*write)(void *ctx, unsigned cpu, gva addr, const void *src, u64 len);
    void (*points)(void *ctx, const struct gdb_point *, unsigned n); /* replaces all */
    /* "monitor COMMAND": its answer, lines of text. */
    void (*monitor)(void *ctx, const char *command, char *out, size_t room);
    void (*kill)(void *ctx);
};

struct gdb;

/* Listens at WHERE: a port of 127.0.0.1 ("0": any), or "unix:PATH". TARGET must outlive it. */
int  gdb_create(struct gdb **out, struct loop *, const char *where, const struct gdb_target *,
                void *ctx, struct err *err);
void gdb_destroy(struct gdb *); /* NULL is fine; drops the debugger, wakes nothing up */

unsigned gdb_port(const struct gdb *);    /* 0: a unix socket */
void    *gdb_context(const struct gdb *); /* CTX as it was given */

/* A cpu met a breakpoint, watchpoint or the like, and stands still. Any thread. */
void gdb_stopped(struct gdb *, const struct gdb_stop *);

#endif

/* vm/console.h - where a machine prints and reads: a ring that `logs` and `attach` share.
 *
 * Output may come from any thread (a UART's write); it goes to a ring, to the log file of the
 * instance, and to whoever is attached. Input comes on the loop thread and is handed to the one
 * listener that the kind registered, as much as it has room for; the rest waits. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VM_CONSOLE_H
#define VM_CONSOLE_H

#include "base/err.h"

struct console;
struct loop;

void console_write(struct console *, const void *data, size_t len); /* any thread; never blocks */

/* The device behind the console. All hooks run on the loop thread, no console lock held. */
struct console_port {
    size_t (*input)(void *ctx, const u8 *data, size_t len);     /* returns how many bytes it took */
    void (*resize)(void *ctx, unsigned columns, unsigned rows); /* may be NULL */
    void *ctx;
};
void console_connect(struct console *, const struct console_port *); /* the loop thread */
void console_ready(struct console *); /* any thread: input() took less than given, has room now */

/* Somebody who reads along: called with every piece of output, on the thread that prints, no
 * console lock held. NULL: nobody. Set while no machine runs. */
typedef void console_spy(void *ctx, const void *data, size_t len);
void         console_watch(struct console *, console_spy *, void *ctx);

/* ---- the monitor's side: the loop thread only ---- */

/* FOLDER gets console.log, console.times (when each piece came: 16 bytes, the offset in the log
 * and the wall-clock time in ns) and, once 16 MiB are full, their predecessors with ".1". */
int  console_create(struct console **out, struct loop *, const char *folder, struct err *err);
void console_destroy(struct console *); /* NULL is fine; writes what is left to the log */

/* Somebody who is attached: where in the output he is. Who falls behind the ring is caught up
 * from the log; what the log has lost too is counted. Fill notify and ctx, keep the rest zero. */
struct console_reader {
    void (*notify)(void *ctx); /* there is output to read, or room for input again */
    void                  *ctx;
    u64                    pos, dropped;
    struct console_reader *next;
};
void   console_join(struct console *, struct console_reader *,
                    bool replay);                                /* replay: from the start */
void   console_leave(struct console *, struct console_reader *); /* fine when not joined */
size_t console_read(struct console *, struct console_reader *, void *buf, size_t len);
size_t console_input(struct console *, const void *data, size_t len); /* how many bytes it took */
void   console_sync(struct console *); /* all output is in the log; nobody listens any more */
void   console_resize(struct console *, unsigned columns, unsigned rows);

#endif

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

void console_write(struct console *, const void *data, size_t len); /* any thread; never blocks */

/* The device behind the console. All hooks run on the loop thread, no console lock held. */
struct console_port {
    size_t (*input)(void *ctx, const u8 *data, size_t len); /* returns how many bytes it took */
    void (*resize)(void *ctx, unsigned columns, unsigned rows); /* may be NULL */
    void *ctx;
};
void console_connect(struct console *, const struct console_port *); /* the loop thread */
void console_ready(struct console *); /* any thread: input() took less than given, has room now */

#endif

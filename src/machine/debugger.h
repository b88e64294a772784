/* machine/debugger.h - a debugger's hold on a machine (--gdb, --gdb-wait). Loop thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MACHINE_DEBUGGER_H
#define MACHINE_DEBUGGER_H

#include "machine/state.h"

int  debugger_start(struct machine *, struct err *err); /* as the spec's gdb asks */
void debugger_stop(struct machine *);

/* The machine's life allows its harts to run, or wants them parked; they run when the debugger,
 * if there is one, wants it too. */
void debugger_allow(struct machine *, bool run);

#endif

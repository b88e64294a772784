/* java/signals.h - host signals that Java code handles (jdk.internal.misc.Signal). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_SIGNALS_H
#define JAVA_SIGNALS_H

#include "java/vm.h"

/* HANDLER 0: default, 1: ignore, 2: Java. What was there before; -1: not possible. */
i64  signal_register(int number, i64 handler);
bool signals_start(struct thread *); /* the thread that hands signals on to Java */

#endif

/* machine/machine.h - the kind `machine`: an ISA, a board, buses and devices; boots a system. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include "vm/kind.h"

extern const struct kind machine_kind;

#endif

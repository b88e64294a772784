/* cli/kinds.c - the kinds that this guise knows: the only file that names them all. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "container/kind.h"
#include "java/kind/kind.h"
#include "machine/machine.h"
#include "process/kind.h"

const struct kind *const kinds[] = {
    &machine_kind, &process_kind, &container_kind, &java_kind, NULL,
};

/* control/names.h - friendly names for those who gave none: "calm-otter". */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_NAMES_H
#define CONTROL_NAMES_H

#include "base/types.h"

char *names_make(u64 seed); /* the caller frees */

#endif

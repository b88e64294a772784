/* process/kind.h - the kind `process`, and the command guise-user that it runs programs with. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESS_KIND_H
#define PROCESS_KIND_H

#include "vm/kind.h"

extern const struct kind process_kind;

int guise_user_main(int argc, char **argv); /* what is called guise-user does this */

#endif

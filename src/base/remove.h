/* base/remove.h - a folder and all that is in it, gone. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_REMOVE_H
#define BASE_REMOVE_H

#include "base/types.h"

/* NAME inside DIR_FD, whatever it is; links are not followed, other file systems not entered.
 * What is not there is fine. *bytes (NULL: nobody asks) grows by what the disk has got back.
 * Returns -errno of the first that could not go; the others are gone. */
int remove_tree(int dir_fd, const char *name, u64 *bytes);

#endif

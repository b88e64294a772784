/* control/echo.h - a kind for tests: a machine whose only device is its console.
 *
 * Its workload is a text whose first line is "#!echo"; the other lines are done at the start,
 * later those that are typed: "exit N", "print TEXT", "flood N" (bytes), "rows N" (of stats),
 * "stubborn" (does not hear stop), "count" (says how many lines it has done), "crash"; anything
 * else is said back. Nobody names it in guise, so it is not linked there. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_ECHO_H
#define CONTROL_ECHO_H

#include "vm/kind.h"

extern const struct kind echo_kind;

#endif

/* cli/explain.h - --explain: what each kind says of a workload. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include "cli/command.h"

/* Runs nothing. The exit status is the one that run would fail with, or 0. */
int explain(struct command *, bool json);

#endif

/* cli/help.h - what the table of verbs becomes for people and shells. All return 0. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

int help_all(FILE *);
int help_verb(const struct verb *, FILE *);
int help_man(FILE *);  /* man.c: guise.1, mdoc */
int help_bash(FILE *); /* complete.c */
int help_zsh(FILE *);

/* "-d, --detach" or "    --name NAME" */
void help_option(const struct option_row *, char *out, size_t room);

#endif

/* cli/template.h - what --format takes: the part of docker's Go templates that people type.
 *
 * Text with {{.Key}}, {{.Key.Inner}}, {{json .Key}}, {{json .}}; keys in any case; \t, \n and \\
 * outside of braces. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TEMPLATE_H
#define CLI_TEMPLATE_H

#include "base/json.h"

/* Strings and numbers as they are, true and false, all else as JSON. -EINVAL: TEMPLATE is none,
 * or names what VALUE has not. The caller frees OUT. */
int template_expand(char **out, const char *template, const cJSON *value, struct err *err);

/* The head of a table: ID for {{.ID}}, EXIT STATUS for {{.ExitStatus}}. */
int template_head(char **out, const char *template, struct err *err);

#endif

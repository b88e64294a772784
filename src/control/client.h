/* control/client.h - the other end of the control socket: what commands use. Blocking. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLIENT_H
#define CONTROL_CLIENT_H

#include "base/json.h"

/* -ECONNREFUSED or -ENOENT: there is no monitor. Returns the descriptor. */
int client_open(const char *dir, struct err *err);

/* Sends {"verb":VERB, ...ARGS}; ARGS may be NULL and stays the caller's. Waits TIMEOUT_MS for
 * the answer, -1: for ever; -ETIMEDOUT, or -EPIPE when the monitor is gone. A refusal is told as
 * the monitor told it. ANSWER may be NULL. */
int client_request(int fd, const char *verb, const cJSON *args, int timeout_ms, cJSON **answer,
                   struct err *err);

/* Connects for one request. */
int client_ask(const char *dir, const char *verb, const cJSON *args, int timeout_ms, cJSON **answer,
               struct err *err);

#endif

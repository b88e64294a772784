/* control/server.h - the control socket of a monitor and whoever is connected.
 *
 * A client speaks lines of JSON (docs/protocol.md) until it asks to attach; from then on frames
 * (control/frame.h). What a client sends is bounded; what it does not read is not sent: it never
 * holds up the machine. The loop's thread only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_SERVER_H
#define CONTROL_SERVER_H

#include "base/json.h"
#include "control/monitor.h"

#define LINE_LONGEST 65536u

struct client;

int  server_create(struct server **out, struct monitor *, struct err *err);
void server_destroy(struct server *); /* NULL is fine */

/* The machine has ended: tells everybody, then stops the loop. */
void server_finish(struct server *);

/* For requests: what is to happen with this client once its answer is out. */
void client_attach(struct client *, bool replay);
void client_wait(struct client *);

/* control/requests.c: one line, LEN bytes without its newline; returns the answer as a line to
 * be freed, or NULL: there will be one later. *bad: not a request, close the connection. */
char *request_answer(struct monitor *, struct client *, const char *line, size_t len, bool *bad);

#endif

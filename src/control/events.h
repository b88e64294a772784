/* control/events.h - what happened to whom: lines of JSON in ROOT/events.
 *
 * {"time":"2026-01-31T12:00:00.000Z","id":"...","name":"...","event":"start"}; a "die" has its
 * "status" too. At 1 MiB the file becomes events.1 and a new one begins. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_EVENTS_H
#define CONTROL_EVENTS_H

#include "base/err.h"

/* STATUS below 0: none. Best effort: what cannot be written is not told. Any process. */
void events_append(const char *root, const char *id, const char *name, const char *event,
                   int status);

/* ISO 8601, UTC, milliseconds: for people and programs alike. ROOM of 40 is enough. */
void time_text(u64 wall_ns, char *out, size_t room);

#endif

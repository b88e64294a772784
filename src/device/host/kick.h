/* device/host/kick.h - "please look, on the loop thread": a call that may be asked for from any
 * thread and often, and happens once for all that asked before it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_HOST_KICK_H
#define DEVICE_HOST_KICK_H

#include "base/loop.h"

struct kick;

struct kick *kick_create(struct loop *, post_fn *fn, void *ctx);
void         kick(struct kick *);         /* any thread */
void         kick_destroy(struct kick *); /* loop thread; fn is not called any more; NULL is fine */

#endif

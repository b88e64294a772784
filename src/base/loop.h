/* base/loop.h - the event loop of a monitor: descriptors, timers, calls from other threads.
 *
 * All callbacks run on the thread that is in loop_run. Only loop_post and loop_stop may be
 * called from other threads; everything else is the loop thread's (or before loop_run). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <sys/epoll.h>

#include "base/err.h"

struct loop;
struct watch; /* one watched descriptor; owned by the loop until loop_unwatch */

typedef void watch_fn(void *ctx, int fd, u32 events); /* events: EPOLLIN, EPOLLOUT, EPOLLHUP ... */
typedef void post_fn(void *ctx);

int  loop_create(struct loop **out, struct err *err);
void loop_destroy(struct loop *); /* NULL is fine; closes no descriptor of the caller's */

/* Watches FD; the caller keeps owning it, and must unwatch before closing it. */
int  loop_watch(struct loop *, int fd, u32 events, watch_fn *fn, void *ctx, struct watch **out,
                struct err *err);
void loop_rewatch(struct watch *, u32 events); /* 0: keep it, but hear nothing */
void loop_unwatch(struct watch *);             /* NULL is fine; also from its own callback */

/* Calls fn(ctx) once on the loop thread, soon, in the order posted. Any thread. */
void loop_post(struct loop *, post_fn *fn, void *ctx);

/* Drops every call that was posted and has not begun: whoever posted is gone. Loop thread, or
 * outside loop_run. */
void loop_forget(struct loop *);

bool loop_is_here(const struct loop *);    /* is this the thread inside loop_run? */
int  loop_run(struct loop *);              /* until loop_stop; returns its status */
void loop_stop(struct loop *, int status); /* any thread */

#endif

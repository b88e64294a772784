/* java/frames.h - walking Java frames. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_FRAMES_H
#define JAVA_FRAMES_H

#include "java/code.h"

struct frame *frame_next(struct frame *); /* this one, or the next that has a method */
struct frame *frame_caller(struct thread *, struct frame *); /* without reflection's own */

/* stack_trace.c: fills a java.lang.StackTraceElement. */
bool trace_element(struct thread *, struct object *element, struct method *, int bci);

#endif

/* java/thread_dump.h - where all threads are. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAVA_THREAD_DUMP_H
#define JAVA_THREAD_DUMP_H

struct thread;

void threads_dump(struct thread *self); /* on stdout, with the world stopped */

#endif

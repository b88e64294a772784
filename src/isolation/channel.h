/* isolation/channel.h - what a runtime and the process that it made tell each other.
 *
 * A socket pair of whole messages: a word, a number, a line of text, at most one descriptor.
 * Both ends are close-on-exec: an end of file after success means that the program runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ISOLATION_CHANNEL_H
#define ISOLATION_CHANNEL_H

#include "base/err.h"

#define CHANNEL_TEXT 512

struct message {
    u32  what; /* the user's own words; 0 is never sent */
    i32  number;
    int  fd; /* -1: none */
    char text[CHANNEL_TEXT];
};

int channel_create(int ends[2], struct err *err);
int channel_send(int fd, u32 what, i32 number, const char *text, int passed_fd);

/* 1: a message; 0: the other end is gone; -errno. */
int channel_receive(int fd, struct message *out);

/* One descriptor to somebody who waits at a socket's path, with a text (never empty). */
int channel_hand_over(const char *path, const char *text, int passed_fd, struct err *err);

/* The other side of it: the descriptor that comes over the connection FD, or -errno. */
int channel_take_fd(int fd);

#endif

/* cli/session.h - a terminal (or pipes) connected to a machine's console. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "base/err.h"

#define KEYS_MAX 8

struct keys { /* typed one after the other they detach */
    u8       bytes[KEYS_MAX];
    unsigned count;
};
#define KEYS_DEFAULT                                                                               \
    {                                                                                              \
        {0x10, 0x11}, 2                                                                            \
    } /* ctrl-p, ctrl-q */

struct session {
    int         fd;  /* attached (control/client.h): frames from now on */
    const char *dir; /* of the instance, for requests beside it */
    const char *name;
    bool        input;          /* stdin goes to the machine */
    bool        tty;            /* raw terminal, detach keys, its size */
    bool        stop_on_hangup; /* whoever started it ends it; else it is only left alone */
    struct keys keys;
};

enum ending { ENDED, DETACHED, LOST, HUNG_UP };

struct outcome {
    enum ending how;
    int         status; /* ENDED: the machine's; HUNG_UP: 128 + the signal */
    char        why[160];
    char       *stats; /* JSON; the caller frees; NULL: none */
};

/* Until the machine ends or the user goes. The terminal is as before afterwards, whatever
 * happens, and also when this process is told to end. */
void session_run(const struct session *, struct outcome *out);

/* Connects to the instance, then asks it to start (VERB "start") or go on ("resume"), or nothing
 * (NULL), with the terminal's size told first. Returns the descriptor. */
int session_open(const char *dir, const char *verb, bool replay, struct err *err);

/* Runs the session and says how it ended; the exit status. */
int session_finish(const struct session *, const char *id);

/* The foreground of whoever made the instance: opens, runs, finishes. The exit status; negative:
 * it could not be opened. */
struct command;
struct home;
int session_of_own(struct command *, const struct home *, const struct keys *, const char *verb,
                   struct err *err);

/* terminal.c: the user's terminal in raw mode. Restored at exit, too. */
bool terminal_raw(void);
void terminal_restore(void);
bool terminal_size(unsigned *columns, unsigned *rows);

#endif

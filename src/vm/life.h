/* vm/life.h - the life cycle, the same for every kind: a table of what may follow what.
 *
 * One life of one monitor: a machine that has stopped starts again in a new monitor. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VM_LIFE_H
#define VM_LIFE_H

#include "base/err.h"

enum life { LIFE_NONE, LIFE_CREATED, LIFE_RUNNING, LIFE_PAUSED, LIFE_STOPPED };
enum life_verb {
    LIFE_CREATE,
    LIFE_LOAD, /* after create, instead of start */
    LIFE_START,
    LIFE_PAUSE,
    LIFE_RESUME,
    LIFE_SAVE,
    LIFE_STOP,
    LIFE_KILL,
    LIFE_EXIT,
    LIFE_DESTROY
};

const char *life_name(enum life);                           /* "created", "running", ... */
bool        life_by_name(const char *name, enum life *out); /* false: no such name */

/* May VERB be applied in state FROM? Fills *to; else -EBUSY and says what would be needed. */
int life_next(enum life from, enum life_verb verb, enum life *to, struct err *err);

#endif

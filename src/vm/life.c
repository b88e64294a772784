/* vm/life.c - the whole life cycle. What is not a row is refused with -EBUSY. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/life.h"

#include <stdio.h>
#include <string.h>

static const struct {
    enum life      from;
    enum life_verb verb;
    enum life      to;
} rules[] = {
    {LIFE_NONE, LIFE_CREATE, LIFE_CREATED},   {LIFE_CREATED, LIFE_LOAD, LIFE_PAUSED},
    {LIFE_CREATED, LIFE_START, LIFE_RUNNING}, {LIFE_RUNNING, LIFE_PAUSE, LIFE_PAUSED},
    {LIFE_PAUSED, LIFE_RESUME, LIFE_RUNNING}, {LIFE_PAUSED, LIFE_SAVE, LIFE_PAUSED},
    {LIFE_RUNNING, LIFE_STOP, LIFE_RUNNING}, /* a request: the machine ends when it ends */
    {LIFE_RUNNING, LIFE_KILL, LIFE_RUNNING},  {LIFE_PAUSED, LIFE_KILL, LIFE_PAUSED},
    {LIFE_CREATED, LIFE_EXIT, LIFE_STOPPED},  {LIFE_RUNNING, LIFE_EXIT, LIFE_STOPPED},
    {LIFE_PAUSED, LIFE_EXIT, LIFE_STOPPED},   {LIFE_CREATED, LIFE_DESTROY, LIFE_NONE},
    {LIFE_PAUSED, LIFE_DESTROY, LIFE_NONE},   {LIFE_STOPPED, LIFE_DESTROY, LIFE_NONE},
};

static const char *const names[] = {
    [LIFE_NONE] = "none",     [LIFE_CREATED] = "created", [LIFE_RUNNING] = "running",
    [LIFE_PAUSED] = "paused", [LIFE_STOPPED] = "stopped",
};

static const char *const verbs[] = {
    [LIFE_CREATE] = "create",  [LIFE_LOAD] = "load",     [LIFE_START] = "start",
    [LIFE_PAUSE] = "pause",    [LIFE_RESUME] = "resume", [LIFE_SAVE] = "save",
    [LIFE_STOP] = "stop",      [LIFE_KILL] = "kill",     [LIFE_EXIT] = "end",
    [LIFE_DESTROY] = "remove",
};

const char *life_name(enum life life)
{
    return names[life];
}

bool life_by_name(const char *name, enum life *out)
{
    for (unsigned i = 0; name && i < ARRAY_SIZE(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum life)i;
            return true;
        }
    }
    return false;
}

/* "running or paused": the states from which VERB may be applied. */
static void needed(enum life_verb verb, char *text, size_t room)
{
    size_t len = 0;
    text[0]    = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
        if (rules[i].verb == verb && len < room)
            len += (size_t)snprintf(text + len, room - len, "%s%s", len ? " or " : "",
                                    names[rules[i].from]);
    }
}

int life_next(enum life from, enum life_verb verb, enum life *to, struct err *err)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
        if (rules[i].from == from && rules[i].verb == verb) {
            *to = rules[i].to;
            return 0;
        }
    }
    char states[64];
    needed(verb, states, sizeof(states));
    return err_set(err, EBUSY, "cannot %s: it is %s, not %s", verbs[verb], names[from], states);
}

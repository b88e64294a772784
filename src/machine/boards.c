/* machine/boards.c - the boards there are. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "machine/board.h"
#include "vm/spec.h"

static const struct board *const boards[] = {
    &board_virt,
#ifdef __x86_64__
    &board_pc,
#endif
};

static bool has_engine(const struct board *b, const char *engine)
{
    for (const char *const *e = b->engines; *e; e++)
        if (!strcmp(*e, engine))
            return true;
    return false;
}

static int by_name(const struct board **out, const char *name, struct err *err)
{
    char   known[80] = "";
    size_t n         = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(boards); i++) {
        *out = boards[i];
        if (!strcmp(boards[i]->name, name))
            return 0;
        n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", boards[i]->name);
    }
    return err_set(err, EINVAL, "no board '%s'; there is: %s", name, known);
}

int board_find(const struct board **out, const struct spec *spec, struct err *err)
{
    if (spec->machine) {
        int rc = by_name(out, spec->machine, err);
        if (!rc && spec->engine && !has_engine(*out, spec->engine))
            rc = err_set(err, EINVAL, "the board '%s' has no engine '%s'", spec->machine,
                         spec->engine);
        return rc;
    }
    *out = boards[0];
    for (unsigned i = 0; spec->engine && i < ARRAY_SIZE(boards); i++)
        if (has_engine(boards[i], spec->engine))
            *out = boards[i];
    return 0;
}

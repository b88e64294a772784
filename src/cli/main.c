/* cli/main.c - the command `guise`. All of it is in libcli, so that tests can have it too. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/command.h"
#include "process/kind.h"

int main(int argc, char **argv)
{
    /* A program of the kind `process` runs another: by ourselves again. */
    if (argc > 0 && strcmp(argv[0], "guise-user") == 0)
        return guise_user_main(argc, argv);
    return command_main(argc, argv);
}

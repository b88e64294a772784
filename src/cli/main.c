/* cli/main.c - the command `guise`. All of it is in libcli, so that tests can have it too. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

int main(int argc, char **argv)
{
    return command_main(argc, argv);
}

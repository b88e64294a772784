/* process/main.c - the program guise-user. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "process/kind.h"

int main(int argc, char **argv)
{
    return guise_user_main(argc, argv);
}

/* cli/terminal.c - the user's terminal: raw while a session lasts, restored on every way out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/session.h"

static struct termios before;
static bool           is_raw;

void terminal_restore(void)
{
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    is_raw = false;
}

bool terminal_raw(void)
{
    static bool registered;
    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return false;
    if (!registered && atexit(terminal_restore) != 0)
        return false;
    registered         = true;
    struct termios raw = before;
    cfmakeraw(&raw);
    is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
    return is_raw;
}

bool terminal_size(unsigned *columns, unsigned *rows)
{
    struct winsize size;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
        return false;
    *columns = size.ws_col;
    *rows    = size.ws_row;
    return true;
}

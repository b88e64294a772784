/* bench/bare/port.c - CoreMark on a machine with nothing on it.
 *
 * Whoever runs the machine measures how long it takes, so the clock here always stands at the
 * ten seconds that CoreMark wants to have run for. Of what it prints only the verdict is
 * listened to, and becomes the exit status. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "coremark.h"

volatile ee_s32 seed1_volatile = 0;
volatile ee_s32 seed2_volatile = 0;
volatile ee_s32 seed3_volatile = 0x66;
volatile ee_s32 seed4_volatile = ITERATIONS;
volatile ee_s32 seed5_volatile = 0;
ee_u32          default_num_contexts = 1;

static int validated;

int bare_result(void);

int bare_result(void)
{
    return validated ? 0 : 1;
}

static int starts_with(const char *text, const char *start)
{
    while (*start)
        if (*text++ != *start++)
            return 0;
    return 1;
}

int ee_printf(const char *format, ...)
{
    if (starts_with(format, "Correct operation validated"))
        validated = 1;
    return 0;
}

void start_time(void)
{
}

void stop_time(void)
{
}

CORE_TICKS get_time(void)
{
    return 10;
}

secs_ret time_in_secs(CORE_TICKS ticks)
{
    return ticks;
}

void portable_init(core_portable *p, int *argc, char *argv[])
{
    (void)p;
    (void)argc;
    (void)argv;
}

void portable_fini(core_portable *p)
{
    (void)p;
}

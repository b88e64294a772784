/* java/os.c - the host's clocks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "java/vm.h"
#include "vm/clock.h"

/* Waits are timed against it, so that it is the host's monotonic clock itself. */
i64 os_nanos(void)
{
    return (i64)clock_host_monotonic();
}

i64 os_millis(void)
{
    return (i64)(clock_host_wall() / 1000000);
}

/* timing/flash_fuzz.c - any bytes as the description of a drive of flash: served from, or refused.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "timing/flash.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    struct params     *p;
    struct flash      *f;
    cleanup_free char *text = xstrndup((const char *)data, len);
    if (params_parse(&p, text, "fuzz", NULL))
        return 0;
    int rc = flash_create(&f, p, 1 << 20, NULL);
    params_free(p);
    if (rc)
        return 0;
    double now = 0;
    u64    all = flash_bytes(f);
    for (u32 i = 0; i < 200 && all; i++) {
        struct flash_times t;
        u64                off = (u64)i * 40961 % all;
        flash_serve(f, now, (enum flash_op)(i % 7 % 4), off, MIN(all - off, 512ull * (i % 50)), &t);
        if (!(t.end >= now && isfinite(t.end)))
            __builtin_trap();
        now += i % 3;
    }
    flash_destroy(f);
    return 0;
}

/* container/config_fuzz.c - any bytes as a bundle's config.json: read, checked, its seccomp
 * profile compiled. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "container/check.h"
#include "container/config.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct config *c   = NULL;
    struct err     err = {0};
    if (config_parse(&c, (const char *)data, size, &err))
        return 0;
    struct seccomp_filter filter = {0};
    if (config_check(c, &err) == 0 && c->os.seccomp &&
        seccomp_compile(c->os.seccomp, &filter, &err) == 0)
        seccomp_done(&filter);
    config_destroy(c);
    return 0;
}

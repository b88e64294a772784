/* device/host/qcow2.c - qcow2. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "device/host/image.h"

int image_qcow2_open(struct image **out, const char *path, const struct image_how *how,
                     struct err *err)
{
    (void)out;
    (void)how;
    return err_set(err, ENOTSUP, "disk '%s': qcow2 is not there yet", path);
}

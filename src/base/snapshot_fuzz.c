/* base/snapshot_fuzz.c - any bytes as a snapshot file: opened or refused, never a crash.
 *
 * The first byte chooses: even, the rest is the file as it stands; odd, the rest becomes the
 * contents of one good section, so that the readers are reached behind the checksums. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/snapshot.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

struct thing {
    u32 a;
    u64 b;
};
static const struct field fields[] = {FIELD(struct thing, a), FIELD(struct thing, b), FIELDS_END};

static void read_all(const char *path)
{
    struct snap *s;
    struct thing t;
    static u8    ram[16384];
    if (snap_open(&s, path, NULL))
        return;
    if (snap_find(s, "fields"))
        snap_get_fields(s, fields, &t);
    if (snap_find(s, "ram"))
        snap_get_ram(s, ram, sizeof(ram));
    free(snap_get_str(s));
    snap_get_u64(s);
    snap_close(s);
}

static void good_file(const char *path, const u8 *data, size_t len)
{
    struct snap *s;
    if (snap_create(&s, path, NULL))
        return;
    snap_begin(s, len & 1 ? "fields" : "ram");
    snap_put(s, data, len);
    snap_end(s);
    snap_commit(s, NULL);
    snap_close(s);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    char path[64];
    if (len == 0)
        return 0;
    if (data[0] & 1) {
        snprintf(path, sizeof(path), "/dev/shm/guise-fuzz.%d", getpid());
        good_file(path, data + 1, len - 1);
        read_all(path);
        unlink(path);
        return 0;
    }
    cleanup_fd int fd = memfd_create("snap", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data + 1, len - 1) < 0)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    read_all(path);
    return 0;
}

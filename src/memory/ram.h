/* memory/ram.h - guest RAM: ranges of guest physical addresses over host memory.
 *
 * The only code that turns a guest address into a host pointer. Everything the guest can say
 * is a lie until one of these calls has checked it. Ranges are added before the machine runs;
 * after that all calls are safe from any thread (the bytes themselves are the guest's, and
 * race as its program races). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MEMORY_RAM_H
#define MEMORY_RAM_H

#include "base/err.h"
#include "base/snapshot.h"

enum { RAM_RO = 1, RAM_SHARED = 2 };
enum { RAM_RANGES_MAX = 16, RAM_WATCHES_MAX = 8 };

struct ram_range {
    gpa      base;
    u64      len; /* bytes, a multiple of 4096 */
    u8      *host;
    int      fd; /* of the memory, -1 if it has none */
    unsigned flags;
};

/* Others hear of two things: the map changed (KVM), code was overwritten (translators).
 * wrote is called by whoever writes through ram_write or says so by ram_dirtied. */
struct ram_watch {
    void (*mapped)(void *ctx, const struct ram_range *, bool present);
    void (*wrote)(void *ctx, gpa start, u64 len);
    void *ctx;
};

struct ram; /* created empty */

int  ram_create(struct ram **out, struct err *err);
void ram_destroy(struct ram *); /* NULL is fine */

/* LEN bytes of zeroes at BASE. -EINVAL unaligned or wrapping, -EEXIST overlap, -ENOMEM. */
int ram_add(struct ram *, gpa base, u64 len, unsigned flags, struct err *err);

int ram_read(const struct ram *, gpa addr, void *dst, u64 len); /* 0 or -EFAULT; all or nothing */
int ram_write(struct ram *, gpa addr, const void *src, u64 len);

/* LEN bytes at ADDR, whole pages, are those of the file FD from OFFSET on: read when the guest
 * comes to them, its own once it writes there. The file's last page is filled up with zeroes.
 * -EFAULT: not inside one range of private memory. Before the machine runs. */
int ram_map(struct ram *, gpa addr, u64 len, int fd, u64 offset, struct err *err);

void *ram_borrow(struct ram *, gpa addr, u64 len, bool write); /* NULL unless inside one range */

/* Bytes there were changed through a borrowed pointer. */
void ram_dirtied(struct ram *, gpa addr, u64 len);

const struct ram_range *ram_range_at(const struct ram *, gpa addr); /* NULL: no RAM there */
unsigned                ram_count(const struct ram *);
const struct ram_range *ram_range(const struct ram *, unsigned n);

void ram_subscribe(struct ram *, const struct ram_watch *); /* before the machine runs */

/* Gives LEN bytes back to the host; they read as zero afterwards. 0 or -EFAULT. */
int ram_discard(struct ram *, gpa addr, u64 len);

void ram_save(const struct ram *, struct snap *);
int  ram_load(struct ram *, struct snap *, struct err *err); /* ranges must be those saved */

#endif

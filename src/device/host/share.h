/* device/host/share.h - a folder of the host, served by 9P2000.L messages.
 *
 * No path leaves the folder: the client names one component at a time, it is looked up with
 * openat2 beneath a descriptor that we hold, symlinks are never followed here (the guest reads
 * and follows them itself), and only regular files and folders are ever opened. One thread at a
 * time. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DEVICE_HOST_SHARE_H
#define DEVICE_HOST_SHARE_H

#include "base/err.h"
#include "base/snapshot.h"

enum { SHARE_MSIZE_MAX = 512 * 1024, SHARE_FIDS_MAX = 65536 };

struct share;

int  share_open(struct share **out, const char *dir, bool read_only, struct err *err);
void share_close(struct share *); /* NULL is fine */
void share_reset(struct share *); /* forgets all fids */

/* Answers one message. REPLY has SHARE_MSIZE_MAX bytes, of which ROOM may be used. Returns the
 * length of the answer; 0: the request was no message at all. */
u32 share_answer(struct share *, const u8 *request, u32 len, u8 *reply, u32 room);

/* Fids go by their names in the folder; what is gone when they come back is stale. */
void share_save(struct share *, struct snap *);
int  share_load(struct share *, struct snap *, struct err *err);

#endif
